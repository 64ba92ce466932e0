//! The delta that a program makes a firmware image of.

use std::path::{Path, PathBuf};

use crate::{
    promise::Promise,
    request::{Outbox, Request},
};

const NO_RESULT: &str = "the program gave no result";

/// What the name of the file that a program writes ends with.
const MADE: &str = "made";

/// A delta of which the program is to make a firmware image, with the image of the version that it
/// [has](crate::Handler::base_image). The delta is complete, and its size and SHA-256 were checked. What it is, is between
/// the vendor and the program.
///
/// It may be moved to another task or thread. The program writes the image to [`image`](Self::image), and answers with
/// [`made`](Self::made) or [`failed`](Self::failed); a delta that is dropped without an answer has failed. The library then
/// checks the size and the SHA-256 of what the program has written. If that is not the image, if the program has failed, has
/// not answered within [`Timing::make_timeout`](crate::Timing::make_timeout), or has ended the run, the library downloads the
/// image. Then nothing may be written any more: end the work before another run begins.
///
/// What is in the delta is **not authenticated**. The signature is of the image that it makes. Whoever may write to the console
/// or to the bucket can have the program read any bytes; so it must be prepared for them.
#[derive(Debug)]
pub struct Delta {
    version: String,
    from: String,
    path: PathBuf,
    size: u64,
    attempt: u32,
    promise: Promise,
}

/// A delta that was downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeltaFile {
    pub(crate) version: String,
    pub(crate) from: String,
    pub(crate) path: PathBuf,
    /// The size of the image that it makes, in bytes.
    pub(crate) size: u64,
    /// The number of the attempt at the update.
    pub(crate) attempt: u32,
}

/// Where the program writes the image that it makes of the delta in this file.
pub(crate) fn made_of(delta: &Path) -> PathBuf {
    let mut name = delta.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(MADE);
    delta.with_file_name(name)
}

impl Delta {
    pub(crate) fn new(file: DeltaFile, outbox: Outbox) -> Self {
        let DeltaFile { version, from, path, size, attempt } = file;
        let otherwise = Request::Made { attempt, outcome: Err(NO_RESULT.to_owned()) };
        Self { version, from, path, size, attempt, promise: Promise::new(outbox, otherwise) }
    }

    /// The version whose image is to be made.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version whose image the delta is applied to.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The size of the image, in bytes. A program that has written more writes something else, and should give up: nobody has
    /// signed the delta, and it may make more than the device has room for.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The file of the delta. The library owns it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the program writes the image. If a file is there, it is of an attempt that was cut off, and is replaced. The
    /// library owns what is written there, and removes it as it does [`Firmware::path`](crate::Firmware::path).
    pub fn image(&self) -> PathBuf {
        made_of(&self.path)
    }

    /// The image is written.
    pub fn made(self) {
        let request = Request::Made { attempt: self.attempt, outcome: Ok(()) };
        self.promise.keep(request);
    }

    /// No image could be made of the delta, for this reason, for people.
    pub fn failed(self, why: impl Into<String>) {
        let request = Request::Made { attempt: self.attempt, outcome: Err(why.into()) };
        self.promise.keep(request);
    }
}
