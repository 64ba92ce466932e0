//! What nodes are to run.

use futures_util::future::join;
use futures_util::{StreamExt as _, stream};
use rollcall_aws::http::HttpAnswer;
use rollcall_aws::{Connections, Documents, chain, config_news};
use rollcall_core::{
    ConfigChange, Expected, Item, Node, NodeId, Outcome, Site, Timestamp, config_set, remember, set_config,
};
use rollcall_wire::console::{AppliedView, BatchResult, ConfigSet, ConfigView, DeliveryState, Problem, SiteConfigSet};
use rollcall_wire::{Document, Json, ServerMessage};

use crate::conditions::etag;
use crate::handle::{Answered, Asked, Console, parse};
use crate::refusal::{denied, failed, internal};
use crate::{cursor, view};

/// How many nodes of a site are set in one request: what fits its 30 seconds with ease (Amazon API Gateway quotas).
const SITE_PAGE: i32 = 100;
/// How many of them are under way at once.
const AT_ONCE: usize = 16;

impl<D: Documents, C: Connections> Console<D, C> {
    /// Sets what a node is to run. The document is kept before a node can ask for it, and after it was seen that it will be
    /// desired: what is refused leaves nothing behind. (Only who loses a race between the two leaves a document, which is
    /// not taken away again: somebody else may want the same one by now.)
    pub(crate) async fn set_config(&self, asked: &Asked<'_>, node: &str, expected: &Expected) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let document = Document::parse(&asked.body()?)?;
        let (_, item) = self.found(&node).await?;
        if foreseen(&node, &item, &document, expected)?.changed {
            self.keep(&document).await?;
        }
        let (set, stored) = self.want(&node, &document, expected, asked.now).await?;
        Ok(HttpAnswer::json(200, &set).with("etag", etag(&stored)))
    }

    async fn keep(&self, document: &Document) -> Result<(), Problem> {
        self.documents.put(document.clone()).await.map_err(|error| failed(&error))
    }

    /// Sets what a node is to run, and pushes it; says what came of it, and what the node is then.
    async fn want(
        &self,
        node: &NodeId,
        document: &Document,
        expected: &Expected,
        now: Timestamp,
    ) -> Result<(ConfigSet, Node), Problem> {
        let outcome = self.write(&set_config(node, document.sha256(), expected)).await?;
        let set = settled(outcome, document, expected)?;
        let delivery = match (set.changed, set.node.news()) {
            (false, None) => DeliveryState::Unchanged,
            // It is pushed again if the node has not reported on it: the first try may have been lost.
            (changed, _) => {
                let news = ServerMessage::Config(config_news(set.config.version, document, 0));
                let push = self.push(node, &set.node, &news, now);
                let (delivery, ()) = join(push, self.remember(node, &set)).await;
                if changed { delivery } else { DeliveryState::Unchanged }
            }
        };
        let (version, sha256) = (set.config.version, set.config.sha256);
        tracing::info!(%node, version, outcome = ?delivery, "config");
        Ok((ConfigSet { node: node.to_string(), version, sha256, delivery }, set.node))
    }

    /// Best effort: without it, the difference is not known once something else is desired.
    async fn remember(&self, node: &NodeId, set: &ConfigSet) {
        if let Err(error) = self.store.remember(node, &remember(&set.node, &set.config)).await {
            tracing::warn!(%node, error = chain(&error), "a configuration's version could not be remembered");
        }
    }

    pub(crate) async fn config(&self, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let (stored, _) = self.found(&node).await?;
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

    /// What the node runs, as far as it is known.
    async fn applied(&self, node: &NodeId, stored: &Node) -> Result<Option<AppliedView>, Problem> {
        let Some(version) = stored.applied else { return Ok(None) };
        let desired = stored.desired.as_ref().filter(|desired| desired.version == version);
        let sha256 = if let Some(desired) = desired {
            Some(desired.sha256.clone())
        } else {
            let history = self.store.history(node).await.map_err(|error| failed(&error))?;
            history.sha256(version).map(str::to_owned)
        };
        let document = self.json(sha256.as_deref()).await?;
        Ok(Some(AppliedView { version, sha256, document }))
    }

    /// What the document with this hash says, if there is one.
    async fn json(&self, sha256: Option<&str>) -> Result<Option<Json>, Problem> {
        let Some(sha256) = sha256 else { return Ok(None) };
        let document = self.documents.get(sha256).await.map_err(|error| failed(&error))?;
        document.map(|document| document.json()).transpose().map_err(|error| internal(&error))
    }

    /// Sets what the next nodes of a site are to run. Whoever asks goes on with the cursor, and the same document, until
    /// there is none.
    pub(crate) async fn set_site_config(&self, asked: &Asked<'_>, site: &str) -> Answered {
        let site: Site = parse(site, "site")?;
        let document = Document::parse(&asked.body()?)?;
        let (secret, list) = (self.keys.secret(), format!("config of {site:?}: {}", document.sha256()));
        let after = asked.parameter("cursor").map(|cursor| cursor::read(&secret, &list, cursor)).transpose()?;
        let page = self.store.page_of_site(&site, after, SITE_PAGE).await;
        let (nodes, next) = page.map_err(|error| failed(&error))?;
        let any = Expected::default();
        let nodes = nodes.iter().map(|(node, item)| (node, foreseen(node, item, &document, &any)));
        let nodes: Vec<_> = nodes.collect();
        if nodes.iter().any(|(_, foreseen)| foreseen.as_ref().is_ok_and(|desired| desired.changed)) {
            self.keep(&document).await?;
        }
        let results = nodes.into_iter().map(async |(node, foreseen)| {
            let set = match foreseen {
                Ok(_) => self.want(node, &document, &any, asked.now).await,
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
                Err(problem) => {
                    tracing::info!(node, status = problem.status, reason = %problem.code, outcome = "refused", "config");
                    set.failed.push(BatchResult { node, status: problem.status, problem: Some(problem) });
                }
            }
        }
        set.cursor = next.map(|next| cursor::write(&secret, &list, &next));
        Ok(HttpAnswer::json(200, &set))
    }
}

/// What setting a configuration will come to, unless the node changes before.
fn foreseen(node: &NodeId, item: &Item, document: &Document, expected: &Expected) -> Result<ConfigChange, Problem> {
    settled(set_config(node, document.sha256(), expected).apply(Some(item)), document, expected)
}

fn settled(outcome: Outcome, document: &Document, expected: &Expected) -> Result<ConfigChange, Problem> {
    config_set(outcome, document.sha256(), expected).map_err(|error| internal(&error))?.map_err(denied)
}
