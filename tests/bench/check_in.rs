//! How fast check-ins are: `cargo bench --profile local -p rollcall-tests --bench check_in`.
//!
//! Everything runs on this machine at once: nodes, gateway, functions and DynamoDB. Figures of different runs, or of
//! different machines, don't compare; the ratios within one run do. With `-- --functions target/release`, the functions
//! are the ones that are deployed (`cargo build --release` makes them).
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use rollcall_core::{
    Connection, CredentialVersion, Event, EventKind, Outcome, Policy, Registration, Report, Timestamp, plan,
};
use rollcall_gateway::Invoke as _;
use rollcall_service::Store as _;
use rollcall_tests::{Cloud, Frame, Socket, benchmark_cloud, policy};
use rollcall_wire::ServerMessage;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Connections that check in as fast as they are answered.
const CONNECTIONS: usize = 100;
/// How long they do.
const FOR: Duration = Duration::from_secs(10);
/// How often one call is measured.
const CALLS: u64 = 3_000;
/// Calls before that, to warm up.
const WARM_UP: u64 = 300;

#[tokio::main]
async fn main() {
    let cloud = benchmark_cloud().await;
    throughput(&cloud).await;
    latency(&cloud).await;
    cloud.stop().await;
}

async fn throughput(cloud: &Cloud) {
    let mut clients = JoinSet::new();
    let mut sockets = vec![];
    for number in 0..CONNECTIONS {
        sockets.push(cloud.socket(&format!("bench-{number}")).await);
    }
    let end = Instant::now() + FOR;
    for socket in sockets {
        clients.spawn(check_in_until(end, socket));
    }
    let mut answers = histogram();
    for client in clients.join_all().await {
        answers.add(client).expect("the same bounds");
    }
    println!("{CONNECTIONS} connections, {} s, everything on this machine", FOR.as_secs());
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let rate = answers.len() as f64 / FOR.as_secs_f64();
    println!("  check-ins/s         {rate:>9.0}");
    print_percentiles("send -> ack", &answers);
}

async fn check_in_until(end: Instant, mut socket: Socket) -> Histogram<u64> {
    let mut answers = histogram();
    for seq in 1.. {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        socket.check_in(seq).await;
        let frame = socket.next().await;
        assert!(matches!(frame, Frame::Message(ServerMessage::Ack(_))), "{frame:?}");
        record(&mut answers, sent);
    }
    answers
}

/// One call after the other: the warm function as the gateway invokes it, and the SDK's own call in turns with it.
async fn latency(cloud: &Cloud) {
    let host = cloud.stack.host().expect("it runs here");
    let invoke = async |function: &str, event: Value| {
        let answer = host.invoke(function, Bytes::from(event.to_string())).await.expect("an answer");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer["statusCode"], 200, "{answer}");
    };
    invoke("connect", connect_event()).await;
    let policy = policy(Registration::Open, 6600);
    connect_directly(cloud, &policy).await;
    let (mut function, mut sdk) = (histogram(), histogram());
    for seq in 1..=WARM_UP + CALLS {
        let sent = Instant::now();
        invoke("check-in", check_in_event(seq)).await;
        let answered = Instant::now();
        write_directly(cloud, &policy, seq).await;
        if seq > WARM_UP {
            record_between(&mut function, sent, answered);
            record(&mut sdk, answered);
        }
    }
    println!("one at a time, {CALLS} calls of each, in turns");
    print_percentiles("warm check-in", &function);
    print_percentiles("bare UpdateItem", &sdk);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let ratio = function.value_at_quantile(0.5) as f64 / sdk.value_at_quantile(0.5) as f64;
    println!("  ratio of the p50    {ratio:>9.2}");
}

fn context(node: &str, event_type: &str, route: &str) -> Value {
    json!({
        "routeKey": route, "eventType": event_type, "connectionId": "bench=", "connectedAt": 1_800_000_000_000_u64,
        "requestTimeEpoch": 1_800_000_000_000_u64, "requestId": "bench", "extendedRequestId": "bench",
        "requestTime": "15/Jan/2027:08:00:00 +0000", "messageDirection": "IN", "stage": "local", "apiId": "bench",
        "domainName": "127.0.0.1", "identity": { "sourceIp": "127.0.0.1" },
        "authorizer": { "principalId": node, "node": node, "cv": "1", "integrationLatency": 1 },
    })
}

fn connect_event() -> Value {
    json!({ "headers": {}, "requestContext": context("bench-warm", "CONNECT", "$connect"), "isBase64Encoded": false })
}

fn check_in_event(seq: u64) -> Value {
    let body = json!({ "type": "check-in", "seq": seq }).to_string();
    let context = context("bench-warm", "MESSAGE", "check-in");
    json!({ "requestContext": context, "body": body, "isBase64Encoded": false })
}

fn direct(kind: EventKind) -> Event {
    Event::new("bench-direct".parse().expect("an id"), Timestamp(1_800_000_000_000), kind)
}

fn connection() -> Connection {
    Connection { id: "bench=".parse().expect("an id"), opened_at: Timestamp(1_800_000_000_000) }
}

async fn connect_directly(cloud: &Cloud, policy: &Policy) {
    let event =
        direct(EventKind::Connect { connection: connection(), credentials: CredentialVersion(1), instance: None });
    let written = cloud.store().write(&plan(&event, policy)).await.expect("stored");
    assert!(matches!(written.outcome, Outcome::Applied { .. }));
}

async fn write_directly(cloud: &Cloud, policy: &Policy, seq: u64) {
    let kind = EventKind::CheckIn {
        connection: connection(),
        credentials: CredentialVersion(1),
        received: Timestamp(1_800_000_000_000),
        seq,
        ack: true,
        report: Report::default(),
        results: 0,
    };
    let written = cloud.store().write(&plan(&direct(kind), policy)).await.expect("stored");
    assert!(matches!(written.outcome, Outcome::Applied { .. }));
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds")
}

fn record(histogram: &mut Histogram<u64>, since: Instant) {
    record_between(histogram, since, Instant::now());
}

fn record_between(histogram: &mut Histogram<u64>, since: Instant, until: Instant) {
    histogram.saturating_record(u64::try_from((until - since).as_micros()).unwrap_or(u64::MAX));
}

fn print_percentiles(name: &str, histogram: &Histogram<u64>) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let ms = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    println!("  {name:18}  p50 {:>7.3} ms   p95 {:>7.3} ms   p99 {:>7.3} ms", ms(0.50), ms(0.95), ms(0.99));
}
