//! A fleet that polls is taken over a part at a time, and given back, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rollcall_core::{Policy, Registration};
use rollcall_tests::{Cloud, Http, Options};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Legacy, PATIENCE, document, mac, polls_once, report, set, sum};

/// How many nodes poll, and how long each waits between two polls.
const NODES: u32 = 200;
const EVERY: Duration = Duration::from_secs(10);
/// How long to wait before looking again: nothing tells when a fleet has polled.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Legacy nodes that poll until they are stopped.
struct Pollers {
    is_over: Arc<AtomicBool>,
    polls: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

impl Pollers {
    fn start(cloud: &Cloud, nodes: u32) -> Self {
        let (is_over, polls, mut tasks) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), JoinSet::new());
        for number in 0..nodes {
            let (http, is_over, polls) = (cloud.http(""), Arc::clone(&is_over), Arc::clone(&polls));
            tasks.spawn(async move {
                sleep(EVERY * number / nodes).await;
                let mut revision = 0;
                while !is_over.load(Ordering::Relaxed) {
                    revision = polls_once(&http, number, revision).await;
                    polls.fetch_add(1, Ordering::Relaxed);
                    sleep(EVERY).await;
                }
            });
        }
        Self { is_over, polls, tasks }
    }

    /// Stops them. Fails if a poll has failed.
    async fn stop(mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("every poll was answered as it must be");
        }
        self.polls.load(Ordering::Relaxed)
    }
}

/// Waits until what became of polls is like this.
async fn until(console: &Http, what: &str, like: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let reached = async {
        loop {
            let nodes = report(console).await;
            if like(&nodes) {
                return nodes;
            }
            sleep(LOOK_AGAIN).await;
        }
    };
    let Ok(nodes) = timeout(PATIENCE, reached).await else { panic!("{what}: {:?}", report(console).await) };
    nodes
}

/// How many nodes have this count, and it is greater than it was.
fn grown(before: &[Value], count: &'static str) -> impl Fn(&[Value]) -> bool {
    let of =
        move |node: &Value| (node["node"].as_str().unwrap_or_default().to_owned(), node[count].as_u64().unwrap_or(0));
    let before: std::collections::BTreeMap<_, _> = before.iter().map(of).collect();
    move |nodes: &[Value]| {
        let has_grown = |(node, count): &(String, u64)| *count > before.get(node).copied().unwrap_or(0);
        nodes.iter().map(of).filter(has_grown).count() == NODES as usize
    }
}

/// What the application's own database says of configurations is imported.
async fn import(console: &Http, numbers: std::ops::Range<u32>, revision: u64) {
    let nodes: Vec<_> = numbers
        .map(|number| json!({"node": mac(number), "config": serde_json::from_str::<Value>(&document(revision)).expect("JSON")}))
        .collect();
    for batch in nodes.chunks(100) {
        let imported = console.send("POST", "/v1/nodes:import", json!(batch).to_string()).await;
        assert_eq!(imported.status, 200, "{imported:?}");
        assert!(
            imported.json().as_array().expect("results").iter().all(|result| result["status"] == 200),
            "{imported:?}"
        );
    }
}

#[tokio::test]
async fn a_fleet_is_taken_over_and_given_back_without_one_poll_that_fails() {
    let mut legacy = Legacy::start(NODES).await;
    // Only the endpoint says which nodes there are.
    let policy = Policy::new(Registration::Closed, 6600, 300, 60, 0).expect("in range");
    // Lambda would have as many processes as there are polls at a time.
    let cloud = Cloud::with(Options { policy, processes: 6, alone: true, ..Options::default() }).await;
    let console = cloud.console();
    let mapped = console.put("/v1/cutover/mapping", legacy.mapping()).await;
    assert_eq!(mapped.status, 204, "{mapped:?}");
    let pollers = Pollers::start(&cloud, NODES);

    set(&console, "observe", None).await;
    let observed = until(&console, "every node is observed", grown(&[], "observed")).await;
    let stored = cloud.until_stored(&mac(7), |node| node.firmware.as_deref() == Some("1.7")).await;
    assert!(stored.polls && stored.credentials.is_some(), "{stored:?}");
    assert_eq!(sum(&observed, "served"), 0);

    // The endpoint's database says more of one node than was imported.
    import(&console, 0..NODES, 1).await;
    legacy
        .database()
        .execute("UPDATE nodes SET revision = 2, config = ?2 WHERE mac = ?1", (mac(3), document(2)))
        .expect("changed");
    set(&console, "compare", None).await;
    let is_compared = |node: &Value| node["same"].as_u64() > Some(0) || node["different"].as_u64() > Some(0);
    let all = |nodes: &[Value]| nodes.iter().filter(|node| is_compared(node)).count() == NODES as usize;
    let compared = until(&console, "the answers to every node are compared", all).await;
    let (different, same): (Vec<_>, Vec<_>) =
        compared.iter().partition(|node| node["different"].as_u64().is_some_and(|different| different > 0));
    assert_eq!((same.len(), sum(&compared, "served")), (NODES as usize - 1, 0), "{different:?}");
    let kinds: Vec<_> =
        different[0]["differences"].as_array().expect("differences").iter().map(|each| &each["kind"]).collect();
    assert_eq!(
        (&different[0]["node"], kinds),
        (&json!(mac(3)), vec![&json!("body /config"), &json!("body /revision")]),
        "{different:?}"
    );
    import(&console, 3..4, 2).await;

    for percent in ["1", "10"] {
        set(&console, "serve", Some(percent)).await;
        let before = sum(&report(&console).await, "served");
        until(&console, "a part is served", |nodes| sum(nodes, "served") > before).await;
    }
    set(&console, "serve", Some("100")).await;
    let served = until(&console, "every node is served", grown(&report(&console).await, "served")).await;
    legacy.die();
    until(&console, "every node is served without the endpoint", grown(&served, "served")).await;
    assert_eq!(cloud.stored(&mac(3)).await.expect("a node").applied, Some(2));

    legacy.run().await;
    let (before, set_off) = (legacy.polls(), console.put("/v1/cutover/mode", r#"{"mode":"off"}"#).await);
    assert_eq!(set_off.json(), json!({"rules": []}), "{set_off:?}");
    let back = async {
        while legacy.polls() < before + u64::from(NODES) {
            sleep(LOOK_AGAIN).await;
        }
    };
    timeout(PATIENCE, back).await.expect("the endpoint answers every node again");
    let polls = pollers.stop().await;
    assert!(polls > 5 * u64::from(NODES), "{polls}");
    let report = report(&console).await;
    println!("{polls} polls, 0 failed; served {}, fell back {}", sum(&report, "served"), sum(&report, "fell_back"));

    for number in 0..3 {
        drop(cloud.socket(&mac(number)).await);
        let upgraded = cloud.until_stored(&mac(number), |node| node.held.is_some()).await;
        assert!(!upgraded.polls, "{upgraded:?}");
    }
    cloud.stop().await;
}
