//! What a node says of itself in a check-in.

use crate::id::FirmwareVersion;
use crate::limits::{DETAIL_BYTES, FIRMWARE_BYTES, UPDATE_DETAIL_BYTES, clip};

/// What a node says of itself. What is absent leaves what is stored as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    firmware: Option<String>,
    config: Option<ConfigOutcome>,
    update: Option<UpdateOutcome>,
    health: Health,
    /// How many of its fields were dropped or clipped.
    dropped: u32,
}

/// What became of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigOutcome {
    /// Its version.
    pub version: u64,
    /// What the node did with it.
    pub state: ConfigState,
    /// With what it was substituted, or why it was rejected.
    pub detail: Option<String>,
}

/// What a node did with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigState {
    /// It runs.
    Applied,
    /// Something close to it runs.
    Substituted,
    /// It was refused or rolled back.
    Rejected,
}

impl ConfigState {
    /// How it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Substituted => "substituted",
            Self::Rejected => "rejected",
        }
    }

    /// As it was stored.
    pub(crate) fn read(text: &str) -> Option<Self> {
        [Self::Applied, Self::Substituted, Self::Rejected].into_iter().find(|state| state.as_str() == text)
    }
}

/// How a node is getting on with a firmware version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateOutcome {
    /// The version.
    pub version: FirmwareVersion,
    /// How far it got.
    pub state: UpdateState,
    /// What went wrong.
    pub detail: Option<String>,
}

/// How far a firmware update got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateState {
    /// It is under way.
    Downloading,
    /// It runs.
    Applied,
    /// It could not be had, verified or installed.
    Failed,
    /// What ran before it runs again.
    RolledBack,
}

impl UpdateState {
    /// How it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downloading => "downloading",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
        }
    }

    /// As it was stored.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let all = [Self::Downloading, Self::Applied, Self::Failed, Self::RolledBack];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// How a node is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Time since boot, in seconds.
    pub uptime_s: Option<u64>,
    /// Load, in percent.
    pub load_percent: Option<u32>,
    /// Free memory, in KiB.
    pub memory_free_kib: Option<u64>,
    /// Clients served.
    pub clients: Option<u32>,
}

impl Report {
    /// Keeps of what the node said as much as is stored: it only describes the node, and a check-in matters more.
    ///
    /// Details are clipped. So is a firmware version, which is compared with the one that is desired: no version that may be
    /// desired is as long as what is kept ([`FIRMWARE_VERSION_BYTES`](crate::limits::FIRMWARE_VERSION_BYTES)), so that a
    /// clipped one is never taken for it; and to drop it would leave a version in its place that does not run any more.
    pub fn new(firmware: Option<String>, config: Option<ConfigOutcome>, health: Health) -> Self {
        let mut dropped = 0;
        let config =
            config.map(|config| ConfigOutcome { detail: clipped(config.detail, DETAIL_BYTES, &mut dropped), ..config });
        let said = firmware.is_some();
        let firmware = firmware.filter(|firmware| !firmware.is_empty());
        dropped += u32::from(said && firmware.is_none());
        let firmware = clipped(firmware, FIRMWARE_BYTES, &mut dropped);
        Self { firmware, config, update: None, health, dropped }
    }

    /// With how the node is getting on with a firmware version. A long detail is clipped.
    #[must_use]
    pub fn with_update(mut self, update: Option<UpdateOutcome>) -> Self {
        self.update = update.map(|update| UpdateOutcome {
            detail: clipped(update.detail, UPDATE_DETAIL_BYTES, &mut self.dropped),
            ..update
        });
        self
    }

    /// With this many fields more that were dropped or clipped before.
    #[must_use]
    pub fn with_dropped(mut self, dropped: u32) -> Self {
        self.dropped = self.dropped.saturating_add(dropped);
        self
    }

    /// How many of its fields were dropped or clipped.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The firmware version that runs.
    pub fn firmware(&self) -> Option<&str> {
        self.firmware.as_deref()
    }

    /// What became of a configuration.
    pub fn config(&self) -> Option<&ConfigOutcome> {
        self.config.as_ref()
    }

    /// How the node is getting on with a firmware version.
    pub fn update(&self) -> Option<&UpdateOutcome> {
        self.update.as_ref()
    }

    /// How the node is doing.
    pub fn health(&self) -> Health {
        self.health
    }
}

/// As much of a text as is kept.
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
        let said = |firmware: &str| {
            let report = Report::new(Some(firmware.to_owned()), None, Health::default());
            (report.firmware().map(str::to_owned), report.dropped())
        };
        assert_eq!(said(""), (None, 1));
        assert_eq!(said(&"1".repeat(FIRMWARE_BYTES)), (Some("1".repeat(FIRMWARE_BYTES)), 0));
        assert_eq!(said(&"1".repeat(65)), (Some("1".repeat(64)), 1));
        assert_eq!(said(&format!("1{}", "ä".repeat(40))), (Some(format!("1{}", "ä".repeat(31))), 1));
    }

    #[test]
    fn no_clipped_firmware_version_is_taken_for_one_that_is_desired() {
        const { assert!(FIRMWARE_BYTES > FIRMWARE_VERSION_BYTES + 3, "what is kept, less a part of a character") };
    }
}
