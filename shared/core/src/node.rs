//! A stored node, read back.

use std::ops::RangeInclusive;

use crate::attribute::{Attribute, Item, Value};
use crate::event::{Connection, Found};
use crate::id::{ConnectionId, CredentialVersion, FirmwareVersion, Model, Tags, Timestamp};
use crate::report::{ConfigOutcome, ConfigState, UpdateOutcome, UpdateState};

/// A node as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The connection that holds it, open or closed.
    pub held: Option<Held>,
    /// Whether it counts as online, and since when.
    pub presence: Presence,
    /// When its grace period ends, while it is suspected.
    pub due: Option<Timestamp>,
    /// When it last checked in.
    pub seen: Option<Timestamp>,
    /// The sequence number of its last check-in on this connection.
    pub seq: Option<u64>,
    /// Whether it checks in by polling.
    pub polls: bool,
    /// The firmware version that it reported.
    pub firmware: Option<String>,
    /// The lowest credential version that is accepted; none if it was never registered.
    pub credentials: Option<CredentialVersion>,
    /// Whether its credentials were revoked.
    pub revoked: bool,
    /// The site that it belongs to.
    pub site: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// The configuration that it is to run.
    pub wanted: Option<WantedConfig>,
    /// The version of the configuration that it runs: the last one that it reported as applied or substituted.
    pub applied: Option<u64>,
    /// What it last reported of a configuration.
    pub config: Option<ConfigOutcome>,
    /// How many commands were ever queued for it: the number of the last one.
    pub commands_queued: u64,
    /// Up to which number they are over.
    pub commands_over: u64,
    /// The firmware version that it is to run.
    pub wanted_firmware: Option<String>,
    /// How it is getting on with a firmware version.
    pub update: Option<UpdateOutcome>,
}

/// A configuration that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedConfig {
    /// Its version.
    pub version: u64,
    /// The SHA-256 of its document, in hexadecimal.
    pub sha256: String,
}

/// The connection that holds a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub connection: Connection,
    /// The one that held the node before it, if there was one.
    pub previous: Option<ConnectionId>,
    /// How it ended; nothing while it is open.
    pub closed: Option<Closed>,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When.
    pub at: Timestamp,
    /// With which code.
    pub code: Option<u64>,
    /// Why.
    pub reason: Option<String>,
}

/// Whether a node counts as online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Since then.
    Online(Timestamp),
    /// Since then, if it ever was online.
    Offline(Option<Timestamp>),
}

/// A stored item that no rule could have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored attribute {attribute:?} ({}) is unreadable", attribute.name())]
pub struct Malformed {
    /// Which attribute.
    pub attribute: Attribute,
}

impl Node {
    /// Reads a stored item.
    ///
    /// # Errors
    /// If an attribute is of a type, or in a combination, that no rule writes.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let presence = match (time(item, Attribute::OnlineSince)?, time(item, Attribute::OfflineSince)?) {
            (Some(since), None) => Presence::Online(since),
            (None, since) => Presence::Offline(since),
            (Some(_), Some(_)) => return Err(malformed(Attribute::OfflineSince)),
        };
        let credentials = number(item, Attribute::CredentialVersion)?
            .map(|version| u32::try_from(version).map(CredentialVersion))
            .transpose()
            .map_err(|_| malformed(Attribute::CredentialVersion))?;
        Ok(Self {
            held: held(item)?,
            presence,
            due: time(item, Attribute::Due)?,
            seen: time(item, Attribute::Seen)?,
            seq: number(item, Attribute::Seq)?,
            polls: item.contains_key(&Attribute::Polls),
            firmware: text(item, Attribute::Firmware)?.map(str::to_owned),
            credentials,
            revoked: item.contains_key(&Attribute::Revoked),
            site: text(item, Attribute::Site)?.map(str::to_owned),
            model: text(item, Attribute::Model)?.map(str::to_owned),
            tags: text(item, Attribute::Tags)?.map(Tags::read).unwrap_or_default(),
            wanted: wanted(item)?,
            applied: number(item, Attribute::AppliedVersion)?,
            config: config(item)?,
            commands_queued: number(item, Attribute::CommandsQueued)?.unwrap_or_default(),
            commands_over: number(item, Attribute::CommandsOver)?.unwrap_or_default(),
            wanted_firmware: text(item, Attribute::WantedFirmware)?.map(str::to_owned),
            update: update(item)?,
        })
    }

    /// The open connection that holds it.
    pub fn open(&self) -> Option<&Held> {
        self.held.as_ref().filter(|held| held.closed.is_none())
    }

    /// What it is to run and has not reported on yet.
    pub fn news(&self) -> Option<&WantedConfig> {
        let reported = self.config.as_ref().map(|config| config.version);
        self.wanted.as_ref().filter(|wanted| reported != Some(wanted.version))
    }

    /// The numbers of the commands that may be open; nothing if none is.
    pub fn open_commands(&self) -> Option<RangeInclusive<u64>> {
        (self.commands_over < self.commands_queued).then(|| self.commands_over + 1..=self.commands_queued)
    }

    /// The firmware version that it is to run, does not run, and has not given up on.
    pub fn firmware_news(&self) -> Option<&str> {
        let wanted = self.wanted_firmware.as_deref().filter(|wanted| self.firmware.as_deref() != Some(*wanted))?;
        match self.update.as_ref().filter(|update| update.version.as_str() == wanted).map(|update| update.state) {
            None | Some(UpdateState::Downloading) => Some(wanted),
            Some(UpdateState::Applied | UpdateState::Failed | UpdateState::RolledBack) => None,
        }
    }

    /// Whether it has said that it knows of the firmware version that it is to run.
    pub fn is_updating(&self) -> bool {
        let reported = self.update.as_ref().map(|update| update.version.as_str());
        self.wanted_firmware.is_some() && reported == self.wanted_firmware.as_deref()
    }

    /// The model and the version of firmware that it may fetch, if this is the version that it is to run.
    pub fn may_fetch_firmware(&self, version: &str) -> Option<(Model, FirmwareVersion)> {
        let wanted = self.wanted_firmware.as_deref().filter(|wanted| *wanted == version && !self.revoked)?;
        Some((self.model.as_deref()?.parse().ok()?, wanted.parse().ok()?))
    }

    /// When it was last heard of: a check-in, or the opening of its connection.
    pub fn last_heard(&self) -> Option<Timestamp> {
        self.seen.max(self.held.as_ref().map(|held| held.connection.opened_at))
    }

    /// What a sweep remembers of it.
    pub fn found(&self) -> Found {
        Found {
            connection: self.held.as_ref().map(|held| held.connection.id.clone()),
            open: self.open().is_some(),
            seen: self.seen,
            polls: self.polls,
        }
    }
}

fn held(item: &Item) -> Result<Option<Held>, Malformed> {
    let Some(id) = text(item, Attribute::Connection)? else {
        return Ok(None);
    };
    let id: ConnectionId = id.parse().map_err(|_| malformed(Attribute::Connection))?;
    let previous = text(item, Attribute::Previous)?
        .map(str::parse)
        .transpose()
        .map_err(|_| malformed(Attribute::Previous))?
        .filter(|previous| *previous != id);
    let opened_at = time(item, Attribute::OpenedAt)?.ok_or_else(|| malformed(Attribute::OpenedAt))?;
    let closed = match time(item, Attribute::ClosedAt)? {
        None => None,
        Some(at) => Some(Closed {
            at,
            code: number(item, Attribute::CloseCode)?,
            reason: text(item, Attribute::CloseReason)?.map(str::to_owned),
        }),
    };
    Ok(Some(Held { connection: Connection { id, opened_at }, previous, closed }))
}

fn wanted(item: &Item) -> Result<Option<WantedConfig>, Malformed> {
    let Some(version) = number(item, Attribute::WantedVersion)? else { return Ok(None) };
    let sha256 = text(item, Attribute::WantedHash)?.ok_or_else(|| malformed(Attribute::WantedHash))?.to_owned();
    Ok(Some(WantedConfig { version, sha256 }))
}

fn config(item: &Item) -> Result<Option<ConfigOutcome>, Malformed> {
    let Some(version) = number(item, Attribute::ConfigVersion)? else { return Ok(None) };
    let state = text(item, Attribute::ConfigState)?.and_then(ConfigState::read);
    let state = state.ok_or_else(|| malformed(Attribute::ConfigState))?;
    let detail = text(item, Attribute::ConfigDetail)?.map(str::to_owned);
    Ok(Some(ConfigOutcome { version, state, detail }))
}

fn update(item: &Item) -> Result<Option<UpdateOutcome>, Malformed> {
    let Some(version) = text(item, Attribute::UpdateVersion)? else { return Ok(None) };
    let version = version.parse().map_err(|_| malformed(Attribute::UpdateVersion))?;
    let state = text(item, Attribute::UpdateState)?.and_then(UpdateState::read);
    let state = state.ok_or_else(|| malformed(Attribute::UpdateState))?;
    let detail = text(item, Attribute::UpdateDetail)?.map(str::to_owned);
    Ok(Some(UpdateOutcome { version, state, detail }))
}

pub(crate) fn malformed(attribute: Attribute) -> Malformed {
    Malformed { attribute }
}

pub(crate) fn number(item: &Item, attribute: Attribute) -> Result<Option<u64>, Malformed> {
    match item.get(&attribute) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(*number)),
        Some(Value::Text(_)) => Err(malformed(attribute)),
    }
}

pub(crate) fn time(item: &Item, attribute: Attribute) -> Result<Option<Timestamp>, Malformed> {
    Ok(number(item, attribute)?.map(Timestamp))
}

pub(crate) fn text(item: &Item, attribute: Attribute) -> Result<Option<&str>, Malformed> {
    match item.get(&attribute) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(Value::Number(_)) => Err(malformed(attribute)),
    }
}
