//! The nodes of a file, one after the other.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher as _;
use std::io::{self, BufRead};

use rollcall_core::{FirmwareVersion, Labels, Model, Name, NodeId, Site, Tags, mac_address};
use rollcall_wire::Json;
use rollcall_wire::console::NodeImport;
use serde_json::value::RawValue;

use crate::beside::Beside;
use crate::columns::Columns;
use crate::records::{Record, Records};

/// What Windows begins a file of UTF-8 with.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What begins a file of UTF-16, as spreadsheets call "Unicode text".
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// What is done with ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Nothing.
    AsTheyAre,
    /// MAC addresses, however they are written, are written as `aa:bb:cc:dd:ee:ff`.
    Macs,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The column, or the field, if it is about one.
    pub column: Option<String>,
    /// What is wrong, in a few words.
    pub reason: String,
}

/// A record with its node.
#[derive(Debug)]
pub struct Row {
    /// The record.
    pub record: Record,
    /// The node's id as the file has it, if it is written otherwise than the node's id now.
    pub renamed: Option<String>,
    /// Its node, or what is wrong with it.
    pub node: Result<NodeImport, Bad>,
}

/// Why a file has no nodes.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It has the mark of UTF-16, as spreadsheets call "Unicode text".
    #[error("it is UTF-16: save it as UTF-8")]
    Utf16,
    /// Its line of names is wrong.
    #[error("line 1: {0}")]
    Names(String),
}

/// Reads the nodes of a file.
pub struct Rows<R> {
    records: Records<R>,
    columns: Option<Columns>,
    beside: Beside,
    ids: Ids,
    /// The line of each node so far, by a hash of its id: no two of a million are alike by accident.
    seen: HashMap<u64, u64>,
    hasher: RandomState,
    /// The line of names, as the file has it.
    pub header: Vec<u8>,
    /// Whether the last line has no end: the file may have been cut off.
    pub is_cut: bool,
}

impl Bad {
    /// Something about the whole record.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { column: None, reason: shown(&reason.into()) }
    }

    /// Something about one column.
    pub fn of(column: &str, reason: impl Into<String>) -> Self {
        Self { column: Some(shown(column)), reason: shown(&reason.into()) }
    }
}

/// A text that may repeat what is in the file, as a terminal can show it.
fn shown(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{column}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl Ids {
    /// Writes an id as it is to be.
    pub fn normalise(self, id: &mut String) {
        if self == Self::Macs
            && let Some(mac) = mac_address(id)
        {
            *id = mac;
        }
    }
}

impl<R: BufRead> Rows<R> {
    /// The nodes of a table, whose line of names is read.
    ///
    /// # Errors
    /// If it can't be read, or has no names.
    pub fn of_table(reader: R, ids: Ids, beside: Beside) -> Result<Self, Unreadable> {
        let mut rows = Self::of_lines(reader, ids, beside);
        rows.header = rows.records.next()?.map(|record| record.text).unwrap_or_default();
        if rows.header.is_empty() {
            return Err(Unreadable::Empty);
        }
        if UTF_16.iter().any(|mark| rows.header.starts_with(mark)) {
            return Err(Unreadable::Utf16);
        }
        let columns =
            Columns::read(rows.header.strip_prefix(BOM).unwrap_or(&rows.header)).map_err(Unreadable::Names)?;
        rows.records.with_delimiter(columns.delimiter);
        rows.columns = Some(columns);
        Ok(rows)
    }

    /// The nodes of a file that has a JSON object on each line.
    pub fn of_lines(reader: R, ids: Ids, beside: Beside) -> Self {
        let (seen, hasher) = (HashMap::new(), RandomState::new());
        let records = Records::new(reader);
        Self { records, columns: None, beside, ids, seen, hasher, header: vec![], is_cut: false }
    }

    /// What separates the fields of a table.
    pub fn delimiter(&self) -> u8 {
        self.columns.as_ref().map_or(b',', |columns| columns.delimiter)
    }

    /// The hash of everything up to the end of the last row.
    pub fn hash(&self) -> String {
        self.records.hash()
    }

    /// The next node; `None` at the end of the file. Empty lines are passed over.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn next_row(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some(record) = self.records.next()? else { return Ok(None) };
            self.is_cut = !record.text.ends_with(b"\n");
            if record.text.trim_ascii().is_empty() {
                continue;
            }
            let mut renamed = None;
            let node = self.node(&record, &mut renamed);
            return Ok(Some(Row { record, renamed, node }));
        }
    }

    fn node(&mut self, record: &Record, renamed: &mut Option<String>) -> Result<NodeImport, Bad> {
        if let Some(wrong) = record.wrong {
            return Err(Bad::new(wrong));
        }
        let mut node = match &self.columns {
            Some(columns) => columns.node(&record.text, &self.beside)?,
            None => object(&record.text, &self.beside)?,
        };
        let given = node.node.clone();
        self.ids.normalise(&mut node.node);
        check(&node)?;
        *renamed = Some(given).filter(|given| *given != node.node);
        match self.seen.entry(self.hasher.hash_one(&node.node)) {
            Entry::Occupied(first) => Err(Bad::of("node", format!("{} is in line {} already", node.node, first.get()))),
            Entry::Vacant(free) => {
                free.insert(record.line);
                Ok(node)
            }
        }
    }
}

/// Reads a node from a line of JSON. A name that begins with `#` is a note.
fn object(text: &[u8], beside: &Beside) -> Result<NodeImport, Bad> {
    let text = std::str::from_utf8(text).map_err(|_| Bad::new("it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    let json = Json::parse(text).map_err(|error| Bad::new(format!("it {error}")))?;
    if !text.starts_with('{') {
        return Err(Bad::new("it is no JSON object"));
    }
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::Map::new();
    let mut raw: HashMap<String, Box<RawValue>> = json.read().map_err(|error| Bad::new(error.to_string()))?;
    // Their numbers stay as they are written.
    let config = raw.remove("config").filter(|config| config.get() != "null");
    let open = raw.remove("open_commands").map(|open| crate::columns::open_commands(open.get()));
    for (name, value) in raw.into_iter().filter(|(name, _)| !name.starts_with('#')) {
        let name = if name == "id" { "node".to_owned() } else { name };
        let value = serde_json::from_str(value.get()).map_err(|error| Bad::of(&name, error.to_string()))?;
        if fields.insert(name.clone(), value).is_some() {
            return Err(Bad::of(&name, "it is there twice"));
        }
    }
    let node: NodeImport = serde_json::from_value(fields.clone().into()).map_err(|error| whose(fields, &error))?;
    let config = config.map(|config| match serde_json::from_str::<String>(config.get()) {
        // A text that names a file, as in a table.
        Ok(text) if text.starts_with('@') => crate::columns::config(&text, beside),
        _ => Json::parse(config.get()).map_err(|error| format!("it {error}")),
    });
    let config = config.transpose().map_err(|why| Bad::of("config", why))?;
    let open_commands = open.transpose().map_err(|why| Bad::of("open_commands", why))?.flatten();
    Ok(NodeImport { config, open_commands, ..node })
}

/// What is wrong with the fields of a node, and with which of them: the one that is wrong by itself as well.
fn whose(fields: serde_json::Map<String, serde_json::Value>, error: &serde_json::Error) -> Bad {
    for (name, value) in fields.into_iter().filter(|(name, _)| name != "node") {
        let alone = serde_json::json!({"node": "", &*name: value});
        if let Err(error) = serde_json::from_value::<NodeImport>(alone) {
            return Bad::of(&name, error.to_string());
        }
    }
    Bad::new(error.to_string())
}

/// Checks the fields as the console does, so that what is wrong is said with its column and before anything is sent.
fn check(node: &NodeImport) -> Result<(), Bad> {
    let bad = |column: &str, error: &dyn std::fmt::Display| Bad::of(column, error.to_string());
    node.node.parse::<NodeId>().map_err(|error| bad("node", &error))?;
    let text = |field: &Option<Option<String>>| field.clone().flatten();
    if let Some(site) = text(&node.site) {
        site.parse::<Site>().map_err(|error| bad("site", &error))?;
    }
    if let Some(model) = text(&node.model) {
        model.parse::<Model>().map_err(|error| bad("model", &error))?;
    }
    if let Some(tags) = node.tags.clone().flatten() {
        Tags::new(tags).map_err(|error| bad("tags", &error))?;
    }
    if let Some(name) = text(&node.name) {
        name.parse::<Name>().map_err(|error| bad("name", &error))?;
    }
    if let Some(labels) = node.labels.clone().flatten() {
        Labels::new(labels).map_err(|error| bad("labels", &error))?;
    }
    if let Some(firmware) = &node.firmware {
        firmware.parse::<FirmwareVersion>().map_err(|error| bad("firmware", &error))?;
    }
    if let Some(config) = &node.config {
        rollcall_wire::Document::parse(config.text()).map_err(|error| bad("config", &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8], ids: Ids) -> Vec<Row> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("nodes.csv");
        std::fs::write(folder.path().join("radio.json"), "{\"channel\": 36}").expect("written");
        let beside = Beside::file(&file);
        let mut rows = if text.starts_with(b"{") {
            Rows::of_lines(text, ids, beside)
        } else {
            Rows::of_table(text, ids, beside).expect("a table")
        };
        std::iter::from_fn(|| rows.next_row().expect("readable")).collect()
    }

    #[test]
    fn what_a_spreadsheet_writes_is_read() {
        let text = b"\xef\xbb\xbfID;Site;Tags\r\n\"AP-1\";\"hq\";roof,beta\r\n\r\nap-2;;\r\n";
        let rows = rows(text, Ids::AsTheyAre);
        let nodes: Vec<_> = rows.iter().map(|row| (row.record.line, row.node.as_ref().expect("a node"))).collect();
        assert_eq!((nodes[0].0, &*nodes[0].1.node, nodes[1].0), (2, "AP-1", 4));
        assert_eq!(nodes[0].1.tags, Some(Some(vec!["roof".to_owned(), "beta".to_owned()])));
        assert_eq!(nodes[1].1.site, Some(None));
    }

    #[test]
    fn the_second_of_two_records_of_one_node_is_wrong_and_names_the_first() {
        let rows = rows(b"id\nAA-BB-CC-DD-EE-FF\naa:bb:cc:dd:ee:ff\n", Ids::Macs);
        assert_eq!(rows[0].renamed.as_deref(), Some("AA-BB-CC-DD-EE-FF"));
        let bad = rows[1].node.as_ref().expect_err("twice");
        assert_eq!(bad.to_string(), "node: aa:bb:cc:dd:ee:ff is in line 2 already");
    }

    #[test]
    fn a_version_may_have_no_configuration_because_it_was_unset() {
        let rows = rows(b"id,config,config_version\nap-1,,3\nap-2,{},3\n", Ids::AsTheyAre);
        let versions = rows.iter().map(|row| row.node.as_ref().expect("a node").config_version);
        assert_eq!(versions.collect::<Vec<_>>(), [Some(3), Some(3)]);
    }

    #[test]
    fn lines_of_json_are_nodes_whose_numbers_are_kept_and_whose_notes_are_not() {
        let text = br##"{"id":"ap-1","config":{"gain":1e400},"#error":"x"}
{"node":"ap-2","config":"@radio.json"}
{"node":"ap-3","vendor":1}
[1]
{"node":"ap-4","site":
{"node":"ap-5","site":5}
"##;
        let rows = rows(text, Ids::AsTheyAre);
        let config =
            |row: &Row| row.node.as_ref().expect("a node").config.as_ref().map(|config| config.text().to_owned());
        assert_eq!(
            (config(&rows[0]).as_deref(), config(&rows[1]).as_deref()),
            (Some("{\"gain\":1e400}"), Some("{\"channel\": 36}"))
        );
        let columns = rows[2..].iter().map(|row| row.node.as_ref().expect_err("wrong").column.as_deref());
        assert_eq!(columns.collect::<Vec<_>>(), [Some("vendor"), None, None, Some("site")]);
    }
}
