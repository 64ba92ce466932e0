//! One token.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::Identity;
use rollcall_aws::http::{AUTHORIZATION, bearer};
use rollcall_core::Timestamp;
use rollcall_token::{Claims, TokenError, Verifier};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What API Gateway asks a REQUEST authorizer of a WebSocket API (Amazon API Gateway, "Control access to WebSocket APIs
/// with AWS Lambda REQUEST authorizers").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    method_arn: String,
    #[serde(flatten)]
    connect: ApiGatewayWebsocketProxyRequest,
}

/// A connection that may be opened.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Admission {
    principal_id: String,
    policy_document: serde_json::Value,
    context: Identity,
}

/// No admission, and not even the reason: API Gateway turns this very message into a 401.
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

/// Why nobody is admitted.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there is no token")]
    NoToken,
    #[error("the authorization is not a bearer token")]
    NotBearer,
    #[error("the event has no time")]
    NoTime,
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Admits the bearer of a valid token.
pub(crate) fn handle(request: &Request, verifier: &Verifier) -> Result<Admission, Unauthorized> {
    match claims(&request.connect, verifier) {
        Ok(claims) => {
            tracing::info!(node = %claims.node, outcome = "admitted", "authorize");
            Ok(admit(&claims, &request.method_arn))
        }
        Err(refused) => {
            // Without its sources, which may quote what the token says.
            let source_ip = request.connect.request_context.identity.source_ip.as_deref();
            tracing::warn!(outcome = "refused", reason = %refused, source_ip, RefusedTokens = 1, "authorize");
            Err(Unauthorized)
        }
    }
}

fn claims(connect: &ApiGatewayWebsocketProxyRequest, verifier: &Verifier) -> Result<Claims, Refused> {
    let now = u64::try_from(connect.request_context.request_time_epoch).map_err(|_| Refused::NoTime)?;
    let token = if connect.headers.contains_key(AUTHORIZATION) {
        bearer(&connect.headers).ok_or(Refused::NotBearer)?
    } else {
        connect.query_string_parameters.first("token").ok_or(Refused::NoToken)?
    };
    Ok(verifier.verify(token, Timestamp(now))?)
}

fn admit(claims: &Claims, method_arn: &str) -> Admission {
    Admission {
        principal_id: claims.node.to_string(),
        policy_document: json!({
            "Version": "2012-10-17",
            "Statement": [{ "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": method_arn }],
        }),
        context: Identity { node: claims.node.to_string(), cv: claims.credentials.0.to_string() },
    }
}
