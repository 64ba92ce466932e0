//! Names of functions that tests use one after the other.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use rollcall_aws::{Environment, Lookup as _};
use sha2::{Digest as _, Sha256};

use crate::backend::Backend;
use crate::functions::functions;

/// The stacks that `infra/deploy` made for tests on the LocalStack that the environment names, with spaces between them.
const STACKS: &str = "ROLLCALL_LOCALSTACK_STACKS";
/// How long to wait for a stack that the test before still lets go of, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Names that nobody else uses as long as this lives: no other test, and no other run of this build's tests.
#[derive(Debug)]
pub(crate) struct Slot {
    prefix: String,
    /// Whether functions of these names were deployed by `infra/deploy`.
    pub(crate) is_deployed: bool,
    _lock: File,
}

impl Slot {
    /// The first one that is free on the LocalStack at this URL.
    pub(crate) async fn take(url: &str) -> Self {
        let folder = functions().join("slots");
        std::fs::create_dir_all(&folder).expect("a folder");
        let is_theirs = Backend::chosen() == Backend::LocalStack(url.to_owned());
        let stacks = Environment.get(STACKS).filter(|_| is_theirs).unwrap_or_default();
        let began = Instant::now();
        loop {
            if let Some(slot) = Self::free(&folder, &stacks) {
                return slot;
            }
            assert!(began.elapsed() < PATIENCE, "{STACKS} names {stacks:?}, and more tests than that run at once");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// One that is free. With stacks there are no others, so that nothing is tested that was deployed in another way.
    fn free(folder: &Path, stacks: &str) -> Option<Self> {
        let lock = |prefix: String, is_deployed| {
            let file = File::create(folder.join(&prefix)).expect("a file");
            file.try_lock().is_ok().then_some(Self { prefix, is_deployed, _lock: file })
        };
        if stacks.is_empty() {
            let build = of_build(folder);
            return (0..).find_map(|number| lock(format!("test-{build}-{number}-"), false));
        }
        stacks.split_whitespace().find_map(|stack| lock(format!("{stack}-"), true))
    }

    /// What its names begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// Tells one build from another on the same machine.
fn of_build(folder: &Path) -> String {
    let hash = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    HEXLOWER.encode(&hash[..4])
}
