//! The cut-over from a legacy polling endpoint: who answers which node, and what is kept of it.
//!
//! Each node has a mode. Modes are given to all nodes, to those that a selector means, or to a part of them by percent. A
//! node's place among the percent is a hash of its id, so that it stays on its side while the percentage grows.

use std::fmt;
use std::str::FromStr;

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::NodeId;
use crate::item::{Item, Malformed, malformed, number, text, time};
use crate::key::{Key, hash};
use crate::selector::{Selectable, Selector};
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// How many rules there may be.
const RULES: usize = 20;
/// The longest text of a selector in a rule, in bytes.
const SELECTOR_BYTES: usize = 256;
/// Hundredths of a percent in the whole.
const WHOLE: u32 = 10_000;

/// Who answers a node's polls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CutoverMode {
    /// The legacy endpoint, and Rollcall notes nothing.
    #[default]
    Off,
    /// The legacy endpoint. Rollcall notes that the node is there.
    Observe,
    /// The legacy endpoint. Rollcall also makes its own answer, and notes how it differs.
    Compare,
    /// Rollcall. The legacy endpoint answers only if Rollcall can't.
    Serve,
}

impl CutoverMode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Off, Self::Observe, Self::Compare, Self::Serve];

    /// The mode's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Compare => "compare",
            Self::Serve => "serve",
        }
    }
}

impl fmt::Display for CutoverMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CutoverMode {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| InvalidRule::Mode(text.to_owned()))
    }
}

/// A part of the nodes, in hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl FromStr for Percent {
    type Err = InvalidRule;

    /// A number from 0 to 100 with up to two digits behind the point.
    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let invalid = || InvalidRule::Percent(text.chars().take(40).collect());
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |digits: &str, most| (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole, 3) || !is_number(part, 2) {
            return Err(invalid());
        }
        let whole: u32 = whole.parse().map_err(|_| invalid())?;
        let part: u32 = format!("{part:0<2}").parse().map_err(|_| invalid())?;
        Some(Self(whole * 100 + part)).filter(|percent| percent.0 <= WHOLE).ok_or_else(invalid)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}"),
        }
    }
}

/// The mode of all nodes, or of those that a selector means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CutoverRule {
    pub selector: Option<Selector>,
    pub mode: CutoverMode,
    /// A part of these nodes has another mode.
    pub shifted: Option<(Percent, CutoverMode)>,
}

/// The modes of all nodes. A node's mode is that of the first rule that means it; the rule for all nodes comes last.
#[derive(Clone, Debug, Default, Eq)]
pub struct CutoverModes {
    rules: Vec<CutoverRule>,
    /// How they are stored, if they were read: an older release wrote selectors in another form.
    text: Option<String>,
}

/// Modes are the same if their rules are, however they are stored.
impl PartialEq for CutoverModes {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

/// Why modes can't be set or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// It is no mode.
    #[error("{0:?} is no mode: the modes are off, observe, compare and serve")]
    Mode(String),
    /// It is no percentage.
    #[error("{0:?} is no percentage: it must be a number from 0 to 100, with at most two digits behind the point")]
    Percent(String),
    /// There are too many rules.
    #[error("at most {RULES} selectors may have a mode of their own: `off` for all nodes removes them")]
    TooMany,
    /// A selector is too long.
    #[error("a selector has at most {SELECTOR_BYTES} bytes, and no line break")]
    Selector,
}

impl CutoverModes {
    /// The rules, in the order in which they are tried.
    pub fn rules(&self) -> &[CutoverRule] {
        &self.rules
    }

    /// The mode of a node.
    pub fn of(&self, node: &NodeId, selectable: &Selectable<'_>) -> CutoverMode {
        let is_meant = |rule: &&CutoverRule| rule.selector.as_ref().is_none_or(|selector| selector.has(selectable));
        let Some(rule) = self.rules.iter().find(is_meant) else { return CutoverMode::Off };
        match rule.shifted {
            Some((percent, mode)) if place(node) < percent.0 => mode,
            _ => rule.mode,
        }
    }

    /// Whether every node is off.
    pub fn is_off(&self) -> bool {
        let is_off = |rule: &CutoverRule| {
            rule.mode == CutoverMode::Off && rule.shifted.is_none_or(|(_, mode)| mode == CutoverMode::Off)
        };
        self.rules.iter().all(is_off)
    }

    /// The modes, with this one set for the nodes that a selector means, or for a part of them: the others of them keep
    /// theirs. `off` for all nodes is off for all, whatever selectors had.
    ///
    /// # Errors
    /// If there are too many rules, or the selector is too long.
    pub fn with(
        &self,
        selector: Option<&Selector>,
        percent: Option<Percent>,
        mode: CutoverMode,
    ) -> Result<Self, InvalidRule> {
        if let (None, None, CutoverMode::Off) = (selector, percent, mode) {
            return Ok(Self::default());
        }
        let text = selector.map(ToString::to_string).unwrap_or_default();
        if text.len() > SELECTOR_BYTES || text.contains(['\n', '\t', '\r']) {
            return Err(InvalidRule::Selector);
        }
        let mut rules = self.rules.clone();
        let index = rules.iter().position(|rule| rule.selector.as_ref() == selector);
        let index = index.unwrap_or_else(|| {
            let rule = CutoverRule { selector: selector.cloned(), mode: CutoverMode::Off, shifted: None };
            let last = rules.iter().position(|rule| rule.selector.is_none()).unwrap_or(rules.len());
            let index = if selector.is_some() { last } else { rules.len() };
            rules.insert(index, rule);
            index
        });
        match percent {
            None => (rules[index].mode, rules[index].shifted) = (mode, None),
            Some(percent) => rules[index].shifted = Some((percent, mode)),
        }
        if rules.len() > RULES { Err(InvalidRule::TooMany) } else { Ok(Self { rules, text: None }) }
    }

    /// A line for each rule; `None` if there are none.
    fn stored(&self) -> Option<String> {
        let line = |rule: &CutoverRule| {
            let selector = rule.selector.as_ref().map(ToString::to_string).unwrap_or_default();
            let shifted = rule.shifted.map(|(percent, mode)| format!("\t{percent}\t{mode}")).unwrap_or_default();
            format!("{selector}\t{}{shifted}", rule.mode)
        };
        let lines = || self.rules.iter().map(line).collect::<Vec<_>>().join("\n");
        Some(self.text.clone().unwrap_or_else(lines)).filter(|text| !text.is_empty())
    }

    fn read(stored: &str) -> Option<Self> {
        let rules = stored.lines().map(read_rule).collect::<Option<Vec<_>>>()?;
        Some(Self { rules: rules.into_iter().flatten().collect(), text: Some(stored.to_owned()) })
    }
}

/// The rule of a line; nothing in the outer option if it means no node.
#[expect(clippy::option_option, reason = "no rule, and one that means no node, are not the same")]
fn read_rule(line: &str) -> Option<Option<CutoverRule>> {
    let parts: Vec<_> = line.split('\t').collect();
    let (selector, mode, shifted) = match *parts {
        [selector, mode] => (selector, mode, None),
        [selector, mode, percent, to] => (selector, mode, Some((percent.parse().ok()?, to.parse().ok()?))),
        _ => return None,
    };
    let rule = |selector| Some(Some(CutoverRule { selector, mode: mode.parse().ok()?, shifted }));
    if selector.is_empty() {
        return rule(None);
    }
    match selector.parse() {
        Ok(selector) => rule(Some(selector)),
        // An older release wrote it.
        Err(_) => match Selector::read_old(selector)? {
            Some(selector) => rule(Some(selector)),
            None => Some(None),
        },
    }
}

/// A node's place among all of them, in hundredths of a percent.
fn place(node: &NodeId) -> u32 {
    // The hash of the index's shards is stirred (the last steps of MurmurHash3): neither depends on the other.
    let mut stirred = hash(node);
    for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
        stirred = (stirred ^ (stirred >> 33)).wrapping_mul(factor);
    }
    u32::try_from((stirred ^ (stirred >> 33)) % u64::from(WHOLE)).unwrap_or_default()
}

/// What a deployment is told of a cut-over: the mapping of the legacy endpoint, and the modes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutoverSettings {
    /// The mapping, as JSON; `None` if there is none.
    pub mapping: Option<String>,
    /// The modes.
    pub modes: CutoverModes,
}

impl CutoverSettings {
    /// Reads the settings from their stored item; there are none without one.
    ///
    /// # Errors
    /// If an attribute is of another type than the rules write.
    pub fn read(item: Option<&Item>) -> Result<Self, Malformed> {
        let Some(item) = item else { return Ok(Self::default()) };
        let modes = text(item, A::CutoverModes)?.map(CutoverModes::read);
        let modes = modes.map(|modes| modes.ok_or_else(|| malformed(A::CutoverModes))).transpose()?;
        Ok(Self { mapping: text(item, A::CutoverMapping)?.map(str::to_owned), modes: modes.unwrap_or_default() })
    }

    fn is_stored(&self) -> [Guard; 2] {
        let modes = self.modes.stored();
        [
            Guard::same(A::CutoverMapping, self.mapping.as_deref().map(Into::into)),
            Guard::same(A::CutoverModes, modes.as_deref().map(Into::into)),
        ]
    }
}

/// The write that changes the settings, if they are still what they were.
pub fn set_cutover(before: &CutoverSettings, after: &CutoverSettings) -> Update {
    let modes = after.modes.stored();
    Update {
        key: Key::Cutover,
        clauses: vec![Clause::new(Because::SettingsChanged, Guard::All(before.is_stored().into()))],
        already_applied: Guard::NEVER,
        changes: vec![
            Change::set_or_remove(A::CutoverMapping, after.mapping.as_deref().map(Into::into)),
            Change::set_or_remove(A::CutoverModes, modes.as_deref().map(Into::into)),
        ],
    }
}

/// What became of a node's poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// The legacy endpoint answered, and the node was noted.
    Observed,
    /// The legacy endpoint answered as Rollcall would have.
    Same,
    /// The legacy endpoint answered otherwise than Rollcall would have.
    Different,
    /// Rollcall answered.
    Served,
    /// Rollcall was to answer, and could not: the legacy endpoint answered.
    FellBack,
    /// The legacy endpoint was to answer, and could not: Rollcall answered.
    Rescued,
}

impl Polled {
    /// Everything that can become of a poll.
    pub const ALL: [Self; 6] =
        [Self::Observed, Self::Same, Self::Different, Self::Served, Self::FellBack, Self::Rescued];

    const fn count(self) -> A {
        match self {
            Self::Observed => A::PollsObserved,
            Self::Same => A::PollsSame,
            Self::Different => A::PollsDifferent,
            Self::Served => A::PollsServed,
            Self::FellBack => A::PollsFellBack,
            Self::Rescued => A::PollsRescued,
        }
    }
}

/// What is kept of a node that polls a legacy endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Legacy {
    /// A hash of what the node proved its identity with, when the legacy endpoint last accepted it.
    pub credential: Option<String>,
    /// How many polls became of what, in the order of [`Polled::ALL`].
    pub counts: [u64; Polled::ALL.len()],
    /// When the last poll came.
    pub last: Option<Timestamp>,
    /// How the last two answers differed that did, as JSON.
    pub difference: Option<String>,
    /// When that was.
    pub differed_at: Option<Timestamp>,
}

impl Legacy {
    /// Reads it from its stored item.
    ///
    /// # Errors
    /// If an attribute is of another type than the rules write.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let mut counts = [0; Polled::ALL.len()];
        for (count, polled) in counts.iter_mut().zip(Polled::ALL) {
            *count = number(item, polled.count())?.unwrap_or_default();
        }
        let owned = |attribute| Ok::<_, Malformed>(text(item, attribute)?.map(str::to_owned));
        Ok(Self {
            credential: owned(A::LegacyCredential)?,
            counts,
            last: time(item, A::PolledAt)?,
            difference: owned(A::LegacyDifference)?,
            differed_at: time(item, A::DifferedAt)?,
        })
    }
}

/// The write that notes what became of a node's poll. `credential`: what the legacy endpoint accepted, if that is news.
/// `difference`: how the answers differed, if they did.
pub fn note_polled(
    node: &NodeId,
    polled: Polled,
    credential: Option<&str>,
    difference: Option<&str>,
    at: Timestamp,
) -> Update {
    let mut changes = vec![Change::Add(polled.count(), 1), Change::Set(A::PolledAt, at.0.into())];
    changes.extend(credential.map(|credential| Change::Set(A::LegacyCredential, credential.into())));
    if let Some(difference) = difference {
        changes.push(Change::Set(A::LegacyDifference, difference.into()));
        changes.push(Change::Set(A::DifferedAt, at.0.into()));
    }
    // If the answer to this write is lost, the poll is counted twice, which does no harm.
    Update { key: Key::Legacy(node.clone()), clauses: vec![], already_applied: Guard::NEVER, changes }
}

#[cfg(test)]
#[path = "cutover_tests.rs"]
mod tests;
