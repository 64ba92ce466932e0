//! The requests of the application.

use rollcall_wire::console::{
    CommandSpec, DeltaSpec, FirmwareSpec, FirmwareWish, ModelSpec, NodeImport, NodePatch, NodeSpec,
};
use rollcall_wire::console::{
    OnFailure, RolloutChange, RolloutDocument, RolloutFirmware, RolloutGate, RolloutRetry, RolloutSpec, RolloutWave,
    WaveNodes, WavePercent,
};
use rollcall_wire::{Json, sha256};
use serde::Serialize;
use serde_json::Value;

use super::learned::Learned;
use crate::catalogue::{self, command_name, document, firmware_version, node_name};
use crate::plan::{Ask, BadDelta, Match, RolloutPlan, RolloutWhat, rollout_name};

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A request without its place in a conversation.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<String>,
    pub(super) named: Option<u64>,
}

impl Parts {
    /// The request that asks for something; `None` if there is nothing to ask for.
    pub(super) fn of(ask: &Ask, learned: &Learned) -> Option<Self> {
        let id = |node: usize| learned.node(node).map(|node| node.id.to_string());
        Some(match ask {
            Ask::Register { node } => {
                let node = learned.node(*node)?;
                let (site, model) = (Some(node.site.clone()), Some(node.model.clone()));
                let (name, labels) =
                    (Some(node_name(node.id.as_str())), [("plan".to_owned(), node.site.clone())].into());
                let spec = NodeSpec { site, model, name, labels, ..NodeSpec::default() };
                put(format!("/v1/nodes/{}", node.id), &spec)
            }
            Ask::Amend { node, site } => {
                patch(&id(*node)?, &NodePatch { site: Some(Some(site.clone())), ..NodePatch::default() })
            }
            Ask::SetConfig { node, document: nth, condition } => {
                let parts = put_text(format!("/v1/nodes/{}/config", id(*node)?), document(*nth));
                condition.map_or(parts.clone(), |condition| conditional(parts, *node, condition, learned))
            }
            Ask::Import { node, site, document: nth } => {
                let node = learned.node(*node)?;
                let import = NodeImport {
                    node: node.id.to_string(),
                    site: Some(Some(site.clone())),
                    model: Some(Some(node.model.clone())),
                    config: Json::parse(&document(*nth)).ok(),
                    ..NodeImport::default()
                };
                with_body("POST", "/v1/nodes:import".to_owned(), JSON, text(&[import]))
            }
            Ask::SetSiteConfig { site, document: nth } => put_text(format!("/v1/sites/{site}/config"), document(*nth)),
            Ask::Queue { node, key, name, expires_in_s, .. } => {
                let args = Json::parse(&format!("{{\"key\":{key},\"level\":1.50}}")).unwrap_or_default();
                let spec = CommandSpec { name: command_name(*name).to_owned(), args, expires_in_s: *expires_in_s };
                let mut parts = with_body("POST", format!("/v1/nodes/{}/commands", id(*node)?), JSON, text(&spec));
                parts.headers.push(("idempotency-key", format!("key-{key}")));
                parts
            }
            Ask::Cancel { node, nth } => {
                let number = learned.command(*node, *nth)?;
                Self { named: Some(number), ..bare("DELETE", format!("/v1/nodes/{}/commands/{number}", id(*node)?)) }
            }
            Ask::AddFirmware { model, version, wrong_hash } => {
                let version = firmware_version(*version);
                put(format!("/v1/firmware/{model}/{version}"), &description(model, &version, *wrong_hash))
            }
            Ask::AddDelta { model, version, from, fault } => {
                let [to, base] = [*version, *from].map(firmware_version);
                put(format!("/v1/firmware/{model}/{to}/deltas/{base}"), &delta(model, (*version, *from), *fault))
            }
            Ask::SetFirmware { node, version } => {
                let wish = FirmwareWish { version: firmware_version(*version) };
                put(format!("/v1/nodes/{}/firmware", id(*node)?), &wish)
            }
            Ask::SetMinimum { model, version } => {
                let minimum_version = (*version > 0).then(|| firmware_version(*version));
                put(format!("/v1/models/{model}"), &ModelSpec { minimum_version, ..ModelSpec::default() })
            }
            Ask::Revoke { node } => bare("POST", format!("/v1/nodes/{}/revoke", id(*node)?)),
            Ask::RaiseCredentials { node, .. } => {
                let version = learned.next_credentials(*node);
                let credential_version = u32::try_from(version).ok();
                let parts = patch(&id(*node)?, &NodePatch { credential_version, ..NodePatch::default() });
                Self { named: Some(version), ..parts }
            }
            Ask::Disconnect { node, within_s } => {
                let query = within_s.map(|within_s| format!("within_s={within_s}"));
                Self { query, ..bare("POST", format!("/v1/nodes/{}/disconnect", id(*node)?)) }
            }
            Ask::Show { node } => bare("GET", format!("/v1/nodes/{}", id(*node)?)),
            Ask::ListSite { site } => {
                Self { query: Some(format!("site={site}")), ..bare("GET", "/v1/nodes".to_owned()) }
            }
            Ask::StartRollout { rollout, plan } => put(rollout_path(*rollout), &rollout_spec(plan)),
            Ask::SteerRollout { rollout, deed } => {
                bare("POST", format!("{}/{}", rollout_path(*rollout), deed.as_str()))
            }
            Ask::ShowRollout { rollout } => bare("GET", rollout_path(*rollout)),
        })
    }

    /// Asks for the next page, if there is one.
    pub(super) fn turn_page(&mut self, body: &Value) -> bool {
        let Some(cursor) = body.get("cursor").and_then(Value::as_str) else { return false };
        let kept = self.query.take().unwrap_or_default();
        let kept = kept.split('&').filter(|part| !part.is_empty() && !part.starts_with("cursor="));
        let parts: Vec<_> = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
        self.query = Some(parts.join("&"));
        true
    }
}

/// The description of an image, as the application gives it to the console.
pub(crate) fn description(model: &str, version: &str, wrong_hash: bool) -> FirmwareSpec {
    let image = catalogue::image(model, version);
    let sha256 = if wrong_hash { sha256("another image") } else { catalogue::image_sha256(model, version) };
    FirmwareSpec {
        object_key: catalogue::object_key(model, version),
        size: image.len() as u64,
        sha256,
        signature: "signed-by-the-vendor".to_owned(),
    }
}

/// The description of a delta, as the application gives it to the console.
pub(crate) fn delta(model: &str, (version, from): (u32, u32), fault: Option<BadDelta>) -> DeltaSpec {
    let [version, from] = [version, from].map(firmware_version);
    let object_key = catalogue::delta_key(model, (&version, &from), fault);
    let sha256 = if fault == Some(BadDelta::WrongHash) { sha256("another delta") } else { sha256(&object_key) };
    DeltaSpec { size: object_key.len() as u64, sha256, object_key }
}

fn rollout_path(nth: u32) -> String {
    format!("/v1/rollouts/{}", rollout_name(nth))
}

/// A rollout, as the application gives it to the console.
fn rollout_spec(plan: &RolloutPlan) -> RolloutSpec {
    let change = match plan.change {
        RolloutWhat::Config(nth) => {
            RolloutChange::Config(RolloutDocument(Json::parse(&document(nth)).unwrap_or_default()))
        }
        RolloutWhat::Firmware(version) => RolloutChange::Firmware(RolloutFirmware(firmware_version(version))),
        RolloutWhat::Command(name) => {
            let name = command_name(name).to_owned();
            RolloutChange::Command(CommandSpec { name, args: Json::default(), expires_in_s: 3_600 })
        }
    };
    let first = (plan.first_nodes > 0).then_some(RolloutWave::Nodes(WaveNodes(plan.first_nodes)));
    let percents = plan.percents.iter().map(|percent| RolloutWave::Percent(WavePercent(*percent)));
    let gate = RolloutGate {
        wait_s: Some(plan.wait_s),
        patience_s: Some(plan.patience_s),
        on_failure: plan.rolls_back.then_some(OnFailure::RollBack),
        approval: plan.approval.then_some(true),
        ..RolloutGate::default()
    };
    RolloutSpec {
        select: plan.select.clone(),
        change,
        waves: first.into_iter().chain(percents).collect(),
        gate: Some(gate),
        start_at: None,
        window: None,
        max_parallel: plan.max_parallel,
        priority: Some(plan.priority),
        include_new: plan.include_new.then_some(true),
        retry: plan
            .retry
            .map(|(times, wait_s)| vec![RolloutRetry { code: "*".to_owned(), times, wait_s: Some(wait_s) }]),
        first: None,
    }
}

fn conditional(mut parts: Parts, node: usize, condition: Match, learned: &Learned) -> Parts {
    match learned.expected(node, condition) {
        Some((version, tag)) => {
            parts.named = Some(version);
            parts.headers.push(("if-match", tag));
        }
        None => parts.headers.push(("if-none-match", "*".to_owned())),
    }
    parts
}

fn put(path: String, body: &impl Serialize) -> Parts {
    put_text(path, text(body))
}

fn put_text(path: String, body: String) -> Parts {
    with_body("PUT", path, JSON, body)
}

fn patch(node: &str, patch: &NodePatch) -> Parts {
    with_body("PATCH", format!("/v1/nodes/{node}"), MERGE_PATCH, text(patch))
}

fn with_body(method: &'static str, path: String, media_type: &str, body: String) -> Parts {
    Parts { headers: vec![("content-type", media_type.to_owned())], body: Some(body), ..bare(method, path) }
}

fn bare(method: &'static str, path: String) -> Parts {
    Parts { method, path, query: None, headers: vec![], body: None, named: None }
}

/// Plain structs can always be written as JSON.
fn text(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}
