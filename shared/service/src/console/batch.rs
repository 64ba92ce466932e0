//! Registering many nodes in one request.

use std::collections::BTreeSet;

use crate::clock::Clock;
use crate::connections::Connections;
use crate::http::HttpAnswer;
use crate::store::Store;
use futures_util::{StreamExt as _, stream};
use rollcall_core::{NodeId, Timestamp, register};
use rollcall_wire::console::{BATCH_NODES, BatchNode, BatchResult, NodeSpec, Problem, ProblemCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::console::clip;
use crate::console::handle::{Admitted, Answered, Console, invalid_body, object, parse};
use crate::console::nodes::registering;

/// How many nodes are registered at the same time.
const AT_ONCE: usize = 16;

/// Reads the node's id alone, so that the result for an invalid element names its node.
#[derive(Deserialize)]
struct Named {
    node: String,
}

impl<S: Store, C: Connections, K: Clock> Console<S, C, K> {
    /// Registers up to [`BATCH_NODES`] nodes, each with its own result, in the order in which they were given.
    pub(crate) async fn batch(&self, admitted: &Admitted<'_>) -> Answered {
        let body = admitted.body()?;
        let nodes: Vec<&RawValue> = serde_json::from_str(&body).map_err(|error| invalid_body(&error))?;
        if nodes.is_empty() || nodes.len() > BATCH_NODES {
            let detail = format!("a batch has from 1 to {BATCH_NODES} nodes, not {}", nodes.len());
            return Err(Problem::new(ProblemCode::InvalidBody, detail));
        }
        let mut named = BTreeSet::new();
        let nodes = nodes.into_iter().map(|node| {
            let name = serde_json::from_str(node.get()).map_or_else(|_| String::new(), |named: Named| named.node);
            let is_new = named.insert(name.clone());
            (name, is_new, node.get())
        });
        let nodes: Vec<_> = nodes.collect();
        let results =
            stream::iter(nodes.into_iter().map(|(name, is_new, node)| self.one(name, is_new, node, admitted.now)));
        let results: Vec<BatchResult> = results.buffered(AT_ONCE).collect().await;
        Ok(HttpAnswer::json(200, &results))
    }

    /// Registers one node of a batch. An error does not stop the others.
    async fn one(&self, name: String, is_new: bool, node: &str, now: Timestamp) -> BatchResult {
        let registration = async {
            let BatchNode { node, site, model, tags, credential_version } = object(node)?;
            let node: NodeId = parse(&node, "node")?;
            if !is_new {
                let detail = "node: it is in the batch twice, and nodes are registered in no particular order";
                return Err(Problem::new(ProblemCode::InvalidBody, detail));
            }
            let registering = registering(NodeSpec { site, model, tags, credential_version })?;
            self.register_one(&node, &register(&node, &registering), now).await
        };
        let problem = registration.await.err();
        // An id that is not valid may have any length.
        let node = clip::value(&name).into_owned();
        let status = problem.as_ref().map_or(200, |problem| problem.status);
        let reason = problem.as_ref().map(|problem| problem.code.to_string());
        tracing::info!(node, status, reason, outcome = "answered", "batch");
        BatchResult { node, status, problem }
    }
}
