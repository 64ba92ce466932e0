//! What the server's messages bring about.

use std::time::Duration;

use rollcall_wire::{Ack, ByeReason, ErrorCode, ErrorMessage};

use super::{Action, Cadence, Machine, parting::Farewell};
use crate::{
    DisconnectReason, NodeError, NodeEvent, Pushed,
    conversation::Acked,
    incoming::{Incoming, read},
    schedule::Replacement,
    session::LinkId,
};

impl Machine {
    /// A text frame came.
    pub(crate) fn received(&mut self, now: Duration, link: LinkId, text: &str) {
        self.heard(now, link);
        let known = self.sessions.get(link).is_some();
        match read(text) {
            // A replaced connection still delivers what was pushed to it; the rest concerned only itself.
            Incoming::Other(value) if !self.ended => self.actions.push_back(Action::Pushed(Pushed::Other(value))),
            Incoming::Config(news) if !self.ended => {
                self.actions.push_back(Action::Pushed(Pushed::Config(news.clone())));
                self.pushed = self.pushed.max(news.version);
                self.configs.hear(now, news);
            }
            Incoming::Command(news) if !self.ended => {
                self.actions.push_back(Action::Pushed(Pushed::Command(news.clone())));
                self.commands.hear(now, news);
            }
            Incoming::Firmware(news) if !self.ended => {
                self.actions.push_back(Action::Pushed(Pushed::Firmware(news.clone())));
                self.updates.hear(&self.timing, &mut self.rng, now, news.version);
            }
            Incoming::FirmwareUrl(url) if !self.ended => self.updates.located(now, url),
            Incoming::Ack(ack) if known => self.on_ack(now, link, ack),
            Incoming::Error(error) if known => self.on_error(now, link, &error),
            Incoming::Reconnect { within_s } if known => {
                self.actions.push_back(Action::Pushed(Pushed::Reconnect { within_s }));
                self.replace_within(now, link, Duration::from_secs(within_s.into()));
            }
            Incoming::SlowDown { retry_after_s, seq } if !self.ended => {
                self.on_slow_down(now, link, retry_after_s, seq);
            }
            Incoming::Bye { reason, retry_after_s } if known => self.on_bye(now, link, reason, retry_after_s),
            Incoming::Bye { reason, retry_after_s } if !self.ended && self.has_just_lost(link) => {
                self.on_late_bye(now, link, reason, retry_after_s);
            }
            Incoming::Unreadable => tracing::debug!(bytes = text.len(), "the server sent text that is not JSON"),
            _ => {}
        }
    }

    /// Anything at all came.
    pub(crate) fn heard(&mut self, now: Duration, link: LinkId) {
        if let Some(conversation) = self.sessions.get(link).and_then(|session| session.conversation()) {
            conversation.heard(now);
        }
    }

    fn on_ack(&mut self, now: Duration, link: LinkId, ack: Ack) {
        let floor = self.timing.shortest_interval;
        let most = self.timing.longest_wait;
        let cadence = Cadence {
            interval: Duration::from_secs(ack.next_check_in_s.into()).max(floor).min(most),
            life: Duration::from_secs(ack.reconnect_within_s.into()).max(floor),
            spread: Duration::from_secs(ack.spread_s.into()).min(most),
        };
        let Some(acked) = self.settled(now, link, ack.seq, cadence.interval) else { return };
        self.cadence = cadence;
        let (config, command, firmware) = (ack.config.clone(), ack.command.clone(), ack.firmware.clone());
        self.event(NodeEvent::Acked { ack, rtt: acked.rtt });
        self.replace_within(now, link, cadence.life);
        self.promote(now, link);
        self.heard_of(&acked);
        if let Some(news) = config {
            self.configs.hear(now, news);
        }
        if let Some(news) = command {
            self.commands.hear(now, news);
        }
        if let Some(news) = firmware {
            self.updates.hear(&self.timing, &mut self.rng, now, news.version);
        }
    }

    fn on_error(&mut self, now: Duration, link: LinkId, error: &ErrorMessage) {
        let interval = self.cadence.interval;
        let Some(conversation) = self.sessions.get(link).and_then(|session| session.conversation()) else { return };
        let seq = conversation.about(error.seq);
        self.actions.push_back(Action::Event(NodeEvent::Error(error.clone())));
        match error.code {
            ErrorCode::StaleSeq => match error.stored_seq.filter(|stored| *stored != seq) {
                Some(stored) => {
                    let results = conversation.stale(&self.timing, &mut self.rng, now, seq, stored);
                    self.commands.acknowledged(&results);
                }
                None => self.on_stored_before(now, link, seq, error.stored_seq.is_some()),
            },
            ErrorCode::NotConnected => {
                self.let_go(now, link, DisconnectReason::NotConnected, Farewell::Close);
            }
            ErrorCode::Revoked | ErrorCode::CredentialsOutdated => {
                self.end(&DisconnectReason::NotConnected, Err(NodeError::Revoked));
            }
            ErrorCode::Unregistered => self.end(&DisconnectReason::NotConnected, Err(NodeError::Unregistered)),
            // The answers to questions of ours, which are no check-ins.
            ErrorCode::NoConfig => self.configs.withdrawn(),
            ErrorCode::NoFirmware => self.updates.withdrawn(),
            // It says nothing of any check-in. A question is asked again when its time is over, or the next ack answers
            // it.
            _ if error.about.is_some() => {}
            ErrorCode::Unavailable | ErrorCode::Internal => {
                conversation.not_stored(&self.timing, &mut self.rng, now, seq);
            }
            _ => conversation.rejected(now, seq, interval),
        }
    }

    /// A check-in is stored under this number. A server that does not say which number is stored may mean a later one:
    /// that says the same or newer of everything but results. `itself`: it is this very check-in, all of it.
    fn on_stored_before(&mut self, now: Duration, link: LinkId, seq: u64, itself: bool) {
        let Some(acked) = self.settled(now, link, seq, self.cadence.interval) else { return };
        self.plan_if_untold(now, link);
        self.promote(now, link);
        if itself {
            self.heard_of(&acked);
        }
    }

    /// The server has stored what a check-in said.
    fn heard_of(&mut self, acked: &Acked) {
        self.commands.acknowledged(&acked.results);
        if let Some(update) = &acked.update {
            self.updates.acknowledged(update);
        }
    }

    /// Whoever is over its budget on one connection is so on all.
    fn on_slow_down(&mut self, now: Duration, link: LinkId, retry_after_s: Option<u32>, seq: Option<u64>) {
        self.slow_down(now, retry_after_s);
        let until = self.quiet.unwrap_or(now);
        if let Some(conversation) = self.sessions.get(link).and_then(|session| session.conversation()) {
            conversation.hold(until, seq);
        }
    }

    fn on_bye(&mut self, now: Duration, link: LinkId, reason: ByeReason, retry_after_s: Option<u32>) {
        let ended = DisconnectReason::Bye { reason };
        // To be replaced by a connection of this run is no news.
        if reason != ByeReason::Superseded || !self.is_own_doing(now, link) {
            self.actions.push_back(Action::Pushed(Pushed::Bye { reason }));
        }
        match reason {
            ByeReason::Revoked => self.end(&ended, Err(NodeError::Revoked)),
            ByeReason::Unregistered => self.end(&ended, Err(NodeError::Unregistered)),
            ByeReason::SlowDown => {
                self.slow_down(now, retry_after_s);
                self.let_go(now, link, ended, Farewell::Close);
            }
            _ => self.let_go(now, link, ended, Farewell::Close),
        }
    }

    /// The last connection was over when the server said why: the answer to a check-in on it may come before the bye.
    fn on_late_bye(&mut self, now: Duration, link: LinkId, reason: ByeReason, retry_after_s: Option<u32>) {
        let ended = DisconnectReason::Bye { reason };
        self.actions.push_back(Action::Pushed(Pushed::Bye { reason }));
        match reason {
            ByeReason::Revoked => self.end(&ended, Err(NodeError::Revoked)),
            ByeReason::Unregistered => self.end(&ended, Err(NodeError::Unregistered)),
            ByeReason::SlowDown => self.slow_down(now, retry_after_s),
            // That it is over has counted already if it made the node wait.
            ByeReason::Superseded if now >= self.not_before => self.suspect(now, link, &ended),
            _ => {}
        }
    }

    fn has_just_lost(&self, link: LinkId) -> bool {
        link == self.newest && self.sessions.iter().next().is_none()
    }

    fn settled(&mut self, now: Duration, link: LinkId, seq: u64, interval: Duration) -> Option<Acked> {
        self.sessions.get(link)?.conversation()?.acked(now, seq, interval)
    }

    fn replace_within(&mut self, now: Duration, link: LinkId, left: Duration) {
        let attempt = self.timing.handshake_timeout;
        if let Some(session) = self.sessions.get(link) {
            session.replacement = Some(match session.replacement {
                Some(plan) => plan.told_again(&mut self.rng, now, left, attempt),
                None => Replacement::within(&mut self.rng, now, left, attempt),
            });
        }
    }

    /// A connection whose first check-in was acknowledged without an ack has a life all the same.
    fn plan_if_untold(&mut self, now: Duration, link: LinkId) {
        if self.sessions.get(link).is_some_and(|session| session.replacement.is_none()) {
            self.replace_within(now, link, self.cadence.life);
        }
    }

    /// The first ack of a connection: from here on it holds the node, and the one before it may go.
    fn promote(&mut self, now: Duration, link: LinkId) {
        let Some(session) = self.sessions.next.take_if(|session| session.link == link) else { return };
        self.failures = 0;
        self.held_since.get_or_insert(now);
        self.covered = false;
        self.open_at = None;
        self.configs.proved(now);
        if let Some(old) = self.sessions.current.replace(session) {
            self.actions.push_back(Action::Close(old.link));
            self.event(NodeEvent::Disconnected { reason: DisconnectReason::Replaced, planned: true });
        }
    }
}
