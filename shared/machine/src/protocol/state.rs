//! The state of the machine.

use std::{collections::VecDeque, time::Duration};

use rand::{SeedableRng, rngs::SmallRng};

use super::action::Action;
use crate::{
    commands::Commands, configs::Configs, event::NodeEvent, link::LinkId, record::Record, rivals::Rivals,
    session::Sessions, timing::Timing, updates::Updates,
};

/// The timing that the server's last ack set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cadence {
    pub(super) interval: Duration,
    pub(super) life: Duration,
    pub(super) spread: Duration,
}

/// The state of one node's run.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(super) timing: Timing,
    pub(super) rng: SmallRng,
    pub(super) cadence: Cadence,
    pub(super) sessions: Sessions,
    /// When to open the next connection, if the node waits for that.
    pub(super) open_at: Option<Duration>,
    /// How many connections in a row ended or failed to open before their first ack.
    pub(super) failures: u32,
    /// How often in a row the server said that the node is not registered, or refused it for that reason or another one.
    pub(super) exclusions: u32,
    /// The connection that held the node ended while its replacement was being opened. The program was told that this
    /// is no outage. If the replacement fails, it is told of the outage then.
    pub(super) covered: bool,
    /// Since when connections of this run have held the node without a gap.
    pub(super) held_since: Option<Duration>,
    /// How many connections in a row were lost soon after they held the node.
    pub(super) short_lives: u32,
    /// No connection is opened before this time.
    pub(super) not_before: Duration,
    /// Nothing is sent before this time; `None` once it is over.
    pub(super) quiet: Option<Duration>,
    /// When a connection was last opened to replace another one.
    pub(super) replaced_at: Option<Duration>,
    /// The newest connection of this run that may hold the node at the server, and the one before it.
    pub(super) newest: LinkId,
    pub(super) newest_before: LinkId,
    /// Until when a connection attempt that this node gave up may still succeed at the server and take over the node.
    pub(super) stray_until: Duration,
    pub(super) rivals: Rivals,
    /// Another device holds the node, and the program has not been told yet.
    pub(super) superseded: bool,
    pub(super) configs: Configs,
    /// The highest configuration version that was pushed.
    pub(super) pushed: u64,
    pub(super) commands: Commands,
    pub(super) updates: Updates,
    pub(super) links: u64,
    pub(super) actions: VecDeque<Action>,
    pub(super) ended: bool,
}

impl Machine {
    /// A node that continues from its record.
    pub(crate) fn new(timing: Timing, seed: u64, record: Record) -> Self {
        let cadence = Cadence { interval: timing.first_interval, life: timing.first_life, spread: timing.first_spread };
        Self {
            timing,
            rng: SmallRng::seed_from_u64(seed),
            cadence,
            sessions: Sessions::default(),
            open_at: Some(Duration::ZERO),
            failures: 0,
            exclusions: 0,
            covered: false,
            held_since: None,
            short_lives: 0,
            not_before: Duration::ZERO,
            quiet: None,
            replaced_at: None,
            newest: LinkId(0),
            newest_before: LinkId(0),
            stray_until: Duration::ZERO,
            rivals: Rivals::default(),
            superseded: false,
            configs: Configs::new(),
            pushed: 0,
            commands: Commands::new(record.commands),
            updates: Updates::new(record.updates),
            links: 0,
            actions: VecDeque::new(),
            ended: false,
        }
    }

    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`tick`](Self::tick) at the latest; `None` after the end.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.ended {
            return None;
        }
        let sessions = self.sessions.iter().map(|session| session.deadline(&self.timing));
        let replacement = self.sessions.current.as_ref().and_then(|session| session.replacement).map(|plan| {
            if self.sessions.next.is_none() && self.open_at.is_none() { plan.begin } else { plan.deadline }
        });
        let held = self.may_ask();
        let (configs, updates) = (self.configs.deadline(held), self.updates.deadline(held));
        sessions.chain(replacement).chain(self.open_at).chain(self.quiet).chain(configs).chain(updates).min()
    }

    /// The part of the state that is kept over a restart.
    pub(crate) fn record(&self) -> Record {
        Record { commands: self.commands.record().clone(), updates: self.updates.record().clone() }
    }

    /// Whether the node may ask the server something: a connection holds the node, and no `slow-down` is in force.
    pub(super) fn may_ask(&self) -> bool {
        self.sessions.current.is_some() && self.quiet.is_none()
    }

    pub(super) fn event(&mut self, event: NodeEvent) {
        self.actions.push_back(Action::Event(event));
    }
}
