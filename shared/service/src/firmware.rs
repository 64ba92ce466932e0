//! Firmware: the descriptions of images, and their URLs.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use quick_cache::UnitWeighter;
use quick_cache::sync::Cache;
use rollcall_core::{FirmwareImage, FirmwareVersion, Key, Model, Node, Seconds, Timestamp};
use rollcall_wire::FirmwareUrl;

use crate::cache::cache;
use crate::store::{Store, StoreError};

/// How many descriptions of images a function keeps in memory.
const CACHED: usize = 256;

/// The descriptions of firmware images in a store. They never change, and the most used ones are kept in memory.
pub struct Firmware {
    cache: Cache<(Model, FirmwareVersion), Arc<FirmwareImage>, UnitWeighter>,
}

impl fmt::Debug for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Firmware").field("cached", &self.cache.len()).finish()
    }
}

impl Default for Firmware {
    fn default() -> Self {
        Self { cache: cache(CACHED, CACHED as u64, UnitWeighter) }
    }
}

impl Firmware {
    /// The description of an image; `None` if the version is not known.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn get(
        &self,
        store: &impl Store,
        model: &Model,
        version: &FirmwareVersion,
    ) -> Result<Option<Arc<FirmwareImage>>, StoreError> {
        let cache_key = (model.clone(), version.clone());
        if let Some(image) = self.cache.get(&cache_key) {
            return Ok(Some(image));
        }
        let stored = store.read(&Key::Firmware(model.clone(), version.clone())).await?;
        let Some(image) = stored.as_ref().map(FirmwareImage::read).transpose()? else { return Ok(None) };
        let image = Arc::new(image);
        self.cache.insert(cache_key, Arc::clone(&image));
        Ok(Some(image))
    }
}

/// Signs URLs of images.
pub trait Signer {
    /// The URL of an object, valid from now on for [`URL_EXPIRES_IN_S`].
    ///
    /// # Errors
    /// If the URL can't be signed.
    fn url(&self, object_key: &str, now: Timestamp) -> impl Future<Output = Result<String, SignError>>;
}

/// How long a URL is valid, in seconds. It is long enough to begin a download after a minute of bad connection, and so
/// short that a URL that leaks is worth little. A node whose URL has expired asks again.
pub const URL_EXPIRES_IN_S: Seconds = 900;

/// A URL can't be signed.
#[derive(Debug, thiserror::Error)]
#[error("the firmware's URL can't be signed")]
pub struct SignError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Gives nodes the URLs of the firmware that they are to run.
#[derive(Debug)]
pub struct Images<G> {
    firmware: Firmware,
    signer: G,
}

/// The URL of an image can't be given.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The description of the image can't be read.
    #[error("the firmware's description can't be read")]
    Store(#[from] StoreError),
    /// The URL can't be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl<G: Signer> Images<G> {
    /// Images whose URLs this signer signs.
    pub fn new(signer: G) -> Self {
        Self { firmware: Firmware::default(), signer }
    }

    /// The image of this version, with a URL that is valid from now on; `None` if the node is not to run it.
    ///
    /// # Errors
    /// If the description can't be read, or the URL can't be signed.
    pub async fn of(
        &self,
        store: &impl Store,
        node: &Node,
        version: &str,
        now: Timestamp,
    ) -> Result<Option<FirmwareUrl>, ImageError> {
        let Some((model, desired)) = node.may_fetch_firmware(version) else { return Ok(None) };
        let Some(image) = self.firmware.get(store, &model, &desired).await? else { return Ok(None) };
        Ok(Some(FirmwareUrl {
            version: version.to_owned(),
            size: image.size,
            sha256: image.sha256.clone(),
            signature: image.signature.clone(),
            url: self.signer.url(&image.object_key, now).await?,
            expires_in_s: URL_EXPIRES_IN_S,
        }))
    }
}
