//! What is seen of a device.

use rollcall_core::Timestamp;
use rollcall_wire::{NodeMessage, ServerMessage};

use super::{Configs, Judges, news};
use crate::observation::{Device, Seen};

impl Judges {
    pub(super) fn device(&mut self, at: Timestamp, seen: &Seen) {
        let verdicts = &mut self.verdicts;
        match seen {
            Seen::Started { who, record_was_lost } => {
                self.devices.started(*who);
                self.configs.started(*who);
                self.commands.started(who.node, *record_was_lost);
            }
            Seen::Stopped { who, crashed } => {
                self.devices.stopped(*who);
                if *crashed {
                    self.firmware.crashed(*who);
                }
            }
            Seen::RunEnded { who, error: Some(error) } => {
                self.devices.run_ended((&self.facts, &self.table), verdicts, at, (*who, error));
            }
            Seen::Token { who, credentials } => self.devices.token(at, *who, *credentials),
            Seen::LinkOpened { who, link, connection: Some(connection) } => {
                self.sockets.linked(*who, *link, connection);
            }
            Seen::LinkEnded { who, link, .. } => self.check_ins.link_ended(at, *who, *link),
            Seen::Sent { who, link, message } => self.sent(at, (*who, *link), message),
            Seen::Received { who, link, message } => self.received(at, (*who, *link), message),
            Seen::Event { who, event } => {
                self.configs.event(*who, event);
                self.firmware.event(*who, event);
            }
            Seen::Applied { who, version, sha256, how } => {
                self.configs.applied(&self.table, verdicts, at, *who, (*version, sha256, *how));
            }
            Seen::RolledBack { who, version } => self.configs.rolled_back(verdicts, at, *who, *version),
            Seen::Executed { who, command, name } => {
                self.commands.executed(self.table.is_seen(), verdicts, at, *who, (*command, name));
            }
            Seen::Installed { who, version, sha256, size } => {
                self.firmware.installed(&self.table, verdicts, at, *who, (version, sha256, *size));
            }
            Seen::Runs { who, firmware } => self.firmware.runs(verdicts, at, *who, firmware),
            _ => {}
        }
    }

    fn sent(&mut self, at: Timestamp, (who, link): (Device, Option<u64>), message: &NodeMessage) {
        let results = if let NodeMessage::CheckIn(check_in) = message {
            self.check_ins.sent(at, who, link, check_in);
            self.commands.reported(who.node, &check_in.results);
            check_in.results.len()
        } else {
            0
        };
        if let NodeMessage::FirmwareUrl { version, from: Some(from) } = message {
            self.firmware.deltas.named(who.node, version, from);
        }
        self.budgets.sent(at, who.node, results);
    }

    fn received(&mut self, at: Timestamp, (who, link): (Device, Option<u64>), message: &ServerMessage) {
        let verdicts = &mut self.verdicts;
        if let ServerMessage::Ack(ack) = message {
            let results = self.check_ins.acked(&self.table, verdicts, at, (who, link), ack.seq);
            self.commands.acked(verdicts, at, who.node, &results);
            self.devices.acked(at, who);
            if !self.table.is_seen() {
                self.check_ins.heard(at, who.node);
            }
        }
        let (config, command) = news(message);
        if let Some(config) = config {
            Configs::told(&self.table, verdicts, at, who.node, config);
        }
        if let Some(command) = command {
            self.commands.told(at, who, command);
        }
    }
}
