//! Logs: JSON lines on standard error, one an event.

use tracing_subscriber::filter::LevelFilter;

use crate::config::Lookup;

/// The variable that sets which lines are written: `error`, `warn`, `info`, `debug`, `trace` or `off`.
const LEVEL: &str = "ROLLCALL_LOG";

/// Starts writing logs. Lines carry no time of their own: Lambda stamps them.
pub fn start(lookup: &impl Lookup) {
    let level = lookup.get(LEVEL).and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .init();
}
