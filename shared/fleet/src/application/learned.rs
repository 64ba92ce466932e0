//! What the application was told.

use serde_json::Value;

use super::AppAnswer;
use crate::plan::{Ask, Match, NodePlan, Plan};

/// What the application was told of a node.
#[derive(Clone, Debug)]
struct Known {
    /// The version of the desired configuration; 0 if none is desired.
    config: u64,
    /// The tag that came with it.
    etag: Option<String>,
    /// The numbers of the commands that it queued, in the order of their answers.
    commands: Vec<u64>,
    /// The credential version that it demanded last.
    credentials: u64,
}

/// How many commands of a node it remembers.
const COMMANDS: usize = 8;

/// What the application was told.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    nodes: Vec<(NodePlan, Known)>,
}

impl Learned {
    pub(super) fn new(plan: &Plan) -> Self {
        let known = Known { config: 0, etag: None, commands: vec![], credentials: 1 };
        Self { nodes: plan.nodes.iter().map(|node| (node.clone(), known.clone())).collect() }
    }

    pub(super) fn node(&self, node: usize) -> Option<&NodePlan> {
        self.nodes.get(node).map(|(node, _)| node)
    }

    /// The version that a condition names, and its tag as a header has it; `None` if it names no version.
    pub(super) fn expected(&self, node: usize, condition: Match) -> Option<(u64, String)> {
        let (_, known) = self.nodes.get(node)?;
        let version = match condition {
            Match::Current => known.config,
            Match::Stale => known.config.saturating_sub(1),
            Match::Absent => return None,
        };
        let tag = known.etag.clone().filter(|_| condition == Match::Current);
        Some((version, tag.unwrap_or_else(|| format!("\"{version}\""))))
    }

    /// Of the commands that are known, the n-th from the last.
    pub(super) fn command(&self, node: usize, nth: u32) -> Option<u64> {
        let (_, known) = self.nodes.get(node)?;
        known.commands.iter().rev().nth(nth as usize).or_else(|| known.commands.last()).copied()
    }

    /// The next credential version.
    pub(super) fn next_credentials(&self, node: usize) -> u64 {
        self.nodes.get(node).map_or(1, |(_, known)| known.credentials + 1)
    }

    /// Takes what an answer tells.
    pub(super) fn take(&mut self, ask: &Ask, named: Option<u64>, answer: &AppAnswer) {
        let Some((_, known)) = ask.node().and_then(|node| self.nodes.get_mut(node)) else { return };
        let number = |name: &str| answer.body.get(name).and_then(Value::as_u64);
        match (ask, answer.status) {
            (Ask::SetConfig { .. }, 200) => known.is_at(number("version"), answer.etag.clone()),
            (Ask::SetConfig { .. }, 412) => known.is_at(number("current_version"), None),
            (Ask::Show { .. }, 200) => {
                let version = answer.body.get("desired").and_then(|desired| desired.get("version"));
                known.is_at(Some(version.and_then(Value::as_u64).unwrap_or_default()), None);
            }
            (Ask::Queue { .. }, 200 | 201) => {
                known.commands.extend(number("command").filter(|number| !known.commands.contains(number)));
                if known.commands.len() > COMMANDS {
                    known.commands.remove(0);
                }
            }
            (Ask::RaiseCredentials { .. }, 200 | 409) => known.credentials = known.credentials.max(named.unwrap_or(1)),
            _ => {}
        }
    }
}

impl Known {
    /// A version goes up only, so that an answer that comes late tells nothing new.
    fn is_at(&mut self, version: Option<u64>, etag: Option<String>) {
        if let Some(version) = version.filter(|version| *version >= self.config) {
            self.etag = etag.or_else(|| self.etag.take().filter(|_| version == self.config));
            self.config = version;
        }
    }
}
