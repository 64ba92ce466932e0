//! A history, told step by step. What the rules would write is written by the rules; what they never would, by hand.

use std::collections::HashMap;

use rollcall_core::{
    Attribute as A, ConfigOutcome, ConfigState, Connection, CredentialVersion, Event, EventKind, Expected, Health,
    Instance, Item, Key, Node, NodeId, Outcome, Policy, Registering, Registration, Report, Tags, Timestamp, Update,
    UpdateOutcome, UpdateState, Value, plan, put_document, register, set_config,
};
use rollcall_wire::{Ack, CheckIn, ConfigStatus, NodeMessage, ServerMessage, UpdateStatus};
use serde_json::Value as Json;

use crate::application::{AppAnswer, AppRequest, Application, Next};
use crate::observation::{Device, Observation, Seen};
use crate::oracle::Oracle;
use crate::oracle::presence::Shown;
use crate::plan::{Ask, NodeKind, NodePlan, Plan, Settings, Step, What};
use crate::violation::ViolationKind;

/// When every story begins.
pub(super) const START: u64 = 1_800_000_000_000;

/// A history of a fleet.
pub(super) struct Story {
    pub(super) plan: Plan,
    oracle: Oracle,
    application: Application,
    now: u64,
    items: HashMap<Key, Item>,
}

/// The node with this index.
pub(super) fn device(node: usize) -> Device {
    Device { node, device: 0, run: 0 }
}

/// The clone of the node with this index.
pub(super) fn clone(node: usize) -> Device {
    Device { node, device: 1, run: 0 }
}

/// An ack without news.
pub(super) fn ack(seq: u64) -> Ack {
    Ack {
        seq,
        next_check_in_s: 300,
        reconnect_within_s: 6600,
        spread_s: 30,
        config: None,
        command: None,
        firmware: None,
    }
}

impl Story {
    /// A quiet fleet of two socket nodes and a poller, in which no fault acts.
    pub(super) fn new() -> Self {
        Self::with(&[], |_| {})
    }

    /// The same fleet, in which these things happen (in ms after the start), with other settings.
    pub(super) fn with(steps: &[(u64, What)], change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            registration: Registration::Open,
            lifetime: 6600,
            check_in_every: 300,
            grace: 90,
            spread: 30,
            budget: 300,
        };
        change(&mut settings);
        let node = |nth: usize, kind| NodePlan {
            id: format!("ap-{nth}").parse().expect("an id"),
            kind,
            model: "ax-1".to_owned(),
            site: "site-0".to_owned(),
            far: false,
        };
        let nodes = vec![node(0, NodeKind::Socket), node(1, NodeKind::Socket), node(2, NodeKind::Poller)];
        let steps = steps.iter().map(|(at_ms, what)| Step { at_ms: *at_ms, what: what.clone() }).collect();
        let plan = Plan { seed: 1, settings, nodes, steps, calm_from_ms: 80_000_000, ends_at_ms: 86_400_000 };
        let (oracle, application) = (Oracle::new(&plan, Timestamp(START)), Application::new(&plan));
        Self { plan, oracle, application, now: START, items: HashMap::new() }
    }

    /// So many seconds after the start.
    pub(super) fn at(&mut self, seconds: u64) -> &mut Self {
        self.at_ms(seconds * 1000)
    }

    pub(super) fn at_ms(&mut self, ms: u64) -> &mut Self {
        self.now = START + ms;
        self
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    pub(super) fn id(&self, node: usize) -> NodeId {
        self.plan.nodes[node].id.clone()
    }

    fn policy(&self) -> Policy {
        self.plan.settings.policy().expect("in range")
    }

    pub(super) fn sees(&mut self, what: Seen) -> &mut Self {
        self.oracle.observe(&Observation { at: Timestamp(self.now), what });
        self
    }

    /// The rules write this, if its guard holds. Returns whether it does.
    pub(super) fn writes(&mut self, update: &Update) -> bool {
        let before = self.items.get(&update.key).cloned();
        let Outcome::Applied { after } = update.apply(before.as_ref()) else { return false };
        self.sees(Seen::Wrote { key: update.key.clone(), before, after: after.clone() });
        self.items.insert(update.key.clone(), after);
        true
    }

    /// Something happens to a node, and the rules write it.
    pub(super) fn happens(&mut self, node: usize, kind: EventKind) -> bool {
        let event = Event::new(self.id(node), self.now(), kind);
        self.writes(&plan(&event, &self.policy()))
    }

    /// Something writes an item that the rules would not write.
    pub(super) fn tampers(&mut self, key: &Key, change: impl FnOnce(&mut Item)) -> &mut Self {
        let before = self.items.get(key).cloned();
        let mut after = before.clone().unwrap_or_default();
        change(&mut after);
        self.items.insert(key.clone(), after.clone());
        self.sees(Seen::Wrote { key: key.clone(), before, after })
    }

    /// As [`tampers`](Self::tampers), with the node's own item.
    pub(super) fn tampers_with(&mut self, node: usize, changes: &[(A, Option<Value>)]) -> &mut Self {
        let changes = changes.to_vec();
        self.tampers(&Key::Node(self.id(node)), |item| {
            for (attribute, value) in changes {
                match value {
                    Some(value) => drop(item.insert(attribute, value)),
                    None => drop(item.remove(&attribute)),
                }
            }
        })
    }

    /// The stored item of a node.
    pub(super) fn stored(&self, node: usize) -> Option<Node> {
        self.items.get(&Key::Node(self.id(node))).map(|item| Node::read(item).expect("readable"))
    }

    /// The application registers the node.
    pub(super) fn registers(&mut self, node: usize) -> &mut Self {
        let plan = &self.plan.nodes[node];
        let (site, model) = (plan.site.parse().ok(), plan.model.parse().ok());
        let registering = Registering { site, model, tags: Tags::default(), credentials: None };
        assert!(self.writes(&register(&self.id(node), &registering)), "registered");
        self
    }

    /// The n-th document is stored, and becomes the node's next version.
    pub(super) fn sets_config(&mut self, node: usize, document: u32) -> &mut Self {
        let text = crate::document(document);
        let sha256 = rollcall_wire::sha256(&text);
        self.writes(&put_document(&sha256, &text));
        let update = set_config(&self.id(node), &sha256, &Expected::default());
        assert!(self.writes(&update), "set");
        self
    }

    /// The node's program starts.
    pub(super) fn starts(&mut self, who: Device) -> &mut Self {
        self.sees(Seen::Started { who, record_was_lost: false });
        self.sees(Seen::Runs { who, firmware: crate::FIRST_FIRMWARE.to_owned() })
    }

    /// A device opens a connection, which is stored and opens. The link has the number in the connection's name.
    pub(super) fn connects(&mut self, who: Device, connection: &str) -> &mut Self {
        self.connects_with(who, connection, 1)
    }

    pub(super) fn connects_with(&mut self, who: Device, connection: &str, credentials: u32) -> &mut Self {
        self.shakes(who, connection, credentials);
        let opened_at = self.now();
        let kind = EventKind::Connect {
            connection: Connection { id: connection.parse().expect("an id"), opened_at },
            credentials: CredentialVersion(credentials),
            instance: Some(Instance(u32::from(who.device) + 1)),
        };
        assert!(self.happens(who.node, kind), "{connection} is let in");
        self.opens(who, connection)
    }

    /// A handshake reaches the gateway.
    pub(super) fn shakes(&mut self, who: Device, connection: &str, credentials: u32) -> &mut Self {
        let (node, connection) = (self.id(who.node), connection.parse().expect("an id"));
        self.sees(Seen::Handshake { node, connection, credentials, opened_at: self.now() })
    }

    /// A connection whose handshake was answered opens.
    pub(super) fn opens(&mut self, who: Device, connection: &str) -> &mut Self {
        let id = connection.parse().expect("an id");
        self.sees(Seen::Open { node: self.id(who.node), connection: id });
        let (link, connection) = (link(connection), connection.parse().ok());
        self.sees(Seen::LinkOpened { who, link, connection })
    }

    /// A connection ends at the gateway, and its `$disconnect` is stored.
    pub(super) fn disconnects(&mut self, who: Device, connection: &str) -> &mut Self {
        let opened_at = self.stored(who.node).and_then(|node| node.held).map(|held| held.connection.opened_at);
        self.vanishes(who, connection);
        let connection = Connection { id: connection.parse().expect("an id"), opened_at: opened_at.expect("held") };
        self.happens(who.node, EventKind::Disconnect { connection, code: Some(1006), reason: None });
        self
    }

    /// A connection ends at the gateway, and nobody is told.
    pub(super) fn vanishes(&mut self, who: Device, connection: &str) -> &mut Self {
        let id = connection.parse().expect("an id");
        self.sees(Seen::Ended { node: self.id(who.node), connection: id });
        self.sees(Seen::LinkEnded { who, link: link(connection), code: None })
    }

    /// A device sends a check-in, or a poll if no connection is named.
    pub(super) fn says(&mut self, who: Device, connection: Option<&str>, said: &CheckIn) -> &mut Self {
        let message = NodeMessage::CheckIn(said.clone());
        self.sees(Seen::Sent { who, link: connection.map(link), message })
    }

    /// The rules store a check-in of a connection, or a poll if none is named. Returns whether they do.
    pub(super) fn stores(&mut self, node: usize, connection: Option<&str>, said: &CheckIn) -> bool {
        let (received, credentials) = (self.now(), CredentialVersion(1));
        let (report, results) = (report(said), u32::try_from(said.results.len()).expect("few"));
        let kind = match connection {
            None => EventKind::Poll { credentials, report, results },
            Some(connection) => {
                let held = self.stored(node).and_then(|node| node.held).expect("held").connection;
                let connection = Connection { id: connection.parse().expect("an id"), ..held };
                EventKind::CheckIn { connection, credentials, received, seq: said.seq, ack: true, report, results }
            }
        };
        self.happens(node, kind)
    }

    /// A device sends a check-in, which the rules store and acknowledge.
    pub(super) fn checks_in(&mut self, who: Device, connection: &str, said: &CheckIn) -> &mut Self {
        self.says(who, Some(connection), said);
        assert!(self.stores(who.node, Some(connection), said), "stored");
        self.hears(who, Some(connection), ServerMessage::Ack(ack(said.seq)))
    }

    /// A device polls, which the rules store and acknowledge.
    pub(super) fn polls(&mut self, who: Device, said: &CheckIn) -> &mut Self {
        self.says(who, None, said);
        assert!(self.stores(who.node, None, said), "stored");
        self.hears(who, None, ServerMessage::Ack(ack(said.seq)))
    }

    /// A device reads a message.
    pub(super) fn hears(&mut self, who: Device, connection: Option<&str>, message: ServerMessage) -> &mut Self {
        self.sees(Seen::Received { who, link: connection.map(link), message })
    }

    /// A function answers a message of a connection, or a poll, that came at this second.
    pub(super) fn answers_on(&mut self, node: usize, connection: Option<&str>, began_s: u64, answer: ServerMessage) {
        let (node, began) = (self.id(node), Timestamp(START + began_s * 1000));
        let connection = connection.map(|connection| connection.parse().expect("an id"));
        self.sees(Seen::Handled { node, connection, credentials: 1, began, answer: Some(answer) });
    }

    /// A function answers a message of a node that came at this second.
    pub(super) fn answers(&mut self, node: usize, began_s: u64, answer: ServerMessage) -> &mut Self {
        let (node, began) = (self.id(node), Timestamp(START + began_s * 1000));
        self.sees(Seen::Handled { node, connection: None, credentials: 1, began, answer: Some(answer) })
    }

    /// The application asks for something.
    pub(super) fn asks(&mut self, ask: &Ask) -> AppRequest {
        let request = self.application.begin(ask).swap_remove(0);
        self.sees(Seen::Asked { request: Box::new(request.clone()) });
        request
    }

    /// The application is answered.
    pub(super) fn answered(&mut self, request: &AppRequest, status: u16, body: Json) -> Next {
        let AppRequest { nth, attempt, ask, .. } = request.clone();
        self.sees(Seen::Answered { nth, attempt, ask, status, etag: None, body: body.clone() });
        self.application.answered(nth, Some(&AppAnswer { status, etag: None, retry_after: None, body }))
    }

    /// Somebody is shown a node's presence.
    pub(super) fn shown(&mut self, shown: &Shown) {
        let Shown { node, from, to, presence, is_view } = *shown;
        self.oracle.judges.shown(node, (from, to), presence, is_view);
    }

    /// How many sockets, links and commands the oracle remembers.
    pub(super) fn remembered(&self) -> [usize; 3] {
        self.oracle.judges.remembered()
    }

    /// What was found so far.
    pub(super) fn found(&self) -> Vec<ViolationKind> {
        self.oracle.violations().iter().map(|violation| violation.kind).collect()
    }

    /// What was found, in words.
    pub(super) fn words(&self) -> String {
        self.oracle.violations().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Judges the end. Returns what was found.
    pub(super) fn ends(&mut self) -> Vec<ViolationKind> {
        let items: HashMap<_, _> = (0..3).filter_map(|node| Some((self.id(node), self.stored(node)?))).collect();
        self.oracle.finish(Timestamp(self.now), &|id| items.get(id).cloned());
        self.found()
    }

    /// Judges the end, at which the table has other items.
    pub(super) fn ends_with(&mut self, stored: &dyn Fn(&NodeId) -> Option<Node>) -> Vec<ViolationKind> {
        self.oracle.finish(Timestamp(self.now), stored);
        self.found()
    }

    /// Fails unless nothing was found.
    pub(super) fn is_right(&self) {
        assert!(self.found().is_empty(), "{}", self.words());
    }
}

fn link(connection: &str) -> u64 {
    connection.bytes().map(u64::from).sum()
}

fn report(said: &CheckIn) -> Report {
    let config = said.config.clone().map(|config| ConfigOutcome {
        version: config.version,
        state: match config.status {
            ConfigStatus::Applied => ConfigState::Applied,
            ConfigStatus::Substituted => ConfigState::Substituted,
            ConfigStatus::Rejected => ConfigState::Rejected,
        },
        detail: config.detail,
    });
    let update = said.update.clone().map(|update| UpdateOutcome {
        version: update.version.parse().expect("a version"),
        state: match update.status {
            UpdateStatus::Downloading => UpdateState::Downloading,
            UpdateStatus::Applied => UpdateState::Applied,
            UpdateStatus::Failed => UpdateState::Failed,
            UpdateStatus::RolledBack => UpdateState::RolledBack,
        },
        detail: update.detail,
    });
    Report::new(said.firmware.clone(), config, Health::default()).with_update(update)
}
