//! Registering many nodes in one request.

use futures_util::{StreamExt as _, stream};
use rollcall_aws::http::HttpAnswer;
use rollcall_aws::{Connections, Documents};
use rollcall_wire::console::{BATCH_NODES, BatchNode, BatchResult, NodeSpec, Problem, ProblemCode};

use crate::handle::{Answered, Asked, Console, body, object, parse};

/// How many writes are under way at once.
const AT_ONCE: usize = 16;

impl<D: Documents, C: Connections> Console<D, C> {
    /// Registers up to [`BATCH_NODES`] nodes, each with its own result, in the order in which they were given.
    pub(crate) async fn batch(&self, asked: &Asked<'_>) -> Answered {
        let nodes: Vec<BatchNode> = body(&asked.body()?)?;
        if nodes.is_empty() || nodes.len() > BATCH_NODES {
            let detail = format!("a batch has from 1 to {BATCH_NODES} nodes, not {}", nodes.len());
            return Err(Problem::new(ProblemCode::InvalidBody, detail));
        }
        let results = stream::iter(nodes.into_iter().map(|node| self.one(node)));
        let results: Vec<BatchResult> = results.buffered(AT_ONCE).collect().await;
        Ok(HttpAnswer::json(200, &results))
    }

    async fn one(&self, node: BatchNode) -> BatchResult {
        let done = async {
            let id = parse(&node.node, "node")?;
            let spec: NodeSpec = object(node.spec)?;
            self.register_one(&id, &spec).await
        };
        match done.await {
            Ok(_) => BatchResult { node: node.node, status: 200, problem: None },
            Err(problem) => BatchResult { node: node.node, status: problem.status, problem: Some(problem) },
        }
    }
}
