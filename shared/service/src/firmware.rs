//! Firmware: the descriptions of images, and their URLs.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use quick_cache::UnitWeighter;
use quick_cache::sync::Cache;
use rollcall_core::{FirmwareImage, FirmwareVersion, Key, Model, ModelSettings, Node, Seconds, Timestamp};
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

/// What holds for all firmware of a model. It is read anew each time, since it may change at any time.
///
/// # Errors
/// If it can't be read.
pub(crate) async fn model_settings(store: &impl Store, model: &Model) -> Result<ModelSettings, StoreError> {
    let item = store.read(&Key::Model(model.clone())).await?;
    Ok(ModelSettings::read(item.as_ref())?)
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

    /// The image of this version, with a URL that is valid from now on; `None` if the node is not to run it, or if it is
    /// below the minimum of the node's model, which may have been raised since it was desired.
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
        if !model_settings(store, &model).await?.admits(&desired) {
            return Ok(None);
        }
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use rollcall_core::{
        Amended, Amending, NodeId, Outcome, Update, put_firmware, register_or_amend, set_firmware, set_model,
    };

    use super::*;
    use crate::memory::MemoryStore;

    struct Plain;

    impl Signer for Plain {
        async fn url(&self, object_key: &str, _: Timestamp) -> Result<String, SignError> {
            Ok(object_key.to_owned())
        }
    }

    fn write(store: &MemoryStore, update: &Update) {
        let written = store.write(update).now_or_never().expect("nothing waits").expect("written");
        assert!(matches!(written.outcome, Outcome::Applied { .. }), "{written:?}");
    }

    #[test]
    fn a_version_that_was_desired_before_the_minimum_was_raised_has_no_url_any_more() {
        let (store, images) = (MemoryStore::default(), Images::new(Plain));
        let id: NodeId = "ap-1".parse().expect("an id");
        let (model, version): (Model, FirmwareVersion) =
            ("ax-2".parse().expect("valid"), "2.9".parse().expect("valid"));
        let of_model = Amending { model: Amended::Set(model.clone()), ..Amending::default() };
        write(&store, &register_or_amend(&id, &of_model));
        let (object_key, sha256, signature) = ("ax.bin".to_owned(), "ab12".to_owned(), "s".to_owned());
        write(&store, &put_firmware(&model, &version, &FirmwareImage { object_key, size: 7, sha256, signature }));
        write(&store, &set_firmware(&id, &model, &version));
        let given = || {
            let node = Node::read(&store.get(&Key::Node(id.clone())).expect("a node")).expect("readable");
            let image = images.of(&store, &node, "2.9", Timestamp(0)).now_or_never();
            image.expect("nothing waits").expect("readable").map(|image| image.url)
        };
        assert_eq!(given().as_deref(), Some("ax.bin"));
        let none = ModelSettings::default();
        let raised = ModelSettings { minimum: Some("2.10".parse().expect("a version")), ..none.clone() };
        write(&store, &set_model(&model, &none, &raised));
        assert_eq!(given(), None);
        write(&store, &set_model(&model, &raised, &none));
        assert_eq!(given().as_deref(), Some("ax.bin"), "the settings are read anew each time");
    }
}
