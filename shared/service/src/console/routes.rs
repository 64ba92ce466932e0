//! The paths of the console, and their methods.

use crate::console::content::{Content, MERGE_PATCH};
use crate::console::keyed::Keyed;
use crate::console::keys::Scope;

/// The methods that a path may have, in the order in which `Allow` lists them. Every path with `GET` has `HEAD`, and
/// every path has `OPTIONS`.
const METHODS: [&str; 5] = ["GET", "PUT", "PATCH", "POST", "DELETE"];

/// Every parameter of any path.
pub(crate) const PARAMETERS: [&str; 20] = [
    "site",
    "presence",
    "select",
    "fields",
    "limit",
    "cursor",
    "within_s",
    "after",
    "type",
    "node",
    "wait_s",
    "dry_run",
    "segment",
    "segments",
    "conditions",
    "stack",
    "state",
    "replace",
    "from",
    "to",
];

/// The operation that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// The health of the server. It needs no key.
    Health,
    /// The methods of a path. It needs no key.
    Options(Methods),
    /// An operation that needs a key.
    Keyed(Keyed<'a>),
}

/// How the conditions of a request are handled (RFC 9110, section 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conditional {
    /// They are conditions on the resource that is read.
    Read,
    /// They are conditions on the configuration that is replaced or unset.
    Set,
    /// They are refused, because the resource that is changed has no tag.
    Refused,
    /// They are ignored, because nothing is read or changed.
    Ignored,
}

/// The methods of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Methods(Vec<&'static str>);

/// Why a request asks for no operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// There is no such path.
    Path,
    /// The path has only these other methods (RFC 9110, section 10.2.1).
    Method(Methods),
}

impl Methods {
    /// The value of `Allow`.
    pub(crate) fn allow(&self) -> String {
        self.0.join(", ")
    }

    /// The media type for `PATCH`, if it is one of the methods (RFC 5789, section 3.1).
    pub(crate) fn accept_patch(&self) -> Option<String> {
        self.0.contains(&"PATCH").then(|| MERGE_PATCH.to_owned())
    }
}

impl<'a> Route<'a> {
    /// The node's id in the path, as it was sent.
    pub(crate) fn node(&self) -> Option<&'a str> {
        let Self::Keyed(keyed) = self else { return None };
        match keyed {
            Keyed::Register(node)
            | Keyed::Amend(node)
            | Keyed::Show(node)
            | Keyed::Delete(node)
            | Keyed::Revoke(node)
            | Keyed::Disconnect(node)
            | Keyed::SetConfig(node)
            | Keyed::Config(node)
            | Keyed::UnsetConfig(node)
            | Keyed::ConfigVersions(node)
            | Keyed::ConfigVersion(node, _)
            | Keyed::ConfigDifference(node)
            | Keyed::RollBackConfig(node)
            | Keyed::Queue(node)
            | Keyed::Commands(node)
            | Keyed::Cancel(node, _)
            | Keyed::SetFirmware(node)
            | Keyed::NodeEvents(node) => Some(node),
            Keyed::OpenApi
            | Keyed::EventSchema
            | Keyed::List
            | Keyed::Fleet
            | Keyed::Batch
            | Keyed::Import
            | Keyed::Export
            | Keyed::Drift
            | Keyed::Renumber
            | Keyed::Cutover
            | Keyed::SetMapping
            | Keyed::RemoveMapping
            | Keyed::SetMode
            | Keyed::CutoverNodes
            | Keyed::SetSiteConfig(_)
            | Keyed::AddFirmware(..)
            | Keyed::Firmware(..)
            | Keyed::AddDelta(..)
            | Keyed::Delta(..)
            | Keyed::Models
            | Keyed::PutModel(_)
            | Keyed::AmendModel(_)
            | Keyed::Model(_)
            | Keyed::Events
            | Keyed::Endpoints
            | Keyed::PutEndpoint(_)
            | Keyed::Endpoint(_)
            | Keyed::RemoveEndpoint(_)
            | Keyed::TestEndpoint(_)
            | Keyed::Replay(_)
            | Keyed::RotateEndpoint(_)
            | Keyed::Deliveries(_)
            | Keyed::Rollouts
            | Keyed::PutRollout(_)
            | Keyed::Rollout(_)
            | Keyed::PauseRollout(_)
            | Keyed::ResumeRollout(_)
            | Keyed::AbortRollout(_)
            | Keyed::RollBackRollout(_)
            | Keyed::ApproveRollout(_)
            | Keyed::RolloutNodes(_) => None,
        }
    }

    /// Whether the operation may have this parameter.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        match self {
            Self::Keyed(Keyed::List) => {
                matches!(name, "site" | "presence" | "select" | "fields" | "limit" | "cursor")
            }
            Self::Keyed(
                Keyed::Commands(_) | Keyed::NodeEvents(_) | Keyed::CutoverNodes | Keyed::Models | Keyed::Rollouts,
            ) => matches!(name, "limit" | "cursor"),
            Self::Keyed(Keyed::Import) => matches!(name, "dry_run" | "stack"),
            Self::Keyed(Keyed::Export) => {
                matches!(name, "select" | "limit" | "cursor" | "segment" | "segments" | "conditions")
            }
            Self::Keyed(Keyed::Events) => matches!(name, "after" | "limit" | "type" | "node" | "wait_s"),
            Self::Keyed(Keyed::Deliveries(_)) => name == "limit",
            Self::Keyed(Keyed::RolloutNodes(_)) => matches!(name, "state" | "limit" | "cursor"),
            Self::Keyed(Keyed::SetSiteConfig(_)) => matches!(name, "cursor" | "replace"),
            Self::Keyed(Keyed::ConfigDifference(_)) => matches!(name, "from" | "to"),
            Self::Keyed(Keyed::RollBackConfig(_)) => name == "dry_run",
            Self::Keyed(Keyed::Disconnect(_)) => name == "within_s",
            // `OPTIONS` may have every parameter of the path's other methods.
            Self::Options(_) => PARAMETERS.contains(&name),
            Self::Keyed(_) | Self::Health => false,
        }
    }

    /// How the operation's conditions are handled.
    pub(crate) fn conditional(&self) -> Conditional {
        match self {
            Self::Options(_) => Conditional::Ignored,
            Self::Health => Conditional::Read,
            Self::Keyed(Keyed::SetConfig(_) | Keyed::UnsetConfig(_) | Keyed::RollBackConfig(_)) => Conditional::Set,
            Self::Keyed(keyed) if keyed.scope() == Scope::Read => Conditional::Read,
            Self::Keyed(_) => Conditional::Refused,
        }
    }

    /// The content of the operation's body.
    pub(crate) fn content(&self) -> Content {
        match self {
            Self::Keyed(Keyed::Amend(_) | Keyed::AmendModel(_)) => Content::MergePatch,
            Self::Keyed(
                Keyed::Batch
                | Keyed::Import
                | Keyed::Drift
                | Keyed::Renumber
                | Keyed::SetMapping
                | Keyed::SetMode
                | Keyed::Register(_)
                | Keyed::SetConfig(_)
                | Keyed::RollBackConfig(_)
                | Keyed::SetSiteConfig(_)
                | Keyed::Queue(_)
                | Keyed::AddFirmware(..)
                | Keyed::AddDelta(..)
                | Keyed::SetFirmware(_)
                | Keyed::PutModel(_)
                | Keyed::PutEndpoint(_)
                | Keyed::Replay(_)
                | Keyed::PutRollout(_),
            ) => Content::Json,
            Self::Keyed(_) | Self::Health | Self::Options(_) => Content::Nothing,
        }
    }
}

/// The operation that a request asks for. API Gateway has decoded the path, and drops the body of an answer to `HEAD`.
/// An unknown method, such as `get`, is refused as one that the path does not have, since the status 501 would count as
/// a failure of the server.
pub(crate) fn route<'a>(method: &str, path: &'a str) -> Result<Route<'a>, NoRoute> {
    let segments: Vec<_> = path.strip_prefix("/v1/").ok_or(NoRoute::Path)?.split('/').collect();
    if let Some(route) = find(if method == "HEAD" { "GET" } else { method }, &segments) {
        return Ok(route);
    }
    let methods = methods(&segments).ok_or(NoRoute::Path)?;
    if method == "OPTIONS" { Ok(Route::Options(methods)) } else { Err(NoRoute::Method(methods)) }
}

fn methods(segments: &[&str]) -> Option<Methods> {
    let mut methods: Vec<_> = METHODS.into_iter().filter(|method| find(method, segments).is_some()).collect();
    if methods.first() == Some(&"GET") {
        methods.insert(1, "HEAD");
    }
    // The function for polling answers these paths with these methods. Requests with other methods arrive here.
    match segments {
        ["check-in"] => methods.push("POST"),
        ["configs" | "firmware", _] => methods.push("GET"),
        _ => {}
    }
    if methods.is_empty() {
        return None;
    }
    methods.push("OPTIONS");
    Some(Methods(methods))
}

fn find<'a>(method: &str, segments: &[&'a str]) -> Option<Route<'a>> {
    Some(match (method, segments) {
        ("GET", ["health"]) => Route::Health,
        ("GET", ["openapi.json"]) => Route::Keyed(Keyed::OpenApi),
        ("GET", ["events", "schema.json"]) => Route::Keyed(Keyed::EventSchema),
        ("GET", ["nodes"]) => Route::Keyed(Keyed::List),
        ("GET", ["fleet"]) => Route::Keyed(Keyed::Fleet),
        ("POST", ["nodes:batch"]) => Route::Keyed(Keyed::Batch),
        ("POST", ["nodes:import"]) => Route::Keyed(Keyed::Import),
        ("GET", ["nodes:export"]) => Route::Keyed(Keyed::Export),
        ("POST", ["nodes:renumber"]) => Route::Keyed(Keyed::Renumber),
        ("GET", ["cutover"]) => Route::Keyed(Keyed::Cutover),
        ("PUT", ["cutover", "mapping"]) => Route::Keyed(Keyed::SetMapping),
        ("DELETE", ["cutover", "mapping"]) => Route::Keyed(Keyed::RemoveMapping),
        ("PUT", ["cutover", "mode"]) => Route::Keyed(Keyed::SetMode),
        ("GET", ["cutover", "nodes"]) => Route::Keyed(Keyed::CutoverNodes),
        ("POST", ["drift"]) => Route::Keyed(Keyed::Drift),
        ("PUT", ["nodes", node]) => Route::Keyed(Keyed::Register(node)),
        ("PATCH", ["nodes", node]) => Route::Keyed(Keyed::Amend(node)),
        ("GET", ["nodes", node]) => Route::Keyed(Keyed::Show(node)),
        ("DELETE", ["nodes", node]) => Route::Keyed(Keyed::Delete(node)),
        ("POST", ["nodes", node, "revoke"]) => Route::Keyed(Keyed::Revoke(node)),
        ("POST", ["nodes", node, "disconnect"]) => Route::Keyed(Keyed::Disconnect(node)),
        ("PUT", ["nodes", node, "config"]) => Route::Keyed(Keyed::SetConfig(node)),
        ("GET", ["nodes", node, "config"]) => Route::Keyed(Keyed::Config(node)),
        ("DELETE", ["nodes", node, "config"]) => Route::Keyed(Keyed::UnsetConfig(node)),
        ("GET", ["nodes", node, "config", "versions"]) => Route::Keyed(Keyed::ConfigVersions(node)),
        ("GET", ["nodes", node, "config", "versions", version]) => Route::Keyed(Keyed::ConfigVersion(node, version)),
        ("GET", ["nodes", node, "config", "difference"]) => Route::Keyed(Keyed::ConfigDifference(node)),
        ("POST", ["nodes", node, "config", "rollback"]) => Route::Keyed(Keyed::RollBackConfig(node)),
        ("PUT", ["sites", site, "config"]) => Route::Keyed(Keyed::SetSiteConfig(site)),
        ("POST", ["nodes", node, "commands"]) => Route::Keyed(Keyed::Queue(node)),
        ("GET", ["nodes", node, "commands"]) => Route::Keyed(Keyed::Commands(node)),
        ("GET", ["nodes", node, "events"]) => Route::Keyed(Keyed::NodeEvents(node)),
        ("GET", ["events"]) => Route::Keyed(Keyed::Events),
        ("DELETE", ["nodes", node, "commands", command]) => Route::Keyed(Keyed::Cancel(node, command)),
        ("PUT", ["nodes", node, "firmware"]) => Route::Keyed(Keyed::SetFirmware(node)),
        ("PUT", ["firmware", model, version]) => Route::Keyed(Keyed::AddFirmware(model, version)),
        ("GET", ["firmware", model, version]) => Route::Keyed(Keyed::Firmware(model, version)),
        ("PUT", ["firmware", model, version, "deltas", from]) => Route::Keyed(Keyed::AddDelta(model, version, from)),
        ("GET", ["firmware", model, version, "deltas", from]) => Route::Keyed(Keyed::Delta(model, version, from)),
        ("GET", ["models"]) => Route::Keyed(Keyed::Models),
        ("PUT", ["models", model]) => Route::Keyed(Keyed::PutModel(model)),
        ("PATCH", ["models", model]) => Route::Keyed(Keyed::AmendModel(model)),
        ("GET", ["models", model]) => Route::Keyed(Keyed::Model(model)),
        ("GET", ["endpoints"]) => Route::Keyed(Keyed::Endpoints),
        ("PUT", ["endpoints", name]) => Route::Keyed(Keyed::PutEndpoint(name)),
        ("GET", ["endpoints", name]) => Route::Keyed(Keyed::Endpoint(name)),
        ("DELETE", ["endpoints", name]) => Route::Keyed(Keyed::RemoveEndpoint(name)),
        ("POST", ["endpoints", name, "test"]) => Route::Keyed(Keyed::TestEndpoint(name)),
        ("POST", ["endpoints", name, "rotate"]) => Route::Keyed(Keyed::RotateEndpoint(name)),
        ("POST", ["endpoints", name, "replay"]) => Route::Keyed(Keyed::Replay(name)),
        ("GET", ["endpoints", name, "deliveries"]) => Route::Keyed(Keyed::Deliveries(name)),
        ("GET", ["rollouts"]) => Route::Keyed(Keyed::Rollouts),
        ("PUT", ["rollouts", name]) => Route::Keyed(Keyed::PutRollout(name)),
        ("GET", ["rollouts", name]) => Route::Keyed(Keyed::Rollout(name)),
        ("GET", ["rollouts", name, "nodes"]) => Route::Keyed(Keyed::RolloutNodes(name)),
        ("POST", ["rollouts", name, "pause"]) => Route::Keyed(Keyed::PauseRollout(name)),
        ("POST", ["rollouts", name, "resume"]) => Route::Keyed(Keyed::ResumeRollout(name)),
        ("POST", ["rollouts", name, "abort"]) => Route::Keyed(Keyed::AbortRollout(name)),
        ("POST", ["rollouts", name, "roll-back"]) => Route::Keyed(Keyed::RollBackRollout(name)),
        ("POST", ["rollouts", name, "approve"]) => Route::Keyed(Keyed::ApproveRollout(name)),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
