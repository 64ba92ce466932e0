//! Which devices run, and whether they got on: no node is stuck once faults have stopped.

use std::collections::HashMap;

use rollcall_core::{Registration, Timestamp};

use super::check_ins::CheckIns;
use super::facts::{Facts, earlier, later};
use super::sockets::Sockets;
use super::table::Table;
use super::verdicts::Verdicts;
use crate::observation::Device;
use crate::plan::NodeKind;
use crate::violation::ViolationKind as Kind;

/// How long a refusal may be under way, or a device may go on without knowing that it is accepted again, in
/// milliseconds.
const REFUSED_MS: u64 = 10 * 60_000;
/// How long an answer and what follows may take once faults have stopped, in milliseconds.
const PATIENCE_MS: u64 = 60_000;
/// Every so many check-ins of the reference node ask for an ack.
const ACK_EVERY: u64 = 4;

/// What is known of a device.
#[derive(Clone, Copy, Debug)]
struct Known {
    runs: bool,
    credentials: u32,
    /// When it got its token.
    token_at: Option<Timestamp>,
    acked_at: Option<Timestamp>,
}

/// The devices of all nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Devices {
    devices: HashMap<(usize, u8), Known>,
}

/// What the end is judged by.
pub(super) struct End<'a> {
    pub(super) facts: &'a Facts,
    pub(super) sockets: &'a Sockets,
    pub(super) table: &'a Table,
    pub(super) check_ins: &'a CheckIns,
    pub(super) at: Timestamp,
}

impl Devices {
    pub(super) fn started(&mut self, who: Device) {
        self.device(who).runs = true;
    }

    pub(super) fn stopped(&mut self, who: Device) {
        self.device(who).runs = false;
    }

    pub(super) fn token(&mut self, at: Timestamp, who: Device, credentials: u32) {
        let device = self.device(who);
        (device.credentials, device.token_at) = (credentials, Some(at));
    }

    pub(super) fn acked(&mut self, at: Timestamp, who: Device) {
        self.device(who).acked_at = Some(at);
    }

    /// A run ended by itself. That is right only if the node was refused.
    pub(super) fn run_ended(
        &mut self,
        (facts, table): (&Facts, &Table),
        verdicts: &mut Verdicts,
        at: Timestamp,
        (who, error): (Device, &str),
    ) {
        let device = *self.device(who);
        let Some(stored) = table.stored(who.node).filter(|_| table.is_seen()) else { return };
        let must_be_registered = facts.settings.registration == Registration::Closed;
        let is_registered = table.node(who.node).is_some_and(|node| node.credentials.is_some());
        let is_refused =
            (must_be_registered && !is_registered) || table.refused_since(who.node, device.credentials).is_some();
        let recently = stored.let_in_at.max(device.token_at).is_some_and(|since| later(since, REFUSED_MS) > at);
        if !is_refused && !recently {
            let what = format!("(device {}) ended its run ({error}), and its token is accepted", who.device);
            verdicts.node(Kind::RunEnded, at, who.node, what);
        }
    }

    /// Whether the node itself must be there at the end: it runs, and it is let in.
    pub(super) fn must_be_there(&self, end: &End<'_>, node: usize) -> bool {
        let Some(device) = self.devices.get(&(node, 0)).filter(|device| device.runs) else { return false };
        let stored = end.table.node(node);
        let is_registered = stored.is_some_and(|stored| stored.credentials.is_some());
        let may_register = end.facts.settings.registration == Registration::Open;
        (is_registered || may_register) && end.table.refused_since(node, device.credentials).is_none()
    }

    /// At the end, a node that must be there is connected or polls, checks in, and is answered; and one that is refused
    /// is not connected.
    pub(super) fn finish(&self, end: &End<'_>, verdicts: &mut Verdicts, node: usize) {
        let open = end.sockets.of(node).map(|summary| summary.open.as_slice()).unwrap_or_default();
        if !self.must_be_there(end, node) {
            let refused = |socket: &super::sockets::Socket| {
                let since = end.table.refused_since(node, socket.credentials);
                since.is_some_and(|since| later(since, 2 * end.facts.lost_after_ms()) < end.at)
            };
            for connection in open.iter().filter(|connection| end.sockets.get(connection).is_some_and(refused)) {
                let what = format!("is refused, and is connected by {connection} at the end");
                verdicts.node(Kind::RevokedConnected, end.at, node, what);
            }
            return;
        }
        let interval = end.facts.interval_ms();
        let is_socket = end.facts.nodes.get(node).is_some_and(|node| node.kind == NodeKind::Socket);
        let holder = end.table.node(node).and_then(|stored| stored.open()).map(|held| &held.connection.id);
        if is_socket && !open.iter().any(|connection| Some(connection) == holder || !end.table.is_seen()) {
            let what = format!("is not connected at the end: {holder:?} holds it, and {open:?} are open");
            return verdicts.node(Kind::Stuck, end.at, node, what);
        }
        let stored_at = end.check_ins.stored_at(node);
        is_late(end, verdicts, node, ("checked in", stored_at), 2 * interval + PATIENCE_MS);
        let acks = if is_socket { (ACK_EVERY + 1) * interval } else { 2 * interval };
        let acked_at = self.devices.get(&(node, 0)).and_then(|device| device.acked_at);
        is_late(end, verdicts, node, ("had an ack", acked_at), acks + PATIENCE_MS);
    }

    fn device(&mut self, who: Device) -> &mut Known {
        let new = Known { runs: false, credentials: 1, token_at: None, acked_at: None };
        self.devices.entry((who.node, who.device)).or_insert(new)
    }
}

fn is_late(
    end: &End<'_>,
    verdicts: &mut Verdicts,
    node: usize,
    (did, last): (&str, Option<Timestamp>),
    patience_ms: u64,
) {
    if last.is_none_or(|last| last < earlier(end.at, patience_ms)) {
        let when = last.map_or_else(|| "never".to_owned(), |last| format!("at {} the last time", verdicts.when(last)));
        let what = format!("{did} {when}, and the end is at {}", verdicts.when(end.at));
        verdicts.node(Kind::Stuck, end.at, node, what);
    }
}
