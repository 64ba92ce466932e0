//! The JSON Schemas of events. They are generated from the types of the events' data.

use rollcall_wire::{CloudEvent, EventData};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::http::HttpAnswer;

/// Where schemas are in an OpenAPI document, and where they are in a JSON Schema.
const IN_OPENAPI: &str = "#/components/schemas/";
const IN_SCHEMA: &str = "#/$defs/";

/// The answer with the schemas.
pub(crate) fn answer() -> Result<HttpAnswer, serde_json::Error> {
    let text = document()?.to_string().replace(IN_OPENAPI, IN_SCHEMA);
    Ok(HttpAnswer::body(200, "application/schema+json", text))
}

/// The schema that every event fits (JSON Schema, draft 2020-12). `$defs` has the schema of each type of events, by the
/// name of the type.
fn document() -> Result<Value, serde_json::Error> {
    let mut definitions = Map::new();
    let mut data = vec![];
    EventData::schemas(&mut data);
    for (name, schema) in data {
        definitions.insert(name, serde_json::to_value(schema)?);
    }
    let event = serde_json::to_value(CloudEvent::schema())?;
    let types = serde_json::to_value(EventData::schema())?;
    let mut all = vec![];
    for about in types["oneOf"].as_array().into_iter().flatten() {
        let kind = about["properties"]["type"]["enum"][0].as_str().unwrap_or_default();
        let mut schema = event.clone();
        schema["description"] = about["description"].clone();
        schema["properties"]["type"] = json!({"const": kind});
        schema["properties"]["data"] = about["properties"]["data"].clone();
        all.push(json!({"$ref": format!("{IN_SCHEMA}{kind}")}));
        definitions.insert(kind.to_owned(), schema);
    }
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "/v1/events/schema.json",
        "title": "An event of Rollcall",
        "oneOf": all,
        "$defs": definitions,
    }))
}

#[cfg(test)]
mod tests {
    use rollcall_core::EVENT_TYPES;

    use super::*;

    #[test]
    fn each_type_of_events_has_a_schema() {
        let text = answer().expect("a document").body.expect("a body");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let definitions = document["$defs"].as_object().expect("definitions");
        let of_types: Vec<_> = definitions.keys().filter(|name| name.contains('.')).collect();
        assert_eq!(of_types, EVENT_TYPES);
        assert_eq!(document["oneOf"].as_array().map(Vec::len), Some(EVENT_TYPES.len()));
        for name in text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let name = name.strip_prefix(IN_SCHEMA).expect("a definition");
            assert!(definitions.contains_key(name), "{name}");
        }
    }
}
