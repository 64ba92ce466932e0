//! The whole path over real sockets, through the real functions, into a real DynamoDB engine.

use std::sync::Arc;

use rollcall_core::{Presence, Registration};
use rollcall_node::{DisconnectReason, NodeEvent};
use rollcall_tests::{Backend, Cloud, Frame, Options, Watched, hold, policy};
use rollcall_wire::{ByeReason, ServerMessage};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_node_that_connects_for_the_first_time_is_registered_online_and_told_how_to_go_on() {
    let cloud = Cloud::start().await;
    let watched = Watched::start(cloud.node_config("ap-1"));
    let events = watched.until(1, |event| matches!(event, NodeEvent::Acked { .. })).await;
    let Some(NodeEvent::Acked { ack, .. }) = events.last() else { panic!("an ack comes last") };
    assert_eq!((ack.seq, ack.next_check_in_s, ack.spread_s), (1, 300, 0));
    assert!(ack.reconnect_within_s > 6590, "a whole life is left");

    let node = cloud.stored("ap-1").await.expect("stored");
    let held = node.open().expect("open");
    assert_eq!(node.presence, Presence::Online(held.connection.opened_at));
    assert_eq!((node.seq, node.firmware.as_deref(), node.due), (Some(1), Some("9.9"), None));
    assert!(node.credentials.is_some(), "a valid token registers its node");
    cloud.stop().await;
}

#[tokio::test]
async fn planned_reconnects_have_no_moment_offline() {
    // On LocalStack, a new connection may take seconds to open, and is not to be replaced before it has.
    let life = if Backend::chosen() == Backend::Embedded { 3 } else { 12 };
    let options = Options { policy: policy(Registration::Open, life), ..Options::default() };
    let cloud = Cloud::with(options).await;
    let watched = Watched::start(cloud.node_config("ap-1"));
    watched.until_acked(1).await;
    let online = cloud.stored("ap-1").await.expect("stored").presence;

    let replaced = |event: &NodeEvent| {
        matches!(event, NodeEvent::Disconnected { reason: DisconnectReason::Replaced, .. })
            || matches!(event, NodeEvent::Disconnected { planned: true, .. })
    };
    let mut looks = 0;
    let events = {
        let replaced_twice = watched.until(2, replaced);
        tokio::pin!(replaced_twice);
        loop {
            tokio::select! {
                events = &mut replaced_twice => break events,
                node = cloud.stored("ap-1") => {
                    let node = node.expect("stored");
                    assert_eq!(node.presence, online, "offline for a moment");
                    assert!(node.open().is_some(), "without a connection for a moment");
                    looks += 1;
                }
            }
        }
    };
    assert!(looks > 10, "looked only {looks} times");
    let outage = |event: &NodeEvent| matches!(event, NodeEvent::Disconnected { planned: false, .. });
    assert!(!events.iter().any(outage), "the node noticed an outage: {events:#?}");
    watched.node.stop().await.expect("it had not ended");
    cloud.stop().await;
}

#[tokio::test]
async fn an_abruptly_lost_node_is_suspected_and_cleared_when_it_returns() {
    let gate = Arc::new(Semaphore::new(1));
    let options = Options { interceptor: Some(hold("connect", &gate)), ..Options::default() };
    let cloud = Cloud::with(options).await;
    let watched = Watched::start(cloud.node_config("ap-1"));
    watched.until_acked(1).await;
    let online = cloud.stored("ap-1").await.expect("stored").presence;
    watched.node.drop_connection();
    let lost = cloud.journal.until("disconnect", "stored", 1).await;
    assert_eq!(lost[0]["code"], 1006);
    let suspected = cloud.stored("ap-1").await.expect("stored");
    assert!(suspected.open().is_none() && suspected.due.is_some());
    assert_eq!(suspected.presence, online, "it has its grace period to return");
    gate.add_permits(10);
    watched.until_acked(2).await;
    let node = cloud.stored("ap-1").await.expect("stored");
    assert!(node.open().is_some_and(|held| held.previous.is_some()), "it is back on a new connection");
    assert_eq!((node.presence, node.due), (online, None), "and was never counted as offline");
    cloud.stop().await;
}

#[tokio::test]
async fn a_disconnect_that_is_told_after_the_reconnect_takes_nothing_down() {
    let gate = Arc::new(Semaphore::new(0));
    let options = Options { interceptor: Some(hold("disconnect", &gate)), ..Options::default() };
    let cloud = Cloud::with(options).await;
    let first = cloud.socket("ap-1").await;
    first.cut();
    let mut second = cloud.socket("ap-1").await;
    let before = cloud.stored("ap-1").await;
    gate.add_permits(1);
    let refused = cloud.journal.until("disconnect", "refused", 1).await;
    assert_eq!(refused[0]["reason"], "superseded");
    assert_eq!(cloud.stored("ap-1").await, before, "the late $disconnect changed nothing");
    second.check_in(1).await;
    assert!(matches!(second.next().await, Frame::Message(ServerMessage::Ack(_))));
    gate.add_permits(10);
    cloud.stop().await;
}

#[tokio::test]
async fn a_connection_that_lost_the_node_without_noticing_is_told_so_and_closed() {
    let gate = Arc::new(Semaphore::new(0));
    let options = Options { interceptor: Some(hold("disconnect", &gate)), ..Options::default() };
    let cloud = Cloud::with(options).await;
    let mut zombie = cloud.socket("ap-1").await;
    takes_over(&cloud, "ap-1").await;
    zombie.check_in(1).await;
    assert_eq!(zombie.dismissed(cloud.pushes).await, cloud.pushes.then_some(ByeReason::Superseded));
    assert_eq!(cloud.stored("ap-1").await.expect("stored").seq, None, "what it said is not stored");
    gate.add_permits(10);
    cloud.stop().await;
}

/// A newer connection takes the node over, at another gateway that can't reach this one's sockets.
async fn takes_over(cloud: &Cloud, node: &str) {
    use rollcall_core::{Connection, CredentialVersion, Event, EventKind, Outcome, Timestamp, plan};
    use rollcall_service::Store as _;
    let later = Timestamp(4_000_000_000_000);
    let connection = Connection { id: "elsewhere=".parse().expect("an id"), opened_at: later };
    let kind = EventKind::Connect { connection, credentials: CredentialVersion(1), instance: None };
    let event = Event::new(node.parse().expect("an id"), later, kind);
    let update = plan(&event, &policy(Registration::Open, 6600));
    let written = cloud.store().write(&update).await.expect("stored");
    assert!(matches!(written.outcome, Outcome::Applied { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_nodes_connect_at_once_and_each_is_acknowledged() {
    let cloud = Cloud::with(Options { processes: 4, alone: true, ..Options::default() }).await;
    let mut fleet = JoinSet::new();
    for number in 0..200 {
        let config = cloud.node_config(&format!("ap-{number}"));
        fleet.spawn(async move {
            let watched = Watched::start(config);
            watched.until_acked(1).await;
            watched
        });
    }
    let fleet = fleet.join_all().await;
    for number in 0..200 {
        let node = cloud.stored(&format!("ap-{number}")).await.expect("stored");
        assert!(node.open().is_some() && node.seq >= Some(1), "ap-{number} is checked in");
    }
    assert_eq!(cloud.stack.gateway().connections(), 200);
    drop(fleet);
    cloud.stop().await;
}
