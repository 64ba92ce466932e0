//! `rollcall up`.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_aws::Environment;
use rollcall_gateway::{HostError, Limits, Logs};
use rollcall_stack::{
    Backend, Bounded, DeployedSettings, DynamoError, FIRMWARE_BUCKET, FunctionSettings, Here, LambdaInvoke,
    NotDeployed, Stack, StackConfig, StackError, TABLE, connections_url, deployed_settings, lambda_client, listen,
};
use rollcall_token::Signer;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{self, Up};
use crate::deploy::refuse_outdated;
use crate::fleet::Fleet;
use crate::loopback::is_loopback;
use crate::meter::Meter;
use crate::out::{print, say};
use crate::problem::Problem;
use crate::progress::pace;
use crate::summary::Summary;
use crate::{build, key, rules};

/// How many processes a function may have.
const PROCESSES: usize = 4;

/// Runs the cloud until it is told to stop, or its time is over.
pub(crate) async fn run(args: Up) -> Result<(), Problem> {
    let signer = key::development()?;
    let meter = Meter::new().map_err(|error| Problem::plain(&error))?;
    let stop = stop_signal()?;
    tokio::pin!(stop);

    let start = async {
        match (args.backend, args.endpoint_url.as_deref()) {
            (args::Backend::Lambda, Some(endpoint)) => elsewhere(&args, endpoint, &meter).await,
            (args::Backend::Embedded, Some(_)) => Err(Problem::new("--endpoint-url is for --backend lambda")),
            (_, None) => here(&args, &signer, &meter).await,
        }
    };
    let (stack, table) = tokio::select! {
        started = start => started?,
        () = &mut stop => return Ok(()),
    };
    ready(&stack, &table, &args)?;

    let started = Instant::now();
    let fleet = Fleet::start(args.nodes, &stack, &signer, &meter)?;
    let over = async {
        match args.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = &mut stop => say("stopping"),
        () = over => {}
        () = progress(&fleet, &meter, started) => {}
    }
    let seconds = started.elapsed().as_secs_f64();
    let counts = meter.read();
    // The nodes stay until the gateway has closed their sockets.
    stack.shutdown().await;
    drop(fleet);
    if args.seconds.is_some() {
        summarise(&Summary::new(counts, args.nodes, seconds), args.json)?;
    }
    Ok(())
}

/// Everything on this machine, and its table.
async fn here(args: &Up, signer: &Signer, meter: &Meter) -> Result<(Stack, String), Problem> {
    let policy = rules::policy(&args.rules)?;
    let token_keys = signer.jwks().map_err(|error| Problem::plain(&error))?;
    let console_keys = key::console_keys(&key::console()?);
    let functions = build::functions(args.functions.clone()).await?;
    say("starting DynamoDB, the functions and the gateway");
    let start = async {
        let ws = listen(args.ws_port, "WebSockets", "--ws-port")?;
        let http = listen(args.http_port, "HTTP", "--http-port")?;
        let connections = connections_url(&ws)?;
        let here = Here {
            dynamodb: listen(args.dynamodb_port, "DynamoDB", "--dynamodb-port")?,
            s3: listen(args.s3_port, "S3", "--s3-port")?,
            data: args.data.clone(),
            functions,
            processes: PROCESSES,
            settings: FunctionSettings {
                table: TABLE.to_owned(),
                connections,
                token_keys,
                console_keys,
                firmware_bucket: FIRMWARE_BUCKET.to_owned(),
                policy,
                more: BTreeMap::new(),
            },
            logs: logs(meter, args.verbose),
        };
        let config = StackConfig {
            ws,
            http,
            limits: Limits::default(),
            interceptor: None,
            backend: Backend::Here(Box::new(here)),
        };
        Stack::start(config).await
    };
    let stack = start.await.map_err(|error| not_started(&error))?;
    Ok((stack, TABLE.to_owned()))
}

/// The gateway on this machine, and the functions where Lambda's API is served; and their table.
async fn elsewhere(args: &Up, endpoint: &str, meter: &Meter) -> Result<(Stack, String), Problem> {
    refuse_outdated(endpoint).await?;
    let ws = listen(args.ws_port, "WebSockets", "--ws-port").map_err(|error| not_started(&error))?;
    let http = listen(args.http_port, "HTTP", "--http-port").map_err(|error| not_started(&error))?;
    let connections = connections_url(&ws).map_err(|error| not_started(&error))?;
    let client = lambda_client(&Environment, endpoint);
    let told = deployed_settings(&client, &args.function_prefix)
        .await
        .map_err(|error| not_deployed(&error, args, endpoint))?;
    // What serves nothing but Invoke can't be asked: nothing is known to be wrong then.
    let told = told.unwrap_or_else(|| DeployedSettings { table: TABLE.to_owned(), connections: connections.clone() });
    if told.connections != connections {
        let table = if told.table == TABLE { String::new() } else { format!(" --table {}", told.table) };
        let more = format!("{table} --connections-url {connections}");
        say(&format!(
            "the functions look for @connections at {}, but it is at {connections}: nothing reaches a node but the \
             answers to what it says. `{}{more}` tells them",
            told.connections,
            deploys(args, endpoint)
        ));
    }
    let invoke = LambdaInvoke::new(client, &args.function_prefix, logs(meter, args.verbose));
    let local = endpoint.parse().is_ok_and(|url| is_loopback(&url));
    let backend = Backend::Elsewhere(if local { Arc::new(Bounded::new(invoke)) } else { Arc::new(invoke) });
    let config = StackConfig { ws, http, limits: Limits::default(), interceptor: None, backend };
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

fn not_started(error: &StackError) -> Problem {
    match error {
        StackError::Function(function @ HostError::Start { .. }) => Problem::with_advice(
            function,
            "`cargo build --profile local --workspace` builds the functions into target/local, and --functions names \
             the folder they are in",
        ),
        StackError::Dynamo(DynamoError::Folder { .. } | DynamoError::InUse { .. } | DynamoError::Open(_)) => {
            Problem::with_advice(error, "choose another folder with --data")
        }
        _ => Problem::plain(error),
    }
}

/// Warnings and errors of the functions, or all that they log, with the function's name; and everything is counted.
fn logs(meter: &Meter, verbose: bool) -> Logs {
    let meter = meter.clone();
    Arc::new(move |function, line| {
        if meter.logged(line) || verbose {
            say(&format!("{function}: {line}"));
        }
    })
}

/// The one line for scripts to wait for: on standard output, unless that is to be JSON.
fn ready(stack: &Stack, table: &str, args: &Up) -> Result<(), Problem> {
    let elsewhere = || args.endpoint_url.clone().unwrap_or_default();
    let dynamodb = stack.dynamodb_url().unwrap_or_else(elsewhere);
    let line = format!("ready ws={} http={} dynamodb={dynamodb} table={table}", stack.ws_url(), stack.http_url());
    if args.json {
        say(&line);
        return Ok(());
    }
    print(&format!("{line}\n"))?;
    if let Some(s3) = stack.s3_url() {
        say(&format!("firmware images: bucket {FIRMWARE_BUCKET} at {s3}"));
    }
    Ok(())
}

/// Says how the fleet is doing. Never ends.
async fn progress(fleet: &Fleet, meter: &Meter, started: Instant) {
    let every = pace();
    let mut ticks = tokio::time::interval(every);
    ticks.tick().await;
    let mut before = meter.read().check_ins;
    loop {
        ticks.tick().await;
        let counts = meter.read();
        let (state, check_ins) = (fleet.state(), counts.check_ins);
        say(&format!(
            "{:>5}s  {:>5} connected  {:>7} check-ins ({:>5}/s)  {:>5} drops  {:>5} returns  p50 {:.1} ms",
            started.elapsed().as_secs(),
            state.connected.load(Ordering::Relaxed),
            check_ins,
            (check_ins - before) / every.as_secs(),
            state.drops.load(Ordering::Relaxed),
            state.returns.load(Ordering::Relaxed),
            Duration::from_micros(counts.answer_us.value_at_quantile(0.5)).as_secs_f64() * 1000.0,
        ));
        before = check_ins;
    }
}

fn summarise(summary: &Summary, json: bool) -> Result<(), Problem> {
    if json {
        let summary = serde_json::to_string_pretty(summary).map_err(|error| Problem::plain(&error))?;
        print(&format!("{summary}\n"))
    } else {
        print(&summary.text())
    }
}

/// Resolves at SIGINT or SIGTERM.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Problem> {
    let listen = |kind| signal(kind).map_err(|error| Problem::plain(&error));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
