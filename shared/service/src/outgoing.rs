//! Events on their way to endpoints: the messages of the queue.

use rollcall_core::{Endpoint, EndpointName, EventId, Item, Key, Selector, Timestamp};
use rollcall_wire::{CloudEvent, EventData, Json, SOURCE};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::error::chain;
use crate::queue::Message;
use crate::store::{Order, Store, StoreError};

/// How many endpoints there may be.
pub const ENDPOINTS: usize = 100;
/// How many messages of one endpoint's replays are under way at most: each group is one lane, and a group hands out one
/// batch at a time. So a replay of any length leaves room for new events.
const LANES: u32 = 8;

/// The type of the event that tells that a node has moved.
const REGISTERED: &str = "node.registered";

/// What a message says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outgoing {
    /// The name of the endpoint.
    pub endpoint: String,
    /// The event (CloudEvents 1.0).
    pub event: Json,
    /// When the replay began that the message is of, in milliseconds since 1970; absent for a new event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<u64>,
}

/// What deliveries need to know of an event. The rest of it is passed on as it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventHead {
    /// The id.
    pub id: String,
    /// The type, such as `node.online`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about: a node, as a rule.
    pub subject: Option<String>,
    /// The site of the node at that time.
    pub site: Option<String>,
}

/// An event with an id or a type that can't be told.
#[derive(Debug, thiserror::Error)]
pub enum NoEvent {
    /// It is no JSON object with id and type.
    #[error("it is no event")]
    Json(#[from] serde_json::Error),
    /// Its id is not valid.
    #[error("the event's id is not valid")]
    Id(#[from] rollcall_core::InvalidId),
}

impl EventHead {
    /// Reads an event.
    ///
    /// # Errors
    /// If it has no id or no type.
    pub fn read(event: &Json) -> Result<(Self, EventId), NoEvent> {
        let head: Self = event.read()?;
        let id = head.id.parse()?;
        Ok((head, id))
    }
}

/// The messages that bring an event to those of these endpoints that want it. `is_meant` says whether a selector means the
/// node that it is about.
///
/// # Errors
/// If it is no event.
pub fn outgoing(
    endpoints: &[(EndpointName, Endpoint)],
    event: &Json,
    is_meant: impl Fn(&Selector) -> bool,
) -> Result<Vec<Message>, NoEvent> {
    let (head, _) = EventHead::read(event)?;
    let wanting = endpoints.iter().filter(|(_, endpoint)| is_wanted(endpoint, &head, event, &is_meant));
    Ok(wanting.map(|(name, _)| message(name, &head, event, None)).collect())
}

/// Whether an endpoint is sent an event. That a node has moved is also told at the site that it has left.
pub(crate) fn is_wanted(
    endpoint: &Endpoint,
    head: &EventHead,
    event: &Json,
    is_meant: impl Fn(&Selector) -> bool,
) -> bool {
    let wants = |site: Option<&str>| endpoint.wants(&head.kind, site, &is_meant);
    wants(head.site.as_deref()) || (head.kind == REGISTERED && left(event).is_some_and(|site| wants(Some(&site))))
}

/// The site that a node had before its registration was changed.
fn left(event: &Json) -> Option<String> {
    #[derive(Deserialize)]
    struct Registered {
        data: Was,
    }
    #[derive(Deserialize)]
    struct Was {
        was: Option<Site>,
    }
    #[derive(Deserialize)]
    struct Site {
        site: Option<String>,
    }
    event.read::<Registered>().ok()?.data.was?.site
}

/// The message that brings an event to an endpoint. New events of a node are in one group. Replayed events are in
/// others, each of which has a part of the nodes: so those of a node stay in order, and hold up no new ones.
pub fn message(name: &EndpointName, head: &EventHead, event: &Json, replay: Option<u64>) -> Message {
    let subject = head.subject.as_deref().unwrap_or_default();
    let body = Outgoing { endpoint: name.to_string(), event: event.clone(), replay };
    // Text, JSON and a number can always be written as JSON.
    let body = serde_json::to_string(&body).unwrap_or_default();
    match replay {
        None => Message { group: format!("{name}/{subject}"), id: format!("{name}/{}", head.id), body },
        Some(began) => {
            let group = format!("replay/{name}/{}", hash(&[subject]) % LANES);
            Message { group, id: format!("{name}/{}/{began}", head.id), body }
        }
    }
}

/// The endpoints, those that are disabled as well, in the order of their names. One that can't be read is sent nothing, and
/// keeps nothing from the others.
///
/// # Errors
/// If they can't be read.
pub async fn endpoints(store: &impl Store) -> Result<Vec<(EndpointName, Endpoint)>, StoreError> {
    let (Ok(first), Ok(last)) = ("-".parse(), "z".repeat(32).parse()) else { return Ok(vec![]) };
    let limit = i32::try_from(ENDPOINTS * 2).unwrap_or(i32::MAX);
    let items = store.range(Key::Endpoint(first)..=Key::Endpoint(last), Order::Ascending, limit).await?;
    let endpoint = |(key, item): (Key, Item)| match (key, Endpoint::read(&item)) {
        (Key::Endpoint(name), Ok(Some(endpoint))) => Some((name, endpoint)),
        (Key::Endpoint(name), Err(error)) => {
            tracing::error!(%name, error = chain(&error), Failures = 1, "an endpoint is unreadable, and is sent nothing");
            None
        }
        _ => None,
    };
    Ok(items.into_iter().filter_map(endpoint).collect())
}

/// An event about a subject. `sequence` orders the events of the subject, as text.
pub(crate) fn event(id: String, sequence: String, subject: &str, data: &EventData, at: Timestamp) -> CloudEvent {
    CloudEvent {
        specversion: "1.0".to_owned(),
        id,
        source: SOURCE.to_owned(),
        kind: data.kind().to_owned(),
        subject: subject.to_owned(),
        time: rfc3339(at),
        sequence,
        datacontenttype: "application/json".to_owned(),
        site: None,
        actor: None,
        data: data.data(),
    }
}

/// An event as the messages of the queue have it.
pub(crate) fn as_json(event: &CloudEvent) -> Json {
    // Text and JSON can always be written as JSON. It is not made a `Value`, which would round numbers.
    serde_json::to_string(event).ok().and_then(|text| Json::parse(&text).ok()).unwrap_or_default()
}

/// A number that follows from these texts and nothing else.
pub(crate) fn hash(texts: &[&str]) -> u32 {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(Sha256::digest(text));
    }
    let [a, b, c, d, ..] = <[u8; 32]>::from(digest.finalize());
    u32::from_be_bytes([a, b, c, d])
}

/// An instant as RFC 3339 writes it: `2026-03-01T12:00:00.000Z`.
pub fn rfc3339(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000);
    // A year with more than four digits can't be written.
    time.ok().and_then(|time| time.format(format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).expect("JSON")
    }

    #[test]
    fn instants_are_written_as_rfc_3339_says() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_707_503_008_941, "2024-02-09T18:23:28.941Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_767_225_599_000, "2025-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(Timestamp(ms)), text);
        }
    }

    #[test]
    fn an_event_is_passed_on_as_it_was_written() {
        let text = r#"{"id":"17.0","type":"node.online","subject":"ap-1","data":{"n":1.50,"n2":12345678901234567890}}"#;
        let (event, name) = (json(text), "crm".parse().expect("a name"));
        let (head, _) = EventHead::read(&event).expect("an event");
        let message = message(&name, &head, &event, None);
        assert_eq!((&*message.group, &*message.id), ("crm/ap-1", "crm/17.0"));
        assert!(message.body.contains(text), "{}", message.body);
    }

    #[test]
    fn replayed_events_of_a_node_are_in_one_group_and_those_of_all_nodes_in_a_few() {
        let name: EndpointName = "crm".parse().expect("a name");
        let group = |node: usize, id: usize| {
            let event = json(&format!(r#"{{"id":"{id}","type":"node.online","subject":"ap-{node}"}}"#));
            let (head, _) = EventHead::read(&event).expect("an event");
            message(&name, &head, &event, Some(9)).group
        };
        assert_eq!(group(1, 1), group(1, 2));
        let groups: std::collections::BTreeSet<_> = (0..1000).map(|node| group(node, 1)).collect();
        assert_eq!(groups.len(), 8);
        assert!(groups.iter().all(|group| group.starts_with("replay/crm/")), "no new event is in such a group");
    }
}
