//! What a world tells the oracle, in the order in which it happens in true time.

use rollcall_core::{ConnectionId, Item, Key, NodeId, Timestamp};
use rollcall_machine::NodeEvent;
use rollcall_wire::{NodeMessage, ServerMessage};
use serde_json::Value;

use crate::application::AppRequest;
use crate::plan::Ask;

/// Something that was seen.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Observation {
    /// When it happened. No observation is earlier than the one before it.
    pub at: Timestamp,
    pub what: Seen,
}

/// A device, and which of its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    /// The index of its node in the plan.
    pub node: usize,
    /// 0 is the node itself, 1 its clone.
    pub device: u8,
    /// How often it was started before.
    pub run: u32,
}

/// What a program did with a configuration that it was handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It runs.
    Applied,
    /// Something close to it runs.
    Substituted,
    /// The program refused it. What ran before runs.
    Refused,
}

/// What was seen. `link` counts the sockets that a device opened.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Seen {
    // Of nodes.
    /// A device's program starts. `record_was_lost`: its disk has no readable record, although one was written.
    Started { who: Device, record_was_lost: bool },
    /// The program stopped, or the power failed.
    Stopped { who: Device, crashed: bool },
    /// The library's run ended by itself. The program starts another one later.
    RunEnded { who: Device, error: Option<String> },
    /// From now on the device connects and polls with a token of this credential version.
    Token { who: Device, credentials: u32 },
    /// The device has read the 101. `connection` is `None` if the world can't know it.
    LinkOpened { who: Device, link: u64, connection: Option<ConnectionId> },
    /// The device has noticed the end of its socket, or ended it itself; `code` if there was a close frame.
    LinkEnded { who: Device, link: u64, code: Option<u16> },
    /// The device has sent a message; `link` is `None` for a poll.
    Sent { who: Device, link: Option<u64>, message: NodeMessage },
    /// The device has read a message of the server; `link` is `None` for the answer to a poll.
    Received { who: Device, link: Option<u64>, message: ServerMessage },
    /// The device has read the answer to a handshake that was no 101.
    ConnectRefused { who: Device, status: u16 },
    /// The device has read the answer to a poll, whose body is in [`Seen::Received`]. 0: there was none.
    PollAnswered { who: Device, status: u16 },
    /// The device's library told its program something.
    Event { who: Device, event: NodeEvent },
    /// The program was handed a configuration, and did this with it.
    Applied { who: Device, version: u64, sha256: String, how: How },
    /// The program went back to what it ran before this version.
    RolledBack { who: Device, version: u64 },
    /// The program began a command.
    Executed { who: Device, command: u64, name: String },
    /// The program installs an image with this size and hash.
    Installed { who: Device, version: String, sha256: String, size: u64 },
    /// The firmware that runs, after a start.
    Runs { who: Device, firmware: String },

    // Of the cloud.
    /// A write was applied, at its linearization point. A transaction is several of these at the same instant.
    Wrote { key: Key, before: Option<Item>, after: Item },
    /// An item was deleted, as DynamoDB deletes items whose time to live is over.
    Forgotten { key: Key },
    /// A handshake reached the gateway, with a token of this credential version. `opened_at` is by the gateway's clock.
    Handshake { node: NodeId, connection: ConnectionId, credentials: u32, opened_at: Timestamp },
    /// The socket is open at the gateway: `$connect` was answered with 200, and the 101 is on its way.
    Open { node: NodeId, connection: ConnectionId },
    /// The gateway closes a socket, because the functions asked for it or by itself (1001, 1009, …).
    ClosedByCloud { connection: ConnectionId, code: u16 },
    /// The socket is over at the gateway, whoever ended it. A socket of a handshake that failed is never open.
    Ended { node: NodeId, connection: ConnectionId },
    /// A function posts a message to a connection. `delivered`: the gateway writes it to the socket.
    Pushed { connection: ConnectionId, message: ServerMessage, delivered: bool },
    /// A function has handled a message of a node or a poll (`connection` is `None`), and answers this. `began`: when
    /// the function was invoked. `credentials`: of the token of the connection or of the request.
    Handled {
        node: NodeId,
        connection: Option<ConnectionId>,
        credentials: u32,
        began: Timestamp,
        answer: Option<ServerMessage>,
    },
    /// A function has handled a node's request for a document (then `sha256` is its hash) or for a firmware URL by HTTP,
    /// and answers with this status.
    Served { node: NodeId, credentials: u32, began: Timestamp, sha256: Option<String>, status: u16 },

    // Of the way to the application.
    /// An event was sent to an endpoint, with this text. `taken`: the endpoint has it, whatever the sender was told.
    Posted { endpoint: String, id: String, event: String, taken: bool },
    /// The deliveries have given an event up: it is a dead letter of this endpoint.
    Buried { endpoint: String, event: String },

    // Of the application.
    /// A request leaves the application.
    Asked { request: Box<AppRequest> },
    /// The application has the answer to a request, or waits for it no longer, which is status 0. `body` is `Null` if
    /// there is none.
    Answered { nth: usize, attempt: u32, ask: Ask, status: u16, etag: Option<String>, body: Value },

    /// A fault really hit something: an answer was lost, an invocation killed, a message doubled, … It has the name of
    /// [`What::name`](crate::What::name).
    Hit { fault: &'static str },
}
