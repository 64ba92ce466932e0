//! Where the S3 of a local cloud is. Other commands of the same user need it, and the console API does not say it.
//!
//! A local cloud writes it into a file of the state folder, named after the port of its console, and keeps that file
//! locked while it runs. The system unlocks the file of a cloud that was killed, so an unlocked file is ignored.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::problem::Problem;
use crate::state;

/// The folder of these files, in the state folder.
const FOLDER: &str = "clouds";
/// Who may use it: its owner.
const MODE: u32 = 0o700;
/// The most that is read of a file, in bytes.
const MOST: u64 = 4096;

/// Where a local cloud keeps firmware images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Local {
    /// The bucket.
    pub(crate) bucket: String,
    /// Where the S3 with it is.
    pub(crate) s3_url: String,
}

/// The file of a local cloud that runs. Dropping this takes it away.
pub(crate) struct Published {
    path: PathBuf,
    _locked: File,
}

impl Local {
    /// Lets other commands find it by the port of its console.
    ///
    /// # Errors
    /// If the file can't be written.
    pub(crate) fn publish(&self, console: u16) -> Result<Published, Problem> {
        let folder = state::folder()?.join(FOLDER);
        let path = file(&folder, console);
        let locked = self.write(&folder, &path);
        let locked = locked.map_err(|error| Problem::new(format!("{} can't be written: {error}", path.display())))?;
        Ok(Published { path, _locked: locked })
    }

    /// The file has its name once it is whole and locked.
    fn write(&self, folder: &Path, path: &Path) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(MODE).create(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        file.as_file().lock()?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        Ok(file.persist(path)?)
    }

    /// The local cloud whose console is at this port, if it runs and is this user's.
    pub(crate) fn find(console: u16) -> Option<Self> {
        read(&file(&state::folder().ok()?.join(FOLDER), console))
    }
}

fn file(folder: &Path, console: u16) -> PathBuf {
    folder.join(format!("{console}.json"))
}

fn read(path: &Path) -> Option<Local> {
    let file = File::open(path).ok()?;
    let is_served = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok().filter(|_| is_served)
}

impl Drop for Published {
    fn drop(&mut self) {
        // A file that stays is not locked any more, and the next cloud at this port replaces it.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_is_found_while_it_runs_and_its_file_alone_is_not_enough() {
        let folder = tempfile::tempdir().expect("a folder");
        let (folder, path) = (folder.path().join("clouds"), folder.path().join("clouds/1.json"));
        let local = Local { bucket: "images".to_owned(), s3_url: "http://127.0.0.1:2".to_owned() };
        assert_eq!(read(&path), None);
        let first = local.write(&folder, &path).expect("written");
        assert_eq!(read(&path), Some(local.clone()));
        drop(first);
        assert_eq!(read(&path), None, "it was killed");
        let other = Local { bucket: "others".to_owned(), ..local };
        let second = other.write(&folder, &path).expect("written");
        assert_eq!(read(&path), Some(other), "what was left is no hindrance");
        drop(Published { path: path.clone(), _locked: second });
        assert!(!path.exists());
    }
}
