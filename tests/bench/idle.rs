//! What an idle connection costs the gateway: `cargo bench --profile local -p rollcall-tests --bench idle`.
//!
//! The gateway runs in a process of its own, so that its memory is not mixed with the clients'. It lets everybody in
//! without asking a function: what is measured is what it holds afterwards.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rollcall_gateway::{Gateway, GatewayConfig, Invoke, InvokeError, Limits, Routes};
use rollcall_tests::Socket;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;

/// How many connections are opened.
const CONNECTIONS: usize = 10_000;
/// How many of them at once.
const AT_ONCE: usize = 100;
/// The argument that makes this program the gateway.
const GATEWAY: &str = "--be-the-gateway";

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == GATEWAY) {
        return be_the_gateway().await;
    }
    let own = std::env::current_exe().expect("a path");
    let mut gateway = Command::new(own)
        .arg(GATEWAY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the gateway starts");
    let pid = gateway.id().expect("a process");
    let mut lines = BufReader::new(gateway.stdout.take().expect("a pipe")).lines();
    let url = lines.next_line().await.expect("readable").expect("the gateway's address");

    let before = resident_kib(pid);
    let began = Instant::now();
    let sockets = open(&url).await;
    let took = began.elapsed();
    let after = resident_kib(pid);
    let each = (after - before) / f64::from(u32::try_from(sockets.len()).expect("few"));
    println!("{} idle connections, opened in {:.1} s", sockets.len(), took.as_secs_f64());
    println!("  gateway before      {before:>9.0} KiB");
    println!("  gateway with them   {after:>9.0} KiB");
    println!("  each                {each:>9.2} KiB");
    drop(gateway.stdin.take());
    gateway.wait().await.expect("the gateway ends");
}

async fn open(url: &str) -> Vec<Socket> {
    let mut opening = JoinSet::new();
    let mut sockets = vec![];
    for _ in 0..CONNECTIONS {
        if opening.len() >= AT_ONCE {
            sockets.push(opening.join_next().await.expect("one is opening").expect("no panic"));
        }
        let url = url.to_owned();
        opening.spawn(async move { Socket::open_with(&url, &[]).await.expect("let in") });
    }
    sockets.extend(opening.join_all().await);
    sockets
}

async fn be_the_gateway() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let limits = Limits { new_connections_per_second: 100_000, requests_per_second: 1_000_000, ..Limits::default() };
    let routes = Routes { selection: "$request.body.type".to_owned(), ..Routes::default() };
    let gateway =
        Gateway::start(listener, GatewayConfig { limits, ..GatewayConfig::new("local", routes) }, Arc::new(Nobody));
    println!("ws://{}/local", gateway.local_addr());
    // Until whoever started this lets go.
    let _ = tokio::io::stdin().read(&mut [0]).await;
}

/// No function is ever asked.
struct Nobody;

impl Invoke for Nobody {
    fn invoke(&self, function: &str, _: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let error = InvokeError::Unavailable(format!("{function} is not part of this"));
        Box::pin(async move { Err(error) })
    }
}

/// `VmRSS` of a process (`proc_pid_status(5)`), in KiB.
fn resident_kib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}
