//! What standing in front of a legacy endpoint adds to a poll's latency: `cargo bench --bench cutover`.
//!
//! The endpoint takes ten milliseconds for an answer, as a quick monolith does. Nodes poll it directly, and then through
//! the cut-over in each mode; and in `observe` while the table does not answer.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use rollcall_service::CUTOVER_WAIT_MS;
use rollcall_tests::{Cloud, Fault, Http, benchmark_options};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// How many nodes poll, each when its last poll is answered and a pause is over.
const NODES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(400);
/// How many polls each makes that are measured.
const POLLS: usize = 40;
/// How long the endpoint takes.
const TAKES: Duration = Duration::from_millis(10);
/// How long a change of the modes may take to be in effect.
const EFFECT: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answers = get(async || {
        sleep(TAKES).await;
        "ok"
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/checkin", answers)).await });
    // What AWS has: as many processes as there are polls at a time, and little time for what is only noted.
    let more = [("ROLLCALL_CUTOVER_WAIT_MS".to_owned(), CUTOVER_WAIT_MS.to_string())].into();
    let options = rollcall_tests::Options { faults: true, processes: 16, more, ..benchmark_options() };
    let cloud = Cloud::with(options).await;
    let mapping = json!({
        "application": {"url": url}, "request": {"path": "/checkin", "node": "query:mac"}, "answer": {"body": "ok"},
    });
    assert_eq!(cloud.console().put("/v1/cutover/mapping", mapping.to_string()).await.status, 204);

    println!("{NODES} nodes, {POLLS} polls each, an endpoint that takes {} ms\n", TAKES.as_millis());
    println!("{:24} {:>8} {:>8} {:>8} {:>7}", "", "p50, ms", "p99, ms", "max, ms", "lost");
    measure("directly", &Http::new(url, "")).await;
    for mode in ["off", "observe", "compare", "serve"] {
        set(&cloud, mode).await;
        measure(mode, &cloud.http("")).await;
    }
    set(&cloud, "observe").await;
    cloud.dynamodb.set(Fault::Hold(Arc::new(Semaphore::new(0))));
    measure("observe, table silent", &cloud.http("")).await;
    cloud.dynamodb.set(Fault::None);
    cloud.stop().await;
}

async fn set(cloud: &Cloud, mode: &str) {
    let set = cloud.console().put("/v1/cutover/mode", json!({ "mode": mode }).to_string()).await;
    assert_eq!(set.status, 200, "{set:?}");
    sleep(EFFECT).await;
    // Everybody is known, and every process has its connections.
    join_all((0..NODES).map(|node| poll(cloud.http(""), node, 2))).await;
}

/// Polls, and prints how long answers took and how many were none.
async fn measure(name: &str, http: &Http) {
    let polled = join_all((0..NODES).map(|node| poll(http.clone(), node, POLLS))).await;
    let mut times = Histogram::<u64>::new(3).expect("a histogram");
    let mut lost = 0;
    for (took, is_answered) in polled.into_iter().flatten() {
        times.record(u64::try_from(took.as_micros()).expect("short")).expect("in range");
        lost += u32::from(!is_answered);
    }
    let at = |quantile| f64::from(u32::try_from(times.value_at_quantile(quantile)).expect("short")) / 1_000.0;
    println!("{name:24} {:>8.1} {:>8.1} {:>8.1} {lost:>7}", at(0.5), at(0.99), at(1.0));
}

async fn poll(http: Http, node: u32, polls: usize) -> Vec<(Duration, bool)> {
    sleep(PAUSE * node / NODES).await;
    let mut polled = vec![];
    for _ in 0..polls {
        let began = Instant::now();
        let answer = http.get(&format!("/checkin?mac=node-{node}")).await;
        polled.push((began.elapsed(), answer.status == 200 && answer.text == "ok"));
        sleep(PAUSE).await;
    }
    polled
}
