//! What is downloaded for a firmware update.

use rollcall_wire::{DeltaUrl, FirmwareUrl};

/// A file to download for a firmware update: an image, or a delta that makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The firmware version of the image.
    pub version: String,
    /// Where the file is.
    pub url: String,
    /// The file's size, in bytes.
    pub size: u64,
    /// The file's SHA-256: 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// How long the URL is good for from when it came, in seconds.
    pub expires_in_s: u32,
    /// The SHA-256 of the image, which is that of the file unless the file is a delta.
    image: String,
}

impl Target {
    /// The image itself.
    pub fn image(url: &FirmwareUrl) -> Self {
        Self {
            version: url.version.clone(),
            url: url.url.clone(),
            size: url.size,
            sha256: url.sha256.clone(),
            expires_in_s: url.expires_in_s,
            image: url.sha256.clone(),
        }
    }

    /// This delta, which makes the image.
    pub fn delta(url: &FirmwareUrl, delta: &DeltaUrl) -> Self {
        Self { url: delta.url.clone(), size: delta.size, sha256: delta.sha256.clone(), ..Self::image(url) }
    }

    /// The name of the file that the image is downloaded to. What is there of it is kept while a delta is downloaded: the
    /// image may be needed all the same.
    pub fn image_name(&self) -> &str {
        &self.image
    }

    /// The name of the file that this is downloaded to. It is safe in a path.
    pub fn name(&self) -> String {
        if self.sha256 == self.image { self.image.clone() } else { format!("{}.{}", self.image, self.sha256) }
    }
}
