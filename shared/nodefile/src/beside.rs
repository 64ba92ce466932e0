//! Files with configurations, beside a file with nodes.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use rollcall_wire::Json;

/// How large such a file may be, in bytes: far larger than the largest configuration.
const FILE_BYTES: u64 = 1024 * 1024;

/// The folder in which they are. Whoever writes a table must not be able to have other files of its reader sent anywhere.
#[derive(Clone, Debug)]
pub struct Beside(PathBuf);

impl Beside {
    /// The folder of this file.
    pub fn file(file: &Path) -> Self {
        Self(file.parent().unwrap_or(Path::new("")).to_owned())
    }

    /// The configuration in the file with this name.
    pub(crate) fn config(&self, name: &str) -> Result<Json, String> {
        let is_below = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !is_below {
            return Err(format!("{name:?} is not the name of a file beside this one, or below"));
        }
        let file = self.0.join(name);
        let read = || {
            let mut text = String::new();
            File::open(&file)?.take(FILE_BYTES + 1).read_to_string(&mut text)?;
            Ok(text)
        };
        let text = read().map_err(|error: std::io::Error| format!("{} can't be read: {error}", file.display()))?;
        if text.len() as u64 > FILE_BYTES {
            return Err(format!("{} is longer than 1 MB", file.display()));
        }
        Json::parse(&text).map_err(|error| format!("{} {error}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_beside_or_below_are_read_and_none_that_is_too_long() {
        let folder = tempfile::tempdir().expect("a folder");
        let tables = folder.path().join("tables");
        std::fs::create_dir_all(tables.join("radio")).expect("made");
        std::fs::write(folder.path().join("secret.json"), "{}").expect("written");
        std::fs::write(tables.join("radio/a.json"), "{\"n\": 1}").expect("written");
        std::fs::write(tables.join("long.json"), " ".repeat(2_000_000)).expect("written");
        let beside = Beside::file(&tables.join("nodes.csv"));
        assert_eq!(beside.config("radio/a.json").expect("JSON").text(), "{\"n\": 1}");
        let absolute = folder.path().join("secret.json").display().to_string();
        for other in ["../secret.json", "radio/../../secret.json", &absolute, "", "long.json", "nowhere.json", "radio"]
        {
            assert!(beside.config(other).is_err(), "{other}");
        }
    }
}
