//! Creating the tables.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::update_time_to_live::UpdateTimeToLiveError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement, Projection, StreamSpecification,
    TimeToLiveSpecification,
};
use rollcall_core::{Attribute as Stored, Table};
use serde::Deserialize;

/// The only definition of each table. `infra/template.yaml` includes them, and LocalStack gets them, too.
const fn definition(table: Table) -> &'static str {
    match table {
        Table::Nodes => include_str!("../../../infra/nodes.json"),
        Table::Records => include_str!("../../../infra/records.json"),
    }
}

/// Why a table can't be created.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The definition can't be read.
    #[error("the table's definition can't be read")]
    Unreadable(#[from] serde_json::Error),
    /// The definition is not complete.
    #[error("the table's definition is wrong")]
    Definition(#[from] Box<BuildError>),
    /// DynamoDB refused to create the table.
    #[error("DynamoDB refused to create the table {table}")]
    Refused {
        /// The table's name.
        table: String,
        /// The reason.
        source: Box<SdkError<CreateTableError>>,
    },
    /// DynamoDB refused to enable the stream of a table that exists.
    #[error("DynamoDB refused to enable the stream of the table {table}")]
    Unstreamed {
        /// The table's name.
        table: String,
        /// The reason.
        source: Box<aws_sdk_dynamodb::Error>,
    },
    /// DynamoDB refused to enable the table's time to live.
    #[error("DynamoDB refused to enable the time to live of the table {table}")]
    Remembers {
        /// The table's name.
        table: String,
        /// The reason.
        source: Box<SdkError<UpdateTimeToLiveError>>,
    },
}

/// A definition, with the names of DynamoDB's `CreateTable`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Definition {
    billing_mode: String,
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Key>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    stream_specification: Option<Stream>,
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

/// A stream, with the names of `CloudFormation`: a stream that is named is enabled.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Stream {
    stream_view_type: String,
}

/// Creates the tables that do not exist: the table of nodes with this name, and its table of records. Returns the names of
/// those that were created. A table that exists and has no stream gets the one that it should have.
///
/// # Errors
/// If DynamoDB refuses.
pub async fn create_tables(client: &Client, nodes: &str) -> Result<Vec<String>, TableError> {
    let mut created = vec![];
    for table in Table::ALL {
        let name = table.name(nodes);
        if create_table(client, &name, serde_json::from_str(definition(table))?).await? {
            created.push(name);
        }
    }
    Ok(created)
}

async fn create_table(client: &Client, name: &str, definition: Definition) -> Result<bool, TableError> {
    let indexes = Some(definition.global_secondary_indexes).filter(|indexes| !indexes.is_empty());
    let indexes = indexes.map(|indexes| built(indexes, Index::build)).transpose()?;
    let stream = definition.stream_specification.map(Stream::build).transpose().map_err(Box::new)?;
    let request = client
        .create_table()
        .table_name(name)
        .billing_mode(definition.billing_mode.as_str().into())
        .set_attribute_definitions(Some(built(definition.attribute_definitions, Attribute::build)?))
        .set_key_schema(Some(built(definition.key_schema, Key::build)?))
        .set_global_secondary_indexes(indexes)
        .set_stream_specification(stream.clone());
    match request.send().await {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => {
            if let Some(stream) = stream {
                let unstreamed = |source| TableError::Unstreamed { table: name.to_owned(), source: Box::new(source) };
                enable_stream(client, name, stream).await.map_err(unstreamed)?;
            }
            Ok(false)
        }
        Err(source) => Err(TableError::Refused { table: name.to_owned(), source: Box::new(source) }),
    }
}

/// Enables the stream of a table, unless it has one.
async fn enable_stream(
    client: &Client,
    table: &str,
    stream: StreamSpecification,
) -> Result<(), aws_sdk_dynamodb::Error> {
    let described = client.describe_table().table_name(table).send().await?;
    let now = described.table.and_then(|table| table.stream_specification);
    if !now.is_some_and(|stream| stream.stream_enabled) {
        client.update_table().table_name(table).stream_specification(stream).send().await?;
    }
    Ok(())
}

/// Enables the time to live of the table of records that belongs to this table of nodes, so that DynamoDB deletes expired
/// items, as it does for the table in `infra/template.yaml`.
///
/// # Errors
/// If DynamoDB refuses.
pub async fn forget_in_time(client: &Client, nodes: &str) -> Result<(), TableError> {
    let table = Table::Records.name(nodes);
    let by = TimeToLiveSpecification::builder().attribute_name(Stored::ForgetAt.name()).enabled(true);
    let by = by.build().map_err(Box::new)?;
    let request = client.update_time_to_live().table_name(&table).time_to_live_specification(by);
    let remembers = |source| TableError::Remembers { table: table.clone(), source: Box::new(source) };
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

impl Stream {
    fn build(self) -> Result<StreamSpecification, BuildError> {
        let kind = self.stream_view_type.as_str().into();
        StreamSpecification::builder().stream_enabled(true).stream_view_type(kind).build()
    }
}

#[cfg(test)]
mod tests {
    use rollcall_core::{Attribute as A, INDEX_DUE, INDEX_SITE, PARTITION_KEY, SORT_KEY};

    use super::*;

    #[test]
    fn the_definitions_have_the_keys_and_indexes_that_the_code_uses() {
        let read = |table| serde_json::from_str::<Definition>(definition(table)).expect("a table");
        let names = |keys: &[Key]| keys.iter().map(|key| key.attribute_name.clone()).collect::<Vec<_>>();
        for table in Table::ALL {
            assert_eq!(names(&read(table).key_schema), [PARTITION_KEY, SORT_KEY]);
        }
        assert!(read(Table::Records).global_secondary_indexes.is_empty());
        let definition = read(Table::Nodes);
        let indexes: Vec<_> = definition.global_secondary_indexes.iter().collect();
        let shown: Vec<_> = indexes.iter().map(|index| (index.name.as_str(), names(&index.key_schema))).collect();
        let due = vec![A::DueShard.name().to_owned(), A::Due.name().to_owned()];
        let site = vec![A::Site.name().to_owned(), PARTITION_KEY.to_owned()];
        assert_eq!(shown, [(INDEX_DUE, due), (INDEX_SITE, site)]);
    }
}
