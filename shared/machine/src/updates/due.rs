//! The steps of a firmware update.

use std::path::PathBuf;

use rollcall_wire::{FirmwareUrl, UpdateReport};

use crate::{delta::DeltaFile, firmware::Image, target::Target};

/// The next step in the handling of firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Write the record, then call [`Updates::kept`](super::Updates::kept).
    Keep,
    /// Ask the program whether it takes this version, then call [`Updates::accepted`](super::Updates::accepted).
    Offer { version: String },
    /// Ask the server for the URL of the image, and for the delta `from` the version whose image the program has.
    Ask { version: String, from: Option<String> },
    /// Download the target, which is this image or its delta, then call [`Updates::downloaded`](super::Updates::downloaded). A download that is under way
    /// is cancelled.
    Download { image: FirmwareUrl, target: Target },
    /// Have the program make the image of the delta. When it has answered, call
    /// [`Updates::made`](super::Updates::made).
    Make(DeltaFile),
    /// Check whether the file is the target, then call [`Updates::downloaded`](super::Updates::downloaded).
    Check { target: Target, file: PathBuf },
    /// The delta is of no use, for this reason, for people: the image is downloaded.
    Whole { version: String, why: String },
    /// Hand the image to the program. When it has answered, call [`Updates::installed`](super::Updates::installed).
    Install(Image),
    /// Remove every image: none is needed any more.
    Discard,
    /// Check in, because [`Updates::report`](super::Updates::report) has changed.
    Say,
    /// An update has this outcome: it failed, was rolled back, or is applied and acknowledged.
    Settled(UpdateReport),
}
