//! Reads API Gateway's events. The node, the time and the order are in the event's context, where API Gateway and the
//! authorizer have put them. Only the message itself comes from the node.

use aws_lambda_events::apigw::{
    ApiGatewayV2httpRequest, ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext as Context,
};
use rollcall_core::{Connection, CredentialVersion, Instance, InvalidId, NodeId, Timestamp};
use rollcall_service::Socket;
use rollcall_service::http::Request;
use rollcall_wire::{INSTANCE_HEADER, INSTANCE_PARAMETER};
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
    /// When the token expires, in seconds since 1970, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<String>,
}

/// The node that an event's connection belongs to, the credential version of its token, and when the token expires.
///
/// # Errors
/// If the authorizer's context is missing or unreadable.
fn identify(context: &Context) -> Result<(NodeId, CredentialVersion, Option<Timestamp>), EventError> {
    let fields = &context.authorizer.fields;
    if !fields.contains_key("node") {
        return Err(EventError::NoIdentity);
    }
    let fields = Value::Object(fields.clone().into_iter().collect());
    let identity = Identity::deserialize(&fields).map_err(EventError::Identity)?;
    let node = identity.node.parse().map_err(EventError::Node)?;
    let version = identity.cv.parse().map_err(|error| EventError::Identity(serde::de::Error::custom(error)))?;
    // The connection is none the worse for an end that can't be read: it is only told.
    let ends = identity.exp.and_then(|ends| ends.parse().ok()).map(Timestamp::from_seconds);
    Ok((node, CredentialVersion(version), ends))
}

/// The connection that an event is about, and the event's times. The event is handled at this time.
///
/// # Errors
/// If it can't have come from Rollcall's API.
pub fn socket(context: &Context, now: Timestamp) -> Result<Socket, EventError> {
    let (node, credentials, token_ends) = identify(context)?;
    let id = context.connection_id.as_deref().unwrap_or_default().parse().map_err(EventError::Connection)?;
    let connection = Connection { id, opened_at: timestamp(context.connected_at)? };
    Ok(Socket { node, credentials, token_ends, connection, at: timestamp(context.request_time_epoch)?, now })
}

/// The running instance of the node's program, if it gave a valid name.
pub fn instance(request: &ApiGatewayWebsocketProxyRequest) -> Option<Instance> {
    let header = request.headers.get(INSTANCE_HEADER).and_then(|name| name.to_str().ok());
    Instance::named(header.or_else(|| request.query_string_parameters.first(INSTANCE_PARAMETER))?)
}

/// The close code of a `$disconnect` (RFC 6455, section 7.4), if there was one.
pub fn close_code(context: &Context) -> Option<u16> {
    context.disconnect_status_code.and_then(|code| u16::try_from(code).ok())
}

/// A request of the HTTP API that is handled at this time (payload format 2.0).
///
/// # Errors
/// If API Gateway's time of it is not valid.
pub fn request(event: ApiGatewayV2httpRequest, now: Timestamp) -> Result<Request, EventError> {
    let context = event.request_context;
    let iam = context.authorizer.and_then(|authorizer| authorizer.iam);
    Ok(Request {
        method: context.http.method.to_string(),
        path: event.raw_path.unwrap_or_default(),
        query: event.raw_query_string.unwrap_or_default(),
        headers: event.headers,
        body: event.body,
        is_base64_encoded: event.is_base64_encoded,
        at: timestamp(context.time_epoch)?,
        now,
        source_ip: context.http.source_ip,
        iam_user: iam.and_then(|iam| iam.user_arn),
    })
}

fn timestamp(milliseconds: i64) -> Result<Timestamp, EventError> {
    u64::try_from(milliseconds).map(Timestamp).map_err(|_| EventError::Time)
}
