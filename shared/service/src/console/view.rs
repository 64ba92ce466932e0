//! The console's view of stored nodes and commands.

use crate::console::about;
use rollcall_core::{
    About, Became, Command, CommandState, ConfigOutcome, ConfigState, Ending, Health, Held, Node, NodeId, Origin,
    Policy, Presence, Remembered, Timestamp, Version,
};
use rollcall_core::{DesiredConfig, FirmwareState, UpdateOutcome, UpdateState, blocked_until, presence_at};
use rollcall_core::{PresenceState, ShownPresence, shown_presence};
use rollcall_wire::console::{self as wire, PresenceView};
use rollcall_wire::console::{AppliedView, CommandProgress, CommandView, ConfigProgress, FirmwareProgress, NodeView};
use rollcall_wire::console::{BudgetView, ClosedView, ConnectionView, DesiredView, NodeHealthView, TakeoversView};
use rollcall_wire::console::{ConfigOrigin, ConfigVersionProgress, ConfigVersionView};
use rollcall_wire::{ConfigReport, ConfigStatus, Edit, Json, JsonError, UpdateReport, UpdateStatus};

/// The view of a node at this time. A node whose grace period is over is offline, whether a sweep has run or not.
pub(crate) fn node(id: &NodeId, node: &Node, about: &About, now: Timestamp, policy: &Policy) -> NodeView {
    let shown = shown_presence(node, now, policy);
    let online = shown.state != PresenceState::Offline;
    let since = match presence_at(node, now, policy) {
        // Since when a revoked node is offline is not known.
        Presence::Online(_) if !online => None,
        Presence::Online(since) => Some(since),
        Presence::Offline(since) => since,
    };
    NodeView {
        node: id.to_string(),
        presence: presence(&shown),
        online,
        since_ms: since.map(|at| at.0),
        last_seen_ms: node.last_heard().map(|at| at.0),
        last_check_in_ms: node.seen.map(|at| at.0),
        connection: node.held.as_ref().map(connection),
        // A node that has stopped polling is stored as polling until a sweep finds it.
        polling: node.polls && online,
        site: node.site.clone(),
        model: node.model.clone(),
        tags: node.tags.iter().map(str::to_owned).collect(),
        name: about.name.as_ref().map(|name| name.as_str().to_owned()),
        labels: about::shown(&about.labels),
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
        health: health(node.health),
        budget: blocked_until(node, now, policy).map(|until| BudgetView { blocked_until_ms: until.0 }),
    }
}

fn presence(shown: &ShownPresence) -> PresenceView {
    let state = match shown.state {
        PresenceState::Online => wire::Presence::Online,
        PresenceState::Silent => wire::Presence::Silent,
        PresenceState::Offline => wire::Presence::Offline,
    };
    PresenceView { state, since_ms: shown.since.map(|at| at.0), reason: shown.reason.to_string() }
}

fn connection(held: &Held) -> ConnectionView {
    let closed = held.closed.as_ref();
    ConnectionView {
        opened_at_ms: held.connection.opened_at.0,
        closed: closed.map(|closed| ClosedView {
            at_ms: closed.at.0,
            code: closed.code,
            reason: closed.reason.clone(),
        }),
    }
}

fn health(health: Health) -> Option<NodeHealthView> {
    let Health { uptime_s, load_percent, memory_free_kib, clients } = health;
    (health != Health::default()).then_some(NodeHealthView { uptime_s, load_percent, memory_free_kib, clients })
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
    match node.firmware_state() {
        FirmwareState::Undesired => FirmwareProgress::None,
        FirmwareState::Pending => FirmwareProgress::Pending,
        FirmwareState::Downloading => FirmwareProgress::Downloading,
        FirmwareState::Applied => FirmwareProgress::Applied,
        FirmwareState::Failed => FirmwareProgress::Failed,
        FirmwareState::RolledBack => FirmwareProgress::RolledBack,
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
    let origin = origin(node.config_origin);
    Some(DesiredView { version: desired.version, sha256: desired.sha256.clone(), origin })
}

fn origin(origin: Origin) -> ConfigOrigin {
    match origin {
        Origin::Node => ConfigOrigin::Node,
        Origin::Site => ConfigOrigin::Site,
    }
}

/// A version of a node's configuration, which this actor has set.
pub(crate) fn config_version(version: &Version, actor: Option<String>) -> ConfigVersionView {
    let Remembered { version: number, sha256, setting, origin: set_for, .. } = version.remembered.clone();
    ConfigVersionView {
        version: number,
        sha256,
        state: match version.became {
            Became::Pending => ConfigVersionProgress::Pending,
            Became::Reported(ConfigState::Applied) => ConfigVersionProgress::Applied,
            Became::Reported(ConfigState::Substituted) => ConfigVersionProgress::Substituted,
            Became::Reported(ConfigState::Rejected) => ConfigVersionProgress::Rejected,
            Became::Superseded => ConfigVersionProgress::Superseded,
            Became::Unset => ConfigVersionProgress::Unset,
        },
        runs: version.runs,
        origin: origin(set_for),
        set_at_ms: setting.map(|setting| setting.at.0),
        actor,
        document: None,
    }
}

pub(crate) fn progress(node: &Node) -> ConfigProgress {
    match node.config_progress() {
        rollcall_core::ConfigProgress::Undesired => ConfigProgress::None,
        rollcall_core::ConfigProgress::Pending => ConfigProgress::Pending,
        rollcall_core::ConfigProgress::Applied => ConfigProgress::Applied,
        rollcall_core::ConfigProgress::Substituted => ConfigProgress::Substituted,
        rollcall_core::ConfigProgress::Rejected => ConfigProgress::Rejected,
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

#[cfg(test)]
mod tests {
    use rollcall_core::{Attribute, Item, Registration, Value};

    use super::*;

    const NOW: Timestamp = Timestamp(100_000);

    fn view(attributes: &[(Attribute, Value)]) -> NodeView {
        shown(&attributes.iter().cloned().collect(), NOW)
    }

    fn shown(item: &Item, now: Timestamp) -> NodeView {
        let policy = Policy::new(Registration::Open, 6600, 300, 60, 0).expect("in range");
        node(&"ap-1".parse().expect("an id"), &Node::read(item).expect("readable"), &About::default(), now, &policy)
    }

    fn at(attribute: Attribute, number: u64) -> (Attribute, Value) {
        (attribute, Value::Number(number))
    }

    #[test]
    fn of_a_node_that_was_never_heard_of_nothing_is_shown() {
        let shown = view(&[at(Attribute::CredentialVersion, 1)]);
        assert_eq!((shown.connection, shown.last_check_in_ms, shown.last_seen_ms), (None, None, None));
        assert_eq!((shown.health, shown.budget, shown.polling), (None, None, false));
    }

    #[test]
    fn a_connection_is_shown_as_open_or_with_its_close() {
        let open = [(Attribute::Connection, "A".into()), at(Attribute::OpenedAt, 1_000)];
        let shown = view(&[&open[..], &[at(Attribute::Seen, 2_000)]].concat());
        assert_eq!(shown.connection, Some(ConnectionView { opened_at_ms: 1_000, closed: None }));
        assert_eq!((shown.last_check_in_ms, shown.last_seen_ms), (Some(2_000), Some(2_000)));
        let lost = [at(Attribute::ClosedAt, 3_000), (Attribute::CloseReason, "lost".into())];
        let closed = view(&[&open[..], &lost].concat()).connection.and_then(|connection| connection.closed);
        let reason = Some("lost".to_owned());
        assert_eq!(closed, Some(ClosedView { at_ms: 3_000, code: None, reason }));
        let properly = [at(Attribute::ClosedAt, 3_000), at(Attribute::CloseCode, 1001)];
        let closed = view(&[&open[..], &properly].concat()).connection.and_then(|connection| connection.closed);
        assert_eq!(closed, Some(ClosedView { at_ms: 3_000, code: Some(1001), reason: None }));
    }

    #[test]
    fn each_figure_of_the_health_is_shown_that_was_reported() {
        let none = NodeHealthView { uptime_s: None, load_percent: None, memory_free_kib: None, clients: None };
        let shown = view(&[at(Attribute::Load, 0)]).health;
        assert_eq!(shown, Some(NodeHealthView { load_percent: Some(0), ..none }));
        let shown = view(&[at(Attribute::Uptime, 9), at(Attribute::MemoryFree, 8), at(Attribute::Clients, 7)]).health;
        let expected = NodeHealthView { uptime_s: Some(9), memory_free_kib: Some(8), clients: Some(7), ..none };
        assert_eq!(shown, Some(expected));
    }

    #[test]
    fn a_node_polls_until_it_has_missed_its_polls() {
        let item: Item = [at(Attribute::Polls, 1), at(Attribute::OnlineSince, 1), at(Attribute::Seen, NOW.0)].into();
        let polling = |after_s| shown(&item, NOW.plus_seconds(after_s)).polling;
        assert_eq!([polling(0), polling(900), polling(901)], [true, true, false]);
    }

    #[test]
    fn a_budget_is_shown_only_while_the_node_is_blocked() {
        let budget = |until| view(&[at(Attribute::BlockedUntil, until)]).budget.map(|budget| budget.blocked_until_ms);
        assert_eq!([budget(NOW.0), budget(NOW.0 + 60_000)], [None, Some(NOW.0 + 60_000)]);
    }
    #[test]
    fn a_node_that_runs_something_else_than_it_reported_as_applied_is_shown_as_pending() {
        let applied: [(Attribute, Value); 3] = [
            (Attribute::DesiredFirmware, "2.5".into()),
            (Attribute::UpdateVersion, "2.5".into()),
            (Attribute::UpdateState, "applied".into()),
        ];
        let progress =
            |runs: &str| view(&[&applied[..], &[(Attribute::Firmware, runs.into())]].concat()).firmware_update;
        assert_eq!([progress("2.5"), progress("2.4")], [FirmwareProgress::Applied, FirmwareProgress::Pending]);
        assert_eq!(view(&applied).firmware_update, FirmwareProgress::Applied, "it does not say what it runs");
    }
}
