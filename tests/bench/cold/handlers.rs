//! The handlers: built, or installed, and where they are then.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rollcall_stack::cargo_build;
use rollcall_tests::install_python;
use serde_json::Value;

use crate::zipped::zip_mb;

/// A handler that can be run.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) name: &'static str,
    /// Part of its node's id.
    pub(crate) id: &'static str,
    /// What it is made of.
    pub(crate) versions: String,
    pub(crate) program: PathBuf,
    /// The size of what is uploaded, in MB.
    pub(crate) zip_mb: f64,
}

/// A handler that can't be run, and what to do about that.
pub(crate) struct Missing {
    pub(crate) name: &'static str,
    pub(crate) problem: String,
}

type Found = Result<Handler, Missing>;

/// The function that is deployed.
pub(crate) fn function() -> Found {
    let name = "Rollcall";
    let found = || -> Result<Handler, String> {
        let program = deployed()?;
        let versions = format!("as deployed; the binary has {:.1} MB", megabytes(&program)?);
        // Lambda finds it by this name.
        let folder = folder("function")?;
        let bootstrap = folder.join("bootstrap");
        fs::copy(&program, &bootstrap).map_err(|error| error.to_string())?;
        Ok(Handler { name, id: "rollcall", versions, zip_mb: zipped(&[&bootstrap])?, program: bootstrap })
    };
    found().map_err(|problem| Missing { name, problem })
}

/// The same in Node.js: bundled, so that it loads one file.
pub(crate) fn node() -> Found {
    let name = "Node.js, SDK v3";
    let found = || -> Result<Handler, String> {
        let folder = folder("node")?;
        for file in ["package.json", "package-lock.json", "handler.mjs"] {
            copy(&source("node").join(file), &folder.join(file))?;
        }
        let version = run(Command::new("node").arg("--version"), "Node.js 20 is needed: apt install nodejs npm")?;
        eprintln!("installing the AWS SDK for JavaScript and esbuild from npm");
        let ci = ["ci", "--silent", "--no-audit", "--no-fund"];
        run(
            Command::new("npm").args(ci).current_dir(&folder),
            "npm's registry must be reachable: see `npm config list`",
        )?;
        let mut bundle = Command::new(folder.join("node_modules/.bin/esbuild"));
        bundle.args([
            "handler.mjs",
            "--bundle",
            "--platform=node",
            "--target=node20",
            "--minify",
            "--outfile=bootstrap",
        ]);
        run(bundle.current_dir(&folder), "it is made by npm")?;
        let program = executable(folder.join("bootstrap"))?;
        let versions = format!("Node.js {}, {}", version.trim(), dependencies(&folder)?);
        Ok(Handler { name, id: "node", versions, zip_mb: zipped(&[&program])?, program })
    };
    found().map_err(|problem| Missing { name, problem })
}

/// The same in Python.
pub(crate) async fn python() -> Found {
    let name = "Python, boto3";
    let installed = install_python("boto3", &target()).await;
    let found = || -> Result<Handler, String> {
        let python = installed?;
        let handler = fs::read_to_string(source("python/handler.py")).map_err(|error| error.to_string())?;
        let program = folder("python")?.join("bootstrap");
        fs::write(&program, format!("#!{}\n{handler}", python.display())).map_err(|error| error.to_string())?;
        let ask = "import boto3, platform, sysconfig; \
                   print(sysconfig.get_path('purelib'), platform.python_version(), boto3.__version__)";
        let said = run(Command::new(&python).args(["-c", ask]), "it was installed just now")?;
        let mut said = said.split_whitespace();
        let (Some(packages), Some(version), Some(boto3)) = (said.next(), said.next(), said.next()) else {
            return Err("Python does not say its version".to_owned());
        };
        let versions = format!("Python {version}, boto3 {boto3}");
        let program = executable(program)?;
        Ok(Handler { name, id: "python", versions, zip_mb: zipped(&[&program, Path::new(packages)])?, program })
    };
    found().map_err(|problem| Missing { name, problem })
}

/// The binary in the folder that follows `--functions` in the arguments, from the workspace's root; or one that is built.
fn deployed() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("there is no workspace")?;
    if let Some(folder) = std::env::args().skip_while(|argument| argument != "--functions").nth(1) {
        return Ok(root.join(folder).join("check-in"));
    }
    eprintln!("building the function as it is deployed, some minutes if that is new");
    let mut build = cargo_build(env!("CARGO"), root, &target(), "release");
    let done = build.args(["--locked", "-p", "check-in"]).status().is_ok_and(|status| status.success());
    if done { Ok(target().join("release/check-in")) } else { Err("it does not build".to_owned()) }
}

/// Everything that a handler in Node.js needs, with its version.
fn dependencies(folder: &Path) -> Result<String, String> {
    let package = fs::read(folder.join("package.json")).map_err(|error| error.to_string())?;
    let package: Value = serde_json::from_slice(&package).map_err(|error| error.to_string())?;
    let of = |kind: &str| package[kind].as_object().into_iter().flatten().collect::<Vec<_>>();
    let all = of("dependencies").into_iter().chain(of("devDependencies"));
    Ok(all.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))).collect::<Vec<_>>().join(", "))
}

/// What a command says; if it fails, `advice` says what to do.
fn run(command: &mut Command, advice: &str) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error} ({advice})"))?;
    if !output.status.success() {
        return Err(format!("{command:?} fails ({advice}): {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    own.ancestors().nth(3).expect("target/release/deps/cold").to_owned()
}

/// A folder that is kept, so that nothing is installed twice.
fn folder(name: &str) -> Result<PathBuf, String> {
    let folder = target().join("bench").join(name);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/cold").join(path)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

fn executable(path: PathBuf) -> Result<PathBuf, String> {
    let everybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&path, everybody).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

fn zipped(paths: &[&Path]) -> Result<f64, String> {
    zip_mb(paths).map_err(|error| error.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn megabytes(path: &Path) -> Result<f64, String> {
    let metadata = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(metadata.len() as f64 / 1e6)
}
