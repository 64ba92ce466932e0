//! The MD5 digests with which SQS says what it has stored ("Amazon SQS message metadata").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// An attribute of a message, which its sender has added.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    pub(crate) data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) string_value: Option<String>,
    /// In base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) binary_value: Option<String>,
}

impl Attribute {
    /// The value, and the number of its kind in the digest.
    pub(crate) fn value(&self) -> Option<(u8, Vec<u8>)> {
        match (&self.string_value, &self.binary_value) {
            (Some(text), None) => Some((1, text.as_bytes().to_vec())),
            (None, Some(binary)) => Some((2, STANDARD.decode(binary).ok()?)),
            _ => None,
        }
    }
}

/// The attributes of a message by their names.
pub(crate) type Attributes = BTreeMap<String, Attribute>;

pub(crate) fn of_body(body: &str) -> String {
    HEXLOWER.encode(&Md5::digest(body.as_bytes()))
}

/// The digest of attributes; `None` if there are none.
pub(crate) fn of_attributes(attributes: &Attributes) -> Option<String> {
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        let (kind, value) = attribute.value()?;
        for part in [name.as_bytes(), attribute.data_type.as_bytes()] {
            add(&mut digest, part);
        }
        digest.update([kind]);
        add(&mut digest, &value);
    }
    (!attributes.is_empty()).then(|| HEXLOWER.encode(&digest.finalize()))
}

fn add(digest: &mut Md5, part: &[u8]) {
    digest.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(part);
}

/// The deduplication id of a message whose queue deduplicates by content.
pub(crate) fn of_content(body: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(body.as_bytes()))
}
