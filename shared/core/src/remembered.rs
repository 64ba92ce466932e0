//! What a node's history has of one version of its configuration.

use std::fmt::Write as _;

use crate::node::{Node, Origin};
use crate::report::ConfigState;
use crate::timestamp::Timestamp;

/// When a version was made, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// When it was made.
    pub at: Timestamp,
    /// Who made it, as [`Actor::stored`](crate::Actor::stored) has it: a name, or a reference to one.
    pub by: Option<String>,
}

/// What is remembered of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The version.
    pub version: u64,
    /// The SHA-256 of its document, in hexadecimal; `None` if it counts that no configuration was desired any more.
    pub sha256: Option<String>,
    /// When it was made and by whom; `None` if that is not known.
    pub setting: Option<Setting>,
    /// For whom it was set.
    pub origin: Origin,
    /// What the node had reported last when the version was made: on which version, and what.
    pub reported: Option<(u64, ConfigState)>,
}

/// What stands for a part that there is not.
const NONE: &str = "-";
/// What stands for a configuration that was set for a site, and for one that was set for the node alone.
const SITE: &str = "s";
const NODE: &str = "n";
/// How many parts the text has: the document, the time, for whom it was set, the report, and who made it.
const PARTS: usize = 5;

impl Remembered {
    /// What is to be remembered of the version that was just made of a node.
    pub(crate) fn of(node: &Node, setting: &Setting) -> Self {
        let reported = node.config.as_ref().map(|config| (config.version, config.state));
        Self {
            setting: Some(setting.clone()),
            // A node can report on a version that was never made.
            reported: reported.filter(|(version, _)| *version < node.config_version),
            ..Self::as_told_by(node)
        }
    }

    /// What the node itself has of the version that was made last.
    pub(crate) fn as_told_by(node: &Node) -> Self {
        let sha256 = node.desired.as_ref().map(|desired| desired.sha256.clone());
        Self { version: node.config_version, sha256, setting: None, origin: node.config_origin, reported: None }
    }

    /// The text that is stored beside the version.
    pub(crate) fn stored(&self) -> String {
        let mut text = self.sha256.clone().unwrap_or_else(|| NONE.to_owned());
        let Some(setting) = &self.setting else { return text };
        let origin = if self.origin == Origin::Site { SITE } else { NODE };
        let reported = self.reported.map(|(version, state)| format!("{version}{}", &state.as_str()[..1]));
        let (reported, by) = (reported.as_deref().unwrap_or(NONE), setting.by.as_deref().unwrap_or_default());
        // Writing to text does not fail.
        let _ = write!(text, " {} {origin} {reported} {by}", setting.at.0);
        text
    }

    /// Reads the text; `None` if it is none that the rules write. An older release wrote the document alone.
    pub(crate) fn read(version: u64, text: &str) -> Option<Self> {
        let parts: Vec<_> = text.splitn(PARTS, ' ').collect();
        let sha256 = Some(parts[0].to_owned()).filter(|sha256| sha256 != NONE);
        let [_, at, origin, reported, by] = parts[..] else {
            let alone = Self { version, sha256, setting: None, origin: Origin::Node, reported: None };
            return (parts.len() == 1).then_some(alone);
        };
        let setting = Setting { at: Timestamp(at.parse().ok()?), by: Some(by.to_owned()).filter(|by| !by.is_empty()) };
        let origin = match origin {
            SITE => Origin::Site,
            NODE => Origin::Node,
            _ => return None,
        };
        let reported = if reported == NONE { None } else { Some(report(reported)?) };
        Some(Self { version, sha256, setting: Some(setting), origin, reported })
    }
}

/// Reads a report: the version, and the first letter of what the node did with it.
fn report(text: &str) -> Option<(u64, ConfigState)> {
    let (version, letter) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let states = [ConfigState::Applied, ConfigState::Substituted, ConfigState::Rejected];
    let state = states.into_iter().find(|state| &state.as_str()[..1] == letter)?;
    Some((version.parse().ok()?, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(by: Option<&str>, origin: Origin, reported: Option<(u64, ConfigState)>) -> Remembered {
        let setting = Some(Setting { at: Timestamp(9_999_999_999_999), by: by.map(str::to_owned) });
        Remembered { version: 7, sha256: Some("ab".repeat(32)), setting, origin, reported }
    }

    #[test]
    fn what_is_stored_is_read_as_it_was() {
        let actors = [None, Some("deploy"), Some("the night shift"), Some("#0123456789abcdef0123"), Some("-")];
        let reports = [ConfigState::Applied, ConfigState::Substituted, ConfigState::Rejected];
        let reports = reports.map(|state| Some((6, state)));
        for by in actors {
            for origin in [Origin::Node, Origin::Site] {
                for reported in [None].into_iter().chain(reports) {
                    let is = remembered(by, origin, reported);
                    let unset = Remembered { sha256: None, ..is.clone() };
                    for is in [is, unset] {
                        assert_eq!(Remembered::read(7, &is.stored()), Some(is.clone()), "{:?}", is.stored());
                    }
                }
            }
        }
    }

    #[test]
    fn what_an_older_release_has_written_is_a_document_alone() {
        let old = Remembered::read(7, "abcd").expect("a document");
        assert_eq!((old.sha256.as_deref(), old.setting, old.origin), (Some("abcd"), None, Origin::Node));
        for wrong in ["ab 1", "ab 1 n -", "ab x n - me", "ab 1 x - me", "ab 1 n 6x me", "ab 1 n a me", "ab 1 n  me"] {
            assert_eq!(Remembered::read(7, wrong), None, "{wrong}");
        }
    }
}
