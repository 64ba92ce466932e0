//! `@connections`: functions post to connections and close them.

use std::rc::Rc;

use rollcall_core::ConnectionId;
use rollcall_fleet::Seen;

use crate::call::{Answer, Failure};
use crate::faults::Fault;
use crate::gateway::{Gateway, MESSAGE, NORMAL};
use crate::ground::Ground;
use crate::network::Network;
use crate::said::server_message;

impl Gateway {
    /// A function posts a frame to a connection. Says whether there is such a connection; not before its handshake is
    /// over, and not after its end.
    pub(crate) fn post(
        &mut self,
        ground: &mut Ground,
        network: &mut Network,
        connection: &ConnectionId,
        frame: &Rc<str>,
    ) -> Answer {
        if !self.requests.admit(ground.now()) {
            return Answer::Failed(Failure::Throttled);
        }
        if frame.len() > MESSAGE {
            return Answer::Failed(Failure::Rejected);
        }
        let Some(&number) = self.open.get(connection) else {
            pushed(ground, connection, frame, false);
            return Answer::Reached(false);
        };
        let lost = ground.hits(Fault::PushesLost, &mut self.conns[number].draw);
        pushed(ground, connection, frame, !lost);
        if !lost {
            self.frame(ground, network, number, frame);
        }
        Answer::Reached(true)
    }

    /// A function closes a connection. Says whether there was such a connection.
    pub(crate) fn delete(&mut self, ground: &mut Ground, network: &mut Network, connection: &ConnectionId) -> Answer {
        if !self.requests.admit(ground.now()) {
            return Answer::Failed(Failure::Throttled);
        }
        let Some(&number) = self.open.get(connection) else { return Answer::Reached(false) };
        self.close(ground, network, number, NORMAL);
        Answer::Reached(true)
    }
}

fn pushed(ground: &mut Ground, connection: &ConnectionId, frame: &str, delivered: bool) {
    if let Some(message) = server_message(frame) {
        ground.saw_text(Seen::Pushed { connection: connection.clone(), message, delivered }, frame);
    }
}
