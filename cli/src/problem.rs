//! What went wrong, and what to do about it.

use std::error::Error;
use std::process::ExitCode;

use rollcall_aws::chain;

use crate::out::say;

/// Why a command failed, in one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Problem {
    text: String,
    passing: bool,
}

impl Problem {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), passing: false }
    }

    /// One that may be gone in a while, without anybody doing anything here.
    pub(crate) fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), passing: true }
    }

    /// Whether it may be gone in a while.
    pub(crate) fn is_passing(&self) -> bool {
        self.passing
    }

    /// An error with its sources, and what to do.
    pub(crate) fn with_advice(error: &dyn Error, advice: &str) -> Self {
        Self::new(format!("{}; {advice}", chain(error)))
    }

    /// An error with its sources, which says enough.
    pub(crate) fn plain(error: &dyn Error) -> Self {
        Self::new(chain(error))
    }

    /// Says it on standard error. The exit code is 1: 2 is for a command that can't be understood.
    pub(crate) fn report(&self) -> ExitCode {
        say(&format!("rollcall: {self}"));
        ExitCode::FAILURE
    }
}
