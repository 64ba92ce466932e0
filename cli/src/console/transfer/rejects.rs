//! The records of a file that were not imported: a file that can be mended and imported.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rollcall_nodefile::Bad;
use serde_json::Value;

use super::format::Format;
use crate::out::say;

/// How many are told one by one; the file has all of them.
const TOLD: u64 = 20;
/// The name of the column, or of the field, that says why. It is a note, which an import does not read.
const NOTE: &str = "#error";

/// The records that were not imported.
pub(super) struct Rejects {
    file: PathBuf,
    format: Format,
    /// The line of names, and what separates them, of a table.
    header: Vec<u8>,
    delimiter: u8,
    out: Option<File>,
    pub(super) count: u64,
}

impl Rejects {
    /// Of this file; `count` are in its file of rejects already.
    pub(super) fn of(source: &Path, format: Format, header: &[u8], delimiter: u8, count: u64) -> Self {
        let name = source.with_extension(format!("rejects.{}", format.extension()));
        Self { file: name, format, header: header.to_owned(), delimiter, out: None, count }
    }

    /// Where they are.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Adds a record, and says what is wrong with it.
    ///
    /// # Errors
    /// If the file can't be written.
    pub(super) fn add(&mut self, source: &Path, line: u64, text: &[u8], bad: &Bad) -> io::Result<()> {
        if self.count < TOLD {
            say(&format!("{}:{line}: {bad}", source.display()));
        } else if self.count == TOLD {
            say(&format!("more records are wrong: {} will have all of them", self.file.display()));
        }
        self.count += 1;
        let written = self.noted(text, &format!("line {line}: {bad}"));
        let is_new = self.count == 1;
        let out = match &mut self.out {
            Some(out) => out,
            out @ None => {
                let opened =
                    OpenOptions::new().create(true).write(true).append(!is_new).truncate(is_new).open(&self.file)?;
                let out = out.insert(opened);
                if is_new && self.format == Format::Csv {
                    out.write_all(&Self::line(&self.header, self.delimiter, NOTE))?;
                }
                out
            }
        };
        out.write_all(&written)
    }

    /// The record with a note that says why.
    fn noted(&self, text: &[u8], why: &str) -> Vec<u8> {
        if self.format == Format::Csv {
            return Self::line(text, self.delimiter, &format!("\"{}\"", why.replace('"', "\"\"")));
        }
        let why = Value::from(why).to_string();
        let text = String::from_utf8_lossy(text).trim().to_owned();
        let rest = text.strip_prefix('{').unwrap_or(&text);
        // What is no object stays what it is, behind the note.
        let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
        format!("{{\"{NOTE}\":{why}{comma}{rest}\n").into_bytes()
    }

    fn line(text: &[u8], delimiter: u8, last: &str) -> Vec<u8> {
        let text = text.trim_ascii_end();
        [text, &[delimiter], last.as_bytes(), b"\n"].concat()
    }
}

#[cfg(test)]
mod tests {
    use rollcall_nodefile::Ids;

    use super::*;
    use crate::console::transfer::format::open;

    #[test]
    fn the_rejects_can_be_mended_and_are_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        for (format, header, bad, mended) in [
            (Format::Csv, "id;site\n", "ap-1;a b\n", "a-b"),
            (Format::Ndjson, "", "{\"id\":\"ap-1\",\"site\":\"a b\"}\n", "a-b"),
        ] {
            let source = folder.path().join("nodes").with_extension(format.extension());
            let mut rejects = Rejects::of(&source, format, header.as_bytes(), b';', 0);
            rejects.add(&source, 2, bad.as_bytes(), &Bad::of("site", "has a \"space\"")).expect("written");
            let text = std::fs::read_to_string(rejects.file()).expect("there");
            assert!(text.contains("line 2: site"), "{text}");
            std::fs::write(rejects.file(), text.replace("a b", mended)).expect("written");
            let mut rows = open(rejects.file(), format, Ids::AsTheyAre).unwrap_or_else(|problem| panic!("{problem}"));
            let node = rows.next_row().expect("readable").expect("a row").node.expect("a node");
            assert_eq!((&*node.node, node.site), ("ap-1", Some(Some(mended.to_owned()))), "{text}");
        }
    }
}
