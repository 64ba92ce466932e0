//! `rollcall rollout`.

mod watch;

use http::Method;
use rollcall_core::{RolloutName, Timestamp};
use rollcall_wire::Json;
use rollcall_wire::console::{
    COMMAND_EXPIRES_S, CommandSpec, OnFailure, RolloutChange, RolloutDocument, RolloutFirmware, RolloutGate,
    RolloutList, RolloutNode, RolloutNodePage, RolloutProgress, RolloutSpec, RolloutView,
};
use serde::Serialize;

use super::client::{Ask, Client};
use super::nodes::NOTHING;
use super::table::{Columns, pairs};
use super::{commands, configs, input};
use crate::args::{ListRollouts, OneRollout, RolloutCommand, RolloutNodes, StartRollout};
use crate::clock;
use crate::out::{print, print_json};
use crate::problem::Problem;

/// The largest file with a rollout, in bytes: the body of a request.
const FILE_BYTES: usize = 256 * 1024;

/// Does what is asked about rollouts.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(crate) async fn rollout(command: &RolloutCommand) -> Result<(), Problem> {
    match command {
        RolloutCommand::Start(args) => start(args).await,
        RolloutCommand::List(args) => list(args).await,
        RolloutCommand::Show(args) => show(args).await,
        RolloutCommand::Nodes(args) => nodes(args).await,
        RolloutCommand::Pause(args) => act(args, "pause").await,
        RolloutCommand::Resume(args) => act(args, "resume").await,
        RolloutCommand::Abort(args) => act(args, "abort").await,
        RolloutCommand::RollBack(args) => act(args, "roll-back").await,
        RolloutCommand::Approve(args) => act(args, "approve").await,
        RolloutCommand::Watch(args) => watch::watch(args).await,
    }
}

async fn start(args: &StartRollout) -> Result<(), Problem> {
    let body = match &args.file {
        Some(file) => input::read(file, FILE_BYTES, "a rollout")?.text.into_bytes(),
        None => serde_json::to_vec(&spec(args)?).map_err(|error| Problem::plain(&error))?,
    };
    let client = Client::open(&args.connection.address).await?;
    let made: RolloutView = client.ask(Ask::new(Method::PUT, path(&args.name, "")).with_body(body)).await?;
    if args.connection.json {
        return print_json(&made);
    }
    print(&format!("{}\n`rollcall rollout watch {}` shows how it goes on\n", described(&made), made.name))
}

/// What the options say.
fn spec(args: &StartRollout) -> Result<RolloutSpec, Problem> {
    let gate = RolloutGate {
        wait_s: args.wait,
        patience_s: args.patience,
        minimum: args.minimum,
        success_percent: args.success,
        failure_percent: args.failures,
        lost_percent: args.lost,
        on_failure: args.roll_back.then_some(OnFailure::RollBack),
        approval: args.approval.then_some(true),
    };
    Ok(RolloutSpec {
        select: args.select.as_ref().map(ToString::to_string).unwrap_or_default(),
        change: change(args)?,
        waves: args.waves.iter().map(|reach| reach.0).collect(),
        gate: Some(gate).filter(|gate| *gate != RolloutGate::default()),
        start_at: args.start_at.clone(),
        window: None,
        max_parallel: args.max_parallel,
        priority: args.priority,
        include_new: args.include_new.then_some(true),
        first: args.first.as_ref().map(ToString::to_string),
        retry: Some(args.retry.iter().map(|rule| rule.0.clone()).collect()).filter(|rules: &Vec<_>| !rules.is_empty()),
    })
}

fn change(args: &StartRollout) -> Result<RolloutChange, Problem> {
    if let Some(file) = &args.config {
        let document = configs::read(file)?.json().map_err(|error| Problem::plain(&error))?;
        return Ok(RolloutChange::Config(RolloutDocument(document)));
    }
    if let Some(version) = &args.firmware {
        return Ok(RolloutChange::Firmware(RolloutFirmware(version.as_str().to_owned())));
    }
    let Some(name) = &args.command else {
        return Err(Problem::misuse("say what to change: --config, --firmware or --command"));
    };
    let given: Json = commands::arguments(args.args.as_deref())?;
    let (name, expires_in_s) = (name.as_str().to_owned(), COMMAND_EXPIRES_S);
    Ok(RolloutChange::Command(CommandSpec { name, args: given, expires_in_s }))
}

async fn list(args: &ListRollouts) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let (mut rollouts, mut cursor) = (vec![], String::new());
    loop {
        let page: RolloutList = client.ask(Ask::new(Method::GET, format!("/v1/rollouts?limit=100{cursor}"))).await?;
        rollouts.extend(page.rollouts);
        let Some(next) = page.cursor else { break };
        cursor = format!("&cursor={next}");
    }
    if args.connection.json {
        return print_json(&rollouts);
    }
    if rollouts.is_empty() {
        return print("no rollouts yet: `rollcall rollout start NAME --select … --config FILE` makes one\n");
    }
    let mut columns = Columns::of_cells(60, ["NAME", "STATE", "WAVE", "NODES", "APPLIED", "FAILED", "LOST", "WHY"]);
    let row = |rollout: RolloutView| {
        let wave = format!("{} of {}", rollout.wave, rollout.wave_count);
        let nodes = rollout.nodes.map_or_else(|| NOTHING.to_owned(), |nodes| nodes.to_string());
        let counts = rollout.counts;
        let [applied, failed, lost] = [counts.applied, counts.failed, counts.lost].map(|count| count.to_string());
        [rollout.name, word(&rollout.state), wave, nodes, applied, failed, lost, rollout.reason]
    };
    print(&columns.rows(rollouts.into_iter().map(row)))
}

async fn show(args: &OneRollout) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let rollout: RolloutView = client.ask(Ask::new(Method::GET, path(&args.name, ""))).await?;
    if args.connection.json { print_json(&rollout) } else { print(&described(&rollout)) }
}

async fn act(args: &OneRollout, deed: &str) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let rollout: RolloutView = client.ask(Ask::new(Method::POST, path(&args.name, &format!("/{deed}")))).await?;
    if args.connection.json { print_json(&rollout) } else { print(&described(&rollout)) }
}

async fn nodes(args: &RolloutNodes) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let state = args.state.map(|state| format!("&state={}", word(&state))).unwrap_or_default();
    let (mut cursor, mut all) = (String::new(), vec![]);
    let mut columns = Columns::of_cells(48, ["NODE", "STATE", "WAVE", "TOLD", "TIMES", "AGAIN", "VERSION", "WHY"]);
    loop {
        let below = format!("/nodes?limit=100{state}{cursor}");
        let page: RolloutNodePage = client.ask(Ask::new(Method::GET, path(&args.name, &below))).await?;
        if args.connection.json {
            all.extend(page.nodes);
        } else if !page.nodes.is_empty() {
            print(&columns.rows(page.nodes.into_iter().map(row)))?;
        }
        let Some(next) = page.cursor else { break };
        cursor = format!("&cursor={next}");
    }
    if args.connection.json { print_json(&all) } else { Ok(()) }
}

fn row(node: RolloutNode) -> [String; 8] {
    let number = |number: Option<u64>| number.map_or_else(|| NOTHING.to_owned(), |number| number.to_string());
    let instant = |at: Option<u64>| at.map_or_else(|| NOTHING.to_owned(), |at| clock::utc(Timestamp(at)));
    let (told, again) = (instant(node.told_at_ms), instant(node.retry_at_ms));
    let why = node.reason.unwrap_or_else(|| NOTHING.to_owned());
    [node.node, word(&node.state), number(node.wave), told, node.attempts.to_string(), again, number(node.version), why]
}

/// A rollout, for people.
fn described(rollout: &RolloutView) -> String {
    let counts = rollout.counts;
    let waves: Vec<_> = rollout.waves.iter().flatten().map(ToString::to_string).collect();
    let mut rows = vec![
        ("rollout", rollout.name.clone()),
        ("state", word(&rollout.state)),
        ("why", rollout.reason.clone()),
        ("select", rollout.spec.as_ref().map_or_else(|| NOTHING.to_owned(), |spec| spec.select.clone())),
        ("wave", format!("{} of {}", rollout.wave, rollout.wave_count)),
    ];
    if !waves.is_empty() {
        rows.push(("reach", format!("{} nodes", waves.join(", "))));
    }
    rows.extend([
        ("waiting", counts.waiting.to_string()),
        ("told", counts.told.to_string()),
        ("applied", counts.applied.to_string()),
        ("failed", counts.failed.to_string()),
        ("lost", counts.lost.to_string()),
        ("skipped", counts.skipped.to_string()),
    ]);
    let more = [
        ("to be told again", counts.retrying),
        ("rolled back", counts.rolled_back),
        ("superseded", counts.superseded),
        ("retries", rollout.retries),
    ];
    rows.extend(more.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count.to_string())));
    pairs(&rows)
}

/// A word of a vocabulary, as it is in JSON.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Whether nothing happens any more.
fn is_over(state: RolloutProgress) -> bool {
    use RolloutProgress as P;
    matches!(state, P::Failed | P::Aborted | P::RolledBack | P::Completed)
}

fn path(name: &RolloutName, below: &str) -> String {
    format!("/v1/rollouts/{name}{below}")
}
