//! The configuration that a program applies, and the program's answer.

/// A configuration to run. Its document is complete, and its hash was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The version. The server counts the versions of a node from 1.
    pub version: u64,
    /// The SHA-256 of the document's UTF-8 bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// The document: JSON of at most [`DOCUMENT_BYTES`](rollcall_wire::DOCUMENT_BYTES) bytes. Its meaning is defined by
    /// the program and the application that sets it; Rollcall does not interpret it.
    pub document: String,
}

/// The answer of a program that was given a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The program takes no configurations. Nothing is reported, and the program is given no further ones in this run.
    Unsupported,
    /// The program runs the configuration.
    Applied,
    /// The program runs something close to the configuration. The text describes it for people.
    Substituted(String),
    /// The program refused the configuration and changed nothing. The text is the reason, for people.
    Rejected(String),
}
