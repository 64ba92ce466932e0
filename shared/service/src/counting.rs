//! Counting nodes as what they are.

use std::collections::BTreeMap;

use rollcall_core::{Counted, Item, Kinds, Malformed, Node, NodeId, Policy, Recount, Timestamp, recount};

use crate::error::chain;
use crate::store::{Beside, Store, StoreError};

/// How often nodes are read and counted at most: others may count them first, or move the same counts.
const ROUNDS: usize = 10;

/// Why nodes could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others counted nodes at the same time, each time.
    #[error("other nodes were counted at the same time each time")]
    Contended,
}

/// Counts these nodes, of which there are at most [`BATCH`](crate::BATCH), as what they are by now. Nodes that are counted so
/// need no write. Unreadable nodes are left as they are counted.
///
/// # Errors
/// If not all of them may be counted.
pub(crate) async fn count_nodes(
    store: &impl Store,
    nodes: &[NodeId],
    now: Timestamp,
    policy: &Policy,
) -> Result<(), CountError> {
    let mut left = nodes.to_vec();
    for _ in 0..ROUNDS {
        let counted = as_counted(store, &left).await?;
        // Behind the records: see `rollcall_core::Counted`.
        let items: BTreeMap<_, _> = store.nodes(&left).await?.into_iter().collect();
        let read = left.into_iter().zip(counted).filter_map(|(node, counted)| {
            let is = kinds(&node, items.get(&node), now, policy);
            Some((node, readable(counted)?, readable(is)?))
        });
        let read: Vec<Recount> = read.collect();
        left = vec![];
        for (nodes, writes) in recount(&read, now) {
            if !store.transact(&writes).await? {
                left.extend(nodes);
            }
        }
        if left.is_empty() {
            return Ok(());
        }
    }
    Err(CountError::Contended)
}

/// Those of the nodes of a page that are not counted as what they are, by what was read of them.
///
/// # Errors
/// If what they are counted as can't be read.
pub(crate) async fn miscounted(
    store: &impl Store,
    nodes: &[(NodeId, Item)],
    now: Timestamp,
    policy: &Policy,
) -> Result<Vec<NodeId>, StoreError> {
    let ids: Vec<_> = nodes.iter().map(|(node, _)| node.clone()).collect();
    let counted = as_counted(store, &ids).await?;
    let wrong = nodes.iter().zip(counted).filter_map(|((node, item), counted)| {
        let is = readable(kinds(node, Some(item), now, policy))?;
        (readable(counted)?.kinds != is).then(|| node.clone())
    });
    Ok(wrong.collect())
}

/// As what these nodes are counted, one for each.
async fn as_counted(store: &impl Store, nodes: &[NodeId]) -> Result<Vec<Result<Counted, Malformed>>, StoreError> {
    let records: BTreeMap<_, _> = store.beside(Beside::Counted, nodes).await?.into_iter().collect();
    let read = |node| records.get(node).map(Counted::read).transpose().map(Option::unwrap_or_default);
    Ok(nodes.iter().map(read).collect())
}

fn kinds(node: &NodeId, item: Option<&Item>, now: Timestamp, policy: &Policy) -> Result<Option<Kinds>, Malformed> {
    let read = item.map(Node::read).transpose()?;
    Ok(read.map(|read| Kinds::of(node, &read, now, policy)))
}

fn readable<T>(read: Result<T, Malformed>) -> Option<T> {
    read.inspect_err(|error| tracing::warn!(error = chain(error), "a node can't be counted")).ok()
}

#[cfg(test)]
#[path = "counting_tests.rs"]
mod tests;
