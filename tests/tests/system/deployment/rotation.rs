//! Exchanging keys under a fleet, step by step as docs/security.md says.

use std::time::Duration;

use data_encoding::HEXLOWER;
use rollcall_node::{NodeConfig, NodeEvent, Timing};
use rollcall_tests::{Api, Http, Program, Watched, localstack_dynamodb, refused};
use rollcall_token::Signer;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::TURN;
use super::infra::{Infra, PATIENCE};

/// How many nodes are connected. More would only keep LocalStack's one thread busy: for minutes, at 200.
const NODES: usize = 12;
/// How many of them connect at once: LocalStack starts a process for each.
const AT_ONCE: usize = 6;
/// How many check-ins at least are acknowledged while a release is deployed: far fewer than the fleet makes.
const MEANWHILE: usize = 6;

/// The keys of one half of an exchange.
pub(crate) struct Keys {
    pub(crate) signer: Signer,
    pub(crate) console: &'static str,
}

impl Keys {
    pub(crate) fn old() -> Self {
        let private = include_bytes!("../../../../shared/token/tests/token/keys/ed25519.der");
        Self { signer: Signer::eddsa("old", private), console: "the-older-key-of-the-console" }
    }

    fn new() -> Self {
        let private = include_bytes!("../../../../shared/token/tests/token/keys/p256.der");
        Self { signer: Signer::es256("new", private), console: "the-newer-key-of-the-console" }
    }

    /// What `infra/deploy --keys` takes, for all of these.
    pub(crate) fn file(all: &[&Self]) -> Value {
        let jwk = |keys: &&Self| {
            let jwks: Value = serde_json::from_str(&keys.signer.jwks().expect("a key")).expect("JSON");
            jwks["keys"][0].clone()
        };
        let hash = |keys: &&Self| format!("write:{}", HEXLOWER.encode(&Sha256::digest(keys.console)));
        let (jwks, hashes): (Vec<_>, Vec<_>) = (all.iter().map(jwk).collect(), all.iter().map(hash).collect());
        json!({"token_keys": {"keys": jwks}, "console_keys": hashes})
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn keys_are_exchanged_under_connected_nodes_and_none_is_disconnected() {
    let _turn = TURN.lock().await;
    let infra = Infra::new();
    let (old, new) = (Keys::old(), Keys::new());
    deployed(Program::start(infra.deployment(&Keys::file(&[&old])).args([
        "--set",
        "Registration=open",
        "--set",
        "CheckInEvery=20",
    ])))
    .await;
    let (mut program, up) = infra.serve().await;
    let of = async |keys: Keys| {
        let api = Api::new(up.ws.clone(), localstack_dynamodb(&infra.url), &infra.name, keys.signer);
        (api, Http::new(up.http.clone(), keys.console))
    };
    let files = [Keys::file(&[&old, &new]), Keys::file(&[&new])];
    let ((old, old_console), (new, new_console)) = (of(old).await, of(new).await);
    let fleet = connected(&old).await;
    assert_eq!(refused(&up.ws, &new.token("newcomer")).await, 401);
    assert_eq!((lists(&old_console).await, lists(&new_console).await), (200, 401));

    release(&infra, &fleet, &files[0]).await;
    let newcomer = Watched::start(config(&new, "newcomer"));
    newcomer.until_acked(1).await;
    drop(old.socket("straggler").await);
    assert_eq!((lists(&old_console).await, lists(&new_console).await), (200, 200));

    release(&infra, &fleet, &files[1]).await;
    assert_eq!(refused(&up.ws, &old.token("straggler")).await, 401);
    drop(new.socket("straggler").await);
    assert_eq!((lists(&old_console).await, lists(&new_console).await), (401, 200));
    newcomer.until_acked(acks(&newcomer) + 1).await;
    for (number, watched) in fleet.iter().chain([&newcomer]).enumerate() {
        let turns = |event: &&NodeEvent| matches!(event, NodeEvent::Connected { .. } | NodeEvent::Disconnected { .. });
        let events = watched.events();
        let turns: Vec<_> = events.iter().filter(turns).collect();
        assert!(
            matches!(turns[..], [NodeEvent::Connected { .. }]),
            "{number} is not connected all the time: {turns:?}"
        );
    }
    drop((fleet, newcomer));
    program.signal("INT");
    assert_eq!(program.ended().await.code, Some(0));
    infra.destroy().await;
}

/// The fleet, each of which has checked in.
async fn connected(api: &Api) -> Vec<Watched> {
    let mut fleet = Vec::with_capacity(NODES);
    while fleet.len() < NODES {
        let first = fleet.len();
        let next = first..NODES.min(first + AT_ONCE);
        fleet.extend(next.map(|number| Watched::start(config(api, &format!("ap-{number}")))));
        for watched in &fleet[first..] {
            watched.until_acked(1).await;
        }
    }
    fleet
}

/// How a node connects that checks in often, and doesn't give up what LocalStack takes its time for.
fn config(api: &Api, node: &str) -> NodeConfig {
    let config = api.node_config(node);
    NodeConfig { timing: Timing { answer_timeout: Duration::from_secs(40), ..config.timing }, ..config }
}

/// Deploys these keys while the fleet checks in, and after that every node does so again.
async fn release(infra: &Infra, fleet: &[Watched], keys: &Value) {
    let before: usize = fleet.iter().map(acks).sum();
    deployed(Program::start(&mut infra.deployment(keys))).await;
    let after: Vec<_> = fleet.iter().map(acks).collect();
    let meanwhile = after.iter().sum::<usize>() - before;
    assert!(meanwhile >= MEANWHILE, "{meanwhile} check-ins were acknowledged meanwhile");
    for (watched, after) in fleet.iter().zip(after) {
        watched.until_acked(after + 1).await;
    }
}

/// Waits until a deployment is ready.
pub(crate) async fn deployed(mut deployment: Program) {
    let ended = deployment.ended_within(PATIENCE).await;
    assert!(ended.code == Some(0) && ended.stdout.starts_with("ready "), "{ended:?}");
}

fn acks(watched: &Watched) -> usize {
    watched.events().iter().filter(|event| matches!(event, NodeEvent::Acked { .. })).count()
}

/// The status that a console lists its nodes with.
async fn lists(console: &Http) -> u16 {
    console.get("/v1/nodes?limit=1").await.status
}
