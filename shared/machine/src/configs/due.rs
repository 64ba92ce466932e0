//! The steps of a configuration.

use rollcall_wire::ConfigReport;

use crate::configuration::Configuration;

/// The next step in the handling of configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Ask the server for the configuration again.
    Ask,
    /// Fetch the document, then call [`Configs::fetched`](super::Configs::fetched).
    Fetch { version: u64, sha256: String },
    /// Hand the configuration to the program, then call [`Configs::applied`](super::Configs::applied).
    Apply(Configuration),
    /// Have the program go back from this configuration to what it ran before.
    RollBack(Configuration),
    /// A configuration has this outcome: report it.
    Settled(ConfigReport),
}
