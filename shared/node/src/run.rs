//! The run loop: it carries out the actions of the state machine, and reports events to it.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use rollcall_wire::{FirmwareUrl, NodeMessage};
use tokio::{
    sync::mpsc::{UnboundedReceiver, WeakUnboundedSender},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    Command, DisconnectReason, Fetch, FetchError, Firmware, Handler, NodeConfig, NodeError,
    connect::Endpoint,
    download::{Downloaded, download},
    fetch::HttpFetch,
    link::{Link, LinkEvent},
    promise::Request,
    protocol::{Action, Machine},
    record::Keeper,
    session::LinkId,
};

/// Work that is under way, and the version that it is for.
type Underway<V, T> = Option<(V, Pin<Box<dyn Future<Output = T> + Send>>)>;

struct Run<H> {
    started: Instant,
    endpoint: Endpoint,
    close_timeout: Duration,
    machine: Machine,
    links: Vec<Link>,
    fetch: Box<dyn Fetch>,
    fetch_timeout: Duration,
    /// The fetch of a document.
    fetching: Underway<u64, Result<String, FetchError>>,
    /// The download of an image.
    downloading: Underway<String, Downloaded>,
    keeper: Keeper,
    requests: WeakUnboundedSender<Request>,
    handler: H,
    outcome: Option<Result<(), NodeError>>,
}

/// Runs a node until it is stopped or can't go on.
pub(crate) async fn run(
    config: NodeConfig,
    handler: impl Handler,
    fetch: Option<Box<dyn Fetch>>,
    requests: WeakUnboundedSender<Request>,
    mut received: UnboundedReceiver<Request>,
) -> Result<(), NodeError> {
    let fetch = match fetch {
        Some(fetch) => fetch,
        None => Box::new(HttpFetch::new(&config)?),
    };
    let (keeper, record) = Keeper::open(config.state.clone());
    let mut run = Run {
        started: Instant::now(),
        endpoint: Endpoint::new(&config, rand::random())?,
        close_timeout: config.timing.close_timeout,
        machine: Machine::new(config.timing, rand::random(), record),
        links: Vec::new(),
        fetch,
        fetch_timeout: config.timing.fetch_timeout,
        fetching: None,
        downloading: None,
        keeper,
        requests,
        handler,
        outcome: None,
    };
    loop {
        run.machine.tick(run.now());
        run.act();
        if let Some(outcome) = run.outcome.take_if(|_| run.links.is_empty()) {
            return outcome;
        }
        let deadline = run.machine.deadline();
        let wake = run.started + deadline.unwrap_or_default();
        // The order matters. On a busy machine, received data must count before a timeout declares a connection dead.
        tokio::select! {
            biased;
            request = received.recv(), if run.outcome.is_none() => run.request(request.unwrap_or(Request::Stop)),
            (link, event) = next_event(&mut run.links) => run.link_event(link, event),
            (version, outcome) = next_done(&mut run.fetching) => run.fetched(version, outcome),
            (version, outcome) = next_done(&mut run.downloading) => run.downloaded(&version, outcome),
            () = sleep_until(wake), if deadline.is_some() => {}
        }
    }
}

impl<H: Handler> Run<H> {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn request(&mut self, request: Request) {
        let now = self.now();
        match request {
            Request::CheckInNow => self.machine.check_in_now(now),
            Request::DropConnection => self.machine.drop_connection(now),
            Request::Stop => self.machine.stop(),
            Request::Finished { command, status, output } => self.machine.finished(now, command, status, &output),
            Request::Installed { version, outcome } => self.machine.installed(now, &version, outcome),
        }
    }

    fn link_event(&mut self, link: LinkId, event: LinkEvent) {
        let now = self.now();
        match event {
            LinkEvent::Opened => self.machine.opened(now, link),
            LinkEvent::Failed(failure) => self.machine.failed(now, link, failure),
            LinkEvent::Text(text) => self.machine.received(now, link, &text),
            LinkEvent::Heard => self.machine.heard(now, link),
            LinkEvent::Ended(reason) => self.machine.closed(now, link, reason),
            LinkEvent::Gone => {
                self.links.retain(|other| other.id != link);
                // For the state machine most links have ended before. A link whose buffer was full ends here.
                let why = "data could not be written".to_owned();
                self.machine.closed(now, link, DisconnectReason::Lost { why });
            }
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Open(link) => {
                    self.links.push(Link::new(link, self.endpoint.connect(), self.close_timeout));
                }
                Action::Report(link) => self.check_in(link),
                Action::Ping(link) => self.with(link, Link::ping),
                Action::AskForConfig(link) => self.say(link, &NodeMessage::Config),
                Action::Fetch { version, sha256 } => self.begin_to_fetch(version, &sha256),
                Action::Apply(configuration) => {
                    let applied = self.handler.apply(&configuration);
                    self.machine.applied(self.now(), applied);
                }
                Action::RollBack(configuration) => self.handler.roll_back(&configuration),
                Action::Keep => self.keep(),
                Action::Execute(news) => self.handler.execute(Command::new(news, self.requests.clone())),
                Action::Offer { version } => self.offer(&version),
                Action::AskForFirmware { link, version } => self.say(link, &NodeMessage::FirmwareUrl { version }),
                Action::Download(target) => self.begin_to_download(target),
                Action::Install(image) => self.handler.install(Firmware::new(image, self.requests.clone())),
                Action::Discard => self.keeper.discard_images(),
                Action::Close(link) => self.with(link, Link::close),
                Action::Drop(link) => self.links.retain(|other| other.id != link),
                Action::Event(event) => self.handler.event(event),
                Action::Pushed(message) => self.handler.pushed(message),
                Action::End(outcome) => {
                    (self.fetching, self.downloading) = (None, None);
                    self.outcome = Some(outcome);
                }
            }
        }
    }

    fn keep(&mut self) {
        let kept = self.keeper.keep(&self.machine.record());
        self.machine.kept(self.now(), &kept);
    }

    fn offer(&mut self, version: &str) {
        self.downloading = None;
        let accepted = self.handler.accept_firmware(version);
        self.machine.accepted(self.now(), version, accepted);
    }

    fn check_in(&mut self, link: LinkId) {
        let report = self.handler.report();
        let Some(check_in) = self.machine.check_in(self.now(), link, report) else { return };
        self.say(link, &NodeMessage::CheckIn(check_in));
    }

    fn say(&mut self, link: LinkId, message: &NodeMessage) {
        match serde_json::to_string(message) {
            Ok(text) => self.with(link, |link| link.send(text)),
            Err(error) => tracing::error!(%error, "a message could not be written as JSON"),
        }
    }

    fn begin_to_fetch(&mut self, version: u64, sha256: &str) {
        let (limit, fetch) = (self.fetch_timeout, self.fetch.fetch(sha256));
        let fetching = async move {
            let too_long = |_| Err(FetchError::Failed(format!("it took longer than {limit:?}")));
            timeout(limit, fetch).await.unwrap_or_else(too_long)
        };
        self.fetching = Some((version, Box::pin(fetching)));
    }

    fn fetched(&mut self, version: u64, outcome: Result<String, FetchError>) {
        self.fetching = None;
        self.machine.fetched(self.now(), version, outcome);
    }

    fn begin_to_download(&mut self, target: FirmwareUrl) {
        let (version, limit, images) = (target.version.clone(), self.fetch_timeout, self.keeper.images());
        let downloading = async move {
            match images {
                Some(folder) => download(target, folder, limit).await,
                None => Downloaded::Impossible("no state folder for the image".to_owned()),
            }
        };
        self.downloading = Some((version, Box::pin(downloading)));
    }

    fn downloaded(&mut self, version: &str, outcome: Downloaded) {
        self.downloading = None;
        self.machine.downloaded(self.now(), version, outcome);
    }

    fn with(&mut self, link: LinkId, act: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.iter_mut().find(|other| other.id == link) {
            act(link);
        }
    }
}

/// The next event on any connection; pending until there is one.
async fn next_event(links: &mut [Link]) -> (LinkId, LinkEvent) {
    poll_fn(|cx| {
        for link in links.iter_mut() {
            if let Poll::Ready(event) = link.poll(cx) {
                return Poll::Ready((link.id, event));
            }
        }
        Poll::Pending
    })
    .await
}

/// The result of the work that is under way; pending if there is none.
async fn next_done<V: Clone, T>(underway: &mut Underway<V, T>) -> (V, T) {
    match underway {
        Some((version, work)) => (version.clone(), work.await),
        None => std::future::pending().await,
    }
}
