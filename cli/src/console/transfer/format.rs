//! The formats of files with nodes.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use clap::ValueEnum;
use rollcall_nodefile::{Beside, Ids, Rows, Unreadable};

use crate::problem::Problem;

/// How a file has its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table: a line of names, and a line for each node
    Csv,
    /// A JSON object on each line
    Ndjson,
}

/// The rows of a file.
pub(in crate::console) type FileRows = Rows<BufReader<File>>;

/// Opens a file, and reads its line of names if it is a table.
///
/// # Errors
/// If it can't be read, or has no names.
pub(in crate::console) fn open(file: &Path, format: Format, ids: Ids) -> Result<FileRows, Problem> {
    let open = || {
        let (reader, beside) = (BufReader::with_capacity(256 * 1024, File::open(file)?), Beside::file(file));
        match format {
            Format::Csv => Rows::of_table(reader, ids, beside),
            Format::Ndjson => Ok(Rows::of_lines(reader, ids, beside)),
        }
    };
    open().map_err(|error: Unreadable| Problem::new(format!("{}: {error}", file.display())))
}

impl Format {
    /// The format that is asked for, or else the one that the file's name tells.
    ///
    /// # Errors
    /// If neither tells it.
    pub(crate) fn of(asked: Option<Self>, file: &Path) -> Result<Self, Problem> {
        let end = file.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
        match (asked, end.as_deref()) {
            (Some(format), _) => Ok(format),
            (None, Some("csv" | "tsv" | "txt")) => Ok(Self::Csv),
            (None, Some("ndjson" | "jsonl")) => Ok(Self::Ndjson),
            (None, _) => {
                let file = file.display();
                Err(Problem::misuse(format!("the name of {file} doesn't tell its format: give --format csv or ndjson")))
            }
        }
    }

    /// What the names of such files end with.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}
