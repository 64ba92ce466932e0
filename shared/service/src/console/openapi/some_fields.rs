//! What a list shows of a node if only some fields are asked for.

use rollcall_wire::console::NodeView;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, Schema};
use utoipa::openapi::{OpenApi, Ref, RefOr};
use utoipa::{Modify, PartialSchema as _};

/// Adds the schema of such a node to the document. All of its fields are optional but the id.
pub(super) struct SomeFields;

const NAME: &str = "NodeFields";

impl Modify for SomeFields {
    fn modify(&self, openapi: &mut OpenApi) {
        let (Some(components), RefOr::T(Schema::Object(mut some))) = (openapi.components.as_mut(), NodeView::schema())
        else {
            return;
        };
        some.description = Some("A node with the fields that were asked for.".to_owned());
        some.required = vec!["node".to_owned()];
        components.schemas.insert(NAME.to_owned(), Schema::Object(some).into());
        if let Some(RefOr::T(Schema::Object(page))) = components.schemas.get_mut("NodePage") {
            let node = AnyOfBuilder::new()
                .item(Ref::from_schema_name("NodeView"))
                .item(Ref::from_schema_name(NAME))
                .description(Some("All of a node; or, if `fields` were asked for, these."))
                .build();
            let nodes = page.properties.get("nodes").and_then(|nodes| match nodes {
                RefOr::T(Schema::Array(nodes)) => nodes.description.clone(),
                _ => None,
            });
            let nodes = ArrayBuilder::new().description(nodes).items(RefOr::T(Schema::from(node))).build();
            page.properties.insert("nodes".to_owned(), Schema::Array(nodes).into());
        }
    }
}
