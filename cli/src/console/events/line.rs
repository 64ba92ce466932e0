//! What the lines of events have in common, whoever prints them.

use rollcall_wire::CloudEvent;

use crate::console::table::{clean, short};

/// When an event happened, to the second.
pub(crate) fn to_the_second(event: &CloudEvent) -> String {
    event.time.get(..19).unwrap_or(&event.time).replace('T', " ")
}

/// What an event says, in at most so many characters; nothing if it says nothing.
pub(crate) fn data(event: &CloudEvent, at_most: usize) -> String {
    let text = event.data.text();
    if text == "{}" { String::new() } else { short(&clean(text), at_most) }
}

/// An event that names nothing but who caused it.
#[cfg(test)]
pub(crate) fn example() -> CloudEvent {
    CloudEvent {
        specversion: "1.0".to_owned(),
        id: "1.0".to_owned(),
        source: "rollcall".to_owned(),
        kind: "config.desired".to_owned(),
        subject: "ap-1".to_owned(),
        time: "2026-11-26T11:15:21.5Z".to_owned(),
        sequence: "1.0".to_owned(),
        datacontenttype: "application/json".to_owned(),
        site: None,
        actor: Some("deploy".to_owned()),
        data: serde_json::json!({"version": 3}).into(),
    }
}
