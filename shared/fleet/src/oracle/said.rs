//! Whether a stored node is what a check-in said.

use rollcall_core::{ConfigState, DETAIL_BYTES, FIRMWARE_BYTES, Node, UPDATE_DETAIL_BYTES, UpdateState};
use rollcall_wire::{CheckIn, ConfigReport, ConfigStatus, Health, UpdateReport, UpdateStatus};

/// Whether the stored node has everything that the check-in said. What a check-in does not say may be anything. Results
/// of commands are stored elsewhere.
pub(super) fn is_stored(said: &CheckIn, is: &Node) -> bool {
    firmware(said, is)
        && said.config.as_ref().is_none_or(|config| is_config(config, is))
        && said.update.as_ref().is_none_or(|update| is_update(update, is))
        && said.health.as_ref().is_none_or(|health| is_health(*health, is))
}

/// What is kept of a text: its start, cut between two characters; `None` if it is empty.
fn kept(text: Option<&str>, limit: usize) -> Option<&str> {
    text.map(|text| &text[..text.floor_char_boundary(limit)]).filter(|text| !text.is_empty())
}

fn firmware(said: &CheckIn, is: &Node) -> bool {
    // A node that reports that it runs a version, and says nothing else of what it runs, runs that version.
    let applied = said.update.as_ref().filter(|update| update.status == UpdateStatus::Applied);
    let runs = kept(said.firmware.as_deref(), FIRMWARE_BYTES).or_else(|| applied.map(|update| update.version.as_str()));
    runs.is_none() || runs == is.firmware.as_deref()
}

fn is_config(said: &ConfigReport, is: &Node) -> bool {
    let state = match said.status {
        ConfigStatus::Applied => ConfigState::Applied,
        ConfigStatus::Substituted => ConfigState::Substituted,
        ConfigStatus::Rejected => ConfigState::Rejected,
    };
    let reported = is.config.as_ref().is_some_and(|config| {
        config.version == said.version
            && config.state == state
            && config.detail.as_deref() == kept(said.detail.as_deref(), DETAIL_BYTES)
    });
    // A node that rejects a configuration keeps running the one before.
    reported && (state == ConfigState::Rejected || is.applied == Some(said.version))
}

fn is_update(said: &UpdateReport, is: &Node) -> bool {
    let state = match said.status {
        UpdateStatus::Downloading => UpdateState::Downloading,
        UpdateStatus::Applied => UpdateState::Applied,
        UpdateStatus::Failed => UpdateState::Failed,
        UpdateStatus::RolledBack => UpdateState::RolledBack,
    };
    is.update.as_ref().is_some_and(|update| {
        update.version.as_str() == said.version
            && update.state == state
            && update.detail.as_deref() == kept(said.detail.as_deref(), UPDATE_DETAIL_BYTES)
    })
}

fn is_health(said: Health, is: &Node) -> bool {
    let is = is.health;
    said.uptime_s.is_none_or(|said| is.uptime_s == Some(said))
        && said.load_percent.is_none_or(|said| is.load_percent == Some(said))
        && said.memory_free_kib.is_none_or(|said| is.memory_free_kib == Some(said))
        && said.clients.is_none_or(|said| is.clients == Some(said))
}
