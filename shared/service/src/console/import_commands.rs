//! Importing a node's open commands, with their numbers, where the node was given fewer.

use rollcall_core::{
    COMMANDS_OPEN, Command, CommandName, Denied, InvalidId, LAST_NUMBER, Node, RESTORED_AT_ONCE, Timestamp,
    restore_commands,
};
use rollcall_wire::console::{ImportedField, OpenCommand, Problem, ProblemCode};
use rollcall_wire::{COMMAND_ARGS_BYTES, DOCUMENT_LEVELS, canonical};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Console};
use crate::console::import::Import;
use crate::console::refusal::{denied, failed};
use crate::queue::Queue;
use crate::store::Store;

/// What is known of a node's commands.
#[derive(Default)]
pub(super) struct Commands {
    /// The number of the last one.
    last: Option<u64>,
    /// Those that are open, sorted by their numbers.
    open: Vec<Command>,
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Restores the commands that are still open, in their order: an import that was cut off goes on behind those that it has
    /// restored.
    pub(super) async fn import_commands(
        &self,
        import: &mut Import<'_>,
        admitted: &Admitted<'_>,
    ) -> Result<(), Problem> {
        let desired = import.desired;
        let Some(last) = desired.commands.last.filter(|_| !desired.revoked) else { return Ok(()) };
        let is_lower = |node: &Node| !node.revoked && node.commands_queued < last;
        let Some(known) = import.stored()?.filter(is_lower).map(|node| node.commands_queued) else { return Ok(()) };
        let is_missing = |command: &&Command| command.number > known && command.is_open(admitted.now);
        let open: Vec<_> = desired.commands.open.iter().filter(is_missing).cloned().collect();
        let mut parts: Vec<_> = open.chunks(RESTORED_AT_ONCE).collect();
        let final_part = parts.pop().unwrap_or_default();
        for part in parts {
            let up_to = part.last().map_or(known, |command| command.number);
            self.restore(import, up_to, part, admitted).await?;
        }
        self.restore(import, last, final_part, admitted).await?;
        import.changed.push(ImportedField::Commands);
        Ok(())
    }

    async fn restore(
        &self,
        import: &mut Import<'_>,
        last: u64,
        open: &[Command],
        admitted: &Admitted<'_>,
    ) -> Result<(), Problem> {
        let Some(stored) = import.stored()? else { return Err(denied(Denied::Unknown)) };
        let mut writes = restore_commands(&import.desired.node, &stored, last, open);
        if let Some(counted) = writes.first_mut() {
            *counted = admitted.by(import.conditional(counted.clone()));
            let outcome = counted.apply(import.item.as_ref());
            import.take(outcome)?;
        }
        if !import.is_dry && !self.store.transact(&writes).await.map_err(|error| failed(&error))? {
            return Err(denied(Denied::Changed));
        }
        Ok(())
    }
}

impl Commands {
    /// Checks what is known of a node's commands.
    pub(super) fn read(last: Option<u64>, open: Option<Vec<OpenCommand>>) -> Result<Self, Problem> {
        let (last, open) = (number("last_command", last)?, open.unwrap_or_default());
        let mut open = open.iter().map(command).collect::<Result<Vec<_>, _>>()?;
        open.sort_by_key(|command| command.number);
        if open.windows(2).any(|two| two[0].number == two[1].number) {
            return Err(invalid("open_commands: two have the same number".to_owned()));
        }
        if open.len() as u64 > COMMANDS_OPEN {
            return Err(invalid(format!(
                "open_commands: there are {}; at most {COMMANDS_OPEN} are allowed",
                open.len()
            )));
        }
        match open.last() {
            Some(highest) if last.is_none_or(|last| last < highest.number) => {
                Err(invalid(format!("last_command: must be {} or more, as a command has that number", highest.number)))
            }
            _ => Ok(Self { last, open }),
        }
    }
}

/// Checks a number that is counted from 1.
pub(super) fn number(name: &str, number: Option<u64>) -> Result<Option<u64>, Problem> {
    match number {
        Some(number) if !(1..=LAST_NUMBER).contains(&number) => {
            Err(invalid(format!("{name}: must be from 1 to {LAST_NUMBER}, not {number}")))
        }
        number => Ok(number),
    }
}

fn command(open: &OpenCommand) -> Result<Command, Problem> {
    let number = number("open_commands: command", Some(open.command))?.unwrap_or_default();
    let name: Result<CommandName, InvalidId> = open.name.parse();
    let name = name.map_err(|error| invalid(format!("open_commands: name: {error}")))?;
    let args = canonical(open.args.text(), DOCUMENT_LEVELS);
    let args = args.map_err(|error| invalid(format!("open_commands: args: the JSON {error}")))?;
    if args.len() > COMMAND_ARGS_BYTES {
        let detail =
            format!("open_commands: args: they have {} bytes; at most {COMMAND_ARGS_BYTES} are allowed", args.len());
        return Err(invalid(detail));
    }
    Ok(Command {
        number,
        name: name.as_str().to_owned(),
        args,
        queued_at: Timestamp(open.queued_at_ms),
        expires_at: Timestamp(open.expires_at_ms),
        sent_at: open.sent_at_ms.map(Timestamp),
        ended: None,
    })
}

fn invalid(detail: String) -> Problem {
    Problem::new(ProblemCode::InvalidBody, detail)
}
