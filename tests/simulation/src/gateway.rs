//! API Gateway's WebSocket API: handshakes, messages, the ends of connections, and `@connections`.
//!
//! Written from what is documented and assumed of API Gateway, as `localstack/gateway` is, and not from its code.

use std::collections::BTreeMap;
use std::rc::Rc;

use rollcall_core::{Connection, ConnectionId, Timestamp};
use rollcall_fleet::Seen;

use crate::bucket::Bucket;
use crate::draw::Draw;
use crate::event::{
    ConnNo, DeviceNo, Down, Ending, Event, Function, Hello, Invoking, Payload, Purpose, Returned, Speaker, Up, WireNo,
};
use crate::faults::Fault;
use crate::ground::Ground;
use crate::invoking::Admitted;
use crate::kernel::{MS, Micros, S};
use crate::network::Network;

/// A connection without a message in either direction for this long is closed, and one that is open for this long
/// (Amazon API Gateway quotas, WebSocket API).
pub(crate) const IDLE: Micros = 600 * S;
const LIFE: Micros = 7_200 * S;
/// How long an integration or the authorizer may take.
const INTEGRATION: Micros = 29 * S;
/// New connections a second.
const NEW_A_SECOND: u64 = 500;
/// Requests a second, and at once.
const REQUESTS: (u64, u64) = (10_000, 5_000);
/// The largest frame of a client, in bytes. No client here sends a message in several frames.
const FRAME: usize = 32 * 1024;
/// The largest message that a function posts, in bytes.
pub(crate) const MESSAGE: usize = 128 * 1024;

/// The close codes of the gateway, and its reasons.
const GOING_AWAY: Ending = (1001, "Going away");
pub(crate) const LOST: Ending = (1006, "Connection closed abnormally");
pub(crate) const NORMAL: Ending = (1000, "Connection closed normally");
const TOO_BIG: Ending = (1009, "Message too big");
/// A client has closed without a code.
pub(crate) const NO_STATUS: Ending = (1005, "Client-side close frame status not set");

/// The gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) conns: Vec<Conn>,
    pub(crate) open: BTreeMap<ConnectionId, ConnNo>,
    pub(crate) new_connections: Bucket,
    pub(crate) requests: Bucket,
    /// How many clients were told of an error on an open connection.
    errors: u64,
}

/// A connection, from its handshake on.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) wire: WireNo,
    pub(crate) device: DeviceNo,
    pub(crate) id: ConnectionId,
    /// When it opened, by the gateway's clock.
    pub(crate) opened_at: Timestamp,
    /// Who it belongs to, once the authorizer has said so.
    pub(crate) owner: Option<Admitted>,
    pub(crate) hello: Option<Box<Hello>>,
    pub(crate) stage: Stage,
    pub(crate) opened: Micros,
    /// When the last message came or went.
    pub(crate) active: Micros,
    /// Which host serves it.
    pub(crate) host: usize,
    /// The client has left while the handshake was under way.
    pub(crate) left: bool,
    pub(crate) draw: Draw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Handshake,
    Open,
    Over,
}

impl Gateway {
    /// A gateway without connections.
    pub(crate) fn new() -> Self {
        Self {
            conns: vec![],
            open: BTreeMap::new(),
            new_connections: Bucket::new(NEW_A_SECOND, NEW_A_SECOND),
            requests: Bucket::new(REQUESTS.0, REQUESTS.1),
            errors: 0,
        }
    }

    /// How many connections there were.
    pub(crate) fn count(&self) -> usize {
        self.conns.len()
    }

    /// Something came from a client.
    pub(crate) fn came(&mut self, ground: &mut Ground, network: &mut Network, wire: WireNo, up: Up) {
        if let Up::Hello(hello) = up {
            return self.hello(ground, network, wire, hello);
        }
        let Some(conn) = network.wire(wire).conn else { return };
        match up {
            Up::Text(text) => self.text(ground, network, conn, text),
            Up::Close(ending) => {
                // Its frame is sent back. The reason is the client's, as it is.
                network.down(ground, wire, Down::Close(ending));
                self.end(ground, network, conn, if ending.0 == NO_STATUS.0 { NO_STATUS } else { ending });
            }
            Up::Reset if self.conns[conn].stage == Stage::Handshake => self.conns[conn].left = true,
            Up::Reset => self.end(ground, network, conn, LOST),
            Up::Greeting | Up::Hello(_) | Up::Ping => {}
        }
    }

    /// A function of a handshake or of a message has returned.
    pub(crate) fn returned(
        &mut self,
        ground: &mut Ground,
        network: &mut Network,
        purpose: Purpose,
        returned: Returned,
    ) {
        match purpose {
            Purpose::Authorize(conn) => self.authorized(ground, network, conn, returned),
            Purpose::Connect(conn) => self.connected(ground, network, conn, &returned),
            Purpose::Message(conn) => self.reply(ground, network, conn, returned),
            Purpose::Http(_) | Purpose::Stream(_) | Purpose::Queue(_) | Purpose::Nothing => {}
        }
    }

    /// A message came. It is handed to its function at once, whatever other messages of the connection are under way.
    fn text(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, text: String) {
        let now = ground.now();
        let conn = &mut self.conns[number];
        conn.active = now;
        if now >= conn.opened + LIFE {
            return self.close(ground, network, number, GOING_AWAY);
        }
        if text.len() > FRAME {
            return self.close(ground, network, number, TOO_BIG);
        }
        if !self.requests.admit(now) {
            return self.error(ground, network, number, "Too Many Requests");
        }
        let text: Rc<str> = text.into();
        let at = ground.clock(self.conns[number].host);
        let mut draw = self.conns[number].draw.clone();
        if ground.hits(Fault::MessagesDoubled, &mut draw) {
            let after = draw.below(S);
            ground.after(after, Event::Doubled(number, Rc::clone(&text), at));
        }
        self.conns[number].draw = draw;
        self.message(ground, number, text, at);
    }

    /// Hands a message that came at this time, by the gateway's clock, to its function.
    pub(crate) fn message(&mut self, ground: &mut Ground, number: ConnNo, text: Rc<str>, at: Timestamp) {
        let Some(speaker) = self.conns[number].speaker(at) else { return };
        let payload = Payload::Message { speaker, text };
        self.invoke(ground, number, Function::CheckIn, payload, Purpose::Message(number));
    }

    fn reply(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, returned: Returned) {
        match returned {
            Returned::Answer { body: Some(body), .. } => self.frame(ground, network, number, &body),
            Returned::Answer { body: None, .. } => {}
            Returned::Throttled => self.error(ground, network, number, "Too Many Requests"),
            _ => self.error(ground, network, number, "Internal server error"),
        }
    }

    /// What the gateway itself tells a client on an open connection.
    fn error(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, message: &str) {
        self.errors += 1;
        let (connection, request) = (&self.conns[number].id, self.errors);
        let frame =
            format!("{{\"message\":\"{message}\",\"connectionId\":\"{connection}\",\"requestId\":\"{request:015}=\"}}");
        self.frame(ground, network, number, &frame.into());
    }

    pub(crate) fn frame(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, text: &Rc<str>) {
        let conn = &mut self.conns[number];
        if conn.stage != Stage::Open {
            return;
        }
        conn.active = ground.now();
        network.down(ground, conn.wire, Down::Text(Rc::clone(text)));
    }

    /// The sockets of a device are reset, or all of them.
    pub(crate) fn cut(&mut self, ground: &mut Ground, network: &mut Network, device: Option<DeviceNo>) -> bool {
        let is_meant = |number: &ConnNo| device.is_none_or(|device| self.conns[*number].device == device);
        let cut: Vec<_> = self.open.values().copied().filter(is_meant).collect();
        for number in &cut {
            network.down(ground, self.conns[*number].wire, Down::Reset);
            self.end(ground, network, *number, LOST);
        }
        !cut.is_empty()
    }

    /// Looks whether a connection is idle or too old.
    pub(crate) fn alarm(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo) {
        let conn = &self.conns[number];
        if conn.stage != Stage::Open {
            return;
        }
        let due = (conn.active + IDLE).min(conn.opened + LIFE);
        if due <= ground.now() {
            self.close(ground, network, number, GOING_AWAY);
        } else {
            ground.at(due, Event::Alarm(number));
        }
    }

    pub(crate) fn close(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, ending: Ending) {
        let conn = &self.conns[number];
        ground.saw(Seen::ClosedByCloud { connection: conn.id.clone(), code: ending.0 });
        network.down(ground, conn.wire, Down::Close(ending));
        self.end(ground, network, number, ending);
    }

    pub(crate) fn end(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, ending: Ending) {
        let conn = &mut self.conns[number];
        if conn.stage != Stage::Open {
            return;
        }
        conn.stage = Stage::Over;
        self.open.remove(&conn.id);
        let wire = network.wire(conn.wire);
        (wire.conn, wire.over) = (None, true);
        let connection = conn.id.clone();
        if let Some(Admitted { node, .. }) = conn.owner.clone() {
            ground.saw(Seen::Ended { node, connection });
        }
        let conn = &mut self.conns[number];
        conn.hello = None;
        let (mut draw, host) = (conn.draw.clone(), conn.host);
        let at = ground.clock(host);
        disconnect(ground, number, (ending, at), &mut draw);
        self.conns[number].draw = draw;
    }

    /// Has `$disconnect` run. However late it is, the event has the time of the end.
    pub(crate) fn disconnected(&mut self, ground: &mut Ground, number: ConnNo, ending: Ending, at: Timestamp) {
        let Some(speaker) = self.conns[number].speaker(at) else { return };
        let (code, reason) = ending;
        let payload = Payload::Disconnect { speaker, code, reason };
        self.invoke(ground, number, Function::Disconnect, payload, Purpose::Nothing);
    }

    pub(crate) fn invoke(
        &self,
        ground: &mut Ground,
        conn: ConnNo,
        function: Function,
        payload: Payload,
        purpose: Purpose,
    ) {
        let behalf = Some(self.conns[conn].device);
        let invoking = Invoking { function, payload, purpose, behalf, patience: INTEGRATION };
        ground.soon(Event::Invoke(Box::new(invoking)));
    }
}

impl Conn {
    pub(crate) fn speaker(&self, at: Timestamp) -> Option<Speaker> {
        let whose = self.owner.clone()?;
        let connection = Connection { id: self.id.clone(), opened_at: self.opened_at };
        Some(Speaker { whose, connection, at })
    }
}

/// `$disconnect` is best effort: it comes a little later, much later, twice, or never.
fn disconnect(ground: &mut Ground, number: ConnNo, (ending, at): (Ending, Timestamp), draw: &mut Draw) {
    if ground.hits(Fault::DisconnectsLost, draw) {
        return;
    }
    let mut after = draw.between(2 * MS, 300 * MS);
    if let Some(by_ms) = ground.much(Fault::DisconnectsLate) {
        ground.hit(Fault::DisconnectsLate.name());
        after += draw.below(by_ms * MS + 1);
    }
    ground.after(after, Event::Disconnected(number, ending, at));
    if ground.hits(Fault::DisconnectsDoubled, draw) {
        let again = after + draw.below(60 * S);
        ground.after(again, Event::Disconnected(number, ending, at));
    }
}
