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
    /// The exit code.
    code: u8,
}

/// The exit code of a command that could not be done.
const FAILED: u8 = 1;
/// The exit code of a command that can't be understood, as clap has it.
const MISUSED: u8 = 2;

impl Problem {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), passing: false, code: FAILED }
    }

    /// One that may be gone in a while, without anybody doing anything here.
    pub(crate) fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), passing: true, code: FAILED }
    }

    /// One of what was given: nothing was tried.
    pub(crate) fn misuse(text: impl Into<String>) -> Self {
        Self { text: text.into(), passing: false, code: MISUSED }
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

    /// Says it on standard error, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        say(&format!("rollcall: {self}"));
        ExitCode::from(self.code)
    }
}
