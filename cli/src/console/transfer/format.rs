//! The formats of files with nodes.

use std::path::Path;

use clap::ValueEnum;

use crate::problem::Problem;

/// How a file has its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table: a line of names, and a line for each node
    Csv,
    /// A JSON object on each line
    Ndjson,
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
