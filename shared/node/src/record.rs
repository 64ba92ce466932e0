//! The state that is kept over a restart, and the file that holds it.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{commands::CommandRecord, updates::UpdateRecord};

const FILE: &str = "record.json";
/// The record while it is being written. A file that a crash left behind is overwritten.
const UNFINISHED: &str = "record.json.new";
const IMAGES: &str = "firmware";

/// The state that is kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    pub(crate) commands: CommandRecord,
    pub(crate) updates: UpdateRecord,
}

/// Reads and writes the record in the state folder, if there is one.
#[derive(Debug)]
pub(crate) struct Keeper {
    folder: Option<PathBuf>,
    /// Why the record in the folder can't be read. It is then not overwritten, because its command numbers may still
    /// matter.
    unreadable: Option<String>,
}

impl Keeper {
    /// The keeper for this folder, and the record in it.
    pub(crate) fn open(folder: Option<PathBuf>) -> (Self, Record) {
        match folder.as_deref().map_or_else(|| Ok(Record::default()), read) {
            Ok(record) => (Self { folder, unreadable: None }, record),
            Err(error) => {
                tracing::error!(%error, "the record can't be read: the node will take neither commands nor firmware");
                let unreadable = Some(format!("the record can't be read: {error}"));
                (Self { folder, unreadable }, Record::default())
            }
        }
    }

    /// The folder to which firmware images are downloaded.
    pub(crate) fn images(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(IMAGES))
    }

    /// Removes every firmware image.
    pub(crate) fn discard_images(&self) {
        let Some(folder) = self.images() else { return };
        if let Err(error) = fs::remove_dir_all(folder)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, "firmware images could not be removed");
        }
    }

    /// Replaces the record in the folder. If the power fails meanwhile, either the old or the new one is there
    /// afterwards. `Err`: why it could not be written, for people.
    pub(crate) fn keep(&self, record: &Record) -> Result<(), String> {
        if let Some(why) = &self.unreadable {
            return Err(why.clone());
        }
        let Some(folder) = &self.folder else { return Ok(()) };
        write(folder, record).map_err(|error| {
            tracing::error!(%error, "the record could not be written");
            error.to_string()
        })
    }
}

fn read(folder: &Path) -> io::Result<Record> {
    match fs::read(folder.join(FILE)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Record::default()),
        Err(error) => Err(error),
    }
}

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

    #[test]
    fn the_record_that_was_written_last_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let nested = folder.path().join("node/state");
        let (keeper, loaded) = Keeper::open(Some(nested.clone()));
        assert_eq!(loaded, Record::default());
        keeper.keep(&record(1)).expect("kept");
        keeper.keep(&record(2)).expect("kept");
        assert_eq!(Keeper::open(Some(nested)).1, record(2));
    }

    #[test]
    fn without_a_folder_writing_succeeds_and_the_record_is_lost_at_a_restart() {
        let (keeper, _) = Keeper::open(None);
        assert_eq!((keeper.keep(&record(1)), keeper.images()), (Ok(()), None));
        assert_eq!(Keeper::open(None).1, Record::default());
    }

    #[test]
    fn a_half_written_record_is_not_read_and_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let (keeper, _) = Keeper::open(Some(folder.path().to_owned()));
        keeper.keep(&record(1)).expect("kept");
        fs::write(folder.path().join(UNFINISHED), "{\"comm").expect("written");
        let (keeper, loaded) = Keeper::open(Some(folder.path().to_owned()));
        assert_eq!(loaded, record(1));
        keeper.keep(&record(2)).expect("kept");
        assert_eq!(Keeper::open(Some(folder.path().to_owned())).1, record(2));
    }

    #[test]
    fn a_record_that_can_not_be_read_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        fs::write(&file, "not JSON").expect("written");
        let (keeper, loaded) = Keeper::open(Some(folder.path().to_owned()));
        assert_eq!(loaded, Record::default());
        assert!(keeper.keep(&record(1)).is_err_and(|why| why.starts_with("the record can't be read")));
        assert_eq!(fs::read_to_string(file).expect("there"), "not JSON");
    }

    #[test]
    fn a_record_that_can_not_be_written_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let (keeper, _) = Keeper::open(Some(folder.path().join("state")));
        fs::write(folder.path().join("state"), "no folder").expect("written");
        assert!(keeper.keep(&record(1)).is_err());
    }
}
