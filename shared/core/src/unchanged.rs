//! Changes of what is desired of a node that are made only if nobody has changed it since it was read.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::item::Item;
use crate::update::Update;

/// What the application desires of a node.
const DESIRED: [A; 8] = [
    A::CredentialVersion,
    A::Revoked,
    A::Site,
    A::Model,
    A::Tags,
    A::DesiredVersion,
    A::DesiredHash,
    A::DesiredFirmware,
];

impl Update {
    /// The same update of a node's item. It is refused if what is desired of the node is not as it was in this item;
    /// `None` if the node was not registered.
    #[must_use]
    pub fn unless_changed_since(mut self, read: Option<&Item>) -> Self {
        let none = Item::new();
        let before = read.unwrap_or(&none);
        let like = |item: &Item| DESIRED.map(|attribute| Guard::same(attribute, item.get(&attribute).cloned()));
        // An earlier try whose answer was lost has left it so. If somebody else has, nothing is lost either.
        let made = Guard::All(like(&self.changed(before)).into());
        self.clauses.push(Clause::new(Because::DesiredChanged, Guard::All(like(before).into())));
        self.already_applied = Guard::Any(vec![self.already_applied, made]);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denied::{Denied, granted};
    use crate::desired::{set_config, set_firmware};
    use crate::expected::Expected;
    use crate::id::NodeId;
    use crate::registration::{Amended, Amending, register_or_amend};
    use crate::update::Outcome;

    fn node() -> NodeId {
        "ap-1".parse().expect("an id")
    }

    fn to_site(site: &str) -> Update {
        let site = Amended::Set(site.parse().expect("a site"));
        register_or_amend(&node(), &Amending { site, ..Amending::default() })
    }

    fn applied(update: &Update, item: Option<&Item>) -> Item {
        match update.apply(item) {
            Outcome::Applied { after } => after,
            Outcome::Refused { because, .. } => panic!("refused because of {because:?}"),
        }
    }

    #[test]
    fn whatever_the_application_has_changed_meanwhile_refuses_it_and_what_the_node_reports_does_not() {
        let read = applied(&to_site("hq"), None);
        let update = to_site("lab").unless_changed_since(Some(&read));
        let config = set_config(&node(), "ab", &Expected::default()).unless_changed_since(Some(&read));
        for attribute in DESIRED {
            let mut item = read.clone();
            let other = if item.contains_key(&attribute) { "other" } else { "new" };
            item.insert(attribute, other.into());
            if attribute == A::Revoked {
                item.remove(&A::Revoked);
                item.insert(A::CredentialVersion, 7_u64.into());
            }
            let refused = update.apply(Some(&item));
            assert!(matches!(refused, Outcome::Refused { .. }), "{attribute:?}");
            assert!(matches!(config.apply(Some(&item)), Outcome::Refused { .. }), "{attribute:?}");
            if !matches!(attribute, A::CredentialVersion | A::DesiredVersion | A::DesiredHash) {
                assert_eq!(granted(refused), Ok(Err(Denied::Changed)), "{attribute:?}");
            }
        }
        let mut reported = read.clone();
        reported.insert(A::Firmware, "2.5.0".into());
        reported.insert(A::Seen, 9_u64.into());
        assert_eq!(applied(&update, Some(&reported)).get(&A::Site), Some(&"lab".into()));
    }

    #[test]
    fn a_node_that_was_not_registered_must_not_be_and_an_earlier_try_is_no_change() {
        let update = to_site("hq").unless_changed_since(None);
        let after = applied(&update, None);
        assert_eq!(update.refused(Some(after.clone())), Outcome::Applied { after });
        let other = applied(&to_site("lab"), None);
        assert_eq!(granted(update.apply(Some(&other))), Ok(Err(Denied::Changed)));
        let model = "ax-2".parse().expect("a model");
        let firmware = set_firmware(&node(), &model, &"2.5.0".parse().expect("a version"));
        let refused = firmware.unless_changed_since(None).apply(Some(&other));
        assert!(matches!(refused, Outcome::Refused { .. }));
    }
}
