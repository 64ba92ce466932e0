//! `rollcall up`.

mod bursts;
mod events;
mod pulse;
mod words;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rollcall_core::Seconds;
use rollcall_gateway::{HostError, Limits};
use rollcall_stack::{
    Backend, DynamoError, FIRMWARE_BUCKET, FunctionSettings, Here, QueueUrls, Stack, StackConfig, StackError, TABLE,
    connections_url, listen,
};
use rollcall_token::Signer;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use self::events::Events;
use self::pulse::Pulse;
use crate::args::{self, Up};
use crate::aws;
use crate::fleet::Fleet;
use crate::local::{Local, Published};
use crate::meter::Meter;
use crate::out::{print, say};
use crate::problem::Problem;
use crate::summary::Summary;
use crate::{build, key, live, open_files, rules};

/// How many processes a function may have.
const PROCESSES: usize = 4;

/// Runs the cloud until it is told to stop, or its time is over; then prints a summary.
pub(crate) async fn run(args: Up) -> Result<(), Problem> {
    let signer = key::development()?;
    // A node and the gateway have a socket each.
    open_files::allow(2 * u64::from(args.nodes))?;
    let meter = Meter::new().map_err(|error| Problem::plain(&error))?;
    let events = Events::new(&meter, args.verbose);
    let stop = stop_signal()?;
    tokio::pin!(stop);

    let start = async {
        match (args.backend, args.endpoint_url.as_deref()) {
            (args::Backend::Lambda, Some(endpoint)) => aws::elsewhere(&args, endpoint, &events).await,
            (args::Backend::Embedded, Some(_)) => Err(Problem::new("--endpoint-url is for --backend lambda")),
            (_, None) => here(&args, &signer, &events).await,
        }
    };
    let (stack, table) = tokio::select! {
        started = start => started?,
        () = &mut stop => return summarise(&Summary::new(meter.read(), args.nodes, 0.0), args.json),
    };
    let published = publish(&stack);
    ready(&stack, &table, &args)?;

    let started = Instant::now();
    let fleet = Fleet::start(args.nodes, &stack, &signer, &meter)?;
    let pulse = Pulse { stack: &stack, fleet: &fleet, meter: &meter, events: &events, started };
    let is_stopped = tokio::select! {
        () = &mut stop => true,
        () = over(args.seconds) => false,
        () = pulse.beat() => false,
    };
    let seconds = started.elapsed().as_secs_f64();
    let counts = meter.read();
    live::clear();
    if is_stopped {
        say("stopping");
    }
    // Before another local cloud can have the port.
    drop(published);
    // The nodes stay until the gateway has closed their sockets.
    stack.shutdown().await;
    drop(fleet);
    events.say_rest();
    summarise(&Summary::new(counts, args.nodes, seconds), args.json)
}

/// Resolves when the time is over, if there is an end to it.
async fn over(seconds: Option<Seconds>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
        None => std::future::pending().await,
    }
}

/// Lets other commands know where the S3 with firmware images is, if that is here. A failure is only a warning.
fn publish(stack: &Stack) -> Option<Published> {
    let local = Local { bucket: FIRMWARE_BUCKET.to_owned(), s3_url: stack.s3_url()? };
    let published = local.publish(stack.http_address().port());
    let said = |problem: &Problem| say(&format!("warning: {problem}; `rollcall firmware add` needs --bucket"));
    published.inspect_err(said).ok()
}

/// The ports that are claimed before anything is served on them.
pub(crate) struct Listeners {
    pub(crate) ws: TcpListener,
    pub(crate) connections: TcpListener,
    pub(crate) http: TcpListener,
}

impl Listeners {
    pub(crate) fn open(args: &Up) -> Result<Self, StackError> {
        Ok(Self {
            ws: listen(args.ws_port, "WebSockets", "--ws-port")?,
            connections: listen(args.connections_port, "@connections", "--connections-port")?,
            http: listen(args.http_port, "HTTP", "--http-port")?,
        })
    }
}

/// Everything on this machine, and its table.
async fn here(args: &Up, signer: &Signer, events: &Events) -> Result<(Stack, String), Problem> {
    let policy = rules::policy(&args.rules)?;
    let token_keys = signer.jwks().map_err(|error| Problem::plain(&error))?;
    let console_keys = key::console_keys(&key::console()?);
    let functions = build::functions(args.functions.clone()).await?;
    say("starting DynamoDB, the functions and the gateway");
    let start = async {
        let Listeners { ws, connections, http } = Listeners::open(args)?;
        let here = Here {
            dynamodb: listen(args.dynamodb_port, "DynamoDB", "--dynamodb-port")?,
            s3: listen(args.s3_port, "S3", "--s3-port")?,
            data: args.data.clone(),
            functions,
            processes: PROCESSES,
            settings: FunctionSettings {
                table: TABLE.to_owned(),
                connections: connections_url(&connections)?,
                token_keys,
                console_keys,
                firmware_bucket: FIRMWARE_BUCKET.to_owned(),
                policy,
                sweep_every: args.rules.sweep_every,
                rollouts_every: args.rules.rollouts_every,
                delivery_schedule: args.rules.delivery_schedule.clone(),
                queues: QueueUrls::default(),
                more: BTreeMap::new(),
            },
            logs: events.logs(),
        };
        let config = StackConfig {
            ws,
            connections,
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

pub(crate) fn not_started(error: &StackError) -> Problem {
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

/// The one line for scripts to wait for: on standard output, unless that is to be JSON.
fn ready(stack: &Stack, table: &str, args: &Up) -> Result<(), Problem> {
    let elsewhere = || args.endpoint_url.clone().unwrap_or_default();
    let dynamodb = stack.dynamodb_url().unwrap_or_else(elsewhere);
    let (ws, http, connections) = (stack.ws_url(), stack.http_url(), stack.connections_url());
    let line = format!("ready ws={ws} http={http} dynamodb={dynamodb} table={table} connections={connections}");
    if args.json {
        say(&line);
    } else {
        print(&format!("{line}\n"))?;
    }
    if let Some(s3) = stack.s3_url() {
        say(&format!("firmware images: bucket {FIRMWARE_BUCKET} at {s3}, where `rollcall firmware add` uploads them"));
    }
    Ok(())
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
