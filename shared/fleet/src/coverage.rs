//! What was seen at least once, and what should have been.

mod expected;
mod names;

use std::collections::BTreeMap;
use std::fmt;

use crate::observation::{Observation, Seen};
pub use expected::EXPECTED;

/// One thing that can be seen. It is small, since one is counted for nearly every observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    /// A fault hit something.
    Fault(&'static str),
    /// A link ended with this close code; `None` if there was no close frame.
    Closed(Option<u16>),
    /// The cloud closed a socket with this code.
    ClosedByCloud(u16),
    /// A handshake was refused with this status.
    Refused(u16),
    /// A poll was answered with this status; 0 if it was not.
    Polled(u16),
    /// A node was told this error.
    Error(&'static str),
    /// A node was told this bye.
    Bye(&'static str),
    /// A node was told this.
    Message(&'static str),
    /// A node's library told its program this.
    Event(&'static str),
    /// A node did something in this way.
    Did(&'static str),
    /// A request of this kind was answered with this status; 0 if it was not.
    Answered(&'static str, u16),
    /// A request of this kind was made again.
    Again(&'static str),
    /// An endpoint took an event of this type.
    Took(&'static str),
    /// An event was given up.
    GivenUp,
    /// A rollout got into this state.
    Rollout(&'static str),
    /// A node got into this state in a rollout.
    Target(&'static str),
}

/// What was seen, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: BTreeMap<Thing, u64>,
}

impl Coverage {
    /// Adds what another run has seen.
    pub fn merge(&mut self, other: &Self) {
        for (thing, count) in &other.counts {
            *self.counts.entry(*thing).or_default() += count;
        }
    }

    /// How often something was seen, by its name.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.iter().filter(|(thing, _)| thing.to_string() == name).map(|(_, count)| count).sum()
    }

    /// Everything that was seen, by name, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (String, u64)> {
        self.counts.iter().map(|(thing, count)| (thing.to_string(), *count))
    }

    /// What many runs should have seen ([`EXPECTED`]), and these did not.
    pub fn missing(&self) -> Vec<&'static str> {
        let seen: std::collections::BTreeSet<_> = self.counts.keys().map(ToString::to_string).collect();
        EXPECTED.iter().copied().filter(|name| !seen.contains(*name)).collect()
    }

    /// Takes note of what was seen.
    pub(crate) fn observe(&mut self, observation: &Observation) {
        let thing = match &observation.what {
            Seen::Started { record_was_lost: true, .. } => Thing::Did("started without its record"),
            Seen::Stopped { crashed: true, .. } => Thing::Did("crashed"),
            Seen::RunEnded { .. } => Thing::Did("ended its run"),
            Seen::LinkEnded { code, .. } => Thing::Closed(*code),
            Seen::ClosedByCloud { code, .. } => Thing::ClosedByCloud(*code),
            Seen::ConnectRefused { status, .. } => Thing::Refused(*status),
            Seen::PollAnswered { status, .. } => Thing::Polled(*status),
            Seen::Sent { message, .. } => Thing::Did(names::question(message)),
            Seen::Received { message, .. } => return self.received(message),
            Seen::Event { event, .. } => Thing::Event(names::event(event)),
            Seen::Applied { how, .. } => Thing::Did(names::applied(*how)),
            Seen::RolledBack { .. } => Thing::Did("rolled a configuration back"),
            Seen::Executed { .. } => Thing::Did("executed a command"),
            Seen::Installed { .. } => Thing::Did("installed an image"),
            Seen::Pushed { delivered: false, .. } => Thing::Did("was pushed to in vain"),
            Seen::Asked { request } if request.attempt > 0 => Thing::Again(names::ask(&request.ask)),
            Seen::Answered { ask, status, .. } => Thing::Answered(names::ask(ask), *status),
            Seen::Posted { event, taken: true, .. } => match names::event_type(event) {
                Some(kind) => Thing::Took(kind),
                None => return,
            },
            Seen::Buried { .. } => Thing::GivenUp,
            Seen::Wrote { key, before, after } => match names::rollout(key, before.as_ref(), after) {
                Some((true, state)) => Thing::Rollout(state),
                Some((false, state)) => Thing::Target(state),
                None => return,
            },
            Seen::Hit { fault } => Thing::Fault(fault),
            _ => return,
        };
        self.add(thing);
    }

    fn received(&mut self, message: &rollcall_wire::ServerMessage) {
        use rollcall_wire::ServerMessage as M;
        match message {
            M::Error(error) => self.add(Thing::Error(names::error(error.code))),
            M::Bye { reason, .. } => self.add(Thing::Bye(names::bye(*reason))),
            M::Ack(ack) => {
                let news = [
                    (ack.config.is_some(), "ack with a configuration"),
                    (ack.command.is_some(), "ack with a command"),
                    (ack.firmware.is_some(), "ack with firmware"),
                ];
                self.add(Thing::Message("ack"));
                news.into_iter().filter(|(is_there, _)| *is_there).for_each(|(_, name)| self.add(Thing::Message(name)));
            }
            other => self.add(Thing::Message(names::message(other))),
        }
    }

    fn add(&mut self, thing: Thing) {
        *self.counts.entry(thing).or_default() += 1;
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(name) => write!(f, "fault {name}"),
            Self::Closed(None) => f.write_str("closed without a code"),
            Self::Closed(Some(code)) => write!(f, "closed {code}"),
            Self::ClosedByCloud(code) => write!(f, "the cloud closed {code}"),
            Self::Refused(status) => write!(f, "connect refused {status}"),
            Self::Polled(status) => write!(f, "poll {status}"),
            Self::Error(code) => write!(f, "error {code}"),
            Self::Bye(reason) => write!(f, "bye {reason}"),
            Self::Message(name) => write!(f, "told {name}"),
            Self::Event(name) => write!(f, "event {name}"),
            Self::Did(name) => write!(f, "a node {name}"),
            Self::Answered(ask, status) => write!(f, "{ask} {status}"),
            Self::Again(ask) => write!(f, "{ask} again"),
            Self::Took(kind) => write!(f, "an endpoint took {kind}"),
            Self::GivenUp => f.write_str("an event was given up"),
            Self::Rollout(state) => write!(f, "a rollout was {state}"),
            Self::Target(state) => write!(f, "a rollout found a node {state}"),
        }
    }
}

/// A table of what was seen.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.iter().try_for_each(|(thing, count)| writeln!(f, "{count:>12}  {thing}"))
    }
}

#[cfg(test)]
mod tests {
    use rollcall_core::Timestamp;
    use rollcall_wire::{ByeReason, ServerMessage};

    use super::*;
    use crate::observation::Device;
    use crate::plan::{Ask, What};

    fn covered(seen: &[Seen]) -> Coverage {
        let mut coverage = Coverage::default();
        for what in seen {
            coverage.observe(&Observation { at: Timestamp(1), what: what.clone() });
        }
        coverage
    }

    fn answered(status: u16) -> Seen {
        let (ask, body) = (Ask::Show { node: 0 }, serde_json::Value::Null);
        Seen::Answered { nth: 0, attempt: 0, ask, status, etag: None, body }
    }

    #[test]
    fn what_was_seen_is_counted_by_its_name() {
        let who = Device { node: 0, device: 0, run: 0 };
        let bye = ServerMessage::Bye { reason: ByeReason::SlowDown, retry_after_s: Some(60) };
        let coverage = covered(&[
            Seen::Hit { fault: "crash" },
            Seen::Hit { fault: "crash" },
            Seen::LinkEnded { who, link: 1, code: Some(1001) },
            Seen::Received { who, link: None, message: bye },
            answered(404),
        ]);
        let counts =
            ["fault crash", "closed 1001", "bye slow-down", "show 404", "show 200"].map(|name| coverage.count(name));
        assert_eq!(counts, [2, 1, 1, 1, 0]);
        assert!(coverage.to_string().contains("           2  fault crash\n"), "{coverage}");
    }

    #[test]
    fn what_no_run_has_seen_is_missing() {
        let mut coverage = covered(&[Seen::Hit { fault: "crash" }]);
        let missing = coverage.missing();
        assert!(!missing.contains(&"fault crash") && missing.contains(&"show 200"));
        coverage.merge(&covered(&[answered(200)]));
        assert_eq!(coverage.missing().len(), missing.len() - 1);
        assert_eq!(coverage.count("fault crash") + coverage.count("show 200"), 2);
    }

    #[test]
    fn every_fault_of_a_plan_is_expected() {
        for name in What::NAMES {
            assert!(EXPECTED.contains(&format!("fault {name}").as_str()), "{name}");
        }
    }
}
