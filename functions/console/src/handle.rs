//! One request of the monolith: who asks, what for, and the answer.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::http::{self, HttpAnswer};
use rollcall_aws::{Connections, Documents, DynamoStore, Store as _, StoreError, chain};
use rollcall_core::{Denied, Node, NodeId, Policy, Timestamp, Update};
use rollcall_wire::console::{Problem, ProblemCode};

use crate::keys::{Keys, Scope};
use crate::openapi;

/// What the console needs.
pub(crate) struct Console<D, C> {
    pub(crate) keys: Keys,
    pub(crate) store: DynamoStore,
    pub(crate) documents: D,
    pub(crate) connections: C,
    pub(crate) policy: Policy,
}

/// A request that has been let in.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a ApiGatewayV2httpRequest,
    pub(crate) now: Timestamp,
}

/// The answer, or what was wrong.
pub(crate) type Answered = Result<HttpAnswer, Problem>;

impl Asked<'_> {
    /// The body, which must be text.
    pub(crate) fn body(&self) -> Result<String, Problem> {
        let body = http::body(self.request).map(std::borrow::Cow::into_owned);
        body.ok_or_else(|| Problem::new(ProblemCode::InvalidBody, "the body is not UTF-8"))
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.request.query_string_parameters.first(name)
    }
}

impl<D: Documents, C: Connections> Console<D, C> {
    /// Lets in who may ask, does what is asked, and says what was wrong as a problem document (RFC 9457).
    pub(crate) async fn handle(&self, request: &ApiGatewayV2httpRequest) -> Result<HttpAnswer, Diagnostic> {
        let method = request.request_context.http.method.as_str().to_owned();
        let path = request.raw_path.as_deref().unwrap_or_default();
        let answer = self.answer(request, &method, path).await.unwrap_or_else(|problem| {
            if problem.status >= 500 {
                tracing::error!(method, outcome = "failed", error = problem.detail, "console");
            }
            let answer = HttpAnswer::body(problem.status, "application/problem+json", json(&problem));
            // A resource says what it can do (RFC 9110, section 15.5.6).
            match allowed(path).filter(|_| problem.code == ProblemCode::MethodNotAllowed) {
                Some(methods) => answer.with("allow", methods.to_owned()),
                None => answer,
            }
        });
        tracing::info!(method, status = answer.status_code, outcome = "answered", "console");
        Ok(answer)
    }

    async fn answer(&self, request: &ApiGatewayV2httpRequest, method: &str, path: &str) -> Answered {
        let path = path.strip_prefix("/v1/").ok_or_else(no_route)?;
        let segments: Vec<_> = path.split('/').map(decode).collect::<Result<_, _>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (method, segments.as_slice()) {
            ("GET", ["health"]) => return self.health().await,
            ("GET", ["openapi.json"]) => {
                let document = openapi::document().map_err(|error| internal(&error))?;
                return Ok(HttpAnswer::body(200, "application/json", document));
            }
            _ => {}
        }
        let scope = if method == "GET" { Scope::Read } else { Scope::Write };
        self.keys.admit(request, scope)?;
        let now = http::time(request).map_err(|error| Problem::new(ProblemCode::Internal, error.to_string()))?;
        let asked = Asked { request, now };
        match (method, segments.as_slice()) {
            ("GET", ["nodes"]) => self.list(&asked).await,
            ("POST", ["nodes:batch"]) => self.batch(&asked).await,
            ("PUT", ["nodes", node]) => self.register(&asked, node).await,
            ("GET", ["nodes", node]) => self.show(&asked, node).await,
            ("DELETE", ["nodes", node]) => self.revoke(node).await,
            ("POST", ["nodes", node, "disconnect"]) => self.disconnect(node).await,
            ("PUT", ["nodes", node, "config"]) => self.set_config(&asked, node).await,
            ("GET", ["nodes", node, "config"]) => self.config(node).await,
            ("PUT", ["sites", site, "config"]) => self.set_site_config(&asked, site).await,
            _ if allowed(asked.request.raw_path.as_deref().unwrap_or_default()).is_some() => {
                Err(Problem::new(ProblemCode::MethodNotAllowed, format!("{method} is not for this path")))
            }
            _ => Err(no_route()),
        }
    }

    /// Whether the parts that every request needs answer.
    async fn health(&self) -> Answered {
        // Nobody's id: ids have no more than 64 letters, and this node is never registered.
        let nobody: NodeId = parse("health-check", "node")?;
        match self.store.read(&nobody).await {
            Ok(_) => Ok(HttpAnswer::body(200, "application/json", r#"{"table":"ok"}"#.to_owned())),
            Err(error) => {
                tracing::error!(outcome = "failed", error = chain(&error), "health");
                Err(Problem::new(ProblemCode::Unavailable, "the table does not answer"))
            }
        }
    }

    /// A node that is registered, and not revoked.
    pub(crate) async fn known(&self, node: &NodeId) -> Result<Node, Problem> {
        let item = self.store.read(node).await.map_err(|error| failed(&error))?;
        let stored = item.as_ref().map(Node::read).transpose().map_err(|error| internal(&error))?;
        match stored {
            Some(Node { revoked: true, .. }) => Err(denied(Denied::Revoked)),
            Some(stored) if stored.credentials.is_some() => Ok(stored),
            _ => Err(denied(Denied::Unknown)),
        }
    }

    /// Makes one guarded write.
    pub(crate) async fn write(&self, update: &Update) -> Result<rollcall_core::Outcome, Problem> {
        Ok(self.store.write(update).await.map_err(|error| failed(&error))?.outcome)
    }
}

/// An id in a path or parameter.
pub(crate) fn parse<T: std::str::FromStr<Err = rollcall_core::InvalidId>>(
    text: &str,
    what: &str,
) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(ProblemCode::InvalidParameter, format!("{what}: {error}")))
}

/// A body that must be JSON of this form.
pub(crate) fn body<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| invalid_body(&error))
}

/// A body, or a part of one, that must be a JSON object of this form: a list of its fields' values is none.
pub(crate) fn object<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    if !value.is_object() {
        return Err(Problem::new(ProblemCode::InvalidBody, "it must be a JSON object"));
    }
    serde_json::from_value(value).map_err(|error| invalid_body(&error))
}

fn invalid_body(error: &serde_json::Error) -> Problem {
    Problem::new(ProblemCode::InvalidBody, error.to_string())
}

pub(crate) fn denied(denied: Denied) -> Problem {
    let code = match denied {
        Denied::Unknown => ProblemCode::UnknownNode,
        Denied::Revoked => ProblemCode::RevokedNode,
        Denied::CredentialsGoBack { .. } => ProblemCode::CredentialsGoBack,
        Denied::Stale { .. } => ProblemCode::VersionMismatch,
    };
    let mut problem = Problem::new(code, denied.to_string());
    if let Denied::Stale { current } = denied {
        problem.current_version = Some(current);
    }
    problem
}

/// The store failed. What it said goes to the log, not to whoever asked.
pub(crate) fn failed(error: &StoreError) -> Problem {
    tracing::error!(outcome = "failed", error = chain(error), "console");
    match error {
        StoreError::Throttled(_) | StoreError::Unavailable(_) => {
            Problem::new(ProblemCode::Unavailable, "the table can't be reached now: try again a little later")
        }
        StoreError::Rejected(_) | StoreError::Malformed(_) => {
            Problem::new(ProblemCode::Internal, "the server made a mistake, which is in its log")
        }
    }
}

pub(crate) fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(outcome = "failed", error = chain(error), "console");
    Problem::new(ProblemCode::Internal, "the server made a mistake, which is in its log")
}

/// The methods of a path; nothing if there is no such path.
fn allowed(path: &str) -> Option<&'static str> {
    let segments: Vec<_> = path.strip_prefix("/v1/")?.split('/').collect();
    match segments.as_slice() {
        ["nodes" | "health" | "openapi.json"] => Some("GET"),
        ["nodes:batch"] | ["nodes", _, "disconnect"] => Some("POST"),
        ["nodes", _] => Some("GET, PUT, DELETE"),
        ["nodes", _, "config"] => Some("GET, PUT"),
        ["sites", _, "config"] => Some("PUT"),
        _ => None,
    }
}

fn no_route() -> Problem {
    Problem::new(ProblemCode::NoRoute, "there is no such path")
}

/// A segment of a path. API Gateway may have decoded it already: what an id consists of is the same before and after.
fn decode(segment: &str) -> Result<String, Problem> {
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8();
    let decoded = decoded.map_err(|_| Problem::new(ProblemCode::InvalidParameter, "the path is not UTF-8"))?;
    Ok(decoded.into_owned())
}

fn json(value: &impl serde::Serialize) -> String {
    // Of plain structs with text keys, which always can be written.
    serde_json::to_string(value).unwrap_or_default()
}
