//! The deployment package of a function: a zip with one file, `bootstrap`.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The deployment package of a function, ready to be uploaded.
#[derive(Clone, Debug)]
pub struct Package {
    /// The bytes of the zip.
    pub zip: Vec<u8>,
    /// The SHA-256 of the zip in base64, which Lambda calls `CodeSha256`.
    pub sha256: String,
}

/// Why a function could not be packed.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The folder has no binary of the function.
    #[error("there is no binary of the function {function} in {}", folder.display())]
    Missing { function: String, folder: PathBuf },
    /// The binary can't be read.
    #[error("{} can't be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The binary can't be packed.
    #[error("{} can't be packed", path.display())]
    Pack { path: PathBuf, source: zip::result::ZipError },
}

impl Package {
    /// Packs the binary `folder/function`, or `folder/function/bootstrap`, which is where cargo lambda writes it. The
    /// same binary always gives the same bytes.
    ///
    /// # Errors
    /// If the binary is missing or can't be read or packed.
    pub fn of(folder: &Path, function: &str) -> Result<Self, PackageError> {
        let candidates = [folder.join(function), folder.join(function).join("bootstrap")];
        let path = candidates.into_iter().find(|path| path.is_file());
        let path =
            path.ok_or_else(|| PackageError::Missing { function: function.to_owned(), folder: folder.into() })?;
        let binary = std::fs::read(&path).map_err(|source| PackageError::Read { path: path.clone(), source })?;
        let zip = pack(&binary).map_err(|source| PackageError::Pack { path, source })?;
        let sha256 = STANDARD.encode(Sha256::digest(&zip));
        Ok(Self { zip, sha256 })
    }
}

fn pack(binary: &[u8]) -> Result<Vec<u8>, zip::result::ZipError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // The zip is uploaded to a Lambda on this machine: speed matters more than size.
        .compression_level(Some(1))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    zip.start_file("bootstrap", options)?;
    zip.write_all(binary)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_binary_gives_the_same_zip_with_an_executable_bootstrap() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("b")).expect("a folder");
        std::fs::write(folder.path().join("a"), "code").expect("a file");
        std::fs::write(folder.path().join("b/bootstrap"), "code").expect("a file");
        let (a, b) =
            (Package::of(folder.path(), "a").expect("a package"), Package::of(folder.path(), "b").expect("a package"));
        assert_eq!(a.sha256, b.sha256);
        let mut zip = zip::ZipArchive::new(Cursor::new(a.zip)).expect("a zip");
        let entry = zip.by_index(0).expect("one file");
        assert_eq!((&*entry.name().expect("text"), entry.unix_mode()), ("bootstrap", Some(0o100_755)));
    }

    #[test]
    fn a_missing_binary_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Package::of(folder.path(), "connect").expect_err("no binary").to_string();
        assert!(error.contains("connect"), "{error}");
    }
}
