//! The events that functions receive, with all their fields.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde::Serialize;
use time::{OffsetDateTime, format_description::StaticFormatDescription, macros::format_description};

use crate::{config::GatewayConfig, ids, request::Arrival};

/// The facts about a connection that all its events share.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) connection_id: String,
    /// Milliseconds since 1970, the same in every event of the connection.
    pub(crate) connected_at: u64,
    pub(crate) source_ip: String,
    pub(crate) user_agent: Option<String>,
    /// `principalId` and the authorizer's context.
    pub(crate) authorizer: Option<BTreeMap<String, String>>,
}

/// Builds events. It holds what is the same in all of them.
#[derive(Debug)]
pub(crate) struct Events {
    stage: String,
    api_id: String,
    domain_name: String,
    method_arn: String,
}

/// A MESSAGE event's own fields.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) route_key: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) body: &'a str,
}

impl Events {
    pub(crate) fn new(config: &GatewayConfig, domain_name: String) -> Self {
        Self {
            stage: config.stage.clone(),
            api_id: config.api_id.clone(),
            domain_name,
            method_arn: config.method_arn(),
        }
    }

    pub(crate) fn method_arn(&self) -> &str {
        &self.method_arn
    }

    /// The event for a REQUEST authorizer.
    pub(crate) fn authorize(&self, identity: &Identity, request_id: &str, arrival: &Arrival) -> Bytes {
        json(&AuthorizerEvent {
            kind: "REQUEST",
            method_arn: &self.method_arn,
            headers: &arrival.headers,
            multi_value_headers: &arrival.multi_value_headers,
            query_string_parameters: &arrival.query,
            multi_value_query_string_parameters: &arrival.multi_value_query,
            stage_variables: Empty {},
            request_context: self.context(identity, "$connect", "CONNECT", request_id, arrival.at),
        })
    }

    /// The `$connect` event.
    pub(crate) fn connect(&self, identity: &Identity, request_id: &str, arrival: &Arrival) -> Bytes {
        json(&ProxyEvent {
            headers: Some(&arrival.headers),
            multi_value_headers: Some(&arrival.multi_value_headers),
            query_string_parameters: Some(&arrival.query).filter(|query| !query.is_empty()),
            multi_value_query_string_parameters: Some(&arrival.multi_value_query).filter(|query| !query.is_empty()),
            request_context: self.context(identity, "$connect", "CONNECT", request_id, arrival.at),
            body: None,
            is_base64_encoded: false,
        })
    }

    /// The event of a message. It has no headers.
    pub(crate) fn message(&self, identity: &Identity, at: SystemTime, message: &Message<'_>) -> Bytes {
        let message_id = ids::request();
        let mut context = self.context(identity, message.route_key, "MESSAGE", message.request_id, at);
        context.message_id = Some(&message_id);
        json(&ProxyEvent {
            headers: None,
            multi_value_headers: None,
            query_string_parameters: None,
            multi_value_query_string_parameters: None,
            request_context: context,
            body: Some(message.body),
            is_base64_encoded: false,
        })
    }

    /// The `$disconnect` event, with the close code and reason.
    pub(crate) fn disconnect(&self, identity: &Identity, at: SystemTime, code: u16, reason: &str) -> Bytes {
        let request_id = ids::request();
        let mut context = self.context(identity, "$disconnect", "DISCONNECT", &request_id, at);
        context.disconnect_status_code = Some(code);
        context.disconnect_reason = Some(reason);
        let headers: BTreeMap<String, String> =
            [("Host", self.domain_name.as_str()), ("X-Forwarded-For", ""), ("x-api-key", ""), ("x-restapi", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let multi = headers.iter().map(|(name, value)| (name.clone(), vec![value.clone()])).collect();
        json(&ProxyEvent {
            headers: Some(&headers),
            multi_value_headers: Some(&multi),
            query_string_parameters: None,
            multi_value_query_string_parameters: None,
            request_context: context,
            body: None,
            is_base64_encoded: false,
        })
    }

    fn context<'a>(
        &'a self,
        identity: &'a Identity,
        route_key: &'a str,
        event_type: &'static str,
        request_id: &'a str,
        at: SystemTime,
    ) -> Context<'a> {
        Context {
            route_key,
            authorizer: identity.authorizer.as_ref(),
            disconnect_status_code: None,
            message_id: None,
            event_type,
            extended_request_id: request_id,
            request_time: request_time(at),
            message_direction: "IN",
            disconnect_reason: None,
            stage: &self.stage,
            connected_at: identity.connected_at,
            request_time_epoch: epoch_ms(at),
            identity: Caller { user_agent: identity.user_agent.as_deref(), source_ip: &identity.source_ip },
            request_id,
            domain_name: &self.domain_name,
            connection_id: &identity.connection_id,
            api_id: &self.api_id,
        }
    }
}

/// Milliseconds since 1970; 0 for a clock that is set before it.
pub(crate) fn epoch_ms(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// ISO 8601 with milliseconds, as in the answer to an `@connections` GET.
pub(crate) fn iso8601(at: SystemTime) -> String {
    formatted(at, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"))
}

/// The time in the common log format, as in `requestContext`.
pub(crate) fn request_time(at: SystemTime) -> String {
    formatted(at, format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000"))
}

fn formatted(at: SystemTime, format: StaticFormatDescription) -> String {
    OffsetDateTime::from(at).format(format).unwrap_or_default()
}

/// The JSON of a value. The values here consist of strings and numbers, so serialization does not fail.
pub(crate) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).map_or_else(
        |error| {
            tracing::error!(%error, "an event could not be written as JSON");
            Bytes::new()
        },
        Bytes::from,
    )
}

type Single = BTreeMap<String, String>;
type Multi = BTreeMap<String, Vec<String>>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizerEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    method_arn: &'a str,
    headers: &'a Single,
    multi_value_headers: &'a Multi,
    query_string_parameters: &'a Single,
    multi_value_query_string_parameters: &'a Multi,
    stage_variables: Empty,
    request_context: Context<'a>,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProxyEvent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<&'a Single>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<&'a Multi>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<&'a Single>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_query_string_parameters: Option<&'a Multi>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    route_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<&'a Single>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    event_type: &'static str,
    extended_request_id: &'a str,
    request_time: String,
    message_direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<&'a str>,
    stage: &'a str,
    connected_at: u64,
    request_time_epoch: u64,
    identity: Caller<'a>,
    request_id: &'a str,
    domain_name: &'a str,
    connection_id: &'a str,
    api_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Caller<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    source_ip: &'a str,
}
