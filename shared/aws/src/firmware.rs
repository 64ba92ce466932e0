//! Firmware: the descriptions of images, and their URLs.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use quick_cache::UnitWeighter;
use quick_cache::sync::Cache;
use rollcall_core::{FirmwareVersion, Model, Node, PARTITION_KEY, SORT_KEY, Timestamp, firmware_key};
use rollcall_wire::FirmwareUrl;
use rollcall_wire::console::FirmwareSpec;

use crate::cache::cache;
use crate::client::Clients;
use crate::dynamo::classify;
use crate::presign::{PresignError, Presigner};
use crate::store::StoreError;

/// How many descriptions of images a function keeps in memory.
const CACHED: usize = 256;

const OBJECT_KEY: &str = "ok";
const SIZE: &str = "sz";
const SHA256: &str = "h";
const SIGNATURE: &str = "sg";

/// Descriptions of firmware images in a DynamoDB table. They never change, and the most used ones are kept in memory.
#[derive(Debug)]
pub struct DynamoFirmware {
    client: Client,
    table: String,
    cache: Cache<(Model, FirmwareVersion), Arc<FirmwareSpec>>,
}

/// The result of storing an image's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The description is new.
    New,
    /// The same description was stored already.
    Same,
    /// The version has another description, which stays.
    Other,
}

impl DynamoFirmware {
    /// The firmware of the table that a function is configured with.
    pub fn open(clients: &Clients) -> Self {
        let cache = cache(CACHED, CACHED as u64, UnitWeighter);
        Self { client: clients.dynamo.clone(), table: clients.settings.table.clone(), cache }
    }

    /// Stores the description of an image.
    ///
    /// # Errors
    /// If it is not known whether the description is stored.
    pub async fn put(
        &self,
        model: &Model,
        version: &FirmwareVersion,
        image: &FirmwareSpec,
    ) -> Result<Kept, StoreError> {
        let mut stored = key(model, version);
        stored.extend([
            (OBJECT_KEY.to_owned(), AttributeValue::S(image.object_key.clone())),
            (SIZE.to_owned(), AttributeValue::N(image.size.to_string())),
            (SHA256.to_owned(), AttributeValue::S(image.sha256.clone())),
            (SIGNATURE.to_owned(), AttributeValue::S(image.signature.clone())),
        ]);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(stored));
        let put = put.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", PARTITION_KEY);
        match put.send().await {
            Ok(_) => Ok(Kept::New),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                let known = self.get(model, version).await?;
                Ok(if known.is_some_and(|known| *known == *image) { Kept::Same } else { Kept::Other })
            }
            Err(error) => Err(classify(error)),
        }
    }

    /// The description of an image; `None` if the version is not known.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn get(&self, model: &Model, version: &FirmwareVersion) -> Result<Option<Arc<FirmwareSpec>>, StoreError> {
        let cache_key = (model.clone(), version.clone());
        if let Some(image) = self.cache.get(&cache_key) {
            return Ok(Some(image));
        }
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(model, version)));
        let Some(stored) = get.consistent_read(true).send().await.map_err(classify)?.item else { return Ok(None) };
        let image = Arc::new(FirmwareSpec {
            object_key: text(&stored, OBJECT_KEY)?,
            size: number(&stored, SIZE)?,
            sha256: text(&stored, SHA256)?,
            signature: text(&stored, SIGNATURE)?,
        });
        self.cache.insert(cache_key, Arc::clone(&image));
        Ok(Some(image))
    }
}

fn key(model: &Model, version: &FirmwareVersion) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (PARTITION_KEY.to_owned(), AttributeValue::S(firmware_key(model))),
        (SORT_KEY.to_owned(), AttributeValue::S(version.as_str().to_owned())),
    ])
}

fn text(stored: &HashMap<String, AttributeValue>, name: &str) -> Result<String, StoreError> {
    let text = stored.get(name).and_then(|value| value.as_s().ok());
    text.cloned().ok_or_else(|| StoreError::Malformed(name.to_owned()))
}

fn number(stored: &HashMap<String, AttributeValue>, name: &str) -> Result<u64, StoreError> {
    let number = stored.get(name).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| StoreError::Malformed(name.to_owned()))
}

/// Gives nodes the URLs of the firmware that they are to run.
#[derive(Debug)]
pub struct Images {
    firmware: DynamoFirmware,
    presigner: Presigner,
}

/// The URL of an image can't be given.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The description of the image can't be read.
    #[error("the firmware's description can't be read")]
    Store(#[from] StoreError),
    /// The URL can't be signed.
    #[error("the firmware's URL can't be signed")]
    Presign(#[from] PresignError),
}

impl Images {
    /// The images of the table and the bucket that a function is configured with.
    pub fn open(clients: &Clients) -> Self {
        Self { firmware: DynamoFirmware::open(clients), presigner: Presigner::open(&clients.settings) }
    }

    /// The image of this version, with a URL that is valid from now on; `None` if the node is not to run it.
    ///
    /// # Errors
    /// If the description can't be read, or the URL can't be signed.
    pub async fn of(&self, node: &Node, version: &str, now: Timestamp) -> Result<Option<FirmwareUrl>, ImageError> {
        let Some((model, desired)) = node.may_fetch_firmware(version) else { return Ok(None) };
        let Some(image) = self.firmware.get(&model, &desired).await? else { return Ok(None) };
        Ok(Some(FirmwareUrl {
            version: version.to_owned(),
            size: image.size,
            sha256: image.sha256.clone(),
            signature: image.signature.clone(),
            url: self.presigner.url(&image.object_key, now).await?,
            expires_in_s: Presigner::EXPIRES_IN_S,
        }))
    }
}
