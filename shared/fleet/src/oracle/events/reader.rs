//! Whoever is told events: the log, or an endpoint. It is told what happened to a node, in order, and once at least.

use std::collections::{BTreeSet, HashSet, VecDeque};

use rollcall_core::Timestamp;
use rollcall_wire::CloudEvent;

use super::expected::Expected;
use crate::violation::ViolationKind as Kind;

/// A write, and what is to be told of it.
#[derive(Clone, Debug)]
pub(super) struct Happened {
    pub(super) at: Timestamp,
    /// The site of the node, and the one that it had before.
    pub(super) site: Option<String>,
    pub(super) left: Option<String>,
    /// The models that it had before and has since.
    pub(super) models: [Option<String>; 2],
    pub(super) told: Vec<Expected>,
    /// The rollout that made it; `None` if the application did, or nobody.
    pub(super) rollout: Option<String>,
}

/// What has happened to a node. What every reader was told is forgotten.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    /// How many writes were forgotten.
    first: u64,
    writes: VecDeque<Happened>,
}

/// What an endpoint wants. The log wants everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Wants {
    /// Types, or kinds of them such as `node.*`; none for all.
    pub(super) types: Vec<String>,
    pub(super) site: Option<String>,
    /// The model that its selector names.
    pub(super) model: Option<String>,
}

/// A write of a node, and which event of it.
type Which = (u64, usize);

/// How far a reader was told of a node.
#[derive(Clone, Debug, Default)]
struct Place {
    /// All that is before this write was told.
    next: u64,
    /// What was told of this write and of later ones.
    told: BTreeSet<Which>,
    /// What was not told although something later was: it is held against the run once.
    overtaken: BTreeSet<Which>,
    /// What orders the last event.
    sequence: String,
}

/// Whoever is told events.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    pub(super) wants: Wants,
    /// Hashes of the ids that it was told.
    known: HashSet<u64>,
    places: Vec<Place>,
}

impl Wants {
    fn has(&self, expected: &Expected, happened: &Happened) -> bool {
        let is_there = |wanted: &String| {
            let has_left = expected.kind == "node.registered" && happened.left.as_ref() == Some(wanted);
            has_left || happened.site.as_ref() == Some(wanted)
        };
        let is_kind = |wanted: &String| match wanted.strip_suffix('*') {
            Some(start) => expected.kind.starts_with(start),
            None => expected.kind == wanted,
        };
        (self.types.is_empty() || self.types.iter().any(is_kind))
            && self.site.as_ref().is_none_or(is_there)
            && (self.model.is_none() || happened.models.contains(&self.model))
    }
}

impl Life {
    pub(super) fn add(&mut self, happened: Happened) {
        self.writes.push_back(happened);
    }

    /// Forgets the writes before this one.
    pub(super) fn forget(&mut self, before: u64) {
        while self.first < before && self.writes.pop_front().is_some() {
            self.first += 1;
        }
    }

    fn get(&self, write: u64) -> Option<&Happened> {
        self.writes.get(usize::try_from(write.checked_sub(self.first)?).ok()?)
    }

    /// The number of the next write.
    fn end(&self) -> u64 {
        self.first + self.writes.len() as u64
    }

    fn from(&self, write: u64) -> impl Iterator<Item = (u64, &Happened)> {
        (write..).map_while(|write| Some((write, self.get(write)?)))
    }
}

impl Place {
    /// What a reader wants to be told and was not: which it is, the write, and what it is.
    fn open<'a>(&self, wants: &Wants, life: &'a Life) -> impl Iterator<Item = (Which, &'a Happened, &'a Expected)> {
        life.from(self.next).flat_map(move |(write, happened)| {
            let all = happened.told.iter().enumerate().map(move |(nth, expected)| ((write, nth), happened, expected));
            all.filter(|(which, _, expected)| !self.told.contains(which) && wants.has(expected, happened))
        })
    }

    /// Goes on to the first write of which something is still to be told. What need not be told is waited for until
    /// something later is told.
    fn go_on(&mut self, wants: &Wants, life: &Life) {
        let last = self.told.last().map(|(write, _)| *write);
        let is_due = |(which, _, expected): &(Which, &Happened, &Expected)| !expected.optional || last <= Some(which.0);
        let next = self.open(wants, life).find(is_due).map_or(life.end(), |(which, ..)| which.0);
        self.next = next;
        self.told = self.told.split_off(&(next, 0));
        self.overtaken = self.overtaken.split_off(&(next, 0));
    }
}

impl Reader {
    pub(super) fn new(nodes: usize, wants: Wants) -> Self {
        Self { wants, known: HashSet::new(), places: vec![Place::default(); nodes] }
    }

    /// Notes an id. Returns whether it is new.
    pub(super) fn is_new(&mut self, id: u64) -> bool {
        self.known.insert(id)
    }

    /// Whether it was told the event with this id.
    pub(super) fn knows(&self, id: u64) -> bool {
        self.known.contains(&id)
    }

    /// Until which write it was told everything.
    pub(super) fn next(&self, node: usize) -> u64 {
        self.places.get(node).map_or(u64::MAX, |place| place.next)
    }

    /// It is told an event for the first time. Returns what is wrong with that.
    pub(super) fn told(&mut self, node: usize, life: &Life, event: &CloudEvent, actor: &str) -> Vec<(Kind, String)> {
        let Some(place) = self.places.get_mut(node) else { return vec![] };
        let mut wrong = vec![];
        if event.sequence <= place.sequence {
            wrong.push((Kind::EventOutOfOrder, format!("its sequence is not higher than {}", place.sequence)));
        }
        place.sequence.clone_from(&event.sequence);
        let wants = &self.wants;
        let found = place.open(wants, life).find(|(.., expected)| expected.is(event));
        let Some((at, happened, expected)) = found else {
            wrong.push((Kind::EventInvented, "nothing of it that was not told has happened".to_owned()));
            return wrong;
        };
        let missed = place.open(wants, life).take_while(|((write, _), ..)| *write < at.0);
        let missed = missed.filter(|(at, _, expected)| !expected.optional && !place.overtaken.contains(at));
        let missed: Vec<_> = missed.map(|(at, _, expected)| (at, expected)).collect();
        if let Some((_, first)) = missed.first() {
            wrong.push((Kind::EventOutOfOrder, format!("{first:?} comes before it, and was not told")));
        }
        let by = expected.asked_for.then(|| happened.rollout.as_deref().unwrap_or(actor));
        if event.actor.as_deref() != by {
            wrong.push((Kind::WrongActor, format!("it was caused by {by:?}")));
        }
        if event.site != happened.site {
            wrong.push((Kind::EventInvented, format!("the site was {:?}", happened.site)));
        }
        place.overtaken.extend(missed.into_iter().map(|(at, _)| at));
        place.told.insert(at);
        place.go_on(wants, life);
        wrong
    }

    /// Something has happened to a node: if it is nothing that this reader wants, it goes on.
    pub(super) fn happened(&mut self, node: usize, life: &Life) {
        if let Some(place) = self.places.get_mut(node) {
            place.go_on(&self.wants, life);
        }
    }

    /// The first thing that happened to a node by this time and was not told.
    pub(super) fn missing<'a>(
        &'a self,
        node: usize,
        life: &'a Life,
        by: Timestamp,
    ) -> Option<(&'a Happened, &'a Expected)> {
        let open = self.places.get(node)?.open(&self.wants, life);
        let mut missing =
            open.take_while(|(_, happened, _)| happened.at <= by).filter(|(.., expected)| !expected.optional);
        missing.next().map(|(_, happened, expected)| (happened, expected))
    }
}
