//! A node that a rollout is for, as it is stored: a target.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::RolloutName;
use crate::item::{Item, Malformed, Value, malformed, number, text, time};
use crate::key::Key;
use crate::limits::clip;
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

use super::place::Place;

/// How much of a reason is kept, in bytes.
const REASON_BYTES: usize = 128;

/// How far a rollout is with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetState {
    /// It is not told yet.
    Waiting,
    /// It is being told: what was desired before is noted, and whether the change is made is not.
    Telling,
    /// It was told, and has not reported on the change.
    Told,
    /// It runs the change.
    Applied,
    /// It could not apply the change.
    Failed,
    /// It could not apply the change, and is told again.
    Retrying,
    /// It was told, and is not heard of any more.
    Lost,
    /// It is not told at all.
    Skipped,
    /// It has what it had before again.
    RolledBack,
    /// Another change was made since, or a rollout of a higher priority has the node.
    Superseded,
}

impl TargetState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Telling,
        Self::Told,
        Self::Applied,
        Self::Failed,
        Self::Retrying,
        Self::Lost,
        Self::Skipped,
        Self::RolledBack,
        Self::Superseded,
    ];

    /// The state's name, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Telling => "telling",
            Self::Told => "told",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Retrying => "retrying",
            Self::Lost => "lost",
            Self::Skipped => "skipped",
            Self::RolledBack => "rolled-back",
            Self::Superseded => "superseded",
        }
    }

    /// Whether the node was told, and has nothing else to run since, as far as the rollout knows.
    pub const fn is_told(self) -> bool {
        matches!(self, Self::Told | Self::Applied | Self::Failed | Self::Retrying | Self::Lost)
    }
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How far the rollout is with it.
    pub state: TargetState,
    /// The node's site when it was listed.
    pub site: Option<String>,
    /// The wave in which it was told, counted from 0.
    pub wave: Option<u64>,
    /// When it was told.
    pub told_at: Option<Timestamp>,
    /// The version of the configuration, or the number of the command, that it was told.
    pub version: Option<u64>,
    /// What was desired before it was told: the SHA-256 of a document, or a firmware version; `None` if nothing was.
    pub before: Option<String>,
    /// Whether it was heard of when it was told, or since.
    pub is_reached: bool,
    /// Why it is in this state, if there is something to say.
    pub reason: Option<String>,
    /// How often it was told; 0 also if it was told once by a release that did not count.
    pub attempts: u64,
    /// When it is told again after a failure; `None` if it is being told again, or is not.
    pub retry_at: Option<Timestamp>,
}

impl Target {
    /// A node that was listed.
    pub fn listed(site: Option<String>) -> Self {
        Self {
            state: TargetState::Waiting,
            site,
            wave: None,
            told_at: None,
            version: None,
            before: None,
            is_reached: false,
            reason: None,
            attempts: 0,
            retry_at: None,
        }
    }

    /// The same target, which is told at this time: the version of its configuration, or the number of its command.
    #[must_use]
    pub fn told(&self, version: Option<u64>, is_reached: bool, now: Timestamp) -> Self {
        // A target that is told again is counted before that.
        let attempts = if self.state == TargetState::Retrying { self.attempts } else { 1 };
        Self { told_at: Some(now), version, is_reached, attempts, ..self.now(TargetState::Told, None) }
    }

    /// The same target, which is being told again. That is stored first, so that no attempt is left uncounted.
    #[must_use]
    pub fn told_again(&self) -> Self {
        Self { attempts: self.attempts.max(1) + 1, retry_at: None, ..self.clone() }
    }

    /// Whether it is being told again, and it is not known whether that was done.
    pub fn is_told_again(&self) -> bool {
        self.state == TargetState::Retrying && self.retry_at.is_none()
    }

    /// Whether it has failed and its time to be told again has come, or it is being told again.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.state == TargetState::Retrying && self.retry_at.is_none_or(|at| at <= now)
    }

    /// The same target in another state, for this reason, and not to be told again. A long reason is shortened.
    #[must_use]
    pub fn now(&self, state: TargetState, reason: Option<&str>) -> Self {
        let reason = reason.map(|reason| clip(reason, REASON_BYTES).to_owned());
        Self { state, reason, retry_at: None, ..self.clone() }
    }

    /// Reads a target from its stored item.
    ///
    /// # Errors
    /// If an attribute is missing, or has a value that no rule writes.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let state = text(item, A::TargetState)?;
        let state = TargetState::ALL.into_iter().find(|known| Some(known.as_str()) == state);
        let owned = |attribute| Ok::<_, Malformed>(text(item, attribute)?.map(str::to_owned));
        Ok(Self {
            state: state.ok_or_else(|| malformed(A::TargetState))?,
            site: owned(A::TargetSite)?,
            wave: number(item, A::TargetWave)?,
            told_at: time(item, A::ToldAt)?,
            version: number(item, A::ToldVersion)?,
            before: owned(A::DesiredBefore)?,
            is_reached: number(item, A::Reached)?.is_some(),
            reason: owned(A::TargetReason)?,
            attempts: number(item, A::Attempts)?.unwrap_or_default(),
            retry_at: time(item, A::RetryAt)?,
        })
    }

    fn attributes(&self) -> [(A, Option<Value>); 10] {
        let text = |text: &Option<String>| text.as_deref().map(Value::from);
        [
            (A::TargetState, Some(self.state.as_str().into())),
            (A::TargetSite, text(&self.site)),
            (A::TargetWave, self.wave.map(Value::from)),
            (A::ToldAt, self.told_at.map(|at| at.0.into())),
            (A::ToldVersion, self.version.map(Value::from)),
            (A::DesiredBefore, text(&self.before)),
            (A::Reached, self.is_reached.then(|| 1_u64.into())),
            (A::TargetReason, text(&self.reason)),
            (A::Attempts, (self.attempts > 0).then(|| self.attempts.into())),
            (A::RetryAt, self.retry_at.map(|at| at.0.into())),
        ]
    }
}

/// The write that lists a node. It is refused if the node is listed.
pub fn list_target(rollout: &RolloutName, place: &Place, target: &Target) -> Update {
    let new = Clause::new(Because::ListedAlready, Guard::Missing(A::TargetState));
    update(rollout, place, vec![new], target)
}

/// The write that moves a target from one state to another. It is refused if the target has changed since it was read.
pub fn move_target(rollout: &RolloutName, place: &Place, read: &Target, to: &Target) -> Update {
    let unchanged = read.attributes().map(|(attribute, value)| Guard::same(attribute, value)).to_vec();
    update(rollout, place, vec![Clause::new(Because::TargetChanged, Guard::All(unchanged))], to)
}

/// The write that has a target deleted at this time, in seconds since 1970. A target that moves again stays. It is refused if
/// the target is gone.
pub fn forget_target(rollout: &RolloutName, place: &Place, at: u64) -> Update {
    Update {
        key: Key::Target(rollout.clone(), place.clone()),
        clauses: vec![Clause::new(Because::TargetChanged, Guard::Exists(A::TargetState))],
        already_applied: Guard::NEVER,
        changes: vec![Change::Set(A::ForgetAt, at.into())],
    }
}

fn update(rollout: &RolloutName, place: &Place, clauses: Vec<Clause>, to: &Target) -> Update {
    let already_applied = to.attributes().map(|(attribute, value)| Guard::same(attribute, value)).to_vec();
    let changes = to.attributes().map(|(attribute, value)| Change::set_or_remove(attribute, value));
    let changes = changes.into_iter().chain([Change::Remove(A::ForgetAt)]).collect();
    let key = Key::Target(rollout.clone(), place.clone());
    Update { key, clauses, already_applied: Guard::All(already_applied), changes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::Outcome;

    fn place() -> (RolloutName, Place) {
        let rollout: RolloutName = "canary".parse().expect("a name");
        let place = Place::of(&rollout, &"ap-1".parse().expect("an id"), false);
        (rollout, place)
    }

    #[test]
    fn a_target_is_read_as_it_was_written_in_every_state() {
        let (rollout, place) = place();
        for state in TargetState::ALL {
            let target = Target {
                wave: Some(2),
                told_at: Some(Timestamp(7)),
                version: Some(9),
                before: Some("ab12".to_owned()),
                is_reached: true,
                attempts: 3,
                retry_at: Some(Timestamp(8)),
                ..Target::listed(Some("hq".to_owned())).now(state, Some("because"))
            };
            let Outcome::Applied { after } = list_target(&rollout, &place, &target).apply(None) else { panic!("new") };
            assert_eq!(Target::read(&after), Ok(target));
        }
    }

    #[test]
    fn a_node_is_listed_once_and_keeps_its_state() {
        let (rollout, place) = place();
        let (listed, told) = (Target::listed(None), Target::listed(None).now(TargetState::Told, None));
        let Outcome::Applied { after } = list_target(&rollout, &place, &listed).apply(None) else { panic!("new") };
        let Outcome::Applied { after } = move_target(&rollout, &place, &listed, &told).apply(Some(&after)) else {
            panic!("unchanged")
        };
        for refused in [
            list_target(&rollout, &place, &listed),
            move_target(&rollout, &place, &listed, &listed.now(TargetState::Skipped, None)),
        ] {
            assert!(matches!(refused.apply(Some(&after)), Outcome::Refused { .. }));
        }
        let again = move_target(&rollout, &place, &listed, &told).apply(Some(&after));
        assert_eq!(again, Outcome::Applied { after }, "the answer of the first try was lost");
    }

    #[test]
    fn a_long_reason_is_shortened() {
        let target = Target::listed(None).now(TargetState::Failed, Some(&"ö".repeat(500)));
        assert!(target.reason.is_some_and(|reason| reason.len() <= REASON_BYTES));
    }
}
