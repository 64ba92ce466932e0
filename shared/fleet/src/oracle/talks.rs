//! The conversations of the application that are under way, and what was stored meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rollcall_core::{Node, Timestamp};
use rollcall_wire::ServerMessage;

use super::table::{Change, Table};
use crate::application::AppRequest;
use crate::plan::Ask;

/// How many states of a node are remembered for one request.
const STATES: usize = 256;

/// A conversation that is under way.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) ask: Ask,
    pub(super) named: Option<u64>,
    /// When its first request was made, and its last one.
    pub(super) first_at: Timestamp,
    pub(super) asked_at: Timestamp,
    /// The states of the node since the last request.
    states: Vec<Option<Arc<Node>>>,
    /// Whether more states were seen than are remembered.
    overflown: bool,
    /// The configurations and firmware versions that were pushed to the node since the last request.
    pub(super) pushed: Vec<String>,
    /// Whether the firmware that it names was known when the last request was made.
    pub(super) knew_firmware: bool,
    /// The nodes that were listed so far, and those for which a configuration could not be set.
    pub(super) listed: BTreeSet<String>,
    /// How many nodes kept what was set for them alone, and those of them that were named.
    pub(super) kept: (u64, BTreeSet<String>),
}

/// All conversations that are under way.
#[derive(Clone, Debug)]
pub(super) struct Talks {
    talks: BTreeMap<usize, Talk>,
    /// The conversations about each node whose request is not answered.
    about: Vec<Vec<usize>>,
}

impl Talks {
    pub(super) fn new(nodes: usize) -> Self {
        Self { talks: BTreeMap::new(), about: vec![vec![]; nodes] }
    }

    /// A request was made.
    pub(super) fn asked(&mut self, table: &Table, at: Timestamp, request: &AppRequest, knew_firmware: bool) {
        let node = request.ask.node();
        let now = node.map(|node| table.node(node).cloned());
        let talk = self.talks.entry(request.nth).or_insert_with(|| Talk {
            ask: request.ask.clone(),
            named: request.named,
            first_at: at,
            asked_at: at,
            states: vec![],
            overflown: false,
            pushed: vec![],
            knew_firmware,
            listed: BTreeSet::new(),
            kept: (0, BTreeSet::new()),
        });
        (talk.asked_at, talk.overflown, talk.knew_firmware) = (at, false, knew_firmware);
        talk.states = now.into_iter().collect();
        talk.pushed.clear();
        if let Some(about) = node.and_then(|node| self.about.get_mut(node))
            && !about.contains(&request.nth)
        {
            about.push(request.nth);
        }
    }

    /// A node's item was written.
    pub(super) fn wrote(&mut self, change: &Change) {
        for nth in self.about.get(change.node).into_iter().flatten() {
            if let Some(talk) = self.talks.get_mut(nth) {
                talk.overflown |= talk.states.len() == STATES;
                if !talk.overflown {
                    talk.states.push(Some(Arc::clone(&change.is)));
                }
            }
        }
    }

    /// A message was pushed to a connection of the node.
    pub(super) fn pushed(&mut self, node: usize, message: &ServerMessage) {
        let name = match message {
            ServerMessage::Config(news) => news.version.to_string(),
            ServerMessage::Firmware(news) => news.version.clone(),
            _ => return,
        };
        for nth in self.about.get(node).into_iter().flatten() {
            if let Some(talk) = self.talks.get_mut(nth) {
                talk.pushed.push(name.clone());
            }
        }
    }

    /// A request was answered, or the application waits for it no longer.
    pub(super) fn answered(&mut self, nth: usize) -> Option<&mut Talk> {
        let talk = self.talks.get_mut(&nth)?;
        if let Some(about) = talk.ask.node().and_then(|node| self.about.get_mut(node)) {
            about.retain(|other| *other != nth);
        }
        Some(talk)
    }

    /// A conversation is over.
    pub(super) fn over(&mut self, nth: usize) {
        self.talks.remove(&nth);
    }

    /// The conversations that are under way.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Talk> {
        self.talks.values()
    }
}

impl Talk {
    /// Whether the node was in such a state at some time since the last request, as far as it is known.
    pub(super) fn was(&self, state: impl Fn(&Node) -> bool) -> bool {
        self.overflown || self.states.iter().flatten().any(|node| state(node))
    }

    /// Whether no such node was registered at some time since the last request.
    pub(super) fn was_unregistered(&self) -> bool {
        self.overflown || self.states.iter().any(|node| node.as_ref().is_none_or(|node| node.credentials.is_none()))
    }

    /// The states since the last request, for people.
    pub(super) fn states(&self) -> String {
        let state = |node: &Option<Arc<Node>>| match node {
            None => "no item".to_owned(),
            Some(node) => format!(
                "{}config {:?}, firmware {:?}, credentials {:?}, site {:?}",
                if node.revoked { "revoked, " } else { "" },
                node.desired.as_ref().map(|desired| desired.version),
                node.desired_firmware,
                node.credentials.map(|credentials| credentials.0),
                node.site
            ),
        };
        let mut states: Vec<_> = self.states.iter().map(state).collect();
        states.dedup();
        states.join("; then ")
    }
}
