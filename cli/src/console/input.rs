//! Text that is handed to a command in a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rollcall_wire::{JsonError, utf8};

use super::table::clean;
use crate::problem::Problem;

/// What was read, and from where.
pub(super) struct Input {
    /// What the file is called in a sentence.
    pub(super) name: String,
    /// What is in it.
    pub(super) text: String,
}

/// Reads a file, or standard input if it is `-`: UTF-8 of at most this many bytes, of which `what` says what it is to be. A
/// byte order mark, which some editors and shells put in front, is ignored.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read(file: &Path, most: usize, what: &str) -> Result<Input, Problem> {
    let (name, input): (_, Box<dyn Read>) = if file == Path::new("-") {
        ("standard input".to_owned(), Box::new(std::io::stdin().lock()))
    } else {
        let name = name(file);
        let opened = File::open(file).map_err(|error| Problem::new(format!("{name} can't be opened: {error}")))?;
        (name, Box::new(opened))
    };
    let mut bytes = vec![];
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let read = input.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| Problem::new(format!("{name} can't be read: {error}")))?;
    if bytes.len() > most {
        return Err(Problem::new(format!("{name} is too large: {what} has at most {most} bytes")));
    }
    let text = utf8(&bytes).map_err(|error| match error {
        JsonError::Encoding(_) => Problem::new(format!("{name} {error}")),
        _ => Problem::new(format!("{name} is not UTF-8, as {what} must be")),
    })?;
    Ok(Input { name, text: text.to_owned() })
}

/// What a file is called in a sentence.
pub(super) fn name(file: &Path) -> String {
    clean(&file.display().to_string())
}
