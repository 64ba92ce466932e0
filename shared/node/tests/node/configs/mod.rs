//! Configurations, from the server's message to the report.

mod fetching;

use std::time::Duration;

use rollcall_node::{Applied, Node, NodeConfig, NodeEvent, Pushed, Timing};
use rollcall_wire::{ConfigNews, ConfigReport, ConfigStatus, Document};

use crate::server::{Observer, Peer, Seen, Server, patiently, program, program_that, quick};

const ROLLED_BACK: &str = "rolled back: the server could not be reached";

fn news_of(version: u64, text: &str) -> ConfigNews {
    let document = Document::parse(text).expect("JSON");
    ConfigNews { version, sha256: document.sha256().to_owned(), document: Some(document.text().to_owned()) }
}

fn news(version: u64) -> ConfigNews {
    news_of(version, &format!("{{\"channel\":{version}}}"))
}

fn forged(version: u64) -> ConfigNews {
    ConfigNews { document: Some("{}".to_owned()), ..news(version) }
}

fn substituted(version: u64, detail: &str) -> ConfigReport {
    ConfigReport { version, status: ConfigStatus::Substituted, detail: Some(detail.to_owned()) }
}

fn applied(version: u64) -> ConfigReport {
    ConfigReport { version, status: ConfigStatus::Applied, detail: None }
}

fn rejected(version: u64, why: &str) -> ConfigReport {
    ConfigReport { version, status: ConfigStatus::Rejected, detail: Some(why.to_owned()) }
}

/// A node, the connection that holds it, and what its program sees.
struct Configured {
    server: Server,
    held: Peer,
    seen: Observer,
    _node: Node,
}

/// A node whose program gives this answer to every configuration.
async fn configured(applies: Applied, set: impl FnOnce(NodeConfig) -> NodeConfig) -> Configured {
    let server = Server::start().await;
    let (program, seen) = program_that(applies);
    let node = Node::start(set(server.config(quick())), program);
    let held = server.held().await;
    Configured { server, held, seen, _node: node }
}

impl Configured {
    async fn applying() -> Self {
        configured(Applied::Applied, |config| config).await
    }

    /// Accepts the connection that proves the configuration, and returns the first report of it. Before its first ack
    /// the connection reports what was reported `before`.
    async fn proof(&mut self, before: Option<ConfigReport>) -> ConfigReport {
        let mut new = self.server.peer().await;
        assert_eq!(new.check_in().await.config, before, "reported before the proof");
        new.ack(1).await;
        assert_eq!(self.held.closing().await, Some(1000));
        self.held = new;
        self.reported().await
    }

    /// Acknowledges the next check-in and returns its configuration report.
    async fn reported(&mut self) -> ConfigReport {
        let check_in = self.held.check_in().await;
        assert!(check_in.ack);
        self.held.ack(check_in.seq).await;
        check_in.config.expect("a report")
    }

    async fn rejection(&mut self) -> (u64, String) {
        self.seen
            .event(|event| match event {
                NodeEvent::ConfigRejected { version, why } => Some((*version, why.clone())),
                _ => None,
            })
            .await
    }
}

#[tokio::test]
async fn a_configuration_in_an_ack_is_applied_proven_over_a_new_connection_and_then_reported() {
    let server = Server::start().await;
    let (program, mut seen) = program_that(Applied::Substituted("channel 36".to_owned()));
    let _node = Node::start(server.config(quick()), program);
    let mut old = server.peer().await;
    old.check_in().await;
    old.ack_with(1, &news(3)).await;
    assert_eq!(seen.applies().await.document, "{\"channel\":3}");
    let mut new = server.peer().await;
    assert_eq!(new.check_in().await.config, None);
    new.ack_with(1, &news(3)).await;
    let check_in = new.check_in().await;
    assert_eq!(check_in.config, Some(substituted(3, "channel 36")));
    assert_eq!((check_in.seq, check_in.ack), (2, true));
    assert_eq!(old.closing().await, Some(1000));
    let substituted = NodeEvent::ConfigApplied { version: 3, substituted: Some("channel 36".to_owned()) };
    let events = seen.until(|event| *event == substituted).await;
    let outage = |event: &NodeEvent| matches!(event, NodeEvent::Disconnected { planned: false, .. });
    assert!(!events.iter().any(outage), "{events:?}");
}

#[tokio::test]
async fn a_pushed_configuration_is_applied_once_and_passed_to_the_program_each_time() {
    let mut node = Configured::applying().await;
    node.held.push_config(&news(3)).await;
    assert_eq!(node.seen.pushed().await, Pushed::Config(news(3)));
    assert_eq!(node.proof(None).await, applied(3));
    node.held.push_config(&news(3)).await;
    node.held.push_config(&news(2)).await;
    node.held.push_config(&news(4)).await;
    assert_eq!(node.proof(Some(applied(3))).await, applied(4));
    let seen = node.seen.rest();
    let versions = seen.iter().filter_map(|seen| if let Seen::Applies(it) = seen { Some(it.version) } else { None });
    assert_eq!(versions.collect::<Vec<_>>(), [3, 4]);
    assert_eq!(seen.iter().filter(|seen| matches!(seen, Seen::Pushed(Pushed::Config(_)))).count(), 3);
}

#[tokio::test]
async fn a_report_that_is_not_acknowledged_is_repeated_on_the_next_connection() {
    let mut node = Configured::applying().await;
    node.held.push_config(&news(3)).await;
    let mut new = node.server.peer().await;
    new.check_in().await;
    new.ack(1).await;
    assert_eq!(new.check_in().await.config, Some(applied(3)));
    drop(new);
    assert_eq!(node.server.peer().await.check_in().await.config, Some(applied(3)));
}

#[tokio::test]
async fn after_a_wrong_hash_the_node_asks_again_and_applies_the_answer() {
    let mut node = Configured::applying().await;
    node.held.push_config(&forged(3)).await;
    node.held.question().await;
    node.held.push_config(&news(3)).await;
    assert_eq!(node.proof(None).await, applied(3));
    assert_eq!(node.seen.applies().await.document, "{\"channel\":3}");
}

#[tokio::test]
async fn a_hash_that_stays_wrong_is_rejected() {
    let mut node = Configured::applying().await;
    for _ in 0..3 {
        node.held.push_config(&forged(3)).await;
        node.held.question().await;
    }
    node.held.push_config(&forged(3)).await;
    assert_eq!(node.reported().await, rejected(3, "wrong hash"));
}

#[tokio::test]
async fn a_rejection_by_the_program_is_reported_on_the_same_connection() {
    let mut node = configured(Applied::Rejected("no such channel".to_owned()), |config| config).await;
    node.held.push_config(&news(3)).await;
    assert_eq!(node.reported().await, rejected(3, "no such channel"));
    assert_eq!(node.rejection().await, (3, "no such channel".to_owned()));
}

#[tokio::test]
async fn a_program_that_takes_no_configurations_gets_the_message_and_nothing_is_reported() {
    let server = Server::start().await;
    let (program, mut seen) = program();
    let node = Node::start(server.config(quick()), program);
    let mut peer = server.held().await;
    peer.push_config(&news(3)).await;
    assert_eq!(seen.pushed().await, Pushed::Config(news(3)));
    node.check_in_now();
    assert_eq!(peer.check_in().await.config, None);
}

/// Refuses every connection until the program has rolled back. Returns the version from which it rolled back.
async fn cut_off(node: &mut Configured) -> u64 {
    let rolled_back = node.seen.first(|seen| if let Seen::RollsBack(version) = seen { Some(version) } else { None });
    let refusing = async {
        loop {
            node.server.refuse(503).await;
        }
    };
    tokio::select! {
        version = rolled_back => version,
        () = refusing => unreachable!("the loop has no end"),
    }
}

#[tokio::test]
async fn a_node_that_can_not_connect_with_a_configuration_rolls_back_and_reports_over_the_old_connection() {
    let timing = Timing { proof_timeout: Duration::from_millis(200), ..quick() };
    let mut node = configured(Applied::Applied, |config| NodeConfig { timing, ..config }).await;
    node.held.push_config(&news(3)).await;
    assert_eq!(patiently(cut_off(&mut node)).await, 3);
    assert_eq!(node.reported().await, rejected(3, ROLLED_BACK));
    node.held.push_config(&news(3)).await;
    node.held.push_config(&news(4)).await;
    assert_eq!(node.seen.applies().await.version, 4, "version 3 was applied again");
}

#[tokio::test]
async fn a_node_that_loses_all_connections_with_a_configuration_rolls_back_and_reports_when_it_reconnects() {
    let timing = Timing { proof_timeout: Duration::from_millis(200), ..quick() };
    let mut node = configured(Applied::Applied, |config| NodeConfig { timing, ..config }).await;
    node.held.push_config(&news(3)).await;
    node.seen.applies().await;
    node.held.close().await;
    assert_eq!(patiently(cut_off(&mut node)).await, 3);
    // The last attempt before the roll-back may still be in the queue.
    let returned = async {
        loop {
            let tcp = node.server.tcp().await;
            if let Some(peer) = Peer::greeted(tcp).await {
                return peer;
            }
        }
    };
    let mut returned = patiently(returned).await;
    assert_eq!(returned.check_in().await.config, Some(rejected(3, ROLLED_BACK)));
}

#[tokio::test]
async fn a_newer_version_that_comes_during_a_proof_is_applied_after_it() {
    let mut node = Configured::applying().await;
    node.held.push_config(&news(3)).await;
    let mut new = node.server.peer().await;
    node.held.push_config(&news(4)).await;
    node.held.push_config(&news(5)).await;
    for version in [4, 5] {
        assert_eq!(node.seen.first(pushed_after(3)).await, version);
    }
    assert_eq!(new.check_in().await.config, None);
    new.ack(1).await;
    node.held = new;
    assert_eq!(node.reported().await, applied(3));
    let mut newest = node.server.peer().await;
    assert_eq!(newest.check_in().await.config, Some(applied(3)), "5 is not proven yet");
    newest.ack(1).await;
    assert_eq!(newest.check_in().await.config, Some(applied(5)));
    assert_eq!(node.seen.applies().await.version, 5);
}

/// The version of a pushed configuration, if it is above this one.
fn pushed_after(version: u64) -> impl Fn(Seen) -> Option<u64> {
    move |seen| match seen {
        Seen::Pushed(Pushed::Config(news)) if news.version > version => Some(news.version),
        _ => None,
    }
}

#[tokio::test]
async fn a_node_that_is_stopped_before_the_proof_rolls_back() {
    let server = Server::start().await;
    let (program, mut seen) = program_that(Applied::Applied);
    let node = Node::start(server.config(quick()), program);
    let mut held = server.held().await;
    held.push_config(&news(3)).await;
    seen.applies().await;
    let closing = async move { held.closing().await };
    let (stopped, _) = tokio::join!(patiently(node.stop()), closing);
    assert_eq!(stopped, Ok(()));
    assert_eq!(seen.first(|seen| if let Seen::RollsBack(version) = seen { Some(version) } else { None }).await, 3);
}
