//! What is known of the commands of one node.

use std::collections::{BTreeMap, VecDeque};

use rollcall_core::{Command, Ending, IdempotencyKey, Timestamp};
use rollcall_wire::{COMMAND_OUTPUT_BYTES, CommandResult, CommandStatus};

/// How many commands of a node are remembered.
const COMMANDS: usize = 512;
/// How many idempotency keys of a node are remembered.
const KEYS: usize = 512;
/// How many different results of one command are remembered.
const RESULTS: usize = 8;
/// How many commands that a device was told are remembered.
const TOLD: usize = 16;

/// What is known of a command.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) stored: Command,
    /// When it was queued, and when it ended, in true time.
    pub(super) queued_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    /// The results that devices reported.
    reported: Vec<(Ending, Option<String>)>,
    /// Whether the node itself has executed it.
    pub(super) executed: bool,
}

/// A command that a device was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) command: u64,
    pub(super) run: u32,
    /// Until when the device may begin it.
    pub(super) until: Timestamp,
}

/// What is known of the commands of a device.
#[derive(Clone, Debug, Default)]
pub(super) struct Executing {
    /// The last command that it executed.
    pub(super) last: u64,
    told: VecDeque<Told>,
}

/// What is known of the commands of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    commands: BTreeMap<u64, Known>,
    /// The number of the command of each idempotency key, and the request that queued it.
    pub(super) keys: BTreeMap<IdempotencyKey, u64>,
    pub(super) devices: [Executing; 2],
    /// Whether a device's record was ever lost.
    pub(super) record_was_lost: bool,
}

impl Queue {
    pub(super) fn get(&self, command: u64) -> Option<&Known> {
        self.commands.get(&command)
    }

    pub(super) fn get_mut(&mut self, command: u64) -> Option<&mut Known> {
        self.commands.get_mut(&command)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.commands.values()
    }

    /// The highest number that is known.
    pub(super) fn last(&self) -> u64 {
        self.commands.last_key_value().map_or(0, |(number, _)| *number)
    }

    pub(super) fn insert(&mut self, at: Timestamp, stored: Command) {
        let (number, ended_at) = (stored.number, None);
        self.commands.insert(number, Known { stored, queued_at: at, ended_at, reported: vec![], executed: false });
        if self.commands.len() > COMMANDS {
            self.commands.pop_first();
        }
    }

    pub(super) fn forget(&mut self, command: u64) {
        self.commands.remove(&command);
    }

    pub(super) fn keep(&mut self, key: &IdempotencyKey, command: u64) {
        self.keys.insert(key.clone(), command);
        if self.keys.len() > KEYS
            && let Some(oldest) = self.keys.iter().min_by_key(|(_, command)| **command).map(|(key, _)| key.clone())
        {
            self.keys.remove(&oldest);
        }
    }

    /// The first command before this one that was open from one time to another, whatever right clocks say.
    pub(super) fn open_before(&self, command: u64, (from, to): (Timestamp, Timestamp), skew_ms: u64) -> Option<u64> {
        let open = |known: &Known| {
            known.queued_at < from
                && known.ended_at.is_none_or(|ended_at| ended_at > to)
                && known.stored.expires_at.0 > to.0 + skew_ms
        };
        self.commands.range(..command).find(|(_, known)| open(known)).map(|(number, _)| *number)
    }
}

impl Known {
    /// A device reported a result.
    pub(super) fn report(&mut self, result: &CommandResult) {
        let ending = match result.status {
            CommandStatus::Done => Ending::Done,
            CommandStatus::Failed => Ending::Failed,
        };
        let output = result.output.as_deref().map(|output| &output[..output.floor_char_boundary(COMMAND_OUTPUT_BYTES)]);
        let reported = (ending, output.filter(|output| !output.is_empty()).map(str::to_owned));
        if self.reported.len() < RESULTS && !self.reported.contains(&reported) {
            self.reported.push(reported);
        }
    }

    /// Whether a device has reported this result, or more different ones than are remembered.
    pub(super) fn was_reported(&self, how: Ending, output: Option<&str>) -> bool {
        self.reported.len() == RESULTS
            || self.reported.iter().any(|(ending, said)| *ending == how && said.as_deref() == output)
    }
}

impl Executing {
    /// The device was told a command.
    pub(super) fn tell(&mut self, told: Told) {
        if let Some(before) = self.told.iter_mut().find(|before| before.command == told.command) {
            *before = told;
            return;
        }
        if self.told.len() == TOLD {
            self.told.pop_front();
        }
        self.told.push_back(told);
    }

    /// Until when the device may begin a command in this run, as it was told last.
    pub(super) fn may_begin_until(&self, command: u64, run: u32) -> Option<Timestamp> {
        let told = self.told.iter().find(|told| told.command == command && told.run == run);
        told.map(|told| told.until)
    }
}
