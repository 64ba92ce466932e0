//! How soon a configuration reaches its node: `cargo bench --workspace --bench config -- --functions target/release`.
//!
//! A thousand nodes are connected. One after the other is set and waits for its push; then the whole site at once.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::Instant;

use hdrhistogram::Histogram;
use rollcall_tests::{Cloud, Frame, Socket, benchmark_cloud};
use rollcall_wire::ServerMessage;
use serde_json::json;
use tokio::task::JoinSet;

/// Connected nodes.
const NODES: usize = 1_000;
/// How many of them are set one by one.
const ONE_BY_ONE: usize = 300;

#[tokio::main]
async fn main() {
    let cloud = benchmark_cloud().await;
    let mut sockets = connected(&cloud).await;
    println!("{NODES} connected nodes, everything on this machine");
    one_by_one(&cloud, &mut sockets).await;
    whole_site(&cloud, sockets).await;
    cloud.stop().await;
}

async fn connected(cloud: &Cloud) -> Vec<Socket> {
    let nodes: Vec<_> = (0..NODES).map(|n| json!({"node": format!("ap-{n}"), "site": "hq"})).collect();
    let mut sockets = vec![];
    for (at, batch) in nodes.chunks(100).enumerate() {
        let reply = cloud.console().send("POST", "/v1/nodes:batch", json!(batch).to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        for node in 0..batch.len() {
            sockets.push(cloud.socket(&format!("ap-{}", at * 100 + node)).await);
        }
    }
    sockets
}

async fn one_by_one(cloud: &Cloud, sockets: &mut [Socket]) {
    let console = cloud.console();
    let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("bounds");
    for (n, socket) in sockets.iter_mut().enumerate().take(ONE_BY_ONE) {
        let began = Instant::now();
        let (path, document) = (format!("/v1/nodes/ap-{n}/config"), json!({"channel": n}).to_string());
        let (reply, ()) = tokio::join!(console.put(&path, document), is_pushed(socket));
        times.record(u64::try_from(began.elapsed().as_micros()).expect("short")).expect("in bounds");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let ms = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
    println!("  set -> pushed, one by one   p50 {:.2} ms   p95 {:.2} ms   p99 {:.2} ms", ms(0.5), ms(0.95), ms(0.99));
}

async fn whole_site(cloud: &Cloud, sockets: Vec<Socket>) {
    let mut waiting = JoinSet::new();
    for mut socket in sockets {
        waiting.spawn(async move {
            is_pushed(&mut socket).await;
            socket
        });
    }
    let (began, mut cursor, mut pages) = (Instant::now(), String::new(), 0);
    loop {
        let page = cloud.console().put(&format!("/v1/sites/hq/config?{cursor}"), r#"{"ssid":"staff"}"#).await.json();
        assert_eq!(page["failed"], json!([]), "{page}");
        pages += 1;
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("cursor={next}"),
            None => break,
        }
    }
    let set = began.elapsed();
    let sockets = waiting.join_all().await;
    let (set, pushed) = (set.as_secs_f64(), began.elapsed().as_secs_f64());
    println!(
        "  whole site, {} nodes      set in {set:.2} s ({pages} requests), every node pushed in {pushed:.2} s",
        sockets.len()
    );
}

async fn is_pushed(socket: &mut Socket) {
    match socket.next().await {
        Frame::Message(ServerMessage::Config(_)) => {}
        other => panic!("no configuration: {other:?}"),
    }
}
