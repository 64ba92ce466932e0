//! `rollcall up`.

use std::future::Future;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_core::Policy;
use rollcall_gateway::{HostError, Limits, Logs};
use rollcall_stack::{DynamoError, Stack, StackConfig, StackError, TABLE};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Registration, Up};
use crate::fleet::Fleet;
use crate::meter::Meter;
use crate::out::{print, say};
use crate::problem::Problem;
use crate::summary::Summary;
use crate::{build, key};

/// The grace period: short, so that a person sees nodes go offline.
const GRACE: u32 = 30;
/// The spread of reconnects: short, so that a person sees nodes come back.
const SPREAD: u32 = 5;
/// How many processes a function may have.
const PROCESSES: usize = 4;

/// Runs the cloud until it is told to stop, or its time is over.
pub(crate) async fn run(args: Up) -> Result<(), Problem> {
    let policy = policy(&args)?;
    let signer = key::development()?;
    let token_keys = signer.jwks().map_err(|error| Problem::plain(&error))?;
    let meter = Meter::new().map_err(|error| Problem::plain(&error))?;
    let stop = stop_signal()?;
    tokio::pin!(stop);

    let start = async {
        let functions = build::functions(args.functions.clone()).await?;
        say("starting DynamoDB, the functions and the gateway");
        let config = StackConfig {
            ws_port: args.ws_port,
            dynamodb_port: args.dynamodb_port,
            data: args.data.clone(),
            functions,
            processes: PROCESSES,
            policy,
            token_keys,
            limits: Limits::default(),
            logs: logs(&meter, args.verbose),
            dynamodb_seen_at: None,
            between: None,
        };
        Stack::start(config).await.map_err(|error| not_started(&error))
    };
    let stack = tokio::select! {
        started = start => started?,
        () = &mut stop => return Ok(()),
    };
    ready(&stack, args.json)?;

    let started = Instant::now();
    let fleet = Fleet::start(args.nodes, &stack.ws_url(), &signer, &meter)?;
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

fn policy(args: &Up) -> Result<Policy, Problem> {
    let registration = match args.registration {
        Registration::Open => rollcall_core::Registration::Open,
        Registration::Closed => rollcall_core::Registration::Closed,
    };
    Policy::new(registration, args.lifetime, args.check_in_every, GRACE, SPREAD).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(|error| format!("--{error}")).collect();
        Problem::new(errors.join("; "))
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
fn ready(stack: &Stack, json: bool) -> Result<(), Problem> {
    let line = format!("ready ws={} dynamodb={} table={TABLE}", stack.ws_url(), stack.dynamodb_url());
    if json {
        say(&line);
        return Ok(());
    }
    print(&format!("{line}\n"))
}

/// Says how the fleet is doing: every second to a person, seldom to a log. Never ends.
async fn progress(fleet: &Fleet, meter: &Meter, started: Instant) {
    let every = if std::io::stderr().is_terminal() { 1 } else { 10 };
    let mut ticks = tokio::time::interval(Duration::from_secs(every));
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
            (check_ins - before) / every,
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
