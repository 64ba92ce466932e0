//! How far an import has come, so that another one can go on there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::problem::Problem;

/// How far an import has come: everything up to there is done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The last line that is done.
    pub(super) line: u64,
    /// Where it ends, in bytes from the beginning of the file.
    pub(super) end: u64,
    /// The SHA-256 of everything up to there.
    pub(super) sha256: String,
    /// What was done so far.
    pub(super) tally: Tally,
}

/// Keeps how far an import of a file has come, in a file beside it.
pub(super) struct Marks(PathBuf);

impl Marks {
    pub(super) fn of(file: &Path) -> Self {
        let mut name = file.as_os_str().to_owned();
        name.push(".import");
        Self(name.into())
    }

    /// Keeps it.
    ///
    /// # Errors
    /// If the file can't be written.
    pub(super) fn keep(&self, mark: &Mark) -> io::Result<()> {
        let next = self.0.with_extension("import.next");
        fs::write(&next, serde_json::to_vec(mark)?)?;
        fs::rename(next, &self.0)
    }

    /// How far the last import of the file had come.
    ///
    /// # Errors
    /// If there is nothing to go on with.
    pub(super) fn last(&self, file: &Path) -> Result<Mark, Problem> {
        let file = file.display();
        let text = fs::read(&self.0).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Problem::misuse(format!("there is no import of {file} to go on with: leave out --resume"))
            }
            _ => Problem::new(format!("{}: {error}", self.0.display())),
        })?;
        serde_json::from_slice(&text).map_err(|error| {
            let mark = self.0.display();
            Problem::new(format!("{mark} is not what an import has left ({error}): leave out --resume"))
        })
    }

    /// Nothing is left to go on with.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.0);
    }
}
