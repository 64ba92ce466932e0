//! How one configuration document differs from another.

use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use serde::Serialize;
use serde_json::Value;

use crate::Edit;

/// How long all the paths of two documents may be together before no more is said than that one replaces the other, in
/// bytes: a document of many small values below a long name has paths of a hundred times its size, and an answer of
/// Lambda has at most 6 MB (AWS Lambda quotas).
const PATHS_BYTES: usize = 1024 * 1024;

/// An edit, with what was there before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Where, as in [`Edit`].
    pub path: String,
    /// What was there, if something was.
    pub old: Option<Value>,
    /// What is there now, if something is.
    pub new: Option<Value>,
}

/// How to get from one document to another that has another hash. Never empty: where only the writing of a number
/// differs, or digits that no type of ours holds, the whole document is replaced.
pub fn difference(before: &Value, after: &Value) -> Vec<Edit> {
    let replaced = || vec![Edit::Replace { path: String::new(), value: after.clone() }];
    if paths(before, 0).saturating_add(paths(after, 0)) > PATHS_BYTES {
        return replaced();
    }
    let edits: Vec<_> = json_patch::diff(before, after).0.into_iter().filter_map(edit).collect();
    if edits.is_empty() { replaced() } else { edits }
}

/// What each edit of a document changes; as many as fit it, one after the other.
pub fn steps(mut document: Value, edits: &[Edit]) -> Vec<Step> {
    let mut steps = vec![];
    for edit in edits {
        let (path, new) = match edit {
            Edit::Add { path, value } | Edit::Replace { path, value } => (path, Some(value.clone())),
            Edit::Remove { path } => (path, None),
        };
        // What is added to an array moves up what was there.
        let inserted = matches!(edit, Edit::Add { .. }) && !path.is_empty();
        let old = document.pointer(path).filter(|_| !inserted).cloned();
        let Some(operation) = operation(edit) else { break };
        if json_patch::patch(&mut document, &[operation]).is_err() {
            break;
        }
        steps.push(Step { path: path.clone(), old, new });
    }
    steps
}

/// How long the paths of all values are, in bytes.
fn paths(value: &Value, above: usize) -> usize {
    let below = |name: usize, value: &Value| above + 1 + name + paths(value, above + 1 + name);
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| below(name.len(), value)).sum(),
        Value::Array(values) => values.iter().map(|value| below(values.len().to_string().len(), value)).sum(),
        _ => 0,
    }
}

/// The library makes no others.
fn edit(operation: PatchOperation) -> Option<Edit> {
    match operation {
        PatchOperation::Add(AddOperation { path, value }) => Some(Edit::Add { path: path.to_string(), value }),
        PatchOperation::Remove(RemoveOperation { path }) => Some(Edit::Remove { path: path.to_string() }),
        PatchOperation::Replace(ReplaceOperation { path, value }) => {
            Some(Edit::Replace { path: path.to_string(), value })
        }
        PatchOperation::Move(_) | PatchOperation::Copy(_) | PatchOperation::Test(_) => None,
    }
}

/// Nothing if the path is none.
fn operation(edit: &Edit) -> Option<PatchOperation> {
    serde_json::from_value(serde_json::to_value(edit).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_a_json_patch_that_leads_from_one_document_to_the_other() {
        let before = json!({"ssid": "guests", "a/b": [1, 2, 3, 4], "old": null, "same": {"x": 1}});
        let after = json!({"ssid": "staff", "a/b": [1, 9], "new": null, "same": {"x": 1}});
        let edits = difference(&before, &after);
        let patch: json_patch::Patch = serde_json::from_value(json!(edits)).expect("a JSON Patch");
        let mut patched = before.clone();
        json_patch::patch(&mut patched, &patch).expect("it fits");
        assert_eq!(patched, after);
        assert!(!json!(edits).to_string().contains("same"), "what is the same is not in it");
        let read: Vec<Edit> = serde_json::from_value(json!(edits)).expect("edits");
        assert_eq!(read, edits, "null is a value");
    }

    #[test]
    fn steps_say_what_was_there_before_each_edit() {
        let (before, after) = (json!({"a": [1, 2, 3, 4], "b": 1}), json!({"a": [1], "b": 2, "c": {}}));
        let steps = steps(before.clone(), &difference(&before, &after));
        let shown: Vec<_> = steps.iter().map(|step| (&*step.path, step.old.clone(), step.new.clone())).collect();
        let gone = |path, old: i32| (path, Some(json!(old)), None);
        let expected = [
            gone("/a/1", 2),
            gone("/a/1", 3),
            gone("/a/1", 4),
            ("/b", Some(json!(1)), Some(json!(2))),
            ("/c", None, Some(json!({}))),
        ];
        assert_eq!(shown, expected);
        let inserted = Edit::Add { path: "/0".to_owned(), value: json!(7) };
        assert_eq!(super::steps(json!([1]), &[inserted])[0].old, None, "what was there has moved up");
    }

    #[test]
    fn documents_that_differ_are_never_said_to_be_the_same() {
        let whole = |edits: Vec<Edit>| matches!(&edits[..], [Edit::Replace { path, .. }] if path.is_empty());
        assert!(whole(difference(&json!(1.0), &json!(1.0))), "as 1.0 and 1.00 are read");
    }

    #[test]
    fn a_difference_stays_below_what_an_answer_holds() {
        let name = "n".repeat(40 * 1024);
        let many = |value: i32| json!({ &name: vec![value; 20_000] });
        let edits = difference(&many(1), &many(2));
        assert!(json!(edits).to_string().len() < 6_000_000, "{} edits", edits.len());
        let flat = |value: i32| json!(vec![value; 20_000]);
        assert_eq!(difference(&flat(1), &flat(2)).len(), 20_000);
    }
}
