//! Events reach the application by themselves: in order for each node, signed, and again until they are accepted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use rollcall_core::{Policy, Registration};
use rollcall_tests::{Cloud, Http, Options};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Far longer than events take that are refused several times.
const PATIENCE: Duration = Duration::from_mins(3);

/// A request that was accepted: its headers and its event.
type Accepted = (HeaderMap, Value);

/// A receiver that refuses every third request, and keeps what it accepts.
#[derive(Clone)]
pub(crate) struct Receiver {
    requests: Arc<Mutex<(usize, Vec<Accepted>)>>,
    accepted: watch::Sender<usize>,
}

impl Receiver {
    pub(crate) async fn start() -> (Self, String) {
        let receiver = Self { requests: Arc::default(), accepted: watch::Sender::new(0) };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let router = Router::new()
            .route("/gone", post(async || StatusCode::GONE))
            .route("/hook", post(receive))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    /// Waits until so many requests were accepted, and gives the events.
    pub(crate) async fn until(&self, count: usize) -> Vec<Value> {
        let mut accepted = self.accepted.subscribe();
        let waits = accepted.wait_for(|accepted| *accepted >= count);
        let waits = tokio::time::timeout(PATIENCE, waits).await;
        assert!(waits.is_ok(), "only these came: {:#?}", self.requests.lock().expect("whole").1);
        self.requests.lock().expect("whole").1.iter().map(|(_, event)| event.clone()).collect()
    }
}

/// Makes an endpoint with this URL.
async fn make(console: &Http, name: &str, url: &str) {
    let made = console.put(&format!("/v1/endpoints/{name}"), json!({ "url": url }).to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut requests = receiver.requests.lock().expect("whole");
    requests.0 += 1;
    if requests.0.is_multiple_of(3) {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    requests.1.push((headers, serde_json::from_slice(&body).expect("JSON")));
    drop(requests);
    receiver.accepted.send_modify(|accepted| *accepted += 1);
    StatusCode::NO_CONTENT
}

#[tokio::test]
async fn a_receiver_that_fails_a_third_of_the_time_gets_every_event_in_order_for_each_node() {
    let policy = Policy::new(Registration::Open, 6600, 300, 1, 0).expect("in range");
    let cloud = Cloud::with_sources(Options { policy, sweep_every: 1, ..Options::default() }).await;
    let console = cloud.console();
    let (receiver, url) = Receiver::start().await;
    let put = console.put("/v1/endpoints/crm", json!({"url": url, "types": ["node.*"]}).to_string()).await;
    assert_eq!(put.status, 201, "{put:?}");
    assert!(put.json()["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "it is shown once");
    let nodes = ["ap-1", "ap-2", "ap-3"];
    for node in nodes {
        drop(cloud.socket(node).await);
    }
    let _there = cloud.socket("ap-4").await;
    // Each of the three is registered, comes and goes; the fourth is registered and stays.
    let events = receiver.until(11).await;
    for node in nodes {
        let kinds: Vec<_> =
            events.iter().filter(|event| event["subject"] == node).map(|event| &event["type"]).collect();
        assert_eq!(kinds, ["node.registered", "node.online", "node.offline"], "{node}");
    }
    let (headers, event) = receiver.requests.lock().expect("whole").1[0].clone();
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    assert_eq!(headers["webhook-id"].to_str().expect("text"), event["id"].as_str().expect("an id"));
    assert!(headers["webhook-signature"].to_str().is_ok_and(|signature| signature.starts_with("v1,")));
    let shown = console.get("/v1/endpoints/crm").await.json();
    assert!(shown["secret"].is_null() && !shown.to_string().contains("whsec_"), "{shown}");
    let deliveries = console.get("/v1/endpoints/crm/deliveries").await.json();
    assert!(deliveries["deliveries"].as_array().is_some_and(|list| list.len() >= 11), "{deliveries}");
    cloud.stop().await;
}

#[tokio::test]
async fn a_test_event_is_sent_to_its_endpoint_alone() {
    let cloud = Cloud::with_sources(Options::default()).await;
    let console = cloud.console();
    let (receiver, url) = Receiver::start().await;
    make(&console, "crm", &url).await;
    make(&console, "other", &format!("{url}/no")).await;
    let sent = console.send("POST", "/v1/endpoints/crm/test", "").await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let events = receiver.until(1).await;
    assert_eq!((&events[0]["type"], &events[0]["id"]), (&json!("rollcall.test"), &sent.json()["event"]), "{events:?}");
    cloud.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_says_it_is_gone_is_disabled_and_the_others_are_told() {
    let cloud = Cloud::with_sources(Options::default()).await;
    let console = cloud.console();
    let (receiver, url) = Receiver::start().await;
    make(&console, "crm", &url).await;
    make(&console, "gone", &url.replace("/hook", "/gone")).await;
    assert_eq!(console.send("POST", "/v1/endpoints/gone/test", "").await.status, 202);
    let events = receiver.until(1).await;
    assert_eq!(
        (&events[0]["type"], &events[0]["subject"]),
        (&json!("endpoint.disabled"), &json!("gone")),
        "{events:?}"
    );
    let shown = console.get("/v1/endpoints/gone").await.json();
    assert!(!shown["disabled"].is_null(), "{shown}");
    let told = console.get("/v1/events?type=endpoint.disabled").await.json();
    assert_eq!(told["events"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(told["events"][0], events[0], "whoever asks is told the same");
    cloud.stop().await;
}

#[tokio::test]
async fn what_happened_before_is_sent_to_a_new_endpoint_that_asks_for_it() {
    let cloud = Cloud::with_sources(Options::default()).await;
    let console = cloud.console();
    let (early, url) = Receiver::start().await;
    make(&console, "early", &url).await;
    let _there = cloud.socket("ap-1").await;
    let told = early.until(2).await;
    let (receiver, url) = Receiver::start().await;
    make(&console, "late", &url).await;
    let replay = async |body: Value| {
        let replayed = console.send("POST", "/v1/endpoints/late/replay", body.to_string()).await;
        (replayed.status, replayed.json())
    };
    assert_eq!(replay(json!({"to": "2020-01-01T00:00:00Z"})).await, (202, json!({"queued": 0})));
    assert_eq!(replay(json!({})).await, (202, json!({"queued": 2})));
    let events = receiver.until(2).await;
    assert_eq!([&events[0]["type"], &events[1]["type"]], ["node.registered", "node.online"], "{events:#?}");
    assert_eq!(events, told, "an event is sent as it was");
    assert_eq!(replay(json!({"ids": [events[1]["id"]]})).await, (202, json!({"queued": 1})));
    assert_eq!(receiver.until(3).await[2], told[1]);
    cloud.stop().await;
}

#[tokio::test]
async fn where_private_addresses_are_refused_an_endpoint_that_leads_to_one_is_refused_with_the_reason() {
    let more = [("ROLLCALL_WEBHOOK_PRIVATE".to_owned(), "refuse".to_owned())].into();
    let cloud = Cloud::with(Options { more, ..Options::default() }).await;
    let console = cloud.console();
    for (url, why) in [
        ("ftp://a.example/x", "http"),
        ("a.example/x", "url"),
        ("https://user:secret@a.example/x", "password"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("http://[::1]/x", "::1"),
        ("http://[::ffff:10.0.0.1]/x", "10.0.0.1"),
        ("http://0x7f000001/x", "0x7f000001"),
        ("http://2130706433/x", "2130706433"),
        ("http://localhost:8080/x", "localhost"),
        ("http://0.0.0.0/x", "0.0.0.0"),
    ] {
        let refused = console.put("/v1/endpoints/crm", json!({ "url": url }).to_string()).await;
        let (status, code) = refused.problem();
        let detail = refused.json()["detail"].as_str().expect("a detail").to_owned();
        assert_eq!((status, &*code), (400, "invalid-body"), "{url}: {detail}");
        assert!(detail.contains(why) && !detail.contains("secret"), "{url}: {detail}");
    }
    assert_eq!(console.get("/v1/endpoints").await.json()["endpoints"], json!([]));
    cloud.stop().await;
}
