//! A node whose credentials are not accepted learns nothing, stores nothing, and is disconnected.

use std::collections::VecDeque;

use rollcall_core::{ConnectionId, Node, Timestamp};
use rollcall_wire::ServerMessage;

use super::facts::{Facts, later};
use super::sockets::{Socket, Sockets};
use super::table::{Change, Table};
use super::verdicts::Verdicts;
use crate::violation::ViolationKind as Kind;

/// How long the connection of a revoked node may last after the answer to the revocation, in milliseconds.
const CLOSED_WITHIN_MS: u64 = 1_000;
/// How long an invocation may last that began before, in milliseconds (Amazon API Gateway quotas, "Integration timeout":
/// 29 s), rounded up.
const INVOCATION_MS: u64 = 31_000;

/// How long a connection may last after another one has replaced it, in milliseconds: an invocation, with a cold start.
const REPLACED_WITHIN_MS: u64 = 15_000;

/// A connection that must end.
#[derive(Clone, Debug)]
struct Ending {
    by: Timestamp,
    /// When the request began after whose answer the connection must end.
    asked_at: Timestamp,
    node: usize,
    connection: ConnectionId,
}

/// The connections that must end: because they are refused, and because they were replaced.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    refused: VecDeque<Ending>,
    replaced: VecDeque<Ending>,
}

impl Access {
    /// Checks the connections that should have ended by now.
    pub(super) fn tick(&mut self, facts: &Facts, sockets: &Sockets, verdicts: &mut Verdicts, at: Timestamp) {
        while let Some(ending) = self.refused.pop_front_if(|ending| ending.by < at) {
            let what = "a second after its credentials were refused";
            lasts(facts, sockets, verdicts, &ending, (Kind::RevokedConnected, what));
        }
        while let Some(ending) = self.replaced.pop_front_if(|ending| ending.by < at) {
            lasts(
                facts,
                sockets,
                verdicts,
                &ending,
                (Kind::NotTheHolder, "long after another connection has replaced it"),
            );
        }
    }

    /// A node's item was written: a connection that it replaces must end.
    pub(super) fn replaces(&mut self, sockets: &Sockets, at: Timestamp, change: &Change) {
        let holder = |node: &Node| node.open().map(|held| held.connection.id.clone());
        let Some(was) = change.was.as_deref().and_then(holder) else { return };
        if holder(&change.is).is_some_and(|is| is != was) && sockets.get(&was).is_some_and(Socket::is_open) {
            let by = later(at, REPLACED_WITHIN_MS);
            self.replaced.push_back(Ending { by, asked_at: at, node: change.node, connection: was });
        }
    }

    /// The application was told that a node's credentials are refused, or outdated. `asked_at`: when the request that was
    /// answered was made.
    pub(super) fn refused(
        &mut self,
        (sockets, table): (&Sockets, &Table),
        at: Timestamp,
        asked_at: Timestamp,
        node: usize,
    ) {
        let Some(connection) = table.stored(node).and_then(|stored| stored.refused_holder.clone()) else { return };
        let Some(socket) = sockets.get(&connection).filter(|socket| socket.is_open()) else { return };
        let was_open = socket.open_since.is_some_and(|since| since < asked_at);
        if was_open && table.refused_since(node, socket.credentials).is_some() {
            self.refused.push_back(Ending { by: later(at, CLOSED_WITHIN_MS), asked_at, node, connection });
        }
    }

    /// A function answers a message that it began to handle at `began`.
    pub(super) fn answered(
        table: &Table,
        verdicts: &mut Verdicts,
        at: Timestamp,
        (node, credentials, began): (usize, u32, Timestamp),
        answer: &ServerMessage,
    ) {
        let refused_since = table.refused_since(node, credentials).filter(|since| *since < began);
        if let Some(since) = refused_since.filter(|_| serves(answer)) {
            let what = format!(
                "is answered {answer:?} to a message that came at {}, and its credential version {credentials} is refused \
                 since {}",
                verdicts.when(began),
                verdicts.when(since)
            );
            verdicts.node(Kind::RevokedServed, at, node, what);
        }
    }

    /// A function serves a document or a firmware URL on a request that it began to handle at `began`.
    pub(super) fn served(
        table: &Table,
        verdicts: &mut Verdicts,
        at: Timestamp,
        (node, credentials, began): (usize, u32, Timestamp),
    ) {
        if let Some(since) = table.refused_since(node, credentials).filter(|since| *since < began) {
            let what = format!("is served by HTTP, and its credentials are refused since {}", verdicts.when(since));
            verdicts.node(Kind::RevokedServed, at, node, what);
        }
    }

    /// A function posts a message to a connection. One that began before the refusal may still do so.
    pub(super) fn pushed(
        sockets: &Sockets,
        table: &Table,
        verdicts: &mut Verdicts,
        at: Timestamp,
        (connection, message): (&ConnectionId, &ServerMessage),
    ) {
        let Some(socket) = sockets.get(connection).filter(|_| serves(message)) else { return };
        let refused_since = table.refused_since(socket.node, socket.credentials);
        if let Some(since) = refused_since.filter(|since| later(*since, INVOCATION_MS) < at) {
            let what = format!("is pushed {message:?}, and its credentials are refused since {}", verdicts.when(since));
            verdicts.node(Kind::RevokedServed, at, socket.node, what);
        }
    }

    /// A node's item was written.
    pub(super) fn wrote(verdicts: &mut Verdicts, at: Timestamp, change: &Change) {
        let Some(was) = change.was.as_deref() else { return };
        let is = &*change.is;
        if is.credentials < was.credentials {
            let what = format!("had the credential version {:?} stored, and now {:?}", was.credentials, is.credentials);
            verdicts.node(Kind::WentBack, at, change.node, what);
        }
        let checked_in = was.seen != is.seen || (is.seq.is_some() && was.seq != is.seq);
        let reported = (&was.firmware, &was.config, &was.update, was.health, was.applied)
            != (&is.firmware, &is.config, &is.update, is.health, is.applied);
        if was.revoked && is.revoked {
            let asked = (&was.desired, was.commands_queued, &was.desired_firmware)
                != (&is.desired, is.commands_queued, &is.desired_firmware);
            if (was.seen != is.seen) || reported || asked || connected(was, is) {
                let what = format!("is revoked, and was still written as {is:?} after {was:?}");
                verdicts.node(Kind::RevokedServed, at, change.node, what);
            }
            return;
        }
        let held = is.held.as_ref().and_then(|held| held.credentials);
        let is_outdated = held.zip(was.credentials).is_some_and(|(held, current)| held < current);
        if is_outdated && !is.polls && (connected(was, is) || (checked_in && was.held == is.held)) {
            let what = format!("has an outdated token ({held:?}), and was still written as {is:?} after {was:?}");
            verdicts.node(Kind::RevokedServed, at, change.node, what);
        }
    }
}

/// Holds it against a run that a connection that must have ended goes on, unless a fault explains it.
fn lasts(facts: &Facts, sockets: &Sockets, verdicts: &mut Verdicts, ending: &Ending, (kind, why): (Kind, &str)) {
    let Ending { by, asked_at, node, connection } = ending;
    let lasts = |socket: &Socket| socket.open_since.is_some() && socket.ended.is_none_or(|ended| ended > *by);
    if sockets.get(connection).is_some_and(lasts) && !facts.windows.troubled(*asked_at, *by) {
        let what = format!("is still connected by {connection} at {}, {why}", verdicts.when(*by));
        verdicts.node(kind, *by, *node, what);
    }
}

/// Whether the write made another connection hold the node as an open one.
fn connected(was: &Node, is: &Node) -> bool {
    let id = |node: &Node| node.open().map(|held| held.connection.id.clone());
    id(is).is_some() && id(is) != was.held.as_ref().map(|held| held.connection.id.clone())
}

/// Whether a message tells more than that the node is refused, or that something is stored. A message that is delivered
/// twice may be acknowledged twice, although the node was refused in between: it is stored, and the node is told no news.
pub(super) fn serves(message: &ServerMessage) -> bool {
    match message {
        ServerMessage::Ack(ack) => ack.config.is_some() || ack.command.is_some() || ack.firmware.is_some(),
        ServerMessage::Error(_) | ServerMessage::SlowDown { .. } | ServerMessage::Bye { .. } => false,
        _ => true,
    }
}
