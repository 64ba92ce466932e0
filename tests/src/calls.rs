//! Which calls of AWS each function makes, noted for the comparison with what its policy grants.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use http::request::Parts;
use rollcall_aws::{Environment, Lookup as _};
use rollcall_core::Table;
use rollcall_stack::TABLE;
use serde_json::Value;

/// The folder that calls are noted in, a file a process; without it, none are.
const FOLDER: &str = "ROLLCALL_CALLS";
/// What DynamoDB's operations are called after in requests (Amazon DynamoDB, "Low-level API").
const DYNAMODB: &str = "DynamoDB_20120810.";

/// Notes a call: who makes it, the actions that IAM must allow for it, and on what.
pub(crate) fn note(parts: &Parts, body: &[u8]) {
    static NOTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Some(folder) = Environment.get(FOLDER) else { return };
    // Nobody's who did not sign it.
    let Some(function) = caller(parts) else { return };
    for action in actions(parts, body) {
        let line = format!("{function} {action}");
        let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.insert(line.clone()) {
            let path = PathBuf::from(&folder).join(std::process::id().to_string());
            let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file");
            writeln!(file, "{line}").expect("written");
        }
    }
}

/// Whose credentials sign the call. Here a function's session token is its name; in a URL that was made for somebody else,
/// it is a parameter.
pub(crate) fn caller(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
    header.or_else(|| parameter(parts, "X-Amz-Security-Token"))
}

fn parameter<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let mut parameters = parts.uri.query()?.split('&').filter_map(|parameter| parameter.split_once('='));
    parameters.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The actions of a call, each with what it is on (Service Authorization Reference).
fn actions(parts: &Parts, body: &[u8]) -> Vec<String> {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some(operation) = target.and_then(|target| target.strip_prefix(DYNAMODB)) {
        return of_dynamodb(operation, &serde_json::from_slice(body).expect("JSON"));
    }
    if parts.uri.path().replace("%40", "@").contains("/@connections/") {
        return vec![format!("execute-api:ManageConnections {}", parts.method)];
    }
    vec![format!("s3:{}Object firmware", if parts.method == "GET" { "Get" } else { parts.method.as_str() })]
}

fn of_dynamodb(operation: &str, body: &Value) -> Vec<String> {
    // A transaction is allowed if its parts are ("Using IAM with DynamoDB transactions").
    if operation == "TransactWriteItems" {
        let items = body["TransactItems"].as_array().into_iter().flatten();
        let parts = items.flat_map(|item| item.as_object().expect("an object"));
        let action =
            |part: &str| if part == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{part}Item") };
        return parts.map(|(part, of)| format!("dynamodb:{} {}", action(part), table(&of["TableName"]))).collect();
    }
    if let Some(tables) = body["RequestItems"].as_object() {
        return tables.keys().map(|name| format!("dynamodb:{operation} {}", table(&name.as_str().into()))).collect();
    }
    let index = body["IndexName"].as_str().map(|index| format!("/index/{index}")).unwrap_or_default();
    vec![format!("dynamodb:{operation} {}{index}", table(&body["TableName"]))]
}

/// Which table has this name.
fn table(name: &Value) -> &'static str {
    let name = name.as_str().expect("a name");
    if Table::Records.name(TABLE) == name { "records" } else { "nodes" }
}
