//! Telemetry: each log event is one line of JSON on standard error, which holds its metrics as well.
//!
//! A field whose name begins with a capital letter is a metric: `tracing::info!(%node, CheckIns = 1, "check-in")`. The
//! line then contains what CloudWatch needs to count it (the embedded metric format), under the function's name. So
//! nothing is written twice, and nothing is sent besides the log. A line that is logged while an invocation is handled
//! also has the invocation's id, and the time that it has taken so far.

mod line;

use std::future::Future;
use std::time::Instant;

use lambda_runtime::Context;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Lookup, variable};
use line::Lines;

tokio::task_local! {
    static INVOCATION: Invocation;
}

/// The invocation that is being handled.
struct Invocation {
    context: Context,
    began: Instant,
}

impl Invocation {
    /// Lambda's id of the invocation.
    fn request(&self) -> &str {
        &self.context.request_id
    }

    /// The id of X-Ray's trace, if X-Ray keeps this trace.
    fn kept_trace(&self) -> Option<&str> {
        self.context.xray_trace_id.as_deref().and_then(kept_trace)
    }
}

/// Starts writing logs. Lines have no time of their own, because Lambda adds one.
pub fn start(lookup: &impl Lookup) {
    tracing_subscriber::fmt()
        .with_max_level(level(lookup))
        .event_format(Lines::new(lookup.get(variable::FUNCTION)))
        .with_writer(std::io::stderr)
        .init();
}

/// The level from which on lines are written. Lines below `info` must be asked for, since they cost more than they
/// tell.
fn level(lookup: &impl Lookup) -> LevelFilter {
    lookup.get(variable::LOG).and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO)
}

/// Handles an invocation, so that every log line names it.
pub(crate) async fn invocation<Work: Future>(context: Context, work: Work) -> Work::Output {
    INVOCATION.scope(Invocation { context, began: Instant::now() }, work).await
}

/// The trace header of the invocation that is being handled.
pub(crate) fn trace() -> Option<String> {
    INVOCATION.try_with(|invocation| invocation.context.xray_trace_id.clone()).ok().flatten()
}

/// The id of the trace in a header, if X-Ray keeps the trace (AWS X-Ray Developer Guide, "Tracing header"). The id of a
/// trace that is not kept leads nowhere.
fn kept_trace(header: &str) -> Option<&str> {
    let value =
        |name: &str| header.split(';').filter_map(|part| part.trim().split_once('=')).find(|(key, _)| *key == name);
    let (_, root) = value("Root")?;
    value("Sampled").is_some_and(|(_, sampled)| sampled == "1").then_some(root)
}
