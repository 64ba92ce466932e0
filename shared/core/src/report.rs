//! What a node says of itself in a check-in.

use crate::id::{FirmwareVersion, InvalidId};
use crate::limits::{DETAIL_BYTES, FIRMWARE_BYTES, UPDATE_DETAIL_BYTES, clip};

/// What a node says of itself. What is absent leaves what is stored as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    firmware: Option<String>,
    config: Option<ConfigOutcome>,
    update: Option<UpdateOutcome>,
    health: Health,
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

/// A report that can't be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The firmware version is empty.
    #[error("firmware: can't be empty")]
    FirmwareEmpty,
    /// The firmware version is too long.
    #[error("firmware: at most {FIRMWARE_BYTES} bytes, not {length}")]
    FirmwareTooLong {
        /// Its length, in bytes.
        length: usize,
    },
    /// The version of an update can't be one.
    #[error("update: {0}")]
    Update(#[from] InvalidId),
}

impl Report {
    /// Checks what the node said. A long detail is clipped rather than refused: it is for people, and a check-in
    /// matters more.
    ///
    /// # Errors
    /// If the firmware version is empty or too long to be stored.
    pub fn new(firmware: Option<String>, config: Option<ConfigOutcome>, health: Health) -> Result<Self, ReportError> {
        match firmware.as_deref().map(str::len) {
            Some(0) => return Err(ReportError::FirmwareEmpty),
            Some(length) if length > FIRMWARE_BYTES => return Err(ReportError::FirmwareTooLong { length }),
            _ => {}
        }
        let config = config.map(|config| ConfigOutcome {
            detail: config.detail.map(|detail| clip(&detail, DETAIL_BYTES).to_owned()),
            ..config
        });
        Ok(Self { firmware, config, update: None, health })
    }

    /// With how the node is getting on with a firmware version. A long detail is clipped.
    #[must_use]
    pub fn with_update(self, update: Option<UpdateOutcome>) -> Self {
        let update = update.map(|update| UpdateOutcome {
            detail: update.detail.map(|detail| clip(&detail, UPDATE_DETAIL_BYTES).to_owned()),
            ..update
        });
        Self { update, ..self }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_detail_is_clipped_between_characters() {
        let detail = Some("ä".repeat(DETAIL_BYTES));
        let config = ConfigOutcome { version: 1, state: ConfigState::Rejected, detail };
        let report = Report::new(None, Some(config), Health::default()).expect("fits");
        let kept = report.config().and_then(|config| config.detail.clone()).expect("kept");
        assert_eq!(kept, "ä".repeat(DETAIL_BYTES / 2));
    }

    #[test]
    fn a_firmware_version_is_stored_whole_or_not_at_all() {
        let report = |firmware: &str| Report::new(Some(firmware.to_owned()), None, Health::default());
        assert_eq!(report(""), Err(ReportError::FirmwareEmpty));
        assert!(report(&"1".repeat(FIRMWARE_BYTES)).is_ok());
        assert_eq!(report(&"1".repeat(65)), Err(ReportError::FirmwareTooLong { length: 65 }));
    }
}
