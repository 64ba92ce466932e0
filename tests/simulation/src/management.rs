//! `@connections`: functions post to connections and close them.

use std::rc::Rc;

use rollcall_core::ConnectionId;
use rollcall_fleet::Seen;

use crate::faults::Fault;
use crate::gateway::{Gateway, NORMAL};
use crate::ground::Ground;
use crate::network::Network;
use crate::said::server_message;

impl Gateway {
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
            pushed(ground, connection, frame, false);
            return false;
        };
        let lost = ground.hits(Fault::PushesLost, &mut self.conns[number].draw);
        pushed(ground, connection, frame, !lost);
        if !lost {
            self.frame(ground, network, number, frame);
        }
        true
    }

    /// A function closes a connection. Returns whether there was such a connection.
    pub(crate) fn delete(&mut self, ground: &mut Ground, network: &mut Network, connection: &ConnectionId) -> bool {
        let Some(&number) = self.open.get(connection) else { return false };
        self.close(ground, network, number, NORMAL);
        true
    }
}

fn pushed(ground: &mut Ground, connection: &ConnectionId, frame: &str, delivered: bool) {
    if let Some(message) = server_message(frame) {
        ground.saw_text(Seen::Pushed { connection: connection.clone(), message, delivered }, frame);
    }
}
