use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use rollcall_core::{Policy, Registration, Timestamp};
use rollcall_wire::sha256;
use serde_json::{Value, json};

use super::*;
use crate::connections::NoConnections;
use crate::console::{Health, Keys};
use crate::documents::Documents;
use crate::firmware::Firmware;
use crate::http::Request;
use crate::memory::MemoryStore;
use crate::memory_queue::MemoryQueue;

pub(crate) struct NoPauses;

impl Clock for NoPauses {
    async fn sleep(&self, _: Duration) {}
}

/// Bytes that never come twice.
#[expect(clippy::unnecessary_wraps, reason = "the console wants it so")]
fn random() -> Option<[u8; 32]> {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Some(bytes)
}

pub(crate) type Tested = Console<MemoryStore, NoConnections, NoPauses, MemoryQueue>;

pub(crate) fn console(private: PrivateAddresses) -> Tested {
    // A name is its own address, so that each test says where a name leads.
    let resolver: Resolver = Box::new(|name| {
        let found: Vec<IpAddr> = match name {
            "public.test" => vec![[1, 1, 1, 1].into()],
            "inside.test" => vec![[1, 1, 1, 1].into(), [169, 254, 169, 254].into()],
            _ => vec![],
        };
        Box::pin(std::future::ready(Ok(found)))
    });
    Console {
        keys: Keys::hashed(&format!("read:{} write:{}", sha256("r"), sha256("w"))).expect("keys"),
        store: MemoryStore::default(),
        documents: Documents::default(),
        firmware: Firmware::default(),
        connections: NoConnections,
        clock: NoPauses,
        policy: Policy::new(Registration::Open, 6600, 300, 60, 30).expect("in range"),
        health: Health::default(),
        endpoints: Endpoints { queue: MemoryQueue::default(), private, resolver, random, keep_for: 3600 },
    }
}

fn ask_as(console: &Tested, key: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        body: body.map(|body| body.to_string()),
        at: Timestamp(1_800_000_000_000),
        now: Timestamp(1_800_000_000_000),
        ..Request::default()
    };
    request.headers.insert("authorization", format!("Bearer {key}").parse().expect("a header"));
    let answer = console.handle(&request).now_or_never().expect("nothing waits");
    let body = answer.body.as_deref().map_or(Value::Null, |body| serde_json::from_str(body).expect("JSON"));
    (answer.status_code, body)
}

pub(crate) fn ask(console: &Tested, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    ask_as(console, "w", method, path, body)
}

pub(crate) fn put(console: &Tested, body: Value) -> (u16, Value) {
    ask(console, "PUT", "/v1/endpoints/crm", Some(body))
}

#[test]
fn an_endpoint_is_made_with_a_secret_that_is_shown_once() {
    let console = console(PrivateAddresses::Refused);
    let (status, made) = put(&console, json!({"url": "https://public.test/events"}));
    let secret = made["secret"].as_str().expect("a secret");
    assert_eq!((status, secret.starts_with("whsec_"), &made["name"]), (201, true, &json!("crm")));
    let (status, shown) = ask_as(&console, "r", "GET", "/v1/endpoints/crm", None);
    assert_eq!((status, &shown["url"]), (200, &json!("https://public.test/events")));
    let (_, list) = ask_as(&console, "r", "GET", "/v1/endpoints", None);
    assert_eq!(list["endpoints"], json!([shown.clone()]));
    assert!(!list.to_string().contains("whsec_"), "{list}");
}

#[test]
fn an_endpoint_whose_events_have_ed25519_signatures_shows_its_public_key_and_no_secret() {
    let console = console(PrivateAddresses::Refused);
    let spec = json!({"url": "https://public.test/", "signature": "v1a"});
    let (status, made) = put(&console, spec.clone());
    let key = made["public_key"].as_str().expect("a public key").to_owned();
    assert_eq!((status, key.starts_with("whpk_"), made.get("secret")), (201, true, None));
    let (_, shown) = ask_as(&console, "r", "GET", "/v1/endpoints/crm", None);
    assert_eq!((&shown["signature"], &shown["public_key"]), (&json!("v1a"), &json!(key)));
    assert!(!shown.to_string().contains("whsk_"), "{shown}");

    let (_, rotated) = ask(&console, "POST", "/v1/endpoints/crm/rotate", None);
    assert!(rotated["public_key"].as_str().is_some_and(|new| new.starts_with("whpk_") && new != key), "{rotated}");
    assert_eq!(put(&console, spec).0, 200, "the same scheme");
    assert_eq!(put(&console, json!({"url": "https://public.test/"})).0, 200, "no scheme keeps it");
    let (status, refused) = put(&console, json!({"url": "https://public.test/", "signature": "v1"}));
    assert!(status == 400 && refused["detail"].as_str().is_some_and(|why| why.contains("v1a")), "{refused}");
    assert_eq!(put(&console, json!({"url": "https://public.test/", "signature": "v2"})).0, 400);
}

#[test]
fn of_two_rotations_at_the_same_instant_each_shows_the_secret_that_it_stores() {
    let console = console(PrivateAddresses::Refused);
    put(&console, json!({"url": "https://public.test/"}));
    for _ in 0..2 {
        let (status, rotated) = ask(&console, "POST", "/v1/endpoints/crm/rotate", None);
        let stored = console.store.get(&Key::Endpoint("crm".parse().expect("a name"))).expect("stored");
        let stored = Endpoint::read(&stored).expect("well-formed").expect("an endpoint");
        assert_eq!((status, &rotated["secret"]), (200, &json!(stored.secret.reveal())));
    }
}

#[test]
fn every_change_of_an_endpoint_is_an_event_that_names_who_made_it_and_tells_no_secret() {
    let console = console(PrivateAddresses::Refused);
    let spec = json!({"url": "https://public.test/hook?secret=of-the-receiver", "types": ["node.*"]});
    put(&console, spec.clone());
    assert_eq!(put(&console, spec).0, 200, "nothing changes");
    put(&console, json!({"url": "https://public.test/other"}));
    ask(&console, "POST", "/v1/endpoints/crm/rotate", None);
    assert_eq!(ask(&console, "DELETE", "/v1/endpoints/crm", None).0, 204);
    assert_eq!(ask(&console, "DELETE", "/v1/endpoints/crm", None).0, 404);
    let (_, page) = ask(&console, "GET", "/v1/events", None);
    let events = page["events"].as_array().expect("a list");
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    // All of them are of one instant here: only a timeline that goes on has an order.
    let count = |kind| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!(["endpoint.set", "endpoint.rotated", "endpoint.removed"].map(count), [2, 1, 1], "{kinds:?}");
    for event in events {
        assert_eq!((&event["subject"], event["actor"].is_string()), (&json!("crm"), true), "{event}");
    }
    assert!(!page.to_string().contains("of-the-receiver") && !page.to_string().contains("whsec_"), "{page}");
    let made = events.iter().find(|event| event["data"]["was"].is_null() && event["type"] == "endpoint.set");
    let made = &made.expect("it was made")["data"]["is"];
    assert_eq!((&made["host"], &made["types"]), (&json!("public.test"), &json!(["node.*"])), "{made}");
}

#[test]
fn to_set_an_endpoint_again_changes_it_and_shows_no_secret() {
    let console = console(PrivateAddresses::Refused);
    put(&console, json!({"url": "https://public.test/", "types": ["node.*"], "site": "hq"}));
    let (status, changed) = put(&console, json!({"url": "https://public.test/2"}));
    assert_eq!((status, &changed["url"], &changed["types"]), (200, &json!("https://public.test/2"), &json!([])));
    assert!(changed.get("secret").is_none() && changed["site"].is_null(), "{changed}");
}

#[test]
fn an_endpoint_that_may_not_be_is_refused_with_the_reason() {
    let console = console(PrivateAddresses::Refused);
    for (body, why) in [
        (json!({"url": "ftp://public.test/"}), "http://"),
        (json!({"url": "https://a:b@public.test/"}), "password"),
        (json!({"url": "http://169.254.169.254/latest/meta-data"}), "link-local"),
        (json!({"url": "http://[::1]/"}), "loopback"),
        (json!({"url": "http://2130706433/"}), "usual form"),
        (json!({"url": "http://inside.test/"}), "leads to 169.254.169.254"),
        (json!({"url": "http://nowhere.test/"}), "resolved"),
        (json!({"url": "http://public.test/", "types": ["Node.*"]}), "types"),
        (json!({"url": "http://public.test/", "site": "a b"}), "site"),
        (json!({"url": "http://public.test/", "secret": "mine"}), "secret"),
        (json!({}), "url"),
    ] {
        let (status, problem) = put(&console, body.clone());
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(status == 400 && detail.contains(why), "{body}: {problem}");
    }
    assert_eq!(ask(&console, "PUT", "/v1/endpoints/CRM", Some(json!({"url": "http://public.test/"}))).0, 400);
    assert_eq!(ask(&console, "GET", "/v1/endpoints", None).1, json!({"endpoints": []}));
}

#[test]
fn on_the_local_cloud_an_endpoint_may_be_on_this_machine() {
    let console = console(PrivateAddresses::Allowed);
    assert_eq!(put(&console, json!({"url": "http://127.0.0.1:9000/"})).0, 201);
    assert_eq!(put(&console, json!({"url": "http://u@127.0.0.1:9000/"})).0, 400);
}

#[test]
fn a_rotation_shows_the_new_secret_and_until_when_the_old_one_is_valid() {
    let mut console = console(PrivateAddresses::Refused);
    put(&console, json!({"url": "https://public.test/"}));
    console.endpoints.random = || Some([8; 32]);
    let (status, rotated) = ask(&console, "POST", "/v1/endpoints/crm/rotate", None);
    assert_eq!((status, &rotated["before_until_ms"]), (200, &json!(1_800_086_400_000_u64)));
    assert_eq!(rotated["secret"], json!(secret(wire::SignatureScheme::V1, &[8; 32]).reveal()));
    let (_, shown) = ask(&console, "GET", "/v1/endpoints/crm", None);
    assert_eq!(shown["rotating_until_ms"], json!(1_800_086_400_000_u64));
}

#[test]
fn a_test_puts_one_event_on_the_queue_whatever_the_endpoint_wants() {
    let console = console(PrivateAddresses::Refused);
    put(&console, json!({"url": "https://public.test/", "types": ["node.online"]}));
    let (status, sent) = ask(&console, "POST", "/v1/endpoints/crm/test", None);
    let waiting = console.endpoints.queue.waiting();
    let body: Value = serde_json::from_str(&waiting[0].body).expect("JSON");
    assert_eq!((status, waiting.len(), &body["event"]["id"]), (202, 1, &sent["event"]));
    assert!(waiting[0].group.starts_with("test/crm/test-"), "it waits for no other event");
    assert_eq!((&body["endpoint"], &body["event"]["type"]), (&json!("crm"), &json!("rollcall.test")));
}

#[test]
fn the_last_deliveries_are_shown_with_those_of_tests() {
    let console = console(PrivateAddresses::Refused);
    put(&console, json!({"url": "https://public.test/"}));
    for (number, event) in ["00017.0", "00018.0", "test-1800000000000-07070707"].into_iter().enumerate() {
        let record = DeliveryRecord {
            run: 0,
            tries: 1,
            progress: DeliveryProgress::Accepted,
            tried_at: Timestamp(number as u64),
            next_try_at: None,
            answer: rollcall_core::Answer::default(),
            kind: "node.online".to_owned(),
            subject: None,
        };
        let event = event.parse().expect("an id");
        let _ = console.store.apply(&record.keep(&"crm".parse().expect("a name"), &event, None));
    }
    let shown = |query: &str| {
        let mut request = Request { method: "GET".to_owned(), query: query.to_owned(), ..Request::default() };
        request.path = "/v1/endpoints/crm/deliveries".to_owned();
        request.headers.insert("authorization", "Bearer r".parse().expect("a header"));
        let body = console.handle(&request).now_or_never().expect("now").body.expect("a body");
        let list: DeliveryList = serde_json::from_str(&body).expect("deliveries");
        list.deliveries.into_iter().map(|delivery| delivery.event).collect::<Vec<_>>()
    };
    assert_eq!(shown(""), ["test-1800000000000-07070707", "00018.0", "00017.0"]);
    assert_eq!(shown("limit=2"), ["test-1800000000000-07070707", "00018.0"]);
}

#[test]
fn what_is_not_there_can_neither_be_shown_nor_changed_and_a_read_key_changes_nothing() {
    let console = console(PrivateAddresses::Refused);
    let requests = [("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate"), ("GET", "/deliveries")];
    for (method, below) in requests {
        let (status, problem) = ask(&console, method, &format!("/v1/endpoints/crm{below}"), None);
        assert_eq!((status, &problem["code"]), (404, &json!("unknown-endpoint")), "{method} {below}");
    }
    for (method, below) in [("PUT", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate")] {
        let path = format!("/v1/endpoints/crm{below}");
        assert_eq!(ask_as(&console, "r", method, &path, None).0, 403, "{method} {below}");
    }
}

#[test]
fn a_removed_endpoint_is_gone_and_its_name_is_free() {
    let console = console(PrivateAddresses::Refused);
    put(&console, json!({"url": "https://public.test/"}));
    assert_eq!(ask(&console, "DELETE", "/v1/endpoints/crm", None).0, 204);
    assert_eq!(ask(&console, "DELETE", "/v1/endpoints/crm", None).0, 404);
    assert_eq!(put(&console, json!({"url": "https://public.test/"})).0, 201);
}

#[test]
fn there_are_at_most_a_hundred_endpoints() {
    let console = console(PrivateAddresses::Refused);
    let make = |name: &str| {
        ask(&console, "PUT", &format!("/v1/endpoints/{name}"), Some(json!({"url": "https://public.test/"}))).0
    };
    assert!((0..100).all(|number| make(&format!("e-{number}")) == 201));
    assert_eq!([make("one-more"), make("e-7")], [409, 200]);
}
