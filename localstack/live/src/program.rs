//! The program of a device: what it does with configurations, commands and firmware.

use std::path::Path;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use rollcall_fleet::{Act, BadConfig, BadImage, Device, How, Seen, command_act};
use rollcall_node::{Applied, Command, Configuration, Firmware, Handler, NodeEvent, Report};
use rollcall_wire::{ConfigReport, ConfigStatus, Health};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::UnboundedSender;

use crate::flash::Flash;
use crate::witness::Witness;

/// How long a slow command takes.
const SLOWLY: Duration = Duration::from_secs(3);
/// How much a command that fails has to say, in bytes.
const OUTPUT: usize = 3_000;

/// What the program wants of its device.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Stop and start again.
    Restart,
    /// The power fails while this command is executed, which so has no result.
    PowerFails(Command),
}

/// A run of the program.
pub(crate) struct Program {
    pub(crate) who: Device,
    pub(crate) witness: Witness,
    pub(crate) flash: Flash,
    pub(crate) wishes: UnboundedSender<Wish>,
    pub(crate) started: Instant,
    /// The program restarts once its command is on record.
    pub(crate) restarts: bool,
}

impl Program {
    fn wish(&self, wish: Wish) {
        // The device is gone only at the end of the run.
        let _ = self.wishes.send(wish);
    }

    fn reported(&self, version: u64, status: ConfigStatus, detail: Option<String>) {
        self.flash.open().config = Some(ConfigReport { version, status, detail });
    }
}

impl Handler for Program {
    fn report(&mut self) -> Report {
        let flash = self.flash.open();
        let uptime_s = Some(self.started.elapsed().as_secs());
        Report {
            firmware: Some(flash.firmware.clone()),
            config: flash.config.clone(),
            health: Some(Health { uptime_s, ..Health::default() }),
        }
    }

    fn apply(&mut self, configuration: &Configuration) -> Applied {
        let (how, applied) = match self.flash.open().bad_config() {
            Some(BadConfig::Refused) => (How::Refused, Applied::Rejected("not on this board".to_owned())),
            Some(BadConfig::Substituted) => (How::Substituted, Applied::Substituted("channel 36".to_owned())),
            Some(BadConfig::CutsOff) | None => (How::Applied, Applied::Applied),
        };
        let (who, version, sha256) = (self.who, configuration.version, configuration.sha256.clone());
        self.witness.see(Seen::Applied { who, version, sha256, how });
        applied
    }

    fn roll_back(&mut self, from: &Configuration) {
        self.witness.see(Seen::RolledBack { who: self.who, version: from.version });
    }

    fn execute(&mut self, command: Command) {
        let (who, number, name) = (self.who, command.number(), command.name().to_owned());
        let act = command_act(&name);
        self.witness.see(Seen::Executed { who, command: number, name });
        match act {
            Act::AtOnce => command.done(""),
            Act::Slowly => {
                tokio::spawn(async move {
                    tokio::time::sleep(SLOWLY).await;
                    command.done("");
                });
            }
            Act::Fails => command.failed("x".repeat(OUTPUT)),
            Act::Restarts => {
                self.restarts = true;
                command.done("");
            }
            Act::PowerFails => self.wish(Wish::PowerFails(command)),
        }
    }

    fn accept_firmware(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn install(&mut self, firmware: Firmware) {
        let (who, version) = (self.who, firmware.version().to_owned());
        let (size, sha256) = measure(firmware.path());
        self.witness.see(Seen::Installed { who, version: version.clone(), sha256, size });
        let mut flash = self.flash.open();
        match flash.bad_image() {
            Some(BadImage::NotInstalled) => return firmware.failed("no room for it"),
            Some(BadImage::DoesNotStart) => {}
            Some(BadImage::Damaged | BadImage::BrokenOff) | None => {
                flash.fallback = Some(std::mem::replace(&mut flash.firmware, version));
            }
        }
        drop(flash);
        firmware.restarts();
        self.wish(Wish::Restart);
    }

    fn event(&mut self, event: NodeEvent) {
        match &event {
            NodeEvent::Acked { rtt, .. } => self.witness.acked(*rtt),
            NodeEvent::ConfigApplied { version, substituted: None } => {
                self.reported(*version, ConfigStatus::Applied, None);
            }
            NodeEvent::ConfigApplied { version, substituted } => {
                self.reported(*version, ConfigStatus::Substituted, substituted.clone());
            }
            NodeEvent::ConfigRejected { version, why } => {
                self.reported(*version, ConfigStatus::Rejected, Some(why.clone()));
            }
            NodeEvent::UpdateApplied { .. } => self.flash.open().fallback = None,
            NodeEvent::CommandFinished(_) if std::mem::take(&mut self.restarts) => self.wish(Wish::Restart),
            _ => {}
        }
        self.witness.see(Seen::Event { who: self.who, event });
    }
}

/// The size and the SHA-256 of a file; of nothing if it can't be read.
fn measure(path: &Path) -> (u64, String) {
    let bytes = std::fs::read(path).unwrap_or_default();
    (bytes.len() as u64, HEXLOWER.encode(&Sha256::digest(&bytes)))
}
