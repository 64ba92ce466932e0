//! A copy of the workspace in which every mutation has its switch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Mutation;
use crate::run::{cargo, profile, root, say, succeed, target};
use crate::runner::packages;

/// The variable that names the mutation that is on.
const SWITCH: &str = "ROLLCALL_MUTATION";
/// The simulation's binary, and its name in the copy: both are built into one folder.
const BINARY: &str = "rollcall-sim";
const COPIED: &str = "rollcall-mutated-sim";
/// What is copied besides the packages.
const BESIDE: [&str; 5] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "infra/nodes.json", "infra/records.json"];
/// Which files of the packages are copied, by the end of their names: what their building needs.
const ENDS: [&str; 3] = ["rs", "toml", "pem"];
/// What is added to a crate in which there is a mutation.
const MODULE: &str = r#"
pub(crate) mod mutation {
    //! Which mutation is on.

    pub(crate) fn is(name: &str) -> bool {
        static ON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
        ON.get_or_init(|| std::env::var("ROLLCALL_MUTATION").ok()).as_deref() == Some(name)
    }
}
"#;

/// A copy that is built.
#[derive(Debug)]
pub(super) struct Copy {
    binary: PathBuf,
}

impl Copy {
    /// Copies the workspace with these mutations, and builds its simulation. What has not changed since the last time
    /// is not written again, so that it is not built again. Dependencies are those of the workspace, and built once.
    pub(super) fn build(mutations: &[Mutation]) -> Result<Self, String> {
        let folder = target().join("mutations");
        let mut files = originals()?;
        mutate(&mut files, mutations)?;
        write(&folder, &files)?;
        say(&format!("--> {} mutations in one build", mutations.len()));
        let mut build = cargo(&["build", "--quiet", "--profile", "local", "--locked", "--bin", COPIED]);
        build.current_dir(&folder).env("CARGO_TARGET_DIR", target());
        succeed(&mut build)?;
        Ok(Self { binary: profile().join(COPIED) })
    }

    /// The copy's simulation with this mutation on.
    pub(super) fn simulation(&self, mutation: Option<&str>) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_remove(SWITCH).envs(mutation.map(|name| (SWITCH, name)));
        command
    }
}

/// The files of the workspace that are copied, by their paths from its root.
fn originals() -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
    let mut paths: BTreeSet<PathBuf> = BESIDE.iter().map(PathBuf::from).collect();
    for package in packages()? {
        find(Path::new(&package), &mut paths)?;
    }
    let read = |path: PathBuf| {
        let bytes = std::fs::read(root().join(&path)).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((path, bytes))
    };
    paths.into_iter().map(read).collect()
}

/// Finds the files of a folder that are copied.
fn find(folder: &Path, paths: &mut BTreeSet<PathBuf>) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(root().join(folder)).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = folder.join(entry.file_name());
        if entry.file_type().map_err(cannot)?.is_dir() {
            find(&path, paths)?;
        } else if path.extension().is_some_and(|end| ENDS.iter().any(|ours| end == *ours)) {
            paths.insert(path);
        }
    }
    Ok(())
}

/// Puts the mutations into the files.
fn mutate(files: &mut BTreeMap<PathBuf, Vec<u8>>, mutations: &[Mutation]) -> Result<(), String> {
    let mut of_files: BTreeMap<&str, Vec<Mutation>> = BTreeMap::new();
    for mutation in mutations {
        of_files.entry(mutation.file).or_default().push(*mutation);
    }
    let mut crates = BTreeSet::new();
    for (file, mutations) in of_files {
        change(files, file, |text| mutated(text, &mutations).map_err(|problem| format!("{file}: {problem}")))?;
        crates.insert(file.split_once("/src/").map(|(folder, _)| format!("{folder}/src/lib.rs")));
    }
    for root in crates.iter().flatten() {
        change(files, root, |text| Ok(format!("{text}{MODULE}")))?;
    }
    let [binary, copied] = [BINARY, COPIED].map(|name| format!("name = {name:?}"));
    change(files, "tests/simulation/Cargo.toml", |text| Ok(text.replace(&binary, &copied)))?;
    change(files, "Cargo.toml", |text| Ok(settled(text)))
}

/// The workspace's manifest for the copy: what a mutation leaves unused is no mistake; and building takes longer than
/// the lives of most mutations, so that little is optimised.
fn settled(manifest: &str) -> String {
    let lints = "[workspace.lints.rust]\n";
    let allowed = manifest.replace(lints, &format!("{lints}warnings = \"allow\"\n"));
    allowed.replace("opt-level = 3\ncodegen-units = 1\n", "opt-level = 1\n")
}

fn change(
    files: &mut BTreeMap<PathBuf, Vec<u8>>,
    file: &str,
    with: impl FnOnce(&str) -> Result<String, String>,
) -> Result<(), String> {
    let bytes = files.get_mut(Path::new(file)).ok_or_else(|| format!("{file} is not there"))?;
    let text = std::str::from_utf8(bytes).map_err(|error| format!("{file}: {error}"))?;
    *bytes = with(text)?.into_bytes();
    Ok(())
}

/// A file's text with these mutations.
fn mutated(text: &str, mutations: &[Mutation]) -> Result<String, String> {
    let mut places = vec![];
    for mutation in mutations {
        let [(at, _)] = text.match_indices(mutation.find).collect::<Vec<_>>()[..] else {
            return Err(format!("the text that {} replaces is not there exactly once", mutation.name));
        };
        places.push((at, mutation));
    }
    places.sort_by_key(|(at, _)| *at);
    let (mut whole, mut done) = (String::new(), 0);
    for (at, mutation) in places {
        let before = text.get(done..at).ok_or_else(|| format!("{} overlaps with another mutation", mutation.name))?;
        let switch = format!("crate::mutation::is({:?})", mutation.name);
        whole.push_str(before);
        whole.push_str(&mutation.with.replace("BROKEN", &switch));
        done = at + mutation.find.len();
    }
    whole.push_str(&text[done..]);
    Ok(whole)
}

/// Writes the files that are not in the folder already, and removes those that should not be there.
fn write(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<(), String> {
    let cannot = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let listed = folder.join("files");
    let before = std::fs::read_to_string(&listed).unwrap_or_default();
    for gone in before.lines().filter(|path| !files.contains_key(Path::new(path))) {
        let _ = std::fs::remove_file(folder.join(gone));
    }
    for (path, bytes) in files {
        let path = folder.join(path);
        if std::fs::read(&path).is_ok_and(|there| there == *bytes) {
            continue;
        }
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|error| cannot(parent, error))?;
        std::fs::write(&path, bytes).map_err(|error| cannot(&path, error))?;
    }
    let names: Vec<_> = files.keys().map(|path| path.display().to_string()).collect();
    std::fs::write(&listed, names.join("\n")).map_err(|error| cannot(&listed, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutations::list::mutations;

    const MUTATION: Mutation =
        Mutation { name: "no-a", what: "", file: "a.rs", find: "a()", with: "if BROKEN { b() } else { a() }" };

    #[test]
    fn each_mutation_has_its_switch() {
        let other = Mutation { name: "no-c", find: "c()", with: "!BROKEN", ..MUTATION };
        let text = mutated("fn f() { c() & a() }", &[MUTATION, other]);
        let expected =
            "fn f() { !crate::mutation::is(\"no-c\") & if crate::mutation::is(\"no-a\") { b() } else { a() } }";
        assert_eq!(text.as_deref(), Ok(expected));
    }

    #[test]
    fn a_mutation_whose_text_is_not_there_once_is_refused() {
        for text in ["fn f() {}", "a() + a()"] {
            assert!(mutated(text, &[MUTATION]).is_err(), "{text}");
        }
        let wider = Mutation { name: "wider", find: "x = a()", ..MUTATION };
        assert!(mutated("let x = a();", &[MUTATION, wider]).is_err(), "they overlap");
    }

    #[test]
    fn every_mutation_fits_the_code_and_has_a_name_of_its_own() {
        let all: Vec<_> = mutations().collect();
        mutate(&mut originals().expect("the workspace"), &all).expect("every text is there exactly once");
        let names: BTreeSet<_> = all.iter().map(|mutation| mutation.name).collect();
        assert_eq!(names.len(), all.len(), "each has its own name");
        for mutation in all {
            assert!(mutation.with.contains("BROKEN") && !mutation.what.is_empty(), "{}", mutation.name);
        }
    }
}
