//! The functions: what they are given, what they return, and what for.

use std::rc::Rc;

use rollcall_core::{Connection, CredentialVersion, NodeId, Timestamp};
use rollcall_service::{Change, Received};

use crate::call::Request;
use crate::event::{ConnNo, DeviceNo, ExchangeNo};

/// The functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Authorize,
    Connect,
    CheckIn,
    Disconnect,
    Poll,
    Console,
    Sweep,
    Feed,
    Deliver,
}

/// The number of functions.
pub(crate) const FUNCTIONS: usize = 9;

/// A function that is to run, and why.
#[derive(Debug)]
pub(crate) struct Invoking {
    pub(crate) function: Function,
    pub(crate) payload: Payload,
    pub(crate) purpose: Purpose,
    /// The device on whose behalf it runs; `None` for the application.
    pub(crate) behalf: Option<DeviceNo>,
    /// How long the gateway waits, in µs.
    pub(crate) patience: u64,
}

/// What a function is given.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Authorize {
        token: Rc<str>,
        at: Timestamp,
    },
    Connect {
        speaker: Speaker,
        instance: String,
        offered: Option<&'static str>,
    },
    Message {
        speaker: Speaker,
        text: Rc<str>,
    },
    Disconnect {
        speaker: Speaker,
        code: u16,
        reason: &'static str,
    },
    Http(Box<HttpRequest>),
    /// A schedule has nothing to say.
    Scheduled,
    /// Records of the stream of the table of nodes.
    Records(Rc<[Change]>),
    /// Messages of the queue.
    Messages(Rc<[Received]>),
}

/// What the authorizer says of a token: whose it is, its credential version, and when it expires.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) node: NodeId,
    pub(crate) credentials: CredentialVersion,
    pub(crate) token_ends: Option<Timestamp>,
}

/// What the gateway says of the connection that an event is about, and of the event.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    pub(crate) whose: Admitted,
    pub(crate) connection: Connection,
    /// When the event happened, by the gateway's clock.
    pub(crate) at: Timestamp,
}

/// A request by HTTP, as the gateway passes it on.
#[derive(Clone, Debug)]
pub(crate) struct HttpRequest {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<String>,
    /// When it came, by the gateway's clock.
    pub(crate) at: Timestamp,
    /// The node that made it, and the credential version of its token; `None` for the application.
    pub(crate) sender: Option<(NodeId, CredentialVersion)>,
}

/// What a function has returned.
#[derive(Debug)]
pub(crate) enum Returned {
    /// The authorizer admits the bearer of a token.
    Admitted(Admitted),
    /// The authorizer refuses it.
    Unauthorized,
    /// A function of the WebSocket API has answered.
    Answer { status: u16, body: Option<Rc<str>> },
    /// A function of the HTTP API has answered.
    Http(HttpReply),
    /// The feed has told the application of the records; all of them, or those before this place.
    Told(Result<usize, usize>),
    /// The messages of a batch were dealt with, but for those with these ids.
    Delivered(Vec<String>),
    /// Lambda has refused the invocation.
    Throttled,
    /// The function failed: its instance died, or it ran into its own timeout.
    Failed,
    /// The gateway has waited for too long.
    TimedOut,
}

/// The answer to a request by HTTP.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpReply {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Option<String>,
}

/// What the gateway needs the answer of a function for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Authorize(ConnNo),
    /// `$connect`. Of two runs for one handshake, the gateway waits for this one.
    Connect(ConnNo),
    Message(ConnNo),
    Http(ExchangeNo),
    /// A shard of the stream goes on.
    Stream(usize),
    /// A batch of messages is done with, or comes again.
    Queue(u64),
    /// For nothing.
    Nothing,
}

/// A call of an invocation to another service.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) invocation: u64,
    /// Its number within the invocation.
    pub(crate) call: u64,
    pub(crate) request: Request,
    /// Whether it is tried more than twice.
    pub(crate) patient: bool,
    /// What its latencies are drawn from.
    pub(crate) draw: crate::draw::Draw,
}
