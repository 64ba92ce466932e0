//! API Gateway's WebSocket API: handshakes, messages, the ends of connections, and `@connections`.
//!
//! Written from what is documented and assumed of API Gateway, as `localstack/gateway` is, and not from its code.

use std::collections::BTreeMap;
use std::rc::Rc;

use data_encoding::BASE64;
use rollcall_core::{Connection, ConnectionId, CredentialVersion, NodeId, Timestamp};
use rollcall_fleet::Seen;

use crate::bucket::Bucket;
use crate::clocks::HOSTS;
use crate::draw::{Draw, Who};
use crate::event::{
    ConnNo, DeviceNo, Down, Event, Function, Hello, Invoking, Payload, Purpose, Returned, Speaker, Up, WireNo,
};
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};
use crate::network::Network;
use crate::said::server_message;

/// A connection without a message in either direction for this long is closed, and one that is open for this long
/// (Amazon API Gateway quotas, WebSocket API).
const IDLE: Micros = 600 * S;
const LIFE: Micros = 7_200 * S;
/// How long an integration or the authorizer may take.
const INTEGRATION: Micros = 29 * S;
/// New connections a second.
const NEW_A_SECOND: u64 = 500;
/// Requests a second, and at once.
const REQUESTS: (u64, u64) = (10_000, 5_000);
/// The largest frame of a client, in bytes. No client here sends a message in several frames.
const FRAME: usize = 32 * 1024;

/// The close codes of the gateway, and its reasons.
const GOING_AWAY: (u16, &str) = (1001, "Going away");
const LOST: (u16, &str) = (1006, "Connection closed abnormally");
const NORMAL: (u16, &str) = (1000, "Connection closed normally");
const TOO_BIG: (u16, &str) = (1009, "Message too big");

/// The gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    conns: Vec<Conn>,
    open: BTreeMap<ConnectionId, ConnNo>,
    new_connections: Bucket,
    pub(crate) requests: Bucket,
}

/// A connection, from its handshake on.
#[derive(Debug)]
struct Conn {
    wire: WireNo,
    device: DeviceNo,
    id: ConnectionId,
    /// When it opened, by the gateway's clock.
    opened_at: Timestamp,
    /// Who it belongs to, once the authorizer has said so.
    owner: Option<(NodeId, CredentialVersion)>,
    hello: Option<Box<Hello>>,
    stage: Stage,
    opened: Micros,
    /// When the last message came or went.
    active: Micros,
    /// Which host serves it.
    host: usize,
    /// The client has left while the handshake was under way.
    left: bool,
    draw: Draw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
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
            Up::Close => {
                network.down(ground, wire, Down::Close(NORMAL.0, ""));
                self.end(ground, network, conn, NORMAL.0);
            }
            Up::Reset if self.conns[conn].stage == Stage::Handshake => self.conns[conn].left = true,
            Up::Reset => self.end(ground, network, conn, LOST.0),
            Up::SetUp | Up::Hello(_) | Up::Ping => {}
        }
    }

    fn hello(&mut self, ground: &mut Ground, network: &mut Network, wire: WireNo, hello: Box<Hello>) {
        let now = ground.now();
        let admitted = self.new_connections.admit(now) && self.requests.admit(now);
        if !admitted {
            return refuse(ground, network, wire, 429);
        }
        let (device, nth) = (network.wire(wire).device, network.wire(wire).nth);
        let mut draw = ground.draw(Who::Wire(device), nth << 32);
        let Some(id) = connection_id(&mut draw) else { return refuse(ground, network, wire, 500) };
        let host = usize::try_from(draw.below(HOSTS as u64)).unwrap_or_default();
        let opened_at = ground.clock(host);
        let token = Rc::clone(&hello.token);
        let conn = self.conns.len();
        self.conns.push(Conn {
            wire,
            device,
            id,
            opened_at,
            owner: None,
            hello: Some(hello),
            stage: Stage::Handshake,
            opened: now,
            active: now,
            host,
            left: false,
            draw,
        });
        network.wire(wire).conn = Some(conn);
        let payload = Payload::Authorize { token, at: opened_at };
        self.invoke(ground, conn, Function::Authorize, payload, Purpose::Authorize(conn));
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
            Purpose::Http(_) | Purpose::Nothing => {}
        }
    }

    fn authorized(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, returned: Returned) {
        let conn = &mut self.conns[number];
        let Returned::Admitted(node, credentials) = returned else {
            let status = match returned {
                Returned::Unauthorized => 401,
                Returned::Throttled => 429,
                _ => 500,
            };
            return self.refused(ground, network, number, status);
        };
        conn.owner = Some((node.clone(), credentials));
        let (connection, opened_at) = (conn.id.clone(), conn.opened_at);
        ground.saw(Seen::Handshake { node, connection, credentials: credentials.0, opened_at });
        let retried = ground.hits(Fault::ConnectsRetried, &mut self.conns[number].draw);
        if !retried {
            return self.connect(ground, number, Purpose::Connect(number));
        }
        // Either run may be the one whose answer counts.
        let conn = &mut self.conns[number];
        let (first_counts, after) = (conn.draw.percent(50), conn.draw.below(3 * S));
        self.connect(ground, number, if first_counts { Purpose::Connect(number) } else { Purpose::Nothing });
        ground.after(after, Event::ConnectAgain(number, !first_counts));
    }

    /// Has `$connect` run a second time. `counts`: the gateway waits for this run.
    pub(crate) fn connect_again(&mut self, ground: &mut Ground, number: ConnNo, counts: bool) {
        self.connect(ground, number, if counts { Purpose::Connect(number) } else { Purpose::Nothing });
    }

    fn connect(&mut self, ground: &mut Ground, number: ConnNo, purpose: Purpose) {
        let conn = &self.conns[number];
        // The event has the time of the handshake, however late it is handled.
        let Some(speaker) = conn.speaker(conn.opened_at) else { return };
        let (instance, offered) =
            conn.hello.as_ref().map(|hello| (hello.instance.clone(), hello.offered)).unwrap_or_default();
        let payload = Payload::Connect { speaker, instance, offered };
        self.invoke(ground, number, Function::Connect, payload, purpose);
    }

    fn connected(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, returned: &Returned) {
        let status = match returned {
            Returned::Answer { status, .. } if (200..300).contains(status) => None,
            Returned::Answer { status, .. } => Some(*status),
            Returned::Throttled => Some(429),
            _ => Some(502),
        };
        if let Some(status) = status {
            return self.refused(ground, network, number, status);
        }
        let conn = &mut self.conns[number];
        conn.stage = Stage::Open;
        conn.active = ground.now();
        let (wire, connection) = (conn.wire, conn.id.clone());
        let Some((node, _)) = conn.owner.clone() else { return };
        self.open.insert(connection.clone(), number);
        ground.saw(Seen::Open { node, connection: connection.clone() });
        if self.conns[number].left {
            return self.end(ground, network, number, LOST.0);
        }
        network.down(ground, wire, Down::Switched(connection));
        ground.after(IDLE, Event::Alarm(number));
    }

    fn refused(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, status: u16) {
        let conn = &mut self.conns[number];
        conn.stage = Stage::Over;
        let wire = conn.wire;
        network.wire(wire).conn = None;
        refuse(ground, network, wire, status);
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
            return self.frame(ground, network, number, &error("Too Many Requests"));
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
            Returned::Throttled => self.frame(ground, network, number, &error("Too Many Requests")),
            _ => self.frame(ground, network, number, &error("Internal server error")),
        }
    }

    fn frame(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, text: &Rc<str>) {
        let conn = &mut self.conns[number];
        if conn.stage != Stage::Open {
            return;
        }
        conn.active = ground.now();
        network.down(ground, conn.wire, Down::Text(Rc::clone(text)));
    }

    /// A function posts a frame to a connection. Returns whether there is such a connection; not before its handshake
    /// is over, and not after its end.
    pub(crate) fn post(
        &mut self,
        ground: &mut Ground,
        network: &mut Network,
        connection: &ConnectionId,
        frame: &Rc<str>,
    ) -> bool {
        let Some(&number) = self.open.get(connection) else {
            self.pushed(ground, connection, frame, false);
            return false;
        };
        let lost = ground.hits(Fault::PushesLost, &mut self.conns[number].draw);
        self.pushed(ground, connection, frame, !lost);
        if !lost {
            self.frame(ground, network, number, frame);
        }
        true
    }

    fn pushed(&mut self, ground: &mut Ground, connection: &ConnectionId, frame: &str, delivered: bool) {
        if let Some(message) = server_message(frame) {
            ground.saw_text(Seen::Pushed { connection: connection.clone(), message, delivered }, frame);
        }
    }

    /// A function closes a connection. Returns whether there was such a connection.
    pub(crate) fn delete(&mut self, ground: &mut Ground, network: &mut Network, connection: &ConnectionId) -> bool {
        let Some(&number) = self.open.get(connection) else { return false };
        self.close(ground, network, number, NORMAL);
        true
    }

    /// The sockets of a device are reset, or all of them.
    pub(crate) fn cut(&mut self, ground: &mut Ground, network: &mut Network, device: Option<DeviceNo>) -> bool {
        let is_meant = |number: &ConnNo| device.is_none_or(|device| self.conns[*number].device == device);
        let cut: Vec<_> = self.open.values().copied().filter(is_meant).collect();
        for number in &cut {
            network.down(ground, self.conns[*number].wire, Down::Reset);
            self.end(ground, network, *number, LOST.0);
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

    fn close(
        &mut self,
        ground: &mut Ground,
        network: &mut Network,
        number: ConnNo,
        (code, reason): (u16, &'static str),
    ) {
        let conn = &self.conns[number];
        ground.saw(Seen::ClosedByCloud { connection: conn.id.clone(), code });
        network.down(ground, conn.wire, Down::Close(code, reason));
        self.end(ground, network, number, code);
    }

    fn end(&mut self, ground: &mut Ground, network: &mut Network, number: ConnNo, code: u16) {
        let conn = &mut self.conns[number];
        if conn.stage != Stage::Open {
            return;
        }
        conn.stage = Stage::Over;
        self.open.remove(&conn.id);
        let wire = network.wire(conn.wire);
        (wire.conn, wire.over) = (None, true);
        let connection = conn.id.clone();
        if let Some((node, _)) = conn.owner.clone() {
            ground.saw(Seen::Ended { node, connection });
        }
        let conn = &mut self.conns[number];
        conn.hello = None;
        let (mut draw, host) = (conn.draw.clone(), conn.host);
        let at = ground.clock(host);
        disconnect(ground, number, (code, at), &mut draw);
        self.conns[number].draw = draw;
    }

    /// Has `$disconnect` run. However late it is, the event has the time of the end.
    pub(crate) fn disconnected(&mut self, ground: &mut Ground, number: ConnNo, code: u16, at: Timestamp) {
        let Some(speaker) = self.conns[number].speaker(at) else { return };
        let known = [GOING_AWAY, LOST, NORMAL, TOO_BIG];
        let reason = known.iter().find(|known| known.0 == code).map_or("", |known| known.1);
        let payload = Payload::Disconnect { speaker, code, reason };
        self.invoke(ground, number, Function::Disconnect, payload, Purpose::Nothing);
    }

    fn invoke(&self, ground: &mut Ground, conn: ConnNo, function: Function, payload: Payload, purpose: Purpose) {
        let behalf = Some(self.conns[conn].device);
        let invoking = Invoking { function, payload, purpose, behalf, patience: INTEGRATION };
        ground.soon(Event::Invoke(Box::new(invoking)));
    }
}

impl Conn {
    fn speaker(&self, at: Timestamp) -> Option<Speaker> {
        let (node, credentials) = self.owner.clone()?;
        let connection = Connection { id: self.id.clone(), opened_at: self.opened_at };
        Some(Speaker { node, credentials, connection, at })
    }
}

/// `$disconnect` is best effort: it comes a little later, much later, twice, or never.
fn disconnect(ground: &mut Ground, number: ConnNo, (code, at): (u16, Timestamp), draw: &mut Draw) {
    if ground.hits(Fault::DisconnectsLost, draw) {
        return;
    }
    let mut after = draw.between(2 * MS, 300 * MS);
    if let Some(by_ms) = ground.much(Fault::DisconnectsLate) {
        ground.hit(Fault::DisconnectsLate.name());
        after += draw.below(by_ms * MS + 1);
    }
    ground.after(after, Event::Disconnected(number, code, at));
    if ground.hits(Fault::DisconnectsDoubled, draw) {
        let again = after + draw.below(60 * S);
        ground.after(again, Event::Disconnected(number, code, at));
    }
}

fn refuse(ground: &mut Ground, network: &mut Network, wire: WireNo, status: u16) {
    network.wire(wire).over = true;
    network.down(ground, wire, Down::Refused(status, None));
}

/// What the gateway itself tells a client on an open connection.
fn error(message: &str) -> Rc<str> {
    format!("{{\"message\":\"{message}\",\"connectionId\":\"\",\"requestId\":\"\"}}").into()
}

/// Eleven bytes in base64, which end in one `=`.
fn connection_id(draw: &mut Draw) -> Option<ConnectionId> {
    let (high, low) = (draw.number().to_be_bytes(), draw.number().to_be_bytes());
    BASE64.encode(&[&high[..], &low[..3]].concat()).parse().ok()
}
