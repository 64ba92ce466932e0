//! Registering many nodes in one request.

use futures_util::{StreamExt as _, stream};
use rollcall_aws::http::HttpAnswer;
use rollcall_aws::{Connections, Documents};
use rollcall_core::Timestamp;
use rollcall_wire::console::{BATCH_NODES, BatchResult, NodeSpec, Problem, ProblemCode};
use serde_json::Value;

use crate::handle::{Answered, Asked, Console, body, object, parse};

/// How many writes are under way at once.
const AT_ONCE: usize = 16;

impl<D: Documents, C: Connections> Console<D, C> {
    /// Registers up to [`BATCH_NODES`] nodes, each with its own result, in the order in which they were given.
    pub(crate) async fn batch(&self, asked: &Asked<'_>) -> Answered {
        let nodes: Vec<Value> = body(&asked.body()?)?;
        if nodes.is_empty() || nodes.len() > BATCH_NODES {
            let detail = format!("a batch has from 1 to {BATCH_NODES} nodes, not {}", nodes.len());
            return Err(Problem::new(ProblemCode::InvalidBody, detail));
        }
        let results = stream::iter(nodes.into_iter().map(|node| self.one(node, asked.now)));
        let results: Vec<BatchResult> = results.buffered(AT_ONCE).collect().await;
        Ok(HttpAnswer::json(200, &results))
    }

    /// Each on its own: one that is wrong does not stop the others.
    async fn one(&self, mut node: Value, now: Timestamp) -> BatchResult {
        let id = node.as_object_mut().and_then(|fields| fields.remove("node"));
        let id = id.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let done = async {
            let spec: NodeSpec = object(node)?;
            self.register_one(&parse(&id, "node")?, &spec, now).await
        };
        match done.await {
            Ok(_) => BatchResult { node: id, status: 200, problem: None },
            Err(problem) => BatchResult { node: id, status: problem.status, problem: Some(problem) },
        }
    }
}
