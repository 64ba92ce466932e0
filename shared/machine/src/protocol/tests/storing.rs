//! The program's report and the results of commands are stored in the end, whatever happens to the check-ins before.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rollcall_wire::{CommandResult, CommandStatus, ConfigReport, SEQ_MAX, UpdateReport};

use super::configuring::pushed;
use super::*;

/// How the server handles a check-in that arrives.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Works,
    /// Nothing is stored.
    Fails,
    /// Only the results of commands are stored.
    FailsHalfWay,
    /// The function died; only the gateway answers.
    Dies,
    SlowDown(u64),
}

/// An event. Check-ins and answers arrive in any order, at any time, twice, or never.
#[derive(Clone, Copy, Debug)]
enum Happens {
    TimePasses(u64),
    Arrives(usize, Fate),
    Answered(usize),
    FirmwareChanges,
    ConfigDesired { accepted: bool },
    FirmwareDesired,
    CommandTold,
    CommandFinishes,
    Reconnects,
    Breaks,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Works),
        1 => Just(Fate::Fails),
        1 => Just(Fate::FailsHalfWay),
        1 => Just(Fate::Dies),
        1 => (1..60_u64).prop_map(Fate::SlowDown),
    ]
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => (0..30_u64).prop_map(Happens::TimePasses),
        6 => (0..6_usize, fate()).prop_map(|(back, fate)| Happens::Arrives(back, fate)),
        6 => (0..6_usize).prop_map(Happens::Answered),
        2 => Just(Happens::FirmwareChanges),
        1 => any::<bool>().prop_map(|accepted| Happens::ConfigDesired { accepted }),
        1 => Just(Happens::FirmwareDesired),
        2 => Just(Happens::CommandTold),
        2 => Just(Happens::CommandFinishes),
        1 => Just(Happens::Reconnects),
        1 => Just(Happens::Breaks),
    ]
}

/// The node as the server has stored it.
#[derive(Debug, Default)]
struct Item {
    holder: Option<LinkId>,
    seq: u64,
    firmware: Option<String>,
    config: Option<ConfigReport>,
    update: Option<UpdateReport>,
    results: BTreeMap<u64, CommandResult>,
}

struct World {
    bench: Bench,
    item: Item,
    answers: Vec<(LinkId, serde_json::Value)>,
    /// A counter that gives versions and command numbers.
    counter: u64,
    finished: Vec<u64>,
    /// How many check-ins were checked.
    seen: usize,
}

impl World {
    fn new() -> Self {
        let mut bench = Bench::new();
        bench.firmware = Some("0".to_owned());
        bench.accepts = Err("not for this board".to_owned());
        let mut world = Self { bench, item: Item::default(), answers: vec![], counter: 0, finished: vec![], seen: 0 };
        world.connect();
        world
    }

    /// Opens the connection that is being opened, if there is one. It holds the node from then on.
    fn connect(&mut self) {
        self.bench.settle();
        let link = self.bench.link();
        let opening = |session: &Session| session.link == link && !session.is_open();
        if self.bench.machine.sessions.next.as_ref().is_some_and(opening) {
            (self.item.holder, self.item.seq) = (Some(link), 0);
            self.bench.opened();
        }
    }

    fn store_results(&mut self, check_in: &CheckIn) {
        for result in &check_in.results {
            self.item.results.entry(result.command).or_insert_with(|| result.clone());
        }
    }

    /// The server's answer to a check-in.
    fn answer(&mut self, link: LinkId, check_in: &CheckIn, fate: Fate) -> Option<serde_json::Value> {
        let seq = check_in.seq;
        let error = |code: &str| json!({"type": "error", "code": code, "message": "", "seq": seq});
        match fate {
            Fate::Fails => return Some(error("unavailable")),
            Fate::Dies => return Some(json!({"message": "Internal server error", "connectionId": "a"})),
            Fate::SlowDown(wait_s) => return Some(json!({"type": "slow-down", "retry_after_s": wait_s, "seq": seq})),
            Fate::Works | Fate::FailsHalfWay => {}
        }
        if self.item.holder != Some(link) {
            return Some(error("not-connected"));
        }
        self.store_results(check_in);
        if matches!(fate, Fate::FailsHalfWay) {
            return Some(error("unavailable"));
        }
        if seq < self.item.seq {
            let mut stale = error("stale-seq");
            stale["stored_seq"] = json!(self.item.seq);
            return Some(stale);
        }
        self.item.seq = seq;
        let CheckIn { firmware, config, update, .. } = check_in.clone();
        self.item.firmware = firmware.or(self.item.firmware.take());
        self.item.config = config.or(self.item.config.take());
        self.item.update = update.or(self.item.update.take());
        let ack = json!({"type":"ack","seq":seq,"next_check_in_s":10,"reconnect_within_s":LIFE_S,"spread_s":5});
        check_in.ack.then_some(ack)
    }

    fn arrive(&mut self, index: usize, fate: Fate) {
        let Some((link, check_in)) = self.bench.said.get(index).cloned() else { return };
        let answer = self.answer(link, &check_in, fate);
        self.answers.extend(answer.map(|answer| (link, answer)));
    }

    fn happen(&mut self, event: Happens) {
        let link = self.bench.link();
        match event {
            Happens::TimePasses(seconds) => self.bench.now += s(seconds),
            Happens::Arrives(back, fate) => {
                if let Some(index) = self.bench.said.len().checked_sub(back + 1) {
                    self.arrive(index, fate);
                }
            }
            Happens::Answered(which) => {
                if let Some((link, answer)) = self.answers.get(self.answers.len().wrapping_sub(which + 1)).cloned() {
                    self.bench.receive(link, &answer);
                }
            }
            Happens::FirmwareChanges => {
                self.counter += 1;
                self.bench.firmware = Some(self.counter.to_string());
                self.bench.machine.check_in_now(self.bench.now);
            }
            Happens::ConfigDesired { accepted } => {
                self.counter += 1;
                self.bench.applies = if accepted { Applied::Applied } else { Applied::Rejected("no".to_owned()) };
                self.bench.receive(link, &pushed(self.counter));
            }
            Happens::FirmwareDesired => {
                self.counter += 1;
                let version = format!("desired-{}", self.counter);
                self.bench.receive(link, &json!({"type": "firmware", "version": version}));
            }
            Happens::CommandTold => {
                self.counter += 1;
                let news = json!({"type":"command","command":self.counter,"name":"echo","expires_in_s":1000});
                self.bench.receive(link, &news);
            }
            Happens::CommandFinishes => self.finish(),
            Happens::Reconnects => self.bench.receive(link, &json!({"type": "reconnect", "within_s": 0})),
            Happens::Breaks => self.bench.server_closes(link),
        }
        self.connect();
    }

    fn finish(&mut self) {
        if let Some(news) = self.bench.executed.last().cloned() {
            self.bench.machine.finished(self.bench.now, news.command, CommandStatus::Done, "did it");
            self.finished.push(news.command);
            self.bench.settle();
        }
    }

    fn reported(&mut self) -> (Option<String>, Option<ConfigReport>, Option<UpdateReport>) {
        let firmware = self.bench.firmware.clone();
        let config = self.bench.machine.configs.report(None);
        let update = self.bench.machine.updates.report(firmware.as_deref()).map(|attempt| attempt.report);
        (firmware, config, update)
    }

    /// Checks that everything that the node no longer reports is stored.
    fn check(&mut self) -> Result<(), TestCaseError> {
        let owed: Vec<_> = self.bench.machine.commands.results().iter().map(|result| result.command).collect();
        for command in &self.finished {
            let stored = self.item.results.contains_key(command);
            prop_assert!(stored || owed.contains(command), "the result of {} is lost", command);
        }
        let firmware = self.bench.firmware.clone();
        for (link, check_in) in &self.bench.said[self.seen..] {
            if check_in.firmware.is_none() && self.item.holder == Some(*link) {
                prop_assert_eq!(&self.item.firmware, &firmware, "the firmware was left out, but is not stored");
            }
        }
        self.seen = self.bench.said.len();
        Ok(())
    }

    /// Goes on for a while in which nothing is lost or fails.
    fn calm_down(&mut self) {
        let until = self.bench.now + s(400);
        let mut seen = 0;
        while self.bench.now < until {
            while seen < self.bench.said.len() {
                let answers = self.answers.len();
                self.arrive(seen, Fate::Works);
                seen += 1;
                for (link, answer) in self.answers.split_off(answers) {
                    self.bench.receive(link, &answer);
                }
                self.finish();
                self.connect();
            }
            self.bench.now = self.bench.machine.deadline().expect("something to wait for").max(self.bench.now);
            self.connect();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_check_ins_the_last_report_and_every_result_are_stored_in_the_end(
        history in prop::collection::vec(happens(), 0..80),
    ) {
        let mut world = World::new();
        for event in history {
            world.happen(event);
            world.check()?;
        }
        world.calm_down();
        world.check()?;
        let (firmware, config, update) = world.reported();
        prop_assert_eq!(&world.item.firmware, &firmware);
        prop_assert_eq!(&world.item.config, &config);
        prop_assert_eq!(&world.item.update, &update);
        prop_assert!(world.bench.machine.commands.results().is_empty(), "results are still being reported");
        for command in &world.finished {
            prop_assert!(world.item.results.contains_key(command), "the result of {} is lost", command);
        }
    }
}

fn stale(seq: u64, stored: u64) -> serde_json::Value {
    json!({"type": "error", "code": "stale-seq", "message": "", "seq": seq, "stored_seq": stored})
}

impl Bench {
    /// A node that has sent the result of a command and a new firmware version, in check-ins 2 and 3, without waiting
    /// for an ack between them.
    fn back_to_back() -> Self {
        let mut bench = Self::connected();
        bench.receive(bench.link(), &json!({"type":"command","command":1,"name":"echo","expires_in_s":60}));
        bench.firmware = Some("2".to_owned());
        bench.machine.finished(bench.now, 1, CommandStatus::Done, "hello");
        bench.settle();
        bench.machine.check_in_now(bench.now);
        bench.settle();
        assert_eq!(bench.said.len(), 3);
        bench
    }

    fn next_check_in(&mut self) -> CheckIn {
        let before = self.said.len();
        self.pass_until(|bench| bench.said.len() > before);
        self.said.last().expect("a check-in").1.clone()
    }
}

#[test]
fn the_results_of_a_stale_check_in_are_stored_and_the_later_one_carries_the_rest() {
    let mut bench = Bench::back_to_back();
    let link = bench.link();
    bench.receive(link, &stale(2, 3));
    assert!(bench.machine.commands.results().is_empty());
    let again = bench.next_check_in();
    assert_eq!((again.seq, again.firmware.as_deref(), again.results.len()), (4, Some("2"), 0), "3 is not acknowledged");
    bench.ack(link, 3);
    bench.ack(link, 4);
    assert_eq!(bench.next_check_in().firmware, None);
}

#[test]
fn a_stale_check_in_that_is_itself_the_stored_one_counts_as_acknowledged() {
    let mut bench = Bench::back_to_back();
    bench.receive(bench.link(), &stale(3, 3));
    let next = bench.next_check_in();
    assert_eq!((bench.now, next.seq, next.firmware, next.results), (s(60), 4, None, vec![]));
}

#[test]
fn a_stored_seq_that_this_node_did_not_send_is_exceeded_soon_and_everything_is_sent_again() {
    let mut bench = Bench::back_to_back();
    let link = bench.link();
    bench.receive(link, &stale(3, 50));
    let again = bench.next_check_in();
    assert!(bench.now <= s(1), "{:?}", bench.now);
    assert_eq!((again.seq, again.ack, again.firmware.as_deref()), (51, true, Some("2")));
    bench.ack(link, 50);
    assert_eq!(bench.next_check_in().firmware.as_deref(), Some("2"), "this node did not send check-in 50");
}

#[test]
fn impossible_stored_seqs_are_tolerated() {
    for stored in [0, 1, 2, SEQ_MAX, u64::MAX] {
        let mut bench = Bench::back_to_back();
        bench.receive(bench.link(), &stale(3, stored));
        let again = bench.next_check_in();
        assert_eq!((again.seq, again.firmware.as_deref()), (4, Some("2")), "{stored}");
        assert_eq!(again.results.len(), usize::from(stored < 3), "{stored}");
    }
}

#[test]
fn a_report_of_any_length_fits_a_message() {
    let mut bench = Bench::connected();
    let long = "\u{1}".repeat(100_000);
    let config = ConfigReport { version: 1, status: rollcall_wire::ConfigStatus::Rejected, detail: Some(long.clone()) };
    let report = Report { firmware: Some(long), config: Some(config), health: None };
    bench.machine.check_in_now(bench.now);
    bench.machine.tick(bench.now);
    let check_in = bench.machine.check_in(bench.now, bench.link(), report).expect("a check-in");
    let message = rollcall_wire::NodeMessage::CheckIn(check_in);
    assert!(serde_json::to_string(&message).expect("JSON").len() <= rollcall_wire::MESSAGE_LIMIT_BYTES);
}
