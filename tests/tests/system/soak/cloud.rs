//! The cloud on this machine, with its gateway and its engine in one process; and the reference nodes, in this one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use rollcall_core::{CredentialVersion, Timestamp};
use rollcall_node::{Handler, Node, NodeConfig, NodeEvent, Report, Timing};
use rollcall_tests::{Frame, Http, Program, Socket, Up, User};
use rollcall_token::Signer;
use rollcall_wire::ServerMessage;
use tokio::sync::Semaphore;

use super::memory::{ALONE, Growth, assert_bounded, times};

/// Nodes. As many as keep each within what a node may say in a minute.
const NODES: usize = 100;
/// Connections of each until everything is warm.
const WARM: usize = 2;
/// Connections of each that are measured.
const CONNECTIONS: usize = 6;
/// What a connection says, besides what is nonsense.
const CHECK_INS: u64 = 6;
/// Check-ins of each reference node until it is warm, and while it is measured.
const SAID: [usize; 2] = [10, 60];
/// When the tokens expire: 2100.
const EXPIRY: Timestamp = Timestamp(4_102_444_800_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_cloud_does_not_grow_with_what_it_passes_on() {
    let _alone = ALONE.lock().await;
    let cloud = Here::start().await;
    let connections = CONNECTIONS * times();
    cloud.visits(WARM).await;
    assert_bounded(async |_| {
        let growth = Growth::of("local cloud", cloud.program.pid()).with_threads();
        cloud.visits(connections).await;
        vec![growth.after(NODES * connections * (usize::try_from(CHECK_INS).expect("small") + 4))]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_node_does_not_grow_with_what_it_says() {
    let _alone = ALONE.lock().await;
    let cloud = Here::start().await;
    let mut nodes: Vec<_> = (0..NODES).map(|number| cloud.reference(number)).collect();
    let [warm, measured] = SAID;
    say(&mut nodes, warm).await;
    assert_bounded(async |_| {
        let growth = Growth::of("nodes", std::process::id()).with_threads();
        say(&mut nodes, measured * times()).await;
        vec![growth.after(NODES * measured * times())]
    })
    .await;
}

/// A cloud in a process of its own, as `rollcall up` makes it.
struct Here {
    program: Program,
    up: Up,
    signer: Signer,
    _user: User,
}

impl Here {
    async fn start() -> Self {
        let user = User::new();
        let program = user.start(&user.up(&[]));
        let up = Up::of(&program).await;
        let key = std::fs::read_to_string(user.folder.path().join("state/rollcall/development.key")).expect("a key");
        let signer = Signer::hs256("development", &URL_SAFE_NO_PAD.decode(key.trim()).expect("base64url"));
        Self { program, up, signer, _user: user }
    }

    fn token(&self, number: usize) -> String {
        let node = format!("soak-{number}").parse().expect("an id");
        self.signer.sign(&node, CredentialVersion(1), EXPIRY).expect("signed")
    }

    /// Every node connects this often, four at once.
    async fn visits(&self, times: usize) {
        let shares = (0..4).map(|share| {
            let nodes: Vec<_> = (share..NODES).step_by(4).map(|number| self.token(number)).collect();
            let (ws, http) = (self.up.ws.clone(), self.up.http.clone());
            tokio::spawn(async move {
                for _ in 0..times {
                    for token in &nodes {
                        visit(&ws, &http, token).await;
                    }
                }
            })
        });
        for share in join_all(shares).await {
            share.expect("it goes well");
        }
    }

    fn reference(&self, number: usize) -> Reference {
        let acked = Arc::new(Semaphore::new(0));
        let timing = Timing { ack_every: 1, ..Timing::default() };
        let config = NodeConfig { timing, ..NodeConfig::new(self.up.ws.clone(), self.token(number)) };
        let node = Node::start(config, Counting(Arc::clone(&acked)));
        Reference { node, acked }
    }
}

/// A connection: who is let in, who is not, check-ins, nonsense, and a goodbye or none.
async fn visit(ws: &str, http: &str, token: &str) {
    assert_eq!(Socket::open(ws, "nonsense").await.expect_err("refused"), 401);
    let mut socket = Socket::open(ws, token).await.expect("let in");
    for seq in 1..=CHECK_INS {
        socket.check_in(seq).await;
        let frame = socket.next().await;
        assert!(matches!(frame, Frame::Message(ServerMessage::Ack(_))), "{frame:?}");
    }
    socket.send("nonsense").await;
    let _ = socket.next().await;
    assert_eq!(Http::new(http.to_owned(), "nonsense").get("/v1/nodes").await.status, 401);
    if token.len().is_multiple_of(2) { socket.close().await } else { socket.cut() }
}

/// A node of the reference library, which counts its acknowledgements.
struct Reference {
    node: Node,
    acked: Arc<Semaphore>,
}

struct Counting(Arc<Semaphore>);

impl Handler for Counting {
    fn report(&mut self) -> Report {
        Report::default()
    }

    fn event(&mut self, event: NodeEvent) {
        if let NodeEvent::Acked { .. } = event {
            self.0.add_permits(1);
        }
    }
}

/// Each checks in this often, one after the other.
async fn say(nodes: &mut [Reference], times: usize) {
    for _ in 0..times {
        for node in &*nodes {
            node.node.check_in_now();
        }
        for node in &*nodes {
            node.acked.acquire().await.expect("it is kept").forget();
        }
    }
}
