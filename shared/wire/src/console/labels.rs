//! The schemas of a node's labels.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// At most so many labels, and so many characters for a value.
const MOST: usize = 16;
const CHARACTERS: usize = 128;

/// A node's labels: values by their keys.
pub(super) struct LabelMap;

impl utoipa::PartialSchema for LabelMap {
    fn schema() -> RefOr<Schema> {
        labels("A node's labels: values by their keys.", Type::String.into())
    }
}

impl utoipa::ToSchema for LabelMap {}

/// Labels that change: values by their keys, and `null` for what is removed.
pub(super) struct LabelPatch;

impl utoipa::PartialSchema for LabelPatch {
    fn schema() -> RefOr<Schema> {
        let types = SchemaType::Array(vec![Type::String, Type::Null]);
        labels("Labels that change: values by their keys, and `null` for what is removed.", types)
    }
}

impl utoipa::ToSchema for LabelPatch {}

fn labels(about: &str, types: SchemaType) -> RefOr<Schema> {
    let key = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9._:/-]{1,64}$"));
    let value = ObjectBuilder::new()
        .schema_type(types)
        .min_length(Some(1))
        .max_length(Some(CHARACTERS))
        .pattern(Some("^[^\\x00-\\x1f\\x7f-\\x9f]+$"));
    let labels = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(about))
        .property_names(Some(Schema::Object(key.build())))
        .additional_properties(Some(Schema::Object(value.build())))
        .max_properties(Some(MOST));
    RefOr::T(Schema::Object(labels.build()))
}
