//! URLs of firmware images that are good for a while.

use rollcall_core::{Seconds, Timestamp};

use crate::bucket::{Bucket, SignError};
use crate::config::{Environment, Lookup as _, Settings, variable};

/// Makes URLs of images that are good for a while (Amazon S3, "Sharing objects with presigned URLs"). Whoever signs must
/// be allowed to read what the URL is for.
#[derive(Clone, Debug)]
pub(crate) struct Presigner {
    bucket: Option<Bucket>,
}

/// A URL that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum PresignError {
    /// No bucket is configured.
    #[error("{} is not set", variable::FIRMWARE_BUCKET)]
    NoBucket,
    /// It can't be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl Presigner {
    /// For the bucket that a function is configured with.
    pub(crate) fn open(settings: &Settings) -> Self {
        let name = Environment.get(variable::FIRMWARE_BUCKET);
        Self { bucket: name.map(|name| Bucket::new(&Environment, name, settings.region.clone())) }
    }

    /// How long a URL is good for, in seconds: long enough to begin a download after a bad minute, short enough that one
    /// that leaks is worth little. A node that comes too late asks again.
    pub(crate) const EXPIRES_IN_S: Seconds = 900;

    /// The URL of an object, good from now on.
    ///
    /// # Errors
    /// If it can't be signed.
    pub(crate) async fn url(&self, object_key: &str, now: Timestamp) -> Result<String, PresignError> {
        let bucket = self.bucket.as_ref().ok_or(PresignError::NoBucket)?;
        Ok(bucket.presigned(object_key, Self::EXPIRES_IN_S, now).await?)
    }
}
