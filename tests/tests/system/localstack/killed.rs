//! LocalStack is killed while nodes check in.

use rollcall_core::Registration;
use rollcall_node::NodeEvent;
use rollcall_tests::{Cloud, Frame, Options, Socket, Watched, kill, policy};
use rollcall_wire::ServerMessage;
use serde_json::Value;

use super::script::Script;

const NODES: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn while_it_is_dead_nodes_get_errors_and_afterwards_no_acknowledged_check_in_is_missing() {
    let localstack = Script::new();
    let mut running = localstack.start("run", &["--keep"]);
    running.says("ready ").await;
    let policy = policy(Registration::Open, 6600);
    let policy = rollcall_core::Policy::new(policy.registration, policy.lifetime, 1, policy.grace, policy.spread);
    let options = Options { policy: policy.expect("in range"), ..Options::default() };
    let cloud = Cloud::on_localstack(options, &localstack.url()).await;
    let fleet: Vec<_> = (0..NODES).map(|number| Watched::start(cloud.node_config(&format!("ap-{number}")))).collect();
    for watched in &fleet {
        watched.until_acked(3).await;
    }
    let mut socket = cloud.socket("raw").await;
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));

    kill(localstack.process("localstack.runtime.main"));
    assert_eq!(running.ended().await.code, Some(1), "its supervisor says that it is gone");
    let acknowledged: Vec<_> = fleet.iter().map(last_ack).collect();

    socket.check_in(2).await;
    let Frame::Other(error) = socket.next().await else { panic!("the gateway's own words") };
    assert_eq!(error["message"], Value::from("Internal server error"));
    let refused = Socket::open(&cloud.ws_url(), &cloud.token("late")).await.expect_err("nobody can be let in");
    assert!((500..600).contains(&refused), "{refused}");

    let mut running = localstack.start("run", &["--keep"]);
    running.says("ready ").await;
    for (number, acknowledged) in acknowledged.iter().enumerate() {
        let stored = cloud.stored(&format!("ap-{number}")).await.expect("stored").seq;
        assert!(stored >= *acknowledged, "ap-{number}: {acknowledged:?} was acknowledged, {stored:?} is stored");
    }

    cloud.deploy_again();
    socket.check_in(3).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(ack)) if ack.seq == 3), "it goes on");
    for watched in &fleet {
        let before = acks(watched);
        watched.until_acked(before + 2).await;
    }
    drop(fleet);
    cloud.stop().await;
    running.signal("INT");
    running.ended().await;
    localstack.nothing_is_left().await;
}

fn acks(watched: &Watched) -> usize {
    watched.events().iter().filter(|event| matches!(event, NodeEvent::Acked { .. })).count()
}

/// The highest check-in that was acknowledged.
fn last_ack(watched: &Watched) -> Option<u64> {
    let acks = watched.events().into_iter().filter_map(|event| match event {
        NodeEvent::Acked { ack, .. } => Some(ack.seq),
        _ => None,
    });
    acks.max()
}
