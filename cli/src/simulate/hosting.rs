//! The process of a simulation's local cloud, which has its own open files and its own memory.

use std::process::ExitCode;

use rollcall_fleet::Settings;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::cloud::OwnCloud;
use super::orders::{Answer, Order};
use crate::args::SimulateCloud;
use crate::key;
use crate::meter::Meter;
use crate::open_files;
use crate::out;
use crate::problem::Problem;

/// Serves a local cloud, and does what standard input says, until that ends.
///
/// # Errors
/// If nobody reads what it says.
pub(crate) async fn run(args: &SimulateCloud) -> Result<ExitCode, Problem> {
    let (cloud, ready) = match start(args).await {
        Ok(started) => started,
        Err(problem) => {
            say(&Answer::NotStarted(problem.to_string()))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    say(&ready)?;
    let served = serve(&cloud).await;
    cloud.shutdown().await;
    served.map(|()| ExitCode::SUCCESS)
}

async fn start(args: &SimulateCloud) -> Result<(OwnCloud, Answer), Problem> {
    open_files::allow(0)?;
    let meter = Meter::new().map_err(|error| Problem::plain(&error))?;
    let settings: Settings = serde_json::from_str(&args.settings).map_err(|error| Problem::plain(&error))?;
    let policy = settings.policy().map_err(|_| Problem::new("the plan's settings are out of range"))?;
    let signer = key::development()?;
    let (cloud, server) = OwnCloud::start(args, policy, &signer, &meter).await?;
    let ready = Answer::Ready { ws_url: server.ws_url, http_url: server.http_url };
    Ok((cloud, ready))
}

async fn serve(cloud: &OwnCloud) -> Result<(), Problem> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| Problem::plain(&error))? {
        match serde_json::from_str(&line).map_err(|error| Problem::plain(&error))? {
            Order::Troubles(troubles) => cloud.chaos().change(|now| *now = troubles),
            Order::CutAll => cloud.cut_all(),
            Order::RestartGateway => {
                cloud.restart_gateway().await;
                say(&Answer::Restarted)?;
            }
            Order::CountHits => {
                let hits = cloud.chaos().hits().into_iter().map(|(name, count)| (name.to_owned(), count));
                say(&Answer::Hits(hits.collect()))?;
            }
        }
    }
    Ok(())
}

fn say(answer: &Answer) -> Result<(), Problem> {
    let line = serde_json::to_string(answer).map_err(|error| Problem::plain(&error))?;
    out::print(&format!("{line}\n"))
}
