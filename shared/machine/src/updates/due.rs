//! The steps of a firmware update.

use rollcall_wire::{FirmwareUrl, UpdateReport};

use crate::firmware::Image;

/// The next step in the handling of firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Write the record, then call [`Updates::kept`](super::Updates::kept).
    Keep,
    /// Ask the program whether it takes this version, then call [`Updates::accepted`](super::Updates::accepted).
    Offer { version: String },
    /// Ask the server for the URL of the image.
    Ask { version: String },
    /// Download the image, then call [`Updates::downloaded`](super::Updates::downloaded). A download that is under way
    /// is cancelled.
    Download(FirmwareUrl),
    /// Hand the image to the program. When it has answered, call [`Updates::installed`](super::Updates::installed).
    Install(Image),
    /// Remove every image: none is needed any more.
    Discard,
    /// Check in, because [`Updates::report`](super::Updates::report) has changed.
    Say,
    /// An update has this outcome: it failed, was rolled back, or is applied and acknowledged.
    Settled(UpdateReport),
}
