//! What can happen to a node.

use crate::id::{ConnectionId, CredentialVersion, Instance, NodeId, Timestamp};
use crate::report::Report;

/// Something that happened to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which node.
    pub node: NodeId,
    /// When, by the clock of whoever noticed. Clocks differ and step back.
    pub at: Timestamp,
    /// The time as the event is handled, by the clock of whoever handles it. Events may be delivered late.
    pub now: Timestamp,
    /// Whether a new minute of the node's budget begins with it. False but for [`Settled::Again`](crate::Settled::Again).
    pub fresh: bool,
    /// What.
    pub kind: EventKind,
}

impl Event {
    /// An event that is handled as it happens.
    pub fn new(node: NodeId, at: Timestamp, kind: EventKind) -> Self {
        Self { node, at, now: at, fresh: false, kind }
    }

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
        /// The running instance of the node's program that opened it, if it named itself.
        instance: Option<Instance>,
    },
    /// The node said how it is. Messages of one connection are handled in parallel.
    CheckIn {
        /// On which connection.
        connection: Connection,
        /// The version of the credentials that the connection came with.
        credentials: CredentialVersion,
        /// When API Gateway got it: before the connection closed.
        received: Timestamp,
        /// The message's place in the connection.
        seq: u64,
        /// Whether the node wants an answer.
        ack: bool,
        /// What it said.
        report: Report,
        /// How many results of commands came with it. Each counts as a message.
        results: u32,
    },
    /// The node sent a message that stores nothing: a question, or one that can't be read.
    Ask {
        /// On which connection.
        connection: Connection,
        /// The version of the credentials that the connection came with.
        credentials: CredentialVersion,
    },
    /// A check-in came after one with a higher sequence number. It is counted, and nothing else.
    Stale {
        /// On which connection.
        connection: Connection,
        /// The version of the credentials that the connection came with.
        credentials: CredentialVersion,
        /// When API Gateway got it.
        received: Timestamp,
        /// The highest sequence number that is stored.
        stored: u64,
        /// How many results of commands came with it.
        results: u32,
    },
    /// A message was over the node's budget.
    Excess {
        /// How often that had happened, as the node was stored.
        offences: Option<u64>,
        /// Until when the node had been blocked, as it was stored.
        blocked_until: Option<Timestamp>,
    },
    /// Another instance took the node over from an open connection.
    TakenOver {
        /// The connection that did.
        connection: ConnectionId,
        /// How often that had happened within the hour before.
        before: u64,
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
        /// How many results of commands came with it. Each counts as a message.
        results: u32,
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
