//! `rollcall node`.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rollcall_aws::{Environment, Lookup as _};
use rollcall_core::NodeId;
use rollcall_node::wire::Health;
use rollcall_node::{Command, Firmware, FirmwareKeys, Handler, NodeConfig, NodeError, NodeEvent, Pushed, Report};
use rollcall_service::chain;
use rollcall_token::TokenError;
use tokio::sync::Notify;

use crate::args::Node;
use crate::aws;
use crate::files::{self, Text};
use crate::problem::Problem;
use crate::stack::{Output, StackName};
use crate::up::stop_signal;
use crate::{clock, duties};

/// The variable with a node's token.
const TOKEN: &str = "ROLLCALL_TOKEN";

struct Terminal {
    firmware: String,
    started: Instant,
    /// The connection is to be dropped.
    reboot: Arc<Notify>,
    /// Nobody reads what is printed any more.
    unread: Arc<Notify>,
}

impl Handler for Terminal {
    fn report(&mut self) -> Report {
        let uptime_s = Some(self.started.elapsed().as_secs());
        Report {
            firmware: Some(self.firmware.clone()),
            config: None,
            health: Some(Health { uptime_s, ..Health::default() }),
        }
    }

    fn execute(&mut self, command: Command) {
        self.say(&format!("executes      {} {} (command {})", command.name(), command.args(), command.number()));
        duties::execute(command, &self.reboot);
    }

    fn accept_firmware(&mut self, version: &str) -> Result<(), String> {
        self.say(&format!("downloads     firmware {version}"));
        Ok(())
    }

    fn install(&mut self, firmware: Firmware) {
        self.say(&format!("installs      firmware {} from {}", firmware.version(), firmware.path().display()));
        self.firmware = duties::install(firmware);
    }

    fn pushed(&mut self, message: Pushed) {
        self.say(&format!("pushed        {message:?}"));
    }

    fn event(&mut self, event: NodeEvent) {
        self.say(&match event {
            NodeEvent::Connected { planned: false } => "connected".to_owned(),
            NodeEvent::Connected { planned: true } => "connected     to replace the old connection".to_owned(),
            NodeEvent::CheckedIn { seq, asked: true } => format!("checked in    seq {seq}, asking for an answer"),
            NodeEvent::CheckedIn { seq, asked: false } => format!("checked in    seq {seq}"),
            NodeEvent::Acked { ack, rtt } => format!(
                "acknowledged  seq {} after {:.1} ms; next check-in in {} s, reconnect within {} s",
                ack.seq,
                rtt.as_secs_f64() * 1000.0,
                ack.next_check_in_s,
                ack.reconnect_within_s
            ),
            NodeEvent::Refused { status, body } => format!("refused       HTTP {status} {}", body.trim()),
            NodeEvent::Unreachable { why } => format!("unreachable   {why}"),
            NodeEvent::Error(error) => format!("error         {}: {}", error.code, error.message),
            NodeEvent::Disconnected { reason, planned: true } => format!("disconnected  as planned: {reason:?}"),
            NodeEvent::Disconnected { reason, planned: false } => format!("disconnected  {reason:?}"),
            NodeEvent::Superseded { .. } => "superseded    another device uses this node's token".to_owned(),
            NodeEvent::SlowedDown { delay } => {
                format!("slowed down   the node says too much: nothing for {:.1} s", delay.as_secs_f64())
            }
            NodeEvent::BackingOff { delay } => format!("waiting       {:.1} s", delay.as_secs_f64()),
            event => format!("{event:?}"),
        });
    }
}

impl Terminal {
    fn say(&self, text: &str) {
        let line = format!("{:8.3}  {text}\n", self.started.elapsed().as_secs_f64());
        if std::io::stdout().write_all(line.as_bytes()).is_err() {
            self.unread.notify_one();
        }
    }
}

/// Where to connect: there, or where the stack says that is named.
async fn url(given: Option<String>, stack: Option<&StackName>) -> Result<String, Problem> {
    if let Some(url) = given {
        return Ok(url);
    }
    let stack = StackName::find(stack, &Environment)?;
    let stack = stack.ok_or_else(|| Problem::new("say where to connect: --url URL, or --stack NAME"))?;
    aws::output(&stack, Output::WebSocket).await
}

/// The token that was given, wherever it is.
fn token(given: Option<&str>, file: Option<&Path>) -> Result<String, Problem> {
    const WHAT: &str = "a token";
    let text = match (given, file, Environment.get(TOKEN)) {
        (Some(token), ..) => Text::new("--token", token),
        (None, Some(file), _) => files::read_secret(file, WHAT)?,
        (None, None, Some(token)) => Text::new(TOKEN, &token),
        (None, None, None) => {
            let advice = format!("--token-file FILE, or {TOKEN}; `rollcall token NODE` prints one");
            return Err(Problem::misuse(format!("give the node's token: {advice}")));
        }
    };
    text.unbroken(WHAT).map_err(|problem| Problem::misuse(problem.to_string()))
}

/// Refuses what no Rollcall would take, before anybody is asked. Whether the token is genuine shows there.
fn check(token: &str, id: &NodeId, url: Option<&str>) -> Result<(), Problem> {
    let claims = rollcall_token::unverified(token).map_err(|error| {
        Problem::misuse(format!("what was given as a token is none that a node has: {}", chain(&error)))
    })?;
    let node = &claims.node;
    if node != id {
        return Err(Problem::misuse(format!("a token for node {node} was given, and not for {id}: which is meant?")));
    }
    let now = clock::now();
    let here = format!("by this machine's clock, {}", clock::utc(now));
    claims.check_time(now).map_err(|error| match (error, claims.not_before) {
        (TokenError::NotYet, Some(from)) => {
            Problem::misuse(format!("the token of {id} is not valid before {} UTC ({here})", clock::utc(from)))
        }
        _ => Problem::misuse(format!("the token of {id} expired at {} UTC ({here})", clock::utc(claims.expires_at))),
    })?;
    let query = url.and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    let in_url = query.split('&').filter_map(|pair| pair.strip_prefix("token="));
    if in_url.into_iter().any(|other| !other.is_empty() && other != token) {
        return Err(Problem::misuse("the URL has another token in it than the one that was given: which is meant?"));
    }
    Ok(())
}

/// Runs one node until it is refused or interrupted, or nobody reads what it prints.
pub(crate) async fn run(args: Node) -> Result<(), Problem> {
    let (reboot, unread) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let terminal = Terminal {
        firmware: args.firmware,
        started: Instant::now(),
        reboot: Arc::clone(&reboot),
        unread: Arc::clone(&unread),
    };
    let token = token(args.token.as_deref(), args.token_file.as_deref())?;
    check(&token, &args.id, args.url.as_deref())?;
    let keys = args.firmware_key.iter().map(|given| files::public_key("--firmware-key", given));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let firmware_keys = args.model.map(|model| FirmwareKeys { model: model.as_str().to_owned(), keys });
    let url = url(args.url, args.stack.as_ref()).await?;
    let forgotten = args.state.is_none().then(tempfile::tempdir).transpose();
    let forgotten = forgotten.map_err(|error| Problem::plain(&error))?;
    let state = args.state.or_else(|| forgotten.as_ref().map(|folder| folder.path().to_owned()));
    let signal = stop_signal()?;
    // Without the query: it may hold a token as well.
    terminal.say(&format!("{} connects to {}", args.id, url.split('?').next().unwrap_or_default()));
    let config = NodeConfig { state, firmware_keys, ..NodeConfig::new(url, token) };
    let mut node = rollcall_node::Node::start(config, terminal);
    tokio::pin!(signal);
    let ended = loop {
        tokio::select! {
            ended = node.ended() => break ended,
            () = &mut signal => break node.stop().await,
            () = unread.notified() => break node.stop().await,
            () = reboot.notified() => node.drop_connection(),
        }
    };
    ended.map_err(|error| match error {
        NodeError::Refused { .. } | NodeError::InvalidToken => {
            Problem::with_advice(&error, "`rollcall token NODE` prints a token that a local `rollcall up` accepts")
        }
        _ => Problem::plain(&error),
    })
}
