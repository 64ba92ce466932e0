//! The files of the corpus.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rollcall_fuzz::TARGETS;

/// How many files the corpus has at most. A file is there for a reason, which is its name.
const FILES: usize = 250;
/// The largest file, in bytes.
const FILE_BYTES: usize = 64 * 1024;

/// A file: its name and its bytes.
pub(crate) type File = (String, Vec<u8>);

/// The files of a target, sorted by their names.
pub(crate) fn of(target: &str) -> Vec<File> {
    let mut files: Vec<File> = entries(&folder().join(target))
        .into_iter()
        .map(|path| (name(&path), fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))))
        .collect();
    files.sort();
    files
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[test]
fn the_corpus_has_files_of_every_target_and_of_nothing_else() {
    let folders: BTreeSet<_> = entries(&folder()).iter().map(|path| name(path)).collect();
    assert_eq!(folders, TARGETS.iter().map(|target| target.name.to_owned()).collect());
    for target in TARGETS {
        assert!(of(target.name).len() >= 10, "{} has few files", target.name);
    }
}

#[test]
fn the_corpus_stays_small_and_no_file_is_there_twice() {
    let files: Vec<_> = TARGETS.iter().flat_map(|target| of(target.name)).collect();
    assert!(files.len() <= FILES, "{} files", files.len());
    let mut seen = BTreeSet::new();
    for (name, bytes) in &files {
        assert!(bytes.len() <= FILE_BYTES, "{name} has {} bytes", bytes.len());
        assert!(seen.insert(bytes), "{name} is there under another name");
        let is_named = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        assert!(is_named && name.contains('-'), "{name} does not say what it is");
    }
}

#[test]
fn libfuzzer_has_every_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
    for target in TARGETS {
        let body = fs::read_to_string(fuzz.join(format!("fuzz_targets/{}.rs", target.name))).expect(target.name);
        assert!(body.contains(&format!("rollcall_fuzz::{}(", target.name)), "{body}");
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{} is not in the manifest", target.name);
    }
}
