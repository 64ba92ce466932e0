use futures_util::FutureExt as _;
use rollcall_core::{LOGGED_AT_ONCE, Logging, NodeId, log_events, log_shard};
use serde_json::{Value, json};

use super::*;
use crate::console::endpoints::tests::{Tested, ask, console, put};
use crate::webhook_url::PrivateAddresses;

/// What is in the log: of each node its events, one a second from 2026-03-01T12:00:00Z.
fn log(console: &Tested, nodes: &[&str], each: u64) {
    for node in nodes {
        let node: NodeId = node.parse().expect("an id");
        let events: Vec<_> = (0..each).map(|number| logging(&node, number)).collect();
        for events in events.chunks(LOGGED_AT_ONCE) {
            let shard = log_shard(&node);
            let end = console.ends().now_or_never().expect("now").expect("readable");
            let last = end[usize::try_from(shard).expect("small")];
            let writes = log_events(shard, last, events, Timestamp(0), 60);
            assert!(console.store.transact(&writes).now_or_never().expect("now").expect("written"));
        }
    }
}

fn logging(node: &NodeId, number: u64) -> Logging {
    let id: EventId = format!("{number:05}-{node}").parse().expect("an id");
    let kind = if number.is_multiple_of(2) { "node.online" } else { "node.offline" };
    let event = CloudEvent {
        specversion: "1.0".to_owned(),
        id: id.to_string(),
        source: "rollcall".to_owned(),
        kind: kind.to_owned(),
        subject: node.to_string(),
        time: rfc3339(Timestamp(1_772_366_400_000 + number * 1000)),
        sequence: id.to_string(),
        datacontenttype: "application/json".to_owned(),
        site: None,
        actor: None,
        data: json!({}).into(),
    };
    let (kind, text) = (kind.to_owned(), serde_json::to_string(&event).expect("JSON"));
    Logging { node: node.clone(), id, kind, at: Timestamp(0), text }
}

fn replay(console: &Tested, body: &Value) -> (u16, Value) {
    ask(console, "POST", "/v1/endpoints/crm/replay", Some(body.clone()))
}

/// The ids of the events that wait, in order.
fn waiting(console: &Tested) -> Vec<String> {
    let id = |message: Message| {
        let body: Value = serde_json::from_str(&message.body).expect("JSON");
        body["event"]["id"].as_str().expect("an id").to_owned()
    };
    console.endpoints.queue.waiting().into_iter().map(id).collect()
}

#[test]
fn a_replay_sends_what_is_asked_for_and_wanted_in_order() {
    for (types, asked, expected) in [
        (json!(["node.*"]), json!({}), &["00000-ap-1", "00001-ap-1", "00002-ap-1", "00003-ap-1"][..]),
        (json!(["node.offline"]), json!({}), &["00001-ap-1", "00003-ap-1"]),
        (json!(["node.*"]), json!({"from": "2026-03-01T12:00:02Z"}), &["00002-ap-1", "00003-ap-1"]),
        (json!(["node.*"]), json!({"to": "2026-03-01T14:00:01.0009+02:00"}), &["00000-ap-1", "00001-ap-1"]),
        (
            json!(["node.*"]),
            json!({"from": "2026-03-01T12:00:01Z", "to": "2026-03-01T12:00:02Z"}),
            &["00001-ap-1", "00002-ap-1"],
        ),
        (json!(["node.*"]), json!({"ids": ["00003-ap-1", "00009-ap-1"]}), &["00003-ap-1"]),
        (json!(["node.*"]), json!({"ids": ["00000-ap-1"], "from": "2026-03-01T12:00:01Z"}), &[]),
    ] {
        let console = console(PrivateAddresses::Refused);
        put(&console, json!({"url": "https://public.test/", "types": types}));
        log(&console, &["ap-1"], 4);
        assert_eq!(replay(&console, &asked), (202, json!({"queued": expected.len()})), "{asked}");
        assert_eq!(waiting(&console), expected, "{asked}");
    }
}

#[test]
fn a_long_replay_goes_on_with_its_cursor_and_ends_where_it_began() {
    let console = console(PrivateAddresses::Refused);
    put(&console, json!({"url": "https://public.test/", "types": []}));
    log(&console, &["ap-1", "ap-2", "ap-3"], 600);
    let (status, first) = replay(&console, &json!({}));
    // A request reads a thousand events, one of which is that the endpoint was made.
    assert_eq!((status, &first["queued"]), (202, &json!(999)));
    // The answer is lost; and something new happens, which is sent by itself.
    log(&console, &["new"], 10);
    let on = json!({"cursor": first["cursor"]});
    let (second, again) = (replay(&console, &on), replay(&console, &on));
    assert_eq!((&second, &again), (&(202, json!({"queued": 801})), &second), "the request is repeated");
    let sent = waiting(&console);
    assert_eq!(sent.len(), 1800, "each event is on the queue once");
    for node in ["ap-1", "ap-2", "ap-3"] {
        let of_node: Vec<_> = sent.iter().filter(|id| id.ends_with(node)).collect();
        assert!(of_node.len() == 600 && of_node.is_sorted(), "{node}");
    }
}

#[test]
fn a_replay_that_makes_no_sense_is_refused_with_the_reason() {
    let console = console(PrivateAddresses::Refused);
    put(&console, json!({"url": "https://public.test/", "types": ["node.*"]}));
    log(&console, &["ap-1", "ap-2", "ap-3"], 900);
    let cursor = replay(&console, &json!({})).1["cursor"].clone();
    let many: Vec<_> = (0..101).map(|number| number.to_string()).collect();
    for (body, code, why) in [
        (json!({"from": "yesterday"}), "invalid-body", "from: must be an instant"),
        (json!({"to": "1969-01-01T00:00:00Z"}), "invalid-body", "to: must be an instant"),
        (json!({"from": 7}), "invalid-body", "expected a string"),
        (
            json!({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}),
            "invalid-body",
            "from: must not be after",
        ),
        (json!({"ids": []}), "invalid-body", "ids: must be a list"),
        (json!({"ids": many}), "invalid-body", "ids: must be a list"),
        (json!({"ids": ["a b"]}), "invalid-body", "ids: "),
        (json!({"since": 1}), "invalid-body", "since"),
        (json!({"cursor": "?"}), "invalid-cursor", "cursor"),
        (json!({"cursor": cursor, "from": "2026-03-01T12:00:00Z"}), "invalid-cursor", "cursor"),
    ] {
        let (status, problem) = replay(&console, &body);
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(status == 400 && problem["code"] == code && detail.contains(why), "{body}: {problem}");
    }
    assert_eq!(ask(&console, "POST", "/v1/endpoints/nobody/replay", Some(json!({}))).0, 404);
}

#[test]
fn a_replay_to_an_endpoint_with_a_selector_sends_what_happened_to_the_nodes_that_it_means_by_now() {
    let console = console(PrivateAddresses::Refused);
    log(&console, &["ap-1", "ap-2", "gone"], 1);
    for (node, site) in [("ap-1", "hq"), ("ap-2", "lab")] {
        assert_eq!(
            ask(&console, "PUT", &format!("/v1/nodes/{node}"), Some(json!({"site": site, "name": "Lobby"}))).0,
            200
        );
    }
    let target = |select: &str| json!({"url": "https://public.test/", "select": select});
    for (select, expected) in [("site=hq", 1), ("name~lobby", 2), ("site=roof", 0)] {
        let set = ask(&console, "PUT", "/v1/endpoints/crm", Some(target(select)));
        assert!(set.0 < 300, "{set:?}");
        assert_eq!(ask(&console, "GET", "/v1/endpoints/crm", None).1["select"], select);
        assert_eq!(replay(&console, &json!({})).1["queued"], expected, "{select}");
    }
    let (status, problem) = ask(&console, "PUT", "/v1/endpoints/crm", Some(target("site<hq")));
    assert_eq!((status, &problem["code"]), (400, &json!("invalid-body")), "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.starts_with("select: ")), "{problem}");
}
