//! Handles a request of the application: authentication, routing, and the answer.

use crate::clock::Clock;
use crate::commands::Times;
use crate::connections::Connections;
use crate::documents::Documents;
use crate::error::chain;
use crate::firmware::Firmware;
use crate::http::{HttpAnswer, Request};
use crate::queue::Queue;
use crate::store::Store;
use rollcall_core::{Actor, Denied, Item, Key, Node, NodeId, Policy, Timestamp, Update};
use rollcall_wire::console::{HealthView, PartHealth, Problem, ProblemCode};
use rollcall_wire::{DOCUMENT_LEVELS, JsonError, canonical};

use crate::console::clip;
use crate::console::conditions::Conditions;
use crate::console::endpoints::Endpoints;
use crate::console::event_schema;
use crate::console::health::Health;
use crate::console::keyed::Keyed;
use crate::console::keys::{Keys, Scope};
use crate::console::openapi;
use crate::console::query::Query;
use crate::console::refusal::{denied, failed, internal, refuse};
use crate::console::rollouts::Deed;
use crate::console::routes::{Conditional, Methods, NoRoute, Route, route};

/// How deeply a body may be nested: a command's arguments are one level down.
const BODY_LEVELS: usize = DOCUMENT_LEVELS + 1;

/// Handles requests, with all that they need.
#[expect(missing_docs, reason = "the names say it")]
pub struct Console<S, C, K, Q> {
    pub keys: Keys,
    pub store: S,
    pub documents: Documents,
    pub firmware: Firmware,
    pub connections: C,
    pub clock: K,
    pub policy: Policy,
    pub health: Health,
    pub endpoints: Endpoints<Q>,
}

/// A request whose sender may make it.
pub(crate) struct Admitted<'a> {
    pub(crate) request: &'a Request,
    pub(crate) now: Timestamp,
    /// Who makes it; `None` if nobody need say so.
    pub(crate) actor: Option<Actor>,
    pub(super) query: Query,
}

/// The answer, or what was wrong with the request.
pub(crate) type Answered = Result<HttpAnswer, Problem>;

impl Admitted<'_> {
    /// The time of the request by both clocks.
    pub(crate) fn times(&self) -> Times {
        Times::of(self.now, self.request.now)
    }

    /// The same update, made by the sender of the request.
    pub(crate) fn by(&self, update: Update) -> Update {
        match &self.actor {
            Some(actor) => update.by(actor),
            None => update,
        }
    }

    /// The body as text.
    pub(crate) fn body(&self) -> Result<String, Problem> {
        self.request.text().map(std::borrow::Cow::into_owned).map_err(|error| not_taken(&error))
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name)
    }
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Authenticates and handles a request. If something is wrong with it, the answer is a problem document (RFC 9457).
    pub async fn handle(&self, request: &Request) -> HttpAnswer {
        let (method, path) = (request.method.as_str(), request.path.as_str());
        let route = route(method, path);
        let actor = route.as_ref().map_or(Ok(None), |route| self.actor(request, route));
        let answered = match (&route, &actor) {
            (Ok(_), Err(problem)) => Err(problem.clone()),
            (Ok(route), Ok(actor)) => self.answer(request, route, actor.as_ref()).await,
            (Err(NoRoute::Path), _) => Err(Problem::new(ProblemCode::NoRoute, "there is no such path")),
            (Err(NoRoute::Method(_)), _) => {
                let detail = format!("the method {} is not allowed for this path", clip::value(method));
                Err(Problem::new(ProblemCode::MethodNotAllowed, detail))
            }
        };
        let reason = answered.as_ref().err().map(|problem| problem.code.to_string());
        let answer = answered.unwrap_or_else(|problem| refuse(&problem, request, route.as_ref(), &self.keys));
        let status = answer.status_code;
        let (failed, unauthorized) = ((status >= 500).then_some(1), (status == 401).then_some(1));
        // The address is logged only if the sender is not authenticated.
        let source_ip = unauthorized.and(request.source_ip.as_deref());
        let node = route.ok().and_then(|route| route.node().map(clip::value));
        tracing::info!(
            actor = actor.as_ref().ok().and_then(Option::as_ref).map(Actor::name),
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
        // The answer depends on the key, so it must not be cached.
        answer.with("cache-control", "no-store".to_owned())
    }

    /// Who makes the request; `None` if its sender need not say so.
    fn actor(&self, request: &Request, route: &Route<'_>) -> Result<Option<Actor>, Problem> {
        match route {
            Route::Keyed(keyed) => self.keys.admit(request, keyed.scope()).map(Some),
            Route::Health | Route::Options(_) => Ok(None),
        }
    }

    /// Checks everything else that can be checked without reading the table, and handles the request.
    async fn answer(&self, request: &Request, route: &Route<'_>, actor: Option<&Actor>) -> Answered {
        let query = Query::read(&request.query, |name| route.has_parameter(name) || self.keys.is_signature(name))?;
        route.content().check(request)?;
        let conditions = match route.conditional() {
            Conditional::Ignored => Conditions::default(),
            Conditional::Refused => Conditions::refuse(request)?,
            Conditional::Read | Conditional::Set => Conditions::read(request)?,
        };
        if let (Some(keep), Route::Keyed(keyed)) = (actor.and_then(Actor::keep), route)
            && keyed.scope() == Scope::Write
        {
            let _ = self.write(&keep).await?;
        }
        let answer =
            self.act(&Admitted { request, now: request.at, actor: actor.cloned(), query }, route, &conditions).await?;
        if route.conditional() == Conditional::Read { conditions.settle(answer) } else { Ok(answer) }
    }

    async fn act(&self, admitted: &Admitted<'_>, route: &Route<'_>, conditions: &Conditions) -> Answered {
        let keyed = match route {
            Route::Health => return self.health(admitted).await,
            Route::Options(methods) => return Ok(options(methods)),
            Route::Keyed(keyed) => *keyed,
        };
        match keyed {
            Keyed::OpenApi => openapi::answer().map_err(|error| internal(&error)),
            Keyed::EventSchema => event_schema::answer().map_err(|error| internal(&error)),
            Keyed::List => self.list(admitted).await,
            Keyed::Fleet => self.fleet().await,
            Keyed::Batch => self.batch(admitted).await,
            Keyed::Import => self.import(admitted).await,
            Keyed::Export => self.export(admitted).await,
            Keyed::Drift => self.drift(admitted).await,
            Keyed::Renumber => self.renumber(admitted).await,
            Keyed::Cutover => self.cutover().await,
            Keyed::SetMapping => self.set_mapping(admitted).await,
            Keyed::RemoveMapping => self.remove_mapping(admitted).await,
            Keyed::SetMode => self.set_mode(admitted).await,
            Keyed::CutoverNodes => self.cutover_nodes(admitted).await,
            Keyed::Register(node) => self.register(admitted, node).await,
            Keyed::Amend(node) => self.amend(admitted, node).await,
            Keyed::Show(node) => self.show(admitted, node).await,
            Keyed::Delete(node) => self.delete(admitted, node).await,
            Keyed::Revoke(node) => self.revoke(admitted, node).await,
            Keyed::Disconnect(node) => self.disconnect(admitted, node).await,
            Keyed::SetConfig(node) => self.set_config(admitted, node, &conditions.expected()).await,
            Keyed::Config(node) => self.config(node).await,
            Keyed::UnsetConfig(node) => self.unset_config(admitted, node, &conditions.expected()).await,
            Keyed::ConfigVersions(node) => self.config_versions(node).await,
            Keyed::ConfigVersion(node, version) => self.config_version(node, version).await,
            Keyed::ConfigDifference(node) => self.config_difference(admitted, node).await,
            Keyed::RollBackConfig(node) => self.roll_back_config(admitted, node, &conditions.expected()).await,
            Keyed::SetSiteConfig(site) => self.set_site_config(admitted, site).await,
            Keyed::Queue(node) => self.queue(admitted, node).await,
            Keyed::Commands(node) => self.commands(admitted, node).await,
            Keyed::Cancel(node, command) => self.cancel(admitted, node, command).await,
            Keyed::Events => self.events(admitted).await,
            Keyed::NodeEvents(node) => self.node_events(admitted, node).await,
            Keyed::SetFirmware(node) => self.set_firmware(admitted, node).await,
            Keyed::AddFirmware(model, version) => self.add_firmware(admitted, model, version).await,
            Keyed::Endpoints => self.list_endpoints(admitted).await,
            Keyed::PutEndpoint(name) => self.put_endpoint(admitted, name).await,
            Keyed::Endpoint(name) => self.show_endpoint(admitted, name).await,
            Keyed::RemoveEndpoint(name) => self.remove_endpoint(admitted, name).await,
            Keyed::TestEndpoint(name) => self.test_endpoint(admitted, name).await,
            Keyed::Replay(name) => self.replay(admitted, name).await,
            Keyed::RotateEndpoint(name) => self.rotate_endpoint(admitted, name).await,
            Keyed::Deliveries(name) => self.deliveries(admitted, name).await,
            Keyed::Firmware(model, version) => self.firmware(model, version).await,
            Keyed::AddDelta(model, version, from) => self.add_delta(admitted, (model, version, from)).await,
            Keyed::Delta(model, version, from) => self.delta((model, version, from)).await,
            Keyed::Models => self.list_models(admitted).await,
            Keyed::PutModel(model) => self.put_model(admitted, model).await,
            Keyed::AmendModel(model) => self.amend_model(admitted, model).await,
            Keyed::Model(model) => self.show_model(model).await,
            Keyed::Rollouts => self.list_rollouts(admitted).await,
            Keyed::PutRollout(name) => self.put_rollout(admitted, name).await,
            Keyed::Rollout(name) => self.show_rollout(name).await,
            Keyed::PauseRollout(name) => self.act_on_rollout(admitted, name, Deed::Pause).await,
            Keyed::ResumeRollout(name) => self.act_on_rollout(admitted, name, Deed::Resume).await,
            Keyed::AbortRollout(name) => self.act_on_rollout(admitted, name, Deed::Abort).await,
            Keyed::RollBackRollout(name) => self.act_on_rollout(admitted, name, Deed::RollBack).await,
            Keyed::ApproveRollout(name) => self.act_on_rollout(admitted, name, Deed::Approve).await,
            Keyed::RolloutNodes(name) => self.rollout_nodes(admitted, name).await,
        }
    }

    /// A node that has an item, revoked or not, with its item.
    pub(crate) async fn stored_node(&self, node: &NodeId) -> Result<(Node, Item), Problem> {
        let item = self.store.read(&Key::Node(node.clone())).await.map_err(|error| failed(&error))?;
        let item = item.ok_or_else(|| denied(Denied::Unknown))?;
        Ok((Node::read(&item).map_err(|error| internal(&error))?, item))
    }

    /// A node that is registered, and not revoked.
    pub(crate) async fn registered_node(&self, node: &NodeId) -> Result<Node, Problem> {
        match self.stored_node(node).await?.0 {
            Node { revoked: true, .. } => Err(denied(Denied::Revoked)),
            Node { credentials: None, .. } => Err(denied(Denied::Unknown)),
            stored => Ok(stored),
        }
    }

    /// Makes one guarded write.
    pub(crate) async fn write(&self, update: &Update) -> Result<rollcall_core::Outcome, Problem> {
        Ok(self.store.write(update).await.map_err(|error| failed(&error))?.outcome)
    }

    /// Whether the parts that every request needs answer. A sender with a key is told the present result.
    async fn health(&self, admitted: &Admitted<'_>) -> Answered {
        let is_known = self.keys.admit(admitted.request, Scope::Read).is_ok();
        let recent = self.health.recent(admitted.now).filter(|_| !is_known);
        let is_well = if let Some(is_well) = recent {
            is_well
        } else {
            let is_well = self.table_answers().await?;
            self.health.note(admitted.now, is_well);
            is_well
        };
        if is_well {
            return Ok(HttpAnswer::json(200, &HealthView { table: PartHealth::Ok }));
        }
        Err(Problem::new(ProblemCode::Unavailable, "the table does not answer"))
    }

    async fn table_answers(&self) -> Result<bool, Problem> {
        // Any node will do: it only matters whether there is an answer.
        let answer = self.store.read(&Key::Node(parse("health-check", "node")?)).await;
        Ok(answer.inspect_err(|error| tracing::error!(outcome = "failed", error = chain(error), "health")).is_ok())
    }
}

/// The answer with the methods of a path (RFC 9110, section 9.3.7).
fn options(methods: &Methods) -> HttpAnswer {
    let answer = HttpAnswer::status(204).with("allow", methods.allow());
    methods.accept_patch().into_iter().fold(answer, |answer, types| answer.with("accept-patch", types))
}

/// Reads an id from a path or a parameter.
pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str, what: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(ProblemCode::InvalidParameter, format!("{what}: {error}")))
}

/// Reads a number from a path or a parameter in its only form: `+7` and `007` are refused.
pub(crate) fn number<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

/// Reads a body, or a part of one, that must be a JSON object of this type. A list of the fields' values is refused,
/// although serde would accept it. The text is checked first, since a name that is there twice shows only in the text.
pub(crate) fn object<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Problem> {
    canonical(text, BODY_LEVELS).map_err(|error| not_taken(&error))?;
    if !text.trim_start().starts_with('{') {
        return Err(Problem::new(ProblemCode::InvalidBody, "must be a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| invalid_body(&error))
}

/// Why a body can't be read at all.
fn not_taken(error: &JsonError) -> Problem {
    invalid_body(&format!("the body {error}"))
}

/// What is wrong with a body. The text may quote the body.
pub(crate) fn invalid_body(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::InvalidBody, clip::sentence(&error.to_string()))
}
