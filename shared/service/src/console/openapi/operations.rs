//! The operations on nodes, and on what they are to run.

use super::{
    Batch, BatchResult, CommandPage, CommandSpec, CommandView, Conditions, ConfigSet, ConfigUnset, ConfigVersionPage,
    ConfigVersionView, ConfigView, DeltaSpec, DriftReport, DriftTold, ExportPage, FirmwareSet, FirmwareSpec,
    FirmwareView, FirmwareWish, FleetView, HealthView, ImportResult, Imported, Known, NodePage, NodePatch, NodeSpec,
    NodeView, Presence, Problem, Problems, Renumbered, RolledBack, RollingBack, SiteConfigSet, VersionDifference,
};

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
    ///
    /// A request reads a part of the fleet. So a page may have fewer nodes than `limit`, or none, although more follow.
    #[utoipa::path(get, path = "/v1/nodes", operation_id = "listNodes", tag = "nodes", params(
        ("site" = Option<String>, Query, description = "Only nodes of this site", pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("presence" = Option<Presence>, Query, description = "Only nodes with this presence"),
        ("select" = Option<String>, Query, min_length = 1, max_length = 1024,
            description = "Only nodes that this selector means, such as `site=hq firmware<2.5`"),
        ("fields" = Option<String>, Query, min_length = 1,
            description = "What is shown of each node besides its id: names of fields, with commas between them"),
        ("limit" = Option<u32>, Query, description = "How many nodes the page may have", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "The cursor of the page before"),
    ), responses(
        (status = 200, description = "A page", body = NodePage),
        Problems,
    ))]
    list;

    /// How many nodes there are of each kind.
    ///
    /// The answer takes as long for a large fleet as for a small one: the counts are kept while nodes change.
    #[utoipa::path(get, path = "/v1/fleet", operation_id = "getFleet", tag = "nodes", responses(
        (status = 200, description = "The counts", body = FleetView),
        Problems,
    ))]
    fleet;

    /// Registers up to 100 nodes, each with its own result.
    #[utoipa::path(post, path = "/v1/nodes:batch", operation_id = "registerBatch", tag = "nodes",
    request_body = inline(Batch), responses(
        (status = 200, description = "One result for each node, in the order of the batch", body = Vec<BatchResult>),
        Problems,
    ))]
    batch;

    /// Imports up to 100 nodes from another database: what is desired of each, as far as it is not so already.
    ///
    /// A node that is new is registered. A field that is left out stays. Whoever sends the same again changes nothing.
    #[utoipa::path(post, path = "/v1/nodes:import", operation_id = "importNodes", tag = "nodes", params(
        ("dry_run" = Option<bool>, Query, description = "Whether to say only what would be changed"),
        ("stack" = Option<String>, Query, pattern = "^[0-9a-f]{32}$", description = "The stack that it is for, as an export names it"),
    ), request_body = inline(Imported), responses(
        (status = 200, description = "One result for each node, in the order of the import", body = Vec<ImportResult>),
        Problems,
    ))]
    import;

    /// A page of nodes, as an import takes them.
    ///
    /// Several segments may be read at the same time. All of them together have every node once.
    #[utoipa::path(get, path = "/v1/nodes:export", operation_id = "exportNodes", tag = "nodes", params(
        ("segments" = Option<u32>, Query, description = "How many segments there are", minimum = 1, maximum = 64),
        ("segment" = Option<u32>, Query, description = "Which of them to read, from 0", minimum = 0, maximum = 63),
        ("select" = Option<String>, Query, min_length = 1, max_length = 1024,
            description = "Only nodes that this selector means, such as `site=hq firmware<2.5`"),
        ("limit" = Option<u32>, Query, description = "How many nodes to read", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The cursor of the page before"),
        ("conditions" = Option<bool>, Query, description = "Whether each node has the condition that it is unchanged"),
    ), responses(
        (status = 200, description = "A page", body = ExportPage),
        Problems,
    ))]
    export;

    /// Raises the numbers of up to 100 nodes above all that they may have been given, each with its own result: after the
    /// tables were restored from a backup. The nodes are given their configurations again. Commands that were not handed out
    /// are cancelled, and all others are over: their results are still stored.
    #[utoipa::path(post, path = "/v1/nodes:renumber", operation_id = "renumberNodes", tag = "nodes",
        request_body = inline(Renumbered), responses(
        (status = 200, description = "What became of each", body = Vec<BatchResult>),
        Problems,
    ))]
    renumber;

    /// Tells that the application's database and the nodes here differ: the event `drift.found`.
    #[utoipa::path(post, path = "/v1/drift", operation_id = "reportDrift", tag = "events", request_body = DriftReport,
    responses(
        (status = 202, description = "The event is in the log, and on its way", body = DriftTold),
        Problems,
    ))]
    drift;

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

    /// Revokes a node's credentials, as `revokeNode` does, and deletes all that is stored of the node: its registration, name
    /// and labels, configurations, commands and, a moment later, its events and their deliveries. That it was deleted is its
    /// last event. Where nodes register themselves, a deleted node may come again: to keep it out, revoke it.
    #[utoipa::path(delete, path = "/v1/nodes/{node}", operation_id = "deleteNode", tag = "nodes", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
    ), responses(
        (status = 204, description = "Done"),
        Problems,
    ))]
    delete;

    /// Revokes a node's credentials, tells the node, and closes its connection. The node stays, with all that is known of it.
    #[utoipa::path(post, path = "/v1/nodes/{node}/revoke", operation_id = "revokeNode", tag = "nodes", params(
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

    /// Makes no configuration desired of a node any more. The node keeps what it runs.
    ///
    /// This counts as a version, too, so that no version is ever used twice. The versions before stay in the history.
    #[utoipa::path(delete, path = "/v1/nodes/{node}/config", operation_id = "unsetConfig", tag = "configurations", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        Conditions,
    ), responses(
        (status = 200, description = "The version that counts it, and what the node keeps running", body = ConfigUnset,
            headers(("ETag" = String, description = "The version; and a hash of the node's report, if there is one"))),
        Problems,
    ))]
    unset_config;

    /// The last versions of a node's configuration, the newest first: when each was set, by whom, and what became of it.
    #[utoipa::path(get, path = "/v1/nodes/{node}/config/versions", operation_id = "listConfigVersions",
    tag = "configurations", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        Known,
    ), responses(
        (status = 200, description = "The versions", body = ConfigVersionPage,
            headers(("ETag" = String, description = "As for the node's configuration"))),
        (status = 304, description = "Neither what is desired nor what was reported has changed",
            headers(("ETag" = String, description = "The same as before"))),
        Problems,
    ))]
    config_versions;

    /// One version of a node's configuration, with its document.
    ///
    /// A document that no node uses is deleted after as long as events are kept. Then the answer is 410.
    #[utoipa::path(get, path = "/v1/nodes/{node}/config/versions/{version}", operation_id = "getConfigVersion",
    tag = "configurations", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("version" = u64, Path, minimum = 1, maximum = 999_999_999_999_u64),
    ), responses(
        (status = 200, description = "The version", body = ConfigVersionView),
        Problems,
    ))]
    config_version;

    /// How two versions of a node's configuration differ.
    #[utoipa::path(get, path = "/v1/nodes/{node}/config/difference", operation_id = "getConfigDifference",
    tag = "configurations", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("from" = u64, Query, description = "The version to begin with", minimum = 1, maximum = 999_999_999_999_u64),
        ("to" = u64, Query, description = "The version that the difference leads to", minimum = 1,
            maximum = 999_999_999_999_u64),
    ), responses(
        (status = 200, description = "Both versions, and their difference", body = VersionDifference),
        Problems,
    ))]
    config_difference;

    /// Makes the document of an earlier version desired again, in a new version.
    ///
    /// It is refused if another version is made at the same time. What was set for the node's site then counts as set for
    /// the site again.
    #[utoipa::path(post, path = "/v1/nodes/{node}/config/rollback", operation_id = "rollBackConfig",
    tag = "configurations", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("dry_run" = Option<bool>, Query, description = "`true`: nothing is changed, and the answer says what would be"),
        Conditions,
    ), request_body = RollingBack, responses(
        (status = 200, description = "From which version to which, and the new one", body = RolledBack,
            headers(("ETag" = String, description = "The version; and a hash of the node's report, if there is one"))),
        Problems,
    ))]
    roll_back_config;

    /// Sets the desired configuration of a site's nodes, some at a time.
    ///
    /// Repeat the request with the cursor and the same document until there is no cursor. A node whose configuration was
    /// set for it alone keeps it, unless it is to be replaced. A site has no version, so this request has no conditions. To
    /// use conditions, set the nodes one by one.
    #[utoipa::path(put, path = "/v1/sites/{site}/config", operation_id = "setSiteConfig", tag = "configurations",
    params(
        ("site" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("cursor" = Option<String>, Query, description = "The cursor of the answer before"),
        ("replace" = Option<bool>, Query,
            description = "`true`: what was set for nodes alone is replaced, too; otherwise these nodes keep it"),
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
        (status = 200, description = "The image, and the deltas that make it", body = FirmwareView),
        Problems,
    ))]
    firmware;

    /// Stores the description of a delta in the firmware bucket: a file that makes the image of a version out of that of
    /// another version of the same model. Both must be known. The description of a delta never changes.
    #[utoipa::path(put, path = "/v1/firmware/{model}/{version}/deltas/{from}", operation_id = "addDelta",
    tag = "firmware", params(
        ("model" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
        ("version" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
        ("from" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
    ), request_body = DeltaSpec, responses(
        (status = 200, description = "The same description was stored already", body = DeltaSpec),
        (status = 201, description = "The description is stored", body = DeltaSpec,
            headers(("Location" = String, description = "The path of the description"))),
        Problems,
    ))]
    add_delta;

    /// The description of a delta.
    #[utoipa::path(get, path = "/v1/firmware/{model}/{version}/deltas/{from}", operation_id = "getDelta",
    tag = "firmware", params(
        ("model" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
        ("version" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
        ("from" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
    ), responses(
        (status = 200, description = "The delta", body = DeltaSpec),
        Problems,
    ))]
    delta;
}
