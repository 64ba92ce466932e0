//! What a selector sees of a node.

use crate::about::{About, Name};
use crate::counts::CountedBy;
use crate::id::NodeId;
use crate::node::{ConfigProgress, FirmwareState, Node};
use crate::policy::Policy;
use crate::presence::{PresenceState, shown_presence};
use crate::selector::field::Field;
use crate::timestamp::Timestamp;

/// What a selector looks at. The default is a node of which nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Selectable<'a> {
    pub node: &'a str,
    pub site: Option<&'a str>,
    pub model: Option<&'a str>,
    pub tags: Vec<&'a str>,
    pub name: Option<&'a str>,
    pub labels: Vec<(&'a str, &'a str)>,
    /// The version that it reported.
    pub firmware: Option<&'a str>,
    pub desired_firmware: Option<&'a str>,
    pub firmware_update: FirmwareState,
    pub config: ConfigProgress,
    pub presence: PresenceState,
    /// How long ago it was last heard of, in milliseconds; `None` if it never was.
    pub seen_ms_ago: Option<u64>,
    pub credential_version: Option<u32>,
    pub revoked: bool,
}

impl Default for Selectable<'_> {
    fn default() -> Self {
        Self {
            node: "",
            site: None,
            model: None,
            tags: vec![],
            name: None,
            labels: vec![],
            firmware: None,
            desired_firmware: None,
            firmware_update: FirmwareState::Undesired,
            config: ConfigProgress::Undesired,
            presence: PresenceState::Offline,
            seen_ms_ago: None,
            credential_version: None,
            revoked: false,
        }
    }
}

impl<'a> Selectable<'a> {
    /// A node as it is at this time.
    pub fn of(id: &'a NodeId, node: &'a Node, about: &'a About, now: Timestamp, policy: &Policy) -> Self {
        Self {
            node: id.as_str(),
            site: node.site.as_deref(),
            model: node.model.as_deref(),
            tags: node.tags.iter().collect(),
            name: about.name.as_ref().map(Name::as_str),
            labels: about.labels.iter().collect(),
            firmware: node.firmware.as_deref(),
            desired_firmware: node.desired_firmware.as_deref(),
            firmware_update: node.firmware_state(),
            config: node.config_progress(),
            presence: shown_presence(node, now, policy).state,
            // A clock of the future has heard of it just now.
            seen_ms_ago: node.last_heard().map(|heard| now.0.saturating_sub(heard.0)),
            credential_version: node.credentials.map(|version| version.0),
            revoked: node.revoked,
        }
    }

    /// The node's value of a property by which nodes are counted; an empty text if it has none.
    pub(crate) fn counted(&self, by: CountedBy) -> &'a str {
        let text = |field| self.text(&field).unwrap_or_default();
        match by {
            CountedBy::Node => "",
            CountedBy::Presence => self.word(&Field::Presence),
            CountedBy::Firmware => text(Field::Firmware),
            CountedBy::FirmwareUpdate => self.word(&Field::FirmwareUpdate),
            CountedBy::Config => self.word(&Field::Config),
            CountedBy::Model => text(Field::Model),
            CountedBy::Site => text(Field::Site),
        }
    }

    /// The text that the node has for a field with at most one.
    pub(super) fn text(&self, field: &Field) -> Option<&'a str> {
        match field {
            Field::Node => Some(self.node),
            Field::Name => self.name,
            Field::Site => self.site,
            Field::Model => self.model,
            Field::Firmware => self.firmware,
            Field::DesiredFirmware => self.desired_firmware,
            Field::Label(key) => self.labels.iter().find(|(known, _)| known == key).map(|(_, value)| *value),
            _ => None,
        }
    }

    /// The word that the node has for a field that is one of some words.
    pub(super) fn word(&self, field: &Field) -> &'static str {
        match field {
            Field::FirmwareUpdate => match self.firmware_update {
                FirmwareState::Undesired => "none",
                FirmwareState::Pending => "pending",
                FirmwareState::Downloading => "downloading",
                FirmwareState::Applied => "applied",
                FirmwareState::Failed => "failed",
                FirmwareState::RolledBack => "rolled-back",
            },
            Field::Config => match self.config {
                ConfigProgress::Undesired => "none",
                ConfigProgress::Pending => "pending",
                ConfigProgress::Applied => "applied",
                ConfigProgress::Substituted => "substituted",
                ConfigProgress::Rejected => "rejected",
            },
            Field::Presence => match self.presence {
                PresenceState::Online => "online",
                PresenceState::Silent => "silent",
                PresenceState::Offline => "offline",
            },
            Field::Revoked if self.revoked => "yes",
            Field::Revoked => "no",
            _ => "",
        }
    }
}
