//! The console's types for rollouts: changes that reach a fleet in waves.

use serde::{Deserialize, Serialize};

use super::CommandSpec;
use crate::integer;
use crate::json::Json;
use crate::vocabulary::vocabulary;

/// A rollout: the body of `PUT /v1/rollouts/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RolloutSpec {
    /// Which nodes it is for: a selector, such as `site=hq`. They are listed when the rollout begins.
    pub select: String,
    /// What is changed.
    pub change: RolloutChange,
    /// How far each wave reaches. A wave counts the nodes of the waves before it.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 20))]
    pub waves: Vec<RolloutWave>,
    /// When a wave is good enough for the next one, and when the rollout stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<RolloutGate>, required = false))]
    pub gate: Option<RolloutGate>,
    /// When the first wave may begin (RFC 3339, such as `2026-03-01T22:00:00Z`); at once, if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false))]
    pub start_at: Option<String>,
    /// When nodes may be told; at any time, if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<RolloutWindow>, required = false))]
    pub window: Option<RolloutWindow>,
    /// How many nodes of a site may be under way at a time: told, and without a report so far. Any number, if it is absent.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, minimum = 1, maximum = 1_000_000))]
    pub max_parallel: Option<u64>,
    /// Of two rollouts that change the same of a node, the one with the higher priority wins, and the older one of two with
    /// the same.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 1_000))]
    pub priority: Option<u64>,
    /// Whether nodes that are registered later take part, from the next wave on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, required = false))]
    pub include_new: Option<bool>,
    /// Which failures of a node are tried again: the first rule that means a failure counts. None, if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<RolloutRetry>>, required = false, max_items = 10))]
    pub retry: Option<Vec<RolloutRetry>>,
    /// Which of the nodes come first: a selector, such as `label.canary=yes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false))]
    pub first: Option<String>,
}

/// What a rollout changes of its nodes: one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RolloutChange {
    /// The configuration that is desired: a document.
    Config(RolloutDocument),
    /// The firmware version that is desired.
    Firmware(RolloutFirmware),
    /// A command that is queued.
    Command(CommandSpec),
}

/// A configuration document: any JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = Object))]
pub struct RolloutDocument(pub Json);

/// A firmware version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_.-]{1,32}$"))]
pub struct RolloutFirmware(pub String);

/// How far a wave reaches: one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RolloutWave {
    /// So many nodes.
    Nodes(WaveNodes),
    /// So many of a hundred nodes, rounded up.
    Percent(WavePercent),
}

/// A number of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 9_007_199_254_740_991_u64))]
pub struct WaveNodes(#[serde(deserialize_with = "integer::required")] pub u64);

/// So many of a hundred nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100))]
pub struct WavePercent(#[serde(deserialize_with = "integer::required")] pub u64);

/// When a wave is good enough for the next one, and when the rollout stops. A field that is left out has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RolloutGate {
    /// How long a node may be silent after it was told before it counts as lost, and how long the gate waits at least after
    /// the last node of a wave was told, in seconds: 900.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 2_592_000))]
    pub wait_s: Option<u32>,
    /// How much longer the gate waits for reports before it is inconclusive, in seconds: 3,600.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 2_592_000))]
    pub patience_s: Option<u32>,
    /// How many nodes must have been heard of after the change for the wave to be successful: 1; all of the wave if it has
    /// fewer.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, minimum = 1, maximum = 4_294_967_295_u64))]
    pub minimum: Option<u64>,
    /// The wave is successful if so many of a hundred nodes have applied the change: 95.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, minimum = 1, maximum = 100))]
    pub success_percent: Option<u64>,
    /// The rollout stops if so many of a hundred nodes of a wave have failed, and at least one: 5.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 100))]
    pub failure_percent: Option<u64>,
    /// The rollout stops if so many of a hundred nodes of a wave are not heard of any more, and at least two, while others
    /// are: 5.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, maximum = 100))]
    pub lost_percent: Option<u64>,
    /// What happens if a wave fails: `stop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<OnFailure>, required = false))]
    pub on_failure: Option<OnFailure>,
    /// Whether each wave but the first waits until somebody approves it: `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, required = false))]
    pub approval: Option<bool>,
}

vocabulary! {
    /// What happens if a wave fails.
    pub enum OnFailure {
        /// The rollout stops: the nodes that were told keep the change.
        Stop,
        /// The nodes that were told get back what they had before.
        RollBack,
    }
}

/// Failures that are tried again: the node is told the change once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RolloutRetry {
    /// Which failures: what a node says of it before the first colon, in small letters and with `-` for spaces, such as
    /// `download-failed`; `rejected` or `rolled-back` of a configuration, `failed` or `rolled-back` of firmware, `failed` or
    /// `expired` of a command; `*` for all.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^(\*|[a-z0-9._-]{1,64})$"))]
    pub code: String,
    /// How often a node is told again, after whatever failures.
    #[serde(deserialize_with = "integer::required")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10))]
    pub times: u64,
    /// How long after its first failure a node is told again, in seconds: 60. It doubles with each attempt, up to a day.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, required = false, minimum = 1, maximum = 86_400))]
    pub wait_s: Option<u32>,
}

/// When nodes may be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RolloutWindow {
    /// The days on which it opens; every day, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Weekday>>, required = false, max_items = 7))]
    pub days: Option<Vec<Weekday>>,
    /// When it opens, such as `22:00`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// When it closes, such as `05:00`: on the next day, unless that is later than `from`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub to: String,
    /// The time zone, by its name in the IANA database, such as `Europe/Berlin`; `UTC`, if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false))]
    pub timezone: Option<String>,
}

vocabulary! {
    /// A day of the week.
    pub enum Weekday {
        /// Monday.
        Mon,
        /// Tuesday.
        Tue,
        /// Wednesday.
        Wed,
        /// Thursday.
        Thu,
        /// Friday.
        Fri,
        /// Saturday.
        Sat,
        /// Sunday.
        Sun,
    }
}

vocabulary! {
    /// How a rollout is.
    pub enum RolloutProgress {
        /// No node is told yet: its nodes are listed, it has not come to its start, or it waits for a rival.
        Waiting,
        /// Its waves are told.
        Running,
        /// Nobody is told until it is resumed.
        Paused,
        /// A wave failed: nobody is told any more.
        Failed,
        /// Somebody has ended it: nobody is told any more.
        Aborted,
        /// The nodes that were told get back what they had before.
        RollingBack,
        /// They have got it back.
        RolledBack,
        /// Every wave was successful.
        Completed,
    }
}

vocabulary! {
    /// How far a rollout is with a node.
    pub enum RolloutNodeState {
        /// The node is not told yet.
        Waiting,
        /// The node was told, and has not reported on the change.
        Told,
        /// The node runs the change.
        Applied,
        /// The node could not apply the change.
        Failed,
        /// The node could not apply the change, and is told again.
        Retrying,
        /// The node was told, and is not heard of any more.
        Lost,
        /// The node is not told at all; the reason says why.
        Skipped,
        /// The node has what it had before again.
        RolledBack,
        /// Another change of the node was made since.
        Superseded,
    }
}

/// How many nodes of a rollout are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolloutCounts {
    /// They are not told yet.
    pub waiting: u64,
    /// They were told, and have not reported on the change.
    pub told: u64,
    /// They run the change.
    pub applied: u64,
    /// They could not apply the change.
    pub failed: u64,
    /// They could not apply the change, and are told again.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub retrying: u64,
    /// They were told, and are not heard of any more.
    pub lost: u64,
    /// They are not told at all.
    pub skipped: u64,
    /// They have what they had before again.
    pub rolled_back: u64,
    /// Another change of them was made since.
    pub superseded: u64,
}

/// A rollout, as the console shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolloutView {
    /// The rollout's name.
    pub name: String,
    /// How it is.
    pub state: RolloutProgress,
    /// Why, in words: what its gate says, or whom it waits for.
    pub reason: String,
    /// The wave that is told, or is told next, counted from 1.
    pub wave: u64,
    /// How many waves it has.
    pub wave_count: u64,
    /// How many nodes are told by the end of each wave; `null` until its nodes are listed, and in a list of rollouts.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub waves: Option<Vec<u64>>,
    /// How many nodes it is for; `null` until they are listed.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub nodes: Option<u64>,
    /// Where they are. The figures of a wave are from the last look at it, and stay when it is over.
    pub counts: RolloutCounts,
    /// How often nodes were told again after a failure.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub retries: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When its last node was told, in milliseconds since 1970; `null` if none was.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub told_at_ms: Option<u64>,
    /// What it was told when it was made; absent in a list of rollouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = RolloutSpec, required = false))]
    pub spec: Option<RolloutSpec>,
}

/// A page of rollouts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolloutList {
    /// The rollouts, by their names.
    pub rollouts: Vec<RolloutView>,
    /// Where the next page begins; absent after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub cursor: Option<String>,
}

/// A node of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolloutNode {
    /// The node's id.
    pub node: String,
    /// How far the rollout is with it.
    pub state: RolloutNodeState,
    /// Why, if there is something to say.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reason: Option<String>,
    /// The wave in which it was told, counted from 1; `null` if it was not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub wave: Option<u64>,
    /// When it was told, in milliseconds since 1970; `null` if it was not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub told_at_ms: Option<u64>,
    /// The version of the configuration, or the number of the command, that it was told; `null` if there is none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub version: Option<u64>,
    /// What the last failure is known by, if the node has failed: the code that a retry names.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub code: Option<String>,
    /// How often it was told.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub attempts: u64,
    /// When it is told again, in milliseconds since 1970; `null` if it is not, or is being told again.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub retry_at_ms: Option<u64>,
}

/// A page of the nodes of a rollout, in the order in which they are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolloutNodePage {
    /// The nodes.
    pub nodes: Vec<RolloutNode>,
    /// Where the next page begins; absent after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub cursor: Option<String>,
}

fn number<'de, D: serde::Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<Option<T>, D::Error> {
    integer::optional(deserializer)
}
