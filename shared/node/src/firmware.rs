//! What a program installs.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc::WeakUnboundedSender;

use crate::promise::{Promise, Request};

const NO_RESULT: &str = "the program did not say whether it was installed";

/// A firmware image to install: it is complete, and its size and SHA-256 were checked. Its signature was not, and that is
/// what says whose it is.
///
/// It may be moved to another task or thread, and is answered by [`runs`](Self::runs), [`restarts`](Self::restarts) or
/// [`failed`](Self::failed), or by dropping it, which is reported as a failure. That it is being installed is on record:
/// whatever happens meanwhile, the next run says which version runs then.
#[derive(Debug)]
pub struct Firmware {
    image: Image,
    promise: Promise,
}

/// An image that was downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) version: String,
    pub(crate) path: PathBuf,
    pub(crate) signature: String,
}

/// What became of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Installed {
    Runs,
    Restarts,
    Failed(String),
}

impl Firmware {
    pub(crate) fn new(image: Image, requests: WeakUnboundedSender<Request>) -> Self {
        let otherwise = installed(&image, Installed::Failed(NO_RESULT.to_owned()));
        Self { image, promise: Promise::new(requests, otherwise) }
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.image.version
    }

    /// Where the image is. The file is the library's: it is there until this was answered, or the node has restarted and
    /// said what runs.
    pub fn path(&self) -> &Path {
        &self.image.path
    }

    /// The vendor's signature of it, as the console was given it: the program checks it with the key that it was built
    /// with, before anything else.
    pub fn signature(&self) -> &str {
        &self.image.signature
    }

    /// It runs, without a restart: [`Report::firmware`](crate::Report::firmware) is its version from now on.
    pub fn runs(self) {
        self.answer(Installed::Runs);
    }

    /// It runs after a restart, which the program brings about. The next run reports it as applied if
    /// [`Report::firmware`](crate::Report::firmware) is its version then, and as rolled back if it is not.
    pub fn restarts(self) {
        self.answer(Installed::Restarts);
    }

    /// It is not installed: why, for people; the server keeps the first 32 bytes.
    pub fn failed(self, why: impl Into<String>) {
        self.answer(Installed::Failed(why.into()));
    }

    fn answer(self, outcome: Installed) {
        let request = installed(&self.image, outcome);
        self.promise.keep(request);
    }
}

fn installed(image: &Image, outcome: Installed) -> Request {
    Request::Installed { version: image.version.clone(), outcome }
}
