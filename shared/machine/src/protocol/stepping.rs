//! What is due, and check-ins.

use std::time::Duration;

use rollcall_wire::{CheckIn, ConfigReport};

use super::{action::Action, parting::Farewell, state::Machine};
use crate::{
    conversation::{Due, Saying},
    detail::clipped,
    event::{DisconnectReason, NodeEvent},
    handler::Report,
    link::{ConnectFailure, LinkId},
    session::Stage,
};

impl Machine {
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

    /// The [`record`](Self::record) was written. `Err`: why it could not be written.
    pub(crate) fn kept(&mut self, now: Duration, kept: &Result<(), String>) {
        if self.ended {
            return;
        }
        self.commands.kept(kept);
        self.updates.kept(&self.timing, now, kept);
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
}
