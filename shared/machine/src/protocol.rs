//! The node's half of the protocol as a state machine: no IO, no clock, no randomness of its own.
//!
//! The caller reports events through the methods, and carries out the actions that [`Machine::next_action`] returns.
//! Times are durations since the node's start.
//!
//! There are at most two connections: `current`, which had its first ack and holds the node, and `next`, which is being
//! opened or waits for its first ack. The first ack makes `next` the `current` connection; only then is the old one
//! closed.

mod action;
mod commanding;
mod configuring;
mod inbound;
mod parting;
#[cfg(test)]
mod tests;
mod updating;
mod waiting;

use std::{collections::VecDeque, time::Duration};

use rand::{SeedableRng, rngs::SmallRng};
use rollcall_wire::{CheckIn, ConfigReport};

pub(crate) use action::Action;
use parting::Farewell;

use crate::{
    commands::Commands,
    configs::Configs,
    conversation::{Conversation, Due, Saying},
    detail::clipped,
    event::{DisconnectReason, NodeError, NodeEvent},
    handler::Report,
    link::{ConnectFailure, LinkId},
    record::Record,
    rivals::Rivals,
    session::{Session, Sessions, Stage},
    timing::Timing,
    updates::Updates,
};

/// The timing that the server's last ack set.
#[derive(Clone, Copy, Debug)]
struct Cadence {
    interval: Duration,
    life: Duration,
    spread: Duration,
}

/// The state of one node's run.
#[derive(Debug)]
pub(crate) struct Machine {
    timing: Timing,
    rng: SmallRng,
    cadence: Cadence,
    sessions: Sessions,
    /// When to open the next connection, if the node waits for that.
    open_at: Option<Duration>,
    /// How many connections in a row ended or failed to open before their first ack.
    failures: u32,
    /// The connection that held the node ended while its replacement was being opened. The program was told that this
    /// is no outage. If the replacement fails, it is told of the outage then.
    covered: bool,
    /// Since when connections of this run have held the node without a gap.
    held_since: Option<Duration>,
    /// How many connections in a row were lost soon after they held the node.
    short_lives: u32,
    /// No connection is opened before this time.
    not_before: Duration,
    /// Nothing is sent before this time; `None` once it is over.
    quiet: Option<Duration>,
    /// When a connection was last opened to replace another one.
    replaced_at: Option<Duration>,
    /// The newest connection of this run that may hold the node at the server, and the one before it.
    newest: LinkId,
    newest_before: LinkId,
    /// Until when a connection attempt that this node gave up may still succeed at the server and take over the node.
    stray_until: Duration,
    rivals: Rivals,
    /// Another device holds the node, and the program has not been told yet.
    superseded: bool,
    configs: Configs,
    /// The highest configuration version that was pushed.
    pushed: u64,
    commands: Commands,
    updates: Updates,
    links: u64,
    actions: VecDeque<Action>,
    ended: bool,
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

    /// Performs every step that is due.
    pub(crate) fn tick(&mut self, now: Duration) {
        if self.ended {
            return;
        }
        self.quiet.take_if(|until| now >= *until);
        self.configure(now);
        self.command(now);
        self.update(now);
        for link in self.sessions.iter().map(|session| session.link).collect::<Vec<_>>() {
            self.converse(now, link);
        }
        if let Some(plan) = self.sessions.current.as_ref().and_then(|session| session.replacement) {
            if now >= plan.deadline {
                self.let_go_of_current(now, DisconnectReason::Expired, Farewell::Close);
            } else if now >= plan.begin && self.sessions.next.is_none() && self.open_at.is_none() {
                // The interval limits a server that asks for replacements all the time. The connection that proves a
                // configuration is exempt: its wait is over.
                let last = self.replaced_at.filter(|_| !self.configs.is_proving());
                let next = last.map_or(now, |at| at + self.timing.shortest_interval);
                self.open_at = Some(now.max(next).max(self.not_before));
            }
        }
        if self.sessions.next.is_none() && self.open_at.is_some_and(|at| now >= at) {
            self.open(now);
        }
    }

    /// The connection is open.
    pub(crate) fn opened(&mut self, now: Duration, link: LinkId) {
        let planned = self.sessions.current.is_some() || self.covered;
        let Some(session) = self.sessions.next.as_mut().filter(|session| session.link == link && !session.is_open())
        else {
            return;
        };
        let mut conversation = Conversation::opened(now);
        if let Some(until) = self.quiet {
            conversation.hold(until, None);
        }
        session.stage = Stage::Open(Box::new(conversation));
        self.event(NodeEvent::Connected { planned });
    }

    /// The connection could not be opened.
    pub(crate) fn failed(&mut self, now: Duration, link: LinkId, failure: ConnectFailure) {
        if self.sessions.next.as_ref().is_none_or(|session| session.link != link) {
            return;
        }
        match failure {
            ConnectFailure::Unreachable { why } => {
                self.event(NodeEvent::Unreachable { why });
                self.gave_up_handshake(now);
            }
            ConnectFailure::Refused { status, body, retry_after } => {
                self.event(NodeEvent::Refused { status, body: body.clone() });
                // While a configuration is being proven, the refusal may come from another host than the server. After
                // the roll-back the node tries again with the earlier configuration.
                if matches!(status, 401 | 403) && !self.configs.is_proving() {
                    return self.end(&DisconnectReason::Stopped, Err(NodeError::Refused { status, body }));
                }
                if (400..500).contains(&status) {
                    self.newest = self.newest_before;
                } else {
                    self.gave_up_handshake(now);
                }
                self.refused(now, status, retry_after);
            }
        }
        self.let_go_of_next(now, DisconnectReason::ReplacementFailed, Farewell::None);
    }

    /// The connection ended.
    pub(crate) fn closed(&mut self, now: Duration, link: LinkId, reason: DisconnectReason) {
        self.let_go(now, link, reason, Farewell::None);
    }

    /// The check-in that [`Action::Report`] asked for; `None` if the connection has ended since.
    pub(crate) fn check_in(&mut self, now: Duration, link: LinkId, mut report: Report) -> Option<CheckIn> {
        // Long texts of the program are cut, so that the check-in fits a message.
        report.firmware = report.firmware.as_deref().map(clipped);
        let named = report.config.map(|named| ConfigReport { detail: named.detail.as_deref().map(clipped), ..named });
        report.config = self.configs.report(named);
        let update = self.updates.report(report.firmware.as_deref());
        let results = self.commands.results().into_iter().cloned().collect();
        let conversation = self.sessions.get(link)?.conversation()?;
        let saying = Saying { report, update, results };
        let check_in = conversation.compose(&self.timing, now, self.cadence.interval, saying);
        self.event(NodeEvent::CheckedIn { seq: check_in.seq, asked: check_in.ack });
        Some(check_in)
    }

    /// The part of the state that is kept over a restart.
    pub(crate) fn record(&self) -> Record {
        Record { commands: self.commands.record().clone(), updates: self.updates.record().clone() }
    }

    /// The [`record`](Self::record) was written. `Err`: why it could not be written.
    pub(crate) fn kept(&mut self, now: Duration, kept: &Result<(), String>) {
        if self.ended {
            return;
        }
        self.commands.kept(kept);
        self.updates.kept(kept);
        self.command(now);
        self.update(now);
    }

    /// Something changed: a check-in is due on every open connection. Without one there is nothing to do, because the
    /// first check-in of a connection reports everything.
    pub(crate) fn check_in_now(&mut self, now: Duration) {
        for session in self.sessions.iter_mut() {
            if let Some(conversation) = session.conversation() {
                conversation.check_in_now(now);
            }
        }
    }

    /// Drops every connection without a closing handshake, as if the network had failed.
    pub(crate) fn drop_connection(&mut self, now: Duration) {
        if self.ended || (self.sessions.current.is_none() && self.sessions.next.is_none()) {
            return;
        }
        let mut outage = std::mem::take(&mut self.covered);
        for session in self.sessions.take() {
            self.actions.push_back(Action::Drop(session.link));
            outage |= session.is_open();
            if !session.is_open() {
                self.gave_up_handshake(now);
            }
        }
        if outage {
            self.event(NodeEvent::Disconnected { reason: DisconnectReason::Dropped, planned: false });
        }
        self.return_after_loss(now);
    }

    /// Closes every connection and ends the run.
    pub(crate) fn stop(&mut self) {
        self.end(&DisconnectReason::Stopped, Ok(()));
    }

    fn converse(&mut self, now: Duration, link: LinkId) {
        while let Some(session) = self.sessions.get(link) {
            let due = match &mut session.stage {
                Stage::Opening { by } if now >= *by => {
                    self.actions.push_back(Action::Drop(link));
                    let why = "the handshake took too long".to_owned();
                    return self.failed(now, link, ConnectFailure::Unreachable { why });
                }
                Stage::Opening { .. } => None,
                Stage::Open(conversation) => conversation.tick(&self.timing, &mut self.rng, now),
            };
            match due {
                Some(Due::CheckIn) => self.actions.push_back(Action::Report(link)),
                Some(Due::Ping) => self.actions.push_back(Action::Ping(link)),
                Some(Due::Silent) => self.let_go(now, link, DisconnectReason::Silent, Farewell::Drop),
                Some(Due::Unanswered) => self.let_go(now, link, DisconnectReason::Unanswered, Farewell::Close),
                None => break,
            }
        }
    }

    fn open(&mut self, now: Duration) {
        self.links += 1;
        let link = LinkId(self.links);
        self.open_at = None;
        (self.newest_before, self.newest) = (self.newest, link);
        if self.sessions.current.is_some() {
            self.replaced_at = Some(now);
        }
        self.sessions.next = Some(Session::opening(link, now + self.timing.handshake_timeout));
        self.actions.push_back(Action::Open(link));
    }

    fn end(&mut self, reason: &DisconnectReason, result: Result<(), NodeError>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.open_at = None;
        self.actions.extend(self.configs.abandon().map(Action::RollBack));
        for session in self.sessions.take() {
            self.actions.push_back(Action::Close(session.link));
            if session.is_open() {
                self.event(NodeEvent::Disconnected { reason: reason.clone(), planned: result.is_ok() });
            }
        }
        self.actions.push_back(Action::End(result));
    }

    fn event(&mut self, event: NodeEvent) {
        self.actions.push_back(Action::Event(event));
    }
}
