//! What happens in the world, as plain data. The parts of the world cause events and know nothing of each other.

use std::rc::Rc;

use rollcall_core::{ConnectionId, NodeId, Timestamp};

use crate::call::Answer;
pub(crate) use crate::invoking::{
    Called, FUNCTIONS, Function, HttpReply, HttpRequest, Invoking, Payload, Purpose, Returned, Speaker,
};
use crate::outbound::Out;

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
    /// The schedule of the sweep.
    Sweep,
    /// The schedule of the rollouts.
    Rollouts,
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
    /// Something happens on the way to the application.
    Outbound(Out),
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
    /// The program has made an image of a delta, or failed to.
    Made(u32),
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
