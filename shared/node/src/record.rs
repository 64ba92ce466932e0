//! What outlives a run, and the file that it is kept in.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{commands::CommandRecord, updates::UpdateRecord};

const FILE: &str = "record.json";
/// A file that is being written; what a crash leaves of it is overwritten.
const UNFINISHED: &str = "record.json.new";
const IMAGES: &str = "firmware";

/// What outlives a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    pub(crate) commands: CommandRecord,
    pub(crate) updates: UpdateRecord,
}

/// The folder that a record is kept in, if there is one.
#[derive(Debug)]
pub(crate) struct Keeper {
    folder: Option<PathBuf>,
    /// Why what is there can't be read. It is not overwritten: what it says of commands may still matter.
    unreadable: Option<String>,
}

impl Keeper {
    /// The keeper, and what was kept.
    pub(crate) fn open(folder: Option<PathBuf>) -> (Self, Record) {
        match folder.as_deref().map_or_else(|| Ok(Record::default()), read) {
            Ok(record) => (Self { folder, unreadable: None }, record),
            Err(error) => {
                tracing::error!(%error, "the record can't be read: neither commands nor firmware will be taken");
                let unreadable = Some(format!("the record can't be read: {error}"));
                (Self { folder, unreadable }, Record::default())
            }
        }
    }

    /// Where firmware images are downloaded to.
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

    /// Keeps this in place of what was kept, so that one of both is there whenever the power fails; `Err`: why it could
    /// not be, for people.
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
    // The new name is in the folder, which is written on its own (fsync(2)).
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
    fn what_was_kept_last_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let nested = folder.path().join("node/state");
        let (keeper, found) = Keeper::open(Some(nested.clone()));
        assert_eq!(found, Record::default());
        keeper.keep(&record(1)).expect("kept");
        keeper.keep(&record(2)).expect("kept");
        assert_eq!(Keeper::open(Some(nested)).1, record(2));
    }

    #[test]
    fn without_a_folder_everything_is_kept_and_nothing_is_there_after_a_restart() {
        let (keeper, _) = Keeper::open(None);
        assert_eq!((keeper.keep(&record(1)), keeper.images()), (Ok(()), None));
        assert_eq!(Keeper::open(None).1, Record::default());
    }

    #[test]
    fn what_was_left_half_written_is_not_read_and_not_in_the_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let (keeper, _) = Keeper::open(Some(folder.path().to_owned()));
        keeper.keep(&record(1)).expect("kept");
        fs::write(folder.path().join(UNFINISHED), "{\"comm").expect("written");
        let (keeper, found) = Keeper::open(Some(folder.path().to_owned()));
        assert_eq!(found, record(1));
        keeper.keep(&record(2)).expect("kept");
        assert_eq!(Keeper::open(Some(folder.path().to_owned())).1, record(2));
    }

    #[test]
    fn what_can_not_be_read_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        fs::write(&file, "not JSON").expect("written");
        let (keeper, found) = Keeper::open(Some(folder.path().to_owned()));
        assert_eq!(found, Record::default());
        assert!(keeper.keep(&record(1)).is_err_and(|why| why.starts_with("the record can't be read")));
        assert_eq!(fs::read_to_string(file).expect("there"), "not JSON");
    }

    #[test]
    fn what_can_not_be_written_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let (keeper, _) = Keeper::open(Some(folder.path().join("state")));
        fs::write(folder.path().join("state"), "no folder").expect("written");
        assert!(keeper.keep(&record(1)).is_err());
    }
}
