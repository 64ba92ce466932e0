//! One request of the monolith: who asks, what for, and the answer.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::http::{self, HttpAnswer};
use rollcall_aws::{Connections, Documents, DynamoFirmware, DynamoStore, Store as _};
use rollcall_core::{Denied, Item, Node, NodeId, Policy, Timestamp, Update};
use rollcall_wire::console::{Problem, ProblemCode};
use rollcall_wire::{DOCUMENT_LEVELS, JsonError, canonical};

use crate::clip;
use crate::conditions::Conditions;
use crate::health::Health;
use crate::keys::Keys;
use crate::openapi;
use crate::query::Query;
use crate::refusal::{denied, failed, internal, refuse};
use crate::routes::{Conditional, Keyed, Methods, NoRoute, Route, route};

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
    pub(crate) health: Health,
}

/// A request that has been let in.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a ApiGatewayV2httpRequest,
    pub(crate) now: Timestamp,
    query: Query,
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
        self.query.get(name)
    }
}

impl<D: Documents, C: Connections> Console<D, C> {
    /// Lets in who may ask, does what is asked, and says what was wrong as a problem document (RFC 9457).
    pub(crate) async fn handle(&self, request: &ApiGatewayV2httpRequest) -> Result<HttpAnswer, Diagnostic> {
        let method = request.request_context.http.method.as_str();
        let path = request.raw_path.as_deref().unwrap_or_default();
        let route = route(method, path);
        let answered = match &route {
            Ok(route) => self.answer(request, route).await,
            Err(NoRoute::Path) => Err(Problem::new(ProblemCode::NoRoute, "there is no such path")),
            Err(NoRoute::Method(_)) => {
                let detail = format!("{} is not for this path", clip::value(method));
                Err(Problem::new(ProblemCode::MethodNotAllowed, detail))
            }
        };
        let reason = answered.as_ref().err().map(|problem| problem.code.to_string());
        let answer = answered.unwrap_or_else(|problem| refuse(&problem, request, route.as_ref(), &self.keys));
        let status = answer.status_code;
        let (failed, unauthorized) = ((status >= 500).then_some(1), (status == 401).then_some(1));
        // Whoever is not known to us.
        let source_ip = unauthorized.and(request.request_context.http.source_ip.as_deref());
        let node = route.ok().and_then(|route| route.node().map(clip::value));
        tracing::info!(
            node = node.as_deref(),
            method = &*clip::value(method),
            path = &*clip::value(path),
            status,
            reason,
            source_ip,
            outcome = "answered",
            Failures = failed,
            Unauthorized = unauthorized,
            "console"
        );
        // Nobody may keep what a key decides about.
        Ok(answer.with("cache-control", "no-store".to_owned()))
    }

    /// Checks whatever can be checked before it is known what there is, and does what is asked.
    async fn answer(&self, request: &ApiGatewayV2httpRequest, route: &Route<'_>) -> Answered {
        if let Route::Keyed(keyed) = route {
            self.keys.admit(request, keyed.scope())?;
        }
        let now = http::time(request).map_err(|error| internal(&error))?;
        let query = request.raw_query_string.as_deref().unwrap_or_default();
        let query = Query::read(query, |name| route.has_parameter(name) || self.keys.is_signature(name))?;
        route.content().check(request)?;
        let conditions = match route.conditional() {
            Conditional::Ignored => Conditions::default(),
            Conditional::Refused => Conditions::refuse(request)?,
            Conditional::Read | Conditional::Set => Conditions::read(request)?,
        };
        let answer = self.act(&Asked { request, now, query }, route, &conditions).await?;
        if route.conditional() == Conditional::Read { conditions.settle(answer) } else { Ok(answer) }
    }

    async fn act(&self, asked: &Asked<'_>, route: &Route<'_>, conditions: &Conditions) -> Answered {
        let keyed = match route {
            Route::Health => return self.health(asked).await,
            Route::Options(methods) => return Ok(options(methods)),
            Route::Keyed(keyed) => *keyed,
        };
        match keyed {
            Keyed::OpenApi => openapi::answer().map_err(|error| internal(&error)),
            Keyed::List => self.list(asked).await,
            Keyed::Batch => self.batch(asked).await,
            Keyed::Register(node) => self.register(asked, node).await,
            Keyed::Amend(node) => self.amend(asked, node).await,
            Keyed::Show(node) => self.show(asked, node).await,
            Keyed::Revoke(node) => self.revoke(asked, node).await,
            Keyed::Disconnect(node) => self.disconnect(asked, node).await,
            Keyed::SetConfig(node) => self.set_config(asked, node, &conditions.expected()).await,
            Keyed::Config(node) => self.config(node).await,
            Keyed::SetSiteConfig(site) => self.set_site_config(asked, site).await,
            Keyed::Queue(node) => self.queue(asked, node).await,
            Keyed::Commands(node) => self.commands(asked, node).await,
            Keyed::Cancel(node, command) => self.cancel(asked, node, command).await,
            Keyed::SetFirmware(node) => self.set_firmware(asked, node).await,
            Keyed::AddFirmware(model, version) => self.add_firmware(asked, model, version).await,
            Keyed::Firmware(model, version) => self.firmware(model, version).await,
        }
    }

    /// A node that anything is known of, revoked or not, with its item.
    pub(crate) async fn found(&self, node: &NodeId) -> Result<(Node, Item), Problem> {
        let item = self.store.read(node).await.map_err(|error| failed(&error))?;
        let item = item.ok_or_else(|| denied(Denied::Unknown))?;
        Ok((Node::read(&item).map_err(|error| internal(&error))?, item))
    }

    /// A node that is registered, and not revoked.
    pub(crate) async fn known(&self, node: &NodeId) -> Result<Node, Problem> {
        match self.found(node).await?.0 {
            Node { revoked: true, .. } => Err(denied(Denied::Revoked)),
            Node { credentials: None, .. } => Err(denied(Denied::Unknown)),
            stored => Ok(stored),
        }
    }

    /// Makes one guarded write.
    pub(crate) async fn write(&self, update: &Update) -> Result<rollcall_core::Outcome, Problem> {
        Ok(self.store.write(update).await.map_err(|error| failed(&error))?.outcome)
    }
}

/// Which methods a path has (RFC 9110, section 9.3.7).
fn options(methods: &Methods) -> HttpAnswer {
    let answer = HttpAnswer::status(204).with("allow", methods.allow());
    methods.accept_patch().into_iter().fold(answer, |answer, types| answer.with("accept-patch", types))
}

/// An id in a path or parameter.
pub(crate) fn parse<T: std::str::FromStr<Err = rollcall_core::InvalidId>>(
    text: &str,
    what: &str,
) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(ProblemCode::InvalidParameter, format!("{what}: {error}")))
}

/// A number in a path or parameter, as we would write it: `+7` and `007` are not 7.
pub(crate) fn number<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

/// A body, or a part of one, that must be a JSON object of this form: a list of its fields' values is none. It is read from
/// its text, where a name that is there twice still shows.
pub(crate) fn object<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Problem> {
    canonical(text, BODY_LEVELS).map_err(|error| not_taken(&error))?;
    if !text.trim_start().starts_with('{') {
        return Err(Problem::new(ProblemCode::InvalidBody, "it must be a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| invalid_body(&error))
}

/// Why a body is not read at all.
fn not_taken(error: &JsonError) -> Problem {
    invalid_body(&format!("the body {error}"))
}

/// What is wrong with a body, which may quote it.
pub(crate) fn invalid_body(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::InvalidBody, clip::sentence(&error.to_string()))
}
