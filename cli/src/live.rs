//! Standard error: lines, and below them at most one live line, which is redrawn in place.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rollcall_aws::{Environment, Lookup as _};

/// To the first column, and clear to the end of the line (ECMA-48: CR, EL).
const CLEAR: &str = "\r\u{1b}[K";
/// Cut off what is beyond the right margin (DEC private mode 7, reset): in the next line it could not be cleared.
const CUT: &str = "\u{1b}[?7l";
/// Go on in the next line beyond the right margin, as terminals usually do (the same mode, set).
const WRAP: &str = "\u{1b}[?7h";

static LIVE: Mutex<Live> = Mutex::new(Live(String::new()));

/// The live line; empty if there is none.
struct Live(String);

impl Live {
    /// What draws the live line again.
    fn drawn(&self) -> String {
        format!("{CLEAR}{CUT}{}{WRAP}", self.0)
    }

    /// What writes whole lines above it.
    fn above(&self, lines: &str) -> String {
        if self.0.is_empty() { lines.to_owned() } else { format!("{CLEAR}{lines}{}", self.drawn()) }
    }
}

/// Whether standard error is a terminal that a line can be redrawn on.
pub(crate) fn is_possible() -> bool {
    io::stderr().is_terminal() && Environment.get("TERM").is_some_and(|terminal| terminal != "dumb")
}

/// Writes whole lines, above the live line if there is one.
pub(crate) fn write(lines: &str) {
    let shown = live();
    put(&shown.above(lines));
}

/// Draws the live line, in place of what it was.
pub(crate) fn show(line: &str) {
    let mut shown = live();
    line.clone_into(&mut shown.0);
    put(&shown.drawn());
}

/// Takes the live line away.
pub(crate) fn clear() {
    let mut shown = live();
    if !shown.0.is_empty() {
        shown.0.clear();
        put(CLEAR);
    }
}

/// Where to write lines that come as bytes, each in one piece.
pub(crate) struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn live() -> MutexGuard<'static, Live> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A reader that has gone is no failure.
fn put(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_above_the_live_line_which_is_drawn_again_below_them() {
        let none = Live(String::new());
        assert_eq!(none.above("refused\n"), "refused\n");
        let live = Live("12s".to_owned());
        let drawn = "\r\u{1b}[K\u{1b}[?7l12s\u{1b}[?7h";
        assert_eq!(live.drawn(), drawn);
        assert_eq!(live.above("refused\n"), format!("\r\u{1b}[Krefused\n{drawn}"));
    }
}
