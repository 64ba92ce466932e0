//! What can happen to a node.

use crate::id::{ConnectionId, CredentialVersion, NodeId, Timestamp};
use crate::report::Report;

/// Something that happened to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which node.
    pub node: NodeId,
    /// When, by the clock of whoever noticed. Clocks differ and step back.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
}

impl Event {
    /// How many fields of what the node said were dropped or clipped; nothing if none was.
    pub fn dropped(&self) -> Option<u32> {
        let (EventKind::CheckIn { report, .. } | EventKind::Poll { report, .. }) = &self.kind else { return None };
        Some(report.dropped()).filter(|dropped| *dropped > 0)
    }
}

/// A connection and its place in the order of a node's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Which.
    pub id: ConnectionId,
    /// When it opened: the newest connection is the node's. Ties go to the greater id.
    pub opened_at: Timestamp,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A connection asks to be let in. Two of one node may arrive in either order.
    Connect {
        /// The connection.
        connection: Connection,
        /// The version of the credentials that it came with.
        credentials: CredentialVersion,
    },
    /// The node said how it is. Messages of one connection are handled in parallel.
    CheckIn {
        /// On which connection.
        connection: Connection,
        /// The message's place in the connection.
        seq: u64,
        /// Whether the node wants an answer.
        ack: bool,
        /// What it said.
        report: Report,
    },
    /// A connection ended. Told late, twice, or never; sometimes before its [`EventKind::Connect`].
    Disconnect {
        /// The connection.
        connection: Connection,
        /// The close code (RFC 6455, section 7.4), if one was told.
        code: Option<u16>,
        /// The reason, if one was told.
        reason: Option<String>,
    },
    /// The node said how it is by a plain request, because it can't hold a connection.
    Poll {
        /// The version of the credentials that it came with.
        credentials: CredentialVersion,
        /// What it said.
        report: Report,
    },
    /// The sweep found a closed node whose grace period is over.
    Expire {
        /// What it found.
        found: Found,
    },
    /// The slow scan found a node that has been silent for too long.
    Lost {
        /// What it found.
        found: Found,
    },
}

/// The part of a node that a sweep saw and bases its judgement on: if any of it changed since, the judgement is void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The connection that held it, if one ever did.
    pub connection: Option<ConnectionId>,
    /// Whether that was open.
    pub open: bool,
    /// When it last checked in.
    pub seen: Option<Timestamp>,
    /// Whether it checks in by polling.
    pub polls: bool,
}
