//! A node as it is stored, and what can be told from it alone.

mod read;

use std::ops::RangeInclusive;

use crate::clock::HANDSHAKE_S;
use crate::command_numbers::CommandNumbers;
use crate::event::{Connection, Found};
use crate::id::{ConnectionId, CredentialVersion, FirmwareVersion, Instance, Model};
use crate::report::{ConfigOutcome, ConfigState, Health, UpdateOutcome, UpdateState};
use crate::tags::Tags;
use crate::timestamp::Timestamp;

/// A node as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Node {
    /// The connection that holds the node, open or closed.
    pub held: Option<Held>,
    /// Whether the node is stored as online, and since when.
    pub presence: Presence,
    /// When the grace period of a suspected node ends; `None` if the node is not suspected.
    pub due: Option<Timestamp>,
    /// When the node last checked in.
    pub seen: Option<Timestamp>,
    /// The sequence number of the last check-in on the connection that holds the node.
    pub seq: Option<u64>,
    /// Whether the node checks in by polling.
    pub polls: bool,
    /// The firmware version that the node reported.
    pub firmware: Option<String>,
    /// The lowest credential version that is accepted; `None` if the node was never registered.
    pub credentials: Option<CredentialVersion>,
    /// Whether the node's credentials are revoked.
    pub revoked: bool,
    pub site: Option<String>,
    pub model: Option<String>,
    pub tags: Tags,
    pub desired: Option<DesiredConfig>,
    /// The version of a configuration that was made last; 0 if there was none. It is that of the desired configuration, or
    /// counts that none is desired any more.
    pub config_version: u64,
    /// For whom the desired configuration was set.
    pub config_origin: Origin,
    /// The version of the configuration that the node runs: the last one that it reported as applied or substituted.
    pub applied: Option<u64>,
    /// The node's last report on a configuration.
    pub config: Option<ConfigOutcome>,
    /// Whether that report is from the instance that holds the node; true if it is not known whose it is. Another
    /// instance is another device, or a program that kept nothing over its restart.
    pub config_is_its_own: bool,
    /// How many commands were ever queued for the node. It is the number of the last one.
    pub commands_queued: u64,
    /// All commands up to this number are over.
    pub commands_over: u64,
    /// The firmware version that the node is to run.
    pub desired_firmware: Option<String>,
    /// The node's last report on a firmware update.
    pub update: Option<UpdateOutcome>,
    /// The figures that the node last reported of itself, each as of the last check-in that had it.
    pub health: Health,
    /// How often another instance took the node over from an open connection.
    pub takeovers: Option<Takeovers>,
    /// When the token expires that the node came with last, if that is known.
    pub token_ends: Option<Timestamp>,
    /// How many messages the node has sent in the current minute of its budget.
    pub spent: u64,
    /// When the current minute of the budget began.
    pub spent_since: Option<Timestamp>,
    /// Whether the node is blocked for sending too many messages.
    pub blocked: Blocked,
}

/// Takeovers of a node, with less than an hour from one to the next: two devices use one token, or one device restarts
/// again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Takeovers {
    pub count: u64,
    /// When the last one happened.
    pub last: Timestamp,
}

/// How a node was blocked because it was over its budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// Until when the node must send nothing.
    pub until: Option<Timestamp>,
    /// How often the node was over its budget, with at most a day from the end of one block to the next offence.
    pub offences: Option<u64>,
}

/// The configuration that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredConfig {
    /// The configuration's version, counted from 1 for each node.
    pub version: u64,
    /// The SHA-256 of the configuration's document, in hexadecimal.
    pub sha256: String,
}

/// For whom a configuration was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// For the node alone, or it is not known for whom.
    #[default]
    Node,
    /// For all nodes of the site that the node was at.
    Site,
}

/// The connection that holds a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Held {
    pub connection: Connection,
    /// The credential version of the connection's token; `None` if only its `$disconnect` is stored, which may come
    /// before the `$connect`.
    pub credentials: Option<CredentialVersion>,
    /// The instance of the node's program that opened the connection, if it gave its name.
    pub instance: Option<Instance>,
    /// The connection that held the node before, if there was one.
    pub previous: Option<Previous>,
    /// How the connection closed; `None` while it is open.
    pub closed: Option<Closed>,
}

/// The connection that held a node before another one took over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Previous {
    pub id: ConnectionId,
    pub opened_at: Timestamp,
    /// The instance of the node's program that opened the connection, if it gave its name.
    pub instance: Option<Instance>,
    /// Whether the connection was open when it was replaced.
    pub was_open: bool,
}

/// How a connection closed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Closed {
    pub at: Timestamp,
    /// The close code (RFC 6455, section 7.4), if there was one.
    pub code: Option<u64>,
    /// The reason, if there was one.
    pub reason: Option<String>,
}

/// Whether a node is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The node is online since this instant.
    Online(Timestamp),
    /// The node is offline since this instant; `None` if it was never online.
    Offline(Option<Timestamp>),
}

/// How far a node is with its desired configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigProgress {
    /// No configuration is desired.
    Undesired,
    /// The node has not reported on the desired version yet.
    Pending,
    /// The node runs the desired version.
    Applied,
    /// The node runs something close to the desired version.
    Substituted,
    /// The node refused the desired version or rolled it back.
    Rejected,
}

/// How far a node is with its desired firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirmwareState {
    /// No firmware is desired.
    Undesired,
    /// The node has not reported on the desired version yet, or it ran that version and now runs another one.
    Pending,
    /// The node downloads or installs the image.
    Downloading,
    /// The node runs the desired version.
    Applied,
    /// The image could not be downloaded, verified or installed.
    Failed,
    /// The node ran the desired version, which did not prove itself, and runs the version from before again.
    RolledBack,
}

impl Node {
    /// The connection that holds the node, if it is open.
    pub fn open(&self) -> Option<&Held> {
        self.held.as_ref().filter(|held| held.closed.is_none())
    }

    /// Whether a connection with these credentials would be accepted.
    pub fn accepts(&self, credentials: CredentialVersion) -> bool {
        !self.revoked && self.credentials.is_none_or(|current| current <= credentials)
    }

    /// The connection that may be sent a message: the one that holds the node, if it is open and its token would still
    /// be accepted.
    pub fn reachable(&self) -> Option<&Held> {
        let accepted = |held: &Held| held.credentials.is_none_or(|credentials| self.accepts(credentials));
        self.open().filter(|held| !self.revoked && accepted(held))
    }

    /// Connections that may be open although their token is no longer accepted. They are to be told so and closed.
    pub fn outdated_connections(&self) -> Vec<&ConnectionId> {
        let Some(held) = self.open().filter(|_| self.reachable().is_none()) else { return vec![] };
        let previous = held.previous.as_ref().filter(|previous| previous.was_open).map(|previous| &previous.id);
        std::iter::once(&held.connection.id).chain(previous).collect()
    }

    /// Whether the handshake of the connection that holds the node is surely over: the connection has sent a message,
    /// or it is older than any handshake. Until then `@connections` answers that there is no such connection, although
    /// it is going to open. docs/adr/0011
    pub fn handshake_is_over(&self, now: Timestamp) -> bool {
        let opened_at = self.held.as_ref().map(|held| held.connection.opened_at);
        self.seq.is_some() || opened_at.is_some_and(|opened_at| opened_at.plus_seconds(HANDSHAKE_S) < now)
    }

    /// The desired configuration, if the instance that holds the node has not reported on it yet.
    pub fn news(&self) -> Option<&DesiredConfig> {
        let reported = self.config.as_ref().filter(|_| self.config_is_its_own).map(|config| config.version);
        self.desired.as_ref().filter(|desired| reported != Some(desired.version))
    }

    /// How far the node is with its desired configuration.
    pub fn config_progress(&self) -> ConfigProgress {
        match (&self.desired, self.news(), &self.config) {
            (None, ..) => ConfigProgress::Undesired,
            (Some(_), None, Some(reported)) => match reported.state {
                ConfigState::Applied => ConfigProgress::Applied,
                ConfigState::Substituted => ConfigProgress::Substituted,
                ConfigState::Rejected => ConfigProgress::Rejected,
            },
            (Some(_), ..) => ConfigProgress::Pending,
        }
    }

    /// The numbers of the commands that may be open; `None` if no command can be.
    pub fn open_commands(&self) -> Option<RangeInclusive<u64>> {
        (self.commands_over < self.commands_queued).then(|| self.commands_over + 1..=self.commands_queued)
    }

    /// How the node's commands are numbered.
    pub fn command_numbers(&self) -> CommandNumbers {
        CommandNumbers { queued: self.commands_queued, over: self.commands_over }
    }

    /// How far the node is with its desired firmware. What it runs wins over what it reported of an update: a report
    /// that the version was applied is outdated once the node runs another one.
    pub fn firmware_state(&self) -> FirmwareState {
        let Some(desired) = self.desired_firmware.as_deref() else { return FirmwareState::Undesired };
        if self.firmware.as_deref() == Some(desired) {
            return FirmwareState::Applied;
        }
        let report = self.update.as_ref().filter(|update| update.version.as_str() == desired);
        match report.map(|update| update.state) {
            None => FirmwareState::Pending,
            Some(UpdateState::Downloading) => FirmwareState::Downloading,
            Some(UpdateState::Applied) if self.firmware.is_some() => FirmwareState::Pending,
            Some(UpdateState::Applied) => FirmwareState::Applied,
            Some(UpdateState::Failed) => FirmwareState::Failed,
            Some(UpdateState::RolledBack) => FirmwareState::RolledBack,
        }
    }

    /// The desired firmware version, if the node does not run it and has not given it up.
    pub fn firmware_news(&self) -> Option<&str> {
        let is_news = matches!(self.firmware_state(), FirmwareState::Pending | FirmwareState::Downloading);
        self.desired_firmware.as_deref().filter(|_| is_news)
    }

    /// Whether the node is at work on the desired firmware version.
    pub fn is_updating(&self) -> bool {
        self.firmware_state() == FirmwareState::Downloading
    }

    /// The model and the version of the firmware that the node may fetch, if this is the desired version; else `None`.
    pub fn may_fetch_firmware(&self, version: &str) -> Option<(Model, FirmwareVersion)> {
        let desired = self.desired_firmware.as_deref().filter(|desired| *desired == version && !self.revoked)?;
        Some((self.model.as_deref()?.parse().ok()?, desired.parse().ok()?))
    }

    /// When the node was last heard of: its last check-in, or the opening of its connection.
    pub fn last_heard(&self) -> Option<Timestamp> {
        self.seen.max(self.held.as_ref().map(|held| held.connection.opened_at))
    }

    /// What a sweep bases its event on.
    pub fn found(&self) -> Found {
        Found {
            connection: self.held.as_ref().map(|held| held.connection.id.clone()),
            open: self.open().is_some(),
            seen: self.seen,
            polls: self.polls,
        }
    }
}
