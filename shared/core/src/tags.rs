//! A node's tags.

use crate::id::{InvalidId, check};
use crate::limits::TAGS_BYTES;

/// A node's tags, sorted and without duplicates. The application chooses them; they mean nothing to Rollcall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

impl Tags {
    /// Checks tags. Each has the characters of a [`NodeId`](crate::NodeId), `.` and `=`; all together have at most [`TAGS_BYTES`].
    ///
    /// # Errors
    /// The first tag that is not valid, or the length of all of them.
    pub fn new(mut tags: Vec<String>) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-' | '.' | '=');
        for tag in &tags {
            check("tag", tag, TAGS_BYTES, "ASCII letters, digits, ':', '_', '-', '.' and '='", allowed)?;
        }
        tags.sort_unstable();
        tags.dedup();
        let length = tags.join(",").len();
        if length > TAGS_BYTES {
            return Err(InvalidId::TooLong { kind: "list of tags", limit: TAGS_BYTES, length });
        }
        Ok(Self(tags))
    }

    /// The tags, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The tags as they are stored; `None` if there are none.
    pub(crate) fn stored(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(","))
    }

    /// Reads tags as they were stored.
    pub(crate) fn read(text: &str) -> Self {
        Self(text.split(',').map(str::to_owned).collect())
    }
}
