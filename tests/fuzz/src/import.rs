//! Files with nodes, as an import takes them.

use std::path::Path;

use rollcall_nodefile::{Beside, Ids, Row, Rows};
use rollcall_wire::console::NodeImport;

use crate::{Outcomes, kind};

/// How many records of an input are told apart.
const RECORDS: usize = 8;

/// Bytes as a table; as lines of JSON; and both with ids that are MAC addresses.
pub fn import(data: &[u8]) -> Outcomes {
    let beside = || Beside::file(Path::new("/nowhere/nodes.csv"));
    let mut outcomes = vec![];
    for ids in [Ids::AsTheyAre, Ids::Macs] {
        match Rows::of_table(data, ids, beside()) {
            Ok(rows) => outcomes.extend(read(data, rows)),
            Err(error) => outcomes.push(told(&error.to_string())),
        }
        outcomes.extend(read(data, Rows::of_lines(data, ids, beside())));
    }
    outcomes
}

/// Every byte belongs to one record, in order; each node is one that the console takes; no node is there twice.
fn read(data: &[u8], mut rows: Rows<&[u8]>) -> Outcomes {
    let mut outcomes = vec![];
    let (mut end, mut line, mut nodes) = (rows.header.len() as u64, 0, vec![]);
    while let Some(Row { record, renamed, node }) = rows.next_row().expect("memory can be read") {
        let length = record.text.len() as u64;
        assert!(record.line > line && record.end >= end + length && record.end <= data.len() as u64, "{record:?}");
        let begin = usize::try_from(record.end - length).expect("short");
        assert_eq!(data[begin..begin + record.text.len()], record.text, "it is the record as the file has it");
        (end, line) = (record.end, record.line);
        let outcome = match node {
            Ok(node) => {
                let written = serde_json::to_string(&node).expect("JSON");
                let again: NodeImport = serde_json::from_str(&written).expect("what is sent can be read");
                assert_eq!(again, node);
                assert!(!nodes.contains(&node.node), "{} is there twice", node.node);
                assert!(renamed.is_none_or(|given| given != node.node));
                nodes.push(node.node.clone());
                taken(&node)
            }
            Err(bad) => told(&bad.to_string()),
        };
        if outcomes.len() < RECORDS {
            outcomes.push(outcome);
        }
    }
    outcomes
}

/// Which fields a node has.
fn taken(node: &NodeImport) -> String {
    let fields = [
        node.site.is_some(),
        node.model.is_some(),
        node.tags.is_some(),
        node.name.is_some(),
        node.labels.is_some(),
        node.credential_version.is_some(),
        node.revoked.is_some(),
        node.config.is_some(),
        node.firmware.is_some(),
        node.last_command.is_some(),
    ];
    format!("taken {fields:?}")
}

/// What is wrong is said in a line that a terminal can show.
fn told(why: &str) -> String {
    assert!(!why.is_empty() && !why.contains(['\n', '\r', '\u{1b}', '\0']), "{why:?}");
    kind(why)
}
