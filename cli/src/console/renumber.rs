//! `rollcall nodes renumber`.

use std::pin::pin;

use futures_util::{TryStreamExt as _, stream};
use http::Method;
use rollcall_wire::console::{BATCH_NODES, BatchResult, RenumberNode};
use serde_json::json;

use super::client::{Ask, Client};
use super::select::parameter;
use super::table::clean;
use super::transfer::export::pages;
use crate::args::Renumber;
use crate::out::{print, print_json, say};
use crate::problem::Problem;
use crate::progress::Progress;

/// How many requests are under way at the same time.
const AT_ONCE: usize = 4;

/// Raises the numbers of all nodes that are chosen.
///
/// # Errors
/// If the console can't be asked, or refused a node.
pub(super) async fn renumber(args: &Renumber) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let selected = parameter(args.select.as_ref());
    let chosen = pages(&client, &selected).map_ok(|page| {
        let ids: Vec<_> = page.nodes.into_iter().map(|node| RenumberNode { node: node.node }).collect();
        let batches: Vec<_> = ids.chunks(BATCH_NODES).map(|batch| Ok::<_, Problem>(batch.to_vec())).collect();
        stream::iter(batches)
    });
    let answers = chosen.try_flatten().map_ok(|batch| ask(&client, batch)).try_buffer_unordered(AT_ONCE);
    let (mut answers, mut progress, mut renumbered, mut refused) = (pin!(answers), Progress::start(), 0_u64, 0_u64);
    while let Some(results) = answers.try_next().await? {
        for BatchResult { node, problem, .. } in results {
            match problem {
                None => renumbered += 1,
                Some(problem) => {
                    refused += 1;
                    say(&format!("{}: {}", clean(&node), clean(&problem.detail)));
                }
            }
        }
        progress.say(|| format!("{renumbered} nodes so far"));
    }
    if args.connection.json {
        print_json(&json!({"renumbered": renumbered, "refused": refused}))?;
    } else {
        print(&format!("{renumbered} nodes are renumbered\n"))?;
    }
    if refused > 0 { Err(Problem::new(format!("{refused} nodes were refused"))) } else { Ok(()) }
}

async fn ask(client: &Client, batch: Vec<RenumberNode>) -> Result<Vec<BatchResult>, Problem> {
    let body = serde_json::to_vec(&batch).map_err(|error| Problem::plain(&error))?;
    client.ask(Ask::new(Method::POST, "/v1/nodes:renumber").with_body(body)).await
}
