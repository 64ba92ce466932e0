//! What an import has done.

use std::collections::BTreeMap;

use rollcall_wire::console::{ImportResult, ImportedField};
use serde::{Deserialize, Serialize};

/// How many nodes an import has changed, and in what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Nodes that are new.
    pub(super) registered: u64,
    /// Nodes that were there, and have changed.
    pub(super) changed: u64,
    /// Nodes that were as they are to be.
    pub(super) unchanged: u64,
    /// Records that are wrong, or that the console has refused.
    pub(super) refused: u64,
    /// Ids that were written in another way.
    pub(super) renamed: u64,
    /// Of the nodes that have changed, how many have in what.
    pub(super) fields: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts a node that was not refused.
    pub(super) fn count(&mut self, result: &ImportResult) {
        if result.changed.is_empty() {
            self.unchanged += 1;
        } else if result.changed.contains(&ImportedField::Registered) {
            self.registered += 1;
        } else {
            self.changed += 1;
            for field in &result.changed {
                *self.fields.entry(field.to_string()).or_default() += 1;
            }
        }
    }

    /// How many nodes were handled.
    pub(super) fn total(&self) -> u64 {
        self.registered + self.changed + self.unchanged + self.refused
    }

    /// The lines that say what was done, or what would be.
    pub(super) fn lines(&self, is_dry: bool) -> Vec<(&'static str, String)> {
        let of: Vec<_> = self.fields.iter().map(|(field, count)| format!("{field} {count}")).collect();
        let of = if of.is_empty() { String::new() } else { format!(" ({})", of.join(", ")) };
        let names = if is_dry { ["to register", "to change"] } else { ["registered", "changed"] };
        let mut lines = vec![
            (names[0], self.registered.to_string()),
            (names[1], format!("{}{of}", self.changed)),
            ("unchanged", self.unchanged.to_string()),
            ("refused", self.refused.to_string()),
        ];
        if self.renamed > 0 {
            lines.push(("ids written anew", self.renamed.to_string()));
        }
        lines
    }
}
