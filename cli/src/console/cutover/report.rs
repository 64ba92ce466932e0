//! `rollcall cutover report`.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use rollcall_wire::console::{AnswerDifference, CutoverNode, CutoverPage};
use serde::Serialize;

use super::page::page;
use crate::args::CutoverReport;
use crate::console::client::{Ask, Client};
use crate::console::table::{Columns, clean, pairs};
use crate::out::{print, print_json, say};
use crate::problem::Problem;
use crate::progress::Progress;

/// How many nodes are named as examples of a difference.
const EXAMPLES: usize = 3;
/// How many nodes a request reads.
const PAGE: u32 = 100;

/// What became of polls, of all nodes together.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    /// How many nodes have polled.
    pub(super) nodes: u64,
    pub(super) observed: u64,
    pub(super) same: u64,
    pub(super) different: u64,
    pub(super) served: u64,
    pub(super) fell_back: u64,
    pub(super) rescued: u64,
    /// The differences by their kinds, those of most nodes first.
    pub(super) differences: Vec<Differences>,
}

/// Differences of one kind.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Differences {
    pub(super) kind: String,
    /// How many nodes had it when their answers last differed.
    pub(super) nodes: u64,
    pub(super) examples: Vec<Example>,
}

/// A node whose answers differed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Example {
    pub(super) node: String,
    pub(super) legacy: String,
    pub(super) rollcall: String,
}

impl Report {
    fn add(&mut self, kinds: &mut BTreeMap<String, Differences>, node: CutoverNode) {
        self.nodes += 1;
        self.observed += node.observed;
        self.same += node.same;
        self.different += node.different;
        self.served += node.served;
        self.fell_back += node.fell_back;
        self.rescued += node.rescued;
        // A kind may be there twice: at two places of a list.
        let mut seen = BTreeSet::new();
        for AnswerDifference { kind, legacy, rollcall } in node.differences {
            if !seen.insert(kind.clone()) {
                continue;
            }
            let entry = kinds.entry(kind.clone()).or_insert_with(|| Differences { kind, nodes: 0, examples: vec![] });
            entry.nodes += 1;
            if entry.examples.len() < EXAMPLES {
                entry.examples.push(Example { node: node.node.clone(), legacy, rollcall });
            }
        }
    }

    /// The report on these nodes.
    fn of(nodes: impl IntoIterator<Item = CutoverNode>) -> Self {
        let (mut report, mut kinds) = (Self::default(), BTreeMap::new());
        for node in nodes {
            report.add(&mut kinds, node);
        }
        report.differences = kinds.into_values().collect();
        report.differences.sort_by_key(|kind| std::cmp::Reverse(kind.nodes));
        report
    }

    /// Names and numbers, for people.
    pub(super) fn counts(&self) -> [(&'static str, u64); 7] {
        [
            ("nodes that polled", self.nodes),
            ("answered by the endpoint, observed", self.observed),
            ("answered by the endpoint, and the same by Rollcall", self.same),
            ("answered by the endpoint, and otherwise by Rollcall", self.different),
            ("answered by Rollcall", self.served),
            ("answered by the endpoint, because Rollcall could not", self.fell_back),
            ("answered by Rollcall, because the endpoint could not", self.rescued),
        ]
    }
}

/// Shows what became of polls.
///
/// # Errors
/// If the console can't be asked, or the page can't be written.
pub(super) async fn report(args: &CutoverReport) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let (mut nodes, mut cursor, mut progress) = (vec![], String::new(), Progress::start());
    loop {
        let path = format!("/v1/cutover/nodes?limit={PAGE}{cursor}");
        let page: CutoverPage = client.ask(Ask::new(Method::GET, path)).await?;
        nodes.extend(page.nodes);
        progress.say(|| format!("{} nodes so far", nodes.len()));
        let Some(next) = page.cursor else { break };
        cursor = format!("&cursor={next}");
    }
    let report = Report::of(nodes);
    if let Some(file) = &args.html {
        let unwritable = |error| Problem::new(format!("{} can't be written: {error}", file.display()));
        std::fs::write(file, page(&report)).map_err(unwritable)?;
        say(&format!("{} is written", file.display()));
        if !args.connection.json {
            return Ok(());
        }
    }
    if args.connection.json {
        return print_json(&report);
    }
    print(&text(&report))
}

fn text(report: &Report) -> String {
    let counts: Vec<_> = report.counts().into_iter().map(|(name, count)| (name, count.to_string())).collect();
    if report.differences.is_empty() {
        return pairs(&counts);
    }
    let rows = report.differences.iter().flat_map(|kind| {
        kind.examples.iter().enumerate().map(|(place, example)| {
            let (name, nodes) =
                if place == 0 { (clean(&kind.kind), kind.nodes.to_string()) } else { Default::default() };
            [name, nodes, example.node.clone(), example.legacy.clone(), example.rollcall.clone()]
        })
    });
    let table = Columns::of_cells(32, ["DIFFERENCE", "NODES", "FOR EXAMPLE", "ENDPOINT", "ROLLCALL"]).rows(rows);
    format!("{}\n{table}", pairs(&counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_many_nodes_are_one_line_with_examples() {
        let node = |number: u64, kinds: &[&str]| CutoverNode {
            node: format!("ap-{number}"),
            same: 2,
            different: 1,
            differences: kinds
                .iter()
                .map(|kind| AnswerDifference {
                    kind: (*kind).to_owned(),
                    legacy: "10".to_owned(),
                    rollcall: number.to_string(),
                })
                .collect(),
            ..CutoverNode::default()
        };
        let nodes = (0..5).map(|number| node(number, &["body /interval", "body /interval"]));
        let report = Report::of(nodes.chain([node(5, &["status"]), node(6, &[])]));
        assert_eq!((report.nodes, report.same, report.different), (7, 14, 7));
        let kinds: Vec<_> =
            report.differences.iter().map(|kind| (kind.kind.as_str(), kind.nodes, kind.examples.len())).collect();
        assert_eq!(kinds, [("body /interval", 5, 3), ("status", 1, 1)]);
        let text = text(&report);
        assert!(text.contains("nodes that polled") && text.contains("body /interval"), "{text}");
    }
}
