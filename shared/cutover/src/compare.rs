//! How two answers to one request differ.

use rollcall_wire::console::AnswerDifference;
use serde_json::Value;

use crate::answer::Answer;

/// How many differences of two answers are told.
const MOST: usize = 20;
/// How much of a value is shown, in bytes.
const SHOWN_BYTES: usize = 100;

/// Compares the endpoint's answer with Rollcall's: the status, the headers that Rollcall's has, and the body. Bodies that
/// are both JSON are compared value by value.
pub fn compare(legacy: &Answer, rollcall: &Answer) -> Vec<AnswerDifference> {
    let mut found = vec![];
    let mut differs = |kind: String, legacy: &str, rollcall: &str| {
        if legacy != rollcall && found.len() < MOST {
            found.push(AnswerDifference { kind: shown(&kind), legacy: shown(legacy), rollcall: shown(rollcall) });
        }
    };
    differs("status".to_owned(), &legacy.status.to_string(), &rollcall.status.to_string());
    for (name, value) in &rollcall.headers {
        let other = legacy.header(name).unwrap_or_default();
        let is_same = name == "content-type" && same_type(other, value);
        if !is_same {
            differs(format!("header {name}"), other, value);
        }
    }
    let json = |answer: &Answer| serde_json::from_slice::<Value>(&answer.body).ok();
    if let (Some(one), Some(other)) = (json(legacy), json(rollcall)) {
        values("", Some(&one), Some(&other), &mut |pointer, one, other| {
            let kind = if pointer.is_empty() { "body".to_owned() } else { format!("body {pointer}") };
            differs(kind, one, other);
        });
    } else {
        let text = |answer: &Answer| String::from_utf8_lossy(&answer.body).into_owned();
        differs("body".to_owned(), &text(legacy), &text(rollcall));
    }
    found
}

/// Whether two media types are the same, whatever they say of the character set's spelling.
fn same_type(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    plain(one) == plain(other)
}

/// Calls `differs` for each value that is in one only, or not the same in both.
fn values(place: &str, one: Option<&Value>, other: Option<&Value>, differs: &mut dyn FnMut(&str, &str, &str)) {
    match (one, other) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                let escaped = name.replace('~', "~0").replace('/', "~1");
                values(&format!("{place}/{escaped}"), one.get(name), other.get(name), differs);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                values(&format!("{place}/*"), one.get(index), other.get(index), differs);
            }
        }
        (one, other) if one == other => {}
        (one, other) => {
            let text = |value: Option<&Value>| value.map(Value::to_string).unwrap_or_default();
            differs(place, &text(one), &text(other));
        }
    }
}

fn shown(text: &str) -> String {
    let start = &text[..text.floor_char_boundary(SHOWN_BYTES)];
    if start.len() < text.len() { format!("{start}…") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: &str, body: &str) -> Answer {
        Answer { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    fn kinds(one: &Answer, other: &Answer) -> Vec<String> {
        compare(one, other).into_iter().map(|difference| difference.kind).collect()
    }

    #[test]
    fn answers_that_say_the_same_do_not_differ() {
        let one = answer(200, "application/json; charset=UTF-8", r#"{"a": 1, "b": [1, 2]}"#);
        let mut other = answer(200, "application/json;charset=utf-8", r#"{"b":[1,2],"a":1}"#);
        assert_eq!(compare(&one, &other), []);
        other.headers.clear();
        assert_eq!(compare(&one, &other), [], "headers that Rollcall does not make are not compared");
        assert_eq!(compare(&Answer::default(), &Answer::default()), []);
    }

    #[test]
    fn each_difference_has_its_place_and_both_values() {
        let one = answer(200, "application/json", r#"{"interval":10,"list":[{"n":1},{"n":2}],"old":true}"#);
        let other = answer(304, "text/plain", r#"{"interval":300,"list":[{"n":1},{"n":3},{"n":4}]}"#);
        let found = compare(&one, &other);
        let kinds: Vec<_> = found.iter().map(|difference| difference.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["status", "header content-type", "body /interval", "body /list/*/n", "body /list/*", "body /old"]
        );
        assert_eq!((found[2].legacy.as_str(), found[2].rollcall.as_str()), ("10", "300"));
        assert_eq!((found[5].legacy.as_str(), found[5].rollcall.as_str()), ("true", ""));
    }

    #[test]
    fn text_is_compared_as_a_whole_and_shown_in_part() {
        let (one, other) = (answer(200, "text/plain", "OK"), answer(200, "text/plain", "ok"));
        assert_eq!(kinds(&one, &other), ["body"]);
        let long = answer(200, "text/plain", &"ä".repeat(1000));
        assert!(compare(&one, &long)[0].rollcall.len() < 110);
        let many: Value = (0..1000).map(|n| (n.to_string(), Value::from(n))).collect();
        assert_eq!(kinds(&answer(200, "", "{}"), &answer(200, "", &many.to_string())).len(), MOST);
    }
}
