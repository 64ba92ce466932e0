//! `rollcall apply`.

use std::pin::pin;

use futures_util::{StreamExt as _, stream};
use rollcall_wire::console::{IMPORT_NODES, ImportResult, NodeImport, ProblemCode};
use serde_json::json;

use super::plan::Plan;
use crate::args::Apply;
use crate::console::client::Client;
use crate::console::table::{clean, pairs};
use crate::console::transfer::sending::import;
use crate::out::{print, print_json, say};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::up::stop_signal;

/// How many requests are under way at most.
const AT_ONCE: usize = 4;

/// What was done.
#[derive(Default)]
struct Done {
    applied: u64,
    /// How many were refused because they were changed since.
    changed: u64,
    refused: Vec<(String, String)>,
}

/// Does what a plan says, node by node. A node that was changed since is left as it is.
///
/// # Errors
/// If a node is refused, or the console does not take part.
pub(crate) async fn apply(args: &Apply) -> Result<(), Problem> {
    let plan = Plan::read(&args.plan)?;
    let client = Client::open(&args.connection.address).await?;
    let stop = stop_signal()?;
    let mut done = Done::default();
    let outcome = {
        let (mut work, mut stop) = (pin!(done.all(&client, &plan)), pin!(stop));
        tokio::select! {
            outcome = &mut work => Some(outcome),
            () = &mut stop => None,
        }
    };
    let Some(outcome) = outcome else {
        let applied = done.applied;
        return Err(Problem::interrupted(format!(
            "stopped after {applied} nodes; what was under way may be done as well: compare again before you go on"
        )));
    };
    outcome?;
    done.finish(args, &plan)
}

impl Done {
    async fn all(&mut self, client: &Client, plan: &Plan) -> Result<(), Problem> {
        let path = format!("/v1/nodes:import?stack={}", plan.stack);
        let batches = stream::iter(plan.steps.chunks(IMPORT_NODES)).map(|steps| {
            let nodes: Vec<&NodeImport> = steps.iter().map(|step| &step.import).collect();
            let path = &path;
            async move { import(client, &nodes, path).await }
        });
        let mut results = pin!(batches.buffered(AT_ONCE));
        let (mut progress, all) = (Progress::start(), plan.steps.len());
        while let Some(results) = results.next().await {
            results?.into_iter().for_each(|result| self.take(result));
            progress.say(|| format!("{} of {all} nodes", self.applied + self.refused.len() as u64));
        }
        Ok(())
    }

    fn take(&mut self, result: ImportResult) {
        match result.problem {
            None => self.applied += 1,
            Some(problem) => {
                self.changed += u64::from(problem.code == ProblemCode::NodeChanged);
                self.refused.push((result.node, problem.detail));
            }
        }
    }

    fn finish(self, args: &Apply, plan: &Plan) -> Result<(), Problem> {
        let Self { applied, changed, refused } = self;
        let count = refused.len();
        if args.connection.json {
            let refused: Vec<_> = refused.iter().map(|(node, why)| json!({"node": node, "why": why})).collect();
            print_json(&json!({"applied": applied, "changed_since": changed, "refused": refused}))?;
        } else {
            for (node, why) in &refused {
                say(&format!("{}: {}", clean(node), clean(why)));
            }
            print(&pairs(&[("applied", applied.to_string()), ("refused", count.to_string())]))?;
        }
        match (count, changed) {
            (0, _) => Ok(()),
            (_, 0) => Err(Problem::new(format!("{count} nodes were refused ({})", plan.about()))),
            _ => Err(Problem::new(format!(
                "{count} nodes were refused, {changed} of them because they were changed since ({}): compare again",
                plan.about()
            ))),
        }
    }
}
