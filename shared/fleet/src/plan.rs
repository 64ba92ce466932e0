//! What happens to a fleet, decided before it runs.
//!
//! Everything random about *what* happens is in a plan, so that a failure can be made shorter by leaving out steps. *How
//! long* things take is drawn by the world from a hash of the seed, of who does it, and of how many times it was done
//! before, so that leaving out one step disturbs little else.

mod deltas;
mod dice;
mod generate;
mod minimums;
mod names;
mod outbound;
mod rollouts;
mod scenes;
mod script;
mod text;
mod theme;
mod troubles;

use rollcall_core::{NodeId, Policy, PolicyError, Registration};
use serde::{Deserialize, Serialize};

pub use deltas::BadDelta;
pub use rollouts::{RolloutDeed, RolloutPlan, RolloutWhat, rollout_name};

/// What happens to a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What the world and the application draw their latencies from.
    pub seed: u64,
    /// The settings of the rules.
    pub settings: Settings,
    /// The nodes. Steps name them by their index.
    pub nodes: Vec<NodePlan>,
    /// What happens, sorted by time.
    pub steps: Vec<Step>,
    /// No fault acts from here on, in milliseconds after the start: everything must converge.
    pub calm_from_ms: u64,
    /// The end, in milliseconds after the start.
    pub ends_at_ms: u64,
}

/// The settings of the rules ([`Policy`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `Policy`")]
pub struct Settings {
    #[serde(with = "text::registration")]
    pub registration: Registration,
    pub lifetime: u32,
    pub check_in_every: u32,
    pub grace: u32,
    pub spread: u32,
    pub budget: u32,
}

/// A node of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NodePlan {
    #[serde(with = "text::from_str")]
    pub id: NodeId,
    pub kind: NodeKind,
    pub model: String,
    pub site: String,
    /// Whether its network takes 150 to 400 ms each way instead of 5 to 40.
    pub far: bool,
}

/// How a node checks in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// It holds a WebSocket.
    Socket,
    /// It polls over HTTP.
    Poller,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Step {
    /// When, in milliseconds after the start.
    pub at_ms: u64,
    pub what: What,
}

/// What happens. A node is an index into [`Plan::nodes`]. Every time is in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum What {
    /// Power off. What the node's disk has not synced is gone. `torn`: of the record that is being written, half is
    /// there.
    Crash { node: usize, torn: bool, back_after_ms: u64 },
    /// The program stops cleanly, and starts again.
    Restart { node: usize, after_ms: u64 },
    /// Every socket of the node is reset.
    Cut { node: usize },
    /// Nothing passes between the node and the cloud. `half_open`: only what the node sends is lost, and the gateway
    /// takes the sockets for alive.
    Partition { node: usize, for_ms: u64, half_open: bool },
    /// The node's network takes so many times longer.
    Slow { node: usize, factor: u32, for_ms: u64 },
    /// A second device joins, with the same token and a disk of its own.
    Clone { node: usize, for_ms: u64 },
    /// A misbehaving program sends so many messages at once, some of them unreadable.
    Flood { node: usize, messages: u32 },
    /// What the program does with the configurations that it is given in this time.
    BadConfigs { node: usize, how: BadConfig, for_ms: u64 },
    /// What becomes of the firmware images that the node downloads or installs in this time.
    BadFirmware { node: usize, how: BadImage, for_ms: u64 },

    /// Every socket of the fleet is reset.
    CutAll,
    /// `$disconnect` is not delivered.
    DisconnectsLost { for_ms: u64 },
    /// `$disconnect` is delivered late.
    DisconnectsLate { for_ms: u64, by_ms: u64 },
    /// `$disconnect` is delivered twice.
    DisconnectsDoubled { for_ms: u64 },
    /// `$connect` is delivered twice.
    ConnectsRetried { for_ms: u64 },
    /// Messages of nodes are delivered twice.
    MessagesDoubled { for_ms: u64 },
    /// Posts and closes of `@connections` are answered as if they had worked, and nothing reaches the connection.
    PushesLost { for_ms: u64 },
    /// The store writes, and the answer is lost: the SDK repeats the write, or gives up.
    AnswersLost { for_ms: u64, percent: u32 },
    /// The store refuses requests because of its throughput.
    Throttled { for_ms: u64, percent: u32 },
    /// The store takes this much longer.
    StoreSlow { for_ms: u64, by_ms: u64 },
    /// The store answers nothing.
    StoreDown { for_ms: u64 },
    /// An invocation dies where it waits for something.
    InstancesKilled { for_ms: u64, percent: u32 },
    /// Every invocation begins with a cold start.
    ColdStarts { for_ms: u64 },
    /// Lambda refuses invocations because of its concurrency.
    LambdaThrottled { for_ms: u64, percent: u32 },
    /// The stream of the table of nodes is read this much later.
    StreamLate { for_ms: u64, by_ms: u64 },
    /// Lambda hears nothing of what the feed did with records: they come again.
    RecordsDoubled { for_ms: u64 },
    /// The queue takes some of the messages that it is sent, or all, and the sender hears of a failure.
    SendsLost { for_ms: u64, percent: u32 },
    /// A message that is done with is not deleted from the queue: it comes again.
    DeletesLost { for_ms: u64, percent: u32 },
    /// Endpoints refuse events, and some say when they are to come again.
    EndpointRefuses { for_ms: u64, percent: u32 },
    /// Endpoints do not answer in time. Half of them have taken the event.
    EndpointSilent { for_ms: u64, percent: u32 },
    /// No endpoint can be reached.
    EndpointDown { for_ms: u64 },
    /// The clock of one of the hosts that API Gateway and Lambda run on is wrong by this much.
    ClockSkew { host: u32, by_ms: i64, for_ms: u64 },

    /// The application asks for something, through the console's HTTP API.
    Ask(Ask),
}

/// What a node's program does with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadConfig {
    /// It refuses it.
    Refused,
    /// It runs something close to it.
    Substituted,
    /// It runs it, and then it does not reach the server: it can't prove the configuration, and rolls back.
    CutsOff,
}

/// What becomes of a firmware image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadImage {
    /// Its bytes are damaged on the way.
    Damaged,
    /// The download breaks off.
    BrokenOff,
    /// The node's program can't install it.
    NotInstalled,
    /// It does not come up: after the restart the version before it runs.
    DoesNotStart,
}

/// What the application asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Ask {
    /// `PUT /v1/nodes/{id}`, with the node's model and its site of the plan.
    Register { node: usize },
    /// `PATCH /v1/nodes/{id}`: the node moves to another site.
    Amend { node: usize, site: String },
    /// `PUT /v1/nodes/{id}/config`, with the n-th [`document`](crate::document).
    SetConfig { node: usize, document: u32, condition: Option<Match> },
    /// `POST /v1/nodes:import`, with this node alone: its model, this site, and the n-th [`document`](crate::document).
    Import { node: usize, site: String, document: u32 },
    /// `PUT /v1/sites/{site}/config`, page after page.
    SetSiteConfig { site: String, document: u32 },
    /// `POST /v1/nodes/{id}/commands`, with the n-th idempotency key and the n-th [name](crate::command_name).
    /// `twice`: the same request is made a second time, at the same time.
    Queue { node: usize, key: u32, name: u32, expires_in_s: u32, twice: bool },
    /// `DELETE /v1/nodes/{id}/commands/{number}`: of the commands that the application knows, the n-th from the last.
    Cancel { node: usize, nth: u32 },
    /// `PUT /v1/firmware/{model}/{version}`. `wrong_hash`: the description is not that of the image in the bucket.
    AddFirmware { model: String, version: u32, wrong_hash: bool },
    /// `PUT /v1/firmware/{model}/{version}/deltas/{from}`
    AddDelta { model: String, version: u32, from: u32, fault: Option<BadDelta> },
    /// `PUT /v1/nodes/{id}/firmware`
    SetFirmware { node: usize, version: u32 },
    /// `PUT /v1/models/{model}`, with the n-th version as the minimum; 0 for none.
    SetMinimum { model: String, version: u32 },
    /// `POST /v1/nodes/{id}/revoke`
    Revoke { node: usize },
    /// `PATCH /v1/nodes/{id}` with the next credential version, which also lets a revoked node back in. The node gets
    /// its new token so long after the answer, or never.
    RaiseCredentials { node: usize, token_after_ms: Option<u64> },
    /// `POST /v1/nodes/{id}/disconnect`
    Disconnect { node: usize, within_s: Option<u32> },
    /// `GET /v1/nodes/{id}`
    Show { node: usize },
    /// `GET /v1/nodes?site={site}`, page after page.
    ListSite { site: String },
    /// `PUT /v1/rollouts/{name}`: the n-th rollout.
    StartRollout { rollout: u32, plan: Box<RolloutPlan> },
    /// `POST /v1/rollouts/{name}/{deed}`
    SteerRollout { rollout: u32, deed: RolloutDeed },
    /// `GET /v1/rollouts/{name}`
    ShowRollout { rollout: u32 },
}

/// The condition of a request that sets a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Match {
    /// `If-Match` with the version that the application was last told.
    Current,
    /// `If-Match` with the version before that.
    Stale,
    /// `If-None-Match: *`
    Absent,
}

/// Why a text is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is not the JSON of a plan.
    #[error("this is not the JSON of a plan: {0}")]
    Json(#[from] serde_json::Error),
    /// A step names a node that the plan does not have.
    #[error("step {step} names node {node}, and the plan has {nodes} nodes")]
    NoSuchNode {
        /// The index of the step.
        step: usize,
        /// The node that it names.
        node: usize,
        /// How many nodes the plan has.
        nodes: usize,
    },
    /// A setting is out of its range.
    #[error("the settings are not usable: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Settings(Vec<PolicyError>),
}

impl Plan {
    /// The plan as JSON, so that a failure can be kept and run again.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// If the text is no plan, a step names a node that is not there, or a setting is out of its range.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        let mut plan: Self = serde_json::from_str(text)?;
        plan.steps.sort_by_key(|step| step.at_ms);
        let nodes = plan.nodes.len();
        for (step, what) in plan.steps.iter().map(|step| &step.what).enumerate() {
            if let Some(node) = what.node().filter(|node| *node >= nodes) {
                return Err(PlanError::NoSuchNode { step, node, nodes });
            }
        }
        plan.settings.policy().map_err(PlanError::Settings)?;
        Ok(plan)
    }
}

impl Settings {
    /// The settings as the rules take them.
    ///
    /// # Errors
    /// Every setting that is out of its range.
    pub fn policy(&self) -> Result<Policy, Vec<PolicyError>> {
        Policy::new(self.registration, self.lifetime, self.check_in_every, self.grace, self.spread)
            .map(|policy| policy.with_budget(self.budget))
    }
}

#[cfg(test)]
mod tests;
