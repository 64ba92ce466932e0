//! `rollcall deploy`.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use rollcall_aws::{Environment, create_tables, endpoint_config, variable};
use rollcall_core::{Clipped, Table};
use rollcall_lambda::{Package, Target, lambda_client, outdated_localstack};
use rollcall_stack::{FUNCTIONS, FunctionSettings, QueueUrls, S3Error, create_bucket};
use rollcall_token::Verifier;
use serde::Serialize;

use crate::args::{Deploy, named};
use crate::loopback::is_loopback;
use crate::out::{print, say};
use crate::problem::Problem;
use crate::{build, clock, key, rules, up};

/// How long making a table may take: DynamoDB Local may have to start first.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many functions are deployed at once: they share the line, and no more of them are half done after a Ctrl-C.
const AT_ONCE: usize = 4;

/// What was done to one thing.
#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    name: String,
    done: &'static str,
}

/// Creates or updates the table and the functions, or stops half-way when told to.
pub(crate) async fn run(args: Deploy) -> Result<(), Problem> {
    let stop = up::stop_signal()?;
    tokio::select! {
        done = deploy(args) => done,
        () = stop => Err(Problem::new("stopped; what was done so far stays, and `rollcall deploy` goes on from there")),
    }
}

async fn deploy(args: Deploy) -> Result<(), Problem> {
    let policy = rules::policy(&args.rules)?;
    keep_development_keys(&args)?;
    check_token_keys(&args)?;
    let token_keys = key::development()?.jwks().map_err(|error| Problem::plain(&error))?;
    refuse_outdated(&args.endpoint_url).await?;
    let functions = build::functions(args.functions.clone()).await?;
    let settings = FunctionSettings {
        table: args.table.clone(),
        connections: args.connections_url.clone(),
        token_keys,
        console_keys: key::console_keys(&key::console()?),
        firmware_bucket: args.firmware_bucket.clone(),
        policy,
        sweep_every: args.rules.sweep_every,
        rollouts_every: args.rules.rollouts_every,
        delivery_schedule: args.rules.delivery_schedule.clone(),
        queues: QueueUrls::at(&args.endpoint_url, &args.table),
        more: args.env.iter().cloned().collect(),
    };
    let mut done = tables(&args).await?;
    done.iter().try_for_each(|line| show(line, args.json))?;
    bucket(&args).await?;
    let client = lambda_client(&Environment, &args.endpoint_url);
    let target = Target { client: &client, prefix: &args.function_prefix, role: &args.role, settings: &settings };
    let deploys = stream::iter(FUNCTIONS).map(|function| deploy_one(&target, function, &functions));
    let mut deploys = pin!(deploys.buffered(AT_ONCE));
    let mut problems = vec![];
    // All of them are seen through, also if one fails: what is half done would be in the way of the next try.
    while let Some(line) = deploys.next().await {
        match line {
            Ok(line) => {
                show(&line, args.json)?;
                done.push(line);
            }
            Err(problem) => problems.push(problem.to_string()),
        }
    }
    if !problems.is_empty() {
        return Err(Problem::new(problems.join("; ")));
    }
    if args.json {
        let done = serde_json::to_string_pretty(&done).map_err(|error| Problem::plain(&error))?;
        print(&format!("{done}\n"))?;
    }
    let named = named(&args.function_prefix);
    say(&format!("now: rollcall up --backend lambda --endpoint-url {}{named}", args.endpoint_url));
    Ok(())
}

/// This machine's keys are for this machine: whoever has them is any node, and the monolith.
fn keep_development_keys(args: &Deploy) -> Result<(), Problem> {
    if args.endpoint_url.parse().is_ok_and(|url| is_loopback(&url)) {
        return Ok(());
    }
    let given = |name: &&str| args.env.iter().any(|(given, _)| given == name);
    let missing: Vec<_> =
        [variable::TOKEN_KEYS, variable::CONSOLE_KEYS].into_iter().filter(|name| !given(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let arguments: Vec<_> = missing.iter().map(|name| format!("--env {name}=…")).collect();
    Err(Problem::new(format!(
        "this machine's development keys are for http:// on this machine only, and not for {}: give its functions keys of \
         their own, with {}",
        args.endpoint_url,
        arguments.join(" and ")
    )))
}

/// Keys that the functions can't use, or that would let whoever reads their configuration sign tokens, are refused before
/// anything is made.
fn check_token_keys(args: &Deploy) -> Result<(), Problem> {
    let name = variable::TOKEN_KEYS;
    // Of several, the functions are told the last.
    let Some((_, jwks)) = args.env.iter().rev().find(|(given, _)| given == name) else { return Ok(()) };
    let verifier = Verifier::from_jwks(jwks);
    let verifier = verifier.map_err(|error| Problem::new(format!("--env {name} can't be used: {error}")))?;
    if args.endpoint_url.parse().is_ok_and(|url| is_loopback(&url)) {
        return Ok(());
    }
    let symmetric: Vec<_> = verifier.symmetric().map(|kid| Clipped(kid).to_string()).collect();
    if symmetric.is_empty() {
        return Ok(());
    }
    Err(Problem::new(format!(
        "--env {name}: {} would let whoever reads a function's configuration sign tokens; use EdDSA or ES256, whose public \
         keys are good for nothing but checking",
        symmetric.join(", ")
    )))
}

async fn tables(args: &Deploy) -> Result<Vec<Line>, Problem> {
    let config = endpoint_config(&Environment, &args.endpoint_url, PATIENCE);
    let client = aws_sdk_dynamodb::Client::new(&config);
    let created = create_tables(&client, &args.table).await.map_err(|error| {
        Problem::with_advice(&error, "is LocalStack running there? `localstack/host/localstack start` starts one")
    })?;
    let line = |table: Table| {
        let name = table.name(&args.table);
        Line { kind: "table", done: if created.contains(&name) { "created" } else { "unchanged" }, name }
    };
    Ok(Table::ALL.map(line).into())
}

/// Makes the bucket of firmware images, if S3 is on this machine: elsewhere it belongs to whoever pays for it.
async fn bucket(args: &Deploy) -> Result<(), Problem> {
    if !args.endpoint_url.parse().is_ok_and(|url| is_loopback(&url)) {
        return Ok(());
    }
    match create_bucket(&args.endpoint_url, &args.firmware_bucket, clock::now()).await {
        // What serves functions alone has no S3, and no node asks it for firmware.
        Ok(()) | Err(S3Error::Refused { .. }) => Ok(()),
        Err(error) => Err(Problem::plain(&error)),
    }
}

async fn deploy_one(target: &Target<'_>, function: &str, functions: &Path) -> Result<Line, Problem> {
    let package = Package::of(functions, function).map_err(|error| Problem::plain(&error))?;
    let done = target.deploy(function, &package).await.map_err(|error| Problem::plain(&error))?;
    Ok(Line { kind: "function", name: format!("{}{function}", target.prefix), done: done.word() })
}

fn show(line: &Line, json: bool) -> Result<(), Problem> {
    let text = format!("{:8}  {:28}  {}", line.kind, line.name, line.done);
    if json {
        say(&text);
        return Ok(());
    }
    print(&format!("{text}\n"))
}

/// A LocalStack that is too old would fail later, and less clearly.
pub(crate) async fn refuse_outdated(endpoint: &str) -> Result<(), Problem> {
    let Some(version) = outdated_localstack(endpoint).await else { return Ok(()) };
    Err(Problem::new(format!(
        "LocalStack {version} is at {endpoint}, which is too old: stop it, and start the right one with \
         `localstack/host/localstack start` or `docker compose -f localstack/docker-compose.yml up`"
    )))
}
