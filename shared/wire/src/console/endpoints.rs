//! The console's types for endpoints, to which events are sent.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocabulary::vocabulary;

/// An endpoint: the body of `PUT /v1/endpoints/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// Where events are sent: an `http` or `https` URL of at most 1,024 bytes that leads to a public address.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[Hh][Tt][Tt][Pp][Ss]?://[!-~]{1,1016}$"))]
    pub url: String,
    /// The types of events that are sent: each by its name, or by the start of the name as `node.*`. If there are none, all
    /// types but those that tell what somebody has changed besides nodes: `endpoint.set`, `endpoint.removed`,
    /// `endpoint.rotated`, `firmware.added`, `firmware.delta_added`, `model.changed`, `cutover.mode` and `cutover.mapping`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub types: Option<Vec<String>>,
    /// The site whose events are sent; or else those of all sites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9:_-]{1,64}$"))]
    pub site: Option<String>,
    /// The selector of the nodes whose events are sent; or else those of all nodes, and events that are about no node. A node
    /// counts as it was before or after what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 1024))]
    pub select: Option<String>,
    /// How events are signed; `v1` for a new endpoint if it is absent. It can't be changed: make another endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureScheme>,
}

/// An endpoint that was made, or whose secret was replaced. The secret is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointSecret {
    /// The endpoint's name.
    pub name: String,
    /// Where events are sent.
    pub url: String,
    /// The secret that events are signed with: `whsec_` and the key in base64. Absent with the scheme `v1a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub secret: Option<String>,
    /// The public key that proves signatures: `whpk_` and the key in base64. Absent with the scheme `v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub public_key: Option<String>,
    /// Until when events are signed with the secret before as well, in milliseconds since 1970; absent for a new
    /// endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = false))]
    pub before_until_ms: Option<u64>,
}

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointSecret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An endpoint, as the console shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointView {
    /// The endpoint's name.
    pub name: String,
    /// Where events are sent.
    pub url: String,
    /// The types of events that are sent; all types if there are none.
    pub types: Vec<String>,
    /// The site whose events are sent; `null` for all sites.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub site: Option<String>,
    /// The selector of the nodes whose events are sent; `null` for all nodes.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub select: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it was disabled, and why; `null` while it is enabled. To set it again enables it.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub disabled: Option<DisabledView>,
    /// Since when every delivery has failed, in milliseconds since 1970; `null` if the last one succeeded.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub failing_since_ms: Option<u64>,
    /// Until when events are signed with two secrets, in milliseconds since 1970; `null` if they are signed with one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub rotating_until_ms: Option<u64>,
    /// How events are signed.
    pub signature: SignatureScheme,
    /// The public key that proves signatures of the scheme `v1a`; `null` with the scheme `v1`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub public_key: Option<String>,
}

/// When an endpoint was disabled, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DisabledView {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Why.
    pub reason: String,
}

/// All endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointList {
    /// The endpoints, in the order of their names.
    pub endpoints: Vec<EndpointView>,
}

/// The result of asking for a test event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestSent {
    /// The id of the event. The endpoint's deliveries show what becomes of it.
    pub event: String,
}

/// Which events are sent to an endpoint once more: the body of `POST /v1/endpoints/{name}/replay`. An event must have
/// all that is said; without any, all events are sent that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Events that happened at this instant or later (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    pub from: Option<String>,
    /// Events that happened at this instant or earlier (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    pub to: Option<String>,
    /// Events with these ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub ids: Option<Vec<String>>,
    /// The cursor of the answer before, to go on with a replay. The other fields must be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// How far a replay is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replayed {
    /// How many events this request has put on their way.
    pub queued: usize,
    /// The replay is not over: ask again with this cursor; absent if it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

vocabulary! {
    /// How events are signed (Standard Webhooks, "Signature scheme").
    pub enum SignatureScheme {
        /// HMAC-SHA256, with a secret that both sides have.
        V1,
        /// Ed25519: the application has the public key only, and can't sign.
        V1a,
    }
}

impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

vocabulary! {
    /// How far a delivery is.
    pub enum DeliveryProgress {
        /// It failed, and is tried again.
        Retrying,
        /// The endpoint has accepted the event.
        Accepted,
        /// It is not tried again: the schedule is over, or the endpoint was disabled. The event is a dead letter.
        Dead,
    }
}

impl fmt::Display for DeliveryProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A delivery of an event to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryView {
    /// The id of the event.
    pub event: String,
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the event is about: a node, as a rule.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub subject: Option<String>,
    /// How far the delivery is.
    pub state: DeliveryProgress,
    /// How often it was tried; of a replay, since the replay began.
    pub tries: u32,
    /// When it was last tried, in milliseconds since 1970.
    pub tried_at_ms: u64,
    /// The HTTP status of the last answer; `null` if there was none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub status: Option<u16>,
    /// Why there was no answer, or no whole one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub error: Option<String>,
    /// The first bytes of the last answer's body, with control characters escaped.
    pub answer: String,
    /// When it is tried next, in milliseconds since 1970; `null` if it is not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next_try_at_ms: Option<u64>,
}

/// The last deliveries of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryList {
    /// The deliveries, those first that were tried last. They are kept for 30 days.
    pub deliveries: Vec<DeliveryView>,
}
