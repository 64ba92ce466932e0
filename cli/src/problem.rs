//! What went wrong, and what to do about it.

use std::error::Error;
use std::process::ExitCode;

use rollcall_aws::chain;

use crate::out::say;

/// Why a command failed, in one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Problem(String);

impl Problem {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// An error with its sources, and what to do.
    pub(crate) fn with_advice(error: &dyn Error, advice: &str) -> Self {
        Self(format!("{}; {advice}", chain(error)))
    }

    /// An error with its sources, which says enough.
    pub(crate) fn plain(error: &dyn Error) -> Self {
        Self(chain(error))
    }

    /// Says it on standard error. The exit code is 1: 2 is for a command that can't be understood.
    pub(crate) fn report(&self) -> ExitCode {
        say(&format!("rollcall: {self}"));
        ExitCode::FAILURE
    }
}
