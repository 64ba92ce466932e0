//! The folder of what is kept over a restart: the record in a file, and firmware images and deltas.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use rollcall_machine::{Record, Storage};

const FILE: &str = "record.json";
/// The record while it is being written. A file that a crash left behind is overwritten.
const UNFINISHED: &str = "record.json.new";
const IMAGES: &str = "firmware";

/// The state folder of a node, if it has one. Without one, keeping succeeds and nothing is kept.
#[derive(Debug)]
pub(crate) struct StateFolder(Option<PathBuf>);

impl StateFolder {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// The folder to which firmware images are downloaded.
    pub(crate) fn images(&self) -> Option<PathBuf> {
        self.0.as_ref().map(|folder| folder.join(IMAGES))
    }
}

impl Storage for StateFolder {
    fn load(&mut self) -> Result<Record, String> {
        let record = self.0.as_deref().map_or_else(|| Ok(Record::default()), read);
        record.map_err(|error| error.to_string())
    }

    fn keep(&mut self, record: &Record) -> Result<(), String> {
        let Some(folder) = &self.0 else { return Ok(()) };
        write(folder, record).map_err(|error| error.to_string())
    }

    fn discard_images(&mut self) {
        let Some(folder) = self.images() else { return };
        if let Err(error) = fs::remove_dir_all(folder)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, "firmware images could not be removed");
        }
    }
}

fn read(folder: &Path) -> io::Result<Record> {
    match fs::read(folder.join(FILE)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Record::default()),
        Err(error) => Err(error),
    }
}

/// Replaces the record. If the power fails meanwhile, either the old or the new one is there afterwards.
fn write(folder: &Path, record: &Record) -> io::Result<()> {
    let bytes = serde_json::to_vec(record)?;
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(UNFINISHED);
    let mut file = File::create(&unfinished)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(unfinished, folder.join(FILE))?;
    // The rename changes the folder, which must be synced by itself (fsync(2)).
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(begun: u64) -> Record {
        let commands = json!({"begun": begun, "results": []});
        serde_json::from_value(json!({"commands": commands})).expect("a record")
    }

    fn folder(path: &Path) -> StateFolder {
        StateFolder::new(Some(path.to_owned()))
    }

    #[test]
    fn the_record_that_was_written_last_is_there_after_a_restart() {
        let temporary = tempfile::tempdir().expect("a folder");
        let nested = temporary.path().join("node/state");
        let mut state = folder(&nested);
        assert_eq!(state.load(), Ok(Record::default()));
        state.keep(&record(1)).expect("kept");
        state.keep(&record(2)).expect("kept");
        assert_eq!(folder(&nested).load(), Ok(record(2)));
    }

    #[test]
    fn without_a_folder_writing_succeeds_and_the_record_is_lost_at_a_restart() {
        let mut state = StateFolder::new(None);
        assert_eq!((state.keep(&record(1)), state.images()), (Ok(()), None));
        assert_eq!(StateFolder::new(None).load(), Ok(Record::default()));
    }

    #[test]
    fn a_half_written_record_is_not_read_and_is_overwritten() {
        let temporary = tempfile::tempdir().expect("a folder");
        folder(temporary.path()).keep(&record(1)).expect("kept");
        fs::write(temporary.path().join(UNFINISHED), "{\"comm").expect("written");
        let mut state = folder(temporary.path());
        assert_eq!(state.load(), Ok(record(1)));
        state.keep(&record(2)).expect("kept");
        assert_eq!(folder(temporary.path()).load(), Ok(record(2)));
    }

    #[test]
    fn a_record_that_is_not_json_can_not_be_read() {
        let temporary = tempfile::tempdir().expect("a folder");
        fs::write(temporary.path().join(FILE), "not JSON").expect("written");
        assert!(folder(temporary.path()).load().is_err());
    }

    #[test]
    fn a_record_that_can_not_be_written_is_an_error() {
        let temporary = tempfile::tempdir().expect("a folder");
        let mut state = folder(&temporary.path().join("state"));
        fs::write(temporary.path().join("state"), "no folder").expect("written");
        assert!(state.keep(&record(1)).is_err());
    }
}
