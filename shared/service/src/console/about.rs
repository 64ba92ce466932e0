//! What people call nodes. It is kept beside the nodes' items.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use rollcall_core::{About, Amended, Denied, Describing, InvalidId, Item, Key, Labelling, Labels, NodeId, Outcome};
use rollcall_wire::console::{Problem, ProblemCode};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::Console;
use crate::console::refusal::{denied, failed, internal};
use crate::queue::Queue;
use crate::store::{BATCH, Beside, Store};

/// How often a change is tried while others change the same.
const TRIES: usize = 5;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// What people call a node.
    pub(crate) async fn about(&self, node: &NodeId) -> Result<About, Problem> {
        let item = self.store.read(&Key::About(node.clone())).await.map_err(|error| failed(&error))?;
        read(item.as_ref())
    }

    /// What people call these nodes. Of those that have neither a name nor labels, nothing is returned.
    pub(crate) async fn abouts(&self, nodes: &[NodeId]) -> Result<BTreeMap<NodeId, About>, Problem> {
        // A batch may name a node twice, and a request may not.
        let nodes: Vec<_> = nodes.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let batches = try_join_all(nodes.chunks(BATCH).map(|batch| self.store.beside(Beside::About, batch))).await;
        let items = batches.map_err(|error| failed(&error))?.into_iter().flatten();
        items.map(|(node, item)| Ok((node, read(Some(&item))?))).collect()
    }

    /// Changes what people call a node. If somebody else does so at the same time, one change follows the other.
    pub(crate) async fn describe(
        &self,
        node: &NodeId,
        change: &Describing,
        mut before: About,
    ) -> Result<About, Problem> {
        for _ in 0..TRIES {
            let after = change.applied_to(&before).map_err(|error| invalid(&error))?;
            match self.describe_once(node, &before, &after).await? {
                Ok(()) => return Ok(after),
                Err(stored) => before = stored,
            }
        }
        let detail = "the node's name and labels are changed by others at this moment: try again a little later";
        Err(Problem::new(ProblemCode::Unavailable, detail))
    }

    /// The same, if it is still what it was.
    pub(crate) async fn describe_unchanged(&self, node: &NodeId, before: &About, after: &About) -> Result<(), Problem> {
        self.describe_once(node, before, after).await?.map_err(|_| denied(Denied::Changed))
    }

    /// Makes the write, if it changes anything. An error is what is stored instead of what was read.
    async fn describe_once(&self, node: &NodeId, before: &About, after: &About) -> Result<Result<(), About>, Problem> {
        if before == after {
            return Ok(Ok(()));
        }
        match self.write(&rollcall_core::describe(node, before, after)).await? {
            Outcome::Applied { .. } => Ok(Ok(())),
            Outcome::Refused { stored, .. } => read(stored.as_ref()).map(Err),
        }
    }
}

/// The change of a registration that gives all of a node, or a part of it.
#[expect(clippy::option_option, reason = "a JSON Merge Patch tells what is left out from what is null (RFC 7396)")]
pub(crate) fn describing(
    name: Amended<String>,
    labels: Option<Option<BTreeMap<String, Option<String>>>>,
) -> Result<Describing, Problem> {
    let name = match name {
        Amended::Kept => Amended::Kept,
        Amended::Removed => Amended::Removed,
        Amended::Set(name) => Amended::Set(name.parse().map_err(|error| invalid(&error))?),
    };
    let labels = match labels {
        None => Labelling::Kept,
        Some(None) => Labelling::All(Labels::default()),
        Some(Some(some)) => Labelling::some(some).map_err(|error| invalid(&error))?,
    };
    Ok(Describing { name, labels })
}

/// All labels of a node.
pub(crate) fn labels(labels: BTreeMap<String, String>) -> Result<Labelling, Problem> {
    Ok(Labelling::All(Labels::new(labels).map_err(|error| invalid(&error))?))
}

/// Labels as they are shown.
pub(crate) fn shown(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Says that a change can be made to what was read.
pub(crate) fn is_valid(change: &Describing, before: &About) -> Result<(), Problem> {
    change.applied_to(before).map(|_| ()).map_err(|error| invalid(&error))
}

fn read(item: Option<&Item>) -> Result<About, Problem> {
    item.map_or_else(|| Ok(About::default()), |item| About::read(item).map_err(|error| internal(&error)))
}

fn invalid(error: &InvalidId) -> Problem {
    Problem::new(ProblemCode::InvalidBody, error.to_string())
}
