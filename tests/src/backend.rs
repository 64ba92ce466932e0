//! Which cloud the tests run on.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use rollcall_aws::{Environment, Lookup as _, dynamo_client, endpoint_config};

/// Where tests find LocalStack, if they are to run on it: `http://127.0.0.1:4566`.
const LOCALSTACK_URL: &str = "ROLLCALL_LOCALSTACK_URL";
/// How long LocalStack's DynamoDB may take: it is one Python process before one JVM.
const PATIENCE: Duration = Duration::from_mins(2);

/// Which cloud the tests run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// An embedded DynamoDB, and the functions as child processes.
    Embedded,
    /// DynamoDB Local and Lambda in a LocalStack at this URL.
    LocalStack(String),
}

impl Backend {
    /// The one that the environment names.
    pub fn chosen() -> Self {
        Environment.get(LOCALSTACK_URL).map_or(Self::Embedded, Self::LocalStack)
    }
}

/// Whether every push is to be lost on its way to its node: `ROLLCALL_PUSHES=lost`.
pub(crate) fn pushes_are_lost() -> bool {
    match Environment.get("ROLLCALL_PUSHES").as_deref() {
        None | Some("delivered") => false,
        Some("lost") => true,
        Some(other) => panic!("ROLLCALL_PUSHES is delivered or lost, not {other:?}"),
    }
}

/// A client of LocalStack's DynamoDB.
pub fn localstack_dynamodb(url: &str) -> Client {
    Client::new(&endpoint_config(&Environment, url, PATIENCE))
}

/// A deployed stack that the environment names: where nodes connect, its table, and the file with its HS256 key.
#[derive(Debug)]
pub(crate) struct CloudUrl {
    /// Where nodes connect.
    pub(crate) ws_url: String,
    /// Its table.
    pub(crate) table: String,
    /// The file with the secret that its tokens are signed with, as `rollcall token` keeps it.
    pub(crate) key: String,
}

impl CloudUrl {
    /// The one that the environment names, if it does.
    pub(crate) fn chosen() -> Option<Self> {
        let required = |name: &str| Environment.get(name).unwrap_or_else(|| panic!("{name} is not set"));
        Some(Self {
            ws_url: Environment.get("ROLLCALL_CLOUD_URL")?,
            table: Environment.get("ROLLCALL_CLOUD_TABLE").unwrap_or_else(|| rollcall_stack::TABLE.to_owned()),
            key: required("ROLLCALL_CLOUD_KEY"),
        })
    }

    /// A client of the DynamoDB of a deployed stack, with the credentials and the region of the environment.
    pub(crate) fn dynamodb() -> Client {
        let region = Environment.get("AWS_REGION").expect("AWS_REGION is set");
        dynamo_client(&region, Environment.get("AWS_ENDPOINT_URL").as_deref())
    }
}
