//! Bodies of requests: the bounds on their time, and on the bytes that are held at once.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Door;

/// How many bytes of each body do not count against the common bound, so that small requests, the usual ones, are
/// answered while other clients send large ones.
const FREE: usize = 16 * 1024;

/// A request's body. It records whether all of it was read.
#[derive(Debug)]
pub(crate) struct Body {
    inner: Incoming,
    whole: Arc<AtomicBool>,
}

impl Body {
    pub(crate) fn new(inner: Incoming) -> (Self, Arc<AtomicBool>) {
        let whole = Arc::new(AtomicBool::new(inner.is_end_stream()));
        (Self { inner, whole: Arc::clone(&whole) }, whole)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        if frame.is_none() || this.inner.is_end_stream() {
            this.whole.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The body is larger than it may be.
    TooLarge,
    /// The framing of the body breaks the rules of HTTP, or the client has left.
    Broken,
    /// The body takes too long.
    Slow,
    /// The bodies under way hold too many bytes.
    Full,
}

/// A body, and the part of the common bound that it takes.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// The whole body, if it is not larger than `limit` bytes.
pub(crate) async fn read(body: &mut Body, limit: usize, door: &Door) -> Result<Held, Unread> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Unread::TooLarge);
    }
    tokio::time::timeout(door.limits.body, collect(body, limit, &door.bodies)).await.unwrap_or(Err(Unread::Slow))
}

async fn collect(body: &mut Body, limit: usize, bodies: &Arc<Semaphore>) -> Result<Held, Unread> {
    let mut bytes = BytesMut::new();
    let mut room = None::<OwnedSemaphorePermit>;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        let size = bytes.len() + data.len();
        if size > limit {
            return Err(Unread::TooLarge);
        }
        let held = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if let Some(more) =
            size.checked_sub(FREE + held).and_then(|more| u32::try_from(more).ok()).filter(|more| *more > 0)
        {
            let permit = Arc::clone(bodies).try_acquire_many_owned(more).map_err(|_| Unread::Full)?;
            match &mut room {
                Some(room) => room.merge(permit),
                None => room = Some(permit),
            }
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Held { bytes: bytes.freeze(), room })
}

/// Reads the rest of a refused body if it is short, so that the connection can be kept.
pub(crate) async fn discard(body: &mut Body, door: &Door) {
    if body.size_hint().upper().is_none_or(|size| size > FREE as u64) {
        return;
    }
    let discarded = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(door.limits.body, discarded).await;
}
