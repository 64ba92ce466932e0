//! What must not happen, done on purpose: the oracle has to notice it.

use rollcall_core::{Attribute, Because, Item, Key, Value};

use crate::table::Table;

/// Something that nobody is told of. Half-way through a run it begins, or from the start, if it is a clause that is
/// ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meddling {
    /// Of the writes that are applied from then on, every tenth is not stored.
    LosesWrites,
    /// The items of all nodes are deleted.
    DeletesItems,
    /// All nodes count as seen an hour before they were.
    SetsSeenBack,
    /// All nodes are to run the next version of their configurations.
    RaisesConfigs,
    /// Whatever a guard says, it holds.
    IgnoresGuards,
    /// Clauses with this label are left out of every guard.
    Ignores(Because),
}

impl Meddling {
    /// Changes the table behind everybody's back.
    pub(crate) fn strike(self, table: &mut Table) {
        match self {
            Self::LosesWrites => table.lose_writes(),
            Self::IgnoresGuards => table.ignore_guards(),
            Self::Ignores(label) => table.ignore(label),
            Self::DeletesItems => table.nodes(|_| None),
            Self::SetsSeenBack => table.nodes(|item| Some(changed(item, Attribute::Seen, |at| at - 3_600_000))),
            Self::RaisesConfigs => table.nodes(|item| Some(changed(item, Attribute::DesiredVersion, |at| at + 1))),
        }
    }
}

fn changed(item: &Item, attribute: Attribute, change: impl FnOnce(u64) -> u64) -> Item {
    let mut item = item.clone();
    if let Some(Value::Number(number)) = item.get_mut(&attribute) {
        *number = change(*number);
    }
    item
}

impl Table {
    /// Changes the items of all nodes, or deletes them.
    fn nodes(&mut self, change: impl Fn(&Item) -> Option<Item>) {
        let nodes: Vec<_> = self.keys().filter(|key| matches!(key, Key::Node(_))).cloned().collect();
        for key in nodes {
            let after = self.get(&key).and_then(&change);
            self.put(key, after);
        }
    }
}
