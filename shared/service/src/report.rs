//! The report in a check-in, as the rules read it.

use rollcall_core::{ConfigOutcome, ConfigState, Health, Report, UpdateOutcome, UpdateState};
use rollcall_wire::{CheckIn, ConfigStatus, UpdateStatus};

/// The report in a check-in. An update report with an invalid version is dropped: no such version is ever desired, so
/// nothing waits for the report.
pub(crate) fn report(check_in: CheckIn) -> Report {
    let mut dropped = check_in.dropped;
    let config = check_in.config.map(|config| ConfigOutcome {
        version: config.version,
        state: match config.status {
            ConfigStatus::Applied => ConfigState::Applied,
            ConfigStatus::Substituted => ConfigState::Substituted,
            ConfigStatus::Rejected => ConfigState::Rejected,
        },
        detail: config.detail.filter(|detail| !detail.is_empty()),
    });
    let health = check_in.health.map(|health| Health {
        uptime_s: health.uptime_s,
        load_percent: health.load_percent,
        memory_free_kib: health.memory_free_kib,
        clients: health.clients,
    });
    let update = check_in.update.and_then(|update| {
        let Ok(version) = update.version.parse() else {
            dropped += 1;
            return None;
        };
        let state = match update.status {
            UpdateStatus::Downloading => UpdateState::Downloading,
            UpdateStatus::Applied => UpdateState::Applied,
            UpdateStatus::Failed => UpdateState::Failed,
            UpdateStatus::RolledBack => UpdateState::RolledBack,
        };
        Some(UpdateOutcome { version, state, detail: update.detail.filter(|text| !text.is_empty()) })
    });
    Report::new(check_in.firmware, config, health.unwrap_or_default()).with_update(update).with_dropped(dropped)
}
