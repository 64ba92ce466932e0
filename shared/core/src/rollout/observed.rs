//! What a rollout sees of a node.

use crate::command::{Command, CommandState, Ending};
use crate::node::{FirmwareState, Node};
use crate::policy::{Policy, Seconds};
use crate::presence::{PresenceState, shown_presence};
use crate::report::ConfigState;
use crate::timestamp::Timestamp;

use super::retry::{EXPIRED, FAILED, Failure, REJECTED, ROLLED_BACK, Retries};
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
    /// When it is told again after a failure; `None` if it is being told again, or is not.
    pub retry_at: Option<Timestamp>,
}

/// What a rollout looks for at the nodes that it has told.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// What it changes.
    pub kind: ChangeKind,
    /// The SHA-256 of the document, or the firmware version, that it is for.
    pub wanted: Option<&'a str>,
    /// A node is lost only once it was told for longer than this, in seconds.
    pub wait_s: Seconds,
    /// Which failures are tried again.
    pub retries: &'a Retries,
}

/// How far a node is, or how it has failed.
type Seen = Result<(TargetState, Option<String>), Failure>;

/// What a target that was told is to be. `command` is the command that the node was told.
///
/// A node that has applied the change and is then not heard of any more is lost, too: a change may cut a node off after the
/// report. So is one that would be told again.
pub fn observe(
    sought: &Sought<'_>,
    target: &Target,
    (node, command): (Option<&Node>, Option<&Command>),
    (now, policy): (Timestamp, &Policy),
) -> Observed {
    let told_at = target.told_at.unwrap_or(now);
    let Some(node) = node.filter(|node| !node.revoked && node.credentials.is_some()) else {
        let reason = Some(REVOKED.to_owned());
        return Observed { state: TargetState::Skipped, reason, is_reached: target.is_reached, retry_at: None };
    };
    let is_reached = target.is_reached || node.last_heard().is_some_and(|heard| heard > told_at);
    let seen = match sought.kind {
        ChangeKind::Config => of_config(target, node, sought.wanted),
        ChangeKind::Firmware => of_firmware(node, sought.wanted),
        ChangeKind::Command => of_command(command, is_reached, now),
    };
    let (state, reason, retry_at) = match seen {
        // It is not noted yet that the node was told again.
        Ok((TargetState::Told, _)) if target.is_told_again() => (TargetState::Retrying, target.reason.clone(), None),
        Ok((state, reason)) => (state, reason, None),
        // It has failed for good: for this, or because it could not be told again.
        Err(_) if target.state == TargetState::Failed => (TargetState::Failed, target.reason.clone(), None),
        Err(failure) => {
            let (state, retry_at) = sought.retries.after(target, &failure, now);
            (state, Some(failure.reason()), retry_at)
        }
    };
    let may_be_lost = matches!(state, TargetState::Told | TargetState::Applied | TargetState::Retrying);
    let is_quiet = shown_presence(node, now, policy).state != PresenceState::Online;
    let is_late = told_at.plus_seconds(sought.wait_s) <= now;
    if may_be_lost && !target.is_told_again() && is_reached && is_quiet && is_late {
        return Observed { state: TargetState::Lost, reason: None, is_reached, retry_at: None };
    }
    Observed { state, reason, is_reached, retry_at }
}

fn of_config(target: &Target, node: &Node, wanted: Option<&str>) -> Seen {
    let (desired, reported) = (node.desired.as_ref(), node.config.as_ref());
    let next = target.version.filter(|_| target.is_told_again()).map(|version| version + 1);
    if next.is_some() && desired.is_some_and(|is| Some(is.version) == next && Some(&*is.sha256) == wanted) {
        return Ok((TargetState::Told, None));
    }
    if desired.map(|desired| desired.version) != target.version {
        return Ok((TargetState::Superseded, None));
    }
    match reported.filter(|config| Some(config.version) == target.version).map(|config| (config.state, &config.detail))
    {
        Some((ConfigState::Applied, _)) => Ok((TargetState::Applied, None)),
        Some((ConfigState::Substituted, _)) => Ok((TargetState::Applied, Some(SUBSTITUTED.to_owned()))),
        Some((ConfigState::Rejected, detail)) => Err(Failure::new(REJECTED, detail.clone())),
        None => Ok((TargetState::Told, None)),
    }
}

fn of_firmware(node: &Node, wanted: Option<&str>) -> Seen {
    if node.desired_firmware.as_deref() != wanted {
        return Ok((TargetState::Superseded, None));
    }
    let detail = || node.update.as_ref().and_then(|update| update.detail.clone());
    match node.firmware_state() {
        FirmwareState::Applied => Ok((TargetState::Applied, None)),
        FirmwareState::Failed => Err(Failure::new(FAILED, detail())),
        FirmwareState::RolledBack => Err(Failure::new(ROLLED_BACK, detail())),
        FirmwareState::Undesired | FirmwareState::Pending | FirmwareState::Downloading => Ok((TargetState::Told, None)),
    }
}

fn of_command(command: Option<&Command>, is_reached: bool, now: Timestamp) -> Seen {
    match command.map(|command| command.state(now)) {
        Some(CommandState::Ended(Ending::Done)) => Ok((TargetState::Applied, None)),
        Some(CommandState::Ended(Ending::Failed)) => {
            let output = command.and_then(|command| command.ended.as_ref()?.output.clone());
            Err(Failure::new(FAILED, output))
        }
        Some(CommandState::Ended(Ending::Cancelled)) => Ok((TargetState::Superseded, Some("cancelled".to_owned()))),
        // A node that was away the whole time says nothing of the command.
        Some(CommandState::Expired) if is_reached => Err(Failure::new(EXPIRED, None)),
        Some(_) => Ok((TargetState::Told, None)),
        None => Ok((TargetState::Superseded, None)),
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
