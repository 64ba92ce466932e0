//! One request of the monolith: who asks, what for, and the answer.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::http::{self, HttpAnswer};
use rollcall_aws::{Connections, Documents, DynamoFirmware, DynamoStore, Store as _, StoreError, chain};
use rollcall_core::{Denied, Node, NodeId, Policy, Timestamp, Update};
use rollcall_wire::console::{Problem, ProblemCode};
use rollcall_wire::{DOCUMENT_LEVELS, Json, JsonError, canonical};

use crate::keys::Keys;
use crate::openapi;
use crate::routes::{Keyed, NoRoute, Route, route};

/// How deeply a body may be nested: as deeply as a command's arguments may be, which are one level down.
const BODY_LEVELS: usize = DOCUMENT_LEVELS + 1;

/// What the console needs.
pub(crate) struct Console<D, C> {
    pub(crate) keys: Keys,
    pub(crate) store: DynamoStore,
    pub(crate) documents: D,
    pub(crate) firmware: DynamoFirmware,
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
        http::body(self.request).map(std::borrow::Cow::into_owned).map_err(|error| not_taken(&error))
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.request.query_string_parameters.first(name)
    }
}

impl<D: Documents, C: Connections> Console<D, C> {
    /// Lets in who may ask, does what is asked, and says what was wrong as a problem document (RFC 9457).
    pub(crate) async fn handle(&self, request: &ApiGatewayV2httpRequest) -> Result<HttpAnswer, Diagnostic> {
        let method = request.request_context.http.method.as_str();
        let path = request.raw_path.as_deref().unwrap_or_default();
        let answer = match route(method, path) {
            Ok(Route::Health) => self.health().await.unwrap_or_else(|problem| refuse(&problem)),
            Ok(Route::OpenApi) => match openapi::document() {
                Ok(document) => HttpAnswer::body(200, "application/json", document),
                Err(error) => refuse(&internal(&error)),
            },
            Ok(Route::Keyed(route)) => self.answer(request, route).await.unwrap_or_else(|problem| refuse(&problem)),
            Err(NoRoute::Path) => refuse(&Problem::new(ProblemCode::NoRoute, "there is no such path")),
            Err(NoRoute::Method(allowed)) => {
                let detail = format!("{method} is not for this path");
                refuse(&Problem::new(ProblemCode::MethodNotAllowed, detail)).with("allow", allowed)
            }
        };
        let status = answer.status_code;
        let (failed, unauthorized) = ((status >= 500).then_some(1), (status == 401).then_some(1));
        // Whoever is not known to us.
        let source_ip = unauthorized.and(request.request_context.http.source_ip.as_deref());
        tracing::info!(
            method,
            status,
            source_ip,
            outcome = "answered",
            Failures = failed,
            Unauthorized = unauthorized,
            "console"
        );
        Ok(answer)
    }

    async fn answer(&self, request: &ApiGatewayV2httpRequest, route: Keyed<'_>) -> Answered {
        self.keys.admit(request, route.scope())?;
        let now = http::time(request).map_err(|error| internal(&error))?;
        let asked = Asked { request, now };
        match route {
            Keyed::List => self.list(&asked).await,
            Keyed::Batch => self.batch(&asked).await,
            Keyed::Register(node) => self.register(&asked, node).await,
            Keyed::Show(node) => self.show(&asked, node).await,
            Keyed::Revoke(node) => self.revoke(&asked, node).await,
            Keyed::Disconnect(node) => self.disconnect(&asked, node).await,
            Keyed::SetConfig(node) => self.set_config(&asked, node).await,
            Keyed::Config(node) => self.config(node).await,
            Keyed::SetSiteConfig(site) => self.set_site_config(&asked, site).await,
            Keyed::Queue(node) => self.queue(&asked, node).await,
            Keyed::Commands(node) => self.commands(&asked, node).await,
            Keyed::Cancel(node, command) => self.cancel(&asked, node, command).await,
            Keyed::SetFirmware(node) => self.set_firmware(&asked, node).await,
            Keyed::AddFirmware(model, version) => self.add_firmware(&asked, model, version).await,
            Keyed::Firmware(model, version) => self.firmware(model, version).await,
        }
    }

    /// Whether the parts that every request needs answer.
    async fn health(&self) -> Answered {
        // Any node will do: what is asked is whether there is an answer.
        match self.store.read(&parse("health-check", "node")?).await {
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

/// A body that must be JSON of this form, and say one thing: no name twice.
pub(crate) fn body<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Problem> {
    canonical(text, BODY_LEVELS).map_err(|error| not_taken(&error))?;
    serde_json::from_str(text).map_err(|error| invalid_body(&error))
}

/// A body, or a part of one, that must be a JSON object of this form: a list of its fields' values is none.
pub(crate) fn object<T: serde::de::DeserializeOwned>(json: Json) -> Result<T, Problem> {
    if !json.text().starts_with('{') {
        return Err(Problem::new(ProblemCode::InvalidBody, "it must be a JSON object"));
    }
    json.read().map_err(|error| invalid_body(&error))
}

fn not_taken(error: &JsonError) -> Problem {
    Problem::new(ProblemCode::InvalidBody, format!("the body {error}"))
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
        Denied::OtherModel => ProblemCode::OtherModel,
        Denied::QueueFull => ProblemCode::QueueFull,
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

/// A problem document (RFC 9457).
fn refuse(problem: &Problem) -> HttpAnswer {
    HttpAnswer::body(problem.status, "application/problem+json", json(problem))
}

fn json(value: &impl serde::Serialize) -> String {
    // Of plain structs with text keys, which always can be written.
    serde_json::to_string(value).unwrap_or_default()
}
