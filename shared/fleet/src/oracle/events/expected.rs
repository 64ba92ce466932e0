//! What the application is to be told of a write: worked out here from what was and what is, and not by the rules that
//! the feed uses.

use rollcall_core::{ConfigState, FirmwareState, Node, Presence, UpdateOutcome, UpdateState};
use rollcall_wire::CloudEvent;
use serde_json::Value;

use super::flaps::Flaps;

/// What an event is about, next to its type: a time, a version or a number, and a text.
pub(super) type About = (u64, Option<String>);

/// An event that the application is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// Its type; [`OVER`] if it may be either of two.
    pub(super) kind: &'static str,
    pub(super) about: About,
    /// Whether the application itself caused it.
    pub(super) asked_for: bool,
    /// Whether nobody need be told: the command that it is about is deleted about now.
    pub(super) optional: bool,
}

/// The type of an event that says that a command has finished or has expired. A result may come after the command has
/// expired: then the feed says what it finds.
pub(super) const OVER: &str = "command.finished";
const EXPIRED: &str = "command.expired";

/// What is known of a command that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It has a result, or was cancelled.
    Finished,
    /// It has expired, as far as is known.
    Expired,
    /// It was deleted, or may be before the feed reads it.
    Deleted,
}

impl Expected {
    pub(super) fn new(kind: &'static str, number: u64, text: Option<&str>) -> Self {
        Self { kind, about: (number, text.map(str::to_owned)), asked_for: false, optional: false }
    }

    fn asked_for(mut self, asked_for: bool) -> Self {
        self.asked_for = asked_for;
        self
    }

    /// Whether an event is this one.
    pub(super) fn is(&self, event: &CloudEvent) -> bool {
        let is_kind = self.kind == event.kind || (self.kind == EXPIRED && event.kind == OVER);
        is_kind && self.about == about(&event.kind, &event.data.read().unwrap_or_default())
    }
}

/// What an event that was told is about.
fn about(kind: &str, data: &Value) -> About {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match kind {
        "token.expiring" => (number(&data["expires_at_ms"]), None),
        "node.flapping" => (number(&data["count"]), None),
        "node.online" | "node.offline" => (number(&data["since_ms"]), None),
        "node.registered" => (number(&data["is"]["credential_version"]), text(&data["is"]["site"])),
        "config.desired" => (number(&data["is"]["version"]), text(&data["is"]["sha256"])),
        "config.applied" | "config.substituted" | "config.rejected" | "config.unset" => {
            (number(&data["version"]), None)
        }
        "firmware.desired" => (0, text(&data["is"])),
        "firmware.applied" | "firmware.failed" | "firmware.rolled_back" => (0, text(&data["version"])),
        "command.queued" | OVER | EXPIRED => (number(&data["command"]), None),
        _ => (0, None),
    }
}

/// What the application is to be told because a node's item was this and is that. `ended` says what is known of a
/// command.
pub(super) fn expected(
    was: Option<&Node>,
    is: &Node,
    flaps: &mut Flaps,
    ended: impl Fn(u64) -> Ended,
) -> Vec<Expected> {
    let mut told = vec![];
    told.extend(registered(was, is));
    told.extend(presence(was, is));
    told.extend(flaps.expected(was, is));
    told.extend(token(was, is));
    let desired = is.desired.as_ref().filter(|desired| was.and_then(|was| was.desired.as_ref()) != Some(*desired));
    let config = |desired: &rollcall_core::DesiredConfig| {
        Expected::new("config.desired", desired.version, Some(&desired.sha256)).asked_for(true)
    };
    told.extend(desired.map(config));
    let was_desired = was.is_some_and(|was| was.desired.is_some());
    let is_unset = was_desired && is.desired.is_none();
    told.extend(is_unset.then(|| Expected::new("config.unset", is.config_version, None).asked_for(true)));
    let version = is.desired_firmware.as_deref();
    let is_new = version.is_some() && was.and_then(|was| was.desired_firmware.as_deref()) != version;
    told.extend(is_new.then(|| Expected::new("firmware.desired", 0, version).asked_for(true)));
    let queued = was.map_or(0, |was| was.commands_queued) + 1..=is.commands_queued;
    told.extend(queued.map(|number| Expected::new("command.queued", number, None).asked_for(true)));
    told.extend(config_reported(was, is));
    told.extend(firmware_reported(was, is));
    let over = was.map_or(0, |was| was.commands_over) + 1..=is.commands_over;
    told.extend(over.map(|number| {
        let ended = ended(number);
        let kind = if ended == Ended::Finished { OVER } else { EXPIRED };
        Expected { optional: ended == Ended::Deleted, ..Expected::new(kind, number, None) }
    }));
    if is.revoked && !was.is_some_and(|was| was.revoked) {
        told.push(Expected::new("node.revoked", 0, None).asked_for(true));
    }
    told
}

/// The registration. Where registration is open, a node that connects or polls registers itself: then the same write
/// says that it was heard.
fn registered(was: Option<&Node>, is: &Node) -> Option<Expected> {
    let registration = |node: &Node| {
        let credentials = node.credentials.filter(|_| !node.revoked)?;
        Some((credentials.0, node.site.clone(), node.model.clone(), node.tags.clone()))
    };
    let (before, now) = (was.and_then(registration), registration(is)?);
    let was_heard = was.and_then(Node::last_heard) != is.last_heard();
    let told = Expected::new("node.registered", now.0.into(), now.1.as_deref());
    (before.as_ref() != Some(&now)).then(|| told.asked_for(!was_heard))
}

fn presence(was: Option<&Node>, is: &Node) -> Option<Expected> {
    let was_online = was.is_some_and(|was| matches!(was.presence, Presence::Online(_)));
    match is.presence {
        Presence::Online(since) if !was_online => Some(Expected::new("node.online", since.0, None)),
        Presence::Offline(since) if was_online => {
            Some(Expected::new("node.offline", since.map_or(0, |since| since.0), None))
        }
        _ => None,
    }
}

/// The end of the token with which the node came now. Of the last month it is told once; of the last week each time that
/// the node connects, or on each day that it polls.
fn token(was: Option<&Node>, is: &Node) -> Option<Expected> {
    const DAY_MS: u64 = 86_400_000;
    let ends = is.token_ends?.0;
    let opened = |node: &Node| node.held.as_ref().map(|held| held.connection.opened_at);
    let came = |node: &Node| if node.polls { node.seen } else { opened(node) };
    let is_here = is.polls || is.open().is_some();
    let left = |node: &Node| Some(ends.saturating_sub(came(node)?.0));
    let now = left(is).filter(|now| is_here && *now < 30 * DAY_MS)?;
    let before = was.filter(|was| was.token_ends == is.token_ends).and_then(left);
    let is_told = match before {
        Some(before) if before == now => false,
        Some(before) if before < 30 * DAY_MS => now < 7 * DAY_MS && (!is.polls || before / DAY_MS != now / DAY_MS),
        _ => true,
    };
    is_told.then(|| Expected::new("token.expiring", ends, None))
}

fn config_reported(was: Option<&Node>, is: &Node) -> Option<Expected> {
    let report = is.config.as_ref().filter(|report| was.and_then(|was| was.config.as_ref()) != Some(*report))?;
    let kind = match report.state {
        ConfigState::Applied => "config.applied",
        ConfigState::Substituted => "config.substituted",
        ConfigState::Rejected => "config.rejected",
    };
    Some(Expected::new(kind, report.version, None))
}

/// The end of an update: the node has said how it ended, or runs what it was to run and did not before.
fn firmware_reported(was: Option<&Node>, is: &Node) -> Option<Expected> {
    let ended = |update: &UpdateOutcome| match update.state {
        UpdateState::Downloading => None,
        UpdateState::Applied => Some("firmware.applied"),
        UpdateState::Failed => Some("firmware.failed"),
        UpdateState::RolledBack => Some("firmware.rolled_back"),
    };
    let update = is.update.as_ref().filter(|update| was.and_then(|was| was.update.as_ref()) != Some(*update));
    if let Some((update, kind)) = update.and_then(|update| Some((update, ended(update)?))) {
        return Some(Expected::new(kind, 0, Some(update.version.as_str())));
    }
    let was = was.filter(|was| was.desired_firmware == is.desired_firmware)?;
    let runs = |node: &Node| node.firmware_state() == FirmwareState::Applied;
    (runs(is) && !runs(was)).then(|| Expected::new("firmware.applied", 0, is.desired_firmware.as_deref()))
}
