//! Bounds: who takes part in a scenario, and how much goes wrong.

use std::fmt;

use crate::reached::Outcome as Reach;
use crate::socket::Tick;
use crate::task::{CHECK_INS, CONFIGS, POLLS};

/// What happens at most in a history, and what must happen in some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many check-ins each connection sends. A connection without a number is not opened.
    pub check_ins: [Option<u8>; 2],
    /// Whether each connection asks a question.
    pub asks: bool,
    /// How many times the node polls.
    pub polls: u8,
    /// How many configurations the application sets, each with a document of its own.
    pub configs: u8,
    /// How many times the application revokes the node.
    pub revokes: u8,
    /// How many times the sweep finds something.
    pub sweeps: u8,
    /// How many times the slow scan finds something.
    pub scans: u8,
    /// The last tick of the clock, which begins at 0.
    pub last_tick: Tick,
    /// How many answers of DynamoDB are lost, after what was written is stored.
    pub answers_lost: u8,
    /// How many calls to `@connections` are lost.
    pub calls_lost: u8,
    /// How many messages and `$disconnect`s are delivered a second time.
    pub repeated: u8,
    /// Whether every invocation may go on for longer than a tick. If not, only sweeps may.
    pub outlasts_ticks: bool,
    /// The outcomes that some history must reach.
    pub reaches: &'static [Reach],
}

impl Bounds {
    /// Whether the model has tasks for all that these bounds allow.
    pub(crate) fn are_modelled(&self) -> bool {
        let check_ins = self.check_ins.into_iter().flatten().all(|check_ins| check_ins <= CHECK_INS);
        check_ins && self.polls <= POLLS && self.configs <= CONFIGS
    }

    /// These bounds with so many more lost answers, lost calls and repeated deliveries.
    #[must_use]
    pub fn with_more(self, more: u8) -> Self {
        let Self { answers_lost, calls_lost, repeated, .. } = self;
        let [answers_lost, calls_lost, repeated] = [answers_lost, calls_lost, repeated].map(|most| most + more);
        Self { answers_lost, calls_lost, repeated, ..self }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.check_ins;
        let connections = [("A", a), ("B", b)].into_iter().filter_map(|(name, check_ins)| {
            check_ins.map(|check_ins| match check_ins {
                0 => format!("connection {name}"),
                _ => format!("connection {name} with {}", number(check_ins, "check-in")),
            })
        });
        let others = [
            (self.asks.into(), "question of each connection"),
            (self.polls, "poll"),
            (self.configs, "configuration"),
            (self.revokes, "revoke"),
            (self.sweeps, "sweep"),
            (self.scans, "slow scan"),
            (self.last_tick, "tick"),
            (self.answers_lost, "lost answer"),
            (self.calls_lost, "lost call"),
            (self.repeated, "repeated delivery"),
        ];
        let others = others.into_iter().filter(|(most, _)| *most > 0).map(|(most, of)| number(most, of));
        let slow = self.outlasts_ticks.then(|| "invocations that outlast ticks".to_owned());
        f.write_str(&connections.chain(others).chain(slow).collect::<Vec<_>>().join(", "))
    }
}

fn number(number: u8, of: &str) -> String {
    match (number, of.strip_suffix('y')) {
        (1, _) => format!("1 {of}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {of}s"),
    }
}

/// Nobody does anything.
pub(crate) const NOTHING: Bounds = Bounds {
    check_ins: [None, None],
    asks: false,
    polls: 0,
    configs: 0,
    revokes: 0,
    sweeps: 0,
    scans: 0,
    last_tick: 0,
    answers_lost: 0,
    calls_lost: 0,
    repeated: 0,
    outlasts_ticks: false,
    reaches: &[],
};
