//! Descriptions of firmware images. A version of a model's firmware is one image for ever.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::{FirmwareVersion, Model};
use crate::item::{Item, Malformed, malformed, number, text};
use crate::key::Key;
use crate::update::{Change, Update};

/// The description of a firmware image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareImage {
    /// The key of the image's object in the bucket.
    pub object_key: String,
    /// The image's size, in bytes.
    pub size: u64,
    /// The image's SHA-256, in hexadecimal.
    pub sha256: String,
    /// The vendor's signature of the image, for the node to check.
    pub signature: String,
}

impl FirmwareImage {
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
            signature: must(A::Signature)?,
        })
    }
}

/// The write that stores the description of a model's firmware version. It is refused if the version has a description
/// already, which may be the same one.
pub fn put_firmware(model: &Model, version: &FirmwareVersion, image: &FirmwareImage) -> Update {
    Update {
        key: Key::Firmware(model.clone(), version.clone()),
        clauses: vec![Clause::new(Because::StoredAlready, Guard::Missing(A::ObjectKey))],
        // An earlier try looks like the same description, stored already, and gets the same answer.
        already_applied: Guard::NEVER,
        changes: vec![
            Change::Set(A::ObjectKey, image.object_key.as_str().into()),
            Change::Set(A::ImageSize, image.size.into()),
            Change::Set(A::ImageHash, image.sha256.as_str().into()),
            Change::Set(A::Signature, image.signature.as_str().into()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::Outcome;

    fn image(object_key: &str) -> FirmwareImage {
        let (sha256, signature) = ("ab12".to_owned(), "c2ln".to_owned());
        FirmwareImage { object_key: object_key.to_owned(), size: 7, sha256, signature }
    }

    fn put(image: &FirmwareImage) -> Update {
        put_firmware(&"ax-2".parse().expect("a model"), &"2.5".parse().expect("a version"), image)
    }

    #[test]
    fn a_description_is_read_as_it_was_stored() {
        let Outcome::Applied { after } = put(&image("a")).apply(None) else { panic!("refused") };
        assert_eq!(FirmwareImage::read(&after), Ok(image("a")));
    }

    #[test]
    fn a_version_keeps_its_first_image() {
        let Outcome::Applied { after } = put(&image("a")).apply(None) else { panic!("refused") };
        let because = Some(Because::StoredAlready);
        assert_eq!(put(&image("b")).apply(Some(&after)), Outcome::Refused { stored: Some(after), because });
    }

    #[test]
    fn an_incomplete_description_is_malformed() {
        let Outcome::Applied { after } = put(&image("a")).apply(None) else { panic!("refused") };
        for attribute in [A::ObjectKey, A::ImageSize, A::ImageHash, A::Signature] {
            let mut item = after.clone();
            item.remove(&attribute);
            assert_eq!(FirmwareImage::read(&item), Err(malformed(attribute)));
        }
    }
}
