//! What is told of a fleet's comings and goings is what happened, whatever becomes of `$disconnect`: to the log, and to a
//! receiver that refuses every third request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall_chaos::{Chaos, Disconnects};
use rollcall_core::{Policy, Presence, Registration};
use rollcall_tests::{Api, Cloud, Frame, Http, Options, Program, Socket, localstack_dynamodb};
use rollcall_wire::ServerMessage;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::memory::times;
use crate::deployment::infra::Infra;
use crate::deployment::rotation::{Keys, deployed};
use crate::webhooks::Receiver;

/// How many nodes there are; 200 with `ROLLCALL_SOAK=10`.
const NODES: usize = 20;
/// How often each leaves before it leaves for good.
const ROUNDS: usize = 4;
/// How many connect at once: LocalStack starts a process for each.
const AT_ONCE: usize = 8;
/// How late a `$disconnect` comes, and how long one fault lasts.
const LATE: Duration = Duration::from_millis(1500);
const FAULT_LASTS: Duration = Duration::from_millis(700);
/// Tries that follow soon, and more than are ever refused in a row.
const SCHEDULE: &str = "0,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1";
/// Far longer than a grace period and an interval of the sweep.
const PATIENCE: Duration = Duration::from_mins(5);
/// What this is about: whether a node also flaps depends on how fast the machine is.
const TYPES: [&str; 3] = ["node.registered", "node.online", "node.offline"];

/// A cloud, and what is known of it.
struct Fleet<'a> {
    api: &'a Api,
    console: Http,
    chaos: Chaos,
    grace: Duration,
    /// How long to wait before looking again whether a node is offline.
    look_again: Duration,
    connecting: Semaphore,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_of_a_fleet_is_what_happened() {
    // The more nodes there are, the longer each waits for its turn to connect.
    let grace = u32::try_from(5 * times().min(6)).expect("small");
    let chaos = Chaos::new(1);
    let between = chaos.clone();
    let options = Options {
        policy: Policy::new(Registration::Open, 6600, 300, grace, 0).expect("in range"),
        sweep_every: 1,
        delivery_schedule: SCHEDULE.to_owned(),
        interceptor: Some(Box::new(move |invoke| between.between(invoke))),
        alone: true,
        ..Options::default()
    };
    let cloud = Cloud::with_sources(options).await;
    let (grace, look_again) = (Duration::from_secs(grace.into()), Duration::from_millis(100));
    let connecting = Semaphore::new(AT_ONCE);
    let fleet = Fleet { api: &cloud, console: cloud.console(), chaos, grace, look_again, connecting };
    Box::pin(fleet.lives()).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes ten minutes on LocalStack, whose schedule has minutes: only by its name"]
async fn what_is_told_of_a_fleet_is_what_happened_with_the_mappings_and_the_schedule_of_localstack() {
    let (infra, keys, chaos, grace) = (Infra::new(), Keys::old(), Chaos::new(1), 30);
    let mut deployment = infra.deployment(&Keys::file(&[&keys]));
    for set in ["Registration=open", "PrivateEndpoints=allow"] {
        deployment.args(["--set", set]);
    }
    deployment.args(["--set", &format!("Grace={grace}"), "--set", &format!("DeliverySchedule={SCHEDULE}")]);
    deployed(Program::start(&mut deployment)).await;
    let between = chaos.clone();
    let stack = infra.gateway(Some(Box::new(move |invoke| between.between(invoke)))).await;
    let console = Http::new(stack.http_url(), keys.console);
    let api = Api::new(stack.ws_url(), localstack_dynamodb(&infra.url), &infra.name, keys.signer);
    let (grace, look_again) = (Duration::from_secs(grace), Duration::from_secs(2));
    let fleet = Fleet { api: &api, console, chaos, grace, look_again, connecting: Semaphore::new(AT_ONCE) };
    Box::pin(fleet.lives()).await;
    stack.shutdown().await;
    infra.destroy().await;
}

impl Fleet<'_> {
    /// Every node comes and goes; what was told of it is that.
    async fn lives(&self) {
        let (receiver, url) = Receiver::start().await;
        let put = self.console.put("/v1/endpoints/crm", json!({"url": url, "types": TYPES}).to_string()).await;
        assert_eq!(put.status, 201, "{put:?}");
        let lives = join_all((0..NODES * times()).map(|number| self.life(number)));
        let lives: BTreeMap<_, _> = tokio::select! {
            lives = lives => lives.into_iter().collect(),
            () = self.troubles() => unreachable!("they don't end"),
        };
        let events = lives.values().map(Vec::len).sum();
        let hits = self.chaos.hits();
        assert!(["disconnects-doubled", "disconnects-late"].iter().all(|hit| hits.contains_key(hit)), "{hits:?}");
        assert_eq!(of_nodes(&receiver.until(events).await), lives, "what the receiver was told");
        assert_eq!(of_nodes(&self.logged().await), lives, "what the log was told");
        println!("{} nodes, {events} events, {hits:?}", lives.len());
    }

    /// A node's life: what happened in it, in the words of events.
    async fn life(&self, number: usize) -> (String, Vec<String>) {
        let node = format!("ap-{number}");
        let mut random = SmallRng::seed_from_u64(u64::try_from(number).expect("small"));
        let mut happened = vec!["node.registered", "node.online"];
        let mut socket = self.connect(&node).await;
        for _ in 0..ROUNDS {
            tokio::time::sleep(Duration::from_millis(random.random_range(0..1500))).await;
            let (is_closed, is_long) = (random.random(), random.random());
            let left = Instant::now();
            leave(socket, is_closed).await;
            if is_long {
                self.until_offline(&node).await;
                happened.extend(["node.offline", "node.online"]);
            }
            socket = self.connect(&node).await;
            assert!(
                is_long || left.elapsed() < self.grace,
                "this machine takes longer to connect than the grace period"
            );
        }
        leave(socket, random.random()).await;
        self.until_offline(&node).await;
        happened.push("node.offline");
        (node, happened.into_iter().map(str::to_owned).collect())
    }

    async fn connect(&self, node: &str) -> Socket {
        let _connecting = self.connecting.acquire().await.expect("it stays");
        let mut socket = self.api.socket(node).await;
        socket.check_in(1).await;
        let next = socket.next().await;
        assert!(matches!(next, Frame::Message(ServerMessage::Ack(_))), "{next:?}");
        socket
    }

    /// Waits until the node is offline in the table.
    async fn until_offline(&self, node: &str) {
        let offline = async {
            while !self.api.stored(node).await.is_some_and(|node| matches!(node.presence, Presence::Offline(Some(_)))) {
                tokio::time::sleep(self.look_again).await;
            }
        };
        let offline = tokio::time::timeout(PATIENCE, offline).await;
        assert!(offline.is_ok(), "{node} stays {:?}", self.api.stored(node).await);
    }

    /// One fault of `$disconnect` after the other.
    async fn troubles(&self) {
        for fault in [Disconnects::Doubled, Disconnects::Late(LATE), Disconnects::Delivered].into_iter().cycle() {
            self.chaos.change(|troubles| troubles.disconnects = fault);
            tokio::time::sleep(FAULT_LASTS).await;
        }
    }

    /// The events of the log.
    async fn logged(&self) -> Vec<Value> {
        let (mut events, mut after) = (vec![], String::new());
        loop {
            let page = self.console.get(&format!("/v1/events?limit=100{after}")).await.json();
            let next = page["events"].as_array().expect("a list");
            if next.is_empty() {
                return events;
            }
            events.extend(next.iter().filter(|event| TYPES.iter().any(|kind| event["type"] == *kind)).cloned());
            after = format!("&after={}", page["cursor"].as_str().expect("a cursor"));
        }
    }
}

/// A node says that it leaves, or its connection is lost.
async fn leave(socket: Socket, is_closed: bool) {
    if is_closed {
        socket.close().await;
    } else {
        socket.cut();
    }
}

/// The types of each node's events, in order and without those that came again.
fn of_nodes(events: &[Value]) -> BTreeMap<String, Vec<String>> {
    let (mut nodes, mut known): (BTreeMap<_, Vec<_>>, BTreeSet<_>) = (BTreeMap::new(), BTreeSet::new());
    let text = |event: &Value, field: &str| event[field].as_str().expect("text").to_owned();
    for event in events.iter().filter(|event| known.insert(text(event, "id"))) {
        nodes.entry(text(event, "subject")).or_default().push(text(event, "type"));
    }
    nodes
}
