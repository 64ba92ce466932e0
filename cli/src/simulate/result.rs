//! What a simulation came to, for people and for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_live::Outcome;
use serde::Serialize;

use crate::args::Simulate;
use crate::out::{self, say};
use crate::problem::Problem;

/// How many violations are printed.
const SHOWN: usize = 20;

#[derive(Serialize)]
struct Printed<'a> {
    seed: u64,
    nodes: u32,
    seconds: f64,
    violations: Vec<Violation>,
    connects: u64,
    refused_handshakes: u64,
    messages: u64,
    acks: u64,
    polls: u64,
    requests: u64,
    answer_ms: Option<BTreeMap<&'static str, f64>>,
    after_cut: Option<AfterCut>,
    faults: &'a BTreeMap<String, u64>,
    seen: &'a BTreeMap<String, u64>,
}

/// The nodes that were connected when all sockets were cut, and when all of them were back.
#[derive(Serialize)]
struct AfterCut {
    nodes: usize,
    returned_after_s: Option<f64>,
}

#[derive(Serialize)]
struct Violation {
    kind: &'static str,
    at_ms: u64,
    text: String,
}

/// Prints the result.
///
/// # Errors
/// If nobody reads it.
pub(crate) fn print(args: &Simulate, seed: u64, outcome: &Outcome, took: Duration) -> Result<(), Problem> {
    if args.json { json(args, seed, outcome, took) } else { text(args, seed, outcome, took) }
}

fn json(args: &Simulate, seed: u64, outcome: &Outcome, took: Duration) -> Result<(), Problem> {
    let figures = &outcome.figures;
    let violations = outcome.violations.iter().map(|violation| Violation {
        kind: violation.kind.name(),
        at_ms: violation.at.0,
        text: violation.what.clone(),
    });
    let result = Printed {
        seed,
        nodes: args.nodes,
        seconds: took.as_secs_f64(),
        violations: violations.collect(),
        connects: figures.connects,
        refused_handshakes: figures.refused_handshakes,
        messages: figures.messages,
        acks: figures.acks,
        polls: figures.polls,
        requests: figures.requests,
        answer_ms: figures
            .answer_ms
            .map(|ms| BTreeMap::from([("p50", ms.p50), ("p95", ms.p95), ("p99", ms.p99), ("max", ms.most)])),
        after_cut: figures
            .returned
            .map(|returned| AfterCut { nodes: returned.nodes, returned_after_s: returned.after_s }),
        faults: &outcome.hits,
        seen: &figures.seen,
    };
    let text = serde_json::to_string_pretty(&result).map_err(|error| Problem::plain(&error))?;
    print_line(&text)
}

fn print_line(text: &str) -> Result<(), Problem> {
    out::print(&format!("{text}\n"))
}

fn text(args: &Simulate, seed: u64, outcome: &Outcome, took: Duration) -> Result<(), Problem> {
    let figures = &outcome.figures;
    let mut rows = vec![
        ("nodes".to_owned(), args.nodes.to_string()),
        ("seconds".to_owned(), format!("{:.1}", took.as_secs_f64())),
        ("connects".to_owned(), figures.connects.to_string()),
        ("refused handshakes".to_owned(), figures.refused_handshakes.to_string()),
        ("messages of nodes".to_owned(), figures.messages.to_string()),
        ("acks".to_owned(), figures.acks.to_string()),
        ("polls".to_owned(), figures.polls.to_string()),
        ("console requests".to_owned(), figures.requests.to_string()),
    ];
    let answer = figures.answer_ms.map_or_else(
        || "-".to_owned(),
        |ms| format!("p50 {:.1} ms   p95 {:.1} ms   p99 {:.1} ms   max {:.1} ms", ms.p50, ms.p95, ms.p99, ms.most),
    );
    rows.push(("send -> ack".to_owned(), answer));
    if let Some(returned) = figures.returned {
        let after = returned.after_s.map_or_else(|| "not all".to_owned(), |seconds| format!("in {seconds:.1} s"));
        rows.push(("back after cut-all".to_owned(), format!("{} nodes, {after}", returned.nodes)));
    }
    rows.push(("faults".to_owned(), outcome.hits.values().sum::<u64>().to_string()));
    rows.extend(outcome.hits.iter().map(|(fault, count)| (format!("  {fault}"), count.to_string())));
    rows.push(("violations".to_owned(), outcome.violations.len().to_string()));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<_> = rows.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect();
    out::print(&lines.concat())?;
    for violation in outcome.violations.iter().take(SHOWN) {
        print_line(&format!("violation: {violation}"))?;
    }
    if outcome.violations.len() > SHOWN {
        print_line(&format!("and {} more; --json has all", outcome.violations.len() - SHOWN))?;
    }
    if !outcome.violations.is_empty() {
        say(&format!(
            "to draw the same plan again: rollcall simulate --nodes {} --seconds {} --chaos {} --seed {seed}",
            args.nodes, args.seconds, args.chaos
        ));
    }
    Ok(())
}
