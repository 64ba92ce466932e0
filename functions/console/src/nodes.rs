//! What nodes are.

use rollcall_aws::http::HttpAnswer;
use rollcall_aws::{Connections, Documents};
use rollcall_core::{
    CredentialVersion, Node, NodeId, Outcome, Registering, Site, Tags, Timestamp, register, registered, revoke,
};
use rollcall_wire::console::{NodePage, NodeSpec, Problem, ProblemCode};

use crate::handle::{Answered, Asked, Console, body, denied, failed, internal, object, parse};
use crate::{cursor, view};

/// How many nodes a page has, if nothing is said; and at most, which is what one `BatchGetItem` reads (Amazon DynamoDB
/// quotas).
const PAGE: i32 = 50;
const PAGE_MOST: i32 = 100;

impl<D: Documents, C: Connections> Console<D, C> {
    pub(crate) async fn register(&self, asked: &Asked<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let stored = self.register_one(&node, &object(body(&asked.body()?)?)?, asked.now).await?;
        Ok(HttpAnswer::json(200, &view::node(&node, &stored, asked.now, &self.policy)))
    }

    /// Registers a node, or says anew what it is. A connection whose token that makes outdated is closed.
    pub(crate) async fn register_one(&self, node: &NodeId, spec: &NodeSpec, now: Timestamp) -> Result<Node, Problem> {
        let invalid = |error: rollcall_core::InvalidId| Problem::new(ProblemCode::InvalidBody, error.to_string());
        let registering = Registering {
            site: spec.site.as_deref().map(str::parse).transpose().map_err(invalid)?,
            model: spec.model.as_deref().map(str::parse).transpose().map_err(invalid)?,
            tags: Tags::new(spec.tags.clone()).map_err(invalid)?,
            credentials: CredentialVersion(spec.credential_version),
        };
        let outcome = self.write(&register(node, &registering)).await?;
        let stored = registered(outcome).map_err(|error| internal(&error))?.map_err(denied)?;
        self.dismiss_outdated(node, &stored, now).await;
        Ok(stored)
    }

    pub(crate) async fn show(&self, asked: &Asked<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let stored = self.known(&node).await?;
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

/// How much whoever asks for a page wants on it.
pub(crate) fn limit(asked: &Asked<'_>) -> Result<i32, Problem> {
    match asked.parameter("limit").map(str::parse) {
        None => Ok(PAGE),
        Some(Ok(limit @ 1..=PAGE_MOST)) => Ok(limit),
        Some(_) => Err(invalid(&format!("limit: must be a number from 1 to {PAGE_MOST}"))),
    }
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidParameter, detail)
}
