//! What became of many nodes.

use std::collections::BTreeMap;

use serde_json::json;

use crate::console::table::{Columns, clean};
use crate::out::{print, print_json, say};
use crate::problem::Problem;

/// How many nodes are named as examples.
const EXAMPLES: usize = 4;
/// How many failures are said in full.
const FAILURES: usize = 10;
/// How many characters a list of examples has at most on a terminal.
const CELL: usize = 60;

/// What became of a node.
pub(super) struct NodeResult {
    pub(super) node: String,
    pub(super) became: Became,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// It is done; or would be, if nothing is to be changed.
    Done,
    Skipped(String),
    Failed {
        code: String,
        message: String,
    },
}

/// How what is left can be done.
pub(super) enum Again {
    /// With the same command: it does nothing to nodes to which it was done.
    Same,
    /// With the same command and this key.
    WithKey(String),
    /// With a command that names what is left: it would be undone at the others.
    Alone,
}

/// What became of all nodes so far.
pub(super) struct Tally {
    selected: usize,
    is_dry: bool,
    again: Again,
    results: Vec<NodeResult>,
}

impl Tally {
    pub(super) fn new(selected: usize, is_dry: bool, again: Again) -> Self {
        Self { selected, is_dry, again, results: vec![] }
    }

    /// Whether it was done to a node.
    pub(super) fn has_done(&self) -> bool {
        self.results.iter().any(|result| result.became == Became::Done)
    }

    pub(super) fn add(&mut self, result: NodeResult) {
        self.results.push(result);
    }

    /// Prints it: for a person by what became of them and why, for a program of each node.
    pub(super) fn print(&mut self, does: &str, is_json: bool) -> Result<(), Problem> {
        self.results.sort_by(|one, other| one.node.cmp(&other.node));
        if is_json {
            return print_json(&self.value());
        }
        print(&self.text(does))
    }

    fn value(&self) -> serde_json::Value {
        let (mut done, mut skipped, mut failed) = (vec![], vec![], vec![]);
        for NodeResult { node, became } in &self.results {
            match became {
                Became::Done => done.push(json!(node)),
                Became::Skipped(reason) => skipped.push(json!({"node": node, "reason": reason})),
                Became::Failed { code, message } => {
                    failed.push(json!({"node": node, "code": code, "message": message}));
                }
            }
        }
        let mut value = json!({"selected": self.selected, "dry_run": self.is_dry, "done": done, "skipped": skipped,
            "failed": failed, "stopped": self.results.len() < self.selected});
        if let Again::WithKey(key) = &self.again {
            value["key"] = json!(key);
        }
        value
    }

    fn text(&self, does: &str) -> String {
        let mut groups: BTreeMap<(u8, &str), Vec<&str>> = BTreeMap::new();
        for NodeResult { node, became } in &self.results {
            let group = match became {
                Became::Done => (0, "-"),
                Became::Skipped(reason) => (1, reason.as_str()),
                Became::Failed { code, .. } => (2, code.as_str()),
            };
            groups.entry(group).or_default().push(node);
        }
        let names = [if self.is_dry { "to do" } else { "done" }, "skipped", "failed"];
        let rows = groups.into_iter().map(|((place, reason), nodes)| {
            let more = if nodes.len() > EXAMPLES { ", …" } else { "" };
            let examples = format!("{}{more}", nodes[..nodes.len().min(EXAMPLES)].join(", "));
            [names[usize::from(place)].to_owned(), reason.to_owned(), nodes.len().to_string(), examples]
        });
        let rows = Columns::of_cells(CELL, ["RESULT", "REASON", "NODES", "EXAMPLES"]).rows(rows);
        if self.is_dry { format!("nothing is changed; this would {does} nodes:\n{rows}") } else { rows }
    }

    /// Whether it is a success.
    pub(super) fn outcome(&self, is_stopped: bool) -> Result<(), Problem> {
        let failures = self.results.iter().filter_map(|result| match &result.became {
            Became::Failed { message, .. } => Some((&result.node, message)),
            _ => None,
        });
        let failures: Vec<_> = failures.collect();
        for (node, message) in failures.iter().take(FAILURES) {
            say(&format!("{node}: {}", clean(message)));
        }
        let (failed, all) = (failures.len(), self.selected);
        let (done, again) = (self.results.len() - failed, self.said_again());
        match failed {
            _ if is_stopped && done < all => {
                Err(Problem::interrupted(format!("stopped after {done} of {all} nodes: {again}")))
            }
            0 => Ok(()),
            _ => Err(Problem::new(format!("{failed} of {all} nodes failed: {again}"))),
        }
    }

    /// How what is left can be done, in words.
    fn said_again(&self) -> String {
        match &self.again {
            Again::Same => "the same command does it to those that are left".to_owned(),
            Again::WithKey(key) => {
                format!("the same command with --key {key} does it to those that are left, and queues nothing twice")
            }
            Again::Alone => {
                "name those that are left (--select node=…), since the same command would bring back at the \
                             others what was rolled back"
                    .to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(is_dry: bool) -> Tally {
        let mut tally = Tally::new(9, is_dry, Again::Same);
        let mut add = |node: &str, became| tally.add(NodeResult { node: node.to_owned(), became });
        for number in (1..=5).rev() {
            add(&format!("ap-{number}"), Became::Done);
        }
        add("ap-6", Became::Skipped("revoked".to_owned()));
        add("ap-7", Became::Skipped("noartifact".to_owned()));
        add("ap-8", Became::Skipped("revoked".to_owned()));
        add("ap-9", Became::Failed { code: "queue-full".to_owned(), message: "it is full".to_owned() });
        tally.results.sort_by(|one, other| one.node.cmp(&other.node));
        tally
    }

    #[test]
    fn nodes_are_counted_by_what_became_of_them_and_why() {
        let expected = "\
RESULT   REASON      NODES  EXAMPLES
done     -           5      ap-1, ap-2, ap-3, ap-4, …
skipped  noartifact  1      ap-7
skipped  revoked     2      ap-6, ap-8
failed   queue-full  1      ap-9
";
        assert_eq!(tally(false).text("do it to"), expected);
        let dry = tally(true).text("do it to");
        assert!(
            dry.starts_with("nothing is changed; this would do it to nodes:\n") && dry.contains("\nto do "),
            "{dry}"
        );
        let value = tally(false).value();
        assert_eq!((&value["selected"], &value["stopped"]), (&json!(9), &json!(false)));
        assert_eq!(value["skipped"][1], json!({"node": "ap-7", "reason": "noartifact"}));
        assert_eq!(value["failed"], json!([{"node": "ap-9", "code": "queue-full", "message": "it is full"}]));
    }

    #[test]
    fn a_failure_and_an_interruption_are_said_with_their_numbers() {
        let said = |tally: &Tally, is_stopped| tally.outcome(is_stopped).expect_err("no success").to_string();
        assert_eq!(said(&tally(false), false), "1 of 9 nodes failed: the same command does it to those that are left");
        let mut half = Tally::new(9, false, Again::WithKey("k-1".to_owned()));
        half.add(NodeResult { node: "ap-1".to_owned(), became: Became::Done });
        assert!(half.outcome(false).is_ok());
        let stopped = said(&half, true);
        assert!(stopped.starts_with("stopped after 1 of 9 nodes") && stopped.contains("--key k-1"), "{stopped}");
        let mut whole = Tally::new(1, false, Again::Alone);
        whole.add(NodeResult { node: "ap-1".to_owned(), became: Became::Done });
        assert!(whole.outcome(true).is_ok(), "nothing is left");
        whole.add(NodeResult {
            node: "ap-2".to_owned(),
            became: Became::Failed { code: String::new(), message: String::new() },
        });
        assert!(said(&whole, false).contains("--select node="), "it is not repeated");
    }
}
