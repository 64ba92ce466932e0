//! The console's requests about configurations.

use crate::clock::Clock;
use crate::connections::Connections;
use crate::error::chain;
use crate::http::HttpAnswer;
use crate::news::config_news;
use crate::queue::Queue;
use crate::store::Store;
use futures_util::future::join;
use futures_util::{StreamExt as _, stream};
use rollcall_core::{
    Actor, ConfigChange, Expected, Item, Node, NodeId, Outcome, Setting, Site, Timestamp, Update, config_set,
    note_unused, remember, set_config, set_site_config,
};
use rollcall_wire::console::{
    AppliedView, BatchResult, ConfigSet, ConfigView, DeliveryState, Problem, ProblemCode, SiteConfigSet,
};
use rollcall_wire::{Document, Json, ServerMessage};

use crate::console::conditions::etag;
use crate::console::export::flag;
use crate::console::handle::{Admitted, Answered, Console, parse};
use crate::console::refusal::{denied, failed, internal};
use crate::console::{cursor, view};

/// How many nodes of a site are set in one request: so many easily fit the request's 30 seconds (Amazon API Gateway
/// quotas).
const SITE_PAGE: i32 = 100;
/// How many nodes are named that keep what was set for them alone.
const KEPT_NAMED: usize = 10;
/// How many of these nodes are set at the same time.
const AT_ONCE: usize = 16;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Sets a node's desired configuration. The document is stored before a node can ask for it, and only after a check
    /// that the request will succeed, so that a refused request leaves no document. A request that loses a race in between
    /// does leave its document: it is noted as unused.
    pub(crate) async fn set_config(&self, admitted: &Admitted<'_>, node: &str, expected: &Expected) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let document = Document::parse(&admitted.body()?)?;
        let (_, item) = self.stored_node(&node).await?;
        if predicted(&node, &item, &document, expected)?.changed {
            self.store_document(&document, admitted.now).await?;
        }
        let update = set_config(&node, document.sha256(), expected);
        let (set, stored) = self.set_and_push(&node, &document, update, admitted).await?;
        Ok(HttpAnswer::json(200, &set).with("etag", etag(&stored)))
    }

    pub(crate) async fn store_document(&self, document: &Document, now: Timestamp) -> Result<(), Problem> {
        self.documents.put(&self.store, document.clone(), now).await.map_err(|error| failed(&error))
    }

    /// Sets a node's desired configuration by this write, and pushes it. Returns the result, and the node as it is stored
    /// then.
    pub(crate) async fn set_and_push(
        &self,
        node: &NodeId,
        document: &Document,
        update: Update,
        admitted: &Admitted<'_>,
    ) -> Result<(ConfigSet, Node), Problem> {
        let outcome = self.write(&admitted.by(update)).await?;
        let set = match config_change(outcome) {
            Ok(set) => set,
            Err(problem) => {
                self.note_unused(document, admitted.now).await;
                return Err(problem);
            }
        };
        let delivery = match (set.changed, set.node.news()) {
            (false, None) => DeliveryState::Unchanged,
            // The configuration is pushed again if the node has not reported on it: the first push may have been lost.
            (changed, _) => {
                let news = ServerMessage::Config(config_news(set.config.version, document, 0));
                let push = self.push(node, &set.node, &news, admitted.now);
                let (delivery, ()) = join(push, self.remember(node, &set.node, admitted)).await;
                if changed { delivery } else { DeliveryState::Unchanged }
            }
        };
        let (version, sha256) = (set.config.version, set.config.sha256);
        tracing::info!(%node, version, outcome = ?delivery, "config");
        Ok((ConfigSet { node: node.to_string(), version, sha256, delivery }, set.node))
    }

    /// Notes that a document was stored for a request that was then refused, best effort: without the note it is never
    /// deleted.
    async fn note_unused(&self, document: &Document, now: Timestamp) {
        if let Err(error) = self.store.write(&note_unused(document.sha256(), now)).await {
            tracing::warn!(error = chain(&error), "a document is left that no node uses");
        }
    }

    /// Stores the version that was made last in the node's history, best effort. Without it, the version can't be shown or
    /// gone back to once another one is made.
    pub(crate) async fn remember(&self, node: &NodeId, stored: &Node, admitted: &Admitted<'_>) {
        let setting = Setting { at: admitted.now, by: admitted.actor.as_ref().map(Actor::stored) };
        if let Err(error) = self.store.write(&remember(node, stored, &setting)).await {
            tracing::warn!(%node, error = chain(&error), "a configuration's version could not be remembered");
        }
    }

    pub(crate) async fn config(&self, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let (stored, _) = self.stored_node(&node).await?;
        let desired = stored.desired.as_ref();
        let document = self.json(desired.map(|desired| &*desired.sha256)).await?;
        let applied = self.applied(&node, &stored).await?;
        let view = ConfigView {
            status: view::progress(&stored),
            desired: view::desired(&stored),
            difference: view::difference(applied.as_ref(), desired, document.as_ref()),
            document,
            reported: stored.config.as_ref().map(view::reported),
            applied,
        };
        Ok(HttpAnswer::json(200, &view).with("etag", etag(&stored)))
    }

    /// The configuration that the node runs, as far as it is known.
    async fn applied(&self, node: &NodeId, stored: &Node) -> Result<Option<AppliedView>, Problem> {
        let Some(version) = stored.applied else { return Ok(None) };
        let desired = stored.desired.as_ref().filter(|desired| desired.version == version);
        let sha256 = if let Some(desired) = desired {
            Some(desired.sha256.clone())
        } else {
            self.history(node).await?.sha256(version).map(str::to_owned)
        };
        let document = self.json(sha256.as_deref()).await?;
        Ok(Some(AppliedView { version, sha256, document }))
    }

    /// The document with this hash as JSON, if there is one.
    pub(crate) async fn json(&self, sha256: Option<&str>) -> Result<Option<Json>, Problem> {
        let Some(sha256) = sha256 else { return Ok(None) };
        let document = self.documents.get(&self.store, sha256).await.map_err(|error| failed(&error))?;
        document.map(|document| document.json()).transpose().map_err(|error| internal(&error))
    }

    /// Sets the desired configuration of the next nodes of a site. The request is to be repeated with the cursor and
    /// the same document until there is no cursor. Without `replace=true`, nodes keep what was set for them alone.
    pub(crate) async fn set_site_config(&self, admitted: &Admitted<'_>, site: &str) -> Answered {
        let site: Site = parse(site, "site")?;
        let replaces_own = flag(admitted, "replace")?;
        let document = Document::parse(&admitted.body()?)?;
        let (secret, list) = (self.keys.secret(), format!("config of {site:?}: {}", document.sha256()));
        let after = admitted.parameter("cursor").map(|cursor| cursor::read(&secret, &list, cursor)).transpose()?;
        let page = self.store.page_of_site(&site, after, SITE_PAGE).await;
        let (nodes, next) = page.map_err(|error| failed(&error))?;
        let update = |node: &NodeId| set_site_config(node, document.sha256(), replaces_own);
        let nodes = nodes.iter().map(|(node, item)| (node, config_change(update(node).apply(Some(item)))));
        let nodes: Vec<_> = nodes.collect();
        if nodes.iter().any(|(_, predicted)| predicted.as_ref().is_ok_and(|desired| desired.changed)) {
            self.store_document(&document, admitted.now).await?;
        }
        let results = nodes.into_iter().map(async |(node, predicted)| {
            let set = match predicted {
                Ok(_) => self.set_and_push(node, &document, update(node), admitted).await,
                Err(problem) => Err(problem),
            };
            (node.to_string(), set)
        });
        let results: Vec<_> = stream::iter(results).buffer_unordered(AT_ONCE).collect().await;
        let mut set = SiteConfigSet::default();
        for (node, result) in results {
            match result.map(|(set, _)| set.delivery) {
                Ok(DeliveryState::Pushed) => set.pushed += 1,
                Ok(DeliveryState::Pending) => set.pending += 1,
                Ok(DeliveryState::Unchanged) => set.unchanged += 1,
                Err(problem) if problem.code == ProblemCode::OwnConfig => {
                    set.kept += 1;
                    set.kept_nodes.extend(Some(node).filter(|_| set.kept_nodes.len() < KEPT_NAMED));
                }
                Err(problem) => {
                    let (status, reason) = (problem.status, problem.code);
                    tracing::info!(node, status, %reason, outcome = "refused", "config");
                    set.failed.push(BatchResult { node, status: problem.status, problem: Some(problem) });
                }
            }
        }
        set.cursor = next.map(|next| cursor::write(&secret, &list, &next));
        Ok(HttpAnswer::json(200, &set))
    }
}

/// The result of setting a configuration, if the node does not change before.
fn predicted(node: &NodeId, item: &Item, document: &Document, expected: &Expected) -> Result<ConfigChange, Problem> {
    config_change(set_config(node, document.sha256(), expected).apply(Some(item)))
}

pub(crate) fn config_change(outcome: Outcome) -> Result<ConfigChange, Problem> {
    config_set(outcome).map_err(|error| internal(&error))?.map_err(denied)
}
