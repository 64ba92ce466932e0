//! Descriptions of deltas. A delta makes the firmware image of one version of a model out of that of another one. From one
//! version to another there is one delta for ever.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::firmware::FirmwareImage;
use crate::guard::Guard;
use crate::id::{FirmwareVersion, Model};
use crate::item::{Item, Malformed, malformed, number, text};
use crate::key::Key;
use crate::update::{Change, Update};

/// The description of a delta. What is in the delta is between the vendor and the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The key of the delta's object in the bucket.
    pub object_key: String,
    /// The delta's size, in bytes.
    pub size: u64,
    /// The delta's SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Why there can be no such delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDelta {
    /// It is from a version to the same one.
    #[error("from: must be another version than the one that the delta makes")]
    SameVersion,
    /// It saves nothing.
    #[error("size: must be less than the {image} bytes of the image")]
    NotSmaller {
        /// The size of the image that the delta makes, in bytes.
        image: u64,
    },
}

impl Delta {
    /// Reads a description from its stored item.
    ///
    /// # Errors
    /// If an attribute is missing, or of another type than the rules write.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let must = |attribute| Ok(text(item, attribute)?.ok_or_else(|| malformed(attribute))?.to_owned());
        Ok(Self {
            object_key: must(A::ObjectKey)?,
            size: number(item, A::ImageSize)?.ok_or_else(|| malformed(A::ImageSize))?,
            sha256: must(A::ImageHash)?,
        })
    }

    /// Checks that this may be the delta to this image of this version.
    ///
    /// # Errors
    /// If it may not.
    pub fn check(
        &self,
        version: &FirmwareVersion,
        from: &FirmwareVersion,
        image: &FirmwareImage,
    ) -> Result<(), InvalidDelta> {
        if version == from {
            return Err(InvalidDelta::SameVersion);
        }
        if self.size >= image.size { Err(InvalidDelta::NotSmaller { image: image.size }) } else { Ok(()) }
    }
}

/// The write that stores the description of the delta to a version from another one. It is refused if that delta has a
/// description already, which may be the same one.
pub fn put_delta(model: &Model, version: &FirmwareVersion, from: &FirmwareVersion, delta: &Delta) -> Update {
    Update {
        key: Key::Delta(model.clone(), version.clone(), from.clone()),
        clauses: vec![Clause::new(Because::StoredAlready, Guard::Missing(A::ObjectKey))],
        // An earlier try looks like the same description, stored already, and gets the same answer.
        already_applied: Guard::NEVER,
        changes: vec![
            Change::Set(A::ObjectKey, delta.object_key.as_str().into()),
            Change::Set(A::ImageSize, delta.size.into()),
            Change::Set(A::ImageHash, delta.sha256.as_str().into()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::Outcome;

    fn delta(object_key: &str, size: u64) -> Delta {
        Delta { object_key: object_key.to_owned(), size, sha256: "ab12".to_owned() }
    }

    fn version(text: &str) -> FirmwareVersion {
        text.parse().expect("a version")
    }

    fn put(delta: &Delta) -> Update {
        put_delta(&"ax-2".parse().expect("a model"), &version("2.5"), &version("2.4"), delta)
    }

    #[test]
    fn a_description_is_read_as_it_was_stored() {
        let Outcome::Applied { after } = put(&delta("a", 7)).apply(None) else { panic!("refused") };
        assert_eq!(Delta::read(&after), Ok(delta("a", 7)));
    }

    #[test]
    fn a_delta_keeps_its_first_description() {
        let Outcome::Applied { after } = put(&delta("a", 7)).apply(None) else { panic!("refused") };
        let because = Some(Because::StoredAlready);
        assert_eq!(put(&delta("b", 7)).apply(Some(&after)), Outcome::Refused { stored: Some(after), because });
    }

    #[test]
    fn an_incomplete_description_is_malformed() {
        let Outcome::Applied { after } = put(&delta("a", 7)).apply(None) else { panic!("refused") };
        for attribute in [A::ObjectKey, A::ImageSize, A::ImageHash] {
            let mut item = after.clone();
            item.remove(&attribute);
            assert_eq!(Delta::read(&item), Err(malformed(attribute)));
        }
    }

    #[test]
    fn a_delta_is_between_two_versions_and_smaller_than_the_image() {
        let text = String::new;
        let image = FirmwareImage { object_key: text(), size: 8, sha256: text(), signature: text() };
        let check = |size, from| delta("a", size).check(&version("2.5"), &version(from), &image);
        assert_eq!(check(7, "2.4"), Ok(()));
        assert_eq!(check(7, "2.6"), Ok(()), "a node may go back");
        assert_eq!(check(8, "2.4"), Err(InvalidDelta::NotSmaller { image: 8 }));
        assert_eq!(check(7, "2.5"), Err(InvalidDelta::SameVersion));
    }
}
