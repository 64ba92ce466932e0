//! Commands: each device executes each one at most once, in order and in time; each ends, with the result that was
//! reported first.

use rollcall_core::{Command, Ended, Ending, Item, Key, Node, Timestamp};
use rollcall_wire::{CommandNews, CommandResult};

use super::facts::{Facts, SKEW_MS, earlier, later};
use super::queue::{Known, Queue, Told};
use super::table::Change;
use super::verdicts::Verdicts;
use crate::observation::Device;
use crate::violation::ViolationKind as Kind;

/// How long a device may take from its decision to begin a command until it begins it, in milliseconds: it writes its
/// record.
const BEGIN_MS: u64 = 2_000;

/// The commands of all nodes.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    nodes: Vec<Queue>,
}

impl Commands {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes: vec![Queue::default(); nodes] }
    }

    /// How many commands are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.nodes.iter().map(|queue| queue.iter().count()).sum()
    }

    pub(super) fn get(&self, node: usize, command: u64) -> Option<&Known> {
        self.nodes.get(node)?.get(command)
    }

    /// The number of the command that an idempotency key has queued.
    pub(super) fn of_key(&self, node: usize, key: &str) -> Option<u64> {
        self.nodes.get(node)?.keys.get(&key.parse().ok()?).copied()
    }

    /// An item of a command or of an idempotency key was written.
    pub(super) fn wrote(&mut self, verdicts: &mut Verdicts, at: Timestamp, node: usize, (key, after): (&Key, &Item)) {
        let Some(queue) = self.nodes.get_mut(node) else { return };
        match key {
            Key::Command(_, number) => match Command::read(*number, after) {
                Ok(command) => wrote_command(queue, verdicts, at, node, command),
                Err(error) => verdicts.node(Kind::BrokenItem, at, node, format!("has a command {number}: {error}")),
            },
            Key::Queued(_, key) => {
                let number = rollcall_core::Attribute::CommandNumber;
                let Some(rollcall_core::Value::Number(number)) = after.get(&number) else { return };
                if let Some(before) = queue.keys.get(key).filter(|before| *before != number) {
                    let what = format!("has commands {before} and {number} of one idempotency key, {}", key.as_str());
                    verdicts.node(Kind::KeyNotHonoured, at, node, what);
                }
                queue.keep(key, *number);
            }
            _ => {}
        }
    }

    /// A node's item was written. What it says of its commands goes forward only, and no command that is open counts as
    /// over.
    pub(super) fn wrote_node(&self, facts: &Facts, verdicts: &mut Verdicts, at: Timestamp, change: &Change) {
        let numbers = |node: &Node| (node.commands_queued, node.commands_over);
        let (was, is) = (change.was.as_deref().map_or((0, 0), numbers), numbers(&change.is));
        if is == was {
            return;
        }
        if is.0 < was.0 || is.1 < was.1 || is.1 > is.0 {
            let what = format!("had {was:?} commands queued and over, and now {is:?}");
            verdicts.node(Kind::WentBack, at, change.node, what);
        }
        let queue = self.nodes.get(change.node).filter(|_| !facts.windows.wrong_clock(earlier(at, 60_000), at));
        if let Some(open) = queue.and_then(|queue| queue.open_before(is.1 + 1, (at, at), SKEW_MS)) {
            let what = format!("has its commands up to {} counted as over, and command {open} is open", is.1);
            verdicts.node(Kind::CommandNotEnded, at, change.node, what);
        }
    }

    /// An item was deleted because its time to live is over.
    pub(super) fn forgotten(&mut self, node: usize, key: &Key) {
        let Some(queue) = self.nodes.get_mut(node) else { return };
        match key {
            Key::Command(_, number) => queue.forget(*number),
            Key::Queued(_, key) => drop(queue.keys.remove(key)),
            _ => {}
        }
    }

    /// A device reported a result.
    pub(super) fn reported(&mut self, node: usize, results: &[CommandResult]) {
        let Some(queue) = self.nodes.get_mut(node) else { return };
        for result in results {
            if let Some(known) = queue.get_mut(result.command) {
                known.report(result);
            }
        }
    }

    /// A check-in that carried these results was acknowledged: they are stored.
    pub(super) fn acked(&self, verdicts: &mut Verdicts, at: Timestamp, node: usize, results: &[CommandResult]) {
        let Some(queue) = self.nodes.get(node) else { return };
        for result in results {
            let waits = |known: &&Known| known.stored.sent_at.is_some() && known.stored.ended.is_none();
            let known = queue.get(result.command).filter(waits);
            if known.is_some() {
                let what = format!(
                    "was told that the result of command {} is stored ({:?}), and it is not",
                    result.command, result.status
                );
                verdicts.node(Kind::ResultNotStored, at, node, what);
            }
        }
    }

    /// A device has read a command.
    pub(super) fn told(&mut self, at: Timestamp, who: Device, news: &CommandNews) {
        let device = self.nodes.get_mut(who.node).and_then(|queue| queue.devices.get_mut(usize::from(who.device)));
        let until = later(at, u64::from(news.expires_in_s) * 1000);
        if let Some(device) = device {
            device.tell(Told { command: news.command, run: who.run, until });
        }
    }

    /// The cloud hands a command out. `began`: when the message or the request came that this answers.
    pub(super) fn handed_out(
        &self,
        facts: &Facts,
        verdicts: &mut Verdicts,
        (at, began): (Timestamp, Timestamp),
        node: usize,
        news: &CommandNews,
    ) {
        let Some(queue) = self.nodes.get(node) else { return };
        let number = news.command;
        let wrong = match queue.get(number) {
            None if number > queue.last() => Some("was never queued".to_owned()),
            None => None,
            Some(known) if known.ended_at.is_some_and(|ended_at| ended_at < began) => {
                Some(format!("has ended: {:?}", known.stored.ended))
            }
            Some(known) if known.stored.sent_at.is_none() && known.ended_at.is_none() => {
                Some("is not marked as handed out".to_owned())
            }
            Some(_) if facts.windows.wrong_clock(earlier(began, 60_000), at) => None,
            Some(known) => wrong_time(queue, verdicts, (at, began), known, news),
        };
        if let Some(why) = wrong {
            verdicts.node(Kind::ExecutedWrongly, at, node, format!("is handed command {number}, which {why}"));
        }
    }

    /// A program began a command.
    pub(super) fn executed(
        &mut self,
        sees_writes: bool,
        verdicts: &mut Verdicts,
        at: Timestamp,
        who: Device,
        (command, name): (u64, &str),
    ) {
        let Some(queue) = self.nodes.get_mut(who.node) else { return };
        let Some(device) = queue.devices.get_mut(usize::from(who.device)) else { return };
        let until = device.may_begin_until(command, who.run);
        let last = device.last;
        device.last = last.max(command);
        let newest = queue.last();
        let mut wrong = |kind, why: &str| {
            verdicts.node(kind, at, who.node, format!("(device {}) executes command {command}, {why}", who.device));
        };
        if command <= last {
            wrong(Kind::ExecutedTwice, &format!("and has executed command {last} before"));
        }
        match until {
            None => wrong(Kind::ExecutedWrongly, "of which it was not told in this run"),
            Some(until) if later(until, BEGIN_MS) < at => wrong(Kind::ExecutedWrongly, "which has expired"),
            Some(_) => {}
        }
        match queue.get_mut(command) {
            Some(known) => {
                if known.stored.name != name {
                    wrong(Kind::ExecutedWrongly, &format!("{name:?}, and it is {:?}", known.stored.name));
                }
                if is_cancelled(&known.stored) {
                    wrong(Kind::ExecutedWrongly, "which was cancelled");
                }
                known.executed |= who.device == 0;
            }
            None if sees_writes && command > newest => wrong(Kind::ExecutedWrongly, "which was never queued"),
            None => {}
        }
    }

    pub(super) fn started(&mut self, node: usize, record_was_lost: bool) {
        if let Some(queue) = self.nodes.get_mut(node) {
            queue.record_was_lost |= record_was_lost;
        }
    }

    /// At the end, every command of a node that can be reached has ended or has expired, and what the node executed has
    /// a result.
    pub(super) fn finish(&self, verdicts: &mut Verdicts, at: Timestamp, node: usize) {
        let Some(queue) = self.nodes.get(node) else { return };
        for known in queue.iter().filter(|known| known.stored.ended.is_none()) {
            let number = known.stored.number;
            if known.stored.expires_at > later(at, SKEW_MS) {
                let what = format!(
                    "has an open command {number} at the end, queued at {}, which expires at {}",
                    verdicts.when(known.queued_at),
                    verdicts.when(known.stored.expires_at)
                );
                verdicts.node(Kind::CommandNotEnded, at, node, what);
            } else if known.executed && !queue.record_was_lost {
                let what = format!("has executed command {number}, and at the end there is no result of it");
                verdicts.node(Kind::ResultNotStored, at, node, what);
            }
        }
    }
}

fn is_cancelled(command: &Command) -> bool {
    matches!(command.ended, Some(Ended { how: Ending::Cancelled, .. }))
}

fn wrote_command(queue: &mut Queue, verdicts: &mut Verdicts, at: Timestamp, node: usize, command: Command) {
    let (number, last) = (command.number, queue.last());
    let Some(known) = queue.get_mut(number) else {
        if number != last + 1 && last > 0 {
            let what = format!("has command {number} queued after command {last}");
            verdicts.node(Kind::UntrueAnswer, at, node, what);
        }
        return queue.insert(at, command);
    };
    let was = &known.stored;
    if let (Some(before), after) = (&was.ended, &command.ended)
        && after.as_ref() != Some(before)
    {
        let what = format!("has command {number} stored as {after:?}, and it ended before as {before:?}");
        verdicts.node(Kind::ResultNotStored, at, node, what);
    } else if let (None, Some(after)) = (&was.ended, &command.ended) {
        let is_right = match after.how {
            Ending::Cancelled => was.sent_at.is_none() && !known.executed,
            how => was.sent_at.is_some() && known.was_reported(how, after.output.as_deref()),
        };
        if !is_right {
            let what =
                format!("has command {number} stored as {after:?}, which nobody reported; before it was {was:?}");
            verdicts.node(Kind::ResultNotStored, at, node, what);
        }
        known.ended_at = Some(at);
    }
    known.stored = command;
}

/// What is wrong with the time at which a command is handed out.
fn wrong_time(
    queue: &Queue,
    verdicts: &Verdicts,
    (at, began): (Timestamp, Timestamp),
    known: &Known,
    news: &CommandNews,
) -> Option<String> {
    let expires_at = known.stored.expires_at;
    if later(expires_at, SKEW_MS) < began {
        return Some(format!("has expired at {}", verdicts.when(expires_at)));
    }
    // The time that is left is computed from the time of the message, by another clock.
    let left = later(expires_at, SKEW_MS + 1_000).0.saturating_sub(began.0);
    if u64::from(news.expires_in_s) * 1000 > left {
        return Some(format!("expires at {}, and not in {} s", verdicts.when(expires_at), news.expires_in_s));
    }
    let earlier = queue.open_before(news.command, (began, at), SKEW_MS)?;
    Some(format!("is not the first one: command {earlier} is open"))
}
