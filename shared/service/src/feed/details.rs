//! What an event says of what was and what is.

use rollcall_core::{
    Command, ConfigOutcome, ConfigState, DesiredConfig, Ending, Flapping, NodeId, Notice, Registered, Timestamp,
    UpdateOutcome, UpdateState,
};
use rollcall_wire::events::{
    DesiredConfigs, DesiredFirmware, ExpiredCommand, ExpiringToken, FinishedCommand, Flaps, NamedConfig, Nothing,
    Offline, Online, QueuedCommand, Registration, Registrations, ReportedConfig, ReportedFirmware, UnsetConfig,
};
use rollcall_wire::{CloudEvent, EventData, Json};

use super::{Change, FeedError};
use crate::commands::commands;
use crate::outgoing::event;
use crate::store::Store;

/// How many commands one record is about at most: more than a node can have open.
const COMMANDS: i32 = 1_000;

/// An event without what says which one it is.
pub(super) struct Detail {
    pub(super) at: Timestamp,
    data: EventData,
}

impl Detail {
    /// That a node flaps.
    pub(super) fn flaps(flapping: Flapping, at: Timestamp) -> Self {
        let data = Flaps { count: flapping.count, since_ms: flapping.since.0 };
        Self { at, data: EventData::NodeFlapping(data) }
    }

    pub(super) fn event(self, node: &NodeId, id: String, site: Option<String>, actor: Option<String>) -> CloudEvent {
        let sequence = id.clone();
        CloudEvent { site, actor, ..event(id, sequence, node.as_str(), &self.data, self.at) }
    }
}

/// The events of a notice. Those of commands say what the commands are, which the node's item does not.
pub(super) async fn of(store: &impl Store, change: &Change, notice: &Notice) -> Result<Vec<Detail>, FeedError> {
    Ok(match notice {
        Notice::CommandsQueued { from, to } => {
            let queued = commands(store, &change.node, *from..=*to, COMMANDS).await?;
            let detail = |command: &Command| Detail {
                at: command.queued_at,
                data: EventData::CommandQueued(queued_data(command)),
            };
            queued.iter().map(detail).collect()
        }
        Notice::CommandsOver { from, to } => {
            let over = commands(store, &change.node, *from..=*to, COMMANDS).await?;
            over.iter().map(|command| over_detail(command, change.at)).collect()
        }
        notice => one(notice, change.at).into_iter().collect(),
    })
}

/// The event of a notice that says all there is to say.
fn one(notice: &Notice, at: Timestamp) -> Option<Detail> {
    let (at, data) = match notice {
        Notice::Online { since, reason } => {
            (*since, EventData::NodeOnline(Online { since_ms: since.0, reason: reason.to_string() }))
        }
        Notice::Offline { since, reason, online_since } => {
            let reason = reason.to_string();
            let data = Offline { since_ms: since.0, reason, online_since_ms: online_since.0 };
            (*since, EventData::NodeOffline(data))
        }
        Notice::Registered { was, is } => {
            let data = Registrations { was: was.as_ref().map(registration), is: registration(is) };
            (at, EventData::NodeRegistered(data))
        }
        Notice::Revoked => (at, EventData::NodeRevoked(Nothing {})),
        Notice::Deleted => (at, EventData::NodeDeleted(Nothing {})),
        Notice::ConfigDesired { was, is } => {
            let data = DesiredConfigs { was: was.as_ref().map(named), is: named(is) };
            (at, EventData::ConfigDesired(data))
        }
        Notice::ConfigUnset { was, version } => {
            (at, EventData::ConfigUnset(UnsetConfig { was: named(was), version: *version }))
        }
        Notice::ConfigReported(outcome) => (at, config_reported(outcome)),
        Notice::FirmwareDesired { was, is } => {
            (at, EventData::FirmwareDesired(DesiredFirmware { was: was.clone(), is: is.clone() }))
        }
        Notice::FirmwareReported(outcome) => (at, firmware_reported(outcome)),
        Notice::TokenExpiring { at, ends } => (*at, EventData::TokenExpiring(ExpiringToken { expires_at_ms: ends.0 })),
        Notice::CommandsQueued { .. } | Notice::CommandsOver { .. } => return None,
    };
    Some(Detail { at, data })
}

fn registration(registered: &Registered) -> Registration {
    let Registered { credential_version, site, model, tags } = registered.clone();
    let tags = tags.iter().map(str::to_owned).collect();
    Registration { credential_version, site, model, tags }
}

fn named(config: &DesiredConfig) -> NamedConfig {
    NamedConfig { version: config.version, sha256: config.sha256.clone() }
}

fn config_reported(outcome: &ConfigOutcome) -> EventData {
    let data = ReportedConfig { version: outcome.version, detail: outcome.detail.clone() };
    match outcome.state {
        ConfigState::Applied => EventData::ConfigApplied(data),
        ConfigState::Substituted => EventData::ConfigSubstituted(data),
        ConfigState::Rejected => EventData::ConfigRejected(data),
    }
}

fn firmware_reported(outcome: &UpdateOutcome) -> EventData {
    let data = ReportedFirmware { version: outcome.version.as_str().to_owned(), detail: outcome.detail.clone() };
    match outcome.state {
        UpdateState::Downloading | UpdateState::Applied => EventData::FirmwareApplied(data),
        UpdateState::Failed => EventData::FirmwareFailed(data),
        UpdateState::RolledBack => EventData::FirmwareRolledBack(data),
    }
}

fn queued_data(command: &Command) -> QueuedCommand {
    QueuedCommand {
        command: command.number,
        name: command.name.clone(),
        // What is stored was read as JSON before.
        args: Json::parse(&command.args).unwrap_or_default(),
        expires_at_ms: command.expires_at.0,
    }
}

/// A command that is over: it has ended, or has expired.
fn over_detail(command: &Command, at: Timestamp) -> Detail {
    let (number, name) = (command.number, command.name.clone());
    let Some(ended) = &command.ended else {
        let data = ExpiredCommand { command: number, name, sent: command.sent_at.is_some() };
        return Detail { at: command.expires_at.min(at), data: EventData::CommandExpired(data) };
    };
    let outcome = match ended.how {
        Ending::Done => "done",
        Ending::Failed => "failed",
        Ending::Cancelled => "cancelled",
    };
    let data = FinishedCommand { command: number, name, outcome: outcome.to_owned(), output: ended.output.clone() };
    Detail { at: ended.at, data: EventData::CommandFinished(data) }
}
