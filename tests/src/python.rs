//! Python programs that others wrote, in virtual environments of their own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::functions::functions;

/// Where our scripts are, and the lists of what they require, which pin every file by its hash.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// The Python of a virtual environment with what the list of this name requires.
pub async fn python(list: &str) -> PathBuf {
    let target = functions().parent().expect("target").to_owned();
    install_python(list, &target).await.unwrap_or_else(|problem| panic!("{problem}"))
}

/// The same, below this target folder. It is made if it is not there yet, if its Python has gone, or if it was
/// made from another list or by another Python.
///
/// # Errors
/// What failed, and what to do about that.
pub async fn install_python(list: &str, target: &Path) -> Result<PathBuf, String> {
    let folder = target.join("venv").join(list);
    let python = folder.join("bin/python");
    let stamp = folder.join("made-from.txt");
    // One at a time, if tests run twice at once. The lock ends with this function, or with this process.
    fs::create_dir_all(target.join("venv")).expect("a folder");
    let lock = File::create(target.join(format!("venv/{list}.lock"))).expect("a file");
    lock.lock().expect("locked");

    let mut find = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("infra").join("python"));
    let own = done(find.arg("tests"), "macOS: brew install python@3.13").await?;
    let mut version = Command::new(own.trim());
    let version = done(version.args(["-c", "import sys; print(sys.version)"]), "it was just found").await?;
    let requirements = scripts().join(format!("{list}.txt"));
    let desired = format!("{version}{}", fs::read_to_string(&requirements).expect("requirements"));
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == desired) {
        return Ok(python);
    }
    let mut make = Command::new(own.trim());
    make.args(["-I", "-m", "venv", "--clear"]).arg(&folder);
    done(&mut make, "Debian has venv in a package of its own: apt install python3-venv").await?;
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--require-hashes", "--requirement"])
        .arg(&requirements);
    done(&mut install, "a package index must be reachable once: see pip config list").await?;
    fs::write(&stamp, desired).expect("written");
    Ok(python)
}

/// What a command says that must not fail; if it does, `advice` says what to do.
pub(crate) async fn done(command: &mut Command, advice: &str) -> Result<String, String> {
    let output = command.kill_on_drop(true).output().await;
    let output = output.map_err(|error| format!("{:?} does not run: {error}\n{advice}", command.as_std()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{:?} fails:\n{errors}\n{advice}", command.as_std()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
