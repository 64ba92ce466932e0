//! Listing the nodes that a rollout is for.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use rollcall_core::{
    About, Key, Model, ModelSettings, Node, NodeId, Place, Rollout, RolloutName, Selector, Site, Target, TargetState,
    Timestamp, list_target,
};
use rollcall_wire::console::Problem;

use super::spec::{Change, Told};
use super::step::Step;
use super::telling::AT_ONCE;
use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Console};
use crate::console::refusal::{failed, internal};
use crate::queue::Queue;
use crate::store::{PageKey, Store};

/// How many nodes one step reads.
const PAGE: i32 = 100;
/// How many targets are read at once to count them.
const COUNTED: u64 = 1_000;
/// Why a node is skipped whose model has a minimum above the version.
pub(super) const BELOW_MINIMUM: &str = "below-minimum";
/// The key of the label that keeps a node out of rollouts.
const PINNED: &str = "pin";

/// What holds for the firmware of each model that was looked at so far.
pub(super) type Models = BTreeMap<Model, ModelSettings>;

/// A node that is read from the table.
pub(super) type Read = (NodeId, Node, About);

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Lists the next nodes of a rollout, and claims them. It stops at a node that a rival has.
    pub(super) async fn list_targets(
        &self,
        name: &RolloutName,
        read: &Rollout,
        told: &Told,
        admitted: &Admitted<'_>,
    ) -> Result<Step, Problem> {
        let mut rollout = read.clone();
        let (nodes, next) = self.page_of(&told.select, read.listed_to.as_ref()).await?;
        let (mut found, mut to, mut models) = (vec![], read.listed_to.clone(), Models::new());
        // The nodes are listed again for those that were registered since.
        let is_again = read.passed > 0;
        for node in nodes {
            let id = node.0.clone();
            if !self.is_meant(&told.select, &node, admitted.now) || (is_again && self.is_target(name, &id).await?) {
                to = Some(id);
                continue;
            }
            let why_not = self.why_not(&node.1, &node.2, &told.change, &mut models).await?;
            if why_not.is_none()
                && let Err(rival) = self.claim(&id, (name, read)).await?
            {
                // Those that have told nodes wait for nobody: two could wait for each other.
                if is_again {
                    to = Some(id);
                    continue;
                }
                rollout.found += self.list_all(name, &found).await?;
                rollout.listed_to = to;
                rollout.reason = format!("it waits for the rollout {rival}, which has the node {id}");
                return self.save(name, read, &rollout, None, admitted, false).await;
            }
            let is_first = told.first.as_ref().is_some_and(|first| self.is_meant(first, &node, admitted.now));
            let place = Place::of(name, &id, is_first);
            let is_passed = read.passed_to.as_ref().is_some_and(|to| place <= *to);
            let place = if is_passed { Place::late(name, &id) } else { place };
            let target = Target::listed(node.1.site.clone());
            let target = match &why_not {
                Some(why) => target.now(TargetState::Skipped, Some(why)),
                None => target,
            };
            found.push((place, target));
            to = Some(id);
        }
        let found = self.list_all(name, &found).await?;
        // Of the last page, nothing is behind it. The nodes at the end of another one may have left the site meanwhile.
        let last = next.map(|next| Key::read(&next.pk, &next.sk).ok().flatten().and_then(|key| key.node().cloned()));
        rollout.listed(found, last.and_then(|last| last.or(to)));
        if is_again && rollout.listed_to.is_none() {
            rollout.total = read.passed + self.count_behind(name, read).await?;
        }
        "its nodes are being listed".clone_into(&mut rollout.reason);
        self.save(name, read, &rollout, None, admitted, true).await
    }

    /// Lists these targets, some at the same time. Returns how many they are.
    ///
    /// Nodes are claimed one after the other, as long as no rival has one: two rollouts that claim the same nodes in another
    /// order could wait for each other.
    async fn list_all(&self, name: &RolloutName, targets: &[(Place, Target)]) -> Result<u64, Problem> {
        let listing = targets.iter().map(async |(place, target)| {
            // A refusal says that it is listed already.
            self.write(&list_target(name, place, target)).await.map(drop)
        });
        let listed: Vec<_> = stream::iter(listing).buffer_unordered(AT_ONCE).collect().await;
        listed.into_iter().collect::<Result<(), _>>()?;
        Ok(targets.len() as u64)
    }

    /// Whether a node is a target of a rollout.
    async fn is_target(&self, name: &RolloutName, id: &NodeId) -> Result<bool, Problem> {
        for place in Place::all(name, id) {
            let item = self.store.read(&Key::Target(name.clone(), place)).await;
            if item.map_err(|error| failed(&error))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many targets of a rollout are still to be told. Nodes that the selector does not mean any more are among them.
    async fn count_behind(&self, name: &RolloutName, read: &Rollout) -> Result<u64, Problem> {
        let (mut count, mut after) = (0, read.passed_to.clone());
        loop {
            let targets = self.targets(name, after.as_ref(), COUNTED).await?;
            count += targets.len() as u64;
            if (targets.len() as u64) < COUNTED {
                return Ok(count);
            }
            after = targets.last().map(|(place, _)| place.clone());
        }
    }

    /// The next nodes that a selector may mean, and where they end.
    pub(super) async fn page_of(
        &self,
        select: &Selector,
        after: Option<&NodeId>,
    ) -> Result<(Vec<Read>, Option<PageKey>), Problem> {
        let after = after.map(|node| PageKey::from(&Key::Node(node.clone())));
        let page = match select.only_site().and_then(|site| site.parse::<Site>().ok()) {
            Some(site) => self.store.page_of_site(&site, after, PAGE).await,
            None => self.store.page_of_all(after, PAGE).await,
        };
        let (items, next) = page.map_err(|error| failed(&error))?;
        let ids: Vec<_> = items.iter().map(|(id, _)| id.clone()).collect();
        let mut abouts = self.abouts(&ids).await?;
        let nodes = items.into_iter().map(|(id, item)| {
            let node = Node::read(&item).map_err(|error| internal(&error))?;
            let about = abouts.remove(&id).unwrap_or_default();
            Ok((id, node, about))
        });
        Ok((nodes.collect::<Result<_, Problem>>()?, next))
    }

    /// Whether a selector means a node that is registered.
    pub(super) fn is_meant(&self, select: &Selector, (id, node, about): &Read, now: Timestamp) -> bool {
        node.credentials.is_some() && select.has(&rollcall_core::Selectable::of(id, node, about, now, &self.policy))
    }

    /// Why a node is not told; `None` if it is. What holds for the models is read once for many nodes.
    pub(super) async fn why_not(
        &self,
        node: &Node,
        about: &About,
        change: &Change,
        models: &mut Models,
    ) -> Result<Option<String>, Problem> {
        let why = |why: &str| Ok(Some(why.to_owned()));
        if node.revoked || node.credentials.is_none() {
            return why("revoked");
        }
        if about.labels.iter().any(|(key, _)| key == PINNED) {
            return why("pinned");
        }
        match change {
            Change::Config(document) => {
                let is_desired = node.desired.as_ref().is_some_and(|desired| desired.sha256 == document.sha256());
                if is_desired { why("unchanged") } else { Ok(None) }
            }
            Change::Firmware(version) => {
                let Some(model) = node.model.as_deref().and_then(|model| model.parse::<Model>().ok()) else {
                    return why("other-model");
                };
                let image = self.firmware.get(&self.store, &model, version).await.map_err(|error| failed(&error))?;
                if image.is_none() {
                    return why("noartifact");
                }
                if !models.contains_key(&model) {
                    models.insert(model.clone(), self.settings_of(&model).await?);
                }
                if models.get(&model).is_some_and(|settings| !settings.admits(version)) {
                    return why(BELOW_MINIMUM);
                }
                let is_desired = node.desired_firmware.as_deref() == Some(version.as_str());
                let is_there = node.firmware.as_deref() == Some(version.as_str());
                if is_desired || (is_there && node.desired_firmware.is_none()) {
                    why("already-installed")
                } else {
                    Ok(None)
                }
            }
            Change::Command(_) => Ok(None),
        }
    }

    /// Stores how far a rollout is, if that is another place than before. If somebody else has stored it meanwhile, the next
    /// step reads it anew.
    pub(super) async fn save(
        &self,
        name: &RolloutName,
        read: &Rollout,
        rollout: &Rollout,
        event: Option<super::Event>,
        admitted: &Admitted<'_>,
        goes_on: bool,
    ) -> Result<Step, Problem> {
        if rollout != read && !self.keep_rollout(name, read, rollout, event, admitted).await? {
            return Ok(Step::Lost);
        }
        Ok(if goes_on { Step::GoesOn } else { Step::Waits })
    }
}
