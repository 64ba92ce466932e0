//! Events: the log and each endpoint are told what happened to a node. All of it, in order, nothing else, and who did it.
//!
//! What happened is worked out from the writes of the node's item, whether they are marked for the stream or not. An
//! endpoint may be told something more than once; only the first time counts. Of the last minutes before the end, it need
//! not have been told yet: a delivery that failed waits for its next try.

mod expected;
mod flaps;
mod images;
mod reader;

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash as _, Hasher as _};

use rollcall_core::{Endpoint, Item, Key, NodeId, Timestamp, event_text};
use rollcall_wire::CloudEvent;

use super::commands::Commands;
use super::facts::{Facts, earlier};
use super::hashing::Fx;
use super::rollouts::{ACTORS, EVENTS as ABOUT_ROLLOUTS, by_rollout};
use super::table::Change;
use super::verdicts::Verdicts;
use crate::catalogue::{ACTOR, delivery_schedule};
use crate::observation::Seen;
use crate::plan::Plan;
use crate::violation::ViolationKind as Kind;
use expected::{Ended, expected};
use flaps::Flaps;
use images::Images;
use reader::{Happened, Life, Reader, Wants};

/// Within what time an event is told once nothing fails any more, in milliseconds: the longest pause between two tries,
/// with what it may be longer by, and a few minutes for the stream and for what waits behind it.
const TOLD_WITHIN_MS: u64 = 45 * 60_000;
/// How long before it is deleted a command may already count as deleted, in milliseconds: the feed may be late.
const DELETED_MS: u64 = 12 * 3_600_000;

/// The type of the events that are about an endpoint.
const ABOUT_ENDPOINTS: &str = "endpoint.disabled";

/// What happened to each node, and who was told.
#[derive(Clone, Debug)]
pub(super) struct Events {
    lives: Vec<Life>,
    flaps: Vec<Flaps>,
    log: Reader,
    /// The last number in each shard of the log.
    numbers: BTreeMap<u64, u64>,
    endpoints: BTreeMap<String, Reader>,
    /// How often an event was sent to an endpoint that has not taken it.
    tries: HashMap<(String, u64), usize>,
    /// After how many tries an event may be given up.
    schedule: usize,
    images: Images,
}

impl Events {
    pub(super) fn new(plan: &Plan) -> Self {
        let nodes = plan.nodes.len();
        Self {
            lives: vec![Life::default(); nodes],
            flaps: vec![Flaps::default(); nodes],
            log: Reader::new(nodes, Wants::default()),
            numbers: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            tries: HashMap::new(),
            schedule: delivery_schedule(plan.seed).split(',').count(),
            images: Images::default(),
        }
    }

    /// An item was written: an endpoint, or an entry of the log.
    pub(super) fn wrote(
        &mut self,
        facts: &Facts,
        verdicts: &mut Verdicts,
        at: Timestamp,
        (key, before, after): (&Key, Option<&Item>, &Item),
    ) {
        match key {
            Key::Endpoint(name) if before.is_none() => {
                if let Ok(Some(Endpoint { types, site, select, .. })) = Endpoint::read(after) {
                    let site = site.map(|site| site.as_str().to_owned());
                    // No fleet has an endpoint with another selector.
                    let model = select.map(|select| select.to_string().trim_start_matches("model=").to_owned());
                    let wants = Wants { types: types.list(), site, model };
                    self.endpoints.insert(name.to_string(), Reader::new(self.lives.len(), wants));
                }
            }
            Key::Logged(shard, number) => {
                let last = self.numbers.entry(*shard).or_default();
                if *number != *last + 1 || before.is_some() {
                    let what =
                        format!("entry {number} of shard {shard} of the log was written after {last}: {before:?}");
                    verdicts.other(Kind::LogGap, at, what);
                }
                *last = *number;
                match event_text(after).ok().flatten() {
                    Some(text) => self.tell(facts, verdicts, at, None, text),
                    None => verdicts.other(Kind::EventInvented, at, "an entry of the log has no event"),
                }
            }
            key => self.images.wrote(key),
        }
    }

    /// A node's own item was written.
    pub(super) fn wrote_node(&mut self, commands: &Commands, at: Timestamp, change: &Change, after: &Item) {
        if self.endpoints.is_empty() {
            return;
        }
        let ended = |number| match commands.get(change.node, number) {
            None => Ended::Deleted,
            Some(known) if known.stored.ended.is_some() => Ended::Finished,
            // It is deleted a week after it has expired.
            Some(known) if known.stored.expires_at.0 + 7 * 86_400_000 < at.0 + DELETED_MS => Ended::Deleted,
            Some(_) => Ended::Expired,
        };
        let Some(flaps) = self.flaps.get_mut(change.node) else { return };
        let told = expected(change.was.as_deref(), &change.is, flaps, ended);
        let Some(life) = self.lives.get_mut(change.node).filter(|_| !told.is_empty()) else { return };
        let site = change.is.site.clone().or_else(|| change.was.as_ref()?.site.clone());
        let left = change.was.as_ref().and_then(|was| was.site.clone());
        let rollout = by_rollout(after).map(|name| format!("{ACTORS}{name}"));
        let models = [change.was.as_ref().and_then(|was| was.model.clone()), change.is.model.clone()];
        life.add(Happened { at, site, left, models, told, rollout });
        for reader in std::iter::once(&mut self.log).chain(self.endpoints.values_mut()) {
            reader.happened(change.node, life);
        }
    }

    /// An event was sent to an endpoint, or given up.
    pub(super) fn sent(&mut self, facts: &Facts, verdicts: &mut Verdicts, at: Timestamp, seen: &Seen) {
        match seen {
            Seen::Posted { endpoint, id, event, taken } => {
                if !self.endpoints.get(endpoint).is_some_and(|reader| reader.knows(hash(id))) {
                    *self.tries.entry((endpoint.clone(), hash(id))).or_default() += 1;
                }
                if *taken {
                    self.tell(facts, verdicts, at, Some(endpoint), event);
                }
            }
            Seen::Buried { endpoint, event } => {
                let id = serde_json::from_str::<CloudEvent>(event).map(|event| hash(&event.id)).unwrap_or_default();
                let tries = self.tries.get(&(endpoint.clone(), id)).copied().unwrap_or_default();
                let is_known = self.endpoints.get(endpoint).is_some_and(|reader| reader.knows(id));
                if !is_known && tries < self.schedule {
                    let what = format!("{event} was given up at {endpoint} after {tries} of {} tries", self.schedule);
                    verdicts.other(Kind::GivenUpEarly, at, what);
                }
                self.tell(facts, verdicts, at, Some(endpoint), event);
            }
            _ => {}
        }
    }

    /// The log (`None`) or an endpoint is told an event.
    fn tell(&mut self, facts: &Facts, verdicts: &mut Verdicts, at: Timestamp, endpoint: Option<&String>, text: &str) {
        let name = endpoint.map_or("the log", String::as_str);
        let event = serde_json::from_str::<CloudEvent>(text).ok();
        if event.as_ref().is_some_and(|event| event.kind == ABOUT_ENDPOINTS || event.kind.starts_with(ABOUT_ROLLOUTS)) {
            return;
        }
        // The application of a simulated world has no queue: only its log has what it changes besides nodes.
        if event.as_ref().is_some_and(|event| endpoint.is_none() && self.images.told(verdicts, at, event)) {
            return;
        }
        let node = event.as_ref().and_then(|event| facts.index(&event.subject.parse::<NodeId>().ok()?));
        let reader = endpoint.map_or(Some(&mut self.log), |endpoint| self.endpoints.get_mut(endpoint));
        let (Some(event), Some(node), Some(reader)) = (event, node, reader) else {
            let what = format!("{name} was told {text}, which is about no node, or there is no such endpoint");
            return verdicts.other(Kind::EventInvented, at, what);
        };
        let id = hash(&event.id);
        if !reader.is_new(id) {
            if endpoint.is_none() {
                verdicts.node(
                    Kind::EventInvented,
                    at,
                    node,
                    format!("is the subject of {text}, which the log has twice"),
                );
            }
            return;
        }
        if let Some(endpoint) = endpoint {
            self.tries.remove(&(endpoint.clone(), id));
        }
        let Some(life) = self.lives.get_mut(node) else { return };
        for (kind, why) in reader.told(node, life, &event, ACTOR) {
            verdicts.node(kind, at, node, format!("is the subject of {text}, which {name} was told: {why}"));
        }
        let readers = std::iter::once(&self.log).chain(self.endpoints.values());
        life.forget(readers.map(|reader| reader.next(node)).min().unwrap_or_default());
    }

    /// At the end, everything was told but the last.
    pub(super) fn finish(&self, verdicts: &mut Verdicts, now: Timestamp) {
        if self.endpoints.is_empty() {
            return;
        }
        self.images.finish(verdicts, now);
        let by = earlier(now, TOLD_WITHIN_MS);
        let endpoints = self.endpoints.iter().map(|(name, reader)| (name.as_str(), reader));
        for (name, reader) in std::iter::once(("the log", &self.log)).chain(endpoints) {
            for (node, life) in self.lives.iter().enumerate() {
                if let Some((happened, expected)) = reader.missing(node, life, by) {
                    let when = verdicts.when(happened.at);
                    let what = format!("has a change of {when} that {name} was never told: {expected:?}");
                    verdicts.node(Kind::EventMissing, now, node, what);
                }
            }
        }
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = Fx::default();
    id.hash(&mut hasher);
    hasher.finish()
}
