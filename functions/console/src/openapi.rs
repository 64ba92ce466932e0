//! The console's OpenAPI document, made from the types that it speaks.

use rollcall_wire::console::{
    AppliedView, BatchNode, BatchResult, ConfigSet, ConfigView, NodePage, NodeSpec, NodeView, Problem,
};
use rollcall_wire::console::{CommandPage, CommandProgress, CommandSpec, CommandView};
use rollcall_wire::console::{ConfigProgress, DeliveryState, ProblemCode, SiteConfigSet, WantedView};
use rollcall_wire::console::{FirmwareProgress, FirmwareSet, FirmwareSpec, FirmwareWish};
use rollcall_wire::{ConfigReport, ConfigStatus, Edit, UpdateReport, UpdateStatus};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The document, as JSON.
pub(crate) fn document() -> Result<String, serde_json::Error> {
    Console::openapi().to_json()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollcall console",
        description = "What nodes are and what they are to run. Errors are problem documents (RFC 9457) with stable codes.",
        version = "1"
    ),
    paths(
        health, openapi, list, batch, register, show, revoke, disconnect, set_config, config, set_site_config,
        queue, commands, cancel, set_firmware, add_firmware, firmware
    ),
    components(schemas(
        NodeSpec, BatchNode, BatchResult, NodeView, NodePage, WantedView, ConfigProgress, ConfigSet, DeliveryState,
        SiteConfigSet, ConfigView, AppliedView, Edit, ConfigReport, ConfigStatus, Problem, ProblemCode,
        CommandSpec, CommandView, CommandProgress, CommandPage, FirmwareSpec, FirmwareWish, FirmwareSet, FirmwareProgress,
        UpdateReport, UpdateStatus
    )),
    modifiers(&Keys),
    security(("key" = []))
)]
struct Console;

/// Each is a `BatchNode`. One that is not gets a problem of its own, and does not stop the others.
#[derive(utoipa::ToSchema)]
#[schema(min_items = 1, max_items = 100)]
#[expect(dead_code, reason = "it is only a schema")]
struct Batch(Vec<serde_json::Value>);

/// A header that may be left out; said in a tuple, it could be null as well.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only a schema")]
struct Expected {
    /// Only if this version is wanted now
    #[param(rename = "If-Match", required = false, pattern = "^\"[0-9]{1,18}\"$")]
    if_match: String,
}

/// How anything may end that was asked for.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it only carries its description")]
enum Problems {
    /// What is wrong.
    #[response(status = "4XX", content_type = "application/problem+json")]
    Wrong(Problem),
    /// What failed.
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
    /// Whether the parts that every request needs answer.
    #[utoipa::path(get, path = "/v1/health", security(()), responses(
        (status = 200, description = "They do", content_type = "application/json"),
        (status = 503, description = "One does not: the detail says which", body = Problem, content_type = "application/problem+json"),
    ))]
    health;

    /// This document.
    #[utoipa::path(get, path = "/v1/openapi.json", security(()), responses(
        (status = 200, description = "OpenAPI 3.1", content_type = "application/json"),
    ))]
    openapi;

    /// A page of nodes.
    #[utoipa::path(get, path = "/v1/nodes", params(
        ("site" = Option<String>, Query, description = "Only of this site", pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("presence" = Option<String>, Query, description = "online or offline", pattern = "^(online|offline)$"),
        ("limit" = Option<u32>, Query, description = "How many to look at", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "Where the page begins: from the page before"),
    ), responses(
        (status = 200, description = "A page", body = NodePage),
        Problems,
    ))]
    list;

    /// Registers up to 100 nodes, each with its own result.
    #[utoipa::path(post, path = "/v1/nodes:batch", request_body = inline(Batch), responses(
        (status = 200, description = "One result a node, in order", body = Vec<BatchResult>),
        Problems,
    ))]
    batch;

    /// Registers a node, or says anew what it is.
    #[utoipa::path(put, path = "/v1/nodes/{node}", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), request_body = NodeSpec, responses(
        (status = 200, description = "The node", body = NodeView),
        Problems,
    ))]
    register;

    /// A node.
    #[utoipa::path(get, path = "/v1/nodes/{node}", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), responses(
        (status = 200, description = "The node", body = NodeView),
        Problems,
    ))]
    show;

    /// Revokes a node's credentials, tells it, and closes its socket.
    #[utoipa::path(delete, path = "/v1/nodes/{node}", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), responses(
        (status = 204, description = "Done"),
        Problems,
    ))]
    revoke;

    /// Closes a node's socket; it connects again.
    #[utoipa::path(post, path = "/v1/nodes/{node}/disconnect", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), responses(
        (status = 204, description = "Done"),
        Problems,
    ))]
    disconnect;

    /// Sets what a node is to run: any JSON up to 96 KB.
    #[utoipa::path(put, path = "/v1/nodes/{node}/config", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        Expected,
    ), request_body = serde_json::Value, responses(
        (status = 200, description = "The version, and how it got to the node", body = ConfigSet,
            headers(("ETag" = String, description = "The version"))),
        Problems,
    ))]
    set_config;

    /// A node's configuration: what is wanted, what runs, and how they differ.
    #[utoipa::path(get, path = "/v1/nodes/{node}/config", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), responses(
        (status = 200, description = "The configuration", body = ConfigView,
            headers(("ETag" = String, description = "The version"))),
        Problems,
    ))]
    config;

    /// Sets what the nodes of a site are to run, some at a time: go on with the cursor until there is none.
    #[utoipa::path(put, path = "/v1/sites/{site}/config", params(
        ("site" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("cursor" = Option<String>, Query, description = "Where to go on: from the answer before"),
    ), request_body = serde_json::Value, responses(
        (status = 200, description = "How many nodes were set by now", body = SiteConfigSet),
        Problems,
    ))]
    set_site_config;

    /// Queues something for a node to do. With an `Idempotency-Key` that came before, it says how that command stands.
    #[utoipa::path(post, path = "/v1/nodes/{node}/commands", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("Idempotency-Key" = String, Header, description = "A name of your own for this request, such as a UUID", pattern = "^[!-~]{1,128}$"),
    ), request_body = CommandSpec, responses(
        (status = 200, description = "The command that was queued with this key before", body = CommandView),
        (status = 201, description = "The command; `sent` if the node has it already", body = CommandView,
            headers(("Location" = String, description = "Where it can be taken back"))),
        Problems,
    ))]
    queue;

    /// A page of a node's commands, the newest first.
    #[utoipa::path(get, path = "/v1/nodes/{node}/commands", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("limit" = Option<u32>, Query, description = "How many", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "Where the page begins: from the page before"),
    ), responses(
        (status = 200, description = "A page", body = CommandPage),
        Problems,
    ))]
    commands;

    /// Takes back a command that was not handed out yet.
    #[utoipa::path(delete, path = "/v1/nodes/{node}/commands/{command}", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("command" = u64, Path, minimum = 1, maximum = 999_999_999_999_u64),
    ), responses(
        (status = 204, description = "Done"),
        Problems,
    ))]
    cancel;

    /// Sets which firmware a node is to run: a version that is known for its model.
    #[utoipa::path(put, path = "/v1/nodes/{node}/firmware", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), request_body = FirmwareWish, responses(
        (status = 200, description = "The version, and how it got to the node", body = FirmwareSet),
        Problems,
    ))]
    set_firmware;

    /// Makes a firmware image known, which is in the firmware bucket. What a version is never changes.
    #[utoipa::path(put, path = "/v1/firmware/{model}/{version}", params(
        ("model" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
        ("version" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
    ), request_body = FirmwareSpec, responses(
        (status = 200, description = "It was known already", body = FirmwareSpec),
        (status = 201, description = "It is known now", body = FirmwareSpec),
        Problems,
    ))]
    add_firmware;

    /// What is known of a firmware image.
    #[utoipa::path(get, path = "/v1/firmware/{model}/{version}", params(
        ("model" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
        ("version" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
    ), responses(
        (status = 200, description = "The image", body = FirmwareSpec),
        Problems,
    ))]
    firmware;
}
