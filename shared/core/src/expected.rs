//! Conditional requests (RFC 9110, section 13), as the rules see them: which version of a configuration must be desired
//! for another one to be set.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::item::Item;

/// A condition on the version that is desired now. By default, every version fulfils it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// If it is given, one of these versions must be desired (`If-Match`).
    pub one_of: Option<Versions>,
    /// If it is given, none of these versions may be desired (`If-None-Match`).
    pub none_of: Option<Versions>,
}

/// A set of versions of a configuration. Once none is desired any more, the version that counts this is the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Every version. It does not contain "no configuration".
    Any,
    /// These versions; 0 stands for no configuration.
    Listed(Vec<u64>),
}

impl Expected {
    /// The condition that this version is desired, or no configuration if it is 0.
    pub fn version(version: u64) -> Self {
        Self { one_of: Some(Versions::Listed(vec![version])), none_of: None }
    }

    /// Whether the condition holds if this version is desired; 0 stands for no configuration.
    pub fn holds(&self, current: u64) -> bool {
        let desired = [(A::DesiredVersion, current.into()), (A::DesiredHash, "".into())];
        self.allows(&desired.into_iter().filter(|_| current > 0).collect())
    }

    /// Whether the condition holds for a node's item.
    pub fn allows(&self, item: &Item) -> bool {
        self.holding().holds(item)
    }

    /// The clause of a request whose changes show in an item by `made`; `None` if every version fulfils the condition.
    ///
    /// A try of the same request whose answer was lost has raised the version by one. For `If-Match`, the repeated
    /// request may be answered as a success (RFC 9110, section 13.1.1); for `If-None-Match`, it may not.
    pub(crate) fn clause(&self, made: Guard) -> Option<Clause> {
        let holds = self.holding();
        let guard = match (&self.one_of, &self.none_of) {
            (None, None) => return None,
            (None, Some(_)) => holds,
            (Some(_), _) => Guard::Any(vec![holds, Guard::All(vec![made, self.held_before()])]),
        };
        Some(Clause::new(Because::OtherVersion, guard))
    }

    /// The guard that the condition holds.
    fn holding(&self) -> Guard {
        self.guard(0, &Guard::Exists(A::DesiredHash), &Guard::Missing(A::DesiredHash))
    }

    /// The guard that the condition held one version before. What was desired then does not show any more: only that
    /// nothing was before the first version.
    fn held_before(&self) -> Guard {
        self.guard(1, &is_not(0, 1), &is(0, 1))
    }

    /// The guard that a version fulfils the condition, where the stored version is that version raised by a number. `some`
    /// says that a configuration is desired, and `none` that none is.
    fn guard(&self, more: u64, some: &Guard, none: &Guard) -> Guard {
        let one_of = self.one_of.iter().map(|versions| match versions {
            Versions::Any => some.clone(),
            // DynamoDB has no empty condition. No version is below 0.
            Versions::Listed(versions) if versions.is_empty() => Guard::Less(A::DesiredVersion, 0_u64.into()),
            Versions::Listed(versions) => Guard::Any(versions.iter().map(|version| is(*version, more)).collect()),
        });
        let none_of = self.none_of.iter().flat_map(|versions| match versions {
            Versions::Any => vec![none.clone()],
            Versions::Listed(versions) => versions.iter().map(|version| is_not(*version, more)).collect(),
        });
        Guard::All(one_of.chain(none_of).collect())
    }
}

fn is(version: u64, more: u64) -> Guard {
    let stored = version.saturating_add(more);
    Guard::same(A::DesiredVersion, (stored > 0).then(|| stored.into()))
}

fn is_not(version: u64, more: u64) -> Guard {
    let stored = version.saturating_add(more);
    if stored > 0 { Guard::Differs(A::DesiredVersion, stored.into()) } else { Guard::Exists(A::DesiredVersion) }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Versions {
        fn contain(&self, version: u64) -> bool {
            match self {
                Self::Any => version > 0,
                Self::Listed(versions) => versions.contains(&version),
            }
        }
    }

    /// Every pair of some sets of versions.
    fn conditions() -> Vec<Expected> {
        let some = [None, Some(Versions::Any), Some(Versions::Listed(vec![]))];
        let listed = [vec![0], vec![2], vec![0, 3], vec![1, 2, 3]].map(|versions| Some(Versions::Listed(versions)));
        let all: Vec<_> = some.into_iter().chain(listed).collect();
        let pairs = all.iter().flat_map(|one_of| all.iter().map(move |none_of| (one_of.clone(), none_of.clone())));
        pairs.map(|(one_of, none_of)| Expected { one_of, none_of }).collect()
    }

    fn fulfils(expected: &Expected, version: u64) -> bool {
        expected.one_of.as_ref().is_none_or(|versions| versions.contain(version))
            && !expected.none_of.as_ref().is_some_and(|versions| versions.contain(version))
    }

    fn may_set(expected: &Expected, version: u64, sha256: &str) -> bool {
        let item = [(A::DesiredVersion, version.into()), (A::DesiredHash, "stored".into())];
        let item: Item = item.into_iter().filter(|_| version > 0).collect();
        expected.clause(Guard::Equal(A::DesiredHash, sha256.into())).is_none_or(|clause| clause.guard.holds(&item))
    }

    #[test]
    fn a_version_fulfils_a_condition_if_it_is_one_of_these_and_none_of_those() {
        for expected in conditions() {
            for version in 0..=4 {
                assert_eq!(expected.holds(version), fulfils(&expected, version), "{expected:?} and {version}");
                let may_set = may_set(&expected, version, "another");
                assert_eq!(may_set, fulfils(&expected, version), "{expected:?} and {version}");
            }
        }
    }

    #[test]
    fn with_if_match_the_version_may_have_been_made_by_an_earlier_try() {
        for expected in conditions() {
            for version in 0..=4 {
                let tried = version > 0 && expected.one_of.is_some() && fulfils(&expected, version - 1);
                let may_set = may_set(&expected, version, "stored");
                assert_eq!(may_set, tried || fulfils(&expected, version), "{expected:?} and {version}");
            }
        }
    }

    #[test]
    fn any_version_excludes_no_configuration_and_an_empty_list_excludes_everything() {
        let one_of = |versions| Expected { one_of: Some(versions), none_of: None };
        assert_eq!([0, 1].map(|current| one_of(Versions::Any).holds(current)), [false, true]);
        assert_eq!([0, 1].map(|current| one_of(Versions::Listed(vec![])).holds(current)), [false, false]);
        let none = Expected { none_of: Some(Versions::Any), one_of: None };
        assert_eq!([0, 1].map(|current| none.holds(current)), [true, false]);
        assert!(!may_set(&none, 1, "stored"), "If-None-Match does not allow for an earlier try");
        assert!(may_set(&Expected::version(0), 1, "stored"));
    }
}
