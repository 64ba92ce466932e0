//! What can be asked for.

mod commands;
mod config;
mod console;
mod cutover;
mod endpoint;
mod firmware;
mod reading;
mod reconcile;
mod rollout;
mod simulate;
mod table;
mod target;
mod transfer;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
pub(crate) use commands::{CancelCommand, CommandsCommand, ListCommands, SendCommand};
pub(crate) use config::{ConfigCommand, DiffConfig, RollBack, SetConfig, Unset};
pub(crate) use console::{
    Address, Connection, Disconnect, Events, Fleet, List, Nodes, NodesCommand, One, Register, Renumber, Revoke, Said,
    Set, Watch,
};
pub(crate) use cutover::{CheckMapping, CutoverCommand, CutoverReport, CutoverShow, SetMapping, SetMode};
pub(crate) use endpoint::{AddEndpoint, EndpointCommand, ListEndpoints, OneEndpoint, ReplayEvents, ShowEndpoint};
pub(crate) use firmware::{
    AddDelta, AddFirmware, FirmwareCommand, Image, ListModels, ModelCommand, ModelRules, OneModel, Place, SetModel,
    WantFirmware, YesOrNo,
};
pub(crate) use reading::asks_for_json;
pub(crate) use reconcile::{Apply, Reconcile};
use rollcall_core::{Model, NodeId, Seconds};
pub(crate) use rollout::{ListRollouts, OneRollout, RolloutCommand, RolloutNodes, StartRollout, WatchRollout};
pub(crate) use simulate::{Simulate, SimulateCloud};
pub(crate) use table::{TableCommand, TableNodes};
pub(crate) use target::Many;
pub(crate) use transfer::{Export, Import, OnError};

use crate::files::tidy;
use crate::stack::StackName;

/// Serverless device check-in: the whole cloud on this machine, and a look at the fleet.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Ask the stack with this name on AWS, whose CloudFormation says where it is; or else `ROLLCALL_STACK`
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) stack: Option<StackName>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole cloud on loopback: DynamoDB, the functions, the gateway, and simulated nodes if you like
    Up(Up),
    /// Build the functions, and create or update them and the table in Lambda and DynamoDB at an endpoint: LocalStack's
    Deploy(Deploy),
    /// Print a token for a node, signed with this machine's development key
    Token(Token),
    /// Print the key for the console API of a cloud on this machine
    Key(Key),
    /// List the nodes, show, register, change or revoke one, through the console API
    Nodes(Box<Nodes>),
    /// Show how many nodes there are of each kind, through the console API
    Fleet(Fleet),
    /// Import nodes from a file: what is desired of each, as far as it is not so already
    Import(Import),
    /// Write all nodes to a file that can be imported
    Export(Export),
    /// Compare a file with the nodes that there are: exit 0 if nothing differs, 1 if something does, 2 if it can't be told
    Reconcile(Reconcile),
    /// Do what a saved comparison says, and nothing to a node that was changed since
    Apply(Apply),
    /// Set or show what nodes are to run, through the console API
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show who comes and goes, through the console API, until Ctrl-C
    Watch(Watch),
    /// Show what happened to nodes, and who changed what, through the console API
    Events(Events),
    /// Tell a node to do something, once, through the console API
    #[command(subcommand, name = "command")]
    Commands(CommandsCommand),
    /// Make firmware known, and say which of it a node is to run, through the console API
    #[command(subcommand)]
    Firmware(FirmwareCommand),
    /// Say where events are sent, and see what became of them there, through the console API
    #[command(subcommand)]
    Endpoint(EndpointCommand),
    /// Change a fleet in waves that stop by themselves, through the console API
    #[command(subcommand)]
    Rollout(RolloutCommand),
    /// Stand in front of a legacy polling endpoint: observe it, compare answers, and take its nodes over
    #[command(subcommand)]
    Cutover(CutoverCommand),
    /// Run one node in this terminal
    Node(Node),
    /// Run a fleet with faults on real sockets, and judge what it sees: exit 1 if a promise was broken
    Simulate(Simulate),
    #[command(hide = true)]
    SimulateCloud(SimulateCloud),
    /// Read the table itself, past the console API: for a DynamoDB on this machine, which takes any credentials
    #[command(subcommand)]
    Table(TableCommand),
    /// Print what a shell needs to complete this command
    Completions(Completions),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Simulated nodes to run: they connect, check in, drop and reconnect
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000), value_name = "N")]
    pub(crate) nodes: u32,
    /// Stop after this many seconds and print a summary; Ctrl-C does so at any time
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "S")]
    pub(crate) seconds: Option<Seconds>,
    /// Port of WebSockets; 0 for any that is free. @connections is there as well, for signed requests of this machine
    #[arg(long, default_value_t = 8787, value_name = "PORT")]
    pub(crate) ws_port: u16,
    /// Port of @connections, and of nothing else; any that is free, if none is given
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    pub(crate) connections_port: u16,
    /// Port of the HTTP API: the console, and polling; 0 for any that is free
    #[arg(long, default_value_t = 8788, value_name = "PORT")]
    pub(crate) http_port: u16,
    /// Port of the embedded DynamoDB; 0 for any that is free
    #[arg(long, default_value_t = 8789, value_name = "PORT")]
    pub(crate) dynamodb_port: u16,
    /// Port of the embedded S3 with firmware images; any that is free, if none is given
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    pub(crate) s3_port: u16,
    /// Keep the table and firmware images in this folder, instead of until the end
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rules: Rules,
    /// Where the functions run: here, as processes; or where Lambda's Invoke API is served
    #[arg(long, default_value = "embedded", requires_if("lambda", "endpoint_url"))]
    pub(crate) backend: Backend,
    /// Where Lambda's Invoke API is served, for --backend lambda: LocalStack, `cargo lambda watch` or AWS
    #[arg(
        long,
        value_parser = http_url,
        value_name = "URL",
        conflicts_with_all = ["data", "functions", "dynamodb_port", "s3_port", "registration", "lifetime", "check_in_every", "budget", "grace", "sweep_every", "rollouts_every", "delivery_schedule"]
    )]
    pub(crate) endpoint_url: Option<String>,
    /// What the functions' names begin with there
    #[arg(long, default_value = PREFIX, value_name = "TEXT", requires = "endpoint_url")]
    pub(crate) function_prefix: String,
    /// Use the functions' binaries in this folder, instead of building them
    #[arg(long, value_name = "DIR")]
    pub(crate) functions: Option<PathBuf>,
    /// Print the summary as JSON, and nothing else on standard output: the line `ready …` goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Show every line that the functions log, as it is, instead of what they refuse and what fails in words
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// What the functions' names begin with, if nothing else is said.
const PREFIX: &str = "rollcall-";

/// The argument that says what the functions' names begin with; nothing if that is what they begin with anyway.
pub(crate) fn named(prefix: &str) -> String {
    if prefix == PREFIX { String::new() } else { format!(" --function-prefix \"{prefix}\"") }
}

/// What the rules go by.
#[derive(Debug, clap::Args)]
pub(crate) struct Rules {
    /// Whether a valid token registers its node
    #[arg(long, default_value = "open")]
    pub(crate) registration: Registration,
    /// How long a connection may last before the node replaces it
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub(crate) lifetime: Seconds,
    /// How often an idle node checks in
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    pub(crate) check_in_every: Seconds,
    /// How many messages a node may send in a minute; 0 for any number
    #[arg(long, default_value_t = rollcall_core::Policy::BUDGET, value_name = "MESSAGES")]
    pub(crate) budget: u32,
    /// The grace period: how long a node may be without a connection before it goes offline
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) grace: Seconds,
    /// How often the sweep looks for nodes that have gone; on AWS, every 60 seconds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600), value_name = "SECONDS")]
    pub(crate) sweep_every: Seconds,
    /// How often the next steps of rollouts are taken; on AWS, every 60 seconds
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3600), value_name = "SECONDS")]
    pub(crate) rollouts_every: Seconds,
    /// After how many seconds a delivery to an endpoint is tried, each after the try before it
    #[arg(long, default_value = rollcall_stack::DELIVERY_SCHEDULE, value_parser = schedule, value_name = "SECONDS,…")]
    pub(crate) delivery_schedule: String,
}

/// A schedule of deliveries, as it is written.
fn schedule(text: &str) -> Result<String, rollcall_core::InvalidSchedule> {
    text.parse::<rollcall_core::Schedule>().map(|_| text.to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// An embedded DynamoDB, and the functions as processes
    Embedded,
    /// Functions that were deployed (see `rollcall deploy`), invoked through Lambda's API
    Lambda,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Deploy {
    /// Where Lambda and DynamoDB are, such as `http://127.0.0.1:4566`
    #[arg(long, value_parser = http_url, value_name = "URL")]
    pub(crate) endpoint_url: String,
    /// What the functions' names begin with
    #[arg(long, default_value = PREFIX, value_name = "TEXT")]
    pub(crate) function_prefix: String,
    /// The table
    #[arg(long, default_value = rollcall_stack::TABLE, value_name = "NAME")]
    pub(crate) table: String,
    /// The S3 bucket of firmware images, which is made if S3 is on this machine
    #[arg(long, default_value = rollcall_stack::FIRMWARE_BUCKET, value_name = "NAME")]
    pub(crate) firmware_bucket: String,
    /// Where the functions find @connections: `rollcall up --backend lambda` serves it
    #[arg(long, default_value = "http://127.0.0.1:8787/local", value_parser = http_url, value_name = "URL")]
    pub(crate) connections_url: String,
    #[command(flatten)]
    pub(crate) rules: Rules,
    /// A variable of the functions' environment, besides or instead of what they are told anyway; may be repeated
    #[arg(long, value_parser = variable, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<(String, String)>,
    /// The role that the functions run as; LocalStack takes any
    #[arg(long, default_value = "arn:aws:iam::000000000000:role/rollcall", value_name = "ARN")]
    pub(crate) role: String,
    /// Use the functions' binaries in this folder, instead of building them
    #[arg(long, value_name = "DIR")]
    pub(crate) functions: Option<PathBuf>,
    /// Print what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Registration {
    /// A valid token registers its node
    Open,
    /// The node must have been registered
    Closed,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Token {
    /// The node's id
    pub(crate) node: NodeId,
    /// The credential version
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) credential_version: u32,
    /// For how many days it is valid
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650), value_name = "N")]
    pub(crate) days: u32,
    /// In how many seconds it becomes valid; or else it is from the first
    #[arg(long, value_name = "SECONDS")]
    pub(crate) not_before: Option<Seconds>,
    /// Whom it is for, where the functions ask for that
    #[arg(long, value_name = "TEXT")]
    pub(crate) audience: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Key {
    /// Print what `infra/deploy --keys` takes instead, for a stack on this machine: with it, the key that tokens are
    /// signed with
    #[arg(long)]
    pub(crate) deploy: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Node {
    /// The node's id
    #[arg(long)]
    pub(crate) id: NodeId,
    #[arg(from_global)]
    pub(crate) stack: Option<StackName>,
    /// Where to connect, such as `ws://127.0.0.1:8787/local`; or else to the stack that is named
    #[arg(long, value_parser = tidied)]
    pub(crate) url: Option<String>,
    /// The file with its token (see `rollcall token`), - for standard input; or else `ROLLCALL_TOKEN`
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Its token, which everybody on this machine can then see in the list of processes
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) token: Option<String>,
    /// The firmware version to report
    #[arg(long, default_value = concat!("rollcall-", env!("CARGO_PKG_VERSION")))]
    pub(crate) firmware: String,
    /// Keep what must outlive a restart in this folder: the commands that were executed, and firmware images. Without it
    /// they are forgotten at the end
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Take only firmware that this public key for Ed25519 has signed: its base64, or a file with it; may be repeated
    #[arg(long, value_name = "FILE|BASE64", requires = "model")]
    pub(crate) firmware_key: Vec<String>,
    /// The model that the signed firmware must be for
    #[arg(long, requires = "firmware_key")]
    pub(crate) model: Option<Model>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

fn variable(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it must be NAME=VALUE"),
    }
}

/// Text without what was copied along with it.
#[expect(clippy::unnecessary_wraps, reason = "clap wants it so")]
fn tidied(text: &str) -> Result<String, &'static str> {
    Ok(tidy(text).to_owned())
}

/// Text that begins as a URL must; the rest shows when it is used.
fn http_url(text: &str) -> Result<String, &'static str> {
    let text = tidy(text);
    if text.starts_with("http://") || text.starts_with("https://") {
        Ok(text.to_owned())
    } else {
        Err("it must begin with http:// or https://")
    }
}
