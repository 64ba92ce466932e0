//! The same seed and the same events give the same actions, whatever happens.

use proptest::prelude::*;

use super::*;
use crate::ConnectFailure;

/// A message of the server. Check-ins are named by their place among those that were sent, the newest first.
#[derive(Clone, Copy, Debug)]
enum Message {
    Ack(usize),
    Unavailable(usize),
    Config(u64),
    LargeConfig(u64),
    Command(u64),
    Firmware(u64),
    FirmwareUrl(u64, bool),
    SlowDown(u64),
    Reconnect,
    Superseded,
    Unreadable,
}

/// An event. Connections are named by their place among those that were opened, the newest first.
#[derive(Clone, Copy, Debug)]
enum Happens {
    TimePasses(u64),
    /// Time passes until something is due.
    Due,
    Opened,
    Unreachable,
    Refused(u16),
    Message(usize, Message),
    Heard(usize),
    Closed(usize),
    Gone(usize),
    Fetched(u64, bool),
    Downloaded(u64, bool),
    /// The results of commands and installations reach the driver.
    Delivered,
    /// The program drops the image or the delta without an answer.
    ImageDropped,
    /// The program makes an image of the delta.
    Made,
    CheckInNow,
    DropConnection,
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        8 => (0..3_usize).prop_map(Message::Ack),
        1 => (0..3_usize).prop_map(Message::Unavailable),
        1 => (1..9_u64).prop_map(Message::Config),
        1 => (1..9_u64).prop_map(Message::LargeConfig),
        1 => (1..9_u64).prop_map(Message::Command),
        1 => (1..4_u64).prop_map(Message::Firmware),
        1 => (1..4_u64, any::<bool>()).prop_map(|(version, delta)| Message::FirmwareUrl(version, delta)),
        1 => (1..100_u64).prop_map(Message::SlowDown),
        1 => Just(Message::Reconnect),
        1 => Just(Message::Superseded),
        1 => Just(Message::Unreadable),
    ]
}

fn happens() -> impl Strategy<Value = Happens> {
    let back = || 0..2_usize;
    prop_oneof![
        3 => (0..200_000_u64).prop_map(Happens::TimePasses),
        6 => Just(Happens::Due),
        8 => Just(Happens::Opened),
        1 => Just(Happens::Unreachable),
        1 => prop_oneof![Just(429_u16), Just(503)].prop_map(Happens::Refused),
        12 => (back(), message()).prop_map(|(back, message)| Happens::Message(back, message)),
        1 => back().prop_map(Happens::Heard),
        1 => back().prop_map(Happens::Closed),
        1 => back().prop_map(Happens::Gone),
        2 => (1..9_u64, any::<bool>()).prop_map(|(version, works)| Happens::Fetched(version, works)),
        2 => (1..4_u64, any::<bool>()).prop_map(|(version, works)| Happens::Downloaded(version, works)),
        2 => Just(Happens::Delivered),
        1 => Just(Happens::ImageDropped),
        2 => Just(Happens::Made),
        1 => Just(Happens::CheckInNow),
        1 => Just(Happens::DropConnection),
    ]
}

impl Bench {
    fn link(&mut self, back: usize) -> LinkId {
        let opened = &self.driver.transport().opened;
        opened[opened.len().saturating_sub(back + 1)]
    }

    fn on(&mut self, back: usize, event: LinkEvent) {
        let link = self.link(back);
        self.driver.link_event(self.now, link, event);
    }

    /// The text of a message on this connection.
    fn text(&mut self, back: usize, message: Message) -> String {
        let link = self.link(back);
        let sent = self.driver.transport().sent.iter().filter(|(on, _)| *on == link);
        let seqs: Vec<_> = sent.filter_map(|(_, message)| message["seq"].as_u64()).collect();
        let seq = |back: usize| seqs.len().checked_sub(back + 1).map_or(1, |index| seqs[index]);
        let (config, document) = large(1);
        let text = match message {
            Message::Ack(back) => {
                json!({"type":"ack","seq":seq(back),"next_check_in_s":60,"reconnect_within_s":600,"spread_s":20})
            }
            Message::Unavailable(back) => json!({"type":"error","code":"unavailable","message":"","seq":seq(back)}),
            Message::Config(version) => {
                json!({"type":"config","version":version,"sha256":config["sha256"],"document":document})
            }
            Message::LargeConfig(version) => json!({"type":"config","version":version,"sha256":config["sha256"]}),
            Message::Command(number) => command(number),
            Message::Firmware(version) => json!({"type":"firmware","version":version.to_string()}),
            Message::FirmwareUrl(version, delta) => {
                let delta = delta.then(|| with_delta()["delta"].clone());
                json!({
                    "type": "firmware-url", "version": version.to_string(), "size": 3, "sha256": "a".repeat(64),
                    "signature": "", "url": "https://images.example.org/", "expires_in_s": 60, "delta": delta,
                })
            }
            Message::SlowDown(wait_s) => json!({"type":"slow-down","retry_after_s":wait_s}),
            Message::Reconnect => json!({"type":"reconnect","within_s":0}),
            Message::Superseded => json!({"type":"bye","reason":"superseded"}),
            Message::Unreadable => return "not JSON".to_owned(),
        };
        text.to_string()
    }

    fn happen(&mut self, event: Happens) {
        match event {
            Happens::TimePasses(ms) => {
                self.now += Duration::from_millis(ms);
                self.driver.tick(self.now);
            }
            Happens::Due => {
                self.now = self.driver.deadline().unwrap_or_default().max(self.now);
                self.driver.tick(self.now);
            }
            Happens::Opened => self.on(0, LinkEvent::Opened),
            Happens::Unreachable => {
                self.on(0, LinkEvent::Failed(ConnectFailure::Unreachable { why: "no route".to_owned() }));
            }
            Happens::Refused(status) => {
                let failure = ConnectFailure::Refused { status, body: String::new(), retry_after: None };
                self.on(0, LinkEvent::Failed(failure));
            }
            Happens::Message(back, message) => {
                let text = self.text(back, message);
                self.on(back, LinkEvent::Text(text));
            }
            Happens::Heard(back) => self.on(back, LinkEvent::Heard),
            Happens::Closed(back) => {
                let reason = DisconnectReason::Closed { code: Some(1000), reason: String::new() };
                self.on(back, LinkEvent::Ended(reason));
            }
            Happens::Gone(back) => self.on(back, LinkEvent::Gone),
            Happens::Fetched(version, works) => {
                let outcome = if works { Ok(large(1).1) } else { Err(FetchError::Failed("no route".to_owned())) };
                self.driver.fetched(self.now, version, outcome);
            }
            Happens::Downloaded(version, works) => {
                let broken = Downloaded::Broken { why: "no route".to_owned(), further: false };
                let outcome = if works { Downloaded::Complete(PathBuf::from("/images/a")) } else { broken };
                self.driver.downloaded(self.now, &version.to_string(), outcome);
            }
            Happens::Delivered => self.deliver_requests(),
            Happens::ImageDropped => {
                drop(self.driver.handler().firmware.take());
                drop(self.driver.handler().delta.take());
            }
            Happens::Made => {
                if let Some(delta) = self.driver.handler().delta.take() {
                    delta.made();
                }
            }
            Happens::CheckInNow => self.driver.request(self.now, Request::CheckInNow),
            Happens::DropConnection => self.driver.request(self.now, Request::DropConnection),
        }
        self.transcript.note(format!("due at {:?}", self.driver.deadline()));
    }
}

/// All that a driver with this seed does over this history.
fn transcript(seed: u64, history: &[Happens]) -> Vec<String> {
    let mut bench = Bench::new(Timing::default(), seed, Ok(Record::default()));
    bench.driver.handler().base = Some("2.4".to_owned());
    for event in history {
        bench.happen(*event);
    }
    bench.transcript.lines()
}

proptest! {
    #[test]
    fn the_same_seed_and_the_same_events_give_the_same_actions(
        seed: u64,
        history in prop::collection::vec(happens(), 0..120),
    ) {
        prop_assert_eq!(transcript(seed, &history), transcript(seed, &history));
    }

    #[test]
    fn what_is_due_is_done_when_it_is_due(seed: u64, history in prop::collection::vec(happens(), 0..120)) {
        let mut bench = Bench::new(Timing::default(), seed, Ok(Record::default()));
        bench.driver.handler().base = Some("2.4".to_owned());
        for event in history {
            bench.happen(event);
            let deadline = bench.driver.deadline();
            prop_assert!(deadline.is_none_or(|at| at > bench.now), "{:?} is due at {:?}", deadline, bench.now);
        }
    }
}

#[test]
fn another_seed_gives_other_waits() {
    let history = [Happens::Opened, Happens::Message(0, Message::Ack(0)), Happens::Closed(0), Happens::Due];
    assert_ne!(transcript(1, &history), transcript(2, &history));
}

#[test]
fn a_history_reaches_every_kind_of_action() {
    let history = [
        Happens::Opened,
        Happens::Message(0, Message::Ack(0)),
        Happens::Due,
        Happens::Message(0, Message::Command(1)),
        Happens::Message(0, Message::Firmware(1)),
        Happens::Message(0, Message::FirmwareUrl(1, true)),
        Happens::Downloaded(1, true),
        Happens::Made,
        Happens::Delivered,
        Happens::Downloaded(1, true),
        Happens::ImageDropped,
        Happens::Delivered,
        Happens::Message(0, Message::LargeConfig(1)),
        Happens::Fetched(1, true),
        Happens::Due,
        Happens::Unreachable,
        Happens::Due,
        Happens::DropConnection,
    ];
    let lines = transcript(7, &history);
    for beginning in [
        "open",
        "send",
        "ping",
        "abandon",
        "fetch",
        "download",
        "make",
        "check",
        "cancel download",
        "keep",
        "discard",
        "apply",
        "execute",
        "accept",
        "install",
        "pushed",
        "event",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(beginning)), "{beginning} is missing: {lines:#?}");
    }
}
