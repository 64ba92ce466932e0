//! Firmware: the descriptions of images and of deltas, and their URLs.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use quick_cache::UnitWeighter;
use quick_cache::sync::Cache;
use rollcall_core::{Delta, FirmwareImage, FirmwareVersion, Key, Model, ModelSettings, Node, Seconds, Timestamp};
use rollcall_wire::{DeltaUrl, FirmwareUrl};

use crate::cache::cache;
use crate::error::chain;
use crate::store::{Store, StoreError};

/// How many descriptions of images, and as many of deltas, a function keeps in memory.
const CACHED: usize = 256;

/// The descriptions of firmware images, and of deltas between them, in a store. They never change, and the most used ones are kept in memory.
pub struct Firmware {
    cache: Cache<(Model, FirmwareVersion), Arc<FirmwareImage>, UnitWeighter>,
    deltas: Cache<(Model, FirmwareVersion, FirmwareVersion), Arc<Delta>, UnitWeighter>,
}

impl fmt::Debug for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cached, deltas) = (self.cache.len(), self.deltas.len());
        f.debug_struct("Firmware").field("cached", &cached).field("deltas", &deltas).finish()
    }
}

impl Default for Firmware {
    fn default() -> Self {
        let weight = CACHED as u64;
        Self { cache: cache(CACHED, weight, UnitWeighter), deltas: cache(CACHED, weight, UnitWeighter) }
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

    /// The description of the delta to `version` from another one; `None` if there is none.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn delta(
        &self,
        store: &impl Store,
        model: &Model,
        version: &FirmwareVersion,
        from: &FirmwareVersion,
    ) -> Result<Option<Arc<Delta>>, StoreError> {
        let cache_key = (model.clone(), version.clone(), from.clone());
        if let Some(delta) = self.deltas.get(&cache_key) {
            return Ok(Some(delta));
        }
        let stored = store.read(&Key::Delta(model.clone(), version.clone(), from.clone())).await?;
        let Some(delta) = stored.as_ref().map(Delta::read).transpose()? else { return Ok(None) };
        let delta = Arc::new(delta);
        self.deltas.insert(cache_key, Arc::clone(&delta));
        Ok(Some(delta))
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
    /// `from`: the version whose image the node has. If the delta from that version is known, it is named as well.
    ///
    /// # Errors
    /// If the description can't be read, or the URL can't be signed.
    pub async fn of(
        &self,
        store: &impl Store,
        node: &Node,
        (version, from): (&str, Option<&str>),
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
            delta: match from {
                Some(from) => self.delta_if_readable(store, (&model, &desired), from, now).await,
                None => None,
            },
        }))
    }

    /// The delta; none if it can't be read: the node has the image to take.
    async fn delta_if_readable(
        &self,
        store: &impl Store,
        of: (&Model, &FirmwareVersion),
        from: &str,
        now: Timestamp,
    ) -> Option<DeltaUrl> {
        self.delta(store, of, from, now).await.unwrap_or_else(|error| {
            tracing::warn!(error = chain(&error), from, "a delta can't be given");
            None
        })
    }

    async fn delta(
        &self,
        store: &impl Store,
        (model, version): (&Model, &FirmwareVersion),
        from: &str,
        now: Timestamp,
    ) -> Result<Option<DeltaUrl>, ImageError> {
        // No delta is from a version that no firmware can have.
        let Ok(base) = from.parse::<FirmwareVersion>() else { return Ok(None) };
        let Some(delta) = self.firmware.delta(store, model, version, &base).await? else { return Ok(None) };
        Ok(Some(DeltaUrl {
            from: from.to_owned(),
            size: delta.size,
            sha256: delta.sha256.clone(),
            url: self.signer.url(&delta.object_key, now).await?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use rollcall_core::{
        Amended, Amending, NodeId, Outcome, Update, put_delta, put_firmware, register_or_amend, set_firmware, set_model,
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

    fn described(object_key: &str) -> FirmwareImage {
        let (object_key, sha256, signature) = (object_key.to_owned(), "ab12".to_owned(), "s".to_owned());
        FirmwareImage { object_key, size: 7, sha256, signature }
    }

    /// A store in which one node is to run 2.9 of its model.
    fn updating() -> (MemoryStore, NodeId, Model) {
        let store = MemoryStore::default();
        let id: NodeId = "ap-1".parse().expect("an id");
        let (model, version): (Model, FirmwareVersion) =
            ("ax-2".parse().expect("valid"), "2.9".parse().expect("valid"));
        let of_model = Amending { model: Amended::Set(model.clone()), ..Amending::default() };
        write(&store, &register_or_amend(&id, &of_model));
        write(&store, &put_firmware(&model, &version, &described("ax.bin")));
        write(&store, &set_firmware(&id, &model, &version));
        (store, id, model)
    }

    fn given(images: &Images<Plain>, store: &MemoryStore, id: &NodeId, from: Option<&str>) -> Option<FirmwareUrl> {
        let node = Node::read(&store.get(&Key::Node(id.clone())).expect("a node")).expect("readable");
        let given = images.of(store, &node, ("2.9", from), Timestamp(0)).now_or_never();
        given.expect("nothing waits").expect("readable")
    }

    #[test]
    fn a_node_gets_the_delta_from_the_very_version_that_it_has_and_the_image_as_well() {
        let ((store, id, model), images) = (updating(), Images::new(Plain));
        let delta_to = |version: &str, from: &str, object_key: &str| {
            let delta = Delta { object_key: object_key.to_owned(), size: 3, sha256: "cd34".to_owned() };
            let [version, from] = [version, from].map(|text| text.parse().expect("a version"));
            write(&store, &put_delta(&model, &version, &from, &delta));
        };
        assert_eq!(given(&images, &store, &id, Some("2.8")).expect("the image").delta, None, "no delta is known");
        delta_to("2.9", "2.8", "8-9");
        delta_to("2.9", "2.7", "7-9");
        delta_to("2.10", "2.8", "8-10");
        for (from, object_key) in [("2.8", Some("8-9")), ("2.7", Some("7-9")), ("2.9", None), ("no version!", None)] {
            for _ in 0..2 {
                let image = given(&images, &store, &id, Some(from)).expect("the image");
                let delta = image.delta.as_ref().map(|delta| (&*delta.from, &*delta.url, delta.size, &*delta.sha256));
                let expected = object_key.map(|object_key| (from, object_key, 3, "cd34"));
                assert_eq!((delta, &*image.url), (expected, "ax.bin"), "{from}");
            }
        }
        assert_eq!(given(&images, &store, &id, None).expect("the image").delta, None, "the node has not asked");
    }

    #[test]
    fn a_delta_that_can_not_be_read_keeps_nobody_from_the_image() {
        let ((store, id, model), images) = (updating(), Images::new(Plain));
        let [version, from] = ["2.9", "2.8"].map(|text| text.parse::<FirmwareVersion>().expect("a version"));
        let delta = Delta { object_key: "8-9".to_owned(), size: 3, sha256: "cd34".to_owned() };
        let mut broken = put_delta(&model, &version, &from, &delta);
        broken.changes.truncate(1);
        write(&store, &broken);
        let image = given(&images, &store, &id, Some("2.8")).expect("the image");
        assert_eq!((&*image.url, image.delta), ("ax.bin", None));
    }

    #[test]
    fn a_version_that_was_desired_before_the_minimum_was_raised_has_no_url_any_more() {
        let ((store, id, model), images) = (updating(), Images::new(Plain));
        let given = || given(&images, &store, &id, None).map(|image| image.url);
        assert_eq!(given().as_deref(), Some("ax.bin"));
        let none = ModelSettings::default();
        let raised = ModelSettings { minimum: Some("2.10".parse().expect("a version")), ..none.clone() };
        write(&store, &set_model(&model, &none, &raised));
        assert_eq!(given(), None);
        write(&store, &set_model(&model, &raised, &none));
        assert_eq!(given().as_deref(), Some("ax.bin"), "the settings are read anew each time");
    }
}
