//! How large what is uploaded would be.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What nobody uploads: what Python's installer leaves of itself, and what Python compiles for itself.
const LEFT_OUT: [&str; 4] = ["__pycache__", "pip", "setuptools", "_distutils_hack"];

/// The size of a zip with everything in these folders, or with these files, in MB.
pub(crate) fn zip_mb(paths: &[&Path]) -> std::io::Result<f64> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    for path in paths {
        let base = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        add(&mut zip, base, path)?;
    }
    let size = zip.finish()?.into_inner().len();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    Ok(size as f64 / 1e6)
}

fn add(zip: &mut ZipWriter<Cursor<Vec<u8>>>, base: &Path, path: &Path) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if LEFT_OUT.iter().any(|left_out| name == *left_out || name.starts_with(&format!("{left_out}-"))) {
        return Ok(());
    }
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            add(zip, base, &entry?.path())?;
        }
        return Ok(());
    }
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(9));
    zip.start_file(path.strip_prefix(base).unwrap_or(path).to_string_lossy(), options)?;
    zip.write_all(&fs::read(path)?)
}
