//! How a configuration document changes: JSON Patch (RFC 6902).

use serde::{Deserialize, Deserializer, Serialize};

use crate::Json;

/// One edit of a document. A path is a JSON Pointer (RFC 6901) into the document as the earlier edits have left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "op", rename_all = "lowercase", try_from = "Fields")]
pub enum Edit {
    /// A value is added. In an array, the values behind it move up by one.
    #[cfg_attr(feature = "openapi", schema(title = "EditAdd"))]
    Add {
        /// Where the value is added.
        path: String,
        /// The value.
        #[cfg_attr(feature = "openapi", schema(value_type = Value))]
        value: Json,
    },
    /// A value is removed. In an array, the values behind it move down by one.
    #[cfg_attr(feature = "openapi", schema(title = "EditRemove"))]
    Remove {
        /// Where the value was.
        path: String,
    },
    /// A value is replaced.
    #[cfg_attr(feature = "openapi", schema(title = "EditReplace"))]
    Replace {
        /// Where the value is.
        path: String,
        /// The new value.
        #[cfg_attr(feature = "openapi", schema(value_type = Value))]
        value: Json,
    },
}

/// The fields of an edit as they are read. With `#[serde(tag)]`, numbers would be rounded.
#[derive(Deserialize)]
struct Fields {
    op: Operation,
    path: String,
    #[serde(default, deserialize_with = "present")]
    value: Option<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Operation {
    Add,
    Remove,
    Replace,
}

impl TryFrom<Fields> for Edit {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let Fields { op, path, value } = fields;
        match (op, value) {
            (Operation::Add, Some(value)) => Ok(Self::Add { path, value }),
            (Operation::Replace, Some(value)) => Ok(Self::Replace { path, value }),
            (Operation::Remove, _) => Ok(Self::Remove { path }),
            (Operation::Add | Operation::Replace, None) => Err("the edit has no value"),
        }
    }
}

/// Reads a value that may be `null`, which is not the same as a field that is left out.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}
