//! What nodes are.

use rollcall_aws::http::HttpAnswer;
use rollcall_aws::{Connections, Documents};
use rollcall_core::{
    Amended, Amending, CredentialVersion, InvalidId, Node, NodeId, Outcome, Registering, Site, Tags, Timestamp, Update,
    amend, register, registered, revoke,
};
use rollcall_wire::console::{NodePage, NodePatch, NodeSpec, Problem, ProblemCode};

use crate::handle::{Answered, Asked, Console, number, object, parse};
use crate::refusal::{denied, failed, internal};
use crate::{cursor, view};

/// How many nodes a page has, if nothing is said; and at most, which is what one `BatchGetItem` reads (Amazon DynamoDB
/// quotas).
const PAGE: i32 = 50;
const PAGE_MOST: i32 = 100;

impl<D: Documents, C: Connections> Console<D, C> {
    /// Registers a node, or says anew what it is. It is 200 in either case: one guarded write does not tell whether the
    /// node was there, and what is left out of a body has the same effect.
    pub(crate) async fn register(&self, asked: &Asked<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let spec: NodeSpec = object(&asked.body()?)?;
        let stored = self.register_one(&register(&node, &registering(spec)?), asked.now).await?;
        Ok(HttpAnswer::json(200, &view::node(&node, &stored, asked.now, &self.policy)))
    }

    /// Says some of what a node is, and leaves the rest (RFC 7396).
    pub(crate) async fn amend(&self, asked: &Asked<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let patch: NodePatch = object(&asked.body()?)?;
        let stored = self.register_one(&amend(&node, &amending(patch)?), asked.now).await?;
        Ok(HttpAnswer::json(200, &view::node(&node, &stored, asked.now, &self.policy)))
    }

    /// Writes what is said of a node, all of it or some. A connection whose token that makes outdated is closed.
    pub(crate) async fn register_one(&self, said: &Update, now: Timestamp) -> Result<Node, Problem> {
        let outcome = self.write(said).await?;
        let stored = registered(outcome).map_err(|error| internal(&error))?.map_err(denied)?;
        self.dismiss_outdated(&said.node, &stored, now).await;
        Ok(stored)
    }

    pub(crate) async fn show(&self, asked: &Asked<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let (stored, _) = self.found(&node).await?;
        Ok(HttpAnswer::json(200, &view::node(&node, &stored, asked.now, &self.policy)))
    }

    /// Revokes a node's credentials, tells it, and closes its socket.
    pub(crate) async fn revoke(&self, asked: &Asked<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let Outcome::Applied { after } = self.write(&revoke(&node)).await? else {
            return Err(denied(rollcall_core::Denied::Unknown));
        };
        let stored = Node::read(&after).map_err(|error| internal(&error))?;
        self.dismiss_outdated(&node, &stored, asked.now).await;
        Ok(HttpAnswer::status(204))
    }

    /// Closes a node's socket; it connects again.
    pub(crate) async fn disconnect(&self, asked: &Asked<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let stored = self.known(&node).await?;
        if let Some(held) = stored.open() {
            let closed = self.close(&held.connection.id, None, !stored.handshake_is_over(asked.now)).await;
            closed.map_err(|error| {
                tracing::error!(%node, error = rollcall_aws::chain(&error), "a connection could not be closed");
                Problem::new(ProblemCode::Unavailable, "the node's connection can't be reached now")
            })?;
        }
        Ok(HttpAnswer::status(204))
    }

    pub(crate) async fn list(&self, asked: &Asked<'_>) -> Answered {
        let site: Option<Site> = asked.parameter("site").map(|site| parse(site, "site")).transpose()?;
        let online = match asked.parameter("presence") {
            None => None,
            Some("online") => Some(true),
            Some("offline") => Some(false),
            Some(_) => return Err(invalid("presence: must be online or offline")),
        };
        let limit = limit(asked)?;
        let list = format!("{site:?} {online:?}");
        let secret = self.keys.secret();
        let after = asked.parameter("cursor").map(|cursor| cursor::read(&secret, &list, cursor)).transpose()?;
        let (nodes, next) = match &site {
            Some(site) => self.store.page_of_site(site, after, limit).await,
            None => self.store.page_of_all(after, limit).await,
        }
        .map_err(|error| failed(&error))?;
        let mut views = vec![];
        for (id, item) in &nodes {
            let stored = Node::read(item).map_err(|error| internal(&error))?;
            views.push(view::node(id, &stored, asked.now, &self.policy));
        }
        views.retain(|view| online.is_none_or(|online| view.online == online));
        let cursor = next.map(|next| cursor::write(&secret, &list, &next));
        Ok(HttpAnswer::json(200, &NodePage { nodes: views, cursor }))
    }
}

/// What a body says of a node.
pub(crate) fn registering(spec: NodeSpec) -> Result<Registering, Problem> {
    Ok(Registering {
        site: spec.site.map(|site| field("site", &site)).transpose()?,
        model: spec.model.map(|model| field("model", &model)).transpose()?,
        tags: tags(spec.tags)?,
        credentials: spec.credential_version.map(CredentialVersion),
    })
}

fn amending(patch: NodePatch) -> Result<Amending, Problem> {
    Ok(Amending {
        site: amended(patch.site, |site| field("site", &site))?,
        model: amended(patch.model, |model| field("model", &model))?,
        tags: amended(patch.tags, tags)?,
        credentials: patch.credential_version.map(CredentialVersion),
    })
}

#[expect(clippy::option_option, reason = "a JSON Merge Patch tells what is left out from what is null (RFC 7396)")]
fn amended<From, To>(
    said: Option<Option<From>>,
    read: impl FnOnce(From) -> Result<To, Problem>,
) -> Result<Amended<To>, Problem> {
    said.map_or(Ok(Amended::Kept), |said| said.map_or(Ok(Amended::Removed), |said| read(said).map(Amended::Set)))
}

fn field<T: std::str::FromStr<Err = InvalidId>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(ProblemCode::InvalidBody, format!("{name}: {error}")))
}

fn tags(tags: Vec<String>) -> Result<Tags, Problem> {
    Tags::new(tags).map_err(|error| Problem::new(ProblemCode::InvalidBody, format!("tags: {error}")))
}

/// How much whoever asks for a page wants on it.
pub(crate) fn limit(asked: &Asked<'_>) -> Result<i32, Problem> {
    match asked.parameter("limit").map(number) {
        None => Ok(PAGE),
        Some(Some(limit @ 1..=PAGE_MOST)) => Ok(limit),
        Some(_) => Err(invalid(&format!("limit: must be a number from 1 to {PAGE_MOST}"))),
    }
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidParameter, detail)
}
