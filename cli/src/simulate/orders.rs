//! What a simulation and the process of its local cloud say to each other: lines of JSON, by the standard streams.

use std::collections::BTreeMap;

use rollcall_chaos::Troubles;
use serde::{Deserialize, Serialize};

/// What the cloud is told to do. It ends when there will be no more orders.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// From now on, this goes wrong.
    Troubles(Troubles),
    /// Every socket is cut.
    CutAll,
    /// The gateway is restarted. Answered when it serves again.
    RestartGateway,
    /// How often has each fault happened? Answered.
    CountHits,
}

/// What the cloud says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The first line: it serves, there.
    Ready { ws_url: String, http_url: String },
    /// The first line, if it can't be started: why.
    NotStarted(String),
    /// The gateway was restarted, or a warning was printed.
    Restarted,
    /// How often each fault happened, by its name.
    Hits(BTreeMap<String, u64>),
}
