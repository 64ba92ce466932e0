//! What a program applies, and what it says about that.

/// A configuration to run: its document is complete, and its hash was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Its version: the server counts, from 1.
    pub version: u64,
    /// The SHA-256 of the document's UTF-8 bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// The document: JSON, at most [`DOCUMENT_BYTES`](crate::wire::DOCUMENT_BYTES). What it means is between the program
    /// and whoever sets it.
    pub document: String,
}

/// What a program did with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The program takes no configurations: nothing is reported, and it is not asked again in this run.
    Unsupported,
    /// It runs.
    Applied,
    /// Something close to it runs: what, for people.
    Substituted(String),
    /// It was refused, and nothing changed: why, for people.
    Rejected(String),
}
