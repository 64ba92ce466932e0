//! Signed URLs of firmware images.

use rollcall_core::{Seconds, Timestamp};

use crate::bucket::{Bucket, SignError};
use crate::config::{Environment, Lookup as _, Settings, variable};

/// Signs URLs of images that are valid for a while (Amazon S3, "Sharing objects with presigned URLs"). The signing
/// credentials must allow reading the image.
#[derive(Clone, Debug)]
pub(crate) struct Presigner {
    bucket: Option<Bucket>,
}

/// Why a URL can't be signed.
#[derive(Debug, thiserror::Error)]
pub enum PresignError {
    /// No bucket is configured.
    #[error("{} is not set", variable::FIRMWARE_BUCKET)]
    NoBucket,
    /// Signing failed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl Presigner {
    /// A signer for the bucket that the function is configured with.
    pub(crate) fn open(settings: &Settings) -> Self {
        let name = Environment.get(variable::FIRMWARE_BUCKET);
        Self { bucket: name.map(|name| Bucket::new(&Environment, name, settings.region.clone())) }
    }

    /// How long a URL is valid, in seconds. It is long enough to begin a download after a minute of bad connection, and
    /// so short that a URL that leaks is worth little. A node whose URL has expired asks again.
    pub(crate) const EXPIRES_IN_S: Seconds = 900;

    /// The URL of an object, valid from now on.
    ///
    /// # Errors
    /// If the URL can't be signed.
    pub(crate) async fn url(&self, object_key: &str, now: Timestamp) -> Result<String, PresignError> {
        let bucket = self.bucket.as_ref().ok_or(PresignError::NoBucket)?;
        Ok(bucket.presigned(object_key, Self::EXPIRES_IN_S, now).await?)
    }
}
