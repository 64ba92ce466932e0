//! The firmware image that a program installs.

use std::path::{Path, PathBuf};

use crate::{
    promise::Promise,
    request::{Installed, Outbox, Request},
};

const NO_RESULT: &str = "the program gave no result";

/// A firmware image to install. It is complete, and its size and SHA-256 were checked. Its signature was checked if the
/// node was given public keys ([`Trust`](crate::Trust)). Otherwise the program must check it, because only the signature
/// proves that the vendor made the image.
///
/// It may be moved to another task or thread. The program answers with [`runs`](Self::runs),
/// [`restarts`](Self::restarts) or [`failed`](Self::failed); an image that is dropped without an answer is reported as
/// failed. The start of the installation is recorded: if the node restarts during it, the next run reports the outcome,
/// which depends on the version that runs then.
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

impl Firmware {
    pub(crate) fn new(image: Image, outbox: Outbox) -> Self {
        let otherwise = installed(&image, Installed::Failed(NO_RESULT.to_owned()));
        Self { image, promise: Promise::new(outbox, otherwise) }
    }

    /// The version of the firmware.
    pub fn version(&self) -> &str {
        &self.image.version
    }

    /// The file of the image. The library owns it, and removes it after the program's answer, or, if the node restarts,
    /// after the next run has reported the outcome.
    pub fn path(&self) -> &Path {
        &self.image.path
    }

    /// The vendor's signature of the image, as it was given to the console. If the node was given no public keys, the
    /// program must check it before it does anything else with the image, with the key that it was built with.
    pub fn signature(&self) -> &str {
        &self.image.signature
    }

    /// The new version runs, without a restart. From now on [`Report::firmware`](crate::Report::firmware) must be its
    /// version.
    pub fn runs(self) {
        self.answer(Installed::Runs);
    }

    /// The new version runs after a restart, which the program performs. The next run reports the update as applied if
    /// [`Report::firmware`](crate::Report::firmware) is this version then, and as rolled back if it is another one.
    pub fn restarts(self) {
        self.answer(Installed::Restarts);
    }

    /// The image was not installed, for this reason, for people. The server keeps the first 32 bytes of it.
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
