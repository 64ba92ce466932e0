//! `rollcall command`.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use rollcall_core::{IdempotencyKey, NodeId, Selector, Timestamp};
use rollcall_wire::console::{CommandPage, CommandProgress, CommandSpec, CommandView};
use rollcall_wire::{DOCUMENT_BYTES, DOCUMENT_LEVELS, Json, canonical};
use serde_json::json;

use super::bulk::{self, Deed, REVOKED};
use super::client::{Ask, Client};
use super::input;
use super::nodes::{NOTHING, PAGE};
use super::select::selected;
use super::table::{Columns, clean, lines, pairs};
use crate::args::{CancelCommand, CommandsCommand, ListCommands, SendCommand};
use crate::clock;
use crate::out::{print, print_json};
use crate::problem::Problem;
use crate::progress::Progress;

/// How long to wait before looking again at a command that is not over: at first, and at most.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Does what is asked about commands.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(crate) async fn command(command: &CommandsCommand) -> Result<(), Problem> {
    match command {
        CommandsCommand::Send(args) => send(args).await,
        CommandsCommand::List(args) => list(args).await,
        CommandsCommand::Cancel(args) => cancel(args).await,
    }
}

async fn send(args: &SendCommand) -> Result<(), Problem> {
    let sent = args.sent()?;
    let spec =
        CommandSpec { name: sent.name.as_str().to_owned(), args: arguments(sent.args)?, expires_in_s: args.expires_in };
    let body = serde_json::to_vec(&spec).map_err(|error| Problem::plain(&error))?;
    let key = args.key.clone().map_or_else(random_key, Ok)?;
    let client = Client::open(&args.connection.address).await?;
    let Some(node) = &sent.node else {
        let Some(selector) = &args.select else { return Ok(()) };
        return send_to_selected(&client, args, selector, body.into(), &key).await;
    };
    let ask = Ask::node(Method::POST, node, "/commands").with_body(body).once(&key);
    let mut command = client.ask(ask.clone()).await?;
    if let Some(patience) = args.wait {
        let limit = patience.limit(args.expires_in);
        let waited = wait(&client, &ask, node, &mut command, limit);
        let is_interrupted = tokio::select! {
            waited = waited => waited.map(|()| false)?,
            interrupted = tokio::signal::ctrl_c() => interrupted.is_ok(),
        };
        if is_interrupted {
            return Err(interrupted(node, &command));
        }
    }
    print_command(node, &command, args.connection.json)?;
    if args.wait.is_some() { outcome(node, &command, &key) } else { Ok(()) }
}

/// Queues it for every node that is meant. Keys belong to one node, so all of them have the same one.
async fn send_to_selected(
    client: &Client,
    args: &SendCommand,
    selector: &Selector,
    body: Bytes,
    key: &IdempotencyKey,
) -> Result<(), Problem> {
    let nodes = selected(client, selector, "revoked").await.map_err(Problem::into_trouble)?;
    let deed = Deed {
        does: "queue the command for".to_owned(),
        method: Method::POST,
        below: "/commands".to_owned(),
        body,
        key: Some(key),
        only_at: None,
        foresee: Box::new(|node| node.revoked.then_some(REVOKED)),
        judge: |_| None,
    };
    bulk::run(client, nodes, &deed, args.many, &args.connection).await
}

/// What to do it with: JSON, or where that is.
pub(super) fn arguments(text: Option<&str>) -> Result<Json, Problem> {
    let (name, text) = match text {
        None => return Ok(Json::default()),
        Some(text) => match text.strip_prefix('@').or((text == "-").then_some(text)) {
            None => ("ARGS".to_owned(), text.to_owned()),
            Some(file) => {
                let input = input::read(Path::new(file), DOCUMENT_BYTES, "what a command is given")?;
                (input.name, input.text)
            }
        },
    };
    let checked = canonical(&text, DOCUMENT_LEVELS).and_then(|text| Json::parse(&text));
    checked.map_err(|error| Problem::new(format!("{name} {error}")))
}

fn random_key() -> Result<IdempotencyKey, Problem> {
    format!("{:032x}", rand::random::<u128>()).parse().map_err(|error| Problem::plain(&error))
}

/// Waits until it is over, or this long. To send it again with its key queues nothing, and says how it stands.
async fn wait(
    client: &Client,
    ask: &Ask<'_>,
    node: &NodeId,
    command: &mut CommandView,
    limit: Duration,
) -> Result<(), Problem> {
    let [mut pause, most] = LOOK_AGAIN;
    let mut progress = Progress::start();
    let over = async {
        while matches!(command.state, CommandProgress::Queued | CommandProgress::Sent) {
            tokio::time::sleep(pause).await;
            pause = most.min(pause * 2);
            *command = client.ask(ask.clone()).await?;
            progress.say(|| format!("command {} of {node} is {}", command.command, command.state));
        }
        Ok(())
    };
    tokio::time::timeout(limit, over).await.unwrap_or(Ok(()))
}

/// Says that the command goes on, to whoever stops waiting for it.
fn interrupted(node: &NodeId, command: &CommandView) -> Problem {
    let number = command.command;
    let shows = format!("`rollcall command list {node}` shows how it stands");
    Problem::interrupted(match command.state {
        CommandProgress::Queued => format!(
            "command {number} of {node} stays queued: {shows}, and `rollcall command cancel {node} {number}` takes it \
             back as long as the node was not told of it"
        ),
        CommandProgress::Sent => {
            format!(
                "command {number} of {node} stays with the node, which was told of it: {shows}; it can't be taken back"
            )
        }
        state => format!("command {number} of {node} is {state}: {shows}"),
    })
}

fn print_command(node: &NodeId, command: &CommandView, json: bool) -> Result<(), Problem> {
    if json {
        return print_json(command);
    }
    let state = match command.state {
        CommandProgress::Queued => "queued: it waits for the node, or for the command before it".to_owned(),
        CommandProgress::Sent => "sent: nothing was heard of it yet".to_owned(),
        state => state.to_string(),
    };
    let mut text = pairs(&[
        ("node", node.to_string()),
        ("command", command.command.to_string()),
        ("name", command.name.clone()),
        ("state", state),
    ]);
    if let Some(output) = &command.output {
        text.push('\n');
        text.push_str(&lines(output));
    }
    print(&text)
}

/// Whether it did what it was for, for whoever waited.
fn outcome(node: &NodeId, command: &CommandView, key: &IdempotencyKey) -> Result<(), Problem> {
    let number = command.command;
    Err(Problem::new(match command.state {
        CommandProgress::Done => return Ok(()),
        CommandProgress::Failed if command.output.is_some() => {
            format!("command {number} of {node} failed, and said why")
        }
        CommandProgress::Failed => format!("command {number} of {node} failed, and did not say why"),
        CommandProgress::Expired => format!(
            "command {number} of {node} expired before anything was heard of it: `rollcall nodes show {node}` shows \
             when the node was last heard of"
        ),
        CommandProgress::Cancelled => format!("command {number} of {node} was cancelled"),
        CommandProgress::Queued | CommandProgress::Sent => format!(
            "command {number} of {node} is not over yet: the same command with --key {} waits on, and `rollcall command \
             list {node}` shows how it stands",
            clean(key.as_str())
        ),
    }))
}

async fn list(args: &ListCommands) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let (mut commands, mut cursor) = (vec![], String::new());
    let mut left = args.limit;
    let more = loop {
        let path = format!("/commands?limit={}{cursor}", left.min(PAGE));
        let page: CommandPage = client.ask(Ask::node(Method::GET, &args.node, &path)).await?;
        left = left.saturating_sub(u32::try_from(page.commands.len()).unwrap_or(u32::MAX));
        commands.extend(page.commands);
        match page.cursor {
            Some(next) if left > 0 => cursor = format!("&cursor={next}"),
            next => break next.is_some(),
        }
    };
    if args.connection.json {
        return print_json(&commands);
    }
    let now = clock::now();
    let mut columns = Columns::new(["NUMBER", "NAME", "STATE", "QUEUED", "ENDED", "OUTPUT"]);
    let rows = columns.rows(commands.iter().map(|command| row(command, now)));
    print(&match (commands.len(), more) {
        (0, _) => "no commands yet\n".to_owned(),
        (_, false) => rows,
        (count, true) => format!("{rows}the {count} newest: --limit shows more\n"),
    })
}

fn row(command: &CommandView, now: Timestamp) -> [String; 6] {
    let nothing = || NOTHING.to_owned();
    let ago = |at| format!("{} ago", clock::ago(Timestamp(at), now));
    [
        command.command.to_string(),
        command.name.clone(),
        command.state.to_string(),
        ago(command.queued_at_ms),
        command.ended_at_ms.map_or_else(nothing, ago),
        command.output.clone().unwrap_or_else(nothing),
    ]
}

async fn cancel(args: &CancelCommand) -> Result<(), Problem> {
    let CancelCommand { node, number, connection } = args;
    let client = Client::open(&connection.address).await?;
    client.send(Ask::node(Method::DELETE, node, &format!("/commands/{number}"))).await?;
    if connection.json {
        return print_json(&json!({"node": node.as_str(), "command": number, "cancelled": true}));
    }
    print(&format!("command {number} of {node} is cancelled\n"))
}
