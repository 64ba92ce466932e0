//! Turns API Gateway's events into events of the rules. The node, the time and the order are in the event's context,
//! where API Gateway and the authorizer have put them. Only the message itself comes from the node.

use aws_lambda_events::apigw::{ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext as Context};
use rollcall_core::{
    ConfigOutcome, ConfigState, Connection, CredentialVersion, Event, EventKind, Health, Instance, InvalidId, NodeId,
    Report, Timestamp, UpdateOutcome, UpdateState,
};
use rollcall_wire::{CheckIn, CommandResult, ConfigStatus, INSTANCE_HEADER, INSTANCE_PARAMETER, UpdateStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The event can't have come from Rollcall's API.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It does not name the node: the authorizer's context is missing.
    #[error("the event carries no identity")]
    NoIdentity,
    /// The authorizer's context is unreadable.
    #[error("the event's identity is malformed")]
    Identity(#[source] serde_json::Error),
    /// Its node id is not valid.
    #[error("the event's node is malformed")]
    Node(#[source] InvalidId),
    /// It has no connection id, or one that is not valid.
    #[error("the event's connection is malformed")]
    Connection(#[source] InvalidId),
    /// Its time is not valid.
    #[error("the event's time is malformed")]
    Time,
}

/// What the authorizer tells the other functions about a connection. API Gateway passes text on unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The node's id.
    pub node: String,
    /// The credential version of the token, as text.
    pub cv: String,
}

/// The node that an event's connection belongs to, and the credential version of its token.
///
/// # Errors
/// If the authorizer's context is missing or unreadable.
pub fn identify(context: &Context) -> Result<(NodeId, CredentialVersion), EventError> {
    let fields = &context.authorizer.fields;
    if !fields.contains_key("node") {
        return Err(EventError::NoIdentity);
    }
    let fields = Value::Object(fields.clone().into_iter().collect());
    let identity = Identity::deserialize(&fields).map_err(EventError::Identity)?;
    let node = identity.node.parse().map_err(EventError::Node)?;
    let version = identity.cv.parse().map_err(|error| EventError::Identity(serde::de::Error::custom(error)))?;
    Ok((node, CredentialVersion(version)))
}

/// The event of a `$connect` that is handled at this time.
///
/// # Errors
/// If it can't have come from Rollcall's API.
pub fn connect(request: &ApiGatewayWebsocketProxyRequest, now: Timestamp) -> Result<Event, EventError> {
    let context = &request.request_context;
    let (node, credentials) = identify(context)?;
    let kind = EventKind::Connect { connection: connection(context)?, credentials, instance: instance(request) };
    event(context, node, now, kind)
}

/// The running instance of the node's program, if it gave a valid name.
fn instance(request: &ApiGatewayWebsocketProxyRequest) -> Option<Instance> {
    let header = request.headers.get(INSTANCE_HEADER).and_then(|name| name.to_str().ok());
    Instance::named(header.or_else(|| request.query_string_parameters.first(INSTANCE_PARAMETER))?)
}

/// The event of a check-in that is handled at this time.
///
/// # Errors
/// If it can't have come from Rollcall's API.
pub fn check_in(
    context: &Context,
    now: Timestamp,
    (seq, ack): (u64, bool),
    report: Report,
    results: &[CommandResult],
) -> Result<Event, EventError> {
    let (node, credentials) = identify(context)?;
    let (connection, received) = (connection(context)?, time(context)?);
    let results = u32::try_from(results.len()).unwrap_or(u32::MAX);
    event(context, node, now, EventKind::CheckIn { connection, credentials, received, seq, ack, report, results })
}

/// The event of a message that stores nothing and is handled at this time.
///
/// # Errors
/// If it can't have come from Rollcall's API.
pub fn ask(context: &Context, now: Timestamp) -> Result<Event, EventError> {
    let (node, credentials) = identify(context)?;
    event(context, node, now, EventKind::Ask { connection: connection(context)?, credentials })
}

/// The event of a `$disconnect` that is handled at this time.
///
/// # Errors
/// If it can't have come from Rollcall's API.
pub fn disconnect(request: &ApiGatewayWebsocketProxyRequest, now: Timestamp) -> Result<Event, EventError> {
    let context = &request.request_context;
    let (node, _) = identify(context)?;
    let kind = EventKind::Disconnect {
        connection: connection(context)?,
        code: context.disconnect_status_code.and_then(|code| u16::try_from(code).ok()),
        reason: context.disconnect_reason.clone(),
    };
    event(context, node, now, kind)
}

/// The event of a check-in by polling that came at one time and is handled at another.
pub fn poll(
    (node, credentials): (NodeId, CredentialVersion),
    (at, now): (Timestamp, Timestamp),
    report: Report,
    results: &[CommandResult],
) -> Event {
    let results = u32::try_from(results.len()).unwrap_or(u32::MAX);
    Event { node, at, now, fresh: false, kind: EventKind::Poll { credentials, report, results } }
}

/// The report in a check-in. An update report with an invalid version is dropped: no such version is ever desired, so
/// nothing waits for the report.
pub fn report(check_in: CheckIn) -> Report {
    let mut dropped = check_in.dropped;
    let config = check_in.config.map(|config| ConfigOutcome {
        version: config.version,
        state: match config.status {
            ConfigStatus::Applied => ConfigState::Applied,
            ConfigStatus::Substituted => ConfigState::Substituted,
            ConfigStatus::Rejected => ConfigState::Rejected,
        },
        detail: config.detail.filter(|detail| !detail.is_empty()),
    });
    let health = check_in.health.map(|health| Health {
        uptime_s: health.uptime_s,
        load_percent: health.load_percent,
        memory_free_kib: health.memory_free_kib,
        clients: health.clients,
    });
    let update = check_in.update.and_then(|update| {
        let Ok(version) = update.version.parse() else {
            dropped += 1;
            return None;
        };
        let state = match update.status {
            UpdateStatus::Downloading => UpdateState::Downloading,
            UpdateStatus::Applied => UpdateState::Applied,
            UpdateStatus::Failed => UpdateState::Failed,
            UpdateStatus::RolledBack => UpdateState::RolledBack,
        };
        Some(UpdateOutcome { version, state, detail: update.detail.filter(|text| !text.is_empty()) })
    });
    Report::new(check_in.firmware, config, health.unwrap_or_default()).with_update(update).with_dropped(dropped)
}

/// When API Gateway got the message or request of an event.
///
/// # Errors
/// If that is not a valid time.
pub fn time(context: &Context) -> Result<Timestamp, EventError> {
    timestamp(context.request_time_epoch)
}

/// The time by the clock of this host. No other code reads the clock.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

fn event(context: &Context, node: NodeId, now: Timestamp, kind: EventKind) -> Result<Event, EventError> {
    Ok(Event { node, at: time(context)?, now, fresh: false, kind })
}

fn connection(context: &Context) -> Result<Connection, EventError> {
    let id = context.connection_id.as_deref().unwrap_or_default().parse().map_err(EventError::Connection)?;
    Ok(Connection { id, opened_at: timestamp(context.connected_at)? })
}

fn timestamp(milliseconds: i64) -> Result<Timestamp, EventError> {
    u64::try_from(milliseconds).map(Timestamp).map_err(|_| EventError::Time)
}
