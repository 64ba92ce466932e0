//! How fast the application is told: `cargo bench --workspace --bench events -- --functions target/release`. With
//! `--nodes 1000`, the fleet is smaller than ten thousand.
//!
//! What the sweep does with ten thousand nodes that have gone; how many events go through feed and deliveries in a
//! second, to a receiver on this machine that answers at once; and how soon an event arrives.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod fleet;
mod receiver;
mod spent;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rollcall_core::{Policy, Registration, Timestamp};
use rollcall_tests::{Cloud, Frame, Http, Options, Socket, benchmark_options, now};
use rollcall_wire::ServerMessage;
use serde_json::json;

use fleet::{come, go, told};
use receiver::Receiver;
use spent::Spent;

/// Nodes that have gone when the sweep runs; half as many come for the throughput, each of which is registered and
/// online: two events.
const NODES: usize = 10_000;
/// Nodes whose events are timed.
const TIMED: usize = 100;
/// How long it is from one loss of a connection to the next. It shares no beat with the sweep.
const BETWEEN: Duration = Duration::from_millis(37);
/// The grace period and the time between two sweeps where arrivals are timed, in seconds.
const GRACE: u32 = 1;
/// So long that no sweep runs by itself.
const NEVER: u32 = 86_400;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--nodes").skip(1);
    let nodes = arguments.next().map_or(NODES, |nodes| nodes.parse().expect("a number of nodes"));
    println!("sweep: {nodes} nodes whose grace period is over");
    sweep(nodes).await;
    println!("throughput: {} nodes come, each with two events; one endpoint, which answers 204", nodes / 2);
    throughput(nodes / 2).await;
    println!("arrivals: {TIMED} nodes, a grace period of {GRACE} s, a sweep each {GRACE} s");
    arrivals().await;
}

async fn cloud(sweep_every: u32) -> Cloud {
    let policy = Policy::new(Registration::Open, 6600, 300, GRACE, 0).expect("in range").with_budget(0);
    Cloud::with_sources(Options { policy, sweep_every, ..benchmark_options() }).await
}

/// A time that is over for as long as a grace period.
fn before() -> Timestamp {
    Timestamp(now().0 - 5_000)
}

/// One run of the sweep, and what the feed makes of it.
async fn sweep(nodes: usize) {
    let (cloud, opened) = (cloud(NEVER).await, before());
    let began = Instant::now();
    come(&cloud, "gone", nodes, opened).await;
    go(&cloud, "gone", nodes, opened).await;
    print_rate("writes", 2 * nodes, began.elapsed());
    told(&cloud, 2 * nodes).await;
    print_rate("events in the log", 2 * nodes, began.elapsed());
    let (began, spent) = (Instant::now(), Spent::now(&cloud));
    let swept = cloud.sweep().await;
    assert_eq!((&swept["expired"], &swept["failed"]), (&json!(nodes), &json!(0)), "{swept}");
    print_rate("nodes, by one run", nodes, began.elapsed());
    told(&cloud, 3 * nodes).await;
    print_rate("nodes, until the log has all", nodes, began.elapsed());
    spent.print(&cloud, nodes);
    cloud.stop().await;
}

/// Events through the feed alone, through feed and deliveries at once, and through deliveries alone.
async fn throughput(nodes: usize) {
    let (cloud, events) = (cloud(NEVER).await, 2 * nodes);
    let began = Instant::now();
    come(&cloud, "quiet", nodes, before()).await;
    print_rate("events written", events, began.elapsed());
    told(&cloud, events).await;
    print_rate("and logged, with no endpoint", events, began.elapsed());

    let (receiver, console) = receiver(&cloud).await;
    let (began, spent) = (Instant::now(), Spent::now(&cloud));
    come(&cloud, "told", nodes, before()).await;
    told(&cloud, 2 * events).await;
    print_rate("and logged, with an endpoint", events, began.elapsed());
    let (first, last) = receiver.between(0, events).await;
    print_rate("and delivered", events, last - began);
    print_rate("  from the first to the last", events, last - first);
    spent.print(&cloud, events);

    let mut left = Some(json!({}));
    let (began, spent) = (Instant::now(), Spent::now(&cloud));
    while let Some(body) = left {
        let reply = console.send("POST", "/v1/endpoints/crm/replay", body.to_string()).await.json();
        left = reply["cursor"].as_str().map(|cursor| json!({ "cursor": cursor }));
    }
    print_rate("replayed: on the queue", 2 * events, began.elapsed());
    let (first, last) = receiver.between(events, 3 * events).await;
    print_rate("  from the first to the last", 2 * events, last - first);
    spent.print(&cloud, 2 * events);
    cloud.stop().await;
}

/// A receiver, and the console that knows it as an endpoint.
async fn receiver(cloud: &Cloud) -> (Receiver, Http) {
    let (receiver, url) = Receiver::start().await;
    let console = cloud.console();
    let made = console.put("/v1/endpoints/crm", json!({ "url": url }).to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    (receiver, console)
}

/// How soon an event arrives that a node causes.
async fn arrivals() {
    let cloud = cloud(GRACE).await;
    let (receiver, console) = receiver(&cloud).await;
    let (mut applied, mut sockets) = (histogram(), vec![]);
    for number in 0..TIMED {
        let node = format!("ap-{number}");
        let mut socket = cloud.socket(&node).await;
        is_set(&console, &node, &mut socket).await;
        receiver.arrival(&node, "config.desired").await;
        let began = Instant::now();
        let report = json!({"type": "check-in", "seq": 1, "config": {"version": 1, "status": "applied"}});
        socket.send(report.to_string()).await;
        record(&mut applied, receiver.arrival(&node, "config.applied").await - began);
        sockets.push((node, socket));
    }
    print_percentiles("applied -> config.applied arrives", &applied);
    let mut lost = vec![];
    for (node, socket) in sockets {
        drop(socket);
        lost.push((node, Instant::now()));
        tokio::time::sleep(BETWEEN).await;
    }
    let (mut offline, mut beyond) = (histogram(), histogram());
    for (node, lost) in lost {
        let took = receiver.arrival(&node, "node.offline").await - lost;
        record(&mut offline, took);
        record(&mut beyond, took.saturating_sub(Duration::from_secs(u64::from(2 * GRACE))));
    }
    print_percentiles("lost -> node.offline arrives", &offline);
    print_percentiles("  beyond grace and interval", &beyond);
    cloud.stop().await;
}

async fn is_set(console: &Http, node: &str, socket: &mut Socket) {
    let put = console.put(&format!("/v1/nodes/{node}/config"), r#"{"channel":36}"#).await;
    assert_eq!(put.status, 200, "{put:?}");
    let frame = socket.next().await;
    assert!(matches!(frame, Frame::Message(ServerMessage::Config(_))), "{frame:?}");
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds")
}

fn record(histogram: &mut Histogram<u64>, took: Duration) {
    histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
}

fn print_rate(what: &str, count: usize, took: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let rate = count as f64 / took.as_secs_f64();
    println!("  {what:36}  {count:>6} in {:>6.2} s  {rate:>7.0}/s", took.as_secs_f64());
}

fn print_percentiles(what: &str, histogram: &Histogram<u64>) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let ms = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    println!("  {what:36}  p50 {:>7.1} ms   p95 {:>7.1} ms   p99 {:>7.1} ms", ms(0.50), ms(0.95), ms(0.99));
}
