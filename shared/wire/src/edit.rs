//! How a configuration document changes: JSON Patch (RFC 6902).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One edit of a document. A path is a JSON Pointer (RFC 6901) into the document as the edits before have left it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Edit {
    /// A value is there now. In an array, what comes after it has moved up.
    Add {
        /// Where.
        path: String,
        /// Which.
        value: Value,
    },
    /// A value is gone. In an array, what comes after it has moved down.
    Remove {
        /// Where it was.
        path: String,
    },
    /// A value is another now.
    Replace {
        /// Where.
        path: String,
        /// Which it is.
        value: Value,
    },
}
