//! What went wrong, and what to do about it.

use std::borrow::Cow;
use std::error::Error;
use std::process::ExitCode;

use rollcall_service::chain;
use rollcall_wire::console::ProblemCode;
use serde_json::json;

use crate::out::say;

/// Why a command failed, in one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Problem {
    text: String,
    /// What programs know it by: one of the console's codes, or of the constants below.
    code: Cow<'static, str>,
    exit: u8,
}

/// Something could not be done.
const FAILED: &str = "failed";
/// Something could not be done now.
const UNAVAILABLE: &str = "unavailable";
/// What was asked for can't be understood.
const USAGE: &str = "usage";
/// Ctrl-C ended it.
const INTERRUPTED: &str = "interrupted";

/// The exit code of a command that could not be done.
const EXIT_FAILED: u8 = 1;
/// The exit code of a command that can't be understood, as clap has it; and of a comparison that could not be made, as
/// `diff` has it.
const EXIT_TROUBLE: u8 = 2;
/// The exit code of a command that was interrupted, as shells have it: 128 and the number of SIGINT.
const EXIT_INTERRUPTED: u8 = 130;

impl Problem {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: FAILED.into(), exit: EXIT_FAILED }
    }

    /// One that may be gone in a while, without anybody doing anything here.
    pub(crate) fn passing(text: impl Into<String>) -> Self {
        Self { code: UNAVAILABLE.into(), ..Self::new(text) }
    }

    /// One of what was given: nothing was tried.
    pub(crate) fn misuse(text: impl Into<String>) -> Self {
        Self { code: USAGE.into(), exit: EXIT_TROUBLE, ..Self::new(text) }
    }

    /// One of a command that was interrupted by Ctrl-C.
    pub(crate) fn interrupted(text: impl Into<String>) -> Self {
        Self { code: INTERRUPTED.into(), exit: EXIT_INTERRUPTED, ..Self::new(text) }
    }

    /// What a console refuses with this code.
    pub(crate) fn refused(code: ProblemCode, text: impl Into<String>) -> Self {
        Self { code: code.to_string().into(), ..Self::new(text) }
    }

    /// An error with its sources, and what to do.
    pub(crate) fn with_advice(error: &dyn Error, advice: &str) -> Self {
        Self::new(format!("{}; {advice}", chain(error)))
    }

    /// An error with its sources, which says enough.
    pub(crate) fn plain(error: &dyn Error) -> Self {
        Self::new(chain(error))
    }

    /// The same, and more about it.
    pub(crate) fn and(self, more: &str) -> Self {
        Self { text: format!("{}{more}", self.text), ..self }
    }

    /// The same, of a command whose exit code 1 is an answer.
    pub(crate) fn into_trouble(self) -> Self {
        let exit = if self.exit == EXIT_FAILED { EXIT_TROUBLE } else { self.exit };
        Self { exit, ..self }
    }

    /// What programs know it by.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Whether it may be gone in a while.
    pub(crate) fn is_passing(&self) -> bool {
        self.code == UNAVAILABLE
    }

    /// Says it on standard error, to a person or as one line of JSON to a program, and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if json {
            say(&json!({ "error": { "message": self.text, "code": self.code } }).to_string());
        } else {
            say(&format!("rollcall: {self}"));
        }
        ExitCode::from(self.exit)
    }
}
