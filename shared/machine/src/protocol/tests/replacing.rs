//! Replacing a connection: the new one is opened before the old one is closed.

use super::*;

#[test]
fn a_connection_is_replaced_late_in_its_life_and_closed_only_after_the_first_ack_of_the_new_one() {
    let (mut bench, old, new) = Bench::replacing();
    assert!(bench.now >= s(LIFE_S * 7 / 10) && bench.now <= s(LIFE_S * 9 / 10), "{:?}", bench.now);
    bench.opened();
    assert_eq!(bench.events.iter().filter(|e| **e == NodeEvent::Connected { planned: true }).count(), 1);
    assert!(bench.closed.is_empty(), "the old connection was closed before the first ack of the new one");
    assert_eq!(bench.said.last().map(|(link, check_in)| (*link, check_in.seq, check_in.ack)), Some((new, 1, true)));
    bench.ack(new, 1);
    assert_eq!(bench.closed, [old]);
    let replaced = NodeEvent::Disconnected { reason: DisconnectReason::Replaced, planned: true };
    assert_eq!(bench.events.last(), Some(&replaced));
    assert_eq!(bench.outages(), 0);
}

#[test]
fn the_old_connection_keeps_checking_in_until_it_is_replaced() {
    let (mut bench, old, _) = Bench::replacing();
    let before = bench.said.len();
    bench.machine.check_in_now(bench.now);
    bench.settle();
    assert_eq!(bench.said[before..].iter().map(|(link, _)| *link).collect::<Vec<_>>(), [old]);
}

#[test]
fn a_server_that_closes_the_old_connection_meanwhile_causes_no_outage() {
    for early in [true, false] {
        let (mut bench, old, new) = Bench::replacing();
        if early {
            bench.server_closes(old);
        }
        bench.opened();
        if !early {
            bench.receive(old, &json!({"type": "bye", "reason": "superseded"}));
        }
        bench.ack(new, 1);
        assert_eq!(bench.outages(), 0, "{:?}", bench.events);
        assert!(!bench.events.iter().any(|event| matches!(event, NodeEvent::BackingOff { .. })));
        assert_eq!(bench.opened.last(), Some(&new));
        let connected = bench.events.iter().find(|event| matches!(event, NodeEvent::Connected { .. }));
        assert_eq!(connected, Some(&NodeEvent::Connected { planned: true }));
    }
}

#[test]
fn not_connected_on_the_old_connection_is_no_outage_while_the_new_one_is_being_opened() {
    let (mut bench, old, new) = Bench::replacing();
    bench.opened();
    bench.receive(old, &json!({"type": "error", "code": "not-connected", "message": ""}));
    bench.ack(new, 1);
    assert_eq!(bench.outages(), 0);
}

#[test]
fn if_the_old_connection_ends_and_then_the_new_one_fails_there_is_one_outage() {
    let (mut bench, old, _) = Bench::replacing();
    bench.server_closes(old);
    assert_eq!(bench.outages(), 0);
    bench.fail();
    assert_eq!(bench.outages(), 1);
    let (mut bench, old, new) = Bench::replacing();
    bench.opened();
    bench.server_closes(old);
    bench.server_closes(new);
    assert_eq!(bench.outages(), 1);
    let (mut bench, old, _) = Bench::replacing();
    bench.server_closes(old);
    bench.machine.drop_connection(bench.now);
    bench.settle();
    assert_eq!(bench.outages(), 1);
}

#[test]
fn a_replacement_that_fails_leaves_the_old_connection_and_is_tried_again() {
    let (mut bench, old, _) = Bench::replacing();
    for _ in 0..3 {
        bench.fail();
        assert!(bench.closed.is_empty());
        bench.advance_to_next_opening();
    }
    bench.open_and_ack();
    assert_eq!(bench.closed, [old]);
    assert_eq!(bench.outages(), 0);
}

#[test]
fn a_replacement_that_is_not_acknowledged_leaves_the_old_connection() {
    let (mut bench, old, new) = Bench::replacing();
    bench.opened();
    bench.server_closes(new);
    assert_eq!(bench.outages(), 0);
    assert!(bench.machine.sessions.get(old).is_some());
}

#[test]
fn at_its_deadline_a_connection_that_could_not_be_replaced_is_closed() {
    let (mut bench, old, _) = Bench::replacing();
    while bench.outages() == 0 {
        bench.fail();
        assert!(bench.now <= s(LIFE_S));
        let openings = bench.opened.len();
        while bench.opened.len() == openings && bench.outages() == 0 {
            bench.now = bench.machine.deadline().expect("deadline");
            bench.settle();
            let (link, seq) = bench.said.last().map(|(link, check_in)| (*link, check_in.seq)).expect("a check-in");
            bench.ack(link, seq);
        }
    }
    assert_eq!((bench.now, bench.closed.clone()), (s(LIFE_S), vec![old]));
    let opened = bench.opened.len();
    bench.advance_to_next_opening();
    assert_eq!(bench.opened.len(), opened + 1);
}

#[test]
fn a_pushed_reconnect_is_obeyed_within_its_time() {
    let mut bench = Bench::connected();
    bench.now = s(30);
    let old = bench.link();
    bench.receive(old, &json!({"type": "reconnect", "within_s": 20}));
    assert_eq!(bench.pushed, [Pushed::Reconnect { within_s: 20 }]);
    bench.advance_to_next_opening();
    assert!(bench.now >= s(44) && bench.now <= s(48), "{:?}", bench.now);
    bench.open_and_ack();
    assert_eq!(bench.closed, [old]);
}

#[test]
fn also_for_a_reconnect_at_once_the_new_connection_is_opened_before_the_old_one_is_closed() {
    let mut bench = Bench::connected();
    let old = bench.link();
    bench.receive(old, &json!({"type": "reconnect", "within_s": 0}));
    assert_ne!(bench.link(), old);
    bench.now += s(10);
    bench.open_and_ack();
    assert_eq!((bench.closed.clone(), bench.outages()), (vec![old], 0));
}

#[test]
fn a_replaced_connection_still_delivers_what_was_pushed_to_it() {
    let (mut bench, old, new) = Bench::replacing();
    bench.opened();
    bench.ack(new, 1);
    let command = json!({"type": "command", "id": "7"});
    bench.receive(old, &command);
    bench.receive(old, &json!({"type": "bye", "reason": "revoked"}));
    assert_eq!(bench.pushed, [Pushed::Other(command)]);
    assert_eq!(bench.end, None);
}
