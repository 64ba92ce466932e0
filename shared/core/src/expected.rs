//! Conditional requests (RFC 9110, section 13), as the rules see them: which version of a configuration must be desired
//! for another one to be set.

use crate::attribute::Attribute as A;
use crate::guard::Guard;

/// A condition on the version that is desired now. By default, every version fulfils it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// If it is given, one of these versions must be desired (`If-Match`).
    pub one_of: Option<Versions>,
    /// If it is given, none of these versions may be desired (`If-None-Match`).
    pub none_of: Option<Versions>,
}

/// A set of versions of a configuration.
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
        self.one_of.as_ref().is_none_or(|versions| versions.contain(current))
            && !self.none_of.as_ref().is_some_and(|versions| versions.contain(current))
    }

    /// Whether an earlier try of the same request may have made this version. A try whose answer was lost has raised
    /// the version by one. For `If-Match`, the repeated request may be answered as a success (RFC 9110, section
    /// 13.1.1); for `If-None-Match`, it may not.
    pub(crate) fn may_have_made(&self, current: u64) -> bool {
        self.one_of.is_some() && current.checked_sub(1).is_some_and(|before| self.holds(before))
    }

    /// The condition as a guard on the stored item.
    pub(crate) fn guard(&self) -> Guard {
        let one_of = self.one_of.iter().map(|versions| match versions {
            Versions::Any => Guard::Exists(A::DesiredVersion),
            // An empty list never holds. DynamoDB has no empty condition, so this one stands for it: no version is
            // below 0.
            Versions::Listed(versions) if versions.is_empty() => Guard::Less(A::DesiredVersion, 0_u64.into()),
            Versions::Listed(versions) => Guard::Any(versions.iter().map(|version| is(*version)).collect()),
        });
        let none_of = self.none_of.iter().flat_map(|versions| match versions {
            Versions::Any => vec![Guard::Missing(A::DesiredVersion)],
            Versions::Listed(versions) => versions.iter().map(|version| is_not(*version)).collect(),
        });
        Guard::All(one_of.chain(none_of).collect())
    }
}

impl Versions {
    fn contain(&self, current: u64) -> bool {
        match self {
            Self::Any => current > 0,
            Self::Listed(versions) => versions.contains(&current),
        }
    }
}

fn is(version: u64) -> Guard {
    Guard::same(A::DesiredVersion, (version > 0).then(|| version.into()))
}

fn is_not(version: u64) -> Guard {
    if version > 0 { Guard::Differs(A::DesiredVersion, version.into()) } else { Guard::Exists(A::DesiredVersion) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{Item, Value};

    #[test]
    fn a_condition_holds_for_an_item_if_it_holds_for_its_version() {
        let some = [None, Some(Versions::Any), Some(Versions::Listed(vec![]))];
        let listed = [vec![0], vec![2], vec![0, 3], vec![1, 2, 3]].map(|versions| Some(Versions::Listed(versions)));
        let all: Vec<_> = some.into_iter().chain(listed).collect();
        for (one_of, none_of) in all.iter().flat_map(|one_of| all.iter().map(move |none_of| (one_of, none_of))) {
            let expected = Expected { one_of: one_of.clone(), none_of: none_of.clone() };
            for version in 0..=4 {
                let mut item = Item::from([(A::CredentialVersion, Value::Number(1))]);
                item.extend((version > 0).then_some((A::DesiredVersion, Value::Number(version))));
                assert_eq!(expected.guard().holds(&item), expected.holds(version), "{expected:?} and {version}");
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
        assert!(!none.may_have_made(1), "If-None-Match does not allow for an earlier try");
        assert!(Expected::version(0).may_have_made(1));
    }
}
