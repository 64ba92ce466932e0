//! A stored node, read back.

use std::ops::RangeInclusive;

use crate::attribute::{Attribute, Item, Value};
use crate::clock::HANDSHAKE_S;
use crate::event::{Connection, Found};
use crate::id::{ConnectionId, CredentialVersion, FirmwareVersion, Instance, Model, Tags, Timestamp};
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
    pub desired: Option<DesiredConfig>,
    /// The version of the configuration that it runs: the last one that it reported as applied or substituted.
    pub applied: Option<u64>,
    /// What it last reported of a configuration.
    pub config: Option<ConfigOutcome>,
    /// How many commands were ever queued for it: the number of the last one.
    pub commands_queued: u64,
    /// Up to which number they are over.
    pub commands_over: u64,
    /// The firmware version that it is to run.
    pub desired_firmware: Option<String>,
    /// How it is getting on with a firmware version.
    pub update: Option<UpdateOutcome>,
    /// How often another instance took it over from an open connection.
    pub takeovers: Option<Takeovers>,
    /// How many messages it has sent in the current minute of its budget.
    pub spent: u64,
    /// When that minute began.
    pub spent_since: Option<Timestamp>,
    /// Whether it is blocked for sending too much.
    pub blocked: Blocked,
}

/// Takeovers of a node without an hour between two: two devices that use one token, or a device that restarts again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takeovers {
    /// How many there were.
    pub count: u64,
    /// When the last one was.
    pub last: Timestamp,
}

/// What is stored of a node that was over its budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// Until when it is to send nothing.
    pub until: Option<Timestamp>,
    /// How often that happened, without a day between two.
    pub offences: Option<u64>,
}

/// A configuration that a node is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredConfig {
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
    /// The credential version that it came with, if it connected at all: a `$disconnect` may be stored before its `$connect`.
    pub credentials: Option<CredentialVersion>,
    /// The instance that opened it, if it named itself.
    pub instance: Option<Instance>,
    /// The one that held the node before it, if there was one.
    pub previous: Option<Previous>,
    /// How it ended; nothing while it is open.
    pub closed: Option<Closed>,
}

/// The connection that held a node before another one took over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Which.
    pub id: ConnectionId,
    /// When it opened.
    pub opened_at: Timestamp,
    /// The instance that opened it, if it named itself.
    pub instance: Option<Instance>,
    /// Whether it was open when it was replaced.
    pub was_open: bool,
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
        let credentials = credentials(item, Attribute::CredentialVersion)?;
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
            desired: desired(item)?,
            applied: number(item, Attribute::AppliedVersion)?,
            config: config(item)?,
            commands_queued: number(item, Attribute::CommandsQueued)?.unwrap_or_default(),
            commands_over: number(item, Attribute::CommandsOver)?.unwrap_or_default(),
            desired_firmware: text(item, Attribute::DesiredFirmware)?.map(str::to_owned),
            update: update(item)?,
            takeovers: takeovers(item)?,
            spent: number(item, Attribute::Spent)?.unwrap_or_default(),
            spent_since: time(item, Attribute::SpentSince)?,
            blocked: Blocked {
                until: time(item, Attribute::BlockedUntil)?,
                offences: number(item, Attribute::Offences)?,
            },
        })
    }

    /// The open connection that holds it.
    pub fn open(&self) -> Option<&Held> {
        self.held.as_ref().filter(|held| held.closed.is_none())
    }

    /// Whether a connection with these credentials would still be let in.
    pub fn accepts(&self, credentials: CredentialVersion) -> bool {
        !self.revoked && self.credentials.is_none_or(|current| current <= credentials)
    }

    /// The open connection that may be sent something: the one that holds the node, if its token would still be let in.
    pub fn reachable(&self) -> Option<&Held> {
        let accepted = |held: &Held| held.credentials.is_none_or(|credentials| self.accepts(credentials));
        self.open().filter(|held| !self.revoked && accepted(held))
    }

    /// Connections that may be open although their token is no longer accepted: to be told so, and closed.
    pub fn outdated_connections(&self) -> Vec<&ConnectionId> {
        let Some(held) = self.open().filter(|_| self.reachable().is_none()) else { return vec![] };
        let previous = held.previous.as_ref().filter(|previous| previous.was_open).map(|previous| &previous.id);
        std::iter::once(&held.connection.id).chain(previous).collect()
    }

    /// Whether the handshake of the connection that holds the node is surely over: it has sent a message, or it is older than
    /// any handshake. Until then `@connections` knows no such connection, open as it will be. docs/adr/0011
    pub fn handshake_is_over(&self, now: Timestamp) -> bool {
        let opened_at = self.held.as_ref().map(|held| held.connection.opened_at);
        self.seq.is_some() || opened_at.is_some_and(|opened_at| opened_at.plus_seconds(HANDSHAKE_S) < now)
    }

    /// What it is to run and has not reported on yet.
    pub fn news(&self) -> Option<&DesiredConfig> {
        let reported = self.config.as_ref().map(|config| config.version);
        self.desired.as_ref().filter(|desired| reported != Some(desired.version))
    }

    /// The numbers of the commands that may be open; nothing if none is.
    pub fn open_commands(&self) -> Option<RangeInclusive<u64>> {
        (self.commands_over < self.commands_queued).then(|| self.commands_over + 1..=self.commands_queued)
    }

    /// The firmware version that it is to run, does not run, and has not given up on.
    pub fn firmware_news(&self) -> Option<&str> {
        let desired = self.desired_firmware.as_deref().filter(|desired| self.firmware.as_deref() != Some(*desired))?;
        match self.update.as_ref().filter(|update| update.version.as_str() == desired).map(|update| update.state) {
            None | Some(UpdateState::Downloading) => Some(desired),
            Some(UpdateState::Applied | UpdateState::Failed | UpdateState::RolledBack) => None,
        }
    }

    /// Whether it has said that it knows of the firmware version that it is to run.
    pub fn is_updating(&self) -> bool {
        let reported = self.update.as_ref().map(|update| update.version.as_str());
        self.desired_firmware.is_some() && reported == self.desired_firmware.as_deref()
    }

    /// The model and the version of firmware that it may fetch, if this is the version that it is to run.
    pub fn may_fetch_firmware(&self, version: &str) -> Option<(Model, FirmwareVersion)> {
        let desired = self.desired_firmware.as_deref().filter(|desired| *desired == version && !self.revoked)?;
        Some((self.model.as_deref()?.parse().ok()?, desired.parse().ok()?))
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
    let previous = previous(item)?.filter(|previous| previous.id != id);
    let opened_at = time(item, Attribute::OpenedAt)?.ok_or_else(|| malformed(Attribute::OpenedAt))?;
    let closed = match time(item, Attribute::ClosedAt)? {
        None => None,
        Some(at) => Some(Closed {
            at,
            code: number(item, Attribute::CloseCode)?,
            reason: text(item, Attribute::CloseReason)?.map(str::to_owned),
        }),
    };
    let credentials = credentials(item, Attribute::ConnectionCredentials)?;
    let instance = instance(item, Attribute::Instance)?;
    Ok(Some(Held { connection: Connection { id, opened_at }, credentials, instance, previous, closed }))
}

fn previous(item: &Item) -> Result<Option<Previous>, Malformed> {
    let Some(id) = text(item, Attribute::Previous)? else { return Ok(None) };
    Ok(Some(Previous {
        id: id.parse().map_err(|_| malformed(Attribute::Previous))?,
        opened_at: time(item, Attribute::PreviousOpenedAt)?.unwrap_or(Timestamp(0)),
        instance: instance(item, Attribute::PreviousInstance)?,
        was_open: number(item, Attribute::PreviousClosedAt)?.is_none_or(|closed_at| closed_at == 0),
    }))
}

fn instance(item: &Item, attribute: Attribute) -> Result<Option<Instance>, Malformed> {
    let instance = number(item, attribute)?.filter(|hash| *hash != 0);
    instance.map(|hash| u32::try_from(hash).map(Instance)).transpose().map_err(|_| malformed(attribute))
}

fn credentials(item: &Item, attribute: Attribute) -> Result<Option<CredentialVersion>, Malformed> {
    let version = number(item, attribute)?;
    version.map(|version| u32::try_from(version).map(CredentialVersion)).transpose().map_err(|_| malformed(attribute))
}

fn takeovers(item: &Item) -> Result<Option<Takeovers>, Malformed> {
    let Some(count) = number(item, Attribute::Takeovers)? else { return Ok(None) };
    let last = time(item, Attribute::TakenOverAt)?.ok_or_else(|| malformed(Attribute::TakenOverAt))?;
    Ok(Some(Takeovers { count, last }))
}

fn desired(item: &Item) -> Result<Option<DesiredConfig>, Malformed> {
    let Some(version) = number(item, Attribute::DesiredVersion)? else { return Ok(None) };
    let sha256 = text(item, Attribute::DesiredHash)?.ok_or_else(|| malformed(Attribute::DesiredHash))?.to_owned();
    Ok(Some(DesiredConfig { version, sha256 }))
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
