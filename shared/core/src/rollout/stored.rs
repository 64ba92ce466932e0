//! A rollout in its item.

use std::str::FromStr;

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::deletion::Deletion;
use crate::guard::Guard;
use crate::id::RolloutName;
use crate::item::{Item, Malformed, Value, malformed, number, text, time};
use crate::key::Key;
use crate::update::{Change, Update};

use super::gate::{Counts, Facts, SiteFacts};
use super::progress::Rollout;
use super::state::{Phase, RolloutState};

impl Rollout {
    /// Reads a rollout from its stored item.
    ///
    /// # Errors
    /// If an attribute is missing, or has a value that no rule writes.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let must = |attribute| number(item, attribute)?.ok_or_else(|| malformed(attribute));
        let size = |attribute| usize::try_from(must(attribute)?).map_err(|_| malformed(attribute));
        let word = |attribute| text(item, attribute)?.ok_or_else(|| malformed(attribute));
        let (state, phase) = (word(A::RolloutState)?, word(A::RolloutPhase)?);
        let (state, phase) = (
            RolloutState::ALL.into_iter().find(|known| known.as_str() == state),
            Phase::ALL.into_iter().find(|known| known.as_str() == phase),
        );
        let facts = word(A::WaveFacts)?;
        Ok(Self {
            kind: word(A::ChangeKind)?.parse().map_err(|()| malformed(A::ChangeKind))?,
            waves: size(A::WaveCount)?,
            priority: must(A::Priority)?,
            created_at: time(item, A::CreatedAt)?.ok_or_else(|| malformed(A::CreatedAt))?,
            revision: must(A::Revision)?,
            state: state.ok_or_else(|| malformed(A::RolloutState))?,
            phase: phase.ok_or_else(|| malformed(A::RolloutPhase))?,
            reason: word(A::RolloutReason)?.to_owned(),
            wave: size(A::Wave)?,
            total: must(A::TargetsListed)?,
            passed: must(A::TargetsPassed)?,
            passed_to: parsed(item, A::PassedTo)?,
            wave_after: parsed(item, A::WaveAfter)?,
            wave_began_at: time(item, A::WaveBeganAt)?,
            told_at: time(item, A::ToldAt)?,
            listed_to: parsed(item, A::ListedTo)?,
            found: must(A::TargetsFound)?,
            looked_to: parsed(item, A::LookedTo)?,
            facts: read_facts(facts).ok_or_else(|| malformed(A::WaveFacts))?,
            shown: read_counts(word(A::WaveCounts)?).ok_or_else(|| malformed(A::WaveCounts))?,
            before: read_counts(word(A::CountsBefore)?).ok_or_else(|| malformed(A::CountsBefore))?,
            approved: size(A::WavesApproved)?,
            waived: size(A::WavesWaived)?,
            retries: number(item, A::RolloutRetries)?.unwrap_or_default(),
            forgotten_to: parsed(item, A::ForgottenTo)?,
            forget_at: number(item, A::ForgetAt)?,
        })
    }

    fn attributes(&self) -> [(A, Option<Value>); 26] {
        let size = |size: usize| Some(Value::Number(size as u64));
        let place = |place: Option<&dyn ToString>| place.map(|place| Value::Text(place.to_string()));
        let to_string = |text: String| Some(Value::Text(text));
        [
            (A::ChangeKind, Some(self.kind.as_str().into())),
            (A::WaveCount, size(self.waves)),
            (A::Priority, Some(self.priority.into())),
            (A::CreatedAt, Some(self.created_at.0.into())),
            (A::Revision, Some(self.revision.into())),
            (A::RolloutState, Some(self.state.as_str().into())),
            (A::RolloutPhase, Some(self.phase.as_str().into())),
            (A::RolloutReason, Some(self.reason.as_str().into())),
            (A::Wave, size(self.wave)),
            (A::TargetsListed, Some(self.total.into())),
            (A::TargetsPassed, Some(self.passed.into())),
            (A::PassedTo, place(self.passed_to.as_ref().map(|place| place as &dyn ToString))),
            (A::WaveAfter, place(self.wave_after.as_ref().map(|place| place as &dyn ToString))),
            (A::WaveBeganAt, self.wave_began_at.map(|at| at.0.into())),
            (A::ToldAt, self.told_at.map(|at| at.0.into())),
            (A::ListedTo, place(self.listed_to.as_ref().map(|node| node as &dyn ToString))),
            (A::TargetsFound, Some(self.found.into())),
            (A::LookedTo, place(self.looked_to.as_ref().map(|place| place as &dyn ToString))),
            (A::WaveFacts, to_string(write_facts(&self.facts))),
            (A::WaveCounts, to_string(write_counts(&self.shown))),
            (A::CountsBefore, to_string(write_counts(&self.before))),
            (A::WavesApproved, size(self.approved)),
            (A::WavesWaived, size(self.waived)),
            (A::RolloutRetries, (self.retries > 0).then(|| self.retries.into())),
            (A::ForgottenTo, place(self.forgotten_to.as_ref().map(|place| place as &dyn ToString))),
            (A::ForgetAt, self.forget_at.map(Value::from)),
        ]
    }
}

/// The write that makes a rollout. It is refused if there is one with this name.
pub fn add_rollout(name: &RolloutName, rollout: &Rollout) -> Update {
    update(name, Clause::new(Because::RolloutTaken, Guard::Missing(A::Revision)), rollout)
}

/// The write that stores how far a rollout is, as the next revision. It is refused if it was stored since it was read.
pub fn keep_rollout(name: &RolloutName, read: &Rollout, rollout: &Rollout) -> Update {
    let next = Rollout { revision: read.revision + 1, ..rollout.clone() };
    let unchanged = Guard::Equal(A::Revision, read.revision.into());
    update(name, Clause::new(Because::RolloutChanged, unchanged), &next)
}

/// The write that stores what a rollout is told when it is made. It is an item of its own, since a document is long, and a
/// rollout is stored again and again. It is refused if something else was stored under this name, unless that is about to be
/// deleted: the rollout that it was of is gone by the time that somebody asks for this one.
pub fn put_rollout_spec(name: &RolloutName, spec: &str) -> Update {
    let same = Guard::Equal(A::RolloutSpec, spec.into());
    let free = Guard::Any(vec![Guard::Missing(A::RolloutSpec), same.clone(), Guard::Exists(A::ForgetAt)]);
    Update {
        key: Key::RolloutSpec(name.clone()),
        clauses: vec![Clause::new(Because::StoredAlready, free)],
        already_applied: Guard::All(vec![same, Guard::Missing(A::ForgetAt)]),
        changes: vec![Change::Set(A::RolloutSpec, spec.into()), Change::Remove(A::ForgetAt)],
    }
}

/// The write that has what a rollout was told deleted at this time, in seconds since 1970; kept, if it is `None`.
pub fn forget_rollout_spec(name: &RolloutName, at: Option<u64>) -> Update {
    Update {
        key: Key::RolloutSpec(name.clone()),
        clauses: vec![Clause::new(Because::RolloutChanged, Guard::Exists(A::RolloutSpec))],
        already_applied: Guard::NEVER,
        changes: vec![Change::set_or_remove(A::ForgetAt, at.map(Value::from))],
    }
}

/// Reads what a rollout was told when it was made.
///
/// # Errors
/// If it is missing, or of another type than the rules write.
pub fn rollout_spec(item: &Item) -> Result<&str, Malformed> {
    text(item, A::RolloutSpec)?.ok_or_else(|| malformed(A::RolloutSpec))
}

/// The write that marks a rollout as under way from this revision on, so that whoever steps rollouts reads no others. It is
/// made before the rollout is stored.
pub fn mark_under_way(name: &RolloutName, revision: u64) -> Update {
    let changes = vec![Change::Set(A::Revision, revision.into())];
    Update { key: Key::RolloutUnderWay(name.clone()), clauses: vec![], already_applied: Guard::NEVER, changes }
}

/// The deletion of the mark of a rollout that is over in this revision. It stays if somebody has marked a later one.
pub fn unmark(name: &RolloutName, revision: u64) -> Deletion {
    let condition = Guard::AtMost(A::Revision, revision.into());
    Deletion { key: Key::RolloutUnderWay(name.clone()), condition }
}

fn update(name: &RolloutName, clause: Clause, rollout: &Rollout) -> Update {
    let attributes = rollout.attributes();
    let already_applied = attributes.clone().map(|(attribute, value)| Guard::same(attribute, value)).to_vec();
    let changes = attributes.map(|(attribute, value)| Change::set_or_remove(attribute, value)).to_vec();
    Update {
        key: Key::Rollout(name.clone()),
        clauses: vec![clause],
        already_applied: Guard::All(already_applied),
        changes,
    }
}

fn parsed<T: FromStr>(item: &Item, attribute: A) -> Result<Option<T>, Malformed> {
    text(item, attribute)?.map(|text| text.parse().map_err(|_| malformed(attribute))).transpose()
}

/// The nodes that are told again come last, and only if there are some: the release before knows nine counts.
fn write_counts(counts: &Counts) -> String {
    let Counts { waiting, told, unreached, applied, failed, retrying, lost, skipped, rolled_back, superseded } = counts;
    let nine = [waiting, told, unreached, applied, failed, lost, skipped, rolled_back, superseded];
    let retrying = Some(retrying).filter(|retrying| **retrying > 0);
    nine.into_iter().chain(retrying).map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn read_counts(text: &str) -> Option<Counts> {
    let numbers: Vec<u64> = text.split(' ').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [waiting, told, unreached, applied, failed, lost, skipped, rolled_back, superseded, ref more @ ..] =
        numbers[..]
    else {
        return None;
    };
    let retrying = match *more {
        [] => 0,
        [retrying] => retrying,
        _ => return None,
    };
    Some(Counts { waiting, told, unreached, applied, failed, retrying, lost, skipped, rolled_back, superseded })
}

/// The counts, and then a line for each site: its four numbers and its name.
fn write_facts(facts: &Facts) -> String {
    let site = |(name, site): (&String, &SiteFacts)| {
        format!("{} {} {} {} {name}", site.reached, site.lost, site.control, site.control_lost)
    };
    std::iter::once(write_counts(&facts.counts)).chain(facts.sites.iter().map(site)).collect::<Vec<_>>().join("\n")
}

fn read_facts(text: &str) -> Option<Facts> {
    let mut lines = text.split('\n');
    let counts = read_counts(lines.next()?)?;
    let site = |line: &str| {
        let mut parts = line.splitn(5, ' ');
        let mut number = || parts.next()?.parse().ok();
        let (reached, lost, control, control_lost) = (number()?, number()?, number()?, number()?);
        Some((parts.next()?.to_owned(), SiteFacts { reached, lost, control, control_lost }))
    };
    Some(Facts { counts, sites: lines.map(site).collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::{ChangeKind, Place};
    use crate::timestamp::Timestamp;
    use crate::update::Outcome;

    fn name() -> RolloutName {
        "canary".parse().expect("a name")
    }

    fn some() -> Rollout {
        let node = "ap-1".parse().expect("an id");
        let place = Some(Place::of(&name(), &node, true));
        let counts = Counts {
            waiting: 1,
            told: 2,
            unreached: 3,
            applied: 4,
            failed: 5,
            retrying: 10,
            lost: 6,
            skipped: 7,
            rolled_back: 8,
            superseded: 9,
        };
        let site = SiteFacts { reached: 1, lost: 2, control: 3, control_lost: 4 };
        let sites = [(String::new(), site), ("h-q_1:a".to_owned(), SiteFacts::default())].into();
        Rollout {
            passed_to: place.clone(),
            looked_to: place,
            listed_to: Some(node),
            wave_began_at: Some(Timestamp(7)),
            facts: Facts { counts, sites },
            shown: counts,
            before: Counts { retrying: 0, ..counts },
            retries: 4,
            forget_at: Some(9),
            ..Rollout::new(ChangeKind::Firmware, 3, 7, Timestamp(5))
        }
    }

    #[test]
    fn a_rollout_is_read_as_it_was_written_in_every_state() {
        for state in RolloutState::ALL {
            for phase in Phase::ALL {
                let rollout = Rollout { state, phase, ..some() };
                let Outcome::Applied { after } = add_rollout(&name(), &rollout).apply(None) else { panic!("new") };
                assert_eq!(Rollout::read(&after), Ok(rollout));
            }
        }
    }

    #[test]
    fn of_two_that_read_the_same_revision_one_stores_the_next() {
        let read = some();
        let Outcome::Applied { after } = add_rollout(&name(), &read).apply(None) else { panic!("new") };
        let (one, other) = (Rollout { wave: 1, ..read.clone() }, Rollout { wave: 2, ..read.clone() });
        let Outcome::Applied { after } = keep_rollout(&name(), &read, &one).apply(Some(&after)) else {
            panic!("first")
        };
        assert!(matches!(keep_rollout(&name(), &read, &other).apply(Some(&after)), Outcome::Refused { .. }));
        let again = keep_rollout(&name(), &read, &one).apply(Some(&after));
        assert_eq!(again, Outcome::Applied { after }, "the answer of the first try was lost");
    }

    #[test]
    fn every_attribute_that_is_missing_or_unreadable_is_named() {
        let Outcome::Applied { after } = add_rollout(&name(), &some()).apply(None) else { panic!("new") };
        for (attribute, _) in some().attributes().into_iter().filter(|(_, value)| value.is_some()) {
            let mut item = after.clone();
            item.insert(attribute, if matches!(item[&attribute], Value::Text(_)) { 1_u64.into() } else { "x".into() });
            assert_eq!(Rollout::read(&item), Err(malformed(attribute)));
        }
    }

    #[test]
    fn what_a_rollout_is_told_is_stored_once() {
        let Outcome::Applied { after } = put_rollout_spec(&name(), "{}").apply(None) else { panic!("new") };
        assert_eq!(rollout_spec(&after), Ok("{}"));
        assert!(matches!(put_rollout_spec(&name(), "{}").apply(Some(&after)), Outcome::Applied { .. }));
        assert!(matches!(put_rollout_spec(&name(), "[]").apply(Some(&after)), Outcome::Refused { .. }));
        assert_eq!(rollout_spec(&Item::new()), Err(malformed(A::RolloutSpec)));
    }

    #[test]
    fn the_mark_of_a_rollout_that_goes_on_meanwhile_stays() {
        let Outcome::Applied { after } = mark_under_way(&name(), 7).apply(None) else { panic!("no condition") };
        assert!(unmark(&name(), 7).applies(Some(&after)) && unmark(&name(), 8).applies(Some(&after)));
        assert!(!unmark(&name(), 6).applies(Some(&after)), "it was over before, and is rolled back now");
    }
}
