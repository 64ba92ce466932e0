//! The Runtime API that function processes poll ("Using the Lambda runtime API for custom runtimes").

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Body as _;
use serde::Deserialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::Instant,
};
use tokio_util::task::TaskTracker;

use super::{
    Inner,
    function::{Job, Next},
    lock,
    process::{self, Current, Process},
};
use crate::{
    config::ClientLimits,
    event, ids,
    invoke::InvokeError,
    listener::{self, Body, Door, rules::is_stranger},
    refusal::Answer,
};

/// The largest answer of a function, in bytes ("Lambda quotas": 6 MB each for request and response).
const RESPONSE_LIMIT: usize = 6 * 1024 * 1024;

/// The bounds on processes. A process may keep its connection for as long as it wants.
pub(super) fn door() -> Door {
    Door::new(&ClientLimits { idle: Duration::from_hours(10_000), ..ClientLimits::default() })
}

pub(super) async fn serve(inner: Arc<Inner>, listener: TcpListener) {
    // A shutdown does not wait for these tasks: when a process is killed, its connections end.
    let (stopping, tasks) = (inner.stopping.clone(), TaskTracker::new());
    let serving = move |stream, peer| connection(Arc::clone(&inner), stream, peer);
    listener::accept(listener, stopping, tasks, serving).await;
}

/// How long a connection may last after the shutdown has begun. The connections of processes end at once, because
/// processes are killed; this bound is for other clients.
const LAST_CALLS: Duration = Duration::from_secs(1);

async fn connection(inner: Arc<Inner>, stream: TcpStream, peer: SocketAddr) {
    let shared = Arc::clone(&inner);
    let respond = move |request| {
        let inner = Arc::clone(&shared);
        async move { respond(&inner, request).await }
    };
    tokio::select! {
        () = listener::serve(stream, peer, &inner.stopping, &inner.door, respond) => {}
        () = inner.stopping.cancelled().then(|()| tokio::time::sleep(LAST_CALLS)) => {}
    }
}

async fn respond(inner: &Arc<Inner>, request: Request<Body>) -> Answer {
    if is_stranger(request.headers(), request.uri()) {
        return status(StatusCode::FORBIDDEN);
    }
    let path = request.uri().path().to_owned();
    let mut segments = path.trim_start_matches('/').split('/');
    let Some(process) = segments.next().and_then(|secret| inner.process(secret)) else {
        return status(StatusCode::FORBIDDEN);
    };
    if segments.next() != Some("2018-06-01") || segments.next() != Some("runtime") {
        return status(StatusCode::NOT_FOUND);
    }
    let call = (segments.next(), segments.next(), segments.next(), segments.next());
    match (request.method(), call) {
        (&Method::GET, (Some("invocation"), Some("next"), None, None)) => next(inner, &process).await,
        (&Method::POST, (Some("invocation"), Some(id), Some("response"), None)) => {
            response(&process, id, request).await
        }
        (&Method::POST, (Some("invocation"), Some(id), Some("error"), None)) => error(&process, id, request).await,
        (&Method::POST, (Some("init"), Some("error"), None, None)) => init_error(&process, request).await,
        _ => status(StatusCode::NOT_FOUND),
    }
}

async fn next(inner: &Arc<Inner>, process: &Arc<Process>) -> Answer {
    let is_old = process.started.elapsed() >= inner.lifetime;
    let job = match process.function.next(process.place, is_old) {
        Some(Next::Now(job)) => Some(job),
        Some(Next::Later(job)) => {
            let mut poll = Poll { inner, process, job };
            (&mut poll.job).await.ok()
        }
        None => None,
    };
    if let Some(job) = job {
        return begin(process, job);
    }
    // The call gets no answer: an answer without an invocation would make the process report an error before it ends.
    process.kill.notify_one();
    std::future::pending().await
}

/// A process that waits for an invocation. If it ends just when it is given one, the invocation goes to another
/// process, because the function has not received it.
struct Poll<'a> {
    inner: &'a Arc<Inner>,
    process: &'a Arc<Process>,
    job: oneshot::Receiver<Job>,
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        self.job.close();
        let Ok(job) = self.job.try_recv() else {
            return;
        };
        // If it is refused, the job is dropped, and its caller gets the error of a process that has ended.
        if let Ok(Some(place)) = self.process.function.dispatch(job) {
            process::start(self.inner, &self.process.function, place);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the deadline is sent to another process in wall-clock time")]
fn begin(process: &Process, job: Job) -> Answer {
    let limit = process.function.spec.timeout;
    let request_id = ids::invocation();
    let deadline_ms = event::epoch_ms(SystemTime::now() + limit);
    let mut answer = Response::new(Full::new(job.payload));
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(deadline_ms));
    for (name, value) in [
        ("lambda-runtime-aws-request-id", &request_id),
        ("lambda-runtime-invoked-function-arn", &process.function.arn),
        ("lambda-runtime-trace-id", &ids::trace(deadline_ms / 1000)),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    process.begin(Current { request_id, deadline: Instant::now() + limit, reply: job.reply });
    answer
}

async fn response(process: &Process, request_id: &str, request: Request<Body>) -> Answer {
    let body = read(request.into_body(), RESPONSE_LIMIT).await;
    let Some(current) = process.take(request_id) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let (code, result) = match body {
        Ok(body) => (StatusCode::ACCEPTED, Ok(body)),
        Err(Unread::TooLarge(size)) => {
            let message = format!(
                "Response payload size ({size} bytes) exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            );
            let kind = "Function.ResponseSizeTooLarge".to_owned();
            (StatusCode::PAYLOAD_TOO_LARGE, Err(InvokeError::Function { kind, message }))
        }
        Err(Unread::Broken) => (StatusCode::BAD_REQUEST, Err(process::exit_error("the response was incomplete"))),
    };
    reply(process, current, result);
    status(code)
}

async fn error(process: &Process, request_id: &str, request: Request<Body>) -> Answer {
    let failure = failure(request).await;
    let Some(current) = process.take(request_id) else {
        return status(StatusCode::BAD_REQUEST);
    };
    reply(process, current, Err(failure));
    status(StatusCode::ACCEPTED)
}

fn reply(process: &Process, current: Current, result: Result<Bytes, InvokeError>) {
    process.function.answered(process.place);
    let _ = current.reply.send(result);
}

async fn init_error(process: &Process, request: Request<Body>) -> Answer {
    *lock(&process.init_error) = Some(failure(request).await);
    process.kill.notify_one();
    status(StatusCode::ACCEPTED)
}

/// The error that a function reports. A report that can't be read is an error as well.
async fn failure(request: Request<Body>) -> InvokeError {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Report {
        error_type: String,
        error_message: String,
    }
    let header = request.headers().get("lambda-runtime-function-error-type");
    let header = header.and_then(|value| value.to_str().ok()).unwrap_or("Unhandled").to_owned();
    let body = read(request.into_body(), RESPONSE_LIMIT).await.unwrap_or_default();
    let report = serde_json::from_slice::<Report>(&body).unwrap_or_default();
    let kind = if report.error_type.is_empty() { header } else { report.error_type };
    InvokeError::Function { kind, message: report.error_message }
}

enum Unread {
    TooLarge(usize),
    Broken,
}

/// Reads a whole body, but keeps no more than `limit` bytes of it. It reads to the end because a client that is still
/// writing would not receive an early answer.
async fn read(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut first = None::<Bytes>;
    let mut kept = BytesMut::new();
    let mut size = 0usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        size = size.saturating_add(data.len());
        if size > limit {
            kept = BytesMut::new();
            first = None;
        } else if size == data.len() && size == expected {
            // Usually the answer comes in one piece, which need not be copied.
            first = Some(data);
        } else {
            kept.extend_from_slice(&data);
        }
    }
    if size > limit {
        return Err(Unread::TooLarge(size));
    }
    Ok(first.unwrap_or_else(|| kept.freeze()))
}

fn status(code: StatusCode) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}")));
    if !code.is_success() {
        *answer.body_mut() = Full::default();
    }
    *answer.status_mut() = code;
    answer
}
