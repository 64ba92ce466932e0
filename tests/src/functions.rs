//! The functions' binaries.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rollcall_stack::build_command;

/// Copies a function into a folder, without what only a debugger needs: LocalStack unpacks what is deployed to it.
pub fn strip(function: &str, into: &Path) {
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(into.join(function)).arg(functions().join(function));
    assert!(strip.status().expect("binutils, which every linker comes with").success(), "{strip:?}");
}

/// The folder with the real binaries, built from what is checked out: a test never runs yesterday's. Who has just built them
/// says so with a variable.
pub fn functions() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let own = std::env::current_exe().expect("a path");
            let target = own.ancestors().nth(3).expect("target/PROFILE/deps/test");
            let folder = target.join("local");
            #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
            let is_built = std::env::var_os("ROLLCALL_BUILT").is_some();
            if is_built {
                return folder;
            }
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
            let status = build_command(env!("CARGO"), root, target).arg("--quiet").arg("--bins").status();
            assert!(status.expect("cargo runs").success(), "the functions don't build");
            folder
        })
        .clone()
}
