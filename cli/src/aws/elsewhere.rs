//! `rollcall up --backend lambda`.

use std::sync::Arc;

use rollcall_aws::Environment;
use rollcall_gateway::Limits;
use rollcall_lambda::{DeployedSettings, LambdaInvoke, NotDeployed, deployed_settings, lambda_client};
use rollcall_stack::{Backend, Bounded, Stack, StackConfig, TABLE, connections_url};

use super::deploy::refuse_outdated;
use crate::args::{self, Up};
use crate::loopback::is_loopback;
use crate::out::say;
use crate::problem::Problem;
use crate::up::{Events, Listeners, not_started};

/// The gateway on this machine, and the functions where Lambda's API is served; and their table.
pub(crate) async fn elsewhere(args: &Up, endpoint: &str, events: &Events) -> Result<(Stack, String), Problem> {
    refuse_outdated(endpoint).await?;
    let Listeners { ws, connections, http } = Listeners::open(args).map_err(|error| not_started(&error))?;
    // The functions may be told either. Only a port that was chosen will be the same the next time.
    let (own, shared) = (connections_url(&connections), connections_url(&ws));
    let (own, shared) = (own.map_err(|error| not_started(&error))?, shared.map_err(|error| not_started(&error))?);
    let advised = if args.connections_port == 0 { &shared } else { &own };
    let client = lambda_client(&Environment, endpoint);
    let told = deployed_settings(&client, &args.function_prefix)
        .await
        .map_err(|error| not_deployed(&error, args, endpoint))?;
    // What serves nothing but Invoke can't be asked: nothing is known to be wrong then.
    let told = told.unwrap_or_else(|| DeployedSettings { table: TABLE.to_owned(), connections: advised.clone() });
    if ![&own, &shared].contains(&&told.connections) {
        let table = if told.table == TABLE { String::new() } else { format!(" --table {}", told.table) };
        let more = format!("{table} --connections-url {advised}");
        say(&format!(
            "the functions look for @connections at {}, but it is at {advised}: nothing reaches a node but the \
             answers to what it says. `{}{more}` tells them",
            told.connections,
            deploys(args, endpoint)
        ));
    }
    let invoke = LambdaInvoke::new(client, &args.function_prefix, events.logs());
    let local = endpoint.parse().is_ok_and(|url| is_loopback(&url));
    let backend = Backend::Elsewhere(if local { Arc::new(Bounded::new(invoke)) } else { Arc::new(invoke) });
    let config = StackConfig { ws, connections, http, limits: Limits::default(), interceptor: None, backend };
    let stack = Stack::start(config).await.map_err(|error| not_started(&error))?;
    Ok((stack, told.table))
}

/// The command that deploys the functions.
fn deploys(args: &Up, endpoint: &str) -> String {
    format!("rollcall deploy --endpoint-url {endpoint}{}", args::named(&args.function_prefix))
}

fn not_deployed(error: &NotDeployed, args: &Up, endpoint: &str) -> Problem {
    Problem::new(match error {
        NotDeployed::Missing(function) => {
            format!("there is no function {function} at {endpoint}: `{}` deploys it", deploys(args, endpoint))
        }
        NotDeployed::Unreachable(reason) => {
            format!("nobody answers at {endpoint} ({reason}): `localstack/host/localstack start` starts LocalStack")
        }
    })
}
