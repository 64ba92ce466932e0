//! What a mapping file says. The field's names are those of the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::place::Place;

/// How a legacy endpoint is spoken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The endpoint that nodes poll now.
    pub application: Application,
    /// Where a request says what.
    pub request: RequestMap,
    /// What the endpoint calls a configuration.
    #[serde(default)]
    pub config: ConfigMap,
    /// How an answer is made.
    pub answer: AnswerMap,
}

/// The endpoint that nodes poll now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its URL, `http` or `https`. The path and the query of a request are added to it.
    pub url: String,
    /// How long it may take to answer, in seconds, from 1 to 25.
    #[serde(default = "ten")]
    pub timeout_s: u32,
}

/// Where a request says what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RequestMap {
    /// The methods of check-ins.
    #[serde(default = "methods")]
    pub methods: Vec<String>,
    /// The path of check-ins. A segment in braces is a variable, such as `/nodes/{mac}/checkin`. Requests with other paths
    /// are passed on to the endpoint, always.
    pub path: String,
    /// The node's id.
    pub node: Place,
    /// How the node's id is written here.
    #[serde(default)]
    pub node_format: NodeFormat,
    /// What the node proves its identity with, such as a password. If it is given, Rollcall answers a node only if the
    /// endpoint accepted this from the node before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Place, required = false))]
    pub credential: Option<Place>,
    /// The firmware version that the node runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Place, required = false))]
    pub firmware: Option<Place>,
    /// What the node calls the configuration that it runs: see `config.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Place, required = false))]
    pub config: Option<Place>,
    /// How the node is doing.
    #[serde(default, skip_serializing_if = "HealthMap::is_empty")]
    pub health: HealthMap,
    /// The result of a command. Without it, a command is taken for done as soon as it is in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = ResultMap, required = false))]
    pub result: Option<ResultMap>,
}

/// How the id of a node is written as Rollcall knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NodeFormat {
    /// As it is in the request.
    #[default]
    AsIs,
    /// In lower case.
    Lower,
    /// As a MAC address, `aa:bb:cc:dd:ee:ff`, however the request has it.
    Mac,
}

/// Where the figures on a node's health are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HealthMap {
    /// The time since the node booted, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Place, required = false))]
    pub uptime_s: Option<Place>,
    /// The load of its processors, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Place, required = false))]
    pub load_percent: Option<Place>,
    /// Its free memory, in KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Place, required = false))]
    pub memory_free_kib: Option<Place>,
    /// How many clients it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Place, required = false))]
    pub clients: Option<Place>,
}

impl HealthMap {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the result of a command is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ResultMap {
    /// The command's number, as the answer had it.
    pub command: Place,
    /// How it ended.
    pub status: Place,
    /// The values of `status` that mean success. Any other value means failure.
    #[serde(default = "done")]
    pub done: Vec<String>,
    /// What the command has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Place, required = false))]
    pub output: Option<Place>,
}

/// What the endpoint calls a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigMap {
    /// A template of the name of a configuration. A node whose request has this name runs the desired configuration.
    #[serde(default = "version")]
    pub name: String,
}

impl Default for ConfigMap {
    fn default() -> Self {
        Self { name: version() }
    }
}

/// How an answer is made. Each text is a template in the language Jinja; see `docs/cut-over.md` for its variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AnswerMap {
    /// A template of the status.
    #[serde(default = "ok")]
    pub status: String,
    /// Templates of the headers. One that is empty is left out.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A template of the body.
    #[serde(default)]
    pub body: String,
}

/// The JSON Schema of mapping files (draft 2020-12).
#[cfg(feature = "schema")]
pub fn schema() -> Result<serde_json::Value, serde_json::Error> {
    use utoipa::{PartialSchema as _, ToSchema as _};

    let mut parts = vec![];
    Mapping::schemas(&mut parts);
    let definitions = parts.into_iter().map(|(name, schema)| Ok((name, serde_json::to_value(schema)?)));
    let definitions: serde_json::Map<_, _> = definitions.collect::<Result<_, serde_json::Error>>()?;
    let mut schema = serde_json::to_value(Mapping::schema())?;
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        object.insert("title".to_owned(), "A mapping of a legacy polling endpoint".into());
        object.insert("$defs".to_owned(), definitions.into());
    }
    serde_json::from_str(&schema.to_string().replace("#/components/schemas/", "#/$defs/"))
}

fn ten() -> u32 {
    10
}

fn methods() -> Vec<String> {
    ["GET", "POST"].map(str::to_owned).into()
}

fn done() -> Vec<String> {
    ["ok", "done", "success", "0"].map(str::to_owned).into()
}

fn version() -> String {
    "{{ config.version }}".to_owned()
}

fn ok() -> String {
    "200".to_owned()
}
