//! The console's view of stored nodes and commands.

use rollcall_core::{
    Command, CommandState, ConfigOutcome, ConfigState, Ending, Node, NodeId, Policy, Presence, Timestamp,
};
use rollcall_core::{DesiredConfig, UpdateOutcome, UpdateState, presence_at};
use rollcall_wire::console::{AppliedView, CommandProgress, CommandView, ConfigProgress, FirmwareProgress, NodeView};
use rollcall_wire::console::{DesiredView, TakeoversView};
use rollcall_wire::{ConfigReport, ConfigStatus, Edit, Json, JsonError, UpdateReport, UpdateStatus};

/// The view of a node at this time. A node whose grace period is over is offline, whether a sweep has run or not.
pub(crate) fn node(id: &NodeId, node: &Node, now: Timestamp, policy: &Policy) -> NodeView {
    let (online, since) = match presence_at(node, now, policy) {
        // Nothing that a revoked node sends is accepted, so it is offline, whether its connection is open or not.
        Presence::Online(_) if node.revoked => (false, None),
        Presence::Online(since) => (true, Some(since)),
        Presence::Offline(since) => (false, since),
    };
    NodeView {
        node: id.to_string(),
        online,
        since_ms: since.map(|at| at.0),
        last_seen_ms: node.last_heard().map(|at| at.0),
        site: node.site.clone(),
        model: node.model.clone(),
        tags: node.tags.iter().map(str::to_owned).collect(),
        credential_version: node.credentials.map(|version| version.0),
        revoked: node.revoked,
        firmware: node.firmware.clone(),
        desired: desired(node),
        reported: node.config.as_ref().map(reported),
        config: progress(node),
        desired_firmware: node.desired_firmware.clone(),
        update: node.update.as_ref().map(updated),
        firmware_update: firmware_progress(node),
        open_commands: node.open_commands().map_or(0, |open| open.end() + 1 - open.start()),
        takeovers: node.takeovers.map(|taken| TakeoversView { count: taken.count, last_ms: taken.last.0 }),
    }
}

fn updated(update: &UpdateOutcome) -> UpdateReport {
    UpdateReport {
        version: update.version.as_str().to_owned(),
        status: match update.state {
            UpdateState::Downloading => UpdateStatus::Downloading,
            UpdateState::Applied => UpdateStatus::Applied,
            UpdateState::Failed => UpdateStatus::Failed,
            UpdateState::RolledBack => UpdateStatus::RolledBack,
        },
        detail: update.detail.clone(),
    }
}

fn firmware_progress(node: &Node) -> FirmwareProgress {
    let Some(desired) = &node.desired_firmware else { return FirmwareProgress::None };
    if node.firmware.as_ref() == Some(desired) {
        return FirmwareProgress::Applied;
    }
    match node.update.as_ref().filter(|update| update.version.as_str() == desired).map(|update| update.state) {
        None => FirmwareProgress::Pending,
        Some(UpdateState::Downloading) => FirmwareProgress::Downloading,
        Some(UpdateState::Applied) => FirmwareProgress::Applied,
        Some(UpdateState::Failed) => FirmwareProgress::Failed,
        Some(UpdateState::RolledBack) => FirmwareProgress::RolledBack,
    }
}

/// The view of a command at this time.
pub(crate) fn command(command: &Command, now: Timestamp) -> Result<CommandView, JsonError> {
    Ok(CommandView {
        command: command.number,
        name: command.name.clone(),
        args: Json::parse(&command.args)?,
        state: match command.state(now) {
            CommandState::Queued => CommandProgress::Queued,
            CommandState::Sent => CommandProgress::Sent,
            CommandState::Expired => CommandProgress::Expired,
            CommandState::Ended(Ending::Done) => CommandProgress::Done,
            CommandState::Ended(Ending::Failed) => CommandProgress::Failed,
            CommandState::Ended(Ending::Cancelled) => CommandProgress::Cancelled,
        },
        queued_at_ms: command.queued_at.0,
        expires_at_ms: command.expires_at.0,
        sent_at_ms: command.sent_at.map(|at| at.0),
        ended_at_ms: command.ended.as_ref().map(|ended| ended.at.0),
        output: command.ended.as_ref().and_then(|ended| ended.output.clone()),
    })
}

pub(crate) fn desired(node: &Node) -> Option<DesiredView> {
    let desired = node.desired.as_ref()?;
    Some(DesiredView { version: desired.version, sha256: desired.sha256.clone() })
}

pub(crate) fn progress(node: &Node) -> ConfigProgress {
    match (&node.desired, node.news(), &node.config) {
        (None, ..) => ConfigProgress::None,
        (Some(_), None, Some(reported)) => match reported.state {
            ConfigState::Applied => ConfigProgress::Applied,
            ConfigState::Substituted => ConfigProgress::Substituted,
            ConfigState::Rejected => ConfigProgress::Rejected,
        },
        (Some(_), ..) => ConfigProgress::Pending,
    }
}

/// The difference from what a node runs to what it is to run; `None` if one of them is not known.
pub(crate) fn difference(
    applied: Option<&AppliedView>,
    desired: Option<&DesiredConfig>,
    document: Option<&Json>,
) -> Option<Vec<Edit>> {
    let (applied, desired) = (applied?, desired?);
    if applied.sha256.as_ref() == Some(&desired.sha256) {
        return Some(vec![]);
    }
    Some(rollcall_wire::difference(applied.document.as_ref()?, document?))
}

pub(crate) fn reported(outcome: &ConfigOutcome) -> ConfigReport {
    ConfigReport {
        version: outcome.version,
        status: match outcome.state {
            ConfigState::Applied => ConfigStatus::Applied,
            ConfigState::Substituted => ConfigStatus::Substituted,
            ConfigState::Rejected => ConfigStatus::Rejected,
        },
        detail: outcome.detail.clone(),
    }
}
