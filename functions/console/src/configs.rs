//! What nodes are to run.

use futures_util::future::join;
use futures_util::{StreamExt as _, stream};
use rollcall_aws::http::HttpAnswer;
use rollcall_aws::{Connections, Documents, chain, config_news};
use rollcall_core::{Node, NodeId, Site, Timestamp, Wanted, remember, want_config, wanted};
use rollcall_wire::console::{
    AppliedView, BatchResult, ConfigSet, ConfigView, DeliveryState, Problem, ProblemCode, SiteConfigSet,
};
use rollcall_wire::{Document, Json, ServerMessage};

use crate::handle::{Answered, Asked, Console, denied, failed, internal, parse};
use crate::{cursor, view};

/// How many nodes of a site are set in one request: what fits its 30 seconds with ease (Amazon API Gateway quotas).
const SITE_PAGE: i32 = 100;
/// How many of them are under way at once.
const AT_ONCE: usize = 16;

impl<D: Documents, C: Connections> Console<D, C> {
    pub(crate) async fn set_config(&self, asked: &Asked<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let expected = if_match(asked)?;
        let document = self.keep(asked).await?;
        let set = self.want(&node, &document, expected, asked.now).await?;
        let tag = etag(set.version);
        Ok(HttpAnswer::json(200, &set).with("etag", tag))
    }

    /// Keeps the document of the body: nobody is told of one that can't be read.
    async fn keep(&self, asked: &Asked<'_>) -> Result<Document, Problem> {
        let document = Document::parse(&asked.body()?)?;
        self.documents.put(document.clone()).await.map_err(|error| failed(&error))?;
        Ok(document)
    }

    /// Sets what a node is to run, and pushes it.
    async fn want(
        &self,
        node: &NodeId,
        document: &Document,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<ConfigSet, Problem> {
        let outcome = self.write(&want_config(node, document.sha256(), expected)).await?;
        let set = wanted(outcome, document.sha256(), expected).map_err(|error| internal(&error))?.map_err(denied)?;
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
        Ok(ConfigSet { node: node.to_string(), version, sha256, delivery })
    }

    /// Best effort: without it, the difference is not known once something else is wanted.
    async fn remember(&self, node: &NodeId, set: &Wanted) {
        if let Err(error) = self.store.remember(node, &remember(&set.node, &set.config)).await {
            tracing::warn!(%node, error = chain(&error), "a configuration's version could not be remembered");
        }
    }

    pub(crate) async fn config(&self, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let stored = self.known(&node).await?;
        let wanted = stored.wanted.as_ref();
        let document = self.json(wanted.map(|wanted| &*wanted.sha256)).await?;
        let applied = self.applied(&node, &stored).await?;
        let view = ConfigView {
            status: view::progress(&stored),
            wanted: view::wanted(&stored),
            difference: view::difference(applied.as_ref(), wanted, document.as_ref()),
            document,
            reported: stored.config.as_ref().map(view::reported),
            applied,
        };
        let version = wanted.map_or(0, |wanted| wanted.version);
        Ok(HttpAnswer::json(200, &view).with("etag", etag(version)))
    }

    /// What the node runs, as far as it is known.
    async fn applied(&self, node: &NodeId, stored: &Node) -> Result<Option<AppliedView>, Problem> {
        let Some(version) = stored.applied else { return Ok(None) };
        let wanted = stored.wanted.as_ref().filter(|wanted| wanted.version == version);
        let sha256 = if let Some(wanted) = wanted {
            Some(wanted.sha256.clone())
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

    /// Sets what the next nodes of a site are to run. Whoever asks goes on with the cursor until there is none.
    pub(crate) async fn set_site_config(&self, asked: &Asked<'_>, site: &str) -> Answered {
        let site: Site = parse(site, "site")?;
        let (secret, list) = (self.keys.secret(), format!("config of {site:?}"));
        let after = asked.parameter("cursor").map(|cursor| cursor::read(&secret, &list, cursor)).transpose()?;
        let document = self.keep(asked).await?;
        let page = self.store.page_of_site(&site, after, SITE_PAGE).await;
        let (nodes, next) = page.map_err(|error| failed(&error))?;
        let results = nodes
            .iter()
            .map(|(node, _)| async { (node.to_string(), self.want(node, &document, None, asked.now).await) });
        let results: Vec<_> = stream::iter(results).buffer_unordered(AT_ONCE).collect().await;
        let mut set = SiteConfigSet::default();
        for (node, result) in results {
            match result.map(|set| set.delivery) {
                Ok(DeliveryState::Pushed) => set.pushed += 1,
                Ok(DeliveryState::Pending) => set.pending += 1,
                Ok(DeliveryState::Unchanged) => set.unchanged += 1,
                Err(problem) => {
                    set.failed.push(BatchResult { node, status: problem.status, problem: Some(problem) });
                }
            }
        }
        set.cursor = next.map(|next| cursor::write(&secret, &list, &next));
        Ok(HttpAnswer::json(200, &set))
    }
}

/// The version that must be wanted now: `If-Match: "7"` (RFC 9110, section 13.1.1); nothing for any.
fn if_match(asked: &Asked<'_>) -> Result<Option<u64>, Problem> {
    let Some(header) = asked.request.headers.get("if-match") else { return Ok(None) };
    let version = header.to_str().ok().map(str::trim).and_then(|text| match text {
        "*" => Some(None),
        text => text.strip_prefix('"')?.strip_suffix('"')?.parse().ok().map(Some),
    });
    version.ok_or_else(|| {
        let detail = "If-Match: must be one version in quotes, such as \"7\", or *";
        Problem::new(ProblemCode::InvalidParameter, detail)
    })
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}
