//! The console's OpenAPI document. It is generated from the types of the API.

mod every_path;
mod examples;

use crate::http::HttpAnswer;
use rollcall_wire::console::{
    AppliedView, BatchNode, BatchResult, ConfigSet, ConfigView, NodePage, NodePatch, NodeSpec, NodeView, Problem,
};
use rollcall_wire::console::{CommandPage, CommandProgress, CommandSpec, CommandView};
use rollcall_wire::console::{ConfigProgress, DeliveryState, DesiredView, ProblemCode, SiteConfigSet};
use rollcall_wire::console::{FirmwareProgress, FirmwareSet, FirmwareSpec, FirmwareWish};
use rollcall_wire::console::{HealthView, PartHealth, Presence};
use rollcall_wire::{ConfigReport, ConfigStatus, Edit, UpdateReport, UpdateStatus};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use every_path::EveryPath;
use examples::Examples;

/// The answer with the document.
pub(crate) fn answer() -> Result<HttpAnswer, serde_json::Error> {
    Ok(HttpAnswer::body(200, "application/json", Console::openapi().to_json()?))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollcall console",
        description = "Registers nodes, and sets what they are to run. Errors are problem documents (RFC 9457) with \
            stable codes. Unknown parameters and fields are refused (400), and so are conditions where nothing has a \
            tag (400) and a body whose type is not JSON in UTF-8 (415). A field that is null counts as left out, \
            except for PATCH.",
        version = "1"
    ),
    servers((url = "/", description = "Where this document came from.")),
    tags(
        (name = "nodes", description = "Which nodes there are, who may connect, and how each is."),
        (name = "configurations", description = "What nodes are to run, what they run, and how both differ."),
        (name = "commands", description = "What a node is to do once."),
        (name = "firmware", description = "Firmware images, and which version a node is to run."),
        (name = "server", description = "The console itself."),
    ),
    paths(
        health, openapi, list, batch, register, amend, show, revoke, disconnect, set_config, config, set_site_config,
        queue, commands, cancel, set_firmware, add_firmware, firmware
    ),
    components(schemas(
        NodeSpec, NodePatch, BatchNode, BatchResult, NodeView, NodePage, DesiredView, ConfigProgress, ConfigSet,
        DeliveryState, SiteConfigSet, ConfigView, AppliedView, Edit, ConfigReport, ConfigStatus, Problem, ProblemCode,
        CommandSpec, CommandView, CommandProgress, CommandPage, FirmwareSpec, FirmwareWish, FirmwareSet,
        FirmwareProgress, UpdateReport, UpdateStatus, HealthView, PartHealth, Presence
    )),
    modifiers(&Keys, &Examples, &EveryPath),
    security(("key" = []))
)]
struct Console;

/// An element that is not valid gets a problem as its result, and does not stop the others.
#[derive(utoipa::ToSchema)]
#[schema(min_items = 1, max_items = 100)]
#[expect(dead_code, reason = "it is only a schema")]
struct Batch(Vec<BatchNode>);

/// Headers that may be left out. In a tuple, they could be null as well.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only a schema")]
struct Conditions {
    /// Only if one of these versions is desired now: `"0"` stands for no configuration, `*` for any, and what follows
    /// the version in an `ETag` does not matter. Weak tags never match
    #[param(rename = "If-Match", required = false, pattern = r#"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*"){0,7})$"#)]
    if_match: String,
    /// Only if none of these versions is desired now; `*`: only if no configuration is desired
    #[param(rename = "If-None-Match", required = false, pattern = r#"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*"){0,7})$"#)]
    if_none_match: String,
}

/// See [`Conditions`].
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only a schema")]
struct Known {
    /// Only if the `ETag` is none of these
    #[param(rename = "If-None-Match", required = false, pattern = r#"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*"){0,7})$"#)]
    if_none_match: String,
}

/// The errors that every operation may answer with.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it only carries its description")]
enum Problems {
    /// Something is wrong with the request.
    #[response(status = "4XX", content_type = "application/problem+json")]
    Wrong(Problem),
    /// The server failed.
    #[response(status = "5XX", content_type = "application/problem+json")]
    Failed(Problem),
}

struct Keys;

impl Modify for Keys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A key that may read or write."));
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(key.build()));
    }
}

macro_rules! operations {
    ($($(#[$attribute:meta])* $name:ident;)*) => {
        $($(#[$attribute])* #[expect(dead_code, reason = "it only carries its description")] fn $name() {})*
    };
}

operations! {
    /// Whether the parts of the server answer. Without a key, the result may be up to ten seconds old.
    #[utoipa::path(get, path = "/v1/health", operation_id = "getHealth", tag = "server", security(()), responses(
        (status = 200, description = "All of them answer", body = HealthView),
        (status = 503, description = "One of them does not answer; the detail says which", body = Problem,
            content_type = "application/problem+json"),
        Problems,
    ))]
    health;

    /// This document.
    #[utoipa::path(get, path = "/v1/openapi.json", operation_id = "getOpenApi", tag = "server", responses(
        (status = 200, description = "OpenAPI 3.1", content_type = "application/json"),
        Problems,
    ))]
    openapi;

    /// A page of nodes.
    #[utoipa::path(get, path = "/v1/nodes", operation_id = "listNodes", tag = "nodes", params(
        ("site" = Option<String>, Query, description = "Only nodes of this site", pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("presence" = Option<Presence>, Query, description = "Only nodes with this presence"),
        ("limit" = Option<u32>, Query, description = "How many nodes to read", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "The cursor of the page before"),
    ), responses(
        (status = 200, description = "A page", body = NodePage),
        Problems,
    ))]
    list;

    /// Registers up to 100 nodes, each with its own result.
    #[utoipa::path(post, path = "/v1/nodes:batch", operation_id = "registerBatch", tag = "nodes",
    request_body = inline(Batch), responses(
        (status = 200, description = "One result for each node, in the order of the batch", body = Vec<BatchResult>),
        Problems,
    ))]
    batch;

    /// Registers a node, or replaces its registration.
    ///
    /// A field that is left out is removed, except for the credential version.
    #[utoipa::path(put, path = "/v1/nodes/{node}", operation_id = "registerNode", tag = "nodes", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), request_body = NodeSpec, responses(
        (status = 200, description = "The node", body = NodeView),
        Problems,
    ))]
    register;

    /// Changes the registration of a node: a field that is left out stays (RFC 7396).
    ///
    /// The body may as well have the type `application/json`.
    #[utoipa::path(patch, path = "/v1/nodes/{node}", operation_id = "patchNode", tag = "nodes", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), request_body(content = NodePatch, content_type = "application/merge-patch+json"), responses(
        (status = 200, description = "The node", body = NodeView),
        Problems,
    ))]
    amend;

    /// A node, revoked or not.
    #[utoipa::path(get, path = "/v1/nodes/{node}", operation_id = "getNode", tag = "nodes", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), responses(
        (status = 200, description = "The node", body = NodeView),
        Problems,
    ))]
    show;

    /// Revokes a node's credentials, tells the node, and closes its connection.
    #[utoipa::path(delete, path = "/v1/nodes/{node}", operation_id = "revokeNode", tag = "nodes", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), responses(
        (status = 204, description = "Done"),
        Problems,
    ))]
    revoke;

    /// Closes a node's connection, or asks the node to replace it in time, which is no outage. The node connects again.
    #[utoipa::path(post, path = "/v1/nodes/{node}/disconnect", operation_id = "disconnectNode", tag = "nodes", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("within_s" = Option<u32>, Query, minimum = 1, maximum = 6600,
            description = "The node is asked to replace its connection within so many seconds, instead of the \
                connection being closed; the message may be lost"),
    ), responses(
        (status = 204, description = "Done"),
        Problems,
    ))]
    disconnect;

    /// Sets a node's desired configuration: any JSON of at most 96 KB.
    #[utoipa::path(put, path = "/v1/nodes/{node}/config", operation_id = "setConfig", tag = "configurations", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        Conditions,
    ), request_body = serde_json::Value, responses(
        (status = 200, description = "The version, and what became of its delivery", body = ConfigSet,
            headers(("ETag" = String, description = "The version; and a hash of the node's report, if there is one"))),
        Problems,
    ))]
    set_config;

    /// A node's configuration: what is desired, what runs, and how they differ.
    #[utoipa::path(get, path = "/v1/nodes/{node}/config", operation_id = "getConfig", tag = "configurations", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        Known,
    ), responses(
        (status = 200, description = "The configuration", body = ConfigView,
            headers(("ETag" = String,
                description = "The version, `\"7\"`; with a report of the node, also its hash, `\"7-0b5c31aa\"`"))),
        (status = 304, description = "Neither what is desired nor what was reported has changed",
            headers(("ETag" = String, description = "The same as before"))),
        Problems,
    ))]
    config;

    /// Sets the desired configuration of a site's nodes, some at a time.
    ///
    /// Repeat the request with the cursor and the same document until there is no cursor. A site has no version, so
    /// this request has no conditions. To use conditions, set the nodes one by one.
    #[utoipa::path(put, path = "/v1/sites/{site}/config", operation_id = "setSiteConfig", tag = "configurations",
    params(
        ("site" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("cursor" = Option<String>, Query, description = "The cursor of the answer before"),
    ), request_body = serde_json::Value, responses(
        (status = 200, description = "What became of the nodes of this request", body = SiteConfigSet),
        Problems,
    ))]
    set_site_config;

    /// Queues a command for a node.
    ///
    /// If the `Idempotency-Key` was used before, the answer is the command that was queued with it.
    #[utoipa::path(post, path = "/v1/nodes/{node}/commands", operation_id = "queueCommand", tag = "commands", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("Idempotency-Key" = String, Header, description = "A name that you choose for this request, such as a UUID",
            pattern = "^[!-~]{1,128}$"),
    ), request_body = CommandSpec, responses(
        (status = 200, description = "The command that was queued with this key before", body = CommandView),
        (status = 201, description = "The command; `sent` if the node has it already", body = CommandView,
            headers(("Location" = String, description = "The path of the command, with which it can be cancelled"))),
        Problems,
    ))]
    queue;

    /// A page of a node's commands, the newest first.
    #[utoipa::path(get, path = "/v1/nodes/{node}/commands", operation_id = "listCommands", tag = "commands", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("limit" = Option<u32>, Query, description = "How many commands to read", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "The cursor of the page before"),
    ), responses(
        (status = 200, description = "A page", body = CommandPage),
        Problems,
    ))]
    commands;

    /// Cancels a command that was not handed out yet.
    #[utoipa::path(delete, path = "/v1/nodes/{node}/commands/{command}", operation_id = "cancelCommand",
    tag = "commands", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("command" = u64, Path, minimum = 1, maximum = 999_999_999_999_u64),
    ), responses(
        (status = 204, description = "Done"),
        Problems,
    ))]
    cancel;

    /// Sets a node's desired firmware: a version that is known for its model.
    #[utoipa::path(put, path = "/v1/nodes/{node}/firmware", operation_id = "setNodeFirmware", tag = "firmware", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), request_body = FirmwareWish, responses(
        (status = 200, description = "The version, and what became of its delivery", body = FirmwareSet),
        Problems,
    ))]
    set_firmware;

    /// Stores the description of a firmware image in the firmware bucket. The description of a version never changes.
    #[utoipa::path(put, path = "/v1/firmware/{model}/{version}", operation_id = "addFirmware", tag = "firmware", params(
        ("model" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
        ("version" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
    ), request_body = FirmwareSpec, responses(
        (status = 200, description = "The same description was stored already", body = FirmwareSpec),
        (status = 201, description = "The description is stored", body = FirmwareSpec,
            headers(("Location" = String, description = "The path of the description"))),
        Problems,
    ))]
    add_firmware;

    /// The description of a firmware image.
    #[utoipa::path(get, path = "/v1/firmware/{model}/{version}", operation_id = "getFirmware", tag = "firmware", params(
        ("model" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
        ("version" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
    ), responses(
        (status = 200, description = "The image", body = FirmwareSpec),
        Problems,
    ))]
    firmware;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::to_value(Console::openapi()).expect("JSON")
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_a_tag_for_generated_clients() {
        let document = document();
        let tags: Vec<_> = document["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let id = operation["operationId"].as_str().unwrap_or_default();
                let is_camel_case = id.starts_with(|first: char| first.is_ascii_lowercase())
                    && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
                assert!(is_camel_case && ids.insert(id), "{method} {path}: {id:?}");
                let tagged = operation["tags"].as_array().map(Vec::as_slice);
                assert!(matches!(tagged, Some([tag]) if tags.contains(&tag)), "{method} {path}: {tagged:?}");
            }
        }
        for id in ["listNodes", "getNode", "headNode", "getNodeOptions", "registerNode", "getConfig", "setConfig"] {
            assert!(ids.contains(id), "{id}: {ids:?}");
        }
    }

    #[test]
    fn every_request_body_has_an_example() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        let example_of = |name: &str| &schemas[name]["examples"][0];
        for (name, _) in examples::EXAMPLES {
            assert!(!example_of(name).is_null(), "{name}");
        }
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let contents = operation["requestBody"]["content"].as_object();
                for content in contents.into_iter().flat_map(serde_json::Map::values) {
                    let schema = &content["schema"];
                    let named = schema["$ref"].as_str().or(schema["items"]["$ref"].as_str());
                    let name = named.and_then(|named| named.rsplit('/').next());
                    let example = name.map_or(&content["example"], example_of);
                    assert!(!example.is_null(), "{method} {path}");
                }
            }
        }
    }

    #[test]
    fn the_document_says_what_it_is_and_where_it_came_from() {
        let document = document();
        assert_eq!(document["info"]["license"]["identifier"], "Apache-2.0");
        assert_eq!(document["servers"][0]["url"], "/");
        let states = &document["components"]["schemas"]["CommandProgress"];
        assert_eq!(states["enum"][0], "queued");
        let description = states["description"].as_str().expect("a description");
        assert!(description.contains("\n* `queued`: The command waits for the node"), "{description}");
    }
}
