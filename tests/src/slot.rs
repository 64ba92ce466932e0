//! Names of functions that tests use one after the other.

use std::fs::File;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::functions::functions;

/// Names that nobody else uses as long as this lives: no other test, and no other run of this build's tests.
#[derive(Debug)]
pub(crate) struct Slot {
    prefix: String,
    _lock: File,
}

impl Slot {
    /// The first one that is free.
    pub(crate) fn take() -> Self {
        let folder = functions().join("slots");
        std::fs::create_dir_all(&folder).expect("a folder");
        let build = of_build(&folder);
        let mut slots = (0..).map(|number| (number, File::create(folder.join(format!("{number}"))).expect("a file")));
        let (number, lock) = slots.find(|(_, file)| file.try_lock().is_ok()).expect("there are many");
        Self { prefix: format!("test-{build}-{number}-"), _lock: lock }
    }

    /// What its names begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// Tells one build from another on the same machine.
fn of_build(folder: &Path) -> String {
    let hash = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
