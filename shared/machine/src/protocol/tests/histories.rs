//! Commands over random histories of deliveries, losses and restarts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rollcall_wire::CommandStatus;

use super::*;

/// How many commands are queued.
const COMMANDS: u64 = 4;

/// An event. Messages on the way are lost or delivered in any order, some of them twice.
#[derive(Clone, Copy, Debug)]
enum Happens {
    TimePasses(u64),
    /// The server sends the first open command.
    CommandSent,
    /// A command that was sent arrives, perhaps once more.
    Arrives(usize),
    /// A check-in reaches the server, which sends an ack.
    Stored(usize),
    Answered(usize),
    Finishes,
    Breaks,
    Restarts,
    /// The node restarts right after the next record is written.
    CrashesSoon,
}

fn happens() -> impl Strategy<Value = Happens> {
    let any = || 0..8_usize;
    prop_oneof![
        2 => (0..40_u64).prop_map(Happens::TimePasses),
        3 => Just(Happens::CommandSent),
        3 => any().prop_map(Happens::Arrives),
        3 => any().prop_map(Happens::Stored),
        3 => any().prop_map(Happens::Answered),
        2 => Just(Happens::Finishes),
        1 => Just(Happens::Breaks),
        1 => Just(Happens::Restarts),
        1 => Just(Happens::CrashesSoon),
    ]
}

/// A server that sends the first command that has not ended, a node, and the messages between them.
struct World {
    bench: Bench,
    ended: BTreeMap<u64, CommandStatus>,
    /// The commands that were sent to the node.
    sent: Vec<u64>,
    /// The acks that were sent: connection, sequence number and command.
    acks: Vec<(LinkId, u64, Option<u64>)>,
}

impl World {
    fn open(&self) -> Option<u64> {
        (1..=COMMANDS).find(|command| !self.ended.contains_key(command))
    }

    fn news(command: u64) -> serde_json::Value {
        json!({"command": command, "name": "echo", "expires_in_s": 1_000_000})
    }

    fn tell(&mut self, command: u64) {
        let mut message = Self::news(command);
        message["type"] = json!("command");
        self.bench.receive(self.bench.link(), &message);
    }

    /// The server stores a check-in. Of several results of a command, the first one counts.
    fn store(&mut self, index: usize) {
        let Some((link, check_in)) = self.bench.said.get(index).cloned() else { return };
        for result in check_in.results {
            self.ended.entry(result.command).or_insert(result.status);
        }
        self.acks.push((link, check_in.seq, self.open()));
    }

    fn answer(&mut self, (link, seq, command): (LinkId, u64, Option<u64>)) {
        let mut ack = json!({"type":"ack","seq":seq,"next_check_in_s":60,"reconnect_within_s":LIFE_S,"spread_s":20});
        if let Some(command) = command {
            ack["command"] = Self::news(command);
        }
        self.bench.receive(link, &ack);
    }

    fn finish(&mut self) {
        if let Some(news) = self.bench.executed.last().cloned() {
            self.bench.machine.finished(self.bench.now, news.command, CommandStatus::Done, "");
            self.bench.settle();
        }
    }

    fn happen(&mut self, event: Happens) {
        let restarts = self.bench.restarts;
        match event {
            Happens::TimePasses(seconds) => self.bench.now += s(seconds),
            Happens::CommandSent => self.sent.extend(self.open()),
            Happens::Arrives(which) => {
                if let Some(command) = self.sent.get(which).copied() {
                    self.tell(command);
                }
            }
            Happens::Stored(back) => {
                if let Some(index) = self.bench.said.len().checked_sub(back + 1) {
                    self.store(index);
                }
            }
            Happens::Answered(which) => {
                if let Some(ack) = self.acks.get(which).copied() {
                    self.answer(ack);
                }
            }
            Happens::Finishes => self.finish(),
            Happens::Breaks => self.bench.server_closes(self.bench.link()),
            Happens::Restarts => self.bench.restart(),
            Happens::CrashesSoon => self.bench.crashes_once_it_is_kept = true,
        }
        self.bench.settle();
        self.connect();
        // Acks that were sent before a restart do not reach the node any more.
        if self.bench.restarts > restarts {
            self.acks.clear();
        }
    }

    /// Opens the connection that is being opened, if there is one.
    fn connect(&mut self) {
        self.bench.opened();
    }

    /// Goes on without losses until every command has ended.
    fn calm_down(&mut self) {
        self.bench.crashes_once_it_is_kept = false;
        for _ in 0..200 {
            if self.open().is_none() {
                return;
            }
            self.finish();
            self.store(self.bench.said.len() - 1);
            let ack = self.acks.pop().expect("an ack");
            self.answer(ack);
            self.bench.now = self.bench.machine.deadline().expect("something to wait for");
            self.bench.settle();
            self.connect();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    /// In every history: no command is executed twice or after a later one, the server receives a result of each, and
    /// at most one command for each restart fails.
    #[test]
    fn no_history_executes_a_command_twice_skips_one_or_loses_a_result(
        history in prop::collection::vec(happens(), 0..80),
    ) {
        let mut world = World { bench: Bench::connected(), ended: BTreeMap::new(), sent: vec![], acks: vec![] };
        for event in history {
            world.happen(event);
            let executed: Vec<_> = world.bench.executed.iter().map(|news| news.command).collect();
            prop_assert!(executed.is_sorted_by(|one, next| one < next), "{:?}", executed);
        }
        world.calm_down();
        prop_assert_eq!(world.open(), None, "the server received no result of it");
        let executed = |command| world.bench.executed.iter().any(|news| news.command == command);
        let (done, failed): (Vec<_>, Vec<_>) =
            world.ended.iter().partition(|(_, status)| **status == CommandStatus::Done);
        prop_assert!(done.iter().all(|(command, _)| executed(**command)), "a command is done that was never executed");
        prop_assert!(failed.len() <= world.bench.restarts, "a command failed without a restart: {:?}", failed);
    }
}
