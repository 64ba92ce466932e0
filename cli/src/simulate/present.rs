//! Runs a simulation.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall_aws::Environment;
use rollcall_fleet::Plan;
use rollcall_live::{Cloud, Fleet, Outcome, Server, brief, faults};

use super::apart::Apart;
use super::result;
use crate::args::{Address, Simulate};
use crate::console::console_of;
use crate::out::say;
use crate::problem::Problem;
use crate::up::stop_signal;
use crate::{build, key, live, open_files};

/// The exit code of a run with violations.
const EXIT_VIOLATIONS: u8 = 1;
/// How often the live line is drawn, and how often a line is printed where there is none.
const DRAWN: Duration = Duration::from_secs(1);
const PRINTED: Duration = Duration::from_secs(10);

/// Runs a fleet, and says what it saw.
///
/// # Errors
/// If it can't be run, or was interrupted.
pub(crate) async fn run(args: &Simulate) -> Result<ExitCode, Problem> {
    let chosen = faults(&args.chaos, args.url.is_none()).map_err(|error| Problem::misuse(error.to_string()))?;
    let seed = args.seed.unwrap_or_else(|| rand::random::<u32>().into());
    let nodes = usize::try_from(args.nodes).unwrap_or(usize::MAX);
    let name = name(args);
    let (plan, restarts) = brief(&name, seed, nodes, args.seconds, &chosen);
    open_files::allow(sockets(&plan))?;
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let signer = Arc::new(key::development()?);
    let own = async {
        match &args.url {
            Some(url) => Ok((None, another(args, url).await?)),
            None => own(args, &plan).await,
        }
    };
    let (cloud, server) = tokio::select! {
        started = own => started?,
        () = &mut stop => return Err(Problem::interrupted("stopped before the simulation began")),
    };
    let (nodes, seconds) = (args.nodes, args.seconds);
    say(&format!("seed {seed}: {nodes} nodes from {name}-00000 on, for {seconds} s, faults: {}", listed(&chosen)));
    let switch = cloud.clone().map(|cloud| cloud as Arc<dyn Cloud>);
    let fleet = Fleet::start(plan, restarts, &server, Arc::clone(&signer), switch).await;
    let fleet = fleet.map_err(|error| Problem::plain(&error))?;
    let began = Instant::now();
    let progress = fleet.progress();
    let watching = tokio::spawn(watch(progress, args.seconds));
    let outcome: Option<Outcome> = tokio::select! {
        outcome = fleet.live() => Some(outcome),
        () = &mut stop => None,
    };
    watching.abort();
    live::clear();
    if let Some(cloud) = cloud {
        cloud.shutdown().await;
    }
    let Some(outcome) = outcome else {
        return Err(Problem::interrupted("stopped: a simulation that is not finished is not judged"));
    };
    result::print(args, seed, &outcome, began.elapsed())?;
    Ok(if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATIONS) })
}

/// How many sockets the fleet's process has open at once, at most: a node may have two while it replaces one, and a network
/// of its own has two more.
fn sockets(plan: &Plan) -> u64 {
    let nodes = u64::try_from(plan.nodes.len()).unwrap_or(u64::MAX);
    nodes + nodes / 5
}

/// What the ids of the nodes begin with. In a cloud that has other nodes, or those of an earlier run, they are new ones.
fn name(args: &Simulate) -> String {
    if args.url.is_none() { "sim".to_owned() } else { format!("sim-{:08x}", rand::random::<u32>()) }
}

fn listed(faults: &[&str]) -> String {
    if faults.is_empty() { "none".to_owned() } else { faults.join(", ") }
}

async fn own(args: &Simulate, plan: &Plan) -> Result<(Option<Arc<Apart>>, Server), Problem> {
    let functions = build::functions(args.functions.clone()).await?;
    say("starting a local cloud");
    let (cloud, server) = Apart::start(plan, &functions).await?;
    Ok((Some(Arc::new(cloud)), server))
}

/// Where another cloud is, and the key of its console.
async fn another(args: &Simulate, url: &str) -> Result<Server, Problem> {
    if !url.starts_with("ws://") {
        return Err(Problem::misuse("--url must begin with ws://: a simulation's networks pass on no TLS"));
    }
    let address = Address { stack: None, url: args.console_url.clone(), key_file: args.key_file.clone() };
    let (http_url, console_key) = console_of(&address, &Environment).await?;
    if !http_url.starts_with("http://") {
        return Err(Problem::misuse(format!("the console must be at an http:// URL, and not at {http_url}")));
    }
    Ok(Server { ws_url: url.trim_end_matches('/').to_owned(), http_url, console_key })
}

/// Says how far it is: in a live line on a terminal, otherwise in a line every ten seconds.
async fn watch(progress: impl Fn() -> rollcall_live::Progress, seconds: u32) {
    let began = Instant::now();
    let is_live = live::is_possible();
    loop {
        tokio::time::sleep(if is_live { DRAWN } else { PRINTED }).await;
        let now = progress();
        let line = format!(
            "{:>4} of {seconds} s   {} connects   {} messages   {} acks   {} violations",
            began.elapsed().as_secs(),
            now.connects,
            now.messages,
            now.acks,
            now.violations
        );
        if is_live { live::show(&line) } else { say(&line) }
    }
}
