//! What can happen to a node.

use crate::id::{ConnectionId, CredentialVersion, Instance, NodeId};
use crate::report::Report;
use crate::timestamp::Timestamp;

/// Something that happened to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Event {
    pub node: NodeId,
    /// When it happened, by the clock of the host that noticed it. Clocks differ and step back.
    pub at: Timestamp,
    /// When the event is handled, by the handler's clock. Events may be delivered late.
    pub now: Timestamp,
    /// Whether the event begins a new minute of the node's budget. Only [`Settled::Again`](crate::Settled::Again) makes
    /// such events.
    pub fresh: bool,
    /// When the token expires that the node came with; `None` if it is not known, or the node did not cause the event.
    pub token_ends: Option<Timestamp>,
    pub kind: EventKind,
}

impl Event {
    /// An event that is handled as it happens.
    pub fn new(node: NodeId, at: Timestamp, kind: EventKind) -> Self {
        Self { node, at, now: at, fresh: false, token_ends: None, kind }
    }

    /// How many fields of the node's report were dropped or clipped; `None` if none was.
    pub fn dropped(&self) -> Option<u32> {
        let (EventKind::CheckIn { report, .. } | EventKind::Poll { report, .. }) = &self.kind else { return None };
        Some(report.dropped()).filter(|dropped| *dropped > 0)
    }
}

/// A connection and its place in the order of a node's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Connection {
    pub id: ConnectionId,
    /// When it opened. The newest connection holds the node; of two that opened at the same instant, it is the one with
    /// the greater id.
    pub opened_at: Timestamp,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum EventKind {
    /// A node opens a connection. The events of two connections of a node may arrive in either order.
    Connect {
        connection: Connection,
        /// The credential version of the connection's token.
        credentials: CredentialVersion,
        /// The running instance of the node's program that opened it, if it named itself.
        instance: Option<Instance>,
    },
    /// A node checked in on a connection. Messages of one connection are handled in parallel.
    CheckIn {
        connection: Connection,
        /// The credential version of the connection's token.
        credentials: CredentialVersion,
        /// When API Gateway got the message. The connection may have closed between then and now.
        received: Timestamp,
        /// The message's sequence number on this connection.
        seq: u64,
        /// Whether the node asks for an answer.
        ack: bool,
        report: Report,
        /// How many results of commands came with the check-in. Each counts as a message of the budget.
        results: u32,
    },
    /// The node sent a message that stores nothing: a question, or a message that can't be read.
    Ask {
        connection: Connection,
        /// The credential version of the connection's token.
        credentials: CredentialVersion,
    },
    /// A check-in came after one with a higher sequence number. It is counted for the budget, and its report is not
    /// stored.
    Stale {
        connection: Connection,
        /// The credential version of the connection's token.
        credentials: CredentialVersion,
        /// When API Gateway got the message.
        received: Timestamp,
        /// The highest sequence number that is stored.
        stored: u64,
        /// How many results of commands came with the check-in. Each counts as a message of the budget.
        results: u32,
    },
    /// A message was over the node's budget.
    Excess {
        /// The stored number of offences before this one.
        offences: Option<u64>,
        /// The stored end of the node's last block.
        blocked_until: Option<Timestamp>,
    },
    /// Another instance took the node over from an open connection.
    TakenOver {
        /// The connection that took the node over.
        connection: ConnectionId,
        /// The stored number of takeovers before this one; 0 if the last one was an hour ago or longer.
        before: u64,
    },
    /// A connection closed. The event may come late, twice, never, or before the connection's [`EventKind::Connect`].
    Disconnect {
        connection: Connection,
        /// The close code (RFC 6455, section 7.4), if there was one.
        code: Option<u16>,
        /// The reason, if there was one.
        reason: Option<String>,
    },
    /// The node checked in by an HTTP request, because it can't hold a connection.
    Poll {
        /// The credential version of the request's token.
        credentials: CredentialVersion,
        report: Report,
        /// How many results of commands came with the poll. Each counts as a message of the budget.
        results: u32,
    },
    /// The sweep found a closed node whose grace period is over.
    Expire {
        /// What the sweep read.
        found: Found,
    },
    /// The slow scan found a node that has been silent for too long.
    Lost {
        /// What the scan read.
        found: Found,
    },
}

impl EventKind {
    /// The credential version of the token that the node's connection or request came with; `None` if the node did not
    /// cause the event.
    pub(crate) fn credentials(&self) -> Option<CredentialVersion> {
        match self {
            Self::Connect { credentials, .. }
            | Self::CheckIn { credentials, .. }
            | Self::Ask { credentials, .. }
            | Self::Stale { credentials, .. }
            | Self::Poll { credentials, .. } => Some(*credentials),
            Self::Excess { .. }
            | Self::TakenOver { .. }
            | Self::Disconnect { .. }
            | Self::Expire { .. }
            | Self::Lost { .. } => None,
        }
    }
}

/// What a sweep read of a node, and bases its event on. If the node has changed in a way that makes the event wrong,
/// the event is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The connection that held the node, if there ever was one.
    pub connection: Option<ConnectionId>,
    /// Whether that connection was open.
    pub open: bool,
    /// When the node last checked in.
    pub seen: Option<Timestamp>,
    /// Whether the node checked in by polling.
    pub polls: bool,
}
