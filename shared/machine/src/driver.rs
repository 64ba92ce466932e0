//! The driver of a run: it reports events to the state machine and carries out its actions.

#[cfg(test)]
mod tests;

use std::time::Duration;

use rollcall_wire::NodeMessage;

use crate::{
    command::Command,
    delta::Delta,
    document::FetchError,
    download::Downloaded,
    event::{DisconnectReason, NodeError},
    firmware::Firmware,
    handler::Handler,
    link::{LinkEvent, LinkId},
    protocol::{Action, Machine},
    request::{Outbox, Request},
    storage::{Keeper, Storage},
    timing::Timing,
    transport::Transport,
    trust::Trust,
};

/// How often the actions that are carried out may make another step due in the same call. What is due after that waits
/// for the next call, so that a [`Timing`] of zeros can't hold the caller forever.
const ROUNDS: usize = 16;

/// One run of a node, without IO, clock or randomness: a program, a network and a storage, and the state machine that
/// decides what they do.
///
/// The caller reports every event, and calls [`tick`](Self::tick) at the [`deadline`](Self::deadline), for the first
/// time at once. Each of these calls also carries out what follows from it. Times are durations since the node's start;
/// they never step back.
#[derive(Debug)]
pub struct Driver<H, T, S> {
    machine: Machine,
    handler: H,
    transport: T,
    keeper: Keeper<S>,
    outbox: Outbox,
    fetch_timeout: Duration,
    /// The fetch that is under way: its version, and when it has taken too long.
    fetching: Option<(u64, Duration)>,
    outcome: Option<Result<(), NodeError>>,
    trust: Option<Box<dyn Trust + Send>>,
}

impl<H: Handler, T: Transport, S: Storage> Driver<H, T, S> {
    /// A run that continues from the record in `storage`. `seed` is the only source of randomness. `outbox` is where
    /// commands and firmware images report their results.
    pub fn new(timing: Timing, seed: u64, handler: H, transport: T, storage: S, outbox: Outbox) -> Self {
        let (keeper, record) = Keeper::open(storage);
        let machine = Machine::new(timing, seed, record);
        let fetch_timeout = timing.fetch_timeout;
        Self { machine, handler, transport, keeper, outbox, fetch_timeout, fetching: None, outcome: None, trust: None }
    }

    /// The same run, which takes only firmware images that are trusted. Without this, the program checks signatures alone.
    #[must_use]
    pub fn trusting(self, trust: Option<Box<dyn Trust + Send>>) -> Self {
        Self { trust, ..self }
    }

    /// Performs what is due.
    ///
    /// Only this gives up a fetch that takes too long. If the caller is late and the outcome of the fetch is there, the
    /// outcome counts.
    pub fn tick(&mut self, now: Duration) {
        if let Some((version, _)) = self.fetching.take_if(|(_, by)| now >= *by) {
            self.transport.cancel_fetch();
            let why = format!("it took longer than {:?}", self.fetch_timeout);
            self.machine.fetched(now, version, Err(FetchError::Failed(why)));
        }
        self.settle(now);
    }

    /// When to call [`tick`](Self::tick) at the latest; `None` after the end. It may have passed.
    pub fn deadline(&self) -> Option<Duration> {
        self.machine.deadline().into_iter().chain(self.fetching.map(|(_, by)| by)).min()
    }

    /// Something happened on a connection. Of a connection that was replaced, pushed messages still count.
    pub fn link_event(&mut self, now: Duration, link: LinkId, event: LinkEvent) {
        match event {
            LinkEvent::Opened => self.machine.opened(now, link),
            LinkEvent::Failed(failure) => self.machine.failed(now, link, failure),
            LinkEvent::Text(text) => self.machine.received(now, link, &text),
            LinkEvent::Heard => self.machine.heard(now, link),
            LinkEvent::Ended(reason) => self.machine.closed(now, link, reason),
            LinkEvent::Gone => {
                // For the state machine most links have ended before. A link whose buffer was full ends here.
                let why = "data could not be written".to_owned();
                self.machine.closed(now, link, DisconnectReason::Lost { why });
            }
        }
        self.settle(now);
    }

    /// The fetch of the document of this configuration version ended. The outcome of a fetch that is not under way is
    /// ignored.
    pub fn fetched(&mut self, now: Duration, version: u64, outcome: Result<String, FetchError>) {
        if self.fetching.take_if(|(fetching, _)| *fetching == version).is_some() {
            self.machine.fetched(now, version, outcome);
        }
        self.settle(now);
    }

    /// The download for this firmware version ended, or the check of the image that was made for it.
    pub fn downloaded(&mut self, now: Duration, version: &str, outcome: Downloaded) {
        self.machine.downloaded(now, version, outcome);
        self.settle(now);
    }

    /// The program asks for something, or reports a result. After the end of the run, it is ignored.
    pub fn request(&mut self, now: Duration, request: Request) {
        match request {
            Request::CheckInNow => self.machine.check_in_now(now),
            Request::DropConnection => self.machine.drop_connection(now),
            Request::Stop => self.machine.stop(),
            Request::Finished { command, status, output } => self.machine.finished(now, command, status, &output),
            Request::Made { attempt, outcome } => self.machine.made(now, attempt, outcome),
            Request::Installed { version, outcome } => self.machine.installed(now, &version, outcome),
        }
        self.settle(now);
    }

    /// How the run ended; `None` while it goes on. Connections that are being closed may outlast it. `Ok` only after
    /// [`Request::Stop`].
    pub fn outcome(&self) -> Option<&Result<(), NodeError>> {
        self.outcome.as_ref()
    }

    /// The program around the node.
    pub fn handler(&mut self) -> &mut H {
        &mut self.handler
    }

    /// The network.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// The storage.
    pub fn storage(&mut self) -> &mut S {
        self.keeper.storage()
    }

    /// Performs what is due in the state machine, and carries out its actions.
    fn settle(&mut self, now: Duration) {
        for _ in 0..ROUNDS {
            self.machine.tick(now);
            if !self.act(now) {
                break;
            }
        }
    }

    /// Carries out every action. Returns whether there was one.
    fn act(&mut self, now: Duration) -> bool {
        let mut acted = false;
        while let Some(action) = self.machine.next_action() {
            self.carry_out(now, action);
            acted = true;
        }
        acted
    }

    fn carry_out(&mut self, now: Duration, action: Action) {
        match action {
            Action::Open(link) => self.transport.open(link),
            Action::Report(link) => self.check_in(now, link),
            Action::Ping(link) => self.transport.ping(link),
            Action::AskForConfig(link) => self.say(link, &NodeMessage::Config),
            Action::Fetch { version, sha256 } => {
                self.fetching = Some((version, now + self.fetch_timeout));
                self.transport.fetch(version, &sha256);
            }
            Action::Apply(configuration) => {
                let applied = self.handler.apply(&configuration);
                self.machine.applied(now, applied);
            }
            Action::RollBack(configuration) => self.handler.roll_back(&configuration),
            Action::Keep => {
                let kept = self.keeper.keep(&self.machine.record());
                self.machine.kept(now, &kept);
            }
            Action::Execute(news) => self.handler.execute(Command::new(news, self.outbox.clone())),
            Action::Offer { version } => {
                self.transport.cancel_download();
                let accepted = self.handler.accept_firmware(&version);
                let base = accepted.is_ok().then(|| self.handler.base_image()).flatten();
                self.machine.accepted(now, &version, accepted, base);
            }
            Action::AskForFirmware { link, version, from } => {
                self.say(link, &NodeMessage::FirmwareUrl { version, from });
            }
            // The signature is of the image, also if that is made of a delta.
            Action::Download { image, target } => match self.trust.as_ref().map_or(Ok(()), |trust| trust.check(&image))
            {
                Ok(()) => self.transport.download(target),
                Err(why) => self.machine.distrusted(now, &image.version, why),
            },
            Action::Make(file) => self.handler.make_image(Delta::new(file, self.outbox.clone())),
            Action::Check { target, file } => self.transport.check(target, file),
            Action::Install(image) => self.handler.install(Firmware::new(image, self.outbox.clone())),
            Action::Discard => self.keeper.storage().discard_images(),
            Action::Close(link) => self.transport.close(link),
            Action::Drop(link) => self.transport.abandon(link),
            Action::Event(event) => self.handler.event(event),
            Action::Pushed(message) => self.handler.pushed(message),
            Action::End(outcome) => self.end(outcome),
        }
    }

    fn check_in(&mut self, now: Duration, link: LinkId) {
        let report = self.handler.report();
        if let Some(check_in) = self.machine.check_in(now, link, report) {
            self.say(link, &NodeMessage::CheckIn(check_in));
        }
    }

    fn say(&mut self, link: LinkId, message: &NodeMessage) {
        match serde_json::to_string(message) {
            Ok(text) => self.transport.send(link, text),
            Err(error) => tracing::error!(%error, "a message could not be written as JSON"),
        }
    }

    fn end(&mut self, outcome: Result<(), NodeError>) {
        self.fetching = None;
        self.transport.cancel_fetch();
        self.transport.cancel_download();
        self.outcome = Some(outcome);
    }
}
