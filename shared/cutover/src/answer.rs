//! Answers, and what they are made of.

use serde::Serialize;
use serde_json::Value;

/// An answer to a poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Answer {
    pub status: u16,
    /// The names are in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }
}

/// What Rollcall has for a node: the variables of the templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct News {
    /// The node's id.
    pub node: String,
    /// Whether there is neither a configuration, nor a command, nor firmware.
    pub unchanged: bool,
    /// The configuration to run, if the node does not run it.
    pub config: Option<ConfigNews>,
    /// The configuration to run, whether the node runs it or not.
    pub desired: Option<ConfigNews>,
    /// The command to execute.
    pub command: Option<CommandNews>,
    /// The firmware to run, if the node does not run it.
    pub firmware: Option<FirmwareNews>,
    /// When the node is to poll next, in seconds from now.
    pub next_check_in_s: u32,
    /// The time, in seconds since 1970.
    pub now_s: u64,
}

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ConfigNews {
    /// Its version, which Rollcall counts.
    pub version: u64,
    /// The SHA-256 of its text, in hexadecimal.
    pub sha256: String,
    /// The document, as text: exactly the bytes that were set.
    pub text: String,
    /// The document, as a value.
    pub document: Value,
}

/// A command.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CommandNews {
    pub number: u64,
    pub name: String,
    pub args: Value,
}

/// Firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FirmwareNews {
    /// The version.
    pub version: String,
    /// Where the image is. The URL is good for a GET for a while.
    pub url: String,
    /// The image's size, in bytes.
    pub size: u64,
    /// The image's SHA-256, in hexadecimal.
    pub sha256: String,
    /// The vendor's signature of the image.
    pub signature: String,
}

impl News {
    /// Made-up news of each kind, to try templates with.
    pub(crate) fn samples() -> [(&'static str, Self); 4] {
        let document = Value::from_iter([("ssid".to_owned(), Value::from("guest"))]);
        let config = ConfigNews { version: 7, sha256: "ab".repeat(32), text: document.to_string(), document };
        let unchanged = Self {
            node: "ap-1".to_owned(),
            unchanged: true,
            desired: Some(config.clone()),
            next_check_in_s: 300,
            now_s: 1_700_000_000,
            ..Self::default()
        };
        let changed = || Self { unchanged: false, ..unchanged.clone() };
        let args = Value::from_iter([("seconds".to_owned(), Value::from(5))]);
        let command = CommandNews { number: 3, name: "reboot".to_owned(), args };
        let firmware = FirmwareNews {
            version: "2.5.0".to_owned(),
            url: "https://firmware.example.com/2.5.0".to_owned(),
            size: 1_048_576,
            sha256: "cd".repeat(32),
            signature: "c2lnbmVk".to_owned(),
        };
        [
            ("unchanged", unchanged.clone()),
            ("a new configuration", Self { config: Some(config), ..changed() }),
            ("new firmware", Self { firmware: Some(firmware), ..changed() }),
            ("a command", Self { command: Some(command), ..changed() }),
        ]
    }
}
