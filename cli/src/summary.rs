//! The summary of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::meter::Counts;

/// The summary of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    nodes: u32,
    seconds: f64,
    connects: u64,
    disconnects: u64,
    check_ins: u64,
    acks: u64,
    refusals: BTreeMap<String, u64>,
    failures: BTreeMap<String, u64>,
    /// From sending a check-in to its acknowledgement; nothing if there was none.
    answer_ms: Option<Percentiles>,
    write_units_per_check_in: Option<f64>,
    read_units_per_check_in: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    p50: f64,
    p95: f64,
    p99: f64,
}

impl Summary {
    pub(crate) fn new(counts: Counts, nodes: u32, seconds: f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let percentile = |quantile: f64| counts.answer_us.value_at_quantile(quantile) as f64 / 1000.0;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let per_check_in = |units: f64| (counts.check_ins > 0).then(|| units / counts.check_ins as f64);
        Self {
            nodes,
            seconds,
            connects: counts.connects,
            disconnects: counts.disconnects,
            check_ins: counts.check_ins,
            acks: counts.acks,
            answer_ms: (!counts.answer_us.is_empty()).then(|| Percentiles {
                p50: percentile(0.50),
                p95: percentile(0.95),
                p99: percentile(0.99),
            }),
            write_units_per_check_in: per_check_in(counts.write_units),
            read_units_per_check_in: per_check_in(counts.read_units),
            refusals: counts.refusals,
            failures: counts.failures,
        }
    }

    /// For a person.
    pub(crate) fn text(&self) -> String {
        let mut rows = vec![
            ("nodes".to_owned(), self.nodes.to_string()),
            ("seconds".to_owned(), format!("{:.1}", self.seconds)),
            ("connects".to_owned(), self.connects.to_string()),
            ("disconnects".to_owned(), self.disconnects.to_string()),
            ("check-ins".to_owned(), self.check_ins.to_string()),
            ("acks".to_owned(), self.acks.to_string()),
            ("refusals".to_owned(), self.refusals.values().sum::<u64>().to_string()),
        ];
        rows.extend(self.refusals.iter().map(|(reason, count)| (format!("  {reason}"), count.to_string())));
        rows.push(("failures".to_owned(), self.failures.values().sum::<u64>().to_string()));
        rows.extend(self.failures.iter().map(|(function, count)| (format!("  {function}"), count.to_string())));
        let answer = self.answer_ms.as_ref().map_or_else(
            || "-".to_owned(),
            |ms| format!("p50 {:.2} ms   p95 {:.2} ms   p99 {:.2} ms", ms.p50, ms.p95, ms.p99),
        );
        rows.push(("send -> ack".to_owned(), answer));
        let units = |units: Option<f64>| units.map_or_else(|| "-".to_owned(), |units| format!("{units:.3}"));
        rows.push(("write units per check-in".to_owned(), units(self.write_units_per_check_in)));
        rows.push(("read units per check-in".to_owned(), units(self.read_units_per_check_in)));
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let lines: Vec<_> = rows.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect();
        lines.concat()
    }
}
