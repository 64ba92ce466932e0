//! The truth about sockets: which are open at the gateway, and which device opened which.

use std::collections::{HashMap, VecDeque};

use rollcall_core::{ConnectionId, Timestamp};

use super::facts::later;
use crate::observation::Device;

/// How long a socket is remembered after its end, in milliseconds: longer than any invocation or any message about it is
/// under way.
const REMEMBERED_MS: u64 = 15 * 60_000;

/// A socket, from its handshake on.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) node: usize,
    /// The credential version of the token that opened it.
    pub(super) credentials: u32,
    /// When its handshake reached the gateway.
    pub(super) shaken_at: Timestamp,
    /// Whether it was ever stored as the connection that holds its node.
    pub(super) is_stored: bool,
    /// When it was open at the gateway.
    pub(super) open_since: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    /// The device that opened it, and what that device calls it.
    pub(super) opener: Option<(Device, u64)>,
}

impl Socket {
    pub(super) fn is_open(&self) -> bool {
        self.open_since.is_some() && self.ended.is_none()
    }
}

/// What is known of a node's sockets as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Summary {
    /// The sockets that are open.
    pub(super) open: Vec<ConnectionId>,
    /// The newest handshake: when it reached the gateway, and the connection.
    pub(super) newest: Option<(Timestamp, ConnectionId)>,
    /// When the last socket that was open ended, and which one it was.
    pub(super) last_end: Option<(Timestamp, ConnectionId)>,
}

/// All sockets.
#[derive(Clone, Debug)]
pub(super) struct Sockets {
    known: HashMap<ConnectionId, Socket>,
    nodes: Vec<Summary>,
    /// When to forget sockets.
    over: VecDeque<(Timestamp, ConnectionId)>,
}

impl Sockets {
    pub(super) fn new(nodes: usize) -> Self {
        Self { known: HashMap::new(), nodes: vec![Summary::default(); nodes], over: VecDeque::new() }
    }

    /// How many sockets are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn get(&self, connection: &ConnectionId) -> Option<&Socket> {
        self.known.get(connection)
    }

    pub(super) fn of(&self, node: usize) -> Option<&Summary> {
        self.nodes.get(node)
    }

    /// A handshake reached the gateway. Returns the links of the sockets that are forgotten now.
    pub(super) fn shaken(
        &mut self,
        at: Timestamp,
        node: usize,
        connection: &ConnectionId,
        credentials: u32,
    ) -> Vec<(Device, u64)> {
        let (open_since, ended, opener) = (None, None, None);
        let socket = Socket { node, credentials, shaken_at: at, is_stored: false, open_since, ended, opener };
        self.known.insert(connection.clone(), socket);
        if let Some(summary) = self.nodes.get_mut(node) {
            summary.newest = Some((at, connection.clone()));
        }
        self.over.push_back((later(at, REMEMBERED_MS), connection.clone()));
        self.forget(at)
    }

    /// The connection was stored as the one that holds its node.
    pub(super) fn stored(&mut self, connection: &ConnectionId) {
        if let Some(socket) = self.known.get_mut(connection) {
            socket.is_stored = true;
        }
    }

    pub(super) fn opened(&mut self, at: Timestamp, node: usize, connection: &ConnectionId) {
        let Some(socket) = self.known.get_mut(connection) else { return };
        socket.open_since = Some(at);
        if let Some(summary) = self.nodes.get_mut(node) {
            summary.open.push(connection.clone());
        }
    }

    pub(super) fn ended(&mut self, at: Timestamp, connection: &ConnectionId) {
        let Some(socket) = self.known.get_mut(connection) else { return };
        socket.ended = Some(at);
        let was_open = socket.open_since.is_some();
        if let Some(summary) = self.nodes.get_mut(socket.node) {
            summary.open.retain(|other| other != connection);
            if was_open {
                summary.last_end = Some((at, connection.clone()));
            }
        }
        self.over.push_back((later(at, REMEMBERED_MS), connection.clone()));
    }

    /// A device has read the 101 of a handshake.
    pub(super) fn linked(&mut self, who: Device, link: u64, connection: &ConnectionId) {
        if let Some(socket) = self.known.get_mut(connection) {
            socket.opener = Some((who, link));
        }
    }

    /// Forgets what ended long ago. A socket that is open is remembered.
    fn forget(&mut self, now: Timestamp) -> Vec<(Device, u64)> {
        let mut forgotten = vec![];
        while let Some((_, connection)) = self.over.pop_front_if(|(at, _)| *at <= now) {
            let over = self.known.get(&connection).is_some_and(|socket| {
                socket.ended.map_or(socket.open_since.is_none(), |ended| later(ended, REMEMBERED_MS) <= now)
            });
            if over {
                forgotten.extend(self.known.remove(&connection).and_then(|socket| socket.opener));
            }
        }
        forgotten
    }
}
