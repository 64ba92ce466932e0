use std::io::Write;
use std::sync::{Arc, Mutex};

use lambda_runtime::Context;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::telemetry::invocation;

/// What was written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The lines that a function of this name logs while it handles an invocation.
fn lines(function: Option<&str>, trace: &str, log: impl Fn()) -> Vec<Value> {
    let written = Written::default();
    let lines = Lines::new(function.map(str::to_owned));
    let subscriber = tracing_subscriber::fmt().event_format(lines).with_writer(written.clone()).finish();
    let mut context = Context::default();
    context.request_id = "8476a536".to_owned();
    context.xray_trace_id = Some(trace.to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    tracing::subscriber::with_default(subscriber, || runtime.block_on(invocation(context, async { log() })));
    let text = String::from_utf8(written.0.lock().unwrap().clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

const UNKEPT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

fn metrics(line: &Value) -> Vec<&str> {
    let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().into_iter().flatten();
    metrics.map(|metric| metric["Name"].as_str().expect("a name")).collect()
}

#[test]
fn a_line_is_the_event_and_its_metrics_at_once() {
    let log = || tracing::info!(node = "ap-1", CheckIns = 1, WriteUnits = 1.5, "check-in");
    let mut lines = lines(Some("rollcall-check-in"), UNKEPT, log);
    let line = &mut lines[0];
    let ms = line["ms"].take();
    assert!(ms.as_f64().is_some_and(|ms| (0.0..10_000.0).contains(&ms)), "{ms}");
    let timestamp = line["_aws"]["Timestamp"].take();
    assert!(timestamp.as_u64().is_some_and(|timestamp| timestamp > 1_700_000_000_000), "{timestamp}");
    assert_eq!(
        *line,
        json!({
            "level": "INFO", "message": "check-in", "node": "ap-1", "CheckIns": 1, "WriteUnits": 1.5,
            "request": "8476a536", "ms": null, "ColdStarts": 1, "Function": "rollcall-check-in",
            "_aws": {
                "Timestamp": null,
                "CloudWatchMetrics": [{
                    "Namespace": "Rollcall",
                    "Dimensions": [["Function"]],
                    "Metrics": [{ "Name": "CheckIns" }, { "Name": "WriteUnits" }, { "Name": "ColdStarts" }],
                }],
            },
        })
    );
}

#[test]
fn a_process_starts_cold_once_and_a_line_without_metrics_has_none() {
    let lines = lines(Some("f"), UNKEPT, || {
        tracing::info!(CheckIns = 1, "first");
        tracing::info!(CheckIns = 1, "second");
        tracing::warn!(error = "late", "third");
    });
    let counted: Vec<_> = lines.iter().map(metrics).collect();
    assert_eq!(counted, [vec!["CheckIns", "ColdStarts"], vec!["CheckIns"], vec![]]);
    assert!(lines[2].get("_aws").is_none() && lines[2].get("Function").is_none());
}

#[test]
fn refusals_are_counted_by_reason_too_and_nothing_else_is() {
    let dimensions = |log: fn()| {
        let line = lines(Some("f"), UNKEPT, log).remove(0);
        line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone()
    };
    let refused = dimensions(|| tracing::info!(reason = "revoked", Refusals = 1, "connect"));
    assert_eq!(refused, json!([["Function"], ["Function", "reason"]]));
    // Anybody can make up the name of a key, so reasons that quote it are no dimension.
    let token =
        dimensions(|| tracing::warn!(reason = "the token's key is unknown: \"x\"", RefusedTokens = 1, "authorize"));
    assert_eq!(token, json!([["Function"]]));
}

#[test]
fn a_trace_is_named_if_it_is_kept() {
    let trace = |header: &str| lines(None, header, || tracing::info!("e"))[0]["trace"].clone();
    assert_eq!(trace(UNKEPT), Value::Null);
    assert_eq!(trace(&UNKEPT.replace("Sampled=0", "Sampled=1")), "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!(trace(""), Value::Null);
}

#[test]
fn without_a_function_there_are_no_metrics() {
    assert_eq!(metrics(&lines(None, UNKEPT, || tracing::info!(CheckIns = 1, "e"))[0]), Vec::<&str>::new());
}

#[test]
fn a_field_with_long_text_is_cut() {
    let long = "é".repeat(10_000);
    let warn = || tracing::warn!(error = long, reason = %long, kept = %"x".repeat(TEXT_BYTES), "authorize");
    let lines = lines(None, UNKEPT, warn);
    for name in ["error", "reason"] {
        let text = lines[0][name].as_str().expect("text");
        assert!(text.starts_with("éé") && text.ends_with("é…") && text.len() <= TEXT_BYTES + 3, "{}", text.len());
    }
    assert_eq!(lines[0]["kept"].as_str().map(str::len), Some(TEXT_BYTES));
}
