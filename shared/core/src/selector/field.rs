//! What a selector looks at.

use crate::limits::LABEL_KEY_BYTES;
use crate::selector::op::Op;

/// A property of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Node,
    Name,
    Site,
    Model,
    Tag,
    Label(String),
    Firmware,
    DesiredFirmware,
    FirmwareUpdate,
    Config,
    Presence,
    Seen,
    CredentialVersion,
    Revoked,
}

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Version,
    Number,
    /// How long ago something was.
    Age,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// How the fields that have no key are called.
const NAMES: [(&str, Field); 13] = [
    ("node", Field::Node),
    ("name", Field::Name),
    ("site", Field::Site),
    ("model", Field::Model),
    ("tag", Field::Tag),
    ("firmware", Field::Firmware),
    ("desired_firmware", Field::DesiredFirmware),
    ("firmware_update", Field::FirmwareUpdate),
    ("config", Field::Config),
    ("presence", Field::Presence),
    ("seen", Field::Seen),
    ("credential_version", Field::CredentialVersion),
    ("revoked", Field::Revoked),
];

/// What a label's field begins with.
const LABEL: &str = "label.";

impl Field {
    /// The field with this name.
    pub(super) fn read(name: &str) -> Option<Self> {
        if let Some(key) = name.strip_prefix(LABEL) {
            let fits = (1..=LABEL_KEY_BYTES).contains(&key.len()) && key.bytes().all(is_of_name);
            return fits.then(|| Self::Label(key.to_owned()));
        }
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, field)| field.clone())
    }

    /// The names of all fields, for a sentence.
    pub(super) fn names() -> String {
        let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
        format!("{} and {LABEL}KEY", names.join(", "))
    }

    /// The field's name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Label(key) => format!("{LABEL}{key}"),
            _ => NAMES.iter().find(|(_, field)| field == self).map(|(name, _)| (*name).to_owned()).unwrap_or_default(),
        }
    }

    /// What its values are.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Node | Self::Name | Self::Site | Self::Model | Self::Tag | Self::Label(_) => Kind::Text,
            Self::Firmware | Self::DesiredFirmware => Kind::Version,
            Self::FirmwareUpdate => Kind::Word(&["none", "pending", "downloading", "applied", "failed", "rolled-back"]),
            Self::Config => Kind::Word(&["none", "pending", "applied", "substituted", "rejected"]),
            Self::Presence => Kind::Word(&["online", "silent", "offline"]),
            Self::Revoked => Kind::Word(&["yes", "no"]),
            Self::Seen => Kind::Age,
            Self::CredentialVersion => Kind::Number,
        }
    }
}

impl Kind {
    /// The operators that it has.
    pub(super) fn ops(self) -> &'static [Op] {
        match self {
            Self::Text => &[Op::Is, Op::IsNot, Op::Has, Op::HasNot],
            Self::Version => &[Op::Is, Op::IsNot, Op::Below, Op::AtMost, Op::Above, Op::AtLeast, Op::Has, Op::HasNot],
            Self::Number | Self::Age => &[Op::Is, Op::IsNot, Op::Below, Op::AtMost, Op::Above, Op::AtLeast],
            Self::Word(_) => &[Op::Is, Op::IsNot],
        }
    }
}

/// Whether the name of a field may have this byte: those that the key of a label may have.
pub(super) fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':' | b'/')
}
