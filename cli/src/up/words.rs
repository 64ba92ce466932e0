//! What a function logs, in words for a person.
//!
//! A function's line is a JSON object with its metrics (`shared/aws/src/telemetry`). What it refused or failed at is
//! told in one short sentence; what went as it should is not told. A line that is no JSON object (a panic) is shown
//! as it is.

use rollcall_wire::SUBPROTOCOL;
use serde_json::{Map, Value};

use crate::console::{clean, short};

/// The longest sentence, and the longest line that is shown as it is, in characters.
const SENTENCE: usize = 240;
const LINE: usize = 4000;
/// The longest name of a kind, in characters.
const KIND: usize = 80;

/// What there is to say of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing: all went as it should.
    Nothing,
    /// A sentence, and what other sentences like it have in common with it. Kinds are few, whatever a stranger sends.
    Sentence { kind: String, text: String },
    /// The line as it is.
    Line(String),
}

/// Reads a line that a function logged.
pub(super) fn said(function: &str, line: &str) -> Said {
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else {
        let line = clean(line.trim_end());
        return if line.is_empty() { Said::Nothing } else { Said::Line(format!("{function}: {}", short(&line, LINE))) };
    };
    let fields = Fields(fields);
    let event = fields.text("message").unwrap_or_else(|| function.to_owned());
    let node = fields.text("node");
    let reason = fields.text("reason").unwrap_or_default();
    let (what, why) = match fields.text("outcome").unwrap_or_default().as_str() {
        "refused" if is_usual(&event, &reason) => return Said::Nothing,
        "refused" => ("refused", refusal(&event, &reason, node.as_deref())),
        "failed" => {
            ("failed", about(node.as_deref(), fields.text("error").as_deref().unwrap_or("it does not say why")))
        }
        "answered" => match fields.status() {
            500.. => ("failed", about(node.as_deref(), &fields.request(&reason))),
            401 | 403 => ("refused", fields.request(&reason)),
            _ => return Said::Nothing,
        },
        // `lambda_runtime` repeats the answer of the authorizer, whose own line said what was wrong.
        _ if event == "Unauthorized" => return Said::Nothing,
        _ => match fields.text("level").as_deref() {
            Some("ERROR") => ("error", about(node.as_deref(), &fields.with_error(&event))),
            Some("WARN") => ("warning", about(node.as_deref(), &fields.with_error(&event))),
            _ => return Said::Nothing,
        },
    };
    let name = if matches!(what, "error" | "warning") { function } else { event.as_str() };
    Said::Sentence {
        // A reason may quote what a stranger sent.
        kind: short(&format!("{what} {event} {}", reason.split('"').next().unwrap_or_default()), KIND),
        text: short(&format!("{what}: {why} ({name})"), SENTENCE),
    }
}

/// Whether nothing is wrong: the end of a connection changes nothing if another one has taken its place, or if it was
/// told of before.
fn is_usual(event: &str, reason: &str) -> bool {
    event == "disconnect" && matches!(reason, "superseded" | "closed")
}

/// Why something was refused, by the names of refusals that are never renamed (`Refusal::code`, `ErrorCode`).
fn refusal(event: &str, reason: &str, node: Option<&str>) -> String {
    let who = node.unwrap_or("a node");
    match reason {
        "unregistered" => format!("{who} is not registered"),
        "revoked" => format!("the credentials of {who} were revoked"),
        "credentials-outdated" => format!("the token of {who} has an outdated credential version"),
        "superseded" => format!("a newer connection holds {who}"),
        "closed" => format!("the connection of {who} has closed"),
        "stale-seq" => format!("a check-in of {who} came after one with a higher seq"),
        "slow-down" => format!("{who} sends too much"),
        "changed" => format!("{who} has changed meanwhile"),
        "unsupported-protocol" => format!("{who} offers other subprotocols than {SUBPROTOCOL}"),
        "too-large" => format!("a message of {who} is too large"),
        "not-json" => format!("a message of {who} is not a JSON object"),
        "too-deep" => format!("a message of {who} is nested too deeply"),
        "no-type" => format!("a message of {who} has no type"),
        "unknown-type" => format!("a message of {who} is of an unknown type"),
        "invalid-field" => format!("a message of {who} has a field that is missing or wrong"),
        "not the node's" => format!("{who} asks for a {event} that is not its own"),
        "" => about(node, "it does not say why"),
        // What is wrong with a token is a sentence already.
        other => about(node, other),
    }
}

/// A sentence, and the node that it is about.
fn about(node: Option<&str>, sentence: &str) -> String {
    node.map_or_else(|| sentence.to_owned(), |node| format!("{node}: {sentence}"))
}

/// The fields of a line.
struct Fields(Map<String, Value>);

impl Fields {
    /// A field's text, without what a terminal would obey.
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(clean)
    }

    /// The HTTP status; 0 if there is none.
    fn status(&self) -> u64 {
        self.0.get("status").and_then(Value::as_u64).unwrap_or_default()
    }

    /// A request of the console, or one of a batch, and how it was answered.
    fn request(&self, reason: &str) -> String {
        let request = match (self.text("method"), self.text("path")) {
            (Some(method), Some(path)) => format!("{method} {path}"),
            _ => "a request".to_owned(),
        };
        format!("{request} is answered with {} {reason}", self.status())
    }

    /// What happened, and the error if there is one.
    fn with_error(&self, event: &str) -> String {
        self.text("error").map_or_else(|| event.to_owned(), |error| format!("{event}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sentence(line: &Value) -> String {
        match said("a-function", &line.to_string()) {
            Said::Sentence { text, .. } => text,
            other => panic!("no sentence of {line}: {other:?}"),
        }
    }

    fn kind(line: &Value) -> String {
        match said("a-function", &line.to_string()) {
            Said::Sentence { kind, .. } => kind,
            other => panic!("no sentence of {line}: {other:?}"),
        }
    }

    #[test]
    fn what_is_refused_and_what_fails_is_a_sentence_that_ends_with_the_event() {
        for (line, expected) in [
            (
                json!({"level": "INFO", "message": "connect", "node": "ap-1", "outcome": "refused",
                    "reason": "unregistered", "Refusals": 1, "request": "00"}),
                "refused: ap-1 is not registered (connect)",
            ),
            (
                json!({"level": "WARN", "message": "authorize", "outcome": "refused", "reason": "the token has expired",
                    "source_ip": "127.0.0.1", "RefusedTokens": 1}),
                "refused: the token has expired (authorize)",
            ),
            (
                json!({"message": "connect", "outcome": "refused", "reason": "unsupported-protocol"}),
                "refused: a node offers other subprotocols than rollcall.v1 (connect)",
            ),
            (
                json!({"message": "firmware", "node": "ap-1", "outcome": "refused", "reason": "not the node's"}),
                "refused: ap-1 asks for a firmware that is not its own (firmware)",
            ),
            (
                json!({"message": "check-in", "node": "ap-1", "outcome": "failed", "error": "no answer: timed out"}),
                "failed: ap-1: no answer: timed out (check-in)",
            ),
            (
                json!({"message": "console", "method": "GET", "path": "/v1/nodes", "status": 401, "outcome": "answered",
                    "reason": "unauthenticated"}),
                "refused: GET /v1/nodes is answered with 401 unauthenticated (console)",
            ),
            (
                json!({"message": "console", "method": "GET", "path": "/v1/nodes", "status": 503, "outcome": "answered",
                    "reason": "unavailable"}),
                "failed: GET /v1/nodes is answered with 503 unavailable (console)",
            ),
            (
                json!({"level": "ERROR", "message": "a connection could not be closed", "node": "ap-1",
                    "error": "gone"}),
                "error: ap-1: a connection could not be closed: gone (a-function)",
            ),
            (json!({"message": "connect", "outcome": "failed"}), "failed: it does not say why (connect)"),
            (json!({"message": "connect", "outcome": "refused", "node": 7}), "refused: it does not say why (connect)"),
        ] {
            assert_eq!(sentence(&line), expected, "{line}");
        }
    }

    #[test]
    fn what_went_as_it_should_is_no_news() {
        for line in [
            json!({"level": "INFO", "message": "check-in", "outcome": "stored", "WriteUnits": 1}),
            json!({"level": "INFO", "message": "authorize", "outcome": "admitted", "node": "ap-1"}),
            json!({"message": "console", "status": 404, "outcome": "answered", "reason": "unknown-node"}),
            json!({"message": "disconnect", "node": "ap-1", "outcome": "refused", "reason": "superseded"}),
            json!({}),
        ] {
            assert_eq!(said("a-function", &line.to_string()), Said::Nothing, "{line}");
        }
        assert_eq!(said("a-function", ""), Said::Nothing);
    }

    #[test]
    fn what_is_no_line_of_ours_is_shown_as_it_is_but_for_what_a_terminal_would_obey() {
        for (line, expected) in [
            ("thread 'main' panicked at src/main.rs:1:1:", "connect: thread 'main' panicked at src/main.rs:1:1:"),
            ("{\"message\": \"cut o", "connect: {\"message\": \"cut o"),
            ("7", "connect: 7"),
            ("\u{1b}[2Jred\u{202e}\u{9b}", "connect: \u{fffd}[2Jred\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(said("connect", line), Said::Line(expected.to_owned()));
        }
        let Said::Line(long) = said("connect", &"x".repeat(1_000_000)) else { panic!("no line") };
        assert!(long.chars().count() <= LINE + 20, "{}", long.len());
    }

    #[test]
    fn a_sentence_is_short_and_obeyed_by_no_terminal_whatever_a_stranger_sends() {
        let hostile = format!("{}\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\r\n", "x".repeat(10_000));
        let line = json!({"message": hostile, "node": hostile, "outcome": "refused", "reason": hostile});
        let text = sentence(&line);
        assert!(text.chars().count() <= SENTENCE && !text.contains(char::is_control), "{text:?}");
        let own = json!({"message": "authorize", "node": "\u{1b}[2J", "outcome": "refused", "reason": "revoked"});
        assert_eq!(sentence(&own), "refused: the credentials of \u{fffd}[2J were revoked (authorize)");
    }

    #[test]
    fn kinds_do_not_differ_in_what_a_stranger_sent() {
        let unknown = |key: &str| {
            let reason = format!("the token's key is unknown: \"{key}\"");
            kind(&json!({"message": "authorize", "outcome": "refused", "reason": reason}))
        };
        assert_eq!(unknown("a"), unknown("b"));
        let connect = |node: &str, reason: &str| {
            kind(&json!({"message": "connect", "node": node, "outcome": "refused", "reason": reason}))
        };
        assert_eq!(connect("ap-1", "revoked"), connect("ap-2", "revoked"));
        assert_ne!(connect("ap-1", "revoked"), connect("ap-1", "unregistered"));
    }
}
