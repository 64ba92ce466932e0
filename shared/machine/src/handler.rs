//! The interface between a node and the program around it.

use rollcall_wire::{ByeReason, CommandNews, ConfigNews, ConfigReport, FirmwareNews, Health};
use serde_json::Value;

use crate::{
    command::Command,
    configuration::{Applied, Configuration},
    delta::Delta,
    event::NodeEvent,
    firmware::Firmware,
};

/// What the program reports about the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The firmware version that is running. A program that takes firmware must name it: the library compares it with
    /// the version that was installed.
    pub firmware: Option<String>,
    /// The outcome of the newest configuration that the program knows from before this run. The library itself reports
    /// what [`Handler::apply`] applied in this run. The library ignores server messages about versions up to this one,
    /// and reports this outcome unless it has one for a higher version.
    pub config: Option<ConfigReport>,
    /// Figures about the node, such as uptime and load. Every check-in carries them; a change is no reason to ask for
    /// an ack.
    pub health: Option<Health>,
}

/// The program around the node. Its methods are called by the node's run, which waits for them: they must not block.
pub trait Handler {
    /// The state of the node at this moment. The library calls this before every check-in.
    fn report(&mut self) -> Report;

    /// Applies a configuration and returns the result. The default implementation takes no configurations, and no
    /// outcome is reported. (If the document of a configuration can't be obtained, the library reports it as rejected
    /// without calling this method.)
    ///
    /// An applied configuration must then be proven: the library opens a new connection, and a check-in on it must be
    /// acknowledged within [`Timing::proof_timeout`](crate::Timing::proof_timeout). Only then is it reported as
    /// applied, with [`NodeEvent::ConfigApplied`]. A program that keeps its configuration over a restart stores it on
    /// that event. If the node restarts earlier, the server sends the configuration again.
    fn apply(&mut self, configuration: &Configuration) -> Applied {
        let _ = configuration;
        Applied::Unsupported
    }

    /// Goes back to what ran before [`apply`](Self::apply) applied the configuration `from`. The server could not be
    /// reached with it, or the run ended before its proof. A program that names configurations in its [`Report`] must
    /// also name the earlier one again.
    fn roll_back(&mut self, from: &Configuration) {
        let _ = from;
    }

    /// Executes a command. The library calls this at most once for each command: its start is recorded before, in the
    /// node's [`Storage`](crate::Storage), which with `rollcall-node` is the folder `NodeConfig::state`. The next
    /// command follows after this one is finished. The default implementation knows no commands and reports each one as
    /// failed.
    ///
    /// If the node restarts before the command is finished, the library reports it as failed and does not execute it
    /// again.
    fn execute(&mut self, command: Command) {
        command.unsupported();
    }

    /// Whether the program takes this firmware version. The default implementation takes none.
    ///
    /// # Errors
    /// The reason why the version is not taken, for people. It is reported as a failed update; the server keeps the
    /// first 32 bytes of the reason.
    fn accept_firmware(&mut self, version: &str) -> Result<(), String> {
        let _ = version;
        Err("this node takes no firmware".to_owned())
    }

    /// The version whose firmware image the program has and can apply a delta to: the image of what runs, in most cases. The
    /// library asks for it when the program has taken another version. Keep the image outside of the library's folder: that is
    /// emptied after each update. The default implementation has none, and then images
    /// are downloaded whole.
    fn base_image(&mut self) -> Option<String> {
        None
    }

    /// Makes a firmware image of a delta from the version of [`base_image`](Self::base_image). The library calls
    /// [`install`](Self::install) with the image once it has checked it.
    fn make_image(&mut self, delta: Delta) {
        delta.failed("this node applies no deltas");
    }

    /// Checks the signature of a firmware image, unless the node was given public keys, and installs it.
    ///
    /// The new version must then be proven: it is reported as applied once [`Report::firmware`] is its version, and
    /// when that report is acknowledged, [`NodeEvent::UpdateApplied`] follows. A device that can go back to the earlier
    /// version should do so if this event does not come in time; the library then reports the update as rolled back.
    fn install(&mut self, firmware: Firmware) {
        firmware.failed("this node takes no firmware");
    }

    /// The server pushed a message.
    fn pushed(&mut self, message: Pushed) {
        drop(message);
    }

    /// Something happened to a connection, a configuration, a command or a firmware update.
    fn event(&mut self, event: NodeEvent) {
        drop(event);
    }
}

/// A message that the server pushed: it is not the answer to a message of the node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pushed {
    /// The node is to move to a new connection. The library does so.
    Reconnect {
        /// How long the node may take, in seconds.
        within_s: u32,
    },
    /// The server closes the connection. The library reconnects or ends the run, depending on the reason.
    Bye {
        /// Why the server closes it.
        reason: ByeReason,
    },
    /// The configuration to run, for the first time or again. The library handles it. A configuration that came in an
    /// ack is in [`NodeEvent::Acked`].
    Config(ConfigNews),
    /// A command to execute, for the first time or again. The library handles it.
    Command(CommandNews),
    /// The firmware version to run, for the first time or again. The library handles it.
    Firmware(FirmwareNews),
    /// A message that this library can't read, for example of a `type` that a newer server introduced. The program may
    /// handle it.
    Other(Value),
}
