//! How one configuration document differs from another.

use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::raw::{entries, text};
use crate::{Edit, Json};

/// How long all paths of two documents may be together, in bytes. Above that, the difference is one edit that replaces
/// the whole document: many small values below a long name have paths of a hundred times the document's size, and an
/// answer of Lambda has at most 6 MB (AWS Lambda quotas).
const PATHS_BYTES: usize = 1024 * 1024;

/// An edit, with the value that was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The path, as in [`Edit`].
    pub path: String,
    /// The value that was there, if there was one.
    pub old: Option<Json>,
    /// The value that is there now, if there is one.
    pub new: Option<Json>,
}

/// The edits that turn one document into another. They are empty only if the documents are the same. Numbers are
/// compared as they are written, as in the documents' hashes.
pub fn difference(before: &Json, after: &Json) -> Vec<Edit> {
    let (before, after) = (spell(before.text()), spell(after.text()));
    if paths(&before, 0).saturating_add(paths(&after, 0)) > PATHS_BYTES {
        let replaced = Edit::Replace { path: String::new(), value: read(&after) };
        return if before == after { vec![] } else { vec![replaced] };
    }
    json_patch::diff(&before, &after).0.into_iter().filter_map(edit).collect()
}

/// What each edit of a document changes. It stops at the first edit that does not fit the document.
pub fn steps(document: &Json, edits: &[Edit]) -> Vec<Step> {
    let mut document = spell(document.text());
    let mut steps = vec![];
    for edit in edits {
        let (path, new) = match edit {
            Edit::Add { path, value } | Edit::Replace { path, value } => (path, Some(value.clone())),
            Edit::Remove { path } => (path, None),
        };
        // A value that is added to an array moves the ones behind it; it replaces none.
        let inserted = matches!(edit, Edit::Add { .. }) && !path.is_empty();
        let old = document.pointer(path).filter(|_| !inserted).map(read);
        let Some(change) = patch(edit) else { break };
        if json_patch::patch(&mut document, &change).is_err() {
            break;
        }
        steps.push(Step { path: path.clone(), old, new });
    }
    steps
}

/// The value with its numbers as text, because the library would round them: `1.0` becomes `"#1.0"`, and `"1.0"`
/// becomes `"\"1.0"`. The text is valid JSON, so all parts of it can be read.
fn spell(json: &str) -> Value {
    match json.as_bytes().first() {
        Some(b'{') => {
            let fields = entries(json).unwrap_or_default().into_iter();
            Value::Object(fields.map(|(name, value)| (name.text, spell(value.get()))).collect())
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
            Value::Array(items.into_iter().map(|item| spell(item.get())).collect())
        }
        Some(b'"') => Value::String(text(json).map_or_else(String::new, |text| format!("\"{}", text.text))),
        Some(b'n') => Value::Null,
        Some(b't' | b'f') => Value::Bool(json == "true"),
        _ => Value::String(format!("#{json}")),
    }
}

/// The JSON of a spelled value.
fn read(value: &Value) -> Json {
    let mut out = String::new();
    write(value, &mut out);
    // What is written here is always JSON.
    Json::parse(&out).unwrap_or_default()
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, value) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write(value, out);
            }
            out.push(']');
        }
        Value::String(spelled) => match spelled.strip_prefix('#') {
            Some(number) => out.push_str(number),
            None => out.push_str(&Value::from(spelled.get(1..).unwrap_or_default()).to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

/// The length of the paths of all values together, in bytes.
fn paths(value: &Value, above: usize) -> usize {
    let below = |name: usize, value: &Value| above + 1 + name + paths(value, above + 1 + name);
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| below(name.len(), value)).sum(),
        Value::Array(values) => values.iter().map(|value| below(values.len().to_string().len(), value)).sum(),
        _ => 0,
    }
}

/// The edit of an operation. The library makes no moves, copies or tests.
fn edit(operation: PatchOperation) -> Option<Edit> {
    match operation {
        PatchOperation::Add(AddOperation { path, value }) => {
            Some(Edit::Add { path: path.to_string(), value: read(&value) })
        }
        PatchOperation::Remove(RemoveOperation { path }) => Some(Edit::Remove { path: path.to_string() }),
        PatchOperation::Replace(ReplaceOperation { path, value }) => {
            Some(Edit::Replace { path: path.to_string(), value: read(&value) })
        }
        PatchOperation::Move(_) | PatchOperation::Copy(_) | PatchOperation::Test(_) => None,
    }
}

/// The edit as a patch of a spelled document; `None` if its path is not valid.
fn patch(edit: &Edit) -> Option<Patch> {
    let operation = match edit {
        Edit::Add { path, value } => json!([{"op": "add", "path": path, "value": spell(value.text())}]),
        Edit::Replace { path, value } => json!([{"op": "replace", "path": path, "value": spell(value.text())}]),
        Edit::Remove { path } => json!([{"op": "remove", "path": path}]),
    };
    serde_json::from_value(operation).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(before: &Value, after: &Value) -> Vec<Edit> {
        difference(&before.clone().into(), &after.clone().into())
    }

    fn parse(text: &str) -> Json {
        Json::parse(text).expect(text)
    }

    #[test]
    fn a_difference_is_a_json_patch_that_leads_from_one_document_to_the_other() {
        let before = json!({"ssid": "guests", "a/b": [1, 2, 3, 4], "old": null, "same": {"x": 1}});
        let after = json!({"ssid": "staff", "a/b": [1, 9], "new": null, "same": {"x": 1}});
        let edits = between(&before, &after);
        let patch: json_patch::Patch = serde_json::from_value(json!(edits)).expect("a JSON Patch");
        let mut patched = before.clone();
        json_patch::patch(&mut patched, &patch).expect("a patch that fits");
        assert_eq!(patched, after);
        assert!(!json!(edits).to_string().contains("same"), "an equal value is not in the difference");
        let read: Vec<Edit> = serde_json::from_value(json!(edits)).expect("edits");
        assert_eq!(read, edits, "null is a value");
    }

    #[test]
    fn steps_have_the_value_from_before_each_edit() {
        let (before, after) = (json!({"a": [1, 2, 3, 4], "b": 1}), json!({"a": [1], "b": 2, "c": {}}));
        let steps = steps(&before.clone().into(), &between(&before, &after));
        let json = |json: &Option<Json>| json.as_ref().map(|json| json.text().to_owned());
        let shown: Vec<_> = steps.iter().map(|step| (&*step.path, json(&step.old), json(&step.new))).collect();
        let is = |text: &str| Some(text.to_owned());
        let expected = [
            ("/a/1", is("2"), None),
            ("/a/1", is("3"), None),
            ("/a/1", is("4"), None),
            ("/b", is("1"), is("2")),
            ("/c", None, is("{}")),
        ];
        assert_eq!(shown, expected);
        let inserted = Edit::Add { path: "/0".to_owned(), value: parse("7") };
        let steps = super::steps(&parse("[1]"), &[inserted]);
        assert_eq!(steps[0].old, None, "the value that was there has moved");
    }

    #[test]
    fn numbers_are_compared_and_shown_as_they_are_written() {
        let before = parse(r##"{"a":1,"b":1e400,"c":0.10,"d":"1","e":[12345678901234567890123],"f":"#1"}"##);
        let after = parse(r#"{"a":1.0,"b":1e401,"c":0.10,"d":1,"e":[12345678901234567890124],"f":"\"1"}"#);
        let edits = difference(&before, &after);
        let text = serde_json::to_string(&edits).expect("JSON");
        let expected = [
            r#"{"op":"replace","path":"/a","value":1.0}"#,
            r#"{"op":"replace","path":"/b","value":1e401}"#,
            r#"{"op":"replace","path":"/d","value":1}"#,
            r#"{"op":"replace","path":"/e/0","value":12345678901234567890124}"#,
            r#"{"op":"replace","path":"/f","value":"\"1"}"#,
        ];
        assert_eq!(text, format!("[{}]", expected.join(",")));
        let read: Vec<Edit> = serde_json::from_str(&text).expect("edits");
        assert_eq!(read, edits, "numbers are read as they are written");
        let steps = steps(&before, &edits);
        let old: Vec<_> = steps.iter().map(|step| step.old.clone().expect("a value").text().to_owned()).collect();
        assert_eq!(old, ["1", "1e400", "\"1\"", "12345678901234567890123", "\"#1\""]);
        assert_eq!(difference(&before, &before), [], "equal documents");
    }

    #[test]
    fn an_edit_without_a_field_that_it_needs_is_refused() {
        for text in [r#"{"op":"add","path":"/a"}"#, r#"{"op":"move","path":"/a","from":"/b"}"#, r#"{"path":"/a"}"#] {
            assert!(serde_json::from_str::<Edit>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_difference_fits_an_answer_of_lambda() {
        let name = "n".repeat(40 * 1024);
        let many = |value: i32| json!({ &name: vec![value; 20_000] });
        let edits = between(&many(1), &many(2));
        assert!(json!(edits).to_string().len() < 6_000_000, "{} edits", edits.len());
        let flat = |value: i32| json!(vec![value; 20_000]);
        assert_eq!(between(&flat(1), &flat(2)).len(), 20_000);
    }
}
