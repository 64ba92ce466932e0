//! The table's definition, in one place.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use rollcall_core::{Attribute, INDEX_DUE, INDEX_SITE, PARTITION_KEY, SORT_KEY};

/// A table that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Its definition is wrong.
    #[error("the table's definition is wrong")]
    Definition(#[from] Box<aws_sdk_dynamodb::error::BuildError>),
    /// DynamoDB does not make it.
    #[error("DynamoDB does not make the table {table}")]
    Refused {
        /// Its name.
        table: String,
        /// Why.
        source: Box<SdkError<CreateTableError>>,
    },
}

/// Makes the table, unless it is there already; says whether it did.
///
/// # Errors
/// If DynamoDB does not.
pub async fn create_table(client: &Client, table: &str) -> Result<bool, TableError> {
    let request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(PARTITION_KEY, ScalarAttributeType::S)?)
        .attribute_definitions(attribute(SORT_KEY, ScalarAttributeType::S)?)
        .attribute_definitions(attribute(Attribute::DueShard.name(), ScalarAttributeType::N)?)
        .attribute_definitions(attribute(Attribute::Due.name(), ScalarAttributeType::N)?)
        .attribute_definitions(attribute(Attribute::Site.name(), ScalarAttributeType::S)?)
        .key_schema(key(PARTITION_KEY, KeyType::Hash)?)
        .key_schema(key(SORT_KEY, KeyType::Range)?)
        .global_secondary_indexes(index(INDEX_DUE, Attribute::DueShard.name(), Attribute::Due.name())?)
        .global_secondary_indexes(index(INDEX_SITE, Attribute::Site.name(), PARTITION_KEY)?);
    match request.send().await {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => Ok(false),
        Err(source) => Err(TableError::Refused { table: table.to_owned(), source: Box::new(source) }),
    }
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, TableError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().map_err(definition)
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, TableError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(definition)
}

fn index(name: &str, hash: &str, range: &str) -> Result<GlobalSecondaryIndex, TableError> {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .key_schema(key(hash, KeyType::Hash)?)
        .key_schema(key(range, KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .map_err(definition)
}

fn definition(error: aws_sdk_dynamodb::error::BuildError) -> TableError {
    TableError::Definition(Box::new(error))
}
