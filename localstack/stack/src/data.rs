//! The data folder: its owner's alone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Who may use a folder: its owner.
const FOLDER_MODE: u32 = 0o700;
/// Who may use a file: its owner.
const FILE_MODE: u32 = 0o600;

/// Makes a folder for its owner alone, and those above it that are missing. One that is there is taken from everybody
/// else if `ours`; one that may hold other things stays as it is.
pub(crate) fn make_folder(folder: &Path, ours: impl Fn(&Path) -> bool) -> io::Result<()> {
    if folder.is_dir() {
        return if ours(folder) { restrict(folder, FOLDER_MODE) } else { Ok(()) };
    }
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

/// Opens a file for its owner alone, and makes it if it is missing; one that others may use is taken from them.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    // A link would lead to a file that is somebody's own.
    if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is no file", path.display())));
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
    restrict(path, FILE_MODE)?;
    Ok(file)
}

/// Takes from everybody but the owner what is in a folder, and the folder.
pub(crate) fn restrict_all(folder: &Path) -> io::Result<()> {
    restrict(folder, FOLDER_MODE)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let restricted = match entry.file_type()? {
            kind if kind.is_dir() => restrict_all(&entry.path()),
            kind if kind.is_file() => restrict(&entry.path(), FILE_MODE),
            _ => Ok(()),
        };
        match restricted {
            // A file that was still being written has its name by now, or is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

/// Takes from a file or folder whatever is not in `mode`.
pub(crate) fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    let now = fs::metadata(path)?.permissions().mode() & 0o7777;
    if now & !mode == 0 { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(now & mode)) }
}

/// Takes a file from everybody but its owner, if it is there.
pub(crate) fn restrict_file(path: &Path) -> io::Result<()> {
    match restrict(path, FILE_MODE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_others_may_use_is_taken_from_them_and_nothing_is_given_to_anybody() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, file) = (folder.path().join("a/b"), folder.path().join("a/b/file"));
        make_folder(&inner, |_| true).unwrap();
        drop(open_file(&file).unwrap());
        assert_eq!([mode(&inner), mode(inner.parent().unwrap()), mode(&file)], [0o700, 0o700, 0o600]);
        for (path, loose) in [(&inner, 0o755), (&file, 0o644)] {
            fs::set_permissions(path, Permissions::from_mode(loose)).unwrap();
        }
        make_folder(&inner, |_| false).unwrap();
        assert_eq!(mode(&inner), 0o755, "it is not ours");
        restrict_all(folder.path()).unwrap();
        assert_eq!([mode(&inner), mode(&file)], [0o700, 0o600]);
        fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
        restrict_all(folder.path()).unwrap();
        assert_eq!(mode(&file), 0o400);
    }

    #[test]
    fn a_link_is_not_followed_to_somebody_s_file() {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, link) = (folder.path().join("theirs"), folder.path().join("link"));
        fs::write(&theirs, "theirs").unwrap();
        std::os::unix::fs::symlink(&theirs, &link).unwrap();
        open_file(&link).unwrap_err();
    }
}
