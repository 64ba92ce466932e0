//! Signed URLs of firmware images.

use rollcall_core::Timestamp;
use rollcall_service::{SignError, Signer, URL_EXPIRES_IN_S};

use crate::bucket::Bucket;
use crate::client::Clients;
use crate::config::{Environment, Lookup as _, variable};

/// Signs URLs of images that are valid for a while (Amazon S3, "Sharing objects with presigned URLs"). The signing
/// credentials must allow reading the image.
#[derive(Clone, Debug)]
pub struct Presigner {
    bucket: Option<Bucket>,
}

/// No bucket is configured.
#[derive(Debug, thiserror::Error)]
#[error("{} is not set", variable::FIRMWARE_BUCKET)]
struct NoBucket;

impl Presigner {
    /// A signer for the bucket that the function is configured with.
    pub fn open(clients: &Clients) -> Self {
        let name = Environment.get(variable::FIRMWARE_BUCKET);
        Self { bucket: name.map(|name| Bucket::new(&Environment, name, clients.settings.region.clone())) }
    }
}

impl Signer for Presigner {
    async fn url(&self, object_key: &str, now: Timestamp) -> Result<String, SignError> {
        let bucket = self.bucket.as_ref().ok_or_else(|| SignError(Box::new(NoBucket)))?;
        let signed = bucket.presigned(object_key, URL_EXPIRES_IN_S, now).await;
        signed.map_err(|error| SignError(Box::new(error)))
    }
}
