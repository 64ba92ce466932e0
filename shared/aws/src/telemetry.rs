//! Logs: JSON lines on standard error, one an event.

use tracing_subscriber::EnvFilter;

use crate::config::Lookup;

/// The variable that sets which lines are written, in the syntax of `tracing_subscriber::EnvFilter`.
const LEVEL: &str = "ROLLCALL_LOG";

/// Starts writing logs. Lines carry no time of their own: Lambda stamps them.
pub fn start(lookup: &impl Lookup) {
    let filter = lookup.get(LEVEL).unwrap_or_else(|| "info".to_owned());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .init();
}
