//! How the state machine handles the server's messages.

use std::time::Duration;

use rollcall_wire::{Ack, ByeReason, ErrorCode, ErrorMessage};

use super::{
    action::Action,
    parting::Farewell,
    state::{Cadence, Machine},
};
use crate::{
    conversation::Acked,
    event::{DisconnectReason, NodeError, NodeEvent},
    handler::Pushed,
    incoming::{Incoming, read},
    link::LinkId,
    schedule::Replacement,
};

impl Machine {
    /// A text frame came.
    pub(crate) fn received(&mut self, now: Duration, link: LinkId, text: &str) {
        self.heard(now, link);
        let known = self.sessions.get(link).is_some();
        match read(text) {
            // Messages that were pushed to a replaced connection still count. Other messages on it are ignored, because
            // they concern only that connection.
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

    /// Something was received on the connection: a message, a pong or anything else.
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
        self.content_is_stored(&acked);
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
            ErrorCode::Unregistered => {
                self.excluded(now);
                self.let_go(now, link, DisconnectReason::NotConnected, Farewell::Close);
            }
            // These two answer a question of the node and not a check-in.
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

    /// The server refused check-in `seq` as stale, because it or a later one is stored. `itself`: the server named
    /// `seq` as the stored number, so all of this check-in is stored. Otherwise a later check-in may be stored. That
    /// one has the same or newer values of everything but the results of commands.
    fn on_stored_before(&mut self, now: Duration, link: LinkId, seq: u64, itself: bool) {
        let Some(acked) = self.settled(now, link, seq, self.cadence.interval) else { return };
        self.plan_replacement_if_none(now, link);
        self.promote(now, link);
        if itself {
            self.content_is_stored(&acked);
        }
    }

    /// The server has stored the content of a check-in.
    fn content_is_stored(&mut self, acked: &Acked) {
        self.commands.acknowledged(&acked.results);
        if let Some(update) = &acked.update {
            self.updates.acknowledged(update);
        }
    }

    /// The budget of messages is that of the node, so a `slow-down` on one connection holds for all.
    fn on_slow_down(&mut self, now: Duration, link: LinkId, retry_after_s: Option<u32>, seq: Option<u64>) {
        self.slow_down(now, retry_after_s);
        let until = self.quiet.unwrap_or(now);
        if let Some(conversation) = self.sessions.get(link).and_then(|session| session.conversation()) {
            conversation.hold(until, seq);
        }
    }

    fn on_bye(&mut self, now: Duration, link: LinkId, reason: ByeReason, retry_after_s: Option<u32>) {
        let ended = DisconnectReason::Bye { reason };
        // The program is not told if a connection of this run took over.
        if reason != ByeReason::Superseded || !self.is_own_doing(now, link) {
            self.actions.push_back(Action::Pushed(Pushed::Bye { reason }));
        }
        match reason {
            ByeReason::Revoked => self.end(&ended, Err(NodeError::Revoked)),
            ByeReason::Unregistered => {
                self.excluded(now);
                self.let_go(now, link, ended, Farewell::Close);
            }
            ByeReason::SlowDown => {
                self.slow_down(now, retry_after_s);
                self.let_go(now, link, ended, Farewell::Close);
            }
            _ => self.let_go(now, link, ended, Farewell::Close),
        }
    }

    /// A bye on the last connection, which is over already: the answer to a check-in may come before the bye, and end
    /// it.
    fn on_late_bye(&mut self, now: Duration, link: LinkId, reason: ByeReason, retry_after_s: Option<u32>) {
        let ended = DisconnectReason::Bye { reason };
        self.actions.push_back(Action::Pushed(Pushed::Bye { reason }));
        match reason {
            ByeReason::Revoked => self.end(&ended, Err(NodeError::Revoked)),
            // If an error had told so before, the node waits already.
            ByeReason::Unregistered if now >= self.not_before => self.excluded(now),
            ByeReason::SlowDown => self.slow_down(now, retry_after_s),
            // If the end of the connection made the node wait, the takeover was counted then.
            ByeReason::Superseded if now >= self.not_before => self.suspect(now, link, &ended),
            _ => {}
        }
    }

    /// Whether this was the newest connection, and no other one is open or being opened.
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

    /// Plans the replacement of a connection that had no ack yet, with the life that is known so far: its first
    /// check-in was answered with an error that shows that it is stored.
    fn plan_replacement_if_none(&mut self, now: Duration, link: LinkId) {
        if self.sessions.get(link).is_some_and(|session| session.replacement.is_none()) {
            self.replace_within(now, link, self.cadence.life);
        }
    }

    /// On its first ack, makes a connection the current one and closes the one before it.
    fn promote(&mut self, now: Duration, link: LinkId) {
        let Some(session) = self.sessions.next.take_if(|session| session.link == link) else { return };
        self.failures = 0;
        self.exclusions = 0;
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
