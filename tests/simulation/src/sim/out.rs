//! What is printed. Whoever stops reading has seen enough: that is no failure, and no panic.

use std::io::Write as _;

/// Prints a line.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints a line about a mistake of the caller, or about progress.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
