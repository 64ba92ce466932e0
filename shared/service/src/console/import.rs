//! Importing nodes from the application's database: what is desired of each, as far as it is not so already.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use rollcall_core::{
    About, Amending, Describing, Expected, FirmwareVersion, Item, Model, Node, NodeId, Outcome, Update, granted,
    raise_config, register_or_amend, restore_config, revoke, set_config, set_firmware,
};
use rollcall_wire::Document;
use rollcall_wire::console::{IMPORT_NODES, ImportResult, ImportedField, NodeImport, Problem, ProblemCode};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::about::{self, describing, is_valid};
use crate::console::batch::{Element, elements};
use crate::console::export::flag;
use crate::console::handle::{Admitted, Answered, Console, object, parse};
use crate::console::import_commands::{Commands, number};
use crate::console::nodes::{amended, amending};
use crate::console::refusal::{denied, failed, internal};
use crate::console::unchanged;
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::Store;

/// How many nodes are imported at the same time.
const AT_ONCE: usize = 16;

/// What is desired of a node.
pub(super) struct Desired {
    pub(super) node: NodeId,
    registration: Amending,
    describing: Describing,
    pub(super) revoked: bool,
    config: Option<Document>,
    firmware: Option<FirmwareVersion>,
    config_version: Option<u64>,
    pub(super) commands: Commands,
    if_unchanged: Option<String>,
}

/// A node while it is imported.
pub(super) struct Import<'a> {
    pub(super) desired: &'a Desired,
    /// The node's item as it was read, or as it was written since; `None` if there is none.
    pub(super) item: Option<Item>,
    /// What people call it.
    about: About,
    /// Whether nothing is written.
    pub(super) is_dry: bool,
    pub(super) changed: Vec<ImportedField>,
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Imports up to [`IMPORT_NODES`] nodes, each with its own result, in the order in which they were given. With
    /// `dry_run=true`, it only says what would be changed.
    pub(crate) async fn import(&self, admitted: &Admitted<'_>) -> Answered {
        let is_dry = flag(admitted, "dry_run")?;
        unchanged::is_here(&self.keys.secret(), admitted.parameter("stack"))?;
        let body = admitted.body()?;
        let read = |element: Element<'_>| (element.shown(), desired(&element));
        let nodes: Vec<_> = elements(&body, IMPORT_NODES)?.into_iter().map(read).collect();
        let ids: Vec<_> = nodes.iter().filter_map(|(_, desired)| Some(desired.as_ref().ok()?.node.clone())).collect();
        let items = self.store.nodes(&ids).await.map_err(|error| failed(&error))?;
        let items: BTreeMap<NodeId, Item> = items.into_iter().collect();
        let abouts = self.abouts(&ids).await?;
        let results = nodes.into_iter().map(async |(name, desired)| {
            let (changed, problem) = match desired {
                Ok(desired) => {
                    let item = items.get(&desired.node).cloned();
                    let about = abouts.get(&desired.node).cloned().unwrap_or_default();
                    let mut import = Import { desired: &desired, item, about, is_dry, changed: vec![] };
                    let problem = self.import_one(&mut import, admitted).await.err();
                    (import.changed, problem)
                }
                Err(problem) => (vec![], Some(problem)),
            };
            let status = problem.as_ref().map_or(200, |problem| problem.status);
            let reason = problem.as_ref().map(|problem| problem.code.to_string());
            if problem.is_some() || !changed.is_empty() {
                tracing::info!(node = name, status, reason, is_dry, outcome = "answered", "import");
            }
            ImportResult { node: name, status, changed, problem }
        });
        let results: Vec<ImportResult> = stream::iter(results).buffered(AT_ONCE).collect().await;
        Ok(HttpAnswer::json(200, &results))
    }

    /// Changes what of a node is not as it is to be. Nothing is changed that is so already.
    async fn import_one(&self, import: &mut Import<'_>, admitted: &Admitted<'_>) -> Result<(), Problem> {
        if let Some(condition) = &import.desired.if_unchanged {
            let node = import.stored()?;
            let id = &import.desired.node;
            unchanged::holds(&self.keys.secret(), condition, id, node.as_ref(), &import.about)?;
        }
        is_valid(&import.desired.describing, &import.about)?;
        self.import_registration(import, admitted).await?;
        self.import_about(import).await?;
        self.import_config(import, admitted).await?;
        self.import_firmware(import, admitted).await?;
        self.import_commands(import, admitted).await?;
        if import.desired.revoked && !import.stored()?.is_some_and(|node| node.revoked) {
            let node = &import.desired.node;
            let outcome = self.try_out(import, &admitted.by(revoke(node))).await?;
            let stored = import.take(outcome)?;
            import.changed.push(ImportedField::Revoked);
            if !import.is_dry {
                self.dismiss_outdated(node, &stored, admitted.now).await;
            }
        }
        Ok(())
    }

    async fn import_registration(&self, import: &mut Import<'_>, admitted: &Admitted<'_>) -> Result<(), Problem> {
        let (desired, stored) = (import.desired, import.stored()?);
        // Of a node that is and stays revoked, nothing else is kept.
        if desired.revoked && stored.as_ref().is_some_and(|node| node.revoked) {
            return Ok(());
        }
        let update = register_or_amend(&desired.node, &desired.registration);
        let mut fields = vec![];
        // A write that is refused is made as well: its answer says why.
        if let Outcome::Applied { after } = update.apply(import.item.as_ref()) {
            fields = differing(stored.as_ref(), &Node::read(&after).map_err(|error| internal(&error))?);
            if fields.is_empty() {
                return Ok(());
            }
        }
        let outcome = self.try_out(import, &admitted.by(update)).await?;
        let stored = import.take(outcome)?;
        import.changed.extend(fields);
        if !import.is_dry {
            self.dismiss_outdated(&desired.node, &stored, admitted.now).await;
        }
        Ok(())
    }

    async fn import_about(&self, import: &mut Import<'_>) -> Result<(), Problem> {
        // As for the registration: of a node that is and stays revoked, nothing is kept.
        if import.desired.revoked && import.stored()?.is_some_and(|node| node.revoked) {
            return Ok(());
        }
        let (desired, before) = (import.desired, import.about.clone());
        let after = desired.describing.applied_to(&before).map_err(|error| internal(&error))?;
        let fields =
            [(ImportedField::Name, before.name != after.name), (ImportedField::Labels, before.labels != after.labels)];
        if !import.is_dry {
            if desired.if_unchanged.is_some() {
                self.describe_unchanged(&desired.node, &before, &after).await?;
            } else if before != after {
                self.describe(&desired.node, &desired.describing, before).await?;
            }
        }
        import.changed.extend(fields.into_iter().filter_map(|(field, differs)| differs.then_some(field)));
        Ok(())
    }

    async fn import_config(&self, import: &mut Import<'_>, admitted: &Admitted<'_>) -> Result<(), Problem> {
        let desired = import.desired;
        let stored = import.stored()?;
        let last = stored.as_ref().map_or(0, |node| node.config_version);
        let lower = |version: &u64| last < *version;
        let Some(document) = &desired.config else {
            // Nothing was desired of the node any more, and its versions are counted on from there.
            let Some(version) = desired.config_version.filter(lower) else { return Ok(()) };
            let outcome = self.try_out(import, &admitted.by(raise_config(&desired.node, version))).await?;
            import.take(outcome)?;
            import.changed.push(ImportedField::Config);
            return Ok(());
        };
        let now = stored.and_then(|node| node.desired);
        let update = match desired.config_version.filter(lower) {
            Some(version) => restore_config(&desired.node, document.sha256(), version),
            None if now.is_some_and(|now| now.sha256 == document.sha256()) => return Ok(()),
            None => set_config(&desired.node, document.sha256(), &Expected::default()),
        };
        let update = import.conditional(update);
        let outcome = update.apply(import.item.as_ref());
        if import.is_dry {
            import.take(outcome)?;
        } else {
            self.store_document(document, admitted.now).await?;
            self.set_and_push(&desired.node, document, update, admitted).await?;
            import.wrote(outcome);
        }
        import.changed.push(ImportedField::Config);
        Ok(())
    }

    async fn import_firmware(&self, import: &mut Import<'_>, admitted: &Admitted<'_>) -> Result<(), Problem> {
        let desired = import.desired;
        let Some(version) = &desired.firmware else { return Ok(()) };
        let stored = import.stored()?;
        if stored.as_ref().and_then(|node| node.desired_firmware.as_deref()) == Some(version.as_str()) {
            return Ok(());
        }
        let model = stored.and_then(|node| node.model).ok_or_else(|| denied(rollcall_core::Denied::OtherModel))?;
        let model: Model = parse(&model, "model")?;
        let outcome = set_firmware(&desired.node, &model, version).apply(import.item.as_ref());
        if import.is_dry {
            self.may_be_desired(&model, version).await?;
            import.take(outcome)?;
        } else {
            let conditional = |update| import.conditional(update);
            self.desire_firmware(&desired.node, version, conditional, admitted).await?;
            import.wrote(outcome);
        }
        import.changed.push(ImportedField::Firmware);
        Ok(())
    }

    /// Makes a write, or finds out what it would come to.
    async fn try_out(&self, import: &Import<'_>, update: &Update) -> Result<Outcome, Problem> {
        let update = import.conditional(update.clone());
        if import.is_dry { Ok(update.apply(import.item.as_ref())) } else { self.write(&update).await }
    }
}

impl Import<'_> {
    /// A write that is refused if the node has changed, if the import has a condition.
    pub(super) fn conditional(&self, update: Update) -> Update {
        if self.desired.if_unchanged.is_none() {
            return update;
        }
        update.unless_changed_since(self.item.as_ref())
    }

    pub(super) fn stored(&self) -> Result<Option<Node>, Problem> {
        self.item.as_ref().map(Node::read).transpose().map_err(|error| internal(&error))
    }

    /// Goes on with what a write has made of the item, if nobody else has written it.
    fn wrote(&mut self, outcome: Outcome) {
        if let Outcome::Applied { after } = outcome {
            self.item = Some(after);
        }
    }

    /// Goes on with the item that is there after a write.
    pub(super) fn take(&mut self, outcome: Outcome) -> Result<Node, Problem> {
        if let Outcome::Applied { after } = &outcome {
            self.item = Some(after.clone());
        }
        granted(outcome).map_err(|error| internal(&error))?.map_err(denied)
    }
}

/// Reads what is desired of a node. An error does not stop the others.
fn desired(element: &Element<'_>) -> Result<Desired, Problem> {
    let import: NodeImport = object(element.text)?;
    let node = element.node(&import.node)?;
    let NodeImport { site, model, tags, credential_version, name, .. } = import;
    let labels = import.labels.map(|labels| about::labels(labels.unwrap_or_default())).transpose()?;
    let firmware = import.firmware.map(|version| version.parse()).transpose();
    let firmware = firmware.map_err(|error: rollcall_core::InvalidId| {
        Problem::new(ProblemCode::InvalidBody, format!("firmware: {error}"))
    })?;
    Ok(Desired {
        node,
        registration: amending(site, model, tags, credential_version)?,
        describing: Describing { labels: labels.unwrap_or_default(), ..describing(amended(name, Ok)?, None)? },
        revoked: import.revoked.unwrap_or(false),
        config: import.config.map(|config| Document::parse(config.text())).transpose()?,
        firmware,
        config_version: number("config_version", import.config_version)?,
        commands: Commands::read(import.last_command, import.open_commands)?,
        if_unchanged: import.if_unchanged,
    })
}

/// What of a node's registration differs between what was and what is. Of a new one, the credential version is no change.
fn differing(was: Option<&Node>, is: &Node) -> Vec<ImportedField> {
    let is_new = !was.is_some_and(|was| was.credentials.is_some() && !was.revoked);
    let (site, model) = (was.and_then(|was| was.site.as_ref()), was.and_then(|was| was.model.as_ref()));
    let tags = was.map(|was| was.tags.clone()).unwrap_or_default();
    let fields = [
        (ImportedField::Registered, is_new),
        (ImportedField::Site, site != is.site.as_ref()),
        (ImportedField::Model, model != is.model.as_ref()),
        (ImportedField::Tags, tags != is.tags),
        (ImportedField::CredentialVersion, !is_new && was.and_then(|was| was.credentials) != is.credentials),
    ];
    fields.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect()
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
