//! The console's requests about nodes.

use crate::clock::Clock;
use crate::connections::{ConnectionError, Connections};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::reply::text;
use crate::store::Store;
use futures_util::future::try_join;
use rollcall_core::{
    Amended, Amending, CredentialVersion, Describing, InvalidId, Node, NodeId, Registering, Tags, Update, amend,
    granted, register, revoke,
};
use rollcall_wire::ServerMessage;
use rollcall_wire::console::{NodePatch, NodeSpec, Problem, ProblemCode};

use crate::console::about::{describing, is_valid, labels};
use crate::console::handle::{Admitted, Answered, Console, number, object, parse};
use crate::console::refusal::{denied, internal};
use crate::console::view;

/// How many nodes a page has by default; and at most, which is what one `BatchGetItem` reads (Amazon DynamoDB quotas).
const PAGE: i32 = 50;
const PAGE_MOST: i32 = 100;
/// The longest time that a node may take to replace its connection on request, in seconds: the longest lifetime of a
/// connection ([`Policy`](rollcall_core::Policy)).
const WITHIN_MOST_S: u32 = 6_600;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Registers a node, or replaces its registration. The status is 200 in either case, since one guarded write does
    /// not tell whether the node was there before.
    pub(crate) async fn register(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let spec: NodeSpec = object(&admitted.body()?)?;
        let (update, change) = (register(&node, &registering(&spec)?), described(spec)?);
        self.change_one(&node, update, &change, admitted).await
    }

    /// Changes the registration of a node (RFC 7396).
    pub(crate) async fn amend(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let patch: NodePatch = object(&admitted.body()?)?;
        let NodePatch { site, model, tags, credential_version, name, labels } = patch;
        let change = describing(amended(name, Ok)?, labels)?;
        let update = amend(&node, &amending(site, model, tags, credential_version)?);
        self.change_one(&node, update, &change, admitted).await
    }

    /// Writes a registration or its change, and what people call the node. The answer shows the node.
    async fn change_one(
        &self,
        node: &NodeId,
        update: Update,
        change: &Describing,
        admitted: &Admitted<'_>,
    ) -> Answered {
        let before = self.about(node).await?;
        is_valid(change, &before)?;
        let stored = self.register_one(node, update, admitted).await?;
        let about = self.describe(node, change, before).await?;
        Ok(HttpAnswer::json(200, &view::node(node, &stored, &about, admitted.now, &self.policy)))
    }

    /// Writes a registration, its change or its end. A connection whose token becomes outdated by it is closed.
    pub(crate) async fn register_one(
        &self,
        node: &NodeId,
        update: Update,
        admitted: &Admitted<'_>,
    ) -> Result<Node, Problem> {
        let outcome = self.write(&admitted.by(update)).await?;
        let stored = granted(outcome).map_err(|error| internal(&error))?.map_err(denied)?;
        self.dismiss_outdated(node, &stored, admitted.now).await;
        Ok(stored)
    }

    pub(crate) async fn show(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let ((stored, _), about) = try_join(self.stored_node(&node), self.about(&node)).await?;
        Ok(HttpAnswer::json(200, &view::node(&node, &stored, &about, admitted.now, &self.policy)))
    }

    /// Revokes a node's credentials, tells the node, and closes its connection.
    pub(crate) async fn revoke(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        self.register_one(&node, revoke(&node), admitted).await?;
        Ok(HttpAnswer::status(204))
    }

    /// Closes a node's connection, or asks the node to replace it within the time that the request names. In either
    /// case the node connects again.
    pub(crate) async fn disconnect(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let within = admitted.parameter("within_s").map(within).transpose()?;
        let stored = self.registered_node(&node).await?;
        let unreachable = |error: ConnectionError, what: &str| {
            tracing::error!(%node, error = crate::error::chain(&error), "a connection could not be {what}");
            Problem::new(ProblemCode::Unavailable, "the node's connection can't be reached now")
        };
        if let Some(within_s) = within {
            if let Some(held) = stored.reachable() {
                let ask = text(&ServerMessage::Reconnect { within_s });
                let asked = self.connections.post(&held.connection.id, ask).await;
                asked.map_err(|error| unreachable(error, "asked for its replacement"))?;
            }
        } else if let Some(held) = stored.open() {
            let closed = self.close(&held.connection.id, None, !stored.handshake_is_over(admitted.now)).await;
            closed.map_err(|error| unreachable(error, "closed"))?;
        }
        Ok(HttpAnswer::status(204))
    }
}

/// The registration in a body.
pub(crate) fn registering(spec: &NodeSpec) -> Result<Registering, Problem> {
    Ok(Registering {
        site: spec.site.as_ref().map(|site| field("site", site)).transpose()?,
        model: spec.model.as_ref().map(|model| field("model", model)).transpose()?,
        tags: tags(spec.tags.clone())?,
        credentials: spec.credential_version.map(CredentialVersion),
    })
}

/// What people call the node, from the same body: it is all of it.
pub(crate) fn described(spec: NodeSpec) -> Result<Describing, Problem> {
    let name = spec.name.map(|name| field("name", &name)).transpose()?;
    Ok(Describing { name: name.into(), labels: labels(spec.labels)? })
}

/// The change of a registration.
pub(crate) fn amending(
    site: Patched<String>,
    model: Patched<String>,
    tags: Patched<Vec<String>>,
    credential_version: Option<u32>,
) -> Result<Amending, Problem> {
    Ok(Amending {
        site: amended(site, |site| field("site", &site))?,
        model: amended(model, |model| field("model", &model))?,
        tags: amended(tags, self::tags)?,
        credentials: credential_version.map(CredentialVersion),
    })
}

/// A field of a JSON Merge Patch (RFC 7396): left out, `null`, or a value.
pub(crate) type Patched<T> = Option<Option<T>>;

pub(crate) fn amended<From, To>(
    value: Patched<From>,
    read: impl FnOnce(From) -> Result<To, Problem>,
) -> Result<Amended<To>, Problem> {
    value.map_or(Ok(Amended::Kept), |value| value.map_or(Ok(Amended::Removed), |value| read(value).map(Amended::Set)))
}

fn field<T: std::str::FromStr<Err = InvalidId>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(ProblemCode::InvalidBody, format!("{name}: {error}")))
}

fn tags(tags: Vec<String>) -> Result<Tags, Problem> {
    Tags::new(tags).map_err(|error| Problem::new(ProblemCode::InvalidBody, format!("tags: {error}")))
}

/// Within which time a node is to replace its connection, in seconds.
fn within(seconds: &str) -> Result<u32, Problem> {
    let within = number(seconds).filter(|within| (1..=WITHIN_MOST_S).contains(within));
    within.ok_or_else(|| invalid(&format!("within_s: must be a number from 1 to {WITHIN_MOST_S}")))
}

/// How many items a page is to have.
pub(crate) fn limit(admitted: &Admitted<'_>) -> Result<i32, Problem> {
    match admitted.parameter("limit").map(number) {
        None => Ok(PAGE),
        Some(Some(limit @ 1..=PAGE_MOST)) => Ok(limit),
        Some(_) => Err(invalid(&format!("limit: must be a number from 1 to {PAGE_MOST}"))),
    }
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidParameter, detail)
}
