//! The functions' binaries.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The folder with the real binaries, built from what is checked out: a test never runs yesterday's.
pub fn functions() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let own = std::env::current_exe().expect("a path");
            let folder = own.ancestors().nth(2).expect("target/local/deps/test").to_owned();
            let status = Command::new(env!("CARGO"))
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .args(["build", "--quiet", "--profile", "local", "--workspace", "--target-dir"])
                .arg(folder.parent().expect("target"))
                .status();
            assert!(status.expect("cargo runs").success(), "the functions don't build");
            folder
        })
        .clone()
}
