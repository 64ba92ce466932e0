//! How long a rollout takes: `cargo bench --workspace --bench rollout -- --functions target/release`. With `--nodes 1000`, the
//! fleet is smaller than ten thousand.
//!
//! A configuration goes to connected nodes in three waves, each behind a gate of 20 s. Each node reports at once that it has
//! applied it. What is above the gates is what telling and looking cost.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::cast_precision_loss)]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rollcall_core::{Policy, Registration};
use rollcall_tests::{Cloud, Frame, Options, Socket, benchmark_options};
use rollcall_wire::ServerMessage;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Child;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Connected nodes.
const NODES: usize = 10_000;
/// The argument that tells the process of the fleet where to connect, and what it says once all nodes are connected.
const FLEET: &str = "--fleet";
const CONNECTED: &str = "connected";
/// How many of them connect at a time, and how long it is at least until the next ones do: 500 a second.
const AT_ONCE: usize = 50;
const BETWEEN: Duration = Duration::from_millis(100);
/// How many are registered by one request.
const BATCH: usize = 100;
/// How long each gate waits at least, in seconds.
const GATE_S: u64 = 20;
/// How long the last lines of functions take at most.
const REST: Duration = Duration::from_secs(5);
/// How often the rollout is looked at.
const EVERY: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() {
    if let Some(url) = argument(FLEET) {
        return hold(url).await;
    }
    let nodes = argument("--nodes").map_or(NODES, |nodes| nodes.parse().expect("a number of nodes"));
    let policy = Policy::new(Registration::Open, 6600, 300, 60, 0).expect("in range").with_budget(0);
    let cloud = Cloud::with_sources(Options { policy, rollouts_every: 1, ..benchmark_options() }).await;
    let began = Instant::now();
    let fleet = connected(&cloud, nodes).await;
    println!("{nodes} nodes connected in {:.1} s", began.elapsed().as_secs_f64());
    rolled_out(&cloud, nodes).await;
    drop(fleet);
    cloud.stop().await;
}

/// What follows this argument.
fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// Registers and connects nodes, each of which applies what it is told. They are in a process of their own: a process may
/// have too few files for both ends of ten thousand connections.
async fn connected(cloud: &Cloud, nodes: usize) -> Child {
    let console = cloud.console();
    let specs: Vec<_> =
        (0..nodes).map(|nth| json!({"node": format!("ap-{nth}"), "site": "hq", "model": "ax-2"})).collect();
    for batch in specs.chunks(BATCH) {
        let reply = console.send("POST", "/v1/nodes:batch", json!(batch).to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let mut fleet = tokio::process::Command::new(std::env::current_exe().expect("this program"));
    fleet.args([FLEET, &cloud.ws_url()]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut fleet = fleet.spawn().expect("the fleet starts");
    let tokens: String = (0..nodes).map(|nth| cloud.token(&format!("ap-{nth}")) + "\n").collect();
    let mut told = fleet.stdin.take().expect("piped");
    told.write_all(tokens.as_bytes()).await.expect("told");
    drop(told);
    let mut says = BufReader::new(fleet.stdout.take().expect("piped")).lines();
    assert_eq!(says.next_line().await.expect("readable").as_deref(), Some(CONNECTED));
    fleet
}

/// The process of the fleet: connects a node for each token that it reads, until it is killed.
async fn hold(url: String) {
    let (mut fleet, mut tokens) = (JoinSet::new(), String::new());
    tokio::io::stdin().read_to_string(&mut tokens).await.expect("tokens");
    for some in tokens.lines().collect::<Vec<_>>().chunks(AT_ONCE) {
        let pause = sleep(BETWEEN);
        let opening = some.iter().map(async |token| Socket::open(&url, token).await.expect("let in"));
        for socket in futures_util::future::join_all(opening).await {
            fleet.spawn(applies(socket));
        }
        pause.await;
    }
    println!("{CONNECTED}");
    fleet.join_all().await;
}

/// A node that reports at once that it has applied what it is told.
async fn applies(mut socket: Socket) {
    let mut seq = 0;
    loop {
        match socket.next_ever().await {
            Frame::Message(ServerMessage::Config(news)) => {
                seq += 1;
                let report = json!({"version": news.version, "status": "applied"});
                socket.send(json!({"type": "check-in", "seq": seq, "ack": false, "config": report}).to_string()).await;
            }
            Frame::Message(_) => {}
            _ => return,
        }
    }
}

async fn rolled_out(cloud: &Cloud, nodes: usize) {
    let console = cloud.console();
    let spec = json!({
        "select": "site=hq",
        "change": {"config": {"channel": 36}},
        "waves": [{"nodes": 5}, {"percent": 10}, {"percent": 100}],
        "gate": {"wait_s": GATE_S, "patience_s": 600},
    });
    let (began, before) = (Instant::now(), cloud.journal.lines().len());
    let made = console.put("/v1/rollouts/channel-36", spec.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let mut said = String::new();
    loop {
        let rollout = console.get("/v1/rollouts/channel-36").await.json();
        let now = format!("{} wave {}", rollout["state"].as_str().unwrap_or_default(), rollout["wave"]);
        let is_last = rollout["wave"] == json!(3) && rollout["counts"]["waiting"] == json!(0);
        let is_told = is_last && !said.ends_with("told");
        if now != said.trim_end_matches(", told") {
            println!("  {:>6.1} s  {now}", began.elapsed().as_secs_f64());
            said = now;
        } else if is_told {
            println!("  {:>6.1} s  every node is told", began.elapsed().as_secs_f64());
            said.push_str(", told");
        }
        if rollout["state"] != "waiting" && rollout["state"] != "running" {
            assert_eq!(rollout["state"], Value::from("completed"), "{rollout}");
            assert_eq!(rollout["counts"]["applied"], json!(nodes), "{rollout}");
            break;
        }
        sleep(EVERY).await;
    }
    println!("  {nodes} nodes in {:.1} s, of which gates wait {} s", began.elapsed().as_secs_f64(), 3 * GATE_S);
    sleep(REST).await;
    for (function, [written, read]) in units(&cloud.journal.lines()[before..]) {
        let [written, read] = [written, read].map(|units| units / nodes as f64);
        println!("  {function:<10} {written:>6.2} write units and {read:>6.2} read units a node");
    }
}

/// The units that each function has written and read, as DynamoDB told it.
fn units(lines: &[(String, String)]) -> BTreeMap<&str, [f64; 2]> {
    let mut units = BTreeMap::<_, [f64; 2]>::new();
    for (function, line) in lines {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let some = ["WriteUnits", "ReadUnits"].map(|name| line[name].as_f64().unwrap_or_default());
        let sum = units.entry(function.as_str()).or_default();
        *sum = [sum[0] + some[0], sum[1] + some[1]];
    }
    units
}
