//! Registering many nodes in one request.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::Store;
use futures_util::{StreamExt as _, stream};
use rollcall_core::{About, NodeId, register};
use rollcall_wire::console::{BATCH_NODES, BatchNode, BatchResult, NodeSpec, Problem, ProblemCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::console::clip;
use crate::console::handle::{Admitted, Answered, Console, invalid_body, object, parse};
use crate::console::nodes::{described, registering};

/// How many nodes are registered at the same time.
const AT_ONCE: usize = 16;

/// Reads the node's id alone, so that the result for an invalid element names its node.
#[derive(Deserialize)]
struct Named {
    node: String,
}

/// An element of a list of nodes.
pub(crate) struct Element<'a> {
    pub(crate) text: &'a str,
    /// The node's id, as it was given.
    name: String,
    is_first: bool,
}

/// The elements of a body that is a list of nodes, of at most this many.
pub(crate) fn elements(body: &str, most: usize) -> Result<Vec<Element<'_>>, Problem> {
    let nodes: Vec<&RawValue> = serde_json::from_str(body).map_err(|error| invalid_body(&error))?;
    if nodes.is_empty() || nodes.len() > most {
        let detail = format!("a batch has from 1 to {most} nodes, not {}", nodes.len());
        return Err(Problem::new(ProblemCode::InvalidBody, detail));
    }
    let mut named = BTreeSet::new();
    let element = |node: &'_ RawValue| {
        let name = serde_json::from_str(node.get()).map_or_else(|_| String::new(), |named: Named| named.node);
        (named.insert(name.clone()), name)
    };
    let read: Vec<_> = nodes.iter().copied().map(element).collect();
    let elements = nodes.into_iter().zip(read);
    Ok(elements.map(|(node, (is_first, name))| Element { text: node.get(), name, is_first }).collect())
}

impl Element<'_> {
    /// The node's id for an answer: one that is not valid may have any length.
    pub(crate) fn shown(&self) -> String {
        clip::value(&self.name).into_owned()
    }

    /// The node of the element.
    pub(crate) fn node(&self, id: &str) -> Result<NodeId, Problem> {
        let node = parse(id, "node")?;
        if self.is_first {
            return Ok(node);
        }
        let detail = "node: it is in the batch twice, and the nodes of a batch are handled in no particular order";
        Err(Problem::new(ProblemCode::InvalidBody, detail))
    }
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Registers up to [`BATCH_NODES`] nodes, each with its own result, in the order in which they were given.
    pub(crate) async fn batch(&self, admitted: &Admitted<'_>) -> Answered {
        let body = admitted.body()?;
        let elements = elements(&body, BATCH_NODES)?;
        let ids: Vec<NodeId> = elements.iter().filter_map(|element| element.name.parse().ok()).collect();
        let abouts = self.abouts(&ids).await?;
        let results = stream::iter(elements.into_iter().map(|element| self.one(element, &abouts, admitted)));
        let results: Vec<BatchResult> = results.buffered(AT_ONCE).collect().await;
        Ok(HttpAnswer::json(200, &results))
    }

    /// Registers one node of a batch. An error does not stop the others.
    async fn one(
        &self,
        element: Element<'_>,
        abouts: &BTreeMap<NodeId, About>,
        admitted: &Admitted<'_>,
    ) -> BatchResult {
        let registration = async {
            let BatchNode { node, site, model, tags, credential_version, name, labels } = object(element.text)?;
            let node = element.node(&node)?;
            let spec = NodeSpec { site, model, tags, credential_version, name, labels };
            let (update, change) = (register(&node, &registering(&spec)?), described(spec)?);
            self.register_one(&node, update, admitted).await?;
            let before = abouts.get(&node).cloned().unwrap_or_default();
            self.describe(&node, &change, before).await
        };
        let problem = registration.await.err();
        let node = element.shown();
        let status = problem.as_ref().map_or(200, |problem| problem.status);
        let reason = problem.as_ref().map(|problem| problem.code.to_string());
        tracing::info!(node, status, reason, outcome = "answered", "batch");
        BatchResult { node, status, problem }
    }
}
