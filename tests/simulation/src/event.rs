//! What happens in the world, as plain data. The parts of the world cause events and know nothing of each other.

use std::rc::Rc;

use rollcall_core::{Connection, ConnectionId, CredentialVersion, NodeId, Timestamp};

use crate::call::{Answer, Request};

/// The index of a device. The first ones are the nodes of the plan, in their order; clones follow.
pub(crate) type DeviceNo = usize;
/// The index of a TCP connection.
pub(crate) type WireNo = usize;
/// The index of a connection at the gateway.
pub(crate) type ConnNo = usize;
/// The index of a request by HTTP.
pub(crate) type ExchangeNo = usize;

/// How a connection ends: a close code, and a reason.
pub(crate) type Ending = (u16, &'static str);

/// Something that happens.
#[derive(Debug)]
pub(crate) enum Event {
    /// A step of the plan.
    Step(usize),
    /// A partition of a device's network may be over.
    Healed(DeviceNo),
    /// Something has come through the network.
    Arrived(Traffic),
    /// Something happens to a device.
    Device(DeviceNo, Doing),
    /// The gateway looks whether a connection is idle or too old.
    Alarm(ConnNo),
    /// The gateway has `$disconnect` run for a connection that ended like this at this time, by its clock.
    Disconnected(ConnNo, Ending, Timestamp),
    /// The gateway hands a message that came at this time, by its clock, to its function for a second time.
    Doubled(ConnNo, Rc<str>, Timestamp),
    /// The gateway has `$connect` run a second time, and waits for this run or not.
    ConnectAgain(ConnNo, bool),
    /// A function is to run.
    Invoke(Box<Invoking>),
    /// An instance begins with an invocation.
    Begin(u64),
    /// An invocation has taken too long for its function.
    Overdue(u64),
    /// An invocation has taken too long for the gateway.
    GivenUp(u64),
    /// A call of an invocation takes long.
    Slow(u64),
    /// A function calls another service.
    Called(Box<Called>),
    /// The call with this number of an invocation is answered.
    Answered(u64, u64, Box<Answer>),
    /// A try of an operation gets to the store.
    Tried(u64, u32),
    /// The store's answer to a try of an operation comes back.
    Told(u64, u32, Box<Answer>),
    /// A try of an operation has had no answer for too long.
    TimedOut(u64, u32),
    /// An operation is tried again.
    TryAgain(u64),
    /// A transaction that has locked its items is committed.
    Commit(u64, u32),
    /// The index of sites learns where a node is.
    Indexed(NodeId),
    /// An item may be deleted because its time to live is over.
    Forget(Box<rollcall_core::Key>),
    /// A function has returned to the gateway.
    Returned(Purpose, Box<Returned>),
    /// A request of the application gets to the gateway.
    Requested(ExchangeNo),
    /// The answer to a request of the application has come back.
    Replied(ExchangeNo),
    /// A conversation of the application goes on.
    AppAgain(usize),
    /// The application has had no answer to a request for too long.
    AppTimedOut(ExchangeNo),
    /// A node gets a token of this credential version.
    Token(usize, u32),
    /// Something happens that must not happen.
    Meddled(crate::meddling::Meddling),
}

/// What comes through the network of a device.
#[derive(Debug)]
pub(crate) enum Traffic {
    /// To the gateway, on a TCP connection.
    Up(WireNo, Up),
    /// To the device, on a TCP connection.
    Down(WireNo, Down),
    /// A request by HTTP, to the gateway.
    Ask(DeviceNo, ExchangeNo),
    /// The answer to a request by HTTP, to the device.
    Reply(DeviceNo, ExchangeNo),
}

/// What a device sends on a TCP connection.
#[derive(Debug)]
pub(crate) enum Up {
    /// The handshakes of TCP and TLS.
    Greeting,
    /// The request of the WebSocket handshake.
    Hello(Box<Hello>),
    Text(String),
    Ping,
    /// A close frame; 1005 says that it has no code.
    Close(Ending),
    /// The TCP connection is over.
    Reset,
}

/// What the gateway sends on a TCP connection.
#[derive(Debug)]
pub(crate) enum Down {
    /// The handshakes of TCP and TLS.
    Greeting,
    /// The 101.
    Switched(ConnectionId),
    /// Another answer to the handshake.
    Refused(u16, Option<u32>),
    Text(Rc<str>),
    Pong,
    /// A close frame; 1005 says that it has no code.
    Close(Ending),
    /// The TCP connection is over.
    Reset,
}

/// The request of a WebSocket handshake.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(crate) token: Rc<str>,
    pub(crate) instance: String,
    /// The subprotocols, if any are offered.
    pub(crate) offered: Option<&'static str>,
}

/// What happens to a device by itself. Most of it only concerns one run of the device, which is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doing {
    /// Something that the run waits for is due. The number is that of the alarm.
    Wake(u64),
    /// It starts, if no other start was planned since.
    Start(u64),
    /// It stops cleanly, and starts again after so many µs.
    Restart(u32, u64),
    /// The power fails, and is back after so many µs.
    Crash(u32, u64),
    /// It goes away for good.
    Leave,
    /// A closing handshake has taken too long.
    CloseTimedOut(WireNo),
    /// The program has done the command with this number.
    CommandDone(u32, u64),
    /// A part of an image has come, or nothing. The number is that of the download.
    Downloaded(u32, u64),
    /// The program has installed an image, or failed to.
    Installed(u32),
    /// The program goes back to the earlier firmware, unless the new one has proven itself.
    Unproven(u32),
    /// A polling program tries again what failed before.
    TryAgain(u32),
    /// The configuration that cuts a polling device off is rolled back.
    CutOffOver(u32),
    /// A polling program is to poll. The number is that of the alarm.
    Poll(u32, u64),
    /// A request by HTTP has had no answer for too long.
    NoReply(ExchangeNo),
}

/// The functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Authorize,
    Connect,
    CheckIn,
    Disconnect,
    Poll,
    Console,
}

/// The number of functions.
pub(crate) const FUNCTIONS: usize = 6;

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
    Authorize { token: Rc<str>, at: Timestamp },
    Connect { speaker: Speaker, instance: String, offered: Option<&'static str> },
    Message { speaker: Speaker, text: Rc<str> },
    Disconnect { speaker: Speaker, code: u16, reason: &'static str },
    Http(Box<HttpRequest>),
}

/// What the gateway says of the connection that an event is about, and of the event.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    pub(crate) node: NodeId,
    pub(crate) credentials: CredentialVersion,
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
    Admitted(NodeId, CredentialVersion),
    /// The authorizer refuses it.
    Unauthorized,
    /// A function of the WebSocket API has answered.
    Answer { status: u16, body: Option<Rc<str>> },
    /// A function of the HTTP API has answered.
    Http(HttpReply),
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
