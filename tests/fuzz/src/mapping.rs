//! Mappings of a legacy polling endpoint, and requests that are heard with them.

use http::HeaderValue;
use rollcall_core::NodeId;
use rollcall_cutover::{Dialect, Heard, Mapping, Sample, compare};

use crate::{Outcomes, kind};

/// The line between a mapping and a request.
const BETWEEN: &str = "\n---\n";

/// Bytes as a mapping in JSON and, after a line with three hyphens, a request.
pub fn mapping(data: &[u8]) -> Outcomes {
    let text = String::from_utf8_lossy(data);
    let (mapping, request) = text.split_once(BETWEEN).unwrap_or((&text, ""));
    let mapping = match serde_json::from_str::<Mapping>(mapping) {
        Ok(mapping) => mapping,
        Err(error) => return vec![kind(&error.to_string())],
    };
    let written = serde_json::to_string(&mapping).expect("a mapping is JSON");
    assert_eq!(serde_json::from_str(&written).as_ref().ok(), Some(&mapping), "it is read as it was written: {written}");
    match Dialect::new(mapping) {
        Ok(dialect) => vec![answers(&dialect), heard(&dialect, request)],
        Err(mistakes) => mistakes.0.iter().map(|mistake| mistaken(mistake)).collect(),
    }
}

/// A mistake names its field, and is one line.
fn mistaken(mistake: &str) -> String {
    let (field, why) = mistake.split_once(": ").expect("a field");
    assert!(!field.contains(' ') && !mistake.contains(char::is_control), "{mistake:?}");
    assert!(!why.is_empty(), "{mistake:?}");
    kind(&format!("{}: {why}", field.split('.').next().unwrap_or_default()))
}

/// A mapping without mistakes makes an answer that HTTP allows of all kinds of news.
fn answers(dialect: &Dialect) -> String {
    let mut made = vec![];
    for (kind, answer) in dialect.samples() {
        let answer = answer.expect("it was tried");
        assert!((200..=599).contains(&answer.status), "{kind}: {answer:?}");
        assert!(answer.headers.iter().all(|(_, value)| HeaderValue::from_str(value).is_ok()), "{kind}: {answer:?}");
        assert_eq!(compare(&answer, &answer), [], "{kind}");
        made.push(answer);
    }
    format!("answers {}", made.iter().filter(|answer| answer.status == made[0].status).count())
}

/// What a request says has a node that Rollcall can store.
fn heard(dialect: &Dialect, request: &str) -> String {
    let sample = match Sample::read(request.as_bytes()) {
        Ok(sample) => sample,
        Err(error) => return kind(&error.to_string()),
    };
    match dialect.hear(&sample.incoming()) {
        Ok(None) => "no check-in".to_owned(),
        Ok(Some(heard)) => {
            let again: Result<NodeId, _> = heard.node.as_str().parse();
            assert_eq!(again.as_ref().ok(), Some(&heard.node));
            let Heard { credential, firmware, config, health, result, .. } = &heard;
            let said = [credential.is_some(), firmware.is_some(), config.is_some(), health.is_some(), result.is_some()];
            format!("heard {said:?}")
        }
        Err(error) => kind(&error.to_string()),
    }
}
