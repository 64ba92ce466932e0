//! The console's requests about earlier versions of a node's configuration.

use std::collections::BTreeMap;

use rollcall_core::{
    Actor, Denied, Expected, History, Key, LAST_NUMBER, Node, NodeId, Remembered, Version, config_unset,
    roll_back_config, unset_config,
};
use rollcall_wire::Json;
use rollcall_wire::console::{
    ConfigUnset, ConfigVersionPage, ConfigVersionView, Problem, ProblemCode, RolledBack, RollingBack, VersionDifference,
};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::conditions::etag;
use crate::console::configs::config_change;
use crate::console::export::flag;
use crate::console::handle::{Admitted, Answered, Console, number, object, parse};
use crate::console::refusal::{denied, failed, internal};
use crate::console::view;
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::Store;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// The versions of a node's configuration that are remembered, the newest first.
    pub(crate) async fn config_versions(&self, node: &str) -> Answered {
        let (stored, versions) = self.versions(&parse(node, "node")?).await?;
        let mut views = vec![];
        let mut names = BTreeMap::new();
        for version in &versions {
            views.push(self.version_view(version, &mut names).await?);
        }
        Ok(HttpAnswer::json(200, &ConfigVersionPage { versions: views }).with("etag", etag(&stored)))
    }

    /// One version, with its document.
    pub(crate) async fn config_version(&self, node: &str, version: &str) -> Answered {
        let node = parse(node, "node")?;
        let version = numbered("version", version)?;
        let (_, versions) = self.versions(&node).await?;
        let (view, document) = self.version_of(&versions, version).await?;
        Ok(HttpAnswer::json(200, &ConfigVersionView { document: Some(document), ..view }))
    }

    /// How two versions differ.
    pub(crate) async fn config_difference(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node = parse(node, "node")?;
        let named = |name: &str| {
            let missing = || invalid(format!("{name}: the number of a version must be given"));
            numbered(name, admitted.parameter(name).ok_or_else(missing)?)
        };
        let (from, to) = (named("from")?, named("to")?);
        let (_, versions) = self.versions(&node).await?;
        let (from, before) = self.version_of(&versions, from).await?;
        let (to, after) = self.version_of(&versions, to).await?;
        let difference = rollcall_wire::difference(&before, &after);
        Ok(HttpAnswer::json(200, &VersionDifference { from, to, difference }))
    }

    /// Makes an earlier version's document desired again, in a new version. With `dry_run=true`, it only says what would
    /// be done.
    pub(crate) async fn roll_back_config(&self, admitted: &Admitted<'_>, node: &str, expected: &Expected) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let RollingBack { to } = object(&admitted.body()?)?;
        let is_dry = flag(admitted, "dry_run")?;
        let (stored, item) = self.stored_node(&node).await?;
        if stored.revoked || stored.credentials.is_none() {
            return Err(denied(if stored.revoked { Denied::Revoked } else { Denied::Unknown }));
        }
        if !expected.allows(&item) {
            return Err(denied(Denied::Stale { current: stored.config_version }));
        }
        let (to, sha256) = target(&stored, &self.history(&node).await?, to)?;
        let document = self.documents.get(&self.store, &sha256).await.map_err(|error| failed(&error))?;
        let document = document.ok_or_else(|| gone(to.version))?;
        let from = stored.config_version;
        let update = roll_back_config(&node, &sha256, from, to.origin);
        let predicted = config_change(update.apply(Some(&item)))?;
        let mut back = RolledBack {
            node: node.to_string(),
            from,
            to: to.version,
            version: predicted.config.version,
            sha256,
            delivery: None,
        };
        if is_dry {
            return Ok(HttpAnswer::json(200, &back).with("etag", etag(&stored)));
        }
        if predicted.changed {
            self.store_document(&document, admitted.now).await?;
        }
        let (set, stored) = self.set_and_push(&node, &document, update, admitted).await?;
        (back.version, back.delivery) = (set.version, Some(set.delivery));
        Ok(HttpAnswer::json(200, &back).with("etag", etag(&stored)))
    }

    /// Makes no configuration desired of a node any more. The node keeps what it runs, and is told nothing.
    pub(crate) async fn unset_config(&self, admitted: &Admitted<'_>, node: &str, expected: &Expected) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let (stored, changed) = self.unset(&node, expected, admitted).await?;
        let (version, applied) = (stored.config_version, stored.applied);
        let unset = ConfigUnset { node: node.to_string(), version, changed, applied };
        Ok(HttpAnswer::json(200, &unset).with("etag", etag(&stored)))
    }

    /// The same. Returns the node as it is stored then, and whether anything was desired.
    pub(crate) async fn unset(
        &self,
        node: &NodeId,
        expected: &Expected,
        admitted: &Admitted<'_>,
    ) -> Result<(Node, bool), Problem> {
        let outcome = self.write(&admitted.by(unset_config(node, expected))).await?;
        let (stored, changed) = config_unset(outcome).map_err(|error| internal(&error))?.map_err(denied)?;
        if changed {
            self.remember(node, &stored, admitted).await;
        }
        tracing::info!(%node, version = stored.config_version, changed, outcome = "unset", "config");
        Ok((stored, changed))
    }

    pub(crate) async fn history(&self, node: &NodeId) -> Result<History, Problem> {
        let item = self.store.read(&Key::History(node.clone())).await.map_err(|error| failed(&error))?;
        let history = item.as_ref().map(History::read).transpose().map_err(|error| internal(&error))?;
        Ok(history.unwrap_or_default())
    }

    async fn versions(&self, node: &NodeId) -> Result<(Node, Vec<Version>), Problem> {
        let (stored, _) = self.stored_node(node).await?;
        let versions = self.history(node).await?.versions(&stored);
        Ok((stored, versions))
    }

    /// One of these versions, with its document.
    async fn version_of(&self, versions: &[Version], number: u64) -> Result<(ConfigVersionView, Json), Problem> {
        let version = versions.iter().find(|version| version.remembered.version == number);
        let version = version.ok_or_else(|| not_remembered(number))?;
        let sha256 = version.remembered.sha256.as_deref().ok_or_else(|| without_document(number))?;
        let document = self.json(Some(sha256)).await?.ok_or_else(|| gone(number))?;
        Ok((self.version_view(version, &mut BTreeMap::new()).await?, document))
    }

    /// The view of a version. `names` has the names of actors that were read before.
    async fn version_view(
        &self,
        version: &Version,
        names: &mut BTreeMap<String, String>,
    ) -> Result<ConfigVersionView, Problem> {
        let Some(by) = version.remembered.setting.as_ref().and_then(|setting| setting.by.clone()) else {
            return Ok(view::config_version(version, None));
        };
        if let (Some(key), false) = (Actor::kept_at(&by), names.contains_key(&by)) {
            let item = self.store.read(&key).await.map_err(|error| failed(&error))?;
            let actor = item.as_ref().map(Actor::read).transpose().map_err(|error| internal(&error))?.flatten();
            names.insert(by.clone(), actor.map_or_else(|| by.clone(), |actor| actor.name().to_owned()));
        }
        let name = names.get(&by).cloned().unwrap_or(by);
        Ok(view::config_version(version, Some(name)))
    }
}

/// The version to go back to, and the hash of its document.
fn target(stored: &Node, history: &History, to: Option<u64>) -> Result<(Remembered, String), Problem> {
    let remembered = match to {
        Some(number) => {
            let mut versions = history.versions(stored).into_iter().map(|version| version.remembered);
            versions.find(|remembered| remembered.version == number).ok_or_else(|| not_remembered(number))?
        }
        None => history.before(stored).cloned().ok_or_else(|| {
            let detail = "no earlier version of the node's configuration is remembered that has another document";
            Problem::new(ProblemCode::NoEarlierVersion, detail)
        })?,
    };
    let sha256 = remembered.sha256.clone().ok_or_else(|| without_document(remembered.version))?;
    Ok((remembered, sha256))
}

/// The number of a version.
fn numbered(name: &str, text: &str) -> Result<u64, Problem> {
    let version = number(text).filter(|version| (1..=LAST_NUMBER).contains(version));
    version.ok_or_else(|| invalid(format!("{name}: must be the number of a version, from 1 to {LAST_NUMBER}")))
}

fn not_remembered(version: u64) -> Problem {
    let detail =
        format!("version {version} of the node's configuration is not remembered: the list has those that are");
    Problem::new(ProblemCode::UnknownVersion, detail)
}

fn without_document(version: u64) -> Problem {
    let detail = format!("version {version} has no document: it counts that no configuration was desired any more");
    Problem::new(ProblemCode::UnknownVersion, detail)
}

fn gone(version: u64) -> Problem {
    let detail = format!("the document of version {version} was deleted, because no node has used it for long");
    Problem::new(ProblemCode::DocumentGone, detail)
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::InvalidParameter, detail)
}

#[cfg(test)]
#[path = "versions_tests.rs"]
mod tests;
