//! What is printed. Whoever stops reading has seen enough: that is no failure, and no panic.

use std::io::{ErrorKind, Write as _};

use rollcall_wire::pretty;
use serde::Serialize;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::live;
use crate::problem::Problem;

/// Prints what was asked for.
///
/// # Errors
/// If it can't be written, other than because its reader has gone.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    print_on(text).map(|_| ())
}

/// Prints a part of what was asked for, and says whether its reader is still there.
///
/// # Errors
/// If it can't be written, other than because its reader has gone.
pub(crate) fn print_on(text: &str) -> Result<bool, Problem> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Problem::new(format!("standard output can't be written: {error}"))),
    }
}

/// Prints one JSON value, for a program.
///
/// # Errors
/// If it can't be written, other than because its reader has gone.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Problem> {
    // Made pretty as text: parts of it may be documents, which `serde_json` puts on a line of their own.
    let text = serde_json::to_string(value).map_err(|error| Problem::plain(&error))?;
    print(&format!("{}\n", pretty(&text)))
}

/// A line for a person.
pub(crate) fn say(text: &str) {
    live::write(&format!("{text}\n"));
}

/// Shows what the gateway warns of (a function that fails, say), from here on. Two warnings of others are not shown:
/// that the SDK finds no credentials, because that is a problem of its own; and that the embedded DynamoDB refused a
/// request, because it does so whenever a condition does not hold. A function that fails for another refusal says so
/// itself.
pub(crate) fn show_warnings() {
    let shown = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("aws_config", LevelFilter::OFF)
        .with_target("dynoxide", LevelFilter::ERROR);
    let lines = tracing_subscriber::fmt().with_target(false).without_time().with_writer(|| live::Lines);
    lines.finish().with(shown).init();
}
