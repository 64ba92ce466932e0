//! The columns of a table with nodes.

use std::collections::BTreeMap;

use csv::{ByteRecord, ReaderBuilder};
use rollcall_wire::Json;
use rollcall_wire::console::{NodeImport, OpenCommand};

use crate::beside::Beside;
use crate::rows::Bad;

/// What separates fields, as spreadsheets and databases write them.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// What stands for true and false, as databases write them.
const TRUE: [&str; 5] = ["true", "t", "yes", "y", "1"];
const FALSE: [&str; 5] = ["false", "f", "no", "n", "0"];

/// A column that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Node,
    Site,
    Model,
    Tags,
    Name,
    Labels,
    CredentialVersion,
    Revoked,
    Config,
    Firmware,
    ConfigVersion,
    LastCommand,
    OpenCommands,
}

const COLUMNS: [(&str, Column); 14] = [
    ("node", Column::Node),
    ("id", Column::Node),
    ("site", Column::Site),
    ("model", Column::Model),
    ("tags", Column::Tags),
    ("name", Column::Name),
    ("labels", Column::Labels),
    ("credential_version", Column::CredentialVersion),
    ("revoked", Column::Revoked),
    ("config", Column::Config),
    ("firmware", Column::Firmware),
    ("config_version", Column::ConfigVersion),
    ("last_command", Column::LastCommand),
    ("open_commands", Column::OpenCommands),
];

/// The names of the columns that an export writes.
pub const NAMES: [&str; 13] = [
    "node",
    "site",
    "model",
    "tags",
    "credential_version",
    "revoked",
    "config",
    "firmware",
    "name",
    "labels",
    "config_version",
    "last_command",
    "open_commands",
];

/// The columns of a table, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// The name of each column, and what it is; `None` if it is not read.
    columns: Vec<(String, Option<Column>)>,
    pub(crate) delimiter: u8,
}

impl Columns {
    /// Reads the line of names. Names that begin with `#` are notes, and are not read.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        let count = |delimiter: &u8| line.split(|byte| byte == delimiter).count();
        let delimiter = DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',');
        let fields = fields(line, delimiter).ok_or("the line of names can't be read")?;
        let mut columns: Vec<(String, Option<Column>)> = vec![];
        for field in &fields {
            let name = String::from_utf8_lossy(field).trim().to_owned();
            let known = COLUMNS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)).map(|(_, column)| *column);
            if known.is_none() && !name.starts_with('#') {
                let known = NAMES.join(", ");
                return Err(format!(
                    "no node has a {name:?}; the columns are {known}, and any whose name begins with #"
                ));
            }
            if known.is_some() && columns.iter().any(|(_, column)| *column == known) {
                return Err(format!("the column {name} is there twice"));
            }
            columns.push((name, known));
        }
        if columns.iter().all(|(_, column)| *column != Some(Column::Node)) {
            return Err("there is no column `node`".to_owned());
        }
        Ok(Self { columns, delimiter })
    }

    /// Reads the node of a record. Files with configurations are found beside the table.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn node(&self, record: &[u8], beside: &Beside) -> Result<NodeImport, Bad> {
        let fields = fields(record, self.delimiter).ok_or_else(|| Bad::new("it can't be read as a table's line"))?;
        if fields.len() != self.columns.len() {
            let (found, expected) = (fields.len(), self.columns.len());
            return Err(Bad::new(format!("its number of fields is {found}, and that of columns is {expected}")));
        }
        let mut node = NodeImport::default();
        for ((name, column), field) in self.columns.iter().zip(&fields) {
            let Some(column) = column else { continue };
            let text = std::str::from_utf8(field).map_err(|_| Bad::of(name, "it is not UTF-8"))?.trim();
            set(&mut node, *column, text, beside).map_err(|why| Bad::of(name, why))?;
        }
        Ok(node)
    }
}

/// Sets one field of a node. An empty field removes what can be removed, and leaves everything else as it is.
fn set(node: &mut NodeImport, column: Column, text: &str, beside: &Beside) -> Result<(), String> {
    let filled = Some(text).filter(|text| !text.is_empty());
    match column {
        Column::Node => text.clone_into(&mut node.node),
        Column::Site => node.site = Some(filled.map(str::to_owned)),
        Column::Model => node.model = Some(filled.map(str::to_owned)),
        Column::Tags => {
            let tags = text.split([',', ' ', ';']).filter(|tag| !tag.is_empty());
            node.tags = Some(Some(tags.map(str::to_owned).collect()));
        }
        Column::Name => node.name = Some(filled.map(str::to_owned)),
        Column::Labels => node.labels = Some(Some(labels(text)?)),
        Column::CredentialVersion => node.credential_version = filled.map(number).transpose()?,
        Column::Revoked => {
            let word = text.to_ascii_lowercase();
            node.revoked = match () {
                () if word.is_empty() => None,
                () if TRUE.contains(&&*word) => Some(true),
                () if FALSE.contains(&&*word) => Some(false),
                () => return Err("it must be true or false".to_owned()),
            };
        }
        Column::Config => node.config = filled.map(|text| config(text, beside)).transpose()?,
        Column::Firmware => node.firmware = filled.map(str::to_owned),
        Column::ConfigVersion => node.config_version = filled.map(number).transpose()?,
        Column::LastCommand => node.last_command = filled.map(number).transpose()?,
        Column::OpenCommands => node.open_commands = filled.map(open_commands).transpose()?.flatten(),
    }
    Ok(())
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| "it must be a whole number".to_owned())
}

/// Open commands: JSON as an export writes it.
pub(crate) fn open_commands(text: &str) -> Result<Option<Vec<OpenCommand>>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Labels: a JSON object, or `KEY=VALUE` and semicolons between them.
fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    if text.starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let mut labels = BTreeMap::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("{part:?} has no ="))?;
        if labels.insert(key.trim().to_owned(), value.trim().to_owned()).is_some() {
            return Err(format!("the label {:?} is there twice", key.trim()));
        }
    }
    Ok(labels)
}

/// A configuration: JSON, or `@` and the name of a file with it.
pub(crate) fn config(text: &str, beside: &Beside) -> Result<Json, String> {
    match text.strip_prefix('@') {
        Some(file) => beside.config(file),
        None => Json::parse(text).map_err(|error| format!("it {error}")),
    }
}

/// The fields of one record.
fn fields(record: &[u8], delimiter: u8) -> Option<ByteRecord> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(record.len().clamp(64, 8192))
        .from_reader(record);
    let mut fields = ByteRecord::new();
    matches!(reader.read_byte_record(&mut fields), Ok(true)).then_some(fields)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(header: &str, record: &[u8]) -> Result<NodeImport, Bad> {
        Columns::read(header.as_bytes()).expect("columns").node(record, &Beside::file(Path::new("nodes.csv")))
    }

    #[test]
    fn the_separator_is_the_one_that_the_names_have() {
        for delimiter in [",", ";", "\t", "|"] {
            let line = ["id", "site", "#note"].join(delimiter);
            let node = read(&line, ["ap-1", "hq", "x"].join(delimiter).as_bytes()).expect("a node");
            assert_eq!((&*node.node, node.site), ("ap-1", Some(Some("hq".to_owned()))), "{delimiter:?}");
        }
    }

    #[test]
    fn an_empty_field_removes_and_a_column_that_is_not_there_leaves_things_as_they_are() {
        let node = read("node,site,revoked,credential_version", b"ap-1,,,\r\n").expect("a node");
        let expected = NodeImport { node: "ap-1".to_owned(), site: Some(None), ..NodeImport::default() };
        assert_eq!(node, expected);
    }

    #[test]
    fn what_is_wrong_names_its_column() {
        for (record, column) in [
            ("ap-1,hq,x,,", Some("credential_version")),
            ("ap-1,hq,,maybe,", Some("revoked")),
            ("ap-1,hq,,,{\"a\":", Some("config")),
            ("ap-1,hq", None),
            ("ap-1,hq,,,,,", None),
        ] {
            let bad = read("id,site,credential_version,revoked,config", record.as_bytes()).expect_err(record);
            assert_eq!(bad.column.as_deref(), column, "{record}: {bad:?}");
        }
        let bad = read("id,site", b"ap-1,\xff").expect_err("no text");
        assert_eq!(bad.column.as_deref(), Some("site"));
    }

    #[test]
    fn labels_are_an_object_or_pairs_and_an_empty_field_removes_them() {
        let expected = [("floor", "3"), ("room", "4;12")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let object = read("id|name|labels", br#"ap-1| Lobby |{"floor":"3","room":"4;12"}"#).expect("a node");
        assert_eq!((object.name, object.labels), (Some(Some("Lobby".to_owned())), Some(Some(expected.into()))));
        let pairs = read("id|name|labels", b"ap-1||floor = 3; rack=b=2;").expect("a node");
        let expected = [("floor", "3"), ("rack", "b=2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!((pairs.name, pairs.labels), (Some(None), Some(Some(expected.into()))));
        assert_eq!(read("id|labels", b"ap-1|").expect("a node").labels, Some(Some(BTreeMap::new())));
        for wrong in ["floor", "a=1;a=2", "{\"floor\":3}", "{"] {
            let bad = read("id|labels", format!("ap-1|{wrong}").as_bytes()).expect_err(wrong);
            assert_eq!(bad.column.as_deref(), Some("labels"), "{wrong}");
        }
    }

    #[test]
    fn names_that_no_node_has_are_refused_and_so_are_those_that_are_there_twice() {
        for line in ["id,vendor", "id,node", "site,model", ""] {
            assert!(Columns::read(line.as_bytes()).is_err(), "{line}");
        }
    }
}
