//! What holds for all firmware of a model: the oldest version that its nodes may be given, and whose signature its images
//! must have.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::{FirmwareVersion, Model};
use crate::item::{Item, Malformed, malformed, number, text};
use crate::key::Key;
use crate::update::{Change, Update};
use crate::version::Version;

/// What holds for all firmware of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelSettings {
    /// The oldest version that the model's nodes may be given; `None` if there is no bound.
    pub minimum: Option<FirmwareVersion>,
    /// The key that the signatures of the model's images are verified with, in base64; `None` if nobody verifies them here.
    pub public_key: Option<String>,
    /// Whether an image without a signature that this key verifies is refused.
    pub signature_required: bool,
}

impl ModelSettings {
    /// Reads the settings from their stored item; nothing holds without one.
    ///
    /// # Errors
    /// If an attribute is of another type than the rules write.
    pub fn read(item: Option<&Item>) -> Result<Self, Malformed> {
        let Some(item) = item else { return Ok(Self::default()) };
        let minimum = text(item, A::MinimumVersion)?.map(str::parse).transpose();
        Ok(Self {
            minimum: minimum.map_err(|_| malformed(A::MinimumVersion))?,
            public_key: text(item, A::PublicKey)?.map(str::to_owned),
            signature_required: number(item, A::SignatureRequired)?.is_some(),
        })
    }

    /// Whether the model's nodes may be given this version. One that can't be compared with the minimum, because the texts
    /// before their numbers differ, is refused: nobody knows that it is not older.
    pub fn admits(&self, version: &FirmwareVersion) -> bool {
        let Some(minimum) = &self.minimum else { return true };
        let (minimum, version) = (Version::new(minimum.as_str()), Version::new(version.as_str()));
        minimum.is_comparable(&version) && minimum <= version
    }

    fn stored(&self) -> [(A, Option<crate::item::Value>); 3] {
        [
            (A::MinimumVersion, self.minimum.as_ref().map(|minimum| minimum.as_str().into())),
            (A::PublicKey, self.public_key.as_deref().map(Into::into)),
            (A::SignatureRequired, self.signature_required.then(|| 1_u32.into())),
        ]
    }
}

/// The write that changes the settings of a model, if they are still what they were.
pub fn set_model(model: &Model, before: &ModelSettings, after: &ModelSettings) -> Update {
    let unchanged = before.stored().map(|(attribute, value)| Guard::same(attribute, value));
    Update {
        key: Key::Model(model.clone()),
        clauses: vec![Clause::new(Because::SettingsChanged, Guard::All(unchanged.into()))],
        already_applied: Guard::NEVER,
        changes: after.stored().map(|(attribute, value)| Change::set_or_remove(attribute, value)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::Outcome;

    fn version(text: &str) -> FirmwareVersion {
        text.parse().expect("a version")
    }

    fn minimum(text: &str) -> ModelSettings {
        ModelSettings { minimum: Some(version(text)), ..ModelSettings::default() }
    }

    fn set(before: &ModelSettings, after: &ModelSettings) -> Update {
        set_model(&"ax-2".parse().expect("a model"), before, after)
    }

    #[test]
    fn a_version_is_admitted_from_the_minimum_on_in_the_order_that_selectors_use() {
        for (least, version_of_node, is_admitted) in [
            ("2.9", "2.10", true),
            ("2.9", "2.9", true),
            ("2.9", "2.9.0", true),
            ("2.9", "v2.9", true),
            ("2.10", "2.9", false),
            ("2.9", "2.9-rc1", false),
            ("2.9-rc1", "2.9", true),
            ("2.9", "2.8.99", false),
            ("ax-2.9", "ax-2.10", true),
        ] {
            assert_eq!(minimum(least).admits(&version(version_of_node)), is_admitted, "{version_of_node} from {least}");
        }
        assert!(ModelSettings::default().admits(&version("0.0.1")));
    }

    #[test]
    fn a_version_that_can_not_be_compared_with_the_minimum_is_not_admitted() {
        for (least, other) in [("2.9", "ax-3.0"), ("ax-2.9", "3.0"), ("2.9", "nightly"), ("nightly", "3.0")] {
            assert!(!minimum(least).admits(&version(other)), "{other} from {least}");
        }
    }

    #[test]
    fn settings_are_read_as_they_were_stored_and_can_be_taken_back() {
        let all = ModelSettings {
            minimum: Some(version("2.4.0")),
            public_key: Some("a2V5".to_owned()),
            signature_required: true,
        };
        let none = ModelSettings::default();
        let Outcome::Applied { after } = set(&none, &all).apply(None) else { panic!("refused") };
        assert_eq!(ModelSettings::read(Some(&after)), Ok(all.clone()));
        let Outcome::Applied { after } = set(&all, &none).apply(Some(&after)) else { panic!("refused") };
        assert_eq!(ModelSettings::read(Some(&after)), Ok(none.clone()));
        assert_eq!(ModelSettings::read(None), Ok(none));
    }

    #[test]
    fn settings_that_somebody_else_has_changed_are_not_overwritten() {
        let (none, raised) = (ModelSettings::default(), minimum("3.0"));
        let Outcome::Applied { after } = set(&none, &raised).apply(None) else { panic!("refused") };
        let because = Some(Because::SettingsChanged);
        assert_eq!(set(&none, &minimum("2.0")).apply(Some(&after)), Outcome::Refused { stored: Some(after), because });
    }

    #[test]
    fn a_minimum_that_is_no_version_is_malformed_and_not_absent() {
        let stored = |value| Item::from([(A::MinimumVersion, value)]);
        for value in ["".into(), 7_u32.into()] {
            assert_eq!(ModelSettings::read(Some(&stored(value))), Err(malformed(A::MinimumVersion)));
        }
    }
}
