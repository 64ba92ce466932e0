//! Telemetry: one JSON line an event on standard error, its log and its metrics at once.
//!
//! A field whose name begins with a capital letter is a metric: `tracing::info!(%node, CheckIns = 1, "check-in")`. Its line
//! carries what CloudWatch needs to count it (the embedded metric format), under the function's name. So nothing is said
//! twice, and nothing is sent but the log. Whatever is logged while an invocation is handled also says which one it is, and
//! how long that has taken by then.

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

/// What is known of the invocation that is being handled.
struct Invocation {
    context: Context,
    began: Instant,
}

impl Invocation {
    /// Lambda's id for it.
    fn request(&self) -> &str {
        &self.context.request_id
    }

    /// X-Ray's trace, if this one is kept.
    fn kept_trace(&self) -> Option<&str> {
        self.context.xray_trace_id.as_deref().and_then(kept_trace)
    }
}

/// Starts writing logs. Lines carry no time of their own: Lambda stamps them.
pub fn start(lookup: &impl Lookup) {
    tracing_subscriber::fmt()
        .with_max_level(level(lookup))
        .event_format(Lines::new(lookup.get(variable::FUNCTION)))
        .with_writer(std::io::stderr)
        .init();
}

/// Which lines are written: those that nobody asked for, and metrics with them, cost more than they tell.
fn level(lookup: &impl Lookup) -> LevelFilter {
    lookup.get(variable::LOG).and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO)
}

/// Handles an invocation, so that every line says so.
pub(crate) async fn invocation<Work: Future>(context: Context, work: Work) -> Work::Output {
    INVOCATION.scope(Invocation { context, began: Instant::now() }, work).await
}

/// The header of the trace that the invocation is part of which is being handled.
pub(crate) fn trace() -> Option<String> {
    INVOCATION.try_with(|invocation| invocation.context.xray_trace_id.clone()).ok().flatten()
}

/// The trace that a header names, if X-Ray is to keep it (AWS X-Ray Developer Guide, "Tracing header"). One that it does not
/// keep leads nowhere.
fn kept_trace(header: &str) -> Option<&str> {
    let value =
        |name: &str| header.split(';').filter_map(|part| part.trim().split_once('=')).find(|(key, _)| *key == name);
    let (_, root) = value("Root")?;
    value("Sampled").is_some_and(|(_, sampled)| sampled == "1").then_some(root)
}
