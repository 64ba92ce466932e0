//! The messages of the protocol and the JSON in them.

use rollcall_wire::{
    COMMAND_OUTPUT_BYTES, ConfigNews, DOCUMENT_BYTES, DOCUMENT_LEVELS, Document, ErrorMessage, Json, JsonError,
    MESSAGE_LIMIT_BYTES, NodeMessage, RESULTS, SEQ_MAX, ServerMessage, canonical, difference, parse_node_message,
    pretty, steps, utf8,
};
use serde_json::Value;

use crate::{Outcomes, kind, type_of};

/// How deeply JSON may be nested that is read in every way.
const LEVELS: usize = 127;
/// The largest documents whose difference is made, in bytes.
const COMPARED: usize = 2048;

/// Text as a node's message, as the server's message, as a document, and as any JSON.
pub fn wire(data: &[u8]) -> Outcomes {
    let text = match utf8(data) {
        Ok(text) => {
            assert!(data.ends_with(text.as_bytes()), "only a byte order mark is dropped");
            std::str::from_utf8(data).expect("it was read as UTF-8")
        }
        Err(error) => return vec![format!("bytes: {}", kind(&error.to_string()))],
    };
    let mut outcomes = vec![node_message(text), server_message(text), document(text), json(text)];
    outcomes.extend(compared(text));
    outcomes
}

fn node_message(text: &str) -> String {
    match parse_node_message(text) {
        Ok(message) => {
            assert!(text.len() <= MESSAGE_LIMIT_BYTES);
            let message = check_in_holds(message);
            let written = serde_json::to_string(&message).expect("JSON");
            // What is written with escapes may be longer than what was read.
            if written.len() <= MESSAGE_LIMIT_BYTES {
                assert_eq!(parse_node_message(&written).as_ref(), Ok(&message), "{written}");
            }
            format!("node: {}", said(&message))
        }
        Err(error) => {
            assert!(error.message.len() <= 256, "{}", error.message);
            assert!(error.seq.is_none_or(|seq| (1..=SEQ_MAX).contains(&seq)), "{error:?}");
            let outcome = format!("node: {} {}", error.code, kind(&error.message));
            let written = serde_json::to_string(&ServerMessage::Error(error.clone().into())).expect("JSON");
            let read: ServerMessage = serde_json::from_str(&written).expect("the error is a message");
            assert_eq!(read, ServerMessage::Error(ErrorMessage::from(error)));
            outcome
        }
    }
}

/// Checks the limits of a check-in. Returns the message with the count of what was dropped set to 0, as the message has
/// it when it is written and read once more.
fn check_in_holds(message: NodeMessage) -> NodeMessage {
    let NodeMessage::CheckIn(mut check_in) = message else { return message };
    assert!((1..=SEQ_MAX).contains(&check_in.seq), "{}", check_in.seq);
    assert!(check_in.results.len() <= RESULTS, "{} results", check_in.results.len());
    for output in check_in.results.iter().filter_map(|result| result.output.as_ref()) {
        assert!(output.len() <= COMMAND_OUTPUT_BYTES, "{} bytes of output", output.len());
    }
    check_in.dropped = 0;
    NodeMessage::CheckIn(check_in)
}

/// Which parts a message has.
pub(crate) fn said(message: &NodeMessage) -> String {
    match message {
        NodeMessage::CheckIn(check_in) => format!(
            "check-in {} {} {:?} {:?} {} {}",
            check_in.ack,
            check_in.firmware.is_some(),
            check_in.config.as_ref().map(|report| (report.status, report.detail.is_some())),
            check_in.update.as_ref().map(|report| (report.status, report.detail.is_some())),
            check_in.health.is_some(),
            check_in.results.len(),
        ),
        NodeMessage::Config => "config".to_owned(),
        NodeMessage::FirmwareUrl { .. } => "firmware-url".to_owned(),
        _ => "another".to_owned(),
    }
}

fn server_message(text: &str) -> String {
    let message: ServerMessage = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(error) => return format!("server: {}", kind(&error.to_string())),
    };
    let written = serde_json::to_string(&message).expect("JSON");
    let read: ServerMessage = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(read, message, "{written}");
    assert_eq!(serde_json::to_string(&read).expect("JSON"), written, "no number is changed");
    format!("server: {}", type_of(&written))
}

fn document(text: &str) -> String {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => return format!("document: {}", kind(&error.to_string())),
    };
    let (bytes, read) = (document.text(), text.len());
    assert!(bytes.len() <= read && read <= DOCUMENT_BYTES, "{} bytes of {read}", bytes.len());
    assert_eq!(Document::parse(bytes).expect("a document"), document, "its canonical form is itself");
    assert_eq!(Document::verify(bytes.to_owned(), document.sha256()).expect("its hash"), document);
    assert_eq!(document.json().expect("JSON").text(), bytes);
    let fits = document.fits_a_frame(0);
    if fits {
        let (version, sha256) = (u64::MAX, document.sha256().to_owned());
        let news = ServerMessage::Config(ConfigNews { version, sha256, document: Some(bytes.to_owned()) });
        let frame = serde_json::to_string(&news).expect("JSON");
        assert!(frame.len() <= MESSAGE_LIMIT_BYTES, "a frame of {} bytes", frame.len());
    }
    format!("document: fits: {fits}")
}

fn json(text: &str) -> String {
    let kept = Json::parse(text);
    if let Ok(json) = &kept {
        assert_eq!(&Json::parse(json.text()).expect("the same JSON"), json);
        assert_eq!(serde_json::to_string(json).expect("JSON"), json.text(), "it is written as it was read");
    }
    let canonical = match rollcall_wire::canonical(text, LEVELS) {
        Ok(canonical) => canonical,
        Err(error) => {
            let strict = matches!(&error, JsonError::NameTwice(_) | JsonError::HalfPair(_) | JsonError::TooDeep(_));
            let kept = kept.is_ok() && !text.is_empty();
            assert!(strict || !kept, "{error}: it is JSON");
            return format!("json: {}", kind(&error.to_string()));
        }
    };
    assert_eq!(again(&canonical), canonical, "its canonical form is itself");
    assert_eq!(again(&pretty(&canonical)), canonical, "space between tokens changes nothing");
    let value = |text: &str| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')).ok();
    assert_eq!(value(text), value(&canonical), "its canonical form has the same content");
    if let Some(value) = value(text).filter(|_| has_plain_numbers(&canonical)) {
        assert_eq!(value.to_string(), canonical, "its names are in order, and its text is escaped the shortest way");
    }
    let first = canonical.chars().next().map_or(' ', |c| if c.is_ascii_digit() { '0' } else { c });
    format!("json: {first}")
}

/// Whether every number in this JSON is one that `Value` writes as it was: a whole one with few digits.
fn has_plain_numbers(json: &str) -> bool {
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    let numbers = json.split(|c| !is_number(c)).filter(|number| number.contains(|c: char| c.is_ascii_digit()));
    numbers.into_iter().all(|number| !number.contains(['.', 'e', 'E']) && number.len() < 16 && number != "-0")
}

fn again(json: &str) -> String {
    canonical(json, LEVELS).unwrap_or_else(|error| panic!("canonical JSON {error}: {json}"))
}

/// The difference between two documents, each in a line.
fn compared(text: &str) -> Option<String> {
    let (before, after) = text.split_once('\n').filter(|_| text.len() <= COMPARED)?;
    let [before, after] = [before, after].map(|line| canonical(line, DOCUMENT_LEVELS).ok());
    let (before, after) = (Json::parse(&before?).expect("JSON"), Json::parse(&after?).expect("JSON"));
    let edits = difference(&before, &after);
    assert_eq!(edits.is_empty(), before == after, "{edits:?}");
    assert_eq!(steps(&before, &edits).len(), edits.len(), "every edit fits the document");
    Some(format!("difference: {}", edits.len().min(8)))
}
