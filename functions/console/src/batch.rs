//! Registering many nodes in one request.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use rollcall_aws::http::HttpAnswer;
use rollcall_aws::{Connections, Documents};
use rollcall_core::Timestamp;
use rollcall_wire::Json;
use rollcall_wire::console::{BATCH_NODES, BatchResult, NodeSpec, Problem, ProblemCode};

use crate::handle::{Answered, Asked, Console, body, object, parse};

/// How many writes are under way at once.
const AT_ONCE: usize = 16;

impl<D: Documents, C: Connections> Console<D, C> {
    /// Registers up to [`BATCH_NODES`] nodes, each with its own result, in the order in which they were given.
    pub(crate) async fn batch(&self, asked: &Asked<'_>) -> Answered {
        let nodes: Vec<Json> = body(&asked.body()?)?;
        if nodes.is_empty() || nodes.len() > BATCH_NODES {
            let detail = format!("a batch has from 1 to {BATCH_NODES} nodes, not {}", nodes.len());
            return Err(Problem::new(ProblemCode::InvalidBody, detail));
        }
        let results = stream::iter(nodes.into_iter().map(|node| self.one(node, asked.now)));
        let results: Vec<BatchResult> = results.buffered(AT_ONCE).collect().await;
        Ok(HttpAnswer::json(200, &results))
    }

    /// Each on its own: one that is wrong does not stop the others.
    async fn one(&self, node: Json, now: Timestamp) -> BatchResult {
        let (id, spec) = apart(node);
        let done = async {
            let spec: NodeSpec = object(spec)?;
            self.register_one(&parse(&id, "node")?, &spec, now).await
        };
        match done.await {
            Ok(_) => BatchResult { node: id, status: 200, problem: None },
            Err(problem) => BatchResult { node: id, status: problem.status, problem: Some(problem) },
        }
    }
}

/// The node's id, empty if there is none, and what is said of it.
fn apart(node: Json) -> (String, Json) {
    let Ok(mut fields) = node.read::<BTreeMap<String, Json>>() else { return (String::new(), node) };
    let id = fields.remove("node").and_then(|id| id.read().ok());
    let rest = serde_json::value::to_raw_value(&fields).ok().and_then(|rest| Json::parse(rest.get()).ok());
    (id.unwrap_or_default(), rest.unwrap_or(node))
}
