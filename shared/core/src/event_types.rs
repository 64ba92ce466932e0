//! The types of events, and how some of them are asked for.

use std::str::FromStr;

/// The types of events, in the order of their names.
pub const EVENT_TYPES: [&str; 41] = [
    "command.expired",
    "command.finished",
    "command.queued",
    "config.applied",
    "config.desired",
    "config.rejected",
    "config.substituted",
    "config.unset",
    "cutover.mapping",
    "cutover.mode",
    "drift.found",
    "endpoint.disabled",
    "endpoint.removed",
    "endpoint.rotated",
    "endpoint.set",
    "firmware.added",
    "firmware.applied",
    "firmware.delta_added",
    "firmware.desired",
    "firmware.failed",
    "firmware.rolled_back",
    "model.changed",
    "node.deleted",
    "node.flapping",
    "node.offline",
    "node.online",
    "node.registered",
    "node.revoked",
    "rollcall.test",
    "rollout.aborted",
    "rollout.approved",
    "rollout.completed",
    "rollout.failed",
    "rollout.paused",
    "rollout.resumed",
    "rollout.rolled_back",
    "rollout.rolling_back",
    "rollout.started",
    "rollout.wave_ended",
    "rollout.wave_started",
    "token.expiring",
];

/// The types that only who names them is sent. They tell what the application itself has changed, and of no node.
const ASKED_FOR: [&str; 8] = [
    "cutover.mapping",
    "cutover.mode",
    "endpoint.removed",
    "endpoint.rotated",
    "endpoint.set",
    "firmware.added",
    "firmware.delta_added",
    "model.changed",
];

/// What the types of events begin with that are about a node. The others are about an endpoint, a rollout, or the fleet.
const OF_NODES: [&str; 5] = ["command.", "config.", "firmware.", "node.", "token."];

/// Whether an event of this type is about a node, which is its subject.
pub fn is_of_a_node(kind: &str) -> bool {
    OF_NODES.iter().any(|start| kind.starts_with(start)) && !ASKED_FOR.contains(&kind)
}

/// How many patterns a list may have.
const PATTERNS: usize = 20;

/// One type of events by its name, such as `node.online`; or all of a kind, such as `node.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypePattern(String);

/// Why a text or a list names no types of events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTypes {
    /// There are too many.
    #[error("at most {PATTERNS} types are allowed")]
    TooMany,
    /// No event has such a type.
    #[error("no event has the type {:?}; the types are {}", .0.chars().take(64).collect::<String>(), EVENT_TYPES.join(", "))]
    Unknown(String),
}

impl TypePattern {
    /// Whether a type is this one, or of this kind.
    pub fn has(&self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => start.ends_with('.') && kind.starts_with(start),
            None => self.0 == kind,
        }
    }

    /// The pattern, as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TypePattern {
    type Err = InvalidTypes;

    fn from_str(text: &str) -> Result<Self, InvalidTypes> {
        let pattern = Self(text.to_owned());
        let is_known = EVENT_TYPES.iter().any(|kind| pattern.has(kind));
        if is_known { Ok(pattern) } else { Err(InvalidTypes::Unknown(pattern.0)) }
    }
}

/// Types of events. None means all types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventTypes(Vec<TypePattern>);

impl EventTypes {
    /// These types.
    ///
    /// # Errors
    /// If there are too many, or no event has one of them.
    pub fn new(types: &[String]) -> Result<Self, InvalidTypes> {
        if types.len() > PATTERNS {
            return Err(InvalidTypes::TooMany);
        }
        types.iter().map(|kind| kind.parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Those that were stored. A type that is not known is kept: a later version may have stored it.
    pub(crate) fn read(stored: &str) -> Self {
        Self(stored.split(',').filter(|kind| !kind.is_empty()).map(|kind| TypePattern(kind.to_owned())).collect())
    }

    /// What is stored: the types, separated by commas; `None` for all types.
    pub(crate) fn stored(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.list().join(","))
    }

    /// The types as they were given; none for all types.
    pub fn list(&self) -> Vec<String> {
        self.0.iter().map(|pattern| pattern.0.clone()).collect()
    }

    /// Whether this type is one of them.
    pub fn has(&self, kind: &str) -> bool {
        if self.0.is_empty() { !ASKED_FOR.contains(&kind) } else { self.0.iter().any(|pattern| pattern.has(kind)) }
    }
}

impl FromStr for EventTypes {
    type Err = InvalidTypes;

    /// Types that are separated by commas.
    fn from_str(text: &str) -> Result<Self, InvalidTypes> {
        Self::new(&text.split(',').map(str::to_owned).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_wanted_by_its_name_or_by_its_kind() {
        let wants = |types: &[&str], kind| {
            let types: Vec<_> = types.iter().map(|&kind| kind.to_owned()).collect();
            EventTypes::new(&types).expect("valid").has(kind)
        };
        assert!(
            wants(&[], "node.online") && wants(&["node.online"], "node.online") && wants(&["node.*"], "node.online")
        );
        assert!(wants(&["config.*", "node.offline"], "node.offline"));
        assert!(!wants(&["node.online"], "node.offline") && !wants(&["node.*"], "nodes.online"));
        assert!(!wants(&["node.*"], "node"));
    }

    #[test]
    fn no_list_means_every_type_but_those_that_are_only_sent_to_who_names_them() {
        let (all, endpoints) = (EventTypes::default(), EventTypes::new(&["endpoint.*".to_owned()]).expect("types"));
        let has = |types: &EventTypes| EVENT_TYPES.iter().filter(|kind| types.has(kind)).count();
        assert_eq!((has(&all), has(&endpoints)), (EVENT_TYPES.len() - ASKED_FOR.len(), 4));
        assert!(ASKED_FOR.iter().all(|kind| EVENT_TYPES.contains(kind)));
    }

    #[test]
    fn a_type_that_no_event_has_is_refused_with_those_that_there_are() {
        for wrong in ["", "*", ".*", "node", "node.on", "node.on*", "node*", "node.asleep", "nodes.*", "Node.online"] {
            let error = wrong.parse::<TypePattern>().expect_err(wrong).to_string();
            assert!(error.contains(&format!("{wrong:?}")) && error.contains("node.online, "), "{error}");
        }
        let long = "a".repeat(100_000).parse::<TypePattern>().expect_err("no type").to_string();
        assert!(long.len() < 900, "{long}");
        assert!("".parse::<EventTypes>().is_err(), "all types are asked for by saying nothing");
        assert_eq!(EventTypes::new(&vec!["node.*".to_owned(); 21]), Err(InvalidTypes::TooMany));
    }

    #[test]
    fn a_stored_type_of_a_later_version_is_kept() {
        let types = EventTypes::read("node.asleep,node.online");
        assert!(types.has("node.asleep") && types.has("node.online") && !types.has("node.offline"));
        assert_eq!(EventTypes::read(""), EventTypes::default());
        assert_eq!(types.stored().as_deref(), Some("node.asleep,node.online"));
    }
}
