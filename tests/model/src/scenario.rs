//! Scenarios.

use crate::bounds::{Bounds, NOTHING};
use crate::reached::Outcome as Reach;

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

/// All scenarios.
pub fn scenarios() -> [Scenario; 8] {
    [CONNECTIONS, PRESENCE, RETURNING, CONFIGURATIONS, REVOCATION, UNSURE, SLOW, EVERYTHING]
}

const CONNECTIONS: Scenario = Scenario {
    name: "connections",
    about: "two connections take the node from each other",
    bounds: Bounds {
        check_ins: [Some(2), Some(1)],
        last_tick: 1,
        answers_lost: 1,
        repeated: 1,
        reaches: &[
            Reach::Stored,
            Reach::LetIn,
            Reach::Acked,
            Reach::Superseded,
            Reach::Closed,
            Reach::Stale,
            Reach::AnswerLost,
            Reach::Recognised,
            Reach::CaughtUp,
            Reach::Dismissed,
        ],
        ..NOTHING
    },
};

const PRESENCE: Scenario = Scenario {
    name: "presence",
    about: "a connection closes, a poll comes, and both sweeps judge what they have read",
    bounds: Bounds {
        check_ins: [Some(1), None],
        polls: 1,
        sweeps: 2,
        scans: 1,
        last_tick: 4,
        answers_lost: 1,
        reaches: &[
            Reach::Stored,
            Reach::LetIn,
            Reach::Acked,
            Reach::Closed,
            Reach::Changed,
            Reach::Offline,
            Reach::OfflineByScan,
            Reach::SweptPolling,
            Reach::AnswerLost,
            Reach::Recognised,
            Reach::StoredAgain,
            Reach::CaughtUp,
            Reach::Read,
        ],
        ..NOTHING
    },
};

const RETURNING: Scenario = Scenario {
    name: "returning",
    about: "the node returns while a sweep judges the connection before",
    bounds: Bounds {
        check_ins: [Some(0), Some(0)],
        sweeps: 1,
        scans: 1,
        last_tick: 3,
        answers_lost: 1,
        reaches: &[
            Reach::Stored,
            Reach::LetIn,
            Reach::Superseded,
            Reach::Closed,
            Reach::Changed,
            Reach::Offline,
            Reach::OfflineByScan,
            Reach::AnswerLost,
            Reach::Recognised,
            Reach::Dismissed,
            Reach::Read,
        ],
        ..NOTHING
    },
};

const CONFIGURATIONS: Scenario = Scenario {
    name: "configurations",
    about: "two operators set configurations while the node checks in and polls",
    bounds: Bounds {
        check_ins: [Some(1), None],
        polls: 1,
        configs: 2,
        last_tick: 1,
        answers_lost: 1,
        calls_lost: 1,
        reaches: &[
            Reach::Stored,
            Reach::LetIn,
            Reach::Acked,
            Reach::AckedWithNews,
            Reach::Closed,
            Reach::AnswerLost,
            Reach::Recognised,
            Reach::StoredAgain,
            Reach::CaughtUp,
            Reach::CallLost,
            Reach::Pushed,
            Reach::Gone,
            Reach::ProvesNothing,
            Reach::ConfigSet,
            Reach::ConfigUnchanged,
            Reach::Read,
        ],
        ..NOTHING
    },
};

const REVOCATION: Scenario = Scenario {
    name: "revocation",
    about: "the application revokes the node while it connects, checks in, asks and polls",
    bounds: Bounds {
        check_ins: [Some(1), Some(0)],
        asks: true,
        polls: 1,
        configs: 1,
        revokes: 1,
        reaches: &[
            Reach::Stored,
            Reach::LetIn,
            Reach::Acked,
            Reach::AckedWithNews,
            Reach::Answered,
            Reach::Superseded,
            Reach::Closed,
            Reach::Revoked,
            Reach::CaughtUp,
            Reach::Dismissed,
            Reach::Pushed,
            Reach::Gone,
            Reach::ProvesNothing,
            Reach::ConfigSet,
            Reach::Denied,
            Reach::NodeRevoked,
            Reach::Read,
        ],
        ..NOTHING
    },
};

const UNSURE: Scenario = Scenario {
    name: "unsure",
    about: "one connection, while answers are lost until nobody knows what is stored",
    bounds: Bounds {
        check_ins: [Some(1), None],
        asks: true,
        polls: 1,
        configs: 1,
        revokes: 1,
        answers_lost: 2,
        calls_lost: 1,
        reaches: &[
            Reach::Stored,
            Reach::LetIn,
            Reach::Acked,
            Reach::AckedWithNews,
            Reach::Answered,
            Reach::Closed,
            Reach::Revoked,
            Reach::AnswerLost,
            Reach::Recognised,
            Reach::StoredAgain,
            Reach::GaveUp,
            Reach::CallLost,
            Reach::Dismissed,
            Reach::Pushed,
            Reach::Gone,
            Reach::ProvesNothing,
            Reach::ConfigSet,
            Reach::ConfigUnchanged,
            Reach::Denied,
            Reach::NodeRevoked,
            Reach::Read,
        ],
        ..NOTHING
    },
};

const SLOW: Scenario = Scenario {
    name: "slow",
    about: "writes are under way for up to 30 seconds",
    bounds: Bounds {
        check_ins: [Some(1), Some(0)],
        last_tick: 3,
        answers_lost: 1,
        outlasts_ticks: true,
        reaches: &[
            Reach::Stored,
            Reach::LetIn,
            Reach::Acked,
            Reach::Superseded,
            Reach::Closed,
            Reach::AnswerLost,
            Reach::Recognised,
            Reach::Dismissed,
        ],
        ..NOTHING
    },
};

const EVERYTHING: Scenario = Scenario {
    name: "everything",
    about: "all of it at once",
    bounds: Bounds {
        check_ins: [Some(0), Some(0)],
        polls: 1,
        configs: 1,
        revokes: 1,
        sweeps: 1,
        last_tick: 1,
        reaches: &[
            Reach::Stored,
            Reach::LetIn,
            Reach::Acked,
            Reach::AckedWithNews,
            Reach::Superseded,
            Reach::Closed,
            Reach::Revoked,
            Reach::Changed,
            Reach::Offline,
            Reach::SweptPolling,
            Reach::Dismissed,
            Reach::Pushed,
            Reach::ProvesNothing,
            Reach::ConfigSet,
            Reach::Denied,
            Reach::NodeRevoked,
            Reach::Read,
        ],
        ..NOTHING
    },
};
