//! Batches on their way to the console.

use http::Method;
use rollcall_wire::console::{ImportResult, NodeImport, ProblemCode};

use super::reading::Batch;
use crate::console::client::{Ask, Client};
use crate::console::patience::Patience;
use crate::console::table::clean;
use crate::problem::Problem;

/// The nodes of a batch, with what the console says of each that was sent.
pub(super) struct Answered {
    pub(super) batch: Batch,
    pub(super) results: Vec<ImportResult>,
}

/// Sends the nodes of a batch.
pub(super) async fn send(client: &Client, batch: Batch, is_dry: bool) -> Result<Answered, Problem> {
    let nodes: Vec<_> = batch.rows.iter().filter_map(|row| row.node.as_ref().ok()).collect();
    if nodes.is_empty() {
        return Ok(Answered { batch, results: vec![] });
    }
    let path = if is_dry { "/v1/nodes:import?dry_run=true" } else { "/v1/nodes:import" };
    let results = import(client, &nodes, path).await?;
    Ok(Answered { batch, results })
}

/// Imports these nodes. While the console can't be reached, it is asked again: nothing is lost by that, because what is so
/// already is not changed again.
pub(in crate::console) async fn import(
    client: &Client,
    nodes: &[&NodeImport],
    path: &str,
) -> Result<Vec<ImportResult>, Problem> {
    let body = serde_json::to_vec(nodes).map_err(|error| Problem::plain(&error))?;
    let asked = async || {
        let asked = client.ask(Ask::new(Method::POST, path).with_body(body.clone())).await;
        asked.and_then(without_passing)
    };
    let results = Patience::default().ask(asked).await?;
    if results.len() < nodes.len() {
        return Err(Problem::new("the console has answered for fewer nodes than it was sent: is it older than this?"));
    }
    Ok(results)
}

/// The results, if the table took part in each of them.
fn without_passing(results: Vec<ImportResult>) -> Result<Vec<ImportResult>, Problem> {
    let mut problems = results.iter().filter_map(|result| result.problem.as_ref());
    let passing =
        problems.find(|problem| problem.code == ProblemCode::Unavailable).map(|problem| clean(&problem.detail));
    match passing {
        Some(detail) => Err(Problem::passing(format!("some nodes can't be imported now ({detail})"))),
        None => Ok(results),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_the_table_could_not_take_now_is_sent_again_and_one_that_is_refused_is_not() {
        let result = |code: Option<ProblemCode>| {
            let problem = code.map(|code| rollcall_wire::console::Problem::new(code, "it is so"));
            ImportResult { node: "ap-1".to_owned(), status: 0, changed: vec![], problem }
        };
        let refused = without_passing(vec![result(None), result(Some(ProblemCode::RevokedNode))]);
        assert!(refused.is_ok_and(|results| results.len() == 2));
        let passing = without_passing(vec![result(None), result(Some(ProblemCode::Unavailable))]);
        assert!(passing.is_err_and(|problem| problem.is_passing()));
    }
}
