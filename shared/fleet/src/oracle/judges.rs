//! The judges, and who of them must know what.

mod of_devices;

use std::collections::BTreeSet;

use rollcall_core::{Attribute, ConnectionId, Item, Key, Node, NodeId, Presence, Timestamp, event_text, presence_at};
use rollcall_wire::{ByeReason, ServerMessage};

use super::access::Access;
use super::answers::Known;
use super::budget::Budgets;
use super::check_ins::CheckIns;
use super::commands::Commands;
use super::configs::Configs;
use super::console::{Answer, Console};
use super::counts::Counts;
use super::devices::{Devices, End};
use super::events::Events;
use super::facts::{Facts, earlier};
use super::firmware::Firmware;
use super::presence::{PresenceJudge, Shown, Truth};
use super::rollouts::Rollouts;
use super::sockets::Sockets;
use super::table::Table;
use super::terms;
use super::verdicts::Verdicts;

use crate::application::AppRequest;
use crate::catalogue::firmware_version;
use crate::observation::{Observation, Seen};
use crate::plan::{Ask, NodeKind, Plan, RolloutWhat};
use crate::violation::{Violation, ViolationKind as Kind};

/// How long a request may take until its answer, in milliseconds (Amazon API Gateway quotas: 30 s).
const REQUEST_MS: u64 = 30_000;

/// How long it takes at most until a sweep has called a node offline that is gone, in milliseconds, once nothing fails
/// any more. In the simulation, a sweep runs every five minutes and a slow scan begins with every fifteenth.
const SWEPT_WITHIN_MS: u64 = 100 * 60_000;

/// All judges, and what they know.
#[derive(Clone, Debug)]
pub(super) struct Judges {
    facts: Facts,
    verdicts: Verdicts,
    table: Table,
    sockets: Sockets,
    check_ins: CheckIns,
    presence: PresenceJudge,
    configs: Configs,
    commands: Commands,
    firmware: Firmware,
    access: Access,
    budgets: Budgets,
    console: Console,
    devices: Devices,
    events: Events,
    rollouts: Rollouts,
    counts: Counts,
    /// The nodes that were revoked, or whose credential version was raised.
    refusals: BTreeSet<usize>,
    /// Whether a sweep runs in this world.
    swept: bool,
}

impl Judges {
    pub(super) fn new(plan: &Plan, start: Timestamp) -> Self {
        let nodes = plan.nodes.len();
        let names = plan.nodes.iter().map(|node| node.id.to_string()).collect();
        Self {
            facts: Facts::new(plan, start),
            verdicts: Verdicts::new(names, start),
            table: Table::new(nodes),
            sockets: Sockets::new(nodes),
            check_ins: CheckIns::new(nodes),
            presence: PresenceJudge::new(nodes),
            swept: false,
            configs: Configs::default(),
            commands: Commands::new(nodes),
            firmware: Firmware::new(nodes),
            access: Access::default(),
            budgets: Budgets::new(nodes),
            console: Console::new(nodes),
            devices: Devices::default(),
            events: Events::new(plan),
            rollouts: Rollouts::default(),
            counts: Counts::default(),
            refusals: BTreeSet::new(),
        }
    }

    /// Tells each judge what it must know.
    pub(super) fn observe(&mut self, observation: &Observation) {
        let at = observation.at;
        self.access.tick(&self.facts, &self.sockets, &mut self.verdicts, at);
        match &observation.what {
            Seen::Wrote { key, before, after } => self.wrote(at, key, before.as_ref(), after),
            Seen::Forgotten { key } => self.forgotten(at, key),
            Seen::Posted { .. } | Seen::Buried { .. } => {
                self.events.sent(&self.facts, &mut self.verdicts, at, &observation.what);
            }
            Seen::Handshake { node, connection, credentials, .. } => {
                self.shaken(at, node, connection, *credentials);
            }
            Seen::Open { node, connection } => self.opened(at, node, connection),
            Seen::Ended { connection, .. } => self.sockets.ended(at, connection),
            Seen::ClosedByCloud { .. } | Seen::Hit { .. } => {}
            Seen::Pushed { connection, message, .. } => self.pushed(at, connection, message),
            Seen::Handled { node, connection, credentials, began, answer: Some(answer) } => {
                if let Some(node) = self.facts.index(node) {
                    self.handled(at, (node, connection.as_ref()), (*credentials, *began), answer);
                }
            }
            Seen::Served { node, credentials, began, sha256, status: 200 } => {
                if let Some(node) = self.facts.index(node) {
                    Access::served(&self.table, &mut self.verdicts, at, (node, *credentials, *began));
                    Configs::served(&self.table, &mut self.verdicts, at, (node, *began), sha256.as_deref());
                }
            }
            Seen::Asked { request } => self.asked(at, request),
            Seen::Answered { nth, ask, status, body, .. } => {
                self.answered(&Answer { nth: *nth, at, status: *status, body }, ask);
            }
            of_a_device => self.device(at, of_a_device),
        }
    }

    /// How many sockets, links and commands are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> [usize; 3] {
        [self.sockets.len(), self.check_ins.links(), self.commands.len()]
    }

    pub(super) fn violations(&self) -> &[Violation] {
        self.verdicts.violations()
    }

    /// Judges what must be true at the end. `stored` reads a node's item from the table.
    pub(super) fn finish(&mut self, now: Timestamp, stored: &dyn Fn(&NodeId) -> Option<Node>) {
        self.access.tick(&self.facts, &self.sockets, &mut self.verdicts, now);
        self.console.finish(&mut self.verdicts, now);
        self.events.finish(&mut self.verdicts, now);
        self.rollouts.finish(&mut self.verdicts, now);
        self.counts.finish(&mut self.verdicts, now);
        for node in 0..self.facts.nodes.len() {
            self.finish_node(now, node, stored);
        }
    }

    fn finish_node(&mut self, now: Timestamp, node: usize, stored: &dyn Fn(&NodeId) -> Option<Node>) {
        let Some((id, kind)) = self.facts.nodes.get(node).map(|plan| (plan.id.clone(), plan.kind)) else { return };
        let stored = stored(&id);
        if self.table.is_seen() && stored.as_ref() != self.table.node(node).map(|known| &**known) {
            let what = format!("has an item that nobody wrote: {stored:?}, and not {:?}", self.table.node(node));
            self.verdicts.node(Kind::ChangedBehindOurBack, now, node, what);
        }
        if let (Some(stored), Some(policy)) = (&stored, &self.facts.policy) {
            let presence = presence_at(stored, now, policy);
            let before = earlier(now, SWEPT_WITHIN_MS);
            let is_missed = matches!(presence_at(stored, before, policy), Presence::Offline(_))
                && matches!(stored.presence, Presence::Online(_));
            if is_missed && self.swept {
                let what = format!("is stored as online, although it was gone at {}", self.verdicts.when(before));
                self.verdicts.node(Kind::WrongPresence, now, node, what);
            }
            self.shown(node, (now, now), presence, false);
        }
        if self.table.is_seen() {
            self.counts.finish_node(&self.facts, &mut self.verdicts, now, (node, stored.as_ref()));
        }
        let end =
            End { facts: &self.facts, sockets: &self.sockets, table: &self.table, check_ins: &self.check_ins, at: now };
        self.devices.finish(&end, &mut self.verdicts, node);
        if !self.devices.must_be_there(&end, node) {
            return;
        }
        self.configs.finish(&self.table, &mut self.verdicts, now, node, kind == NodeKind::Socket);
        self.commands.finish(&mut self.verdicts, now, node);
        if kind == NodeKind::Socket {
            self.firmware.finish(&self.facts, &self.table, &mut self.verdicts, now, node);
        }
    }

    fn wrote(&mut self, at: Timestamp, key: &Key, before: Option<&Item>, after: &Item) {
        let Self { facts, verdicts, .. } = self;
        self.table.wrote(verdicts, at, (key, before, after));
        self.swept |= *key == Key::Sweep;
        self.counts.wrote(verdicts, at, key, Some(after));
        if let Key::Firmware(..) = key {
            self.events.wrote(facts, verdicts, at, (key, before, after));
            return self.firmware.described_as(verdicts, at, (key, after));
        }
        if let Key::Delta(..) = key {
            self.events.wrote(facts, verdicts, at, (key, before, after));
            return self.firmware.deltas.wrote(verdicts, at, (key, after));
        }
        if let Key::Model(model) = key {
            self.firmware.minimums.wrote(at, model, after);
        }
        if let Key::Logged(..) = key
            && let Some(event) = event_text(after).ok().flatten().and_then(|text| serde_json::from_str(text).ok())
        {
            self.rollouts.told(&event);
        }
        if self.rollouts.wrote(facts, verdicts, at, (key, after)) {
            return;
        }
        self.events.wrote(facts, verdicts, at, (key, before, after));
        let Some(node) = key.node().and_then(|node| facts.index(node)) else { return };
        if !matches!(key, Key::Node(_)) {
            return self.commands.wrote(verdicts, at, node, (key, after));
        }
        let Some(change) = self.table.wrote_node(facts, verdicts, at, node, after) else { return };
        self.check_ins.wrote((facts, &self.sockets), verdicts, at, &change);
        let checked_in = self.check_ins.stored_at(node);
        self.presence.wrote((facts, &self.sockets), verdicts, at, &change, checked_in);
        let was_online = change.was.as_deref().is_some_and(|was| matches!(was.presence, Presence::Online(_)));
        let went = was_online && matches!(change.is.presence, Presence::Offline(_));
        if let Some(held) = change.is.open() {
            self.sockets.stored(&held.connection.id);
        }
        if after.contains_key(&Attribute::Announces) {
            self.counts.wrote_node(facts, at, &change);
        }
        self.configs.wrote(&self.table, verdicts, at, &change);
        self.commands.wrote_node(facts, verdicts, at, &change);
        self.firmware.wrote(verdicts, at, &change);
        if let Some(version) = self.rollouts.wrote_node(facts, verdicts, at, &change, after) {
            self.firmware.asked(node, version);
        }
        self.events.wrote_node(&self.commands, at, &change, after);
        Access::wrote(verdicts, at, &change);
        self.access.replaces(&self.sockets, at, &change);
        self.budgets.wrote(facts, verdicts, at, &change);
        self.console.talks.wrote(&change);
        if went {
            self.shown(node, (at, at), change.is.presence, false);
        }
    }

    fn forgotten(&mut self, at: Timestamp, key: &Key) {
        self.table.forgotten(key);
        self.counts.wrote(&mut self.verdicts, at, key, None);
        if let Key::Document(sha256) = key {
            Configs::deleted(&self.table, &mut self.verdicts, at, sha256);
        }
        if let Some(node) = key.node().and_then(|node| self.facts.index(node)) {
            self.commands.forgotten(node, key);
        }
    }

    fn shaken(&mut self, at: Timestamp, node: &NodeId, connection: &ConnectionId, credentials: u32) {
        if let Some(node) = self.facts.index(node) {
            let forgotten = self.sockets.shaken(at, node, connection, credentials);
            self.check_ins.forget(&forgotten);
            self.budgets.sent(at, node, 0);
        }
    }

    fn opened(&mut self, at: Timestamp, node: &NodeId, connection: &ConnectionId) {
        let Some(node) = self.facts.index(node) else { return };
        self.sockets.opened(at, node, connection);
        if self.table.is_seen() && self.sockets.get(connection).is_some_and(|socket| !socket.is_stored) {
            let what = format!("is let in by connection {connection}, which was never stored");
            self.verdicts.node(Kind::AckedNotStored, at, node, what);
        }
    }

    fn pushed(&mut self, at: Timestamp, connection: &ConnectionId, message: &ServerMessage) {
        let verdicts = &mut self.verdicts;
        Access::pushed(&self.sockets, &self.table, verdicts, at, (connection, message));
        let Some(node) = self.sockets.get(connection).map(|socket| socket.node) else { return };
        if let ServerMessage::Command(news) = message {
            self.commands.handed_out(&self.facts, verdicts, (at, earlier(at, REQUEST_MS)), node, news);
        }
        if let ServerMessage::Bye { reason: ByeReason::SlowDown, .. } = message {
            self.budgets.dismissed(at, node);
        }
        self.console.talks.pushed(node, message);
    }

    fn handled(
        &mut self,
        at: Timestamp,
        (node, connection): (usize, Option<&ConnectionId>),
        (credentials, began): (u32, Timestamp),
        answer: &ServerMessage,
    ) {
        let Self { facts, verdicts, table, .. } = self;
        Access::answered(table, verdicts, at, (node, credentials, began), answer);
        let stored = table.node(node).map(|node| &**node);
        self.budgets.answered(facts, verdicts, at, (node, began, connection.is_some()), (stored, answer));
        if let ServerMessage::Ack(ack) = answer {
            let results = self.check_ins.answered((&self.sockets, table), verdicts, at, (node, connection), ack.seq);
            self.commands.acked(verdicts, at, node, &results);
            let socket = connection.and_then(|connection| self.sockets.get(connection));
            terms::check(facts, verdicts, (at, began), (node, connection.is_none(), socket), ack);
        }
        if let ServerMessage::FirmwareUrl(url) = answer {
            let model = stored.and_then(|node| node.model.as_deref()).unwrap_or_default();
            self.firmware.minimums.given(verdicts, (began, at), node, (model, &url.version));
            if table.is_seen() {
                self.firmware.deltas.given(verdicts, at, node, (model, url));
            }
        }
        let (config, command) = news(answer);
        if let Some(config) = config {
            Configs::answered(table, verdicts, at, (node, began), config);
        }
        if let Some(command) = command.filter(|_| table.is_seen()) {
            self.commands.handed_out(facts, verdicts, (at, began), node, command);
        }
    }

    fn asked(&mut self, at: Timestamp, request: &AppRequest) {
        match &request.ask {
            Ask::SetConfig { document, .. } | Ask::Import { document, .. } | Ask::SetSiteConfig { document, .. } => {
                self.configs.asked(*document);
            }
            Ask::SetFirmware { node, version } => self.firmware.asked(*node, firmware_version(*version)),
            Ask::StartRollout { rollout, plan } => {
                if let RolloutWhat::Config(document) = plan.change {
                    self.configs.asked(document);
                }
                self.rollouts.asked(*rollout, plan);
            }
            Ask::Revoke { node } | Ask::RaiseCredentials { node, .. } => {
                self.refusals.insert(*node);
            }
            _ => {}
        }
        let known = known(&self.facts, &self.table, (&self.commands, &self.firmware, &self.configs, &self.rollouts));
        self.console.asked(&known, at, request);
    }

    fn answered(&mut self, answer: &Answer<'_>, ask: &Ask) {
        let known = known(&self.facts, &self.table, (&self.commands, &self.firmware, &self.configs, &self.rollouts));
        let (seen, asked_at) = self.console.answered(&known, &mut self.verdicts, answer);
        for (node, from, presence) in seen {
            self.shown(node, (from, answer.at), presence, true);
        }
        let refuses = matches!((ask, answer.status), (Ask::Revoke { .. }, 204) | (Ask::RaiseCredentials { .. }, 200));
        if let (true, Some(asked_at), Some(node)) = (refuses, asked_at, ask.node()) {
            self.access.refused((&self.sockets, &self.table), answer.at, asked_at, node);
        }
    }

    /// Somebody was shown a node's presence, which was read between these times.
    pub(super) fn shown(&mut self, node: usize, (from, to): (Timestamp, Timestamp), presence: Presence, is_view: bool) {
        // Without a look at the table, it is not known from when on a node was refused, and until when.
        if !self.table.is_seen() && self.refusals.contains(&node) {
            return;
        }
        let Self { facts, sockets, table, check_ins, .. } = self;
        let shown = Shown { node, from, to, presence, is_view };
        self.presence.shown(&Truth { facts, sockets, table, check_ins }, &mut self.verdicts, &shown);
    }
}

fn known<'a>(
    facts: &'a Facts,
    table: &'a Table,
    (commands, firmware, configs, rollouts): (&'a Commands, &'a Firmware, &'a Configs, &'a Rollouts),
) -> Known<'a> {
    Known { facts, table, commands, firmware, configs, rollouts }
}

/// The configuration and the command that a message brings.
fn news(message: &ServerMessage) -> (Option<&rollcall_wire::ConfigNews>, Option<&rollcall_wire::CommandNews>) {
    match message {
        ServerMessage::Ack(ack) => (ack.config.as_ref(), ack.command.as_ref()),
        ServerMessage::Config(news) => (Some(news), None),
        ServerMessage::Command(news) => (None, Some(news)),
        _ => (None, None),
    }
}
