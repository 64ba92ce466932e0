//! Configurations: messages, proof, roll-back and report.

use rollcall_wire::{ConfigReport, ConfigStatus, Document};

use super::*;
use crate::FetchError;

const ROLLED_BACK: &str = "rolled back: the server could not be reached";

pub(super) fn news(version: u64) -> serde_json::Value {
    let document = Document::parse(&format!("{{\"channel\":{version}}}")).expect("JSON");
    json!({"version": version, "sha256": document.sha256(), "document": document.text()})
}

pub(super) fn pushed(version: u64) -> serde_json::Value {
    let mut message = news(version);
    message["type"] = json!("config");
    message
}

fn applied(version: u64) -> ConfigReport {
    ConfigReport { version, status: ConfigStatus::Applied, detail: None }
}

fn rejected(version: u64, why: &str) -> ConfigReport {
    ConfigReport { version, status: ConfigStatus::Rejected, detail: Some(why.to_owned()) }
}

impl Bench {
    /// A node that applied version 3 and is opening the connection that proves it, without a wait before; with the old
    /// and the new connection.
    fn proving() -> (Self, LinkId, LinkId) {
        let mut bench = Self::connected();
        let old = bench.link();
        let spread = std::mem::replace(&mut bench.machine.cadence.spread, s(0));
        bench.receive(old, &pushed(3));
        bench.machine.cadence.spread = spread;
        assert_eq!(bench.applied.iter().map(|configuration| configuration.version).collect::<Vec<_>>(), [3]);
        let new = bench.link();
        assert_ne!(old, new, "no new connection");
        (bench, old, new)
    }

    /// Lets time pass until the configuration is rolled back. Every attempt to connect fails.
    pub(super) fn fail_until_rolled_back(&mut self) {
        while self.rolled_back.is_empty() {
            if self.machine.sessions.next.is_some() {
                self.fail();
                continue;
            }
            self.now = self.machine.deadline().expect("something to wait for");
            self.settle();
        }
    }

    /// The configuration reports of all check-ins since the start or the last call.
    fn reports(&mut self) -> Vec<(LinkId, Option<ConfigReport>)> {
        self.said.drain(..).map(|(link, check_in)| (link, check_in.config)).collect()
    }
}

#[test]
fn an_applied_configuration_is_reported_after_a_check_in_on_a_new_connection_was_acknowledged() {
    let (mut bench, old, new) = Bench::proving();
    bench.machine.check_in_now(bench.now);
    bench.settle();
    bench.opened();
    assert!(bench.closed.is_empty());
    assert!(bench.reports().iter().all(|(_, report)| report.is_none()), "reported before the proof");
    bench.ack(new, 1);
    assert_eq!(bench.closed, [old]);
    let last = bench.said.last().cloned().expect("a report at once");
    assert_eq!((last.0, last.1.seq, last.1.ack, last.1.config), (new, 2, true, Some(applied(3))));
    assert!(bench.events.contains(&NodeEvent::ConfigApplied { version: 3, substituted: None }));
    assert_eq!((bench.outages(), bench.rolled_back.len()), (0, 0));
}

#[test]
fn a_pushed_configuration_and_one_in_an_ack_are_applied_and_passed_to_the_program() {
    let (bench, ..) = Bench::proving();
    assert!(matches!(&bench.pushed[..], [Pushed::Config(news)] if news.version == 3));
    let mut bench = Bench::new();
    bench.opened();
    let mut ack = json!({"type":"ack","seq":1,"next_check_in_s":60,"reconnect_within_s":LIFE_S,"spread_s":20});
    ack["config"] = news(3);
    bench.receive(bench.link(), &ack);
    assert_eq!(bench.applied.len(), 1);
    assert!(bench.pushed.is_empty());
    let carried = |event: &NodeEvent| matches!(event, NodeEvent::Acked { ack, .. } if ack.config.is_some());
    assert!(bench.events.iter().any(carried));
}

#[test]
fn a_report_is_repeated_until_it_is_acknowledged() {
    let (mut bench, _, new) = Bench::proving();
    bench.opened();
    bench.ack(new, 1);
    bench.reports();
    bench.now += s(10);
    bench.settle();
    let due = bench.machine.deadline().expect("a repetition");
    bench.now = bench.now.max(due);
    bench.settle();
    assert_eq!(bench.said.last().map(|(_, check_in)| check_in.config.clone()), Some(Some(applied(3))));
    let seq = bench.said.last().expect("said").1.seq;
    bench.ack(new, seq);
    bench.now += s(60);
    bench.settle();
    assert_eq!(bench.said.last().map(|(_, check_in)| (check_in.seq, check_in.config.clone())), Some((seq + 1, None)));
}

#[test]
fn a_connection_that_was_begun_before_the_configuration_proves_nothing() {
    for open in [false, true] {
        let (mut bench, old, early) = Bench::replacing();
        if open {
            bench.opened();
        }
        bench.receive(old, &pushed(3));
        let new = bench.link();
        assert_ne!(new, early);
        assert_eq!(bench.closed, [early]);
        bench.ack(early, 1);
        assert!(!bench.events.iter().any(|event| matches!(event, NodeEvent::ConfigApplied { .. })));
        bench.opened();
        bench.ack(new, 1);
        assert!(bench.events.contains(&NodeEvent::ConfigApplied { version: 3, substituted: None }));
        assert_eq!(bench.outages(), 0);
    }
}

#[test]
fn acks_on_the_old_connection_prove_nothing() {
    let (mut bench, old, _) = Bench::proving();
    bench.machine.check_in_now(bench.now);
    bench.settle();
    let seq = bench.said.last().expect("said").1.seq;
    bench.ack(old, seq);
    assert!(bench.machine.configs.is_proving());
}

#[test]
fn a_node_that_can_not_reach_the_server_rolls_back_and_reports_over_the_old_connection() {
    let (mut bench, old, _) = Bench::proving();
    let attempts = bench.opened.len();
    bench.fail_until_rolled_back();
    assert_eq!((bench.now, bench.rolled_back[0].version), (s(60), 3));
    assert!(bench.opened.len() > attempts + 1, "the node tries more than once");
    let (link, last) = bench.said.last().cloned().expect("a report at once");
    assert_eq!((link, last.ack, last.config), (old, true, Some(rejected(3, ROLLED_BACK))));
    assert_eq!(bench.outages(), 0);
    assert!(bench.events.contains(&NodeEvent::ConfigRejected { version: 3, why: ROLLED_BACK.to_owned() }));
    bench.receive(old, &pushed(3));
    assert_eq!(bench.applied.len(), 1, "the configuration was applied again");
}

#[test]
fn a_node_that_lost_both_connections_rolls_back_and_reports_when_it_reconnects() {
    let (mut bench, old, _) = Bench::proving();
    bench.server_closes(old);
    bench.fail_until_rolled_back();
    assert_eq!((bench.now, bench.outages()), (s(60), 1));
    assert!(bench.last_delay() <= s(20), "the wait is longer than the spread: {:?}", bench.last_delay());
    bench.reports();
    bench.advance_to_next_opening();
    bench.opened();
    assert_eq!(bench.reports(), [(bench.link(), Some(rejected(3, ROLLED_BACK)))]);
}

#[test]
fn a_handshake_that_began_before_the_roll_back_is_dropped() {
    let (mut bench, old, _) = Bench::proving();
    bench.server_closes(old);
    while bench.rolled_back.is_empty() {
        bench.now = bench.machine.deadline().expect("something to wait for");
        bench.settle();
    }
    assert_eq!(bench.dropped.last(), Some(&bench.link()));
    assert_eq!((bench.now, bench.outages()), (s(60), 1));
    assert!(bench.machine.sessions.next.is_none() && bench.machine.open_at.is_some());
}

#[test]
fn after_a_loss_during_the_proof_the_node_does_not_wait_for_the_whole_spread() {
    for seed in 0..50 {
        let mut bench = Bench::seeded(seed);
        bench.opened();
        let link = bench.link();
        bench.receive(
            link,
            &json!({"type":"ack","seq":1,"next_check_in_s":60,"reconnect_within_s":LIFE_S,"spread_s":3600}),
        );
        bench.receive(link, &pushed(3));
        bench.fail();
        bench.server_closes(link);
        assert!(bench.last_delay() <= s(2), "{:?}", bench.last_delay());
    }
}

#[test]
fn a_refusal_during_the_proof_does_not_end_the_run_before_the_roll_back() {
    let (mut bench, old, _) = Bench::proving();
    bench.refuse(401);
    assert_eq!(bench.end, None);
    bench.server_closes(old);
    bench.fail_until_rolled_back();
    bench.advance_to_next_opening();
    bench.refuse(401);
    assert!(matches!(bench.end, Some(Err(NodeError::Refused { status: 401, .. }))));
}

#[test]
fn a_run_that_ends_before_the_proof_rolls_back() {
    let (mut bench, ..) = Bench::proving();
    bench.machine.stop();
    bench.settle();
    assert_eq!((bench.rolled_back.len(), bench.end.clone()), (1, Some(Ok(()))));
    let (mut bench, old, _) = Bench::proving();
    bench.receive(old, &json!({"type": "bye", "reason": "revoked"}));
    assert_eq!((bench.rolled_back.len(), bench.end.clone()), (1, Some(Err(NodeError::Revoked))));
}

#[test]
fn a_newer_version_that_comes_during_the_proof_is_applied_after_it() {
    let (mut bench, old, new) = Bench::proving();
    bench.receive(old, &pushed(4));
    assert_eq!(bench.applied.len(), 1);
    bench.opened();
    bench.ack(new, 1);
    assert_eq!(bench.applied.last().map(|configuration| configuration.version), Some(4));
    assert_eq!(bench.said.last().and_then(|(_, check_in)| check_in.config.clone()), Some(applied(3)));
    bench.advance_to_next_opening();
    let newest = bench.link();
    assert_ne!(newest, new);
    bench.opened();
    bench.ack(newest, 1);
    assert_eq!(bench.said.last().and_then(|(_, check_in)| check_in.config.clone()), Some(applied(4)));
    assert_eq!(bench.outages(), 0);
}

#[test]
fn a_rejection_by_the_program_is_reported_at_once_without_a_new_connection() {
    let mut bench = Bench::connected();
    bench.applies = Applied::Rejected("no such channel".to_owned());
    let link = bench.link();
    bench.receive(link, &pushed(3));
    assert_eq!(bench.link(), link);
    let last = bench.said.last().cloned().expect("a report at once");
    assert_eq!((last.0, last.1.ack, last.1.config), (link, true, Some(rejected(3, "no such channel"))));
}

#[test]
fn a_program_that_takes_no_configurations_only_gets_the_messages() {
    let mut bench = Bench::connected();
    bench.applies = Applied::Unsupported;
    let (link, before) = (bench.link(), bench.said.len());
    bench.receive(link, &pushed(3));
    bench.receive(link, &pushed(4));
    assert_eq!((bench.link(), bench.said.len(), bench.applied.len(), bench.pushed.len()), (link, before, 1, 2));
}

#[test]
fn the_node_asks_on_the_connection_that_holds_it_and_the_answer_settles_no_check_in() {
    let (mut bench, old, _) = Bench::replacing();
    let mut forged = pushed(3);
    forged["document"] = json!("{}");
    bench.receive(old, &forged);
    assert_eq!((bench.asked.clone(), bench.applied.len()), (vec![old], 0));
    bench.machine.check_in_now(bench.now);
    bench.settle();
    let awaited = bench.machine.deadline();
    bench.receive(old, &json!({"type": "error", "code": "no-config", "message": ""}));
    assert_eq!(bench.machine.deadline(), awaited, "the check-in's answer is still awaited");
    bench.receive(old, &pushed(4));
    assert_eq!(bench.applied.len(), 1);
}

#[test]
fn a_document_that_is_fetched_without_a_connection_is_applied_when_there_is_one() {
    let mut bench = Bench::connected();
    let link = bench.link();
    let mut large = pushed(3);
    let text = large["document"].as_str().expect("text").to_owned();
    large["document"].take();
    bench.receive(link, &large);
    assert_eq!(bench.fetches.len(), 1);
    bench.server_closes(link);
    bench.machine.fetched(bench.now, 2, Err(FetchError::NoUrl));
    bench.machine.fetched(bench.now, 3, Ok(text));
    bench.settle();
    assert!(bench.applied.is_empty());
    bench.advance_to_next_opening();
    bench.open_and_ack();
    assert_eq!(bench.applied.len(), 1);
}
