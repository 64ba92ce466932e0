//! One run of a node, and the events that it is told.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_machine::{
    ConnectFailure, DisconnectReason, Downloaded, Driver, FetchError, LinkEvent, Outbox, Record, Request, Storage,
    Timing,
};

use super::history::History;
use super::network::Network;
use super::program::Program;

/// The longest time that passes at once, in milliseconds: ten years.
const LONGEST_MS: u64 = 10 * 365 * 24 * 3_600_000;

pub(super) struct Node {
    driver: Driver<Program, Network, Disk>,
    history: History,
    requests: Arc<Mutex<Vec<Request>>>,
    now: Duration,
}

/// A disk that holds the record.
#[derive(Debug)]
struct Disk {
    record: Record,
    works: bool,
}

impl Storage for Disk {
    fn load(&mut self) -> Result<Record, String> {
        Ok(self.record.clone())
    }

    fn keep(&mut self, record: &Record) -> Result<(), String> {
        if !self.works {
            return Err("the disk is full".to_owned());
        }
        let text = serde_json::to_string(record).expect("JSON");
        assert_eq!(serde_json::from_str::<Record>(&text).ok().as_ref(), Some(record), "it is read as it was written");
        self.record = record.clone();
        Ok(())
    }

    fn discard_images(&mut self) {}
}

impl Node {
    pub(super) fn start(history: &History, record: Record, seed: u64) -> Self {
        let requests = Arc::new(Mutex::new(vec![]));
        let sent = Arc::clone(&requests);
        let outbox = Outbox::new(move |request| sent.lock().expect("not poisoned").push(request));
        let (program, network) = (Program::new(history), Network(history.clone()));
        let disk = Disk { record, works: true };
        let driver = Driver::new(Timing::default(), seed, program, network, disk, outbox);
        let mut node = Self { driver, history: history.clone(), requests, now: Duration::ZERO };
        node.driver.tick(node.now);
        node
    }

    pub(super) fn record(&mut self) -> Record {
        self.driver.storage().record.clone()
    }

    /// Checks what must hold after every event.
    pub(super) fn check(&mut self) {
        self.hand_over();
        let (deadline, now) = (self.driver.deadline(), self.now);
        assert!(deadline.is_none_or(|at| at > now), "due at {deadline:?}, and it is {now:?}");
        assert_eq!(deadline.is_none(), self.driver.outcome().is_some(), "a run ends, or something is due");
        if let Some(outcome) = self.driver.outcome() {
            self.history.note(&format!("end {outcome:?}"));
            self.history.end();
        }
    }

    /// Hands what the program has sent to the driver.
    fn hand_over(&mut self) {
        loop {
            let sent = std::mem::take(&mut *self.requests.lock().expect("not poisoned"));
            if sent.is_empty() {
                return;
            }
            for request in sent {
                self.driver.request(self.now, request);
            }
        }
    }

    pub(super) fn happens(&mut self, word: &str, rest: &str) {
        let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "pass" => {
                let ms = first.parse().unwrap_or(0_u64).min(LONGEST_MS);
                self.now += Duration::from_millis(ms);
                self.driver.tick(self.now);
            }
            "due" => {
                self.now = self.driver.deadline().unwrap_or_default().max(self.now);
                self.driver.tick(self.now);
            }
            "fetched" => self.driver.fetched(self.now, first.parse().unwrap_or(0), Ok(more.to_owned())),
            "unfetched" => {
                let why = FetchError::Failed("no route".to_owned());
                self.driver.fetched(self.now, first.parse().unwrap_or(0), Err(why));
            }
            "downloaded" => self.driver.downloaded(self.now, first, downloaded(more)),
            "deliver" => self.driver.handler().deliver(),
            "drop" => self.driver.handler().drop_kept(),
            "check-in" => self.driver.request(self.now, Request::CheckInNow),
            "cut" => self.driver.request(self.now, Request::DropConnection),
            "stop" => self.driver.request(self.now, Request::Stop),
            "disk" => self.driver.storage().works = first != "fails",
            "opened" => self.on_link(0, LinkEvent::Opened),
            "unreachable" => {
                let why = "no route".to_owned();
                self.on_link(0, LinkEvent::Failed(ConnectFailure::Unreachable { why }));
            }
            "refused" => {
                let (status, body) = (first.parse().unwrap_or(500), more.to_owned());
                let retry_after = more.parse().ok().map(Duration::from_secs);
                self.on_link(0, LinkEvent::Failed(ConnectFailure::Refused { status, body, retry_after }));
            }
            "text" | "heard" | "closed" | "lost" | "gone" => {
                let back = first.parse().unwrap_or(0);
                let seq = self.history.link(back).map_or(0, |(_, seq)| seq);
                self.on_link(back, on_link(word, more, seq));
            }
            _ => {}
        }
    }

    fn on_link(&mut self, back: usize, event: LinkEvent) {
        let Some((link, _)) = self.history.link(back) else { return };
        match event {
            LinkEvent::Opened => self.history.opened(link),
            // An open connection can't fail to open.
            LinkEvent::Failed(_) if self.history.has_opened(link) => return,
            _ => {}
        }
        if matches!(event, LinkEvent::Failed(_) | LinkEvent::Ended(_) | LinkEvent::Gone) {
            self.history.over(link);
        }
        self.driver.link_event(self.now, link, event);
    }
}

/// What happens on a connection on which this sequence number was sent last.
fn on_link(word: &str, rest: &str, seq: u64) -> LinkEvent {
    match word {
        "text" => LinkEvent::Text(rest.replace("SEQ", &seq.to_string())),
        "heard" => LinkEvent::Heard,
        "closed" => LinkEvent::Ended(DisconnectReason::Closed { code: rest.parse().ok(), reason: rest.to_owned() }),
        "lost" => LinkEvent::Ended(DisconnectReason::Lost { why: rest.to_owned() }),
        _ => LinkEvent::Gone,
    }
}

fn downloaded(how: &str) -> Downloaded {
    let why = how.to_owned();
    match how {
        "complete" => Downloaded::Complete(PathBuf::from("/images/a")),
        "refused" => Downloaded::Refused,
        "further" => Downloaded::Broken { why, further: true },
        "wrong" => Downloaded::Wrong(why),
        "impossible" => Downloaded::Impossible(why),
        _ => Downloaded::Broken { why, further: false },
    }
}
