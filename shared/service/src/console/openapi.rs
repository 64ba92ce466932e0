//! The console's OpenAPI document. It is generated from the types of the API.

/// Functions that only carry the description of an operation.
macro_rules! operations {
    ($($(#[$attribute:meta])* $name:ident;)*) => {
        $($(#[$attribute])* #[expect(dead_code, reason = "it only carries its description")] pub(super) fn $name() {})*
    };
}

mod cutover;
mod every_path;
mod examples;
mod models;
mod operations;
mod rollouts;
mod some_fields;
mod told;

use crate::http::HttpAnswer;
use rollcall_cutover::{
    AnswerMap, Application, ConfigMap, HealthMap, Mapping, NodeFormat, Place, RequestMap, ResultMap,
};
use rollcall_wire::console::{
    AnswerDifference, CutoverMode, CutoverModeSpec, CutoverNode, CutoverPage, CutoverRule, CutoverView,
};
use rollcall_wire::console::{
    AppliedView, BatchNode, BatchResult, ConfigSet, ConfigView, NodePage, NodePatch, NodeSpec, NodeView, Problem,
};
use rollcall_wire::console::{CommandPage, CommandProgress, CommandSpec, CommandView};
use rollcall_wire::console::{
    ConfigOrigin, ConfigUnset, ConfigVersionPage, ConfigVersionProgress, ConfigVersionView, RolledBack, RollingBack,
    VersionDifference,
};
use rollcall_wire::console::{ConfigProgress, DeliveryState, DesiredView, ProblemCode, SiteConfigSet};
use rollcall_wire::console::{
    DeliveryList, DeliveryProgress, DeliveryView, DisabledView, EndpointList, EndpointSecret, EndpointSpec,
    EndpointView, Replay, Replayed, SignatureScheme, TestSent,
};
use rollcall_wire::console::{
    DeltaSpec, DeltaView, FirmwareProgress, FirmwareSet, FirmwareSpec, FirmwareView, FirmwareWish,
};
use rollcall_wire::console::{
    DriftReport, DriftTold, ExportPage, ImportResult, ImportedField, NodeImport, OpenCommand, RenumberNode,
};
use rollcall_wire::console::{FleetView, KindCount, KindCounts};
use rollcall_wire::console::{HealthView, PartHealth, Presence, PresenceView};
use rollcall_wire::console::{ModelPage, ModelPatch, ModelSpec, ModelView};
use rollcall_wire::console::{
    OnFailure, RolloutChange, RolloutCounts, RolloutDocument, RolloutFirmware, RolloutGate, RolloutList, RolloutNode,
    RolloutNodePage, RolloutNodeState, RolloutProgress, RolloutRetry, RolloutSpec, RolloutView, RolloutWave,
    RolloutWindow, WaveNodes, WavePercent, Weekday,
};
use rollcall_wire::{
    CloudEvent, ConfigReport, ConfigStatus, Edit, EventPage, NodeEventPage, UpdateReport, UpdateStatus,
};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use every_path::EveryPath;
use examples::Examples;
use some_fields::SomeFields;

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
        (name = "firmware", description = "Firmware images, deltas between them, and which version a node is to run."),
        (name = "rollouts", description = "Changes that reach a fleet in waves, and stop by themselves."),
        (name = "events", description = "What happened to nodes, and who changed what."),
        (name = "endpoints", description = "Where events are sent, and what became of them there."),
        (name = "cut-over", description = "Nodes that poll a legacy endpoint, and who answers them."),
        (name = "server", description = "The console itself."),
    ),
    paths(
        operations::health, operations::openapi, operations::list, operations::fleet, operations::batch,
        operations::import, operations::export, operations::drift, operations::renumber,
        operations::register, operations::amend, operations::show, operations::delete,
        operations::revoke, operations::disconnect, operations::set_config, operations::config,
        operations::unset_config, operations::config_versions, operations::config_version,
        operations::config_difference, operations::roll_back_config, operations::set_site_config,
        operations::queue, operations::commands, operations::cancel, operations::set_firmware,
        operations::add_firmware, operations::firmware, operations::add_delta, operations::delta, models::models,
        models::put_model, models::amend_model, models::model, told::events, told::event_schema, told::node_events,
        told::list_endpoints, told::put_endpoint, told::endpoint, told::remove_endpoint,
        told::test_endpoint, told::rotate_endpoint, told::deliveries, told::replay,
        cutover::cutover, cutover::set_mapping, cutover::remove_mapping, cutover::set_mode, cutover::cutover_nodes,
        rollouts::rollouts, rollouts::put_rollout, rollouts::rollout, rollouts::pause, rollouts::resume, rollouts::abort,
        rollouts::roll_back, rollouts::approve, rollouts::rollout_nodes
    ),
    components(schemas(
        NodeSpec, NodePatch, BatchNode, BatchResult, NodeView, NodePage, FleetView, KindCounts, KindCount, DesiredView, ConfigProgress, ConfigSet,
        NodeImport, OpenCommand, RenumberNode, ImportResult, ImportedField, ExportPage, DriftReport, DriftTold,
        ConfigOrigin, ConfigUnset, ConfigVersionPage, ConfigVersionProgress, ConfigVersionView, VersionDifference,
        RollingBack, RolledBack, DeliveryState, SiteConfigSet, ConfigView, AppliedView, Edit, ConfigReport, ConfigStatus, Problem, ProblemCode,
        CommandSpec, CommandView, CommandProgress, CommandPage, FirmwareSpec, FirmwareView, FirmwareWish, FirmwareSet, DeltaSpec, DeltaView,
        ModelSpec, ModelPatch, ModelView, ModelPage, FirmwareProgress, UpdateReport, UpdateStatus, HealthView, PartHealth, Presence, PresenceView,
        CloudEvent, EventPage, NodeEventPage,
        EndpointSpec, EndpointSecret, SignatureScheme,
        EndpointView, DisabledView, EndpointList, TestSent, Replay, Replayed, DeliveryProgress, DeliveryView, DeliveryList,
        Mapping, Application, RequestMap, Place, NodeFormat, HealthMap, ResultMap, ConfigMap, AnswerMap,
        CutoverView, CutoverRule, CutoverMode, CutoverModeSpec, CutoverPage, CutoverNode, AnswerDifference,
        RolloutSpec, RolloutChange, RolloutDocument, RolloutFirmware, RolloutWave, WaveNodes, WavePercent, RolloutGate,
        OnFailure, RolloutWindow, Weekday, RolloutView, RolloutProgress, RolloutCounts, RolloutList, RolloutNodePage,
        RolloutNode, RolloutNodeState, RolloutRetry
    )),
    modifiers(&Keys, &SomeFields, &Examples, &EveryPath),
    security(("key" = []))
)]
struct Console;

/// An element that is not valid gets a problem as its result, and does not stop the others.
#[derive(utoipa::ToSchema)]
#[schema(min_items = 1, max_items = 100)]
#[expect(dead_code, reason = "it is only a schema")]
struct Batch(Vec<BatchNode>);

/// An element that is not valid gets a problem as its result, and does not stop the others.
#[derive(utoipa::ToSchema)]
#[schema(min_items = 1, max_items = 100)]
#[expect(dead_code, reason = "it is only a schema")]
struct Imported(Vec<NodeImport>);

/// An element that is not valid gets a problem as its result, and does not stop the others.
#[derive(utoipa::ToSchema)]
#[schema(min_items = 1, max_items = 100)]
#[expect(dead_code, reason = "it is only a schema")]
struct Renumbered(Vec<RenumberNode>);

/// Headers that may be left out. In a tuple, they could be null as well.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only a schema")]
struct Conditions {
    /// Only if one of these versions was made last: `"0"` stands for none, `*` for any that is desired, and what follows
    /// the version in an `ETag` does not matter. Weak tags never match
    #[param(rename = "If-Match", required = false, pattern = r#"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*"){0,7})$"#)]
    if_match: String,
    /// Only if none of these versions was made last; `*`: only if no configuration is desired
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

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::console::keyed::Keyed;
    use crate::console::routes::{PARAMETERS, Route, route};

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

    /// The operations that need a key, each with its method and a path. A new one does not compile until it is here.
    pub(crate) fn keyed() -> Vec<(Keyed<'static>, &'static str, &'static str)> {
        macro_rules! all {
            ($($variant:ident $(($($id:literal),*))?: $method:literal $path:literal,)*) => {{
                let _ = |keyed: Keyed<'_>| match keyed {
                    $(Keyed::$variant { .. } => (),)*
                };
                vec![$((Keyed::$variant $(($($id),*))?, $method, $path),)*]
            }};
        }
        all! {
            OpenApi: "GET" "openapi.json",
            EventSchema: "GET" "events/schema.json",
            List: "GET" "nodes",
            Fleet: "GET" "fleet",
            Batch: "POST" "nodes:batch",
            Import: "POST" "nodes:import",
            Export: "GET" "nodes:export",
            Drift: "POST" "drift",
            Renumber: "POST" "nodes:renumber",
            Cutover: "GET" "cutover",
            SetMapping: "PUT" "cutover/mapping",
            RemoveMapping: "DELETE" "cutover/mapping",
            SetMode: "PUT" "cutover/mode",
            CutoverNodes: "GET" "cutover/nodes",
            Register("{node}"): "PUT" "nodes/{node}",
            Amend("{node}"): "PATCH" "nodes/{node}",
            Show("{node}"): "GET" "nodes/{node}",
            Delete("{node}"): "DELETE" "nodes/{node}",
            Revoke("{node}"): "POST" "nodes/{node}/revoke",
            Disconnect("{node}"): "POST" "nodes/{node}/disconnect",
            SetConfig("{node}"): "PUT" "nodes/{node}/config",
            Config("{node}"): "GET" "nodes/{node}/config",
            UnsetConfig("{node}"): "DELETE" "nodes/{node}/config",
            ConfigVersions("{node}"): "GET" "nodes/{node}/config/versions",
            ConfigVersion("{node}", "{version}"): "GET" "nodes/{node}/config/versions/{version}",
            ConfigDifference("{node}"): "GET" "nodes/{node}/config/difference",
            RollBackConfig("{node}"): "POST" "nodes/{node}/config/rollback",
            SetSiteConfig("{site}"): "PUT" "sites/{site}/config",
            Queue("{node}"): "POST" "nodes/{node}/commands",
            Commands("{node}"): "GET" "nodes/{node}/commands",
            Cancel("{node}", "{command}"): "DELETE" "nodes/{node}/commands/{command}",
            AddFirmware("{model}", "{version}"): "PUT" "firmware/{model}/{version}",
            Firmware("{model}", "{version}"): "GET" "firmware/{model}/{version}",
            AddDelta("{model}", "{version}", "{from}"): "PUT" "firmware/{model}/{version}/deltas/{from}",
            Delta("{model}", "{version}", "{from}"): "GET" "firmware/{model}/{version}/deltas/{from}",
            SetFirmware("{node}"): "PUT" "nodes/{node}/firmware",
            Models: "GET" "models",
            PutModel("{model}"): "PUT" "models/{model}",
            AmendModel("{model}"): "PATCH" "models/{model}",
            Model("{model}"): "GET" "models/{model}",
            Events: "GET" "events",
            NodeEvents("{node}"): "GET" "nodes/{node}/events",
            Endpoints: "GET" "endpoints",
            PutEndpoint("{name}"): "PUT" "endpoints/{name}",
            Endpoint("{name}"): "GET" "endpoints/{name}",
            RemoveEndpoint("{name}"): "DELETE" "endpoints/{name}",
            TestEndpoint("{name}"): "POST" "endpoints/{name}/test",
            RotateEndpoint("{name}"): "POST" "endpoints/{name}/rotate",
            Deliveries("{name}"): "GET" "endpoints/{name}/deliveries",
            Replay("{name}"): "POST" "endpoints/{name}/replay",
            Rollouts: "GET" "rollouts",
            PutRollout("{name}"): "PUT" "rollouts/{name}",
            Rollout("{name}"): "GET" "rollouts/{name}",
            PauseRollout("{name}"): "POST" "rollouts/{name}/pause",
            ResumeRollout("{name}"): "POST" "rollouts/{name}/resume",
            AbortRollout("{name}"): "POST" "rollouts/{name}/abort",
            RollBackRollout("{name}"): "POST" "rollouts/{name}/roll-back",
            ApproveRollout("{name}"): "POST" "rollouts/{name}/approve",
            RolloutNodes("{name}"): "GET" "rollouts/{name}/nodes",
        }
    }

    #[test]
    fn every_request_that_is_answered_is_in_the_document_with_its_parameters_and_nothing_else_is() {
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        let mut documented: BTreeSet<_> = paths
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().expect("operations").keys().map(move |method| (method.clone(), path.clone()))
            })
            .filter(|(method, path)| !["head", "options"].contains(&&**method) && path != "/v1/health")
            .collect();
        for (keyed, method, path) in keyed() {
            let path = format!("/v1/{path}");
            assert_eq!(route(method, &path), Ok(Route::Keyed(keyed)), "{method} {path}");
            let operation = (method.to_lowercase(), path);
            assert!(documented.remove(&operation), "{operation:?} is not in the document");
            let parameters = document["paths"][&operation.1][&operation.0]["parameters"].as_array();
            let in_query = parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "query");
            let said: BTreeSet<_> = in_query.filter_map(|parameter| parameter["name"].as_str()).collect();
            let taken = PARAMETERS.into_iter().filter(|name| Route::Keyed(keyed).has_parameter(name));
            assert_eq!(said, taken.collect(), "{operation:?}");
        }
        assert_eq!(documented, BTreeSet::new(), "is in the document only");
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
