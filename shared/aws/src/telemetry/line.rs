//! Formats a log event as a line.

use std::fmt::{self, Debug};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde::ser::{SerializeMap as _, Serializer as _};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::INVOCATION;

/// The namespace of the metrics in CloudWatch.
const NAMESPACE: &str = "Rollcall";
/// The dimension of every metric. The alarms in `infra/template.yaml` use it.
const BY_FUNCTION: &str = "Function";
/// A second dimension, for refusals. Each of its values is a metric that costs, so it has few values, and no client can
/// choose them.
const BY_REASON: &str = "reason";
/// The metric that is counted by reason.
const REFUSALS: &str = "Refusals";
/// The longest text of a field, in bytes. It limits what a line with text from elsewhere can cost.
const TEXT_BYTES: usize = 512;
/// The metric that counts the first invocation of a process.
const COLD_STARTS: &str = "ColdStarts";

/// Writes events as lines.
pub(super) struct Lines {
    function: Option<String>,
    is_cold: AtomicBool,
}

impl Lines {
    /// The lines of the function with this name. Without a name, the process does not run on Lambda, and there are no
    /// metrics.
    pub(super) fn new(function: Option<String>) -> Self {
        Self { function, is_cold: AtomicBool::new(true) }
    }

    fn line(&self, event: &Event<'_>, now: SystemTime) -> Result<String, serde_json::Error> {
        let mut fields = Fields(vec![("level", event.metadata().level().as_str().into())]);
        event.record(&mut fields);
        let of_invocation = INVOCATION.try_with(|invocation| {
            fields.push("request", invocation.request());
            fields.push("trace", invocation.kept_trace());
            fields.push("ms", milliseconds(invocation.began.elapsed()));
        });
        if of_invocation.is_ok() && self.is_cold.swap(false, Ordering::Relaxed) {
            fields.push(COLD_STARTS, 1);
        }
        if let Some(function) = &self.function {
            fields.embed_metrics(function, now);
        }
        fields.to_json()
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        #[expect(clippy::disallowed_methods, reason = "a metric in CloudWatch needs its time")]
        let now = SystemTime::now();
        writeln!(writer, "{}", self.line(event, now).map_err(|_| fmt::Error)?)
    }
}

/// The fields of a line, in their order.
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn push(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        if !value.is_null() {
            self.0.push((name, value));
        }
    }

    /// Adds which fields are metrics, and of which function (Amazon CloudWatch User Guide, "Specification: Embedded
    /// metric format").
    fn embed_metrics(&mut self, function: &str, now: SystemTime) {
        let names = || self.0.iter().map(|(name, _)| *name);
        let metrics: Vec<_> = names().filter(|name| is_metric(name)).map(|name| json!({ "Name": name })).collect();
        if metrics.is_empty() {
            return;
        }
        let mut dimensions = vec![vec![BY_FUNCTION]];
        if names().any(|name| name == REFUSALS) && names().any(|name| name == BY_REASON) {
            dimensions.push(vec![BY_FUNCTION, BY_REASON]);
        }
        let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.push(BY_FUNCTION, function);
        self.push(
            "_aws",
            json!({
                "Timestamp": u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics }],
            }),
        );
    }

    fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut line = vec![];
        let mut json = serde_json::Serializer::new(&mut line);
        let mut map = json.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field.name(), bounded(value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push(field.name(), bounded(format!("{value:?}")));
    }
}

/// The text, or its beginning if it is too long.
fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES {
        text.truncate(text.floor_char_boundary(TEXT_BYTES));
        text.push('…');
    }
    text
}

fn is_metric(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && name != BY_FUNCTION
}

/// Rounded to a hundredth: more digits would only be more bytes.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests;
