//! Configuration documents: stored once, never changed, and kept in memory by warm functions.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rollcall_core::{DOCUMENT_TEXT, PARTITION_KEY, SORT_KEY, SORT_KEY_DOCUMENT, document_key};
use rollcall_wire::Document;

use crate::cache::cache;
use crate::client::Clients;
use crate::dynamo::classify;
use crate::store::StoreError;

/// How many bytes of documents a function keeps in memory: a sixteenth of the smallest function's memory.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// How many documents a function keeps in memory: as many as fit if they are small.
const CACHE_DOCUMENTS: usize = 4096;

/// Stores configuration documents.
pub trait Documents: Send + Sync {
    /// Stores a document; does nothing if it is stored already.
    ///
    /// # Errors
    /// If it is not known whether the document is stored.
    fn put(&self, document: Document) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The document with this hash; `None` if there is none.
    ///
    /// # Errors
    /// If the document can't be read, or is damaged.
    fn get(&self, sha256: &str) -> impl Future<Output = Result<Option<Arc<Document>>, StoreError>> + Send;
}

/// Documents in a DynamoDB table. The most used ones are kept in memory.
#[derive(Debug)]
pub struct DynamoDocuments {
    client: Client,
    table: String,
    cache: Cache<String, Arc<Document>, Bytes>,
}

/// The weight of a document in the cache: its bytes.
#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<String, Arc<Document>> for Bytes {
    fn weight(&self, key: &String, document: &Arc<Document>) -> u64 {
        u64::try_from(key.len() + document.text().len()).unwrap_or(u64::MAX)
    }
}

impl DynamoDocuments {
    /// The documents of this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let cache = cache(CACHE_DOCUMENTS, CACHE_BYTES, Bytes);
        Self { client, table: table.into(), cache }
    }

    /// The documents of the table that a function is configured with.
    pub fn open(clients: &Clients) -> Self {
        Self::new(clients.dynamo.clone(), &clients.settings.table)
    }

    fn key(sha256: &str) -> HashMap<String, AttributeValue> {
        HashMap::from([
            (PARTITION_KEY.to_owned(), AttributeValue::S(document_key(sha256))),
            (SORT_KEY.to_owned(), AttributeValue::S(SORT_KEY_DOCUMENT.to_owned())),
        ])
    }
}

impl Documents for DynamoDocuments {
    async fn put(&self, document: Document) -> Result<(), StoreError> {
        if self.cache.get(document.sha256()).is_some() {
            return Ok(());
        }
        let mut item = Self::key(document.sha256());
        item.insert(DOCUMENT_TEXT.to_owned(), AttributeValue::S(document.text().to_owned()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", PARTITION_KEY);
        match put.send().await {
            Ok(_) => {}
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {}
            Err(error) => return Err(classify(error)),
        }
        self.cache.insert(document.sha256().to_owned(), Arc::new(document));
        Ok(())
    }

    async fn get(&self, sha256: &str) -> Result<Option<Arc<Document>>, StoreError> {
        if let Some(document) = self.cache.get(sha256) {
            return Ok(Some(document));
        }
        let get = self.client.get_item().table_name(&self.table).set_key(Some(Self::key(sha256)));
        let Some(item) = get.send().await.map_err(classify)?.item else { return Ok(None) };
        let malformed = || StoreError::Malformed(DOCUMENT_TEXT.to_owned());
        let Some(AttributeValue::S(text)) = item.get(DOCUMENT_TEXT) else { return Err(malformed()) };
        let document = Arc::new(Document::verify(text.clone(), sha256).map_err(|_| malformed())?);
        self.cache.insert(sha256.to_owned(), Arc::clone(&document));
        Ok(Some(document))
    }
}
