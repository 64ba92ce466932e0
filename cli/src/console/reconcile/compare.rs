//! What a file says of a node, compared with what there is.

use std::collections::BTreeMap;

use rollcall_core::Tags;
use rollcall_wire::Document;
use rollcall_wire::console::{IF_NONE, NodeImport};
use serde::{Deserialize, Serialize};

/// What a comparison goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Whether nodes that the file does not have are to be revoked.
    pub(super) prunes: bool,
}

/// What is to be done to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Register,
    Change,
    Revoke,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) field: String,
    /// What there is; `None` if there is nothing.
    pub(super) was: Option<String>,
    /// What the file says.
    pub(super) is: Option<String>,
}

/// What is to be done to one node, and what the console is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) changes: Vec<Change>,
    pub(super) import: NodeImport,
}

/// Why a node can't be brought to what the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Why {
    /// The file has an older credential version. Versions never go back.
    Older,
    /// Its credentials were revoked here, and the file has no higher version.
    Revoked,
}

/// A node that can't be brought to what the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stale {
    pub(super) node: String,
    pub(super) why: Why,
    /// The versions here and in the file.
    pub(super) change: Change,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// How many nodes the file and the stack have together.
    pub(super) compared: u64,
    pub(super) steps: Vec<Step>,
    pub(super) stale: Vec<Stale>,
    /// The nodes that are here, and not in the file, and that stay.
    pub(super) unknown: Vec<String>,
}

impl Comparison {
    pub(super) fn has_drift(&self) -> bool {
        !(self.steps.is_empty() && self.stale.is_empty() && self.unknown.is_empty())
    }

    /// Adds a node that the file or the stack has, or both.
    pub(super) fn add(&mut self, rules: Rules, file: Option<NodeImport>, here: Option<NodeImport>) {
        self.compared += 1;
        match (file, here) {
            (Some(file), None) => self.steps.push(registered(file)),
            (Some(file), Some(here)) => self.compare(file, here),
            (None, Some(here)) if here.revoked == Some(true) => {}
            (None, Some(here)) if rules.prunes => self.steps.push(revoked(here)),
            (None, Some(here)) => self.unknown.push(here.node),
            (None, None) => self.compared -= 1,
        }
    }

    fn compare(&mut self, file: NodeImport, here: NodeImport) {
        let (is_revoked, is_to_be) = (here.revoked == Some(true), file.revoked == Some(true));
        if is_to_be {
            // Of a node that is revoked, nothing else counts.
            if !is_revoked {
                self.steps.push(revoked(here));
            }
            return;
        }
        let version = (file.credential_version, here.credential_version);
        let is_raised = version.0.is_some_and(|file| version.1.is_none_or(|here| file > here));
        let change = change("credential_version", number(version.1), number(version.0));
        if is_revoked && !is_raised {
            self.stale.push(Stale { node: here.node, why: Why::Revoked, change });
            return;
        }
        if version.0 < version.1 && version.0.is_some() {
            self.stale.push(Stale { node: here.node.clone(), why: Why::Older, change: change.clone() });
        }
        let (mut changes, mut import) = differing(file, &here);
        if is_raised {
            import.credential_version = version.0;
            changes.push(change);
        }
        if is_revoked {
            changes.push(self::change("revoked", Some("true".to_owned()), Some("false".to_owned())));
        }
        if !changes.is_empty() {
            import.if_unchanged = here.if_unchanged;
            self.steps.push(Step { action: Action::Change, changes, import });
        }
    }
}

/// The fields that differ, and an import of them alone. Credentials are not among them.
fn differing(file: NodeImport, here: &NodeImport) -> (Vec<Change>, NodeImport) {
    let NodeImport { node, site, model, tags, name, labels, config, firmware, .. } = file;
    let name = name.map(|name| name.map(|name| name.trim().to_owned()));
    let mut import = NodeImport { node, ..NodeImport::default() };
    let mut changes = vec![];
    for (name, file, here, place) in [
        ("site", site, &here.site, &mut import.site),
        ("model", model, &here.model, &mut import.model),
        ("name", name, &here.name, &mut import.name),
    ] {
        let was = here.clone().flatten();
        if let Some(is) = file.filter(|is| *is != was) {
            changes.push(change(name, was, is.clone()));
            *place = Some(is);
        }
    }
    if let Some(tags) = tags.filter(|tags| words(tags.as_ref()) != words(here.tags.as_ref().and_then(Option::as_ref))) {
        let was = words(here.tags.as_ref().and_then(Option::as_ref));
        changes.push(change("tags", was, words(tags.as_ref())));
        import.tags = Some(tags);
    }
    let none = BTreeMap::new();
    let was = here.labels.as_ref().and_then(Option::as_ref).unwrap_or(&none);
    if let Some(is) = labels.filter(|labels| labels.as_ref().unwrap_or(&none) != was) {
        changes.push(change("labels", pairs(was), pairs(is.as_ref().unwrap_or(&none))));
        import.labels = Some(is);
    }
    if let Some(config) = config {
        let was = here.config.as_ref().and_then(|config| Document::parse(config.text()).ok());
        let is = Document::parse(config.text()).ok();
        let hash = |document: &Option<Document>| document.as_ref().map(|document| document.sha256().to_owned());
        if hash(&was) != hash(&is) {
            let text = |document: Option<Document>| document.map(|document| document.text().to_owned());
            changes.push(change("config", text(was), text(is)));
            import.config = Some(config);
        }
    }
    if let Some(firmware) = firmware.filter(|firmware| here.firmware.as_ref() != Some(firmware)) {
        changes.push(change("firmware", here.firmware.clone(), Some(firmware.clone())));
        import.firmware = Some(firmware);
    }
    (changes, import)
}

fn registered(file: NodeImport) -> Step {
    let (mut changes, _) = differing(file.clone(), &NodeImport::default());
    changes.retain(|change| change.is.is_some());
    if let Some(version) = file.credential_version {
        changes.push(change("credential_version", None, Some(version.to_string())));
    }
    if file.revoked == Some(true) {
        changes.push(change("revoked", None, Some("true".to_owned())));
    }
    let import = NodeImport { if_unchanged: Some(IF_NONE.to_owned()), ..file };
    Step { action: Action::Register, changes, import }
}

fn revoked(here: NodeImport) -> Step {
    let changes = vec![change("revoked", Some("false".to_owned()), Some("true".to_owned()))];
    let NodeImport { node, if_unchanged, .. } = here;
    let import = NodeImport { node, revoked: Some(true), if_unchanged, ..NodeImport::default() };
    Step { action: Action::Revoke, changes, import }
}

fn change(field: &str, was: Option<String>, is: Option<String>) -> Change {
    Change { field: field.to_owned(), was, is }
}

fn number(version: Option<u32>) -> Option<String> {
    version.map(|version| version.to_string())
}

/// Labels in one line; `None` if there are none.
fn pairs(labels: &BTreeMap<String, String>) -> Option<String> {
    let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Some(pairs.join(", ")).filter(|pairs| !pairs.is_empty())
}

/// Tags as the rules keep them, whatever order they were given in; `None` if there are none.
fn words(tags: Option<&Vec<String>>) -> Option<String> {
    let tags = Tags::new(tags.cloned().unwrap_or_default()).ok()?;
    let mut words: Vec<_> = tags.iter().collect();
    words.sort_unstable();
    Some(words.join(" ")).filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use rollcall_wire::Json;
    use serde_json::json;

    use super::*;

    fn node(value: serde_json::Value) -> NodeImport {
        serde_json::from_value(value).expect("a node")
    }

    /// As an export has it.
    fn here() -> NodeImport {
        let node = node(json!({"node": "ap-1", "site": "hq", "model": "ax-2", "tags": ["roof", "beta"],
            "credential_version": 3, "revoked": false, "firmware": "2.5.0", "if_unchanged": "00"}));
        NodeImport { config: Some(Json::parse("{\"channel\":36}").expect("JSON")), ..node }
    }

    fn compared(rules: Rules, file: Option<serde_json::Value>, here: Option<NodeImport>) -> Comparison {
        let mut comparison = Comparison::default();
        comparison.add(rules, file.map(node), here);
        comparison
    }

    const KEEPS: Rules = Rules { prunes: false };

    fn fields(comparison: &Comparison) -> Vec<String> {
        let changes = comparison.steps.iter().flat_map(|step| &step.changes);
        changes.map(|Change { field, was, is }| format!("{field} {was:?} {is:?}").replace("Some", "")).collect()
    }

    #[test]
    fn what_is_so_already_is_no_difference_however_it_is_written() {
        for file in [
            json!({"node": "ap-1"}),
            json!({"node": "ap-1", "tags": ["beta", "roof", "beta"], "credential_version": 3, "revoked": false}),
            json!({"node": "ap-1", "config": {"channel": 36}, "firmware": "2.5.0", "site": "hq", "model": "ax-2"}),
        ] {
            let comparison = compared(KEEPS, Some(file.clone()), Some(here()));
            assert!(!comparison.has_drift(), "{file}: {comparison:?}");
        }
    }

    #[test]
    fn a_step_asks_for_what_differs_and_for_nothing_else() {
        let file = json!({"node": "ap-1", "site": null, "model": "ax-2", "credential_version": 4, "tags": []});
        let comparison = compared(KEEPS, Some(file), Some(here()));
        let import = &comparison.steps[0].import;
        let expected = json!({"node": "ap-1", "site": null, "tags": [], "credential_version": 4, "if_unchanged": "00"});
        assert_eq!(serde_json::to_value(import).expect("JSON"), expected);
        assert_eq!(
            fields(&comparison),
            ["site (\"hq\") None", "tags (\"beta roof\") None", "credential_version (\"3\") (\"4\")"]
        );
    }

    #[test]
    fn a_node_that_is_missing_is_registered_and_one_that_is_unknown_is_revoked_only_if_that_is_asked_for() {
        let missing = compared(KEEPS, Some(json!({"node": "ap-2", "site": "hq", "model": null})), None);
        let step = &missing.steps[0];
        assert_eq!((step.action, step.import.if_unchanged.as_deref()), (Action::Register, Some("none")));
        assert_eq!(fields(&missing), ["site None (\"hq\")"]);
        let unknown = compared(KEEPS, None, Some(here()));
        assert_eq!((unknown.unknown, unknown.steps), (vec!["ap-1".to_owned()], vec![]));
        let pruned = compared(Rules { prunes: true }, None, Some(here()));
        let import = &pruned.steps[0].import;
        assert_eq!((import.revoked, import.if_unchanged.as_deref()), (Some(true), Some("00")));
        assert!(!compared(KEEPS, None, Some(NodeImport { revoked: Some(true), ..here() })).has_drift());
    }

    #[test]
    fn credentials_never_go_back_and_only_a_higher_version_lets_a_revoked_node_back_in() {
        let older =
            compared(KEEPS, Some(json!({"node": "ap-1", "credential_version": 2, "site": "lab"})), Some(here()));
        assert_eq!((older.stale[0].why, fields(&older)), (Why::Older, vec!["site (\"hq\") (\"lab\")".to_owned()]));
        let gone = NodeImport { revoked: Some(true), site: Some(None), ..here() };
        for file in [json!({"node": "ap-1", "site": "hq"}), json!({"node": "ap-1", "credential_version": 3})] {
            let revoked = compared(KEEPS, Some(file), Some(gone.clone()));
            assert_eq!((revoked.stale[0].why, revoked.steps.len()), (Why::Revoked, 0));
        }
        let raised = json!({"node": "ap-1", "site": "hq", "credential_version": 4});
        let raised = compared(KEEPS, Some(raised), Some(gone.clone()));
        assert_eq!((raised.stale.len(), raised.steps[0].changes.len()), (0, 3), "site, version, revoked");
        let both = compared(KEEPS, Some(json!({"node": "ap-1", "site": "lab", "revoked": true})), Some(gone));
        assert!(!both.has_drift());
        let revoked = compared(KEEPS, Some(json!({"node": "ap-1", "site": "lab", "revoked": true})), Some(here()));
        assert_eq!((revoked.steps[0].action, &revoked.steps[0].import.site), (Action::Revoke, &None));
    }
}
