//! Scenarios: who takes part, and how much goes wrong.

use crate::reached::Outcome;
use crate::socket::Tick;

/// What happens at most in a history, and what must happen in some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many check-ins each connection sends. A connection without a number is not opened.
    pub check_ins: [Option<u8>; 2],
    /// How many questions each connection asks.
    pub questions: u8,
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
    /// Whether a write may take longer than a tick. The functions give up after five seconds, which a right clock of
    /// another host may be ahead.
    pub outlasts_ticks: bool,
    /// Whether also that must hold which the rules do not keep yet ([`findings`](crate::findings)).
    pub is_strict: bool,
    /// The outcomes that some history must reach.
    pub reaches: &'static [Outcome],
}

/// A scenario, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// What happens at most.
    pub bounds: Bounds,
}

/// Nobody does anything.
pub(crate) const NOTHING: Bounds = Bounds {
    check_ins: [None, None],
    questions: 0,
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
    is_strict: false,
    reaches: &[],
};

/// All scenarios.
pub fn scenarios() -> [Scenario; 5] {
    [
        Scenario {
            name: "connections",
            about: "two connections take the node from each other",
            bounds: Bounds {
                check_ins: [Some(2), Some(1)],
                questions: 0,
                last_tick: 1,
                answers_lost: 2,
                calls_lost: 1,
                repeated: 1,
                ..NOTHING
            },
        },
        Scenario {
            name: "presence",
            about: "connections close, a poll comes, and both sweeps judge what they read earlier",
            bounds: Bounds {
                check_ins: [Some(1), Some(0)],
                polls: 1,
                sweeps: 2,
                scans: 1,
                last_tick: 4,
                answers_lost: 1,
                ..NOTHING
            },
        },
        Scenario {
            name: "configurations",
            about: "two operators set configurations while the node checks in and polls",
            bounds: Bounds {
                check_ins: [Some(2), None],
                polls: 1,
                configs: 2,
                last_tick: 1,
                answers_lost: 2,
                calls_lost: 1,
                repeated: 1,
                ..NOTHING
            },
        },
        Scenario {
            name: "revocation",
            about: "the application revokes the node while it connects, checks in, asks and polls",
            bounds: Bounds {
                check_ins: [Some(1), Some(1)],
                questions: 1,
                polls: 1,
                configs: 1,
                revokes: 1,
                last_tick: 1,
                answers_lost: 1,
                calls_lost: 1,
                repeated: 1,
                ..NOTHING
            },
        },
        Scenario {
            name: "everything",
            about: "all of it at once",
            bounds: Bounds {
                check_ins: [Some(1), Some(0)],
                polls: 1,
                configs: 1,
                revokes: 1,
                sweeps: 1,
                scans: 1,
                last_tick: 2,
                answers_lost: 1,
                ..NOTHING
            },
        },
    ]
}
