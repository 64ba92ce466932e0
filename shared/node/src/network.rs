//! The network of a run: its connections, and the fetch and the download that are under way.

use std::{
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rollcall_machine::{
    ConnectFailure, DisconnectReason, Downloaded, FetchError, LinkEvent, LinkId, Target, Timing, Transport,
};

use crate::{
    connect::Endpoint,
    download::{check, download},
    fetch::Fetch,
    link::Link,
    tap::{Tap, Traffic},
};

/// Work that is under way, and the version that it is for.
type Underway<V, T> = Option<(V, Pin<Box<dyn Future<Output = T> + Send>>)>;

/// Something that happened on the network.
#[derive(Debug)]
pub(crate) enum Happened {
    Link(LinkId, LinkEvent),
    Fetched(u64, Result<String, FetchError>),
    Downloaded(String, Downloaded),
}

/// Begins what the driver asks for. [`poll`](Self::poll) goes on with it.
pub(crate) struct Network {
    endpoint: Endpoint,
    fetch: Box<dyn Fetch>,
    /// Where firmware images are downloaded to.
    images: Option<PathBuf>,
    close_timeout: Duration,
    /// How long a download may receive nothing.
    silence: Duration,
    tap: Option<Tap>,
    links: Vec<Link>,
    fetching: Underway<u64, Result<String, FetchError>>,
    downloading: Underway<String, Downloaded>,
}

impl Network {
    pub(crate) fn new(
        endpoint: Endpoint,
        fetch: Box<dyn Fetch>,
        images: Option<PathBuf>,
        timing: &Timing,
        tap: Option<Tap>,
    ) -> Self {
        Self {
            endpoint,
            fetch,
            images,
            close_timeout: timing.close_timeout,
            silence: timing.fetch_timeout,
            tap,
            links: Vec::new(),
            fetching: None,
            downloading: None,
        }
    }

    /// Whether a connection is open, or is being opened or closed.
    pub(crate) fn is_connected(&self) -> bool {
        !self.links.is_empty()
    }

    /// The next event; pending until there is one. Connections come first.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        for index in 0..self.links.len() {
            let link = &mut self.links[index];
            if let Poll::Ready(event) = link.poll(cx) {
                let id = link.id;
                if event == LinkEvent::Gone {
                    self.links.remove(index);
                }
                self.tell(id, &event);
                return Poll::Ready(Happened::Link(id, event));
            }
        }
        if let Poll::Ready((version, outcome)) = poll_underway(&mut self.fetching, cx) {
            return Poll::Ready(Happened::Fetched(version, outcome));
        }
        poll_underway(&mut self.downloading, cx).map(|(version, outcome)| Happened::Downloaded(version, outcome))
    }

    fn tell(&self, link: LinkId, event: &LinkEvent) {
        let (Some(tap), link) = (&self.tap, link.number()) else { return };
        tap(match event {
            LinkEvent::Opened => Traffic::Opened { link },
            LinkEvent::Failed(ConnectFailure::Refused { status, .. }) => Traffic::Refused { link, status: *status },
            LinkEvent::Text(text) => Traffic::Received { link, text },
            LinkEvent::Ended(DisconnectReason::Closed { code, .. }) => Traffic::Ended { link, code: *code },
            LinkEvent::Ended(_) => Traffic::Ended { link, code: None },
            LinkEvent::Failed(ConnectFailure::Unreachable { .. }) | LinkEvent::Heard | LinkEvent::Gone => return,
        });
    }

    /// The node has ended the connection itself.
    fn gone(&self, link: LinkId) {
        if let Some(tap) = &self.tap {
            tap(Traffic::Ended { link: link.number(), code: None });
        }
    }

    fn with(&mut self, link: LinkId, act: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.iter_mut().find(|other| other.id == link) {
            act(link);
        }
    }
}

impl Transport for Network {
    fn open(&mut self, link: LinkId) {
        self.links.push(Link::new(link, self.endpoint.connect(), self.close_timeout));
    }

    fn send(&mut self, link: LinkId, text: String) {
        if let Some(tap) = &self.tap {
            tap(Traffic::Sent { link: link.number(), text: &text });
        }
        self.with(link, |link| link.send(text));
    }

    fn ping(&mut self, link: LinkId) {
        self.with(link, Link::ping);
    }

    fn close(&mut self, link: LinkId) {
        self.gone(link);
        self.with(link, Link::close);
    }

    fn abandon(&mut self, link: LinkId) {
        self.gone(link);
        self.links.retain(|other| other.id != link);
    }

    fn fetch(&mut self, version: u64, sha256: &str) {
        self.fetching = Some((version, self.fetch.fetch(sha256)));
    }

    fn download(&mut self, target: Target) {
        let (version, silence, images) = (target.version.clone(), self.silence, self.images.clone());
        let downloading = async move {
            match images {
                Some(folder) => download(target, folder, silence).await,
                None => Downloaded::Impossible("no state folder for the image".to_owned()),
            }
        };
        self.downloading = Some((version, Box::pin(downloading)));
    }

    fn check(&mut self, target: Target, file: PathBuf) {
        self.downloading = Some((target.version.clone(), Box::pin(check(target, file))));
    }

    fn cancel_fetch(&mut self) {
        self.fetching = None;
    }

    fn cancel_download(&mut self) {
        self.downloading = None;
    }
}

/// The result of the work that is under way; pending if there is none.
fn poll_underway<V, T>(underway: &mut Underway<V, T>, cx: &mut Context<'_>) -> Poll<(V, T)> {
    let Some((_, work)) = underway else { return Poll::Pending };
    let outcome = std::task::ready!(work.as_mut().poll(cx));
    underway.take().map_or(Poll::Pending, |(version, _)| Poll::Ready((version, outcome)))
}
