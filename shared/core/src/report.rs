//! What a node reports in a check-in.

use crate::id::FirmwareVersion;
use crate::limits::{DETAIL_BYTES, FIRMWARE_BYTES, UPDATE_DETAIL_BYTES, clip};

/// What a node reports about itself. A value that is absent leaves the stored one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    firmware: Option<String>,
    config: Option<ConfigOutcome>,
    update: Option<UpdateOutcome>,
    health: Health,
    /// How many of its fields were dropped or clipped.
    dropped: u32,
}

/// A node's report on a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigOutcome {
    /// The configuration's version.
    pub version: u64,
    /// What the node did with that version.
    pub state: ConfigState,
    /// What replaced a substituted configuration, or why a configuration was rejected.
    pub detail: Option<String>,
}

/// What a node did with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigState {
    /// The node runs it.
    Applied,
    /// The node runs something close to it.
    Substituted,
    /// The node refused it or rolled it back.
    Rejected,
}

impl ConfigState {
    /// The state as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Substituted => "substituted",
            Self::Rejected => "rejected",
        }
    }

    /// Reads a state as it was stored.
    pub(crate) fn read(text: &str) -> Option<Self> {
        [Self::Applied, Self::Substituted, Self::Rejected].into_iter().find(|state| state.as_str() == text)
    }
}

/// A node's report on a firmware update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateOutcome {
    /// The firmware version of the update.
    pub version: FirmwareVersion,
    /// How far the update got.
    pub state: UpdateState,
    /// What went wrong.
    pub detail: Option<String>,
}

/// How far a firmware update got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateState {
    /// The image is being downloaded or installed.
    Downloading,
    /// The node runs the version.
    Applied,
    /// The image could not be downloaded, verified or installed.
    Failed,
    /// The node runs the version from before the update again.
    RolledBack,
}

impl UpdateState {
    /// The state as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downloading => "downloading",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
        }
    }

    /// Reads a state as it was stored.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let all = [Self::Downloading, Self::Applied, Self::Failed, Self::RolledBack];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// Figures on how a node is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Time since boot, in seconds.
    pub uptime_s: Option<u64>,
    /// Load, in percent.
    pub load_percent: Option<u32>,
    /// Free memory, in KiB.
    pub memory_free_kib: Option<u64>,
    /// How many clients the node serves.
    pub clients: Option<u32>,
}

impl Report {
    /// Clips the values to what is stored. They only describe the node, so a value that is too long is no reason to
    /// refuse the check-in.
    ///
    /// A long firmware version is clipped, too. It is never taken for the desired version, since no desired version is
    /// as long as what is kept ([`FIRMWARE_VERSION_BYTES`](crate::limits::FIRMWARE_VERSION_BYTES)). If it were dropped
    /// instead, the stored version would be one that no longer runs.
    pub fn new(firmware: Option<String>, config: Option<ConfigOutcome>, health: Health) -> Self {
        let mut dropped = 0;
        let config =
            config.map(|config| ConfigOutcome { detail: clipped(config.detail, DETAIL_BYTES, &mut dropped), ..config });
        let was_given = firmware.is_some();
        let firmware = firmware.filter(|firmware| !firmware.is_empty());
        dropped += u32::from(was_given && firmware.is_none());
        let firmware = clipped(firmware, FIRMWARE_BYTES, &mut dropped);
        Self { firmware, config, update: None, health, dropped }
    }

    /// Adds the report on a firmware update. A long detail is clipped.
    #[must_use]
    pub fn with_update(mut self, update: Option<UpdateOutcome>) -> Self {
        self.update = update.map(|update| UpdateOutcome {
            detail: clipped(update.detail, UPDATE_DETAIL_BYTES, &mut self.dropped),
            ..update
        });
        self
    }

    /// Adds to the number of fields that were dropped or clipped.
    #[must_use]
    pub fn with_dropped(mut self, dropped: u32) -> Self {
        self.dropped = self.dropped.saturating_add(dropped);
        self
    }

    /// How many fields were dropped or clipped.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The firmware version that the node runs.
    pub fn firmware(&self) -> Option<&str> {
        self.firmware.as_deref()
    }

    /// The report on a configuration.
    pub fn config(&self) -> Option<&ConfigOutcome> {
        self.config.as_ref()
    }

    /// The report on a firmware update.
    pub fn update(&self) -> Option<&UpdateOutcome> {
        self.update.as_ref()
    }

    /// The figures on how the node is doing.
    pub fn health(&self) -> Health {
        self.health
    }
}

/// Clips a text, and counts it if it was too long.
fn clipped(text: Option<String>, limit: usize, dropped: &mut u32) -> Option<String> {
    text.map(|text| {
        let kept = clip(&text, limit);
        *dropped += u32::from(kept.len() < text.len());
        kept.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FIRMWARE_VERSION_BYTES;

    #[test]
    fn a_long_detail_is_clipped_between_characters_and_counted() {
        let detail = Some("ä".repeat(DETAIL_BYTES));
        let config = ConfigOutcome { version: 1, state: ConfigState::Rejected, detail: detail.clone() };
        let version = "2.5".parse().expect("a version");
        let update = UpdateOutcome { version, state: UpdateState::Failed, detail };
        let report = Report::new(None, Some(config), Health::default()).with_update(Some(update)).with_dropped(3);
        let kept = report.config().and_then(|config| config.detail.clone()).expect("kept");
        assert_eq!(kept, "ä".repeat(DETAIL_BYTES / 2));
        let kept = report.update().and_then(|update| update.detail.clone()).expect("kept");
        assert_eq!(kept, "ä".repeat(UPDATE_DETAIL_BYTES / 2));
        assert_eq!(report.dropped(), 5);
    }

    #[test]
    fn a_firmware_version_that_can_not_be_stored_is_no_reason_to_refuse_a_check_in() {
        let stored = |firmware: &str| {
            let report = Report::new(Some(firmware.to_owned()), None, Health::default());
            (report.firmware().map(str::to_owned), report.dropped())
        };
        assert_eq!(stored(""), (None, 1));
        assert_eq!(stored(&"1".repeat(FIRMWARE_BYTES)), (Some("1".repeat(FIRMWARE_BYTES)), 0));
        assert_eq!(stored(&"1".repeat(65)), (Some("1".repeat(64)), 1));
        assert_eq!(stored(&format!("1{}", "ä".repeat(40))), (Some(format!("1{}", "ä".repeat(31))), 1));
    }

    #[test]
    fn no_clipped_firmware_version_is_taken_for_one_that_is_desired() {
        const { assert!(FIRMWARE_BYTES > FIRMWARE_VERSION_BYTES + 3, "clipping may cost up to 3 bytes more") };
    }
}
