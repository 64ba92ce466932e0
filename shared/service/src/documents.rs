//! Configuration documents: stored once, never changed, and kept in memory by warm functions.

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{UnitWeighter, Weighter};
use rollcall_core::{Attribute, Key, STORED_FOR_S, Timestamp, document_text, put_document};
use rollcall_wire::Document;

use crate::cache::cache;
use crate::store::{Store, StoreError};

/// How many bytes of documents a function keeps in memory: a sixteenth of the smallest function's memory.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// Of how many documents a function remembers when it has stored them.
const CACHE_STORED: usize = 1024;
/// How many documents a function keeps in memory: as many as fit if they are small.
const CACHE_DOCUMENTS: usize = 4096;

/// The documents in a store. The most used ones are kept in memory.
pub struct Documents {
    cache: Cache<String, Arc<Document>, Bytes>,
    /// When documents were last stored by this process.
    stored: Cache<String, Timestamp>,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").field("cached", &self.cache.len()).finish_non_exhaustive()
    }
}

/// The weight of a document in the cache: its bytes.
#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<String, Arc<Document>> for Bytes {
    fn weight(&self, key: &String, document: &Arc<Document>) -> u64 {
        u64::try_from(key.len() + document.text().len()).unwrap_or(u64::MAX)
    }
}

impl Default for Documents {
    fn default() -> Self {
        Self {
            cache: cache(CACHE_DOCUMENTS, CACHE_BYTES, Bytes),
            stored: cache(CACHE_STORED, CACHE_STORED as u64, UnitWeighter),
        }
    }
}

impl Documents {
    /// Stores a document, which is to be desired of a node at once. Does nothing if this process has stored it lately. A
    /// document that was stored earlier is stored again, because it may have been retired since.
    ///
    /// # Errors
    /// If it is not known whether the document is stored.
    pub async fn put(&self, store: &impl Store, document: Document, now: Timestamp) -> Result<(), StoreError> {
        let sha256 = document.sha256().to_owned();
        if self.stored.get(&sha256).is_some_and(|at| at.0.abs_diff(now.0) < u64::from(STORED_FOR_S) * 1000) {
            return Ok(());
        }
        // A refusal says that the document is there already.
        let _ = store.write(&put_document(&sha256, document.text())).await?;
        self.stored.insert(sha256.clone(), now);
        self.cache.insert(sha256, Arc::new(document));
        Ok(())
    }

    /// The document with this hash; `None` if there is none.
    ///
    /// # Errors
    /// If the document can't be read, or is damaged.
    pub async fn get(&self, store: &impl Store, sha256: &str) -> Result<Option<Arc<Document>>, StoreError> {
        if let Some(document) = self.cache.get(sha256) {
            return Ok(Some(document));
        }
        let Some(item) = store.read(&Key::Document(sha256.to_owned())).await? else { return Ok(None) };
        let damaged = |_| StoreError::Malformed(Attribute::DocumentText.name().to_owned());
        let document = Arc::new(Document::verify(document_text(&item)?.to_owned(), sha256).map_err(damaged)?);
        self.cache.insert(sha256.to_owned(), Arc::clone(&document));
        Ok(Some(document))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use rollcall_core::retire;

    use super::*;
    use crate::memory::MemoryStore;

    #[test]
    fn a_process_relies_for_five_minutes_on_what_it_has_stored_and_then_stores_it_again() {
        let (store, documents) = (MemoryStore::default(), Documents::default());
        let document = Document::parse("{}").expect("JSON");
        let key = Key::Document(document.sha256().to_owned());
        let stored_at = |second: u32| {
            let now = Timestamp(0).plus_seconds(second);
            documents.put(&store, document.clone(), now).now_or_never().expect("at once").expect("it does not fail");
            store.get(&key).is_some_and(|item| !item.contains_key(&Attribute::RetiredAt))
        };
        assert!(stored_at(1_000));
        let [mark, _] = retire(document.sha256(), Timestamp(0), Timestamp(0));
        assert!(matches!(store.apply(&mark), rollcall_core::Outcome::Applied { .. }));
        assert!(!stored_at(1_000 + STORED_FOR_S - 1), "it is taken for stored");
        assert!(stored_at(1_000 + STORED_FOR_S), "it is retired no more");
    }
}
