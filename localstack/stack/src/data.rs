//! The data folder, which only its owner may use.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Permissions of a folder: only its owner may use it.
const FOLDER_MODE: u32 = 0o700;
/// Permissions of a file: only its owner may use it.
const FILE_MODE: u32 = 0o600;

/// Creates a folder, and its missing parents, with permissions for the owner only. A folder that exists already loses
/// the permissions of other users if `ours` is true of it. Otherwise it may hold other things and stays as it is.
pub(crate) fn make_folder(folder: &Path, ours: impl Fn(&Path) -> bool) -> io::Result<()> {
    if folder.is_dir() {
        return if ours(folder) { restrict(folder, FOLDER_MODE) } else { Ok(()) };
    }
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

/// Opens a file, or creates it, with permissions for the owner only. A file that exists already loses the permissions
/// of other users.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    // A link could lead to a file that is not Rollcall's, which would then be written and lose permissions.
    if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is not a regular file", path.display())));
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
    restrict(path, FILE_MODE)?;
    Ok(file)
}

/// Removes the permissions of other users from a folder and from all files and folders in it.
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
            // A temporary file of S3 may have got its final name, or may have been deleted, since the folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

/// Removes the permissions that are not in `mode`. It adds none.
pub(crate) fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    let now = fs::metadata(path)?.permissions().mode() & 0o7777;
    if now & !mode == 0 { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(now & mode)) }
}

/// Removes the permissions of other users from a file, if it exists.
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
    fn permissions_of_other_users_are_removed_and_none_are_added() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, file) = (folder.path().join("a/b"), folder.path().join("a/b/file"));
        make_folder(&inner, |_| true).unwrap();
        drop(open_file(&file).unwrap());
        assert_eq!([mode(&inner), mode(inner.parent().unwrap()), mode(&file)], [0o700, 0o700, 0o600]);
        for (path, loose) in [(&inner, 0o755), (&file, 0o644)] {
            fs::set_permissions(path, Permissions::from_mode(loose)).unwrap();
        }
        make_folder(&inner, |_| false).unwrap();
        assert_eq!(mode(&inner), 0o755, "the folder is not Rollcall's");
        restrict_all(folder.path()).unwrap();
        assert_eq!([mode(&inner), mode(&file)], [0o700, 0o600]);
        fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
        restrict_all(folder.path()).unwrap();
        assert_eq!(mode(&file), 0o400);
    }

    #[test]
    fn a_link_to_another_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, link) = (folder.path().join("theirs"), folder.path().join("link"));
        fs::write(&theirs, "theirs").unwrap();
        std::os::unix::fs::symlink(&theirs, &link).unwrap();
        open_file(&link).unwrap_err();
    }
}
