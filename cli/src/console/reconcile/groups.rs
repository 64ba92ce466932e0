//! A comparison for people: the same change of many nodes is one line.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::compare::{Action, Change, Comparison, Why};
use crate::console::table::{clean, short};

/// How many nodes of a group are named.
const EXAMPLES: usize = 3;
/// How many groups of a kind are shown, and how many characters a value has at most.
const SHOWN: usize = 40;
const VALUE: usize = 48;

/// Nodes of which the same is to be said.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) action: Action,
    pub(super) changes: Vec<Change>,
    pub(super) count: u64,
    pub(super) examples: Vec<String>,
}

/// Nodes that can't be brought to what the file says.
#[derive(Debug, Serialize)]
pub(super) struct StaleNode {
    pub(super) node: String,
    pub(super) why: Why,
    pub(super) here: Option<String>,
    pub(super) in_file: Option<String>,
}

/// What was found, and how often.
#[derive(Debug, Serialize)]
pub(super) struct Groups {
    pub(super) compared: u64,
    pub(super) missing: u64,
    pub(super) changed: u64,
    pub(super) unknown: u64,
    pub(super) stale: u64,
    /// Those of the unknown ones that the plan revokes, and those that the file says are revoked.
    pub(super) to_revoke: u64,
    /// The largest ones first.
    pub(super) steps: Vec<Group>,
    pub(super) unknown_nodes: Vec<String>,
    pub(super) stale_nodes: Vec<StaleNode>,
}

impl Groups {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let Comparison { compared, steps, stale, unknown } = comparison;
        let mut groups = BTreeMap::<(Action, &[Change]), (u64, Vec<String>)>::new();
        for step in steps {
            let group = groups.entry((step.action, &step.changes)).or_default();
            group.0 += 1;
            if group.1.len() < EXAMPLES {
                group.1.push(step.import.node.clone());
            }
        }
        let count = |action| steps.iter().filter(|step| step.action == action).count() as u64;
        let groups = groups.into_iter().map(|((action, changes), (count, examples))| {
            let changes = changes.to_vec();
            Group { action, changes, count, examples }
        });
        let mut groups: Vec<_> = groups.collect();
        groups.sort_by_key(|group| (group.action, u64::MAX - group.count));
        let stale_nodes = stale.iter().map(|stale| {
            let (here, in_file) = (stale.change.was.clone(), stale.change.is.clone());
            StaleNode { node: stale.node.clone(), why: stale.why, here, in_file }
        });
        Self {
            compared: *compared,
            missing: count(Action::Register),
            changed: count(Action::Change),
            unknown: unknown.len() as u64,
            stale: stale.len() as u64,
            to_revoke: count(Action::Revoke),
            steps: groups,
            unknown_nodes: unknown.clone(),
            stale_nodes: stale_nodes.collect(),
        }
    }

    /// The text for a terminal.
    pub(super) fn text(&self, file: &Path, prunes: bool) -> String {
        let file = file.display();
        let Self { compared, missing, changed, unknown, stale, to_revoke, .. } = self;
        if self.steps.is_empty() && *unknown == 0 && *stale == 0 {
            return format!("no difference: {compared} nodes are as {file} has them\n");
        }
        let mut lines = vec![];
        for (action, head, count) in [
            (Action::Register, "to register", missing),
            (Action::Change, "to change", changed),
            (Action::Revoke, "to revoke", to_revoke),
        ] {
            let groups: Vec<_> = self.steps.iter().filter(|group| group.action == action).collect();
            if groups.is_empty() {
                continue;
            }
            lines.push(format!("{head}  {count}"));
            lines.extend(groups.iter().take(SHOWN).map(|group| line(group)));
            if let Some(more) = groups.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                lines.push(format!("        and {more} other changes: --json or --html has all of them"));
            }
        }
        if *unknown > 0 {
            let advice = if prunes { "" } else { "  (--prune revokes them)" };
            lines.push(format!("not in {file}  {unknown}{advice}"));
            lines.push(format!("        {}", examples(&self.unknown_nodes, *unknown)));
        }
        if *stale > 0 {
            lines.push(format!("can't be changed  {stale}"));
            lines.extend(self.stale_nodes.iter().take(SHOWN).map(|node| format!("        {}", node.text())));
        }
        lines.push(format!("compared  {compared} nodes\n"));
        lines.join("\n")
    }
}

impl StaleNode {
    /// What is the matter with it.
    pub(super) fn text(&self) -> String {
        let node = clean(&self.node);
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
        match self.why {
            Why::Older => {
                let (here, file) = (version(&self.here), version(&self.in_file));
                format!("{node}: credential version {here} here, {file} in the file; versions never go back")
            }
            Why::Revoked => format!("{node}: revoked here; only a higher credential version lets it back in"),
        }
    }
}

impl Change {
    /// The change in one line.
    pub(super) fn text(&self) -> String {
        let value =
            |value: &Option<String>| value.as_deref().map_or_else(|| "-".to_owned(), |text| short(&clean(text), VALUE));
        match &self.was {
            None => format!("{} {}", self.field, value(&self.is)),
            Some(_) => format!("{} {} -> {}", self.field, value(&self.was), value(&self.is)),
        }
    }
}

fn line(group: &Group) -> String {
    let changes: Vec<_> = group.changes.iter().map(Change::text).collect();
    let changes = if changes.is_empty() { "nothing but its id".to_owned() } else { changes.join(", ") };
    format!("{:6}  {changes}  {}", group.count, examples(&group.examples, group.count))
}

fn examples(nodes: &[String], of: u64) -> String {
    let named: Vec<_> = nodes.iter().take(EXAMPLES).map(|node| clean(node)).collect();
    let more = if of > named.len() as u64 { " …" } else { "" };
    format!("({}{more})", named.join(" "))
}
