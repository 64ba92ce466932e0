//! The console's requests about commands.

use crate::clock::Clock;
use crate::commands::{self, command_news, next_command};
use crate::connections::Connections;
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::Store;
use rollcall_core::{
    COMMANDS_OPEN, Command, CommandState, Ending, IdempotencyKey, Key, LAST_NUMBER, Node, NodeId, Outcome, Queueing,
    Room, cancel, over, queue, queued_before, room,
};
use rollcall_wire::console::{COMMAND_EXPIRES_MOST_S, CommandPage, CommandSpec, CommandView, Problem, ProblemCode};
use rollcall_wire::{COMMAND_ARGS_BYTES, DOCUMENT_LEVELS, ServerMessage, canonical, sha256};

use crate::console::handle::{Admitted, Answered, Console, number, object, parse};
use crate::console::refusal::{denied, failed, internal};
use crate::console::{cursor, nodes, view};

/// How many commands are read at once to count those that are open.
const AT_ONCE: i32 = 100;
/// How often queueing a command is tried, if other requests take the next number first.
const ROUNDS: usize = 8;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Queues a command. If the same request was made before, it returns that command.
    pub(crate) async fn queue(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let (command, is_new) = self.queue_one(&node, &queueing(admitted)?, admitted).await?;
        let shown = view(&command, admitted)?;
        if !is_new {
            return Ok(HttpAnswer::json(200, &shown));
        }
        let location = format!("/v1/nodes/{node}/commands/{}", command.number);
        Ok(HttpAnswer::json(201, &shown).with("location", location))
    }

    /// Queues a command, and returns it, and whether it is new: with the same idempotency key it was queued before.
    pub(crate) async fn queue_one(
        &self,
        node: &NodeId,
        queueing: &Queueing,
        admitted: &Admitted<'_>,
    ) -> Result<(Command, bool), Problem> {
        for _ in 0..ROUNDS {
            if let Some(before) = self.queued_before(node, queueing).await? {
                return Ok((before, false));
            }
            let stored = self.registered_node(node).await?;
            let open = self.count_open(node, &stored, admitted).await?;
            let (number, updates) = queue(node, &stored, open, queueing, admitted.now).map_err(denied)?;
            let updates = updates.map(|update| admitted.by(update));
            if self.store.transact(&updates).await.map_err(|error| failed(&error))? {
                tracing::info!(%node, number, outcome = "queued", "command");
                self.hand_out(node, admitted).await?;
                return Ok((self.command(node, number).await?, true));
            }
        }
        Err(Problem::new(ProblemCode::Unavailable, "other requests are queueing commands for this node: try again"))
    }

    /// How many of a node's commands are open, at most. They are counted one by one only if the node's item does not
    /// show that there is room. The node's item then notes up to which number they are over, so that the next request
    /// need not count them.
    async fn count_open(&self, node: &NodeId, stored: &Node, admitted: &Admitted<'_>) -> Result<u64, Problem> {
        let (first, last) = match room(stored).map_err(denied)? {
            Room::AtMost(open) => return Ok(open),
            Room::Among(numbers) => numbers.into_inner(),
        };
        let (mut from, mut open, mut first_open) = (first, 0, None);
        while from <= last && open < COMMANDS_OPEN {
            let some =
                commands::commands(&self.store, node, from..=last, AT_ONCE).await.map_err(|error| failed(&error))?;
            // Numbers that are missing belong to commands that expired long ago and were deleted.
            let Some(end) = some.last() else { break };
            from = end.number + 1;
            for command in some.iter().filter(|command| command.is_open(admitted.times().earliest)) {
                first_open.get_or_insert(command.number);
                open += 1;
            }
        }
        let up_to = first_open.map_or(last, |open| open - 1);
        if up_to >= first {
            let _ = self.write(&over(node, up_to)).await?;
        }
        Ok(open)
    }

    async fn queued_before(&self, node: &NodeId, queueing: &Queueing) -> Result<Option<Command>, Problem> {
        let key = Key::Queued(node.clone(), queueing.key.clone());
        let Some(item) = self.store.read(&key).await.map_err(|error| failed(&error))? else {
            return Ok(None);
        };
        let number = queued_before(&item, &queueing.request).map_err(|error| internal(&error))?;
        let reused = || Problem::new(ProblemCode::KeyReused, "the idempotency key was used for another request before");
        self.command(node, number.ok_or_else(reused)?).await.map(Some)
    }

    /// Pushes the command whose turn it is.
    async fn hand_out(&self, node: &NodeId, admitted: &Admitted<'_>) -> Result<(), Problem> {
        let stored = self.registered_node(node).await?;
        if let (Some(_), Some(open)) = (stored.open(), stored.open_commands()) {
            let next = next_command(&self.store, node, open, admitted.times()).await.map_err(|error| failed(&error))?;
            if let Some(next) = next {
                let news = command_news(&next, admitted.now).map_err(|error| failed(&error))?;
                self.push(node, &stored, &ServerMessage::Command(news), admitted.now).await;
            }
        }
        Ok(())
    }

    /// A page of a node's commands, the newest first.
    pub(crate) async fn commands(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let limit = nodes::limit(admitted)?;
        let (secret, name) = (self.keys.secret(), format!("commands of {node}"));
        let (stored, _) = self.stored_node(&node).await?;
        let newest = match admitted.parameter("cursor") {
            Some(cursor) => cursor::read::<u64>(&secret, &name, cursor)?,
            None => stored.commands_queued,
        };
        let commands = match newest {
            0 => vec![],
            newest => commands::newest(&self.store, &node, newest, limit).await.map_err(|error| failed(&error))?,
        };
        let views: Result<Vec<_>, _> = commands.iter().map(|command| view(command, admitted)).collect();
        let is_full = i32::try_from(commands.len()) == Ok(limit);
        let oldest = commands.last().map(|command| command.number).filter(|oldest| is_full && *oldest > 1);
        let cursor = oldest.map(|oldest| cursor::write(&secret, &name, &(oldest - 1)));
        Ok(HttpAnswer::json(200, &CommandPage { commands: views?, cursor }))
    }

    /// Cancels a command that was not handed out yet.
    pub(crate) async fn cancel(&self, admitted: &Admitted<'_>, node: &str, command: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let number = number(command).filter(|number| (1..=LAST_NUMBER).contains(number)).ok_or_else(|| {
            Problem::new(ProblemCode::InvalidParameter, "command: must be the number of one of the node's commands")
        })?;
        self.registered_node(&node).await?;
        let stored = match self.write(&cancel(&node, number, admitted.now)).await? {
            Outcome::Applied { after } => Some(after),
            Outcome::Refused { stored, .. } => stored,
        };
        let stored = stored.map(|item| Command::read(number, &item)).transpose().map_err(|error| internal(&error))?;
        match stored.ok_or_else(unknown)?.state(admitted.now) {
            CommandState::Ended(Ending::Cancelled) => Ok(HttpAnswer::status(204)),
            _ => Err(Problem::new(ProblemCode::CommandNotQueued, "the command was handed out already, or is over")),
        }
    }

    async fn command(&self, node: &NodeId, number: u64) -> Result<Command, Problem> {
        let item = self.store.read(&Key::Command(node.clone(), number)).await.map_err(|error| failed(&error))?;
        Command::read(number, &item.ok_or_else(unknown)?).map_err(|error| internal(&error))
    }
}

fn view(command: &Command, admitted: &Admitted<'_>) -> Result<CommandView, Problem> {
    view::command(command, admitted.now).map_err(|error| internal(&error))
}

fn unknown() -> Problem {
    Problem::new(ProblemCode::UnknownCommand, "the node has no such command")
}

/// Reads the command that is to be queued from the request's body and its idempotency key.
fn queueing(admitted: &Admitted<'_>) -> Result<Queueing, Problem> {
    let invalid = |code, detail: String| Problem::new(code, detail);
    let key = admitted.request.headers.get("idempotency-key").ok_or_else(|| {
        let detail = "the header Idempotency-Key is required: choose a name for this request, such as a UUID";
        invalid(ProblemCode::InvalidParameter, detail.to_owned())
    })?;
    let key: IdempotencyKey = parse(key.to_str().unwrap_or("\u{fffd}"), "Idempotency-Key")?;
    queueing_of(&object(&admitted.body()?)?, key)
}

/// The command that is to be queued under this key.
pub(crate) fn queueing_of(spec: &CommandSpec, key: IdempotencyKey) -> Result<Queueing, Problem> {
    let invalid = |code, detail: String| Problem::new(code, detail);
    if !(1..=COMMAND_EXPIRES_MOST_S).contains(&spec.expires_in_s) {
        let detail = format!("expires_in_s: must be from 1 to {COMMAND_EXPIRES_MOST_S}, not {}", spec.expires_in_s);
        return Err(invalid(ProblemCode::InvalidBody, detail));
    }
    let args = canonical(spec.args.text(), DOCUMENT_LEVELS);
    let args = args.map_err(|error| invalid(ProblemCode::InvalidBody, format!("args: the JSON {error}")))?;
    if args.len() > COMMAND_ARGS_BYTES {
        let detail = format!("args: they have {} bytes; at most {COMMAND_ARGS_BYTES} are allowed", args.len());
        return Err(invalid(ProblemCode::TooLarge, detail));
    }
    let name = spec.name.parse().map_err(|error| invalid(ProblemCode::InvalidBody, format!("name: {error}")))?;
    // The hash is of numbers as they are written, since 1 and 1.0 are not the same to every node.
    let request = sha256(&format!("[\"{}\",{args},{}]", spec.name, spec.expires_in_s));
    Ok(Queueing { name, args, expires_in: spec.expires_in_s, key, request })
}
