//! What was measured, and how it is printed.

use std::time::Instant;

use hdrhistogram::Histogram;
use serde_json::json;

use crate::handlers::Missing;

/// How long something took, many times.
pub(crate) struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds"))
    }
}

impl Times {
    /// Adds the time since then, unless it is not to be measured.
    pub(crate) fn add(&mut self, since: Instant, measured: bool) {
        if measured {
            self.0.saturating_record(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// A quantile, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) fn ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }
}

/// What was measured of one of them; nothing where there is nothing to measure.
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) versions: String,
    /// The size of its zip, in MB.
    pub(crate) zip_mb: Option<f64>,
    /// From starting its process to the first answer, in ms: the median.
    pub(crate) cold_ms: Option<f64>,
    /// A call of a warm process, in ms: the median, and what one in a hundred exceeds.
    pub(crate) warm_ms: f64,
    pub(crate) warm_p99_ms: f64,
    /// What its process has in memory at the end, in MB.
    pub(crate) rss_mb: Option<f64>,
}

/// Prints all of them, and which could not be measured. Ratios are to the first.
pub(crate) fn print(rows: &[Figures], missing: &[&Missing]) {
    if std::env::args().any(|argument| argument == "--json") {
        return print_json(rows, missing);
    }
    println!(
        "{:16} {:>7} {:>9} {:>6} {:>9} {:>9} {:>6} {:>7}",
        "", "zip MB", "cold ms", "", "warm p50", "p99 ms", "", "RSS MB"
    );
    let first = rows.first();
    for row in rows {
        let ratio = |own: Option<f64>, firsts: Option<f64>| own.zip(firsts).map(|(own, first)| own / first);
        let cold = ratio(row.cold_ms, first.and_then(|first| first.cold_ms));
        let warm = ratio(Some(row.warm_ms), first.map(|first| first.warm_ms));
        println!(
            "{:16} {:>7} {:>9} {:>6} {:>9.3} {:>9.3} {:>6} {:>7}",
            row.name,
            number(row.zip_mb, 2, ""),
            number(row.cold_ms, 2, ""),
            number(cold, 1, "x"),
            row.warm_ms,
            row.warm_p99_ms,
            number(warm, 1, "x"),
            number(row.rss_mb, 1, ""),
        );
    }
    for row in rows {
        println!("{:16} {}", row.name, row.versions);
    }
    for missing in missing {
        println!("{:16} is missing: {}", missing.name, missing.problem);
    }
}

fn number(number: Option<f64>, digits: usize, unit: &str) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}{unit}"))
}

fn print_json(rows: &[Figures], missing: &[&Missing]) {
    for row in rows {
        let line = json!({
            "name": row.name, "versions": row.versions, "zip_mb": row.zip_mb, "cold_ms": row.cold_ms,
            "warm_p50_ms": row.warm_ms, "warm_p99_ms": row.warm_p99_ms, "rss_mb": row.rss_mb,
        });
        println!("{line}");
    }
    for missing in missing {
        println!("{}", json!({ "name": missing.name, "missing": missing.problem }));
    }
}
