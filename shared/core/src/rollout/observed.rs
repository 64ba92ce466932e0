//! What a rollout sees of a node.

use crate::command::{Command, CommandState, Ending};
use crate::node::{FirmwareState, Node};
use crate::policy::{Policy, Seconds};
use crate::presence::{PresenceState, shown_presence};
use crate::report::ConfigState;
use crate::timestamp::Timestamp;

use super::target::{Target, TargetState};
use super::waves::ChangeKind;

/// The reason of a target whose node is revoked, or not registered any more.
const REVOKED: &str = "revoked";
/// The reason of a target whose node runs something close to the configuration.
const SUBSTITUTED: &str = "substituted";

/// What a target is to be, by what its node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The state.
    pub state: TargetState,
    /// Why, if there is something to say.
    pub reason: Option<String>,
    /// Whether the node was heard of when it was told, or since.
    pub is_reached: bool,
}

/// What a target that was told is to be. `desired_firmware` is the version that the rollout is for, and `command` the command
/// that the node was told; a node is lost only once it was told for longer than `wait_s`.
///
/// A node that has applied the change and is then not heard of any more is lost, too: a change may cut a node off after the
/// report.
pub fn observe(
    kind: ChangeKind,
    target: &Target,
    (node, command): (Option<&Node>, Option<&Command>),
    desired_firmware: Option<&str>,
    wait_s: Seconds,
    (now, policy): (Timestamp, &Policy),
) -> Observed {
    let told_at = target.told_at.unwrap_or(now);
    let Some(node) = node.filter(|node| !node.revoked && node.credentials.is_some()) else {
        let reason = Some(REVOKED.to_owned());
        return Observed { state: TargetState::Skipped, reason, is_reached: target.is_reached };
    };
    let is_reached = target.is_reached || node.last_heard().is_some_and(|heard| heard > told_at);
    let (state, reason) = match kind {
        ChangeKind::Config => of_config(target, node),
        ChangeKind::Firmware => of_firmware(node, desired_firmware),
        ChangeKind::Command => of_command(command, is_reached, now),
    };
    let may_be_lost = matches!(state, TargetState::Told | TargetState::Applied);
    let is_quiet = shown_presence(node, now, policy).state != PresenceState::Online;
    if may_be_lost && is_reached && is_quiet && told_at.plus_seconds(wait_s) <= now {
        return Observed { state: TargetState::Lost, reason: None, is_reached };
    }
    Observed { state, reason, is_reached }
}

fn of_config(target: &Target, node: &Node) -> (TargetState, Option<String>) {
    let (desired, reported) = (node.desired.as_ref().map(|desired| desired.version), node.config.as_ref());
    if desired != target.version {
        return (TargetState::Superseded, None);
    }
    match reported.filter(|config| Some(config.version) == target.version).map(|config| (config.state, &config.detail))
    {
        Some((ConfigState::Applied, _)) => (TargetState::Applied, None),
        Some((ConfigState::Substituted, _)) => (TargetState::Applied, Some(SUBSTITUTED.to_owned())),
        Some((ConfigState::Rejected, detail)) => (TargetState::Failed, detail.clone()),
        None => (TargetState::Told, None),
    }
}

fn of_firmware(node: &Node, desired: Option<&str>) -> (TargetState, Option<String>) {
    if node.desired_firmware.as_deref() != desired {
        return (TargetState::Superseded, None);
    }
    let detail = || node.update.as_ref().and_then(|update| update.detail.clone());
    match node.firmware_state() {
        FirmwareState::Applied => (TargetState::Applied, None),
        FirmwareState::Failed => (TargetState::Failed, detail()),
        FirmwareState::RolledBack => (TargetState::Failed, Some(detail().unwrap_or_else(|| "rolled-back".to_owned()))),
        FirmwareState::Undesired | FirmwareState::Pending | FirmwareState::Downloading => (TargetState::Told, None),
    }
}

fn of_command(command: Option<&Command>, is_reached: bool, now: Timestamp) -> (TargetState, Option<String>) {
    match command.map(|command| command.state(now)) {
        Some(CommandState::Ended(Ending::Done)) => (TargetState::Applied, None),
        Some(CommandState::Ended(Ending::Failed)) => {
            let output = command.and_then(|command| command.ended.as_ref()?.output.clone());
            (TargetState::Failed, output)
        }
        Some(CommandState::Ended(Ending::Cancelled)) => (TargetState::Superseded, Some("cancelled".to_owned())),
        // A node that was away the whole time says nothing of the command.
        Some(CommandState::Expired) if is_reached => (TargetState::Failed, Some("expired".to_owned())),
        Some(_) => (TargetState::Told, None),
        None => (TargetState::Superseded, None),
    }
}

/// Whether a node that a wave did not tell fell silent since the wave began; `None` if the node was not there then, so that it
/// says nothing.
pub fn fell(node: &Node, began: Timestamp, now: Timestamp, policy: &Policy) -> Option<bool> {
    if node.revoked || node.credentials.is_none() {
        return None;
    }
    // Before the wave began, it had missed no check-in.
    let there = node.last_heard().is_some_and(|heard| heard.plus_seconds(policy.check_in_every) >= began);
    there.then(|| shown_presence(node, now, policy).state != PresenceState::Online)
}
