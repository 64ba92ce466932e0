//! How the download of a firmware image ends.

use std::path::PathBuf;

/// How a download ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Downloaded {
    /// The image is in this file, and its size and hash are right: see [`ImageCheck`](crate::ImageCheck).
    Complete(PathBuf),
    /// The server refused the URL (HTTP 403). It may have expired.
    Refused,
    /// The download ended early.
    Broken {
        /// The reason, for people.
        why: String,
        /// Whether it added bytes to what was there before. What is there is kept.
        further: bool,
    },
    /// The size or the hash is wrong, for this reason, for people. What was there is discarded.
    Wrong(String),
    /// The image can't be stored on this node, for this reason, for people.
    Impossible(String),
}
