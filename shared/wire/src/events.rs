//! What the application is told: events, as `CloudEvents` 1.0.

mod data;

use serde::{Deserialize, Serialize};

pub use data::{
    AddedDelta, AddedFirmware, ChangedModel, CutoverModes, DesiredConfigs, DesiredFirmware, DisabledEndpoint, Drift,
    EndpointSettings, EventData, ExpiredCommand, ExpiringToken, FinishedCommand, FirmwareRules, Flaps, MappingChange,
    NamedConfig, Nothing, Offline, Online, QueuedCommand, Registration, Registrations, RemovedEndpoint, ReportedConfig,
    ReportedFirmware, RolloutChanged, SetEndpoint, TestedEndpoint, UnsetConfig,
};

use crate::json::Json;

/// The source of every event.
pub const SOURCE: &str = "rollcall";

/// An event (`CloudEvents` 1.0, JSON format).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// The event's id. It is the same however often the event is told.
    pub id: String,
    /// `rollcall`.
    pub source: String,
    /// What happened, such as `node.online`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id of the node that it is about; of an endpoint, its name.
    pub subject: String,
    /// When it happened (RFC 3339).
    pub time: String,
    /// Orders the events of a node: they sort by it, as text (`CloudEvents` extension "sequence").
    pub sequence: String,
    /// `application/json`.
    pub datacontenttype: String,
    /// The node's site at that time, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Who caused it: the name of a key, or the ARN of an identity of IAM. Absent if the node or the passing of time did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What was and what is. Each type has its own data: `GET /v1/events/schema.json`.
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
    pub data: Json,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventPage {
    /// The events; those of a node are in order.
    pub events: Vec<CloudEvent>,
    /// Where the next page begins: the value of `after` in the next request.
    pub cursor: String,
}

/// A page of a node's events, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeEventPage {
    /// The events.
    pub events: Vec<CloudEvent>,
    /// Where the next page begins; absent if this is the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
