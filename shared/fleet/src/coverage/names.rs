//! The names of what can be seen.

use rollcall_core::{Attribute, Item, Key, RolloutState, TargetState, Value};
use rollcall_machine::{DisconnectReason, NodeEvent};
use rollcall_wire::{ByeReason, ErrorCode, NodeMessage, ServerMessage};

use crate::observation::How;
use crate::plan::{Ask, RolloutDeed};

pub(super) fn ask(ask: &Ask) -> &'static str {
    match ask {
        Ask::Register { .. } => "register",
        Ask::Amend { .. } => "amend",
        Ask::SetConfig { .. } => "set-config",
        Ask::Import { .. } => "import",
        Ask::SetSiteConfig { .. } => "set-site-config",
        Ask::Queue { .. } => "queue",
        Ask::Cancel { .. } => "cancel",
        Ask::AddFirmware { .. } => "add-firmware",
        Ask::AddDelta { .. } => "add-delta",
        Ask::SetFirmware { .. } => "set-firmware",
        Ask::SetMinimum { .. } => "set-minimum",
        Ask::Revoke { .. } => "revoke",
        Ask::RaiseCredentials { .. } => "raise-credentials",
        Ask::Disconnect { .. } => "disconnect",
        Ask::Show { .. } => "show",
        Ask::ListSite { .. } => "list-site",
        Ask::StartRollout { .. } => "start-rollout",
        Ask::SteerRollout { deed, .. } => match deed {
            RolloutDeed::Pause => "pause-rollout",
            RolloutDeed::Resume => "resume-rollout",
            RolloutDeed::Abort => "abort-rollout",
            RolloutDeed::RollBack => "roll-back-rollout",
            RolloutDeed::Approve => "approve-rollout",
        },
        Ask::ShowRollout { .. } => "show-rollout",
    }
}

/// The new state of a rollout, or else of one of its targets.
pub(super) fn rollout(key: &Key, before: Option<&Item>, after: &Item) -> Option<(bool, &'static str)> {
    let (is_rollout, attribute) = match key {
        Key::Rollout(_) => (true, Attribute::RolloutState),
        Key::Target(..) => (false, Attribute::TargetState),
        _ => return None,
    };
    let state = |item: &Item| match item.get(&attribute) {
        Some(Value::Text(state)) => Some(state.clone()),
        _ => None,
    };
    let is = state(after).filter(|is| before.and_then(state).as_ref() != Some(is))?;
    let rollouts = RolloutState::ALL.map(RolloutState::as_str);
    let targets = TargetState::ALL.map(TargetState::as_str);
    let known = if is_rollout { &rollouts[..] } else { &targets[..] };
    known.iter().find(|known| **known == is).map(|known| (is_rollout, *known))
}

pub(super) fn question(message: &NodeMessage) -> &'static str {
    match message {
        NodeMessage::CheckIn(check_in) if !check_in.results.is_empty() => "checked in with results",
        NodeMessage::CheckIn(check_in) if !check_in.ack => "checked in without asking for an ack",
        NodeMessage::CheckIn(_) => "checked in",
        NodeMessage::Config => "asked for its configuration",
        NodeMessage::FirmwareUrl { from: None, .. } => "asked for an image",
        NodeMessage::FirmwareUrl { .. } => "asked for an image or a delta",
        _ => "sent something else",
    }
}

pub(super) fn applied(how: How) -> &'static str {
    match how {
        How::Applied => "applied a configuration",
        How::Substituted => "substituted a configuration",
        How::Refused => "refused a configuration",
    }
}

pub(super) fn message(message: &ServerMessage) -> &'static str {
    match message {
        ServerMessage::Ack(_) => "ack",
        ServerMessage::Config(_) => "config",
        ServerMessage::Command(_) => "command",
        ServerMessage::Firmware(_) => "firmware",
        ServerMessage::FirmwareUrl(url) if url.delta.is_some() => "firmware-url with a delta",
        ServerMessage::FirmwareUrl(_) => "firmware-url",
        ServerMessage::Error(_) => "error",
        ServerMessage::Reconnect { .. } => "reconnect",
        ServerMessage::SlowDown { .. } => "slow-down",
        ServerMessage::Bye { .. } => "bye",
        _ => "something else",
    }
}

pub(super) fn error(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::TooLarge => "too-large",
        ErrorCode::NotJson => "not-json",
        ErrorCode::TooDeep => "too-deep",
        ErrorCode::NoType => "no-type",
        ErrorCode::UnknownType => "unknown-type",
        ErrorCode::InvalidField => "invalid-field",
        ErrorCode::StaleSeq => "stale-seq",
        ErrorCode::NotConnected => "not-connected",
        ErrorCode::Unregistered => "unregistered",
        ErrorCode::Revoked => "revoked",
        ErrorCode::CredentialsOutdated => "credentials-outdated",
        ErrorCode::NoConfig => "no-config",
        ErrorCode::NoFirmware => "no-firmware",
        ErrorCode::Unavailable => "unavailable",
        ErrorCode::Internal => "internal",
        _ => "something else",
    }
}

pub(super) fn bye(reason: ByeReason) -> &'static str {
    match reason {
        ByeReason::Superseded => "superseded",
        ByeReason::Closed => "closed",
        ByeReason::Unregistered => "unregistered",
        ByeReason::Revoked => "revoked",
        ByeReason::SlowDown => "slow-down",
        _ => "something else",
    }
}

pub(super) fn event(event: &NodeEvent) -> &'static str {
    match event {
        NodeEvent::Connected { planned: true } => "connected as planned",
        NodeEvent::Connected { planned: false } => "connected",
        NodeEvent::CheckedIn { .. } => "checked-in",
        NodeEvent::Acked { .. } => "acked",
        NodeEvent::Refused { .. } => "refused",
        NodeEvent::Unreachable { .. } => "unreachable",
        NodeEvent::Error(_) => "error",
        NodeEvent::Disconnected { reason, .. } => disconnected(reason),
        NodeEvent::ConfigApplied { .. } => "config-applied",
        NodeEvent::ConfigRejected { .. } => "config-rejected",
        NodeEvent::CommandFinished(_) => "command-finished",
        NodeEvent::UpdateApplied { .. } => "update-applied",
        NodeEvent::UpdateFailed { .. } => "update-failed",
        NodeEvent::DeltaFailed { .. } => "delta-failed",
        NodeEvent::UpdateRolledBack { .. } => "update-rolled-back",
        NodeEvent::Superseded { .. } => "superseded",
        NodeEvent::SlowedDown { .. } => "slowed-down",
        NodeEvent::BackingOff { .. } => "backing-off",
        _ => "something else",
    }
}

fn disconnected(reason: &DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::Closed { .. } => "disconnected: closed",
        DisconnectReason::Lost { .. } => "disconnected: lost",
        DisconnectReason::Silent => "disconnected: silent",
        DisconnectReason::Unanswered => "disconnected: unanswered",
        DisconnectReason::NotConnected => "disconnected: not-connected",
        DisconnectReason::Bye { .. } => "disconnected: bye",
        DisconnectReason::Replaced => "disconnected: replaced",
        DisconnectReason::Expired => "disconnected: expired",
        DisconnectReason::ReplacementFailed => "disconnected: replacement-failed",
        DisconnectReason::Dropped => "disconnected: dropped",
        DisconnectReason::Stopped => "disconnected: stopped",
        _ => "disconnected: something else",
    }
}

/// The type of an event, from its text.
pub(super) fn event_type(event: &str) -> Option<&'static str> {
    let (kind, _) = event.split_once("\"type\":\"")?.1.split_once('"')?;
    rollcall_core::EVENT_TYPES.iter().copied().find(|known| *known == kind)
}
