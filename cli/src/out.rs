//! What is printed. Whoever stops reading has seen enough: that is no failure, and no panic.

use std::io::{ErrorKind, Write as _};

use tracing_subscriber::filter::LevelFilter;

use crate::problem::Problem;

/// Prints what was asked for.
///
/// # Errors
/// If it can't be written, other than because its reader has gone.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Problem::new(format!("standard output can't be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// A line for a person.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Shows what the gateway warns of (a function that fails, say), from here on.
pub(crate) fn show_warnings() {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_target(false)
        .without_time()
        .with_writer(std::io::stderr)
        .init();
}
