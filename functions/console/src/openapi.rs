//! The console's OpenAPI document, made from the types that it speaks.

mod every_path;

use rollcall_aws::http::HttpAnswer;
use rollcall_wire::console::{
    AppliedView, BatchNode, BatchResult, ConfigSet, ConfigView, NodePage, NodePatch, NodeSpec, NodeView, Problem,
};
use rollcall_wire::console::{CommandPage, CommandProgress, CommandSpec, CommandView};
use rollcall_wire::console::{ConfigProgress, DeliveryState, DesiredView, ProblemCode, SiteConfigSet};
use rollcall_wire::console::{FirmwareProgress, FirmwareSet, FirmwareSpec, FirmwareWish};
use rollcall_wire::{ConfigReport, ConfigStatus, Edit, UpdateReport, UpdateStatus};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use every_path::EveryPath;

/// The document.
pub(crate) fn answer() -> Result<HttpAnswer, serde_json::Error> {
    Ok(HttpAnswer::body(200, "application/json", Console::openapi().to_json()?))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollcall console",
        description = "What nodes are and what they are to run. Errors are problem documents (RFC 9457) with stable codes. \
            What is not known is refused: a parameter, a field, or a condition where nothing has a tag (400), a body \
            that is not JSON in UTF-8 (415). A field that is null is as good as left out, but for PATCH.",
        version = "1"
    ),
    paths(
        health, openapi, list, batch, register, amend, show, revoke, disconnect, set_config, config, set_site_config,
        queue, commands, cancel, set_firmware, add_firmware, firmware
    ),
    components(schemas(
        NodeSpec, NodePatch, BatchNode, BatchResult, NodeView, NodePage, DesiredView, ConfigProgress, ConfigSet, DeliveryState,
        SiteConfigSet, ConfigView, AppliedView, Edit, ConfigReport, ConfigStatus, Problem, ProblemCode,
        CommandSpec, CommandView, CommandProgress, CommandPage, FirmwareSpec, FirmwareWish, FirmwareSet, FirmwareProgress,
        UpdateReport, UpdateStatus
    )),
    modifiers(&Keys, &EveryPath),
    security(("key" = []))
)]
struct Console;

/// Each is a `BatchNode`. One that is not gets a problem of its own, and does not stop the others.
#[derive(utoipa::ToSchema)]
#[schema(min_items = 1, max_items = 100)]
#[expect(dead_code, reason = "it is only a schema")]
struct Batch(Vec<serde_json::Value>);

/// Headers that may be left out; said in a tuple, they could be null as well.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only a schema")]
struct Conditions {
    /// Only if one of these versions is desired now: `"0"` is none, `*` any, and what follows a version in an `ETag` does not
    /// matter. Weak tags never match
    #[param(rename = "If-Match", required = false, pattern = r#"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*"){0,7})$"#)]
    if_match: String,
    /// Only if none of these is desired now: with `*`, only if nothing is
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
    /// Whether the parts that every request needs answer. Who has no key is told what was so within the last ten seconds.
    #[utoipa::path(get, path = "/v1/health", security(()), responses(
        (status = 200, description = "They do", content_type = "application/json"),
        (status = 503, description = "One does not: the detail says which", body = Problem, content_type = "application/problem+json"),
        Problems,
    ))]
    health;

    /// This document.
    #[utoipa::path(get, path = "/v1/openapi.json", responses(
        (status = 200, description = "OpenAPI 3.1", content_type = "application/json"),
        Problems,
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

    /// Registers a node, or says anew what it is: what is left out is removed, but for the credential version.
    #[utoipa::path(put, path = "/v1/nodes/{node}", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), request_body = NodeSpec, responses(
        (status = 200, description = "The node", body = NodeView),
        Problems,
    ))]
    register;

    /// Says some of what a node is: what is left out stays (RFC 7396).
    #[utoipa::path(patch, path = "/v1/nodes/{node}", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), request_body(content(
        (NodePatch = "application/merge-patch+json"),
        (NodePatch = "application/json"),
    )), responses(
        (status = 200, description = "The node", body = NodeView),
        Problems,
    ))]
    amend;

    /// A node, revoked or not.
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
        Conditions,
    ), request_body = serde_json::Value, responses(
        (status = 200, description = "The version, and how it got to the node", body = ConfigSet,
            headers(("ETag" = String, description = "The version; and a mark, if the node has reported anything"))),
        Problems,
    ))]
    set_config;

    /// A node's configuration: what is desired, what runs, and how they differ.
    #[utoipa::path(get, path = "/v1/nodes/{node}/config", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        Known,
    ), responses(
        (status = 200, description = "The configuration", body = ConfigView,
            headers(("ETag" = String, description = "The version, `\"7\"`; and a mark, `\"7-0b5c31aa\"`, of what the node reported, once it has reported anything"))),
        (status = 304, description = "Neither what is desired nor what was reported has changed",
            headers(("ETag" = String, description = "As it was"))),
        Problems,
    ))]
    config;

    /// Sets what the nodes of a site are to run, some at a time: go on with the cursor, and the same document, until there is
    /// none. A site has no version, so there are no conditions: set its nodes one by one for that.
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
        (status = 201, description = "It is known now", body = FirmwareSpec,
            headers(("Location" = String, description = "Where it is described"))),
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
