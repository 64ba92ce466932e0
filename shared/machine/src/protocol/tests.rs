mod clones;
mod commanding;
mod configuring;
mod histories;
mod replacing;
mod returning;
mod slowing;
mod soaking;
mod spreading;
mod storing;
mod updating;

use std::{path::PathBuf, time::Duration};

use rollcall_wire::{CheckIn, CommandNews};
use serde_json::json;

use super::{Action, Machine};
use crate::{
    Applied, Configuration, ConnectFailure, DisconnectReason, LinkId, NodeError, NodeEvent, Pushed, Record, Report,
    Target, Timing, delta::DeltaFile, firmware::Image, session::Session,
};

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const LIFE_S: u64 = 6000;

/// A state machine with a program that collects what it is given and answers as a test says.
struct Bench {
    machine: Machine,
    now: Duration,
    events: Vec<NodeEvent>,
    /// The check-ins that were sent.
    said: Vec<(LinkId, CheckIn)>,
    opened: Vec<LinkId>,
    closed: Vec<LinkId>,
    dropped: Vec<LinkId>,
    pushed: Vec<Pushed>,
    pings: usize,
    /// The connections on which the node asked for its configuration.
    asked: Vec<LinkId>,
    fetches: Vec<(u64, String)>,
    applies: Applied,
    applied: Vec<Configuration>,
    rolled_back: Vec<Configuration>,
    /// The record that was written; `Err`: why none can be written.
    disk: Result<Record, String>,
    crashes_once_it_is_kept: bool,
    restarts: usize,
    executed: Vec<CommandNews>,
    firmware: Option<String>,
    accepts: Result<(), String>,
    offered: Vec<String>,
    /// The version whose image the program has.
    base: Option<String>,
    /// The versions whose delta the node asked for, question by question.
    asked_from: Vec<Option<String>>,
    /// The firmware versions whose URL the node asked for, and on which connection.
    located: Vec<(LinkId, String)>,
    downloads: Vec<Target>,
    deltas: Vec<DeltaFile>,
    checks: Vec<(Target, PathBuf)>,
    installs: Vec<Image>,
    discards: usize,
    end: Option<Result<(), NodeError>>,
}

impl Bench {
    fn new() -> Self {
        Self::seeded(7)
    }

    fn seeded(seed: u64) -> Self {
        // Pings would only disturb the times that these tests check.
        let timing = Timing { ping_after: s(100_000), dead_after: s(200_000), ..Timing::default() };
        Self::with(timing, seed)
    }

    fn with(timing: Timing, seed: u64) -> Self {
        let mut bench = Self {
            machine: Machine::new(timing, seed, Record::default()),
            now: Duration::ZERO,
            events: Vec::new(),
            said: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            dropped: Vec::new(),
            pushed: Vec::new(),
            pings: 0,
            asked: Vec::new(),
            fetches: Vec::new(),
            applies: Applied::Applied,
            applied: Vec::new(),
            rolled_back: Vec::new(),
            disk: Ok(Record::default()),
            crashes_once_it_is_kept: false,
            restarts: 0,
            executed: Vec::new(),
            firmware: None,
            accepts: Ok(()),
            offered: Vec::new(),
            base: None,
            asked_from: Vec::new(),
            located: Vec::new(),
            downloads: Vec::new(),
            deltas: Vec::new(),
            checks: Vec::new(),
            installs: Vec::new(),
            discards: 0,
            end: None,
        };
        bench.settle();
        bench
    }

    /// A node whose first connection holds it.
    fn connected() -> Self {
        let mut bench = Self::new();
        bench.open_and_ack();
        bench.events.clear();
        bench
    }

    /// A node that is replacing its connection, with the old and the new connection.
    fn replacing() -> (Self, LinkId, LinkId) {
        let mut bench = Self::connected();
        let old = bench.link();
        bench.advance_to_next_opening();
        let new = bench.link();
        assert_ne!(old, new);
        (bench, old, new)
    }

    fn settle(&mut self) {
        self.machine.tick(self.now);
        let mut acted = false;
        while let Some(action) = self.machine.next_action() {
            assert!(self.end.is_none(), "{action:?} after the end");
            self.act(action);
            acted = true;
        }
        // An action may cause another one that is due at once.
        if acted {
            self.settle();
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Open(link) => self.opened.push(link),
            Action::Report(link) => {
                let report = Report { firmware: self.firmware.clone(), ..Report::default() };
                let check_in = self.machine.check_in(self.now, link, report);
                self.said.extend(check_in.map(|check_in| (link, check_in)));
            }
            Action::Ping(_) => self.pings += 1,
            Action::AskForConfig(link) => self.asked.push(link),
            Action::Fetch { version, sha256 } => self.fetches.push((version, sha256)),
            Action::Apply(configuration) => {
                self.applied.push(configuration);
                self.machine.applied(self.now, self.applies.clone());
            }
            Action::RollBack(configuration) => self.rolled_back.push(configuration),
            Action::Keep => self.keep(),
            Action::Execute(news) => self.executed.push(news),
            Action::Offer { version } => {
                self.machine.accepted(self.now, &version, self.accepts.clone(), self.base.clone());
                self.offered.push(version);
            }
            Action::AskForFirmware { link, version, from } => {
                self.located.push((link, version));
                self.asked_from.push(from);
            }
            Action::Download { target, .. } => self.downloads.push(target),
            Action::Make(delta) => self.deltas.push(delta),
            Action::Check { target, file } => self.checks.push((target, file)),
            Action::Install(image) => self.installs.push(image),
            Action::Discard => self.discards += 1,
            Action::Close(link) => self.closed.push(link),
            Action::Drop(link) => self.dropped.push(link),
            Action::Event(event) => self.events.push(event),
            Action::Pushed(message) => self.pushed.push(message),
            Action::End(result) => self.end = Some(result),
        }
    }

    fn keep(&mut self) {
        if let Ok(disk) = &mut self.disk {
            *disk = self.machine.record();
            if std::mem::take(&mut self.crashes_once_it_is_kept) {
                return self.restart();
            }
        }
        let kept = self.disk.as_ref().map(|_| ()).map_err(Clone::clone);
        self.machine.kept(self.now, &kept);
    }

    /// The node restarts with the record that was written.
    fn restart(&mut self) {
        self.restarts += 1;
        let record = self.disk.clone().unwrap_or_default();
        self.machine = Machine::new(self.machine.timing, 7, record);
        self.settle();
    }

    fn link(&self) -> LinkId {
        *self.opened.last().expect("opened")
    }

    fn opened(&mut self) {
        self.machine.opened(self.now, self.link());
        self.settle();
    }

    fn open_and_ack(&mut self) {
        self.opened();
        let seq = self.said.last().expect("a first check-in").1.seq;
        self.ack(self.link(), seq);
    }

    fn receive(&mut self, link: LinkId, message: &serde_json::Value) {
        self.machine.received(self.now, link, &message.to_string());
        self.settle();
    }

    fn ack(&mut self, link: LinkId, seq: u64) {
        let ack =
            json!({"type": "ack", "seq": seq, "next_check_in_s": 60, "reconnect_within_s": LIFE_S, "spread_s": 20});
        self.receive(link, &ack);
    }

    fn fail(&mut self) {
        let failure = ConnectFailure::Unreachable { why: "no route".to_owned() };
        self.machine.failed(self.now, self.link(), failure);
        self.settle();
    }

    fn refuse(&mut self, status: u16) {
        self.machine.failed(
            self.now,
            self.link(),
            ConnectFailure::Refused { status, body: String::new(), retry_after: None },
        );
        self.settle();
    }

    fn server_closes(&mut self, link: LinkId) {
        let reason = DisconnectReason::Closed { code: Some(1000), reason: String::new() };
        self.machine.closed(self.now, link, reason);
        self.settle();
    }

    /// Lets time pass until the condition holds.
    fn pass_until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..1000 {
            if done(self) {
                return;
            }
            self.now = self.machine.deadline().expect("something to wait for");
            self.settle();
        }
        panic!("the condition never holds");
    }

    /// Lets time pass until a connection is opened, acknowledging every check-in.
    fn advance_to_next_opening(&mut self) {
        let opened = self.opened.len();
        let mut acked = self.said.len();
        while self.opened.len() == opened {
            assert!(self.said.len() < 1000, "the node never opens another connection");
            self.now = self.machine.deadline().expect("something to wait for");
            self.settle();
            while let Some((link, check_in)) = self.said.get(acked).cloned() {
                acked += 1;
                if check_in.ack {
                    self.ack(link, check_in.seq);
                }
            }
        }
    }

    fn last_delay(&self) -> Duration {
        let delay = self.events.iter().rev().find_map(|event| match event {
            NodeEvent::BackingOff { delay } => Some(*delay),
            _ => None,
        });
        delay.expect("a back-off")
    }

    fn outages(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, NodeEvent::Disconnected { planned: false, .. })).count()
    }
}

#[test]
fn a_node_connects_at_once_and_checks_in_as_soon_as_the_connection_opens() {
    let mut bench = Bench::new();
    assert_eq!(bench.opened.len(), 1);
    assert!(bench.said.is_empty());
    bench.opened();
    assert_eq!(bench.said, [(bench.link(), CheckIn::idle(1))]);
    assert_eq!(bench.events, [NodeEvent::Connected { planned: false }, NodeEvent::CheckedIn { seq: 1, asked: true }]);
}

#[test]
fn a_node_checks_in_at_the_interval_of_the_ack() {
    let mut bench = Bench::connected();
    assert_eq!(bench.machine.deadline(), Some(s(60)));
    bench.now = s(60);
    bench.settle();
    assert_eq!(bench.said.last().map(|(_, check_in)| (check_in.seq, check_in.ack)), Some((2, false)));
}

#[test]
fn an_ack_with_times_of_zero_is_bounded() {
    let mut bench = Bench::new();
    bench.opened();
    let link = bench.link();
    bench.receive(link, &json!({"type":"ack","seq":1,"next_check_in_s":0,"reconnect_within_s":0,"spread_s":0}));
    assert_eq!(bench.opened.len(), 1);
    assert!(bench.machine.deadline() >= Some(Duration::from_millis(700)), "{:?}", bench.machine.deadline());
}

#[test]
fn stale_seq_counts_as_an_ack_and_the_connection_still_gets_a_deadline() {
    let mut bench = Bench::new();
    bench.opened();
    let link = bench.link();
    bench.receive(link, &json!({"type": "error", "code": "stale-seq", "message": "", "seq": 1}));
    assert_eq!(bench.machine.deadline(), Some(s(60)));
    let current = bench.machine.sessions.current.as_ref().expect("it holds the node");
    assert!(current.replacement.is_some_and(|plan| plan.deadline == s(110 * 60)));
}

#[test]
fn stopping_closes_every_connection_and_nothing_follows() {
    let (mut bench, old, new) = Bench::replacing();
    bench.machine.stop();
    bench.settle();
    assert_eq!((bench.closed.clone(), bench.end.clone()), (vec![new, old], Some(Ok(()))));
    bench.opened();
    bench.server_closes(old);
    bench.receive(new, &json!({"type": "late"}));
    bench.machine.stop();
    bench.machine.drop_connection(bench.now);
    bench.machine.check_in_now(bench.now);
    bench.settle();
    assert_eq!(bench.machine.deadline(), None);
}
