//! Making the table.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::update_time_to_live::UpdateTimeToLiveError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement, Projection, TimeToLiveSpecification,
};
use rollcall_core::Attribute as Stored;
use serde::Deserialize;

/// The one definition, which `infra/template.yaml` includes and LocalStack is told, too.
const DEFINITION: &str = include_str!("../../../infra/table.json");

/// A table that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Its definition can't be read.
    #[error("the table's definition is no table's")]
    Unreadable(#[from] serde_json::Error),
    /// Its definition is wrong.
    #[error("the table's definition is wrong")]
    Definition(#[from] Box<BuildError>),
    /// DynamoDB does not make it.
    #[error("DynamoDB does not make the table {table}")]
    Refused {
        /// Its name.
        table: String,
        /// Why.
        source: Box<SdkError<CreateTableError>>,
    },
    /// DynamoDB does not forget what is in it.
    #[error("DynamoDB does not forget what the table {table} is to forget")]
    Remembers {
        /// Its name.
        table: String,
        /// Why.
        source: Box<SdkError<UpdateTimeToLiveError>>,
    },
}

/// A definition, in the words of DynamoDB's `CreateTable`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Table {
    billing_mode: String,
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Key>,
    global_secondary_indexes: Vec<Index>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Key {
    attribute_name: String,
    key_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Index {
    #[serde(rename = "IndexName")]
    name: String,
    key_schema: Vec<Key>,
    projection: Projected,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Projected {
    projection_type: String,
}

/// Makes the table, unless it is there already; says whether it did.
///
/// # Errors
/// If DynamoDB does not.
pub async fn create_table(client: &Client, table: &str) -> Result<bool, TableError> {
    let definition: Table = serde_json::from_str(DEFINITION)?;
    let request = client
        .create_table()
        .table_name(table)
        .billing_mode(definition.billing_mode.as_str().into())
        .set_attribute_definitions(Some(built(definition.attribute_definitions, Attribute::build)?))
        .set_key_schema(Some(built(definition.key_schema, Key::build)?))
        .set_global_secondary_indexes(Some(built(definition.global_secondary_indexes, Index::build)?));
    match request.send().await {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => Ok(false),
        Err(source) => Err(TableError::Refused { table: table.to_owned(), source: Box::new(source) }),
    }
}

/// Has a table forget what is to be forgotten when its time comes, as the one in `infra/template.yaml` does.
///
/// # Errors
/// If DynamoDB does not.
pub async fn forget_in_time(client: &Client, table: &str) -> Result<(), TableError> {
    let by = TimeToLiveSpecification::builder().attribute_name(Stored::ForgetAt.name()).enabled(true);
    let by = by.build().map_err(Box::new)?;
    let request = client.update_time_to_live().table_name(table).time_to_live_specification(by);
    let remembers = |source| TableError::Remembers { table: table.to_owned(), source: Box::new(source) };
    request.send().await.map(|_| ()).map_err(remembers)
}

fn built<Part, Built>(
    parts: Vec<Part>,
    build: impl Fn(Part) -> Result<Built, BuildError>,
) -> Result<Vec<Built>, Box<BuildError>> {
    parts.into_iter().map(build).collect::<Result<_, _>>().map_err(Box::new)
}

impl Attribute {
    fn build(self) -> Result<AttributeDefinition, BuildError> {
        let kind = self.attribute_type.as_str().into();
        AttributeDefinition::builder().attribute_name(self.attribute_name).attribute_type(kind).build()
    }
}

impl Key {
    fn build(self) -> Result<KeySchemaElement, BuildError> {
        let kind = self.key_type.as_str().into();
        KeySchemaElement::builder().attribute_name(self.attribute_name).key_type(kind).build()
    }
}

impl Index {
    fn build(self) -> Result<GlobalSecondaryIndex, BuildError> {
        let kind = self.projection.projection_type.as_str().into();
        let keys = self.key_schema.into_iter().map(Key::build).collect::<Result<_, _>>()?;
        let index = GlobalSecondaryIndex::builder().index_name(self.name).set_key_schema(Some(keys));
        index.projection(Projection::builder().projection_type(kind).build()).build()
    }
}

#[cfg(test)]
mod tests {
    use rollcall_core::{Attribute as A, INDEX_DUE, INDEX_SITE, PARTITION_KEY, SORT_KEY};

    use super::*;

    #[test]
    fn the_definition_is_made_of_what_the_code_writes() {
        let definition: Table = serde_json::from_str(DEFINITION).expect("a table");
        let names = |keys: &[Key]| keys.iter().map(|key| key.attribute_name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&definition.key_schema), [PARTITION_KEY, SORT_KEY]);
        let indexes: Vec<_> = definition.global_secondary_indexes.iter().collect();
        let shown: Vec<_> = indexes.iter().map(|index| (index.name.as_str(), names(&index.key_schema))).collect();
        let due = vec![A::DueShard.name().to_owned(), A::Due.name().to_owned()];
        let site = vec![A::Site.name().to_owned(), PARTITION_KEY.to_owned()];
        assert_eq!(shown, [(INDEX_DUE, due), (INDEX_SITE, site)]);
    }
}
