//! Whoever deploys `feed` anew, or kills it, skips no record of the stream: each change is told once in the log, and those of
//! a node in order.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use rollcall_tests::{Cloud, Http, Options, Program, kill};
use serde_json::{Value, json};

use super::memory::times;
use crate::deployment::infra::Infra;
use crate::deployment::rotation::{Keys, deployed};

/// How many nodes there are, and how many versions of a configuration each is given: 1,000 writes, and 10,000 with
/// `ROLLCALL_SOAK=10`.
const NODES: usize = 20;
const VERSIONS: usize = 50;
/// How long a process of `feed` lives.
const LIFE: Duration = Duration::from_millis(700);
/// How long after the last write its event may come: a batch of records that failed is tried again after a while.
const PATIENCE: Duration = Duration::from_mins(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_is_killed_again_and_again_skips_no_change() {
    let cloud = Cloud::with_sources(Options { alone: true, ..Options::default() }).await;
    let killing = async {
        loop {
            tokio::time::sleep(LIFE).await;
            cloud.processes("feed").into_iter().for_each(kill);
        }
    };
    let console = cloud.console();
    tokio::select! {
        () = Box::pin(changes(&console)) => {}
        () = killing => unreachable!("it goes on"),
    }
    all_are_told(&console).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes ten minutes on LocalStack: only by its name"]
async fn a_feed_that_is_deployed_anew_under_writes_skips_no_change() {
    let (infra, keys) = (Infra::new(), Keys::old());
    let file = Keys::file(&[&keys]);
    deployed(Program::start(&mut infra.deployment(&file))).await;
    let stack = infra.gateway(None).await;
    let console = Http::new(stack.http_url(), keys.console);
    let (mut releases, mut is_over) = (0, false);
    let mut writes = Box::pin(changes(&console));
    while !is_over {
        // Another setting of `feed` is another version of it.
        let keep = format!("KeepEvents={}", 2_592_000 - releases);
        let release = deployed(Program::start(infra.deployment(&file).args(["--set", &keep])));
        tokio::pin!(release);
        tokio::select! {
            () = &mut writes, if !is_over => {
                is_over = true;
                release.await;
            }
            () = &mut release => {}
        }
        releases += 1;
    }
    println!("{releases} releases");
    assert!(releases > 1, "the writes were over before a release was");
    all_are_told(&console).await;
    stack.shutdown().await;
    infra.destroy().await;
}

fn nodes() -> impl Iterator<Item = String> {
    (0..NODES).map(|number| format!("ap-{number}"))
}

fn versions() -> usize {
    VERSIONS * times()
}

/// Gives every node one configuration after the other.
async fn changes(console: &Http) {
    let changes = async |node: String| {
        let path = format!("/v1/nodes/{node}");
        assert_eq!(console.put(&path, "{}").await.status, 200, "{node}");
        for number in 1..=versions() {
            let set = console.put(&format!("{path}/config"), json!({ "n": number }).to_string()).await;
            assert_eq!(set.status, 200, "{set:?}");
        }
    };
    join_all(nodes().map(changes)).await;
}

/// Waits until the last changes are told; then, all of them are: each once, and in order.
async fn all_are_told(console: &Http) {
    let last = Value::from(versions());
    let all_told = async {
        let (mut told, mut after): (BTreeMap<String, Vec<Value>>, _) = (BTreeMap::new(), String::new());
        while told.len() < NODES || told.values().any(|versions| versions.last() != Some(&last)) {
            let path = format!("/v1/events?type=config.desired&limit=100&wait_s=20{after}");
            let page = console.get(&path).await.json();
            for event in page["events"].as_array().expect("a list") {
                let node = event["subject"].as_str().expect("text").to_owned();
                told.entry(node).or_default().push(event["data"]["is"]["version"].clone());
            }
            after = format!("&after={}", page["cursor"].as_str().expect("a cursor"));
        }
        told
    };
    let told = tokio::time::timeout(PATIENCE, all_told).await.expect("the last changes are told");
    let expected: Vec<_> = (1..=versions()).map(Value::from).collect();
    for (node, told) in told {
        assert!(told == expected, "{node}: {told:?}");
    }
    println!("{} changes, each told once", NODES * versions());
}
