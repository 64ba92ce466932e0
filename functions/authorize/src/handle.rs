//! Checks the token of a new connection.

use std::collections::{BTreeMap, BTreeSet};

use lambda_runtime::Diagnostic;
use rollcall_aws::Identity;

use rollcall_core::{Clipped, Timestamp};
use rollcall_service::http::{AUTHORIZATION, bearer_in};
use rollcall_token::{Claims, TokenError, Verifier};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The event that API Gateway sends to a REQUEST authorizer of a WebSocket API (Amazon API Gateway, "Control access to
/// WebSocket APIs with AWS Lambda REQUEST authorizers"), as far as it is used here. Headers are text, so that a strange
/// value in an unused header is no reason to fail.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are API Gateway's")]
pub(crate) struct Request {
    method_arn: String,
    headers: Option<BTreeMap<String, String>>,
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    query_string_parameters: Option<BTreeMap<String, String>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    request_context: Context,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context {
    request_time_epoch: Option<u64>,
    identity: Caller,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Caller {
    source_ip: Option<String>,
}

/// A connection that may be opened.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Admission {
    principal_id: String,
    policy_document: serde_json::Value,
    context: Identity,
}

/// The connection is refused, without a reason. API Gateway turns this very message into a 401.
pub(crate) struct Unauthorized;

impl std::fmt::Debug for Unauthorized {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unauthorized")
    }
}

impl From<Unauthorized> for Diagnostic {
    fn from(_: Unauthorized) -> Self {
        Self { error_type: "Unauthorized".to_owned(), error_message: "Unauthorized".to_owned() }
    }
}

/// Why a connection is refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there is no token")]
    NoToken,
    #[error("the authorization is not a bearer token")]
    NotBearer,
    #[error("there are several tokens, and they differ")]
    Several,
    #[error("the event has no time")]
    NoTime,
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Admits the bearer of a valid token.
pub(crate) fn handle(request: &Request, verifier: &Verifier) -> Result<Admission, Unauthorized> {
    match claims(request, verifier) {
        Ok(claims) => {
            tracing::info!(node = %claims.node, outcome = "admitted", "authorize");
            Ok(admit(&claims, &request.method_arn))
        }
        Err(refused) => {
            let source_ip = request.request_context.identity.source_ip.as_deref().map(|ip| Clipped(ip).to_string());
            // Without the sources of the error, which may quote the token.
            tracing::warn!(outcome = "refused", reason = %refused, source_ip, RefusedTokens = 1, "authorize");
            Err(Unauthorized)
        }
    }
}

fn claims(request: &Request, verifier: &Verifier) -> Result<Claims, Refused> {
    let now = request.request_context.request_time_epoch.ok_or(Refused::NoTime)?;
    Ok(verifier.verify(token(request)?, Timestamp(now))?)
}

/// The token of a request. It may be there twice. If two tokens differ, neither is chosen, since a proxy in between
/// might choose the other one.
fn token(request: &Request) -> Result<&str, Refused> {
    let mut tokens = BTreeSet::new();
    let is_authorization = |name: &str| name.eq_ignore_ascii_case(AUTHORIZATION.as_str());
    for authorization in all(request.headers.as_ref(), request.multi_value_headers.as_ref(), is_authorization) {
        tokens.insert(bearer_in(authorization).ok_or(Refused::NotBearer)?);
    }
    let (one, all_of_them) = (&request.query_string_parameters, &request.multi_value_query_string_parameters);
    let in_query = all(one.as_ref(), all_of_them.as_ref(), |name| name == "token");
    tokens.extend(in_query.filter(|token| !token.is_empty()));
    match (tokens.pop_first(), tokens.pop_first()) {
        (None, _) => Err(Refused::NoToken),
        (Some(token), None) => Ok(token),
        (Some(_), Some(_)) => Err(Refused::Several),
    }
}

/// All values of a name. API Gateway passes the last value in one map, and all values in another one.
fn all<'a>(
    last: Option<&'a BTreeMap<String, String>>,
    all: Option<&'a BTreeMap<String, Vec<String>>>,
    is_meant: impl Fn(&str) -> bool + Copy + 'a,
) -> impl Iterator<Item = &'a str> {
    let last = last.into_iter().flatten().filter(move |(name, _)| is_meant(name)).map(|(_, value)| value);
    let all = all.into_iter().flatten().filter(move |(name, _)| is_meant(name)).flat_map(|(_, values)| values);
    last.chain(all).map(String::as_str)
}

fn admit(claims: &Claims, method_arn: &str) -> Admission {
    Admission {
        principal_id: claims.node.to_string(),
        policy_document: json!({
            "Version": "2012-10-17",
            "Statement": [{ "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": method_arn }],
        }),
        context: Identity {
            node: claims.node.to_string(),
            cv: claims.credentials.0.to_string(),
            exp: Some((claims.expires_at.0 / 1000).to_string()),
        },
    }
}

#[cfg(test)]
mod tests;
