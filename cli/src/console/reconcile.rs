//! `rollcall reconcile` and `rollcall apply`: what the application's database has, compared with the nodes that there are.
//!
//! ```text
//! file, export -> compare -> Step per node -> groups -> text, JSON, page
//!                                 plan file -> apply -> import, if the node is unchanged
//! ```

mod apply;
mod compare;
mod groups;
mod page;
mod plan;
mod read;

use std::pin::pin;
use std::process::ExitCode;

use http::Method;
use rollcall_wire::console::{DriftReport, DriftTold};

use super::client::{Ask, Client};
use super::transfer::export::whole;
use crate::args::Reconcile;
use crate::out::{print, print_json, say};
use crate::problem::Problem;
use crate::up::stop_signal;
use compare::Rules;
use groups::Groups;
use plan::Plan;

pub(crate) use apply::apply;

/// Compares, and exits with 1 if there is a difference. An error says that nothing was compared.
///
/// # Errors
/// If the file can't be read or has a record that is wrong, or if the console can't be asked.
pub(crate) async fn reconcile(args: &Reconcile) -> Result<ExitCode, Problem> {
    let client = Client::open(&args.connection.address).await?;
    let stop = stop_signal()?;
    let (mut compared, mut stop) = (pin!(read::compared(args, &client)), pin!(stop));
    let (comparison, stack) = tokio::select! {
        compared = &mut compared => compared?,
        () = &mut stop => return Err(Problem::interrupted("stopped; nothing was compared")),
    };
    let groups = Groups::of(&comparison);
    let has_drift = comparison.has_drift();
    if let Some(file) = &args.html {
        whole(file, page::page(args, &comparison, &groups).as_bytes())?;
    }
    let plan = Plan::new(&args.file, &client.url(), stack, comparison.steps);
    if let Some(file) = &args.out {
        whole(file, &plan.written()?)?;
    }
    if args.connection.json {
        print_json(&groups)?;
    } else {
        print(&groups.text(&args.file, args.prune))?;
        if let Some(file) = args.out.as_ref().filter(|_| !plan.steps.is_empty()) {
            say(&format!("saved: `rollcall apply {}` does it", file.display()));
        }
    }
    if args.report && has_drift {
        let body = serde_json::to_vec(&report(&groups)).map_err(|error| Problem::plain(&error))?;
        let DriftTold { event } = client.ask(Ask::new(Method::POST, "/v1/drift").with_body(body)).await?;
        say(&format!("told: the event {event}, drift.found"));
    }
    Ok(if has_drift { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn report(groups: &Groups) -> DriftReport {
    let Groups { compared, missing, unknown, changed, stale, to_revoke, .. } = *groups;
    DriftReport { compared, missing, unknown, changed: changed + to_revoke, stale }
}

impl From<&Reconcile> for Rules {
    fn from(args: &Reconcile) -> Self {
        Self { prunes: args.prune }
    }
}
