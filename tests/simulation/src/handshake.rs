//! Handshakes: the 101 is sent only after the authorizer and `$connect` have both accepted.

use std::rc::Rc;

use data_encoding::BASE64;
use rollcall_core::ConnectionId;
use rollcall_fleet::Seen;

use crate::clocks::HOSTS;
use crate::draw::{Draw, Who};
use crate::event::{ConnNo, Down, Event, Function, Hello, Payload, Purpose, Returned, WireNo};
use crate::faults::Fault;
use crate::gateway::{Conn, Gateway, IDLE, LOST, Stage};
use crate::ground::Ground;
use crate::invoking::Admitted;
use crate::kernel::S;
use crate::network::Network;

impl Gateway {
    /// The request of a handshake came.
    pub(crate) fn hello(&mut self, ground: &mut Ground, network: &mut Network, wire: WireNo, hello: Box<Hello>) {
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

    /// The authorizer has returned.
    pub(crate) fn authorized(
        &mut self,
        ground: &mut Ground,
        network: &mut Network,
        number: ConnNo,
        returned: Returned,
    ) {
        let conn = &mut self.conns[number];
        let Returned::Admitted(admitted) = returned else {
            let status = match returned {
                Returned::Unauthorized => 401,
                Returned::Throttled => 429,
                _ => 500,
            };
            return self.refused(ground, network, number, status);
        };
        let Admitted { node, credentials, .. } = admitted.clone();
        conn.owner = Some(admitted);
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

    /// `$connect` has returned.
    pub(crate) fn connected(
        &mut self,
        ground: &mut Ground,
        network: &mut Network,
        number: ConnNo,
        returned: &Returned,
    ) {
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
        let Some(Admitted { node, .. }) = conn.owner.clone() else { return };
        self.open.insert(connection.clone(), number);
        ground.saw(Seen::Open { node, connection: connection.clone() });
        if self.conns[number].left {
            return self.end(ground, network, number, LOST);
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
}

fn refuse(ground: &mut Ground, network: &mut Network, wire: WireNo, status: u16) {
    network.wire(wire).over = true;
    network.down(ground, wire, Down::Refused(status, None));
}

/// Eleven bytes in base64, which end in one `=`.
fn connection_id(draw: &mut Draw) -> Option<ConnectionId> {
    let (high, low) = (draw.number().to_be_bytes(), draw.number().to_be_bytes());
    BASE64.encode(&[&high[..], &low[..3]].concat()).parse().ok()
}
