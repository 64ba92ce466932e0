//! A stored node, as the console shows it.

use rollcall_core::{ConfigOutcome, ConfigState, Node, NodeId, Presence, Timestamp, WantedConfig, presence_at};
use rollcall_wire::console::{AppliedView, ConfigProgress, NodeView, WantedView};
use rollcall_wire::{ConfigReport, ConfigStatus, Edit};
use serde_json::Value;

/// A node as it is at this time: one whose grace period is over counts as offline, swept or not.
pub(crate) fn node(id: &NodeId, node: &Node, now: Timestamp) -> NodeView {
    let (online, since) = match presence_at(node, now) {
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
        wanted: wanted(node),
        reported: node.config.as_ref().map(reported),
        config: progress(node),
    }
}

pub(crate) fn wanted(node: &Node) -> Option<WantedView> {
    let wanted = node.wanted.as_ref()?;
    Some(WantedView { version: wanted.version, sha256: wanted.sha256.clone() })
}

pub(crate) fn progress(node: &Node) -> ConfigProgress {
    match (&node.wanted, node.news(), &node.config) {
        (None, ..) => ConfigProgress::None,
        (Some(_), None, Some(reported)) => match reported.state {
            ConfigState::Applied => ConfigProgress::Applied,
            ConfigState::Substituted => ConfigProgress::Substituted,
            ConfigState::Rejected => ConfigProgress::Rejected,
        },
        (Some(_), ..) => ConfigProgress::Pending,
    }
}

/// How to get from what a node runs to what it is to run; nothing if one of them is not known.
pub(crate) fn difference(
    applied: Option<&AppliedView>,
    wanted: Option<&WantedConfig>,
    document: Option<&Value>,
) -> Option<Vec<Edit>> {
    let (applied, wanted) = (applied?, wanted?);
    if applied.sha256.as_ref() == Some(&wanted.sha256) {
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
