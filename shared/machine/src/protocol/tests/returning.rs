//! Losses and refusals, and how the node reconnects after them.

use super::*;

#[test]
fn after_a_loss_the_node_waits_a_random_time_up_to_the_servers_spread() {
    let mut longest = Duration::ZERO;
    for seed in 0..200 {
        let mut bench = Bench::seeded(seed);
        bench.open_and_ack();
        let link = bench.link();
        bench.server_closes(link);
        assert_eq!(bench.outages(), 1);
        assert!(bench.last_delay() <= s(20));
        longest = longest.max(bench.last_delay());
        assert_eq!(bench.machine.deadline(), Some(bench.now + bench.last_delay()));
    }
    assert!(longest > s(18), "{longest:?}");
}

#[test]
fn the_back_off_doubles_up_to_its_cap_and_an_ack_resets_it() {
    let mut longest = [Duration::ZERO; 10];
    for seed in 0..200 {
        let mut bench = Bench::seeded(seed);
        for (failures, longest) in (0_u32..).zip(&mut longest) {
            bench.fail();
            let delay = bench.last_delay();
            assert!(delay <= s(2_u64.pow(failures).min(60)), "{failures}: {delay:?}");
            *longest = delay.max(*longest);
            bench.advance_to_next_opening();
        }
        bench.opened();
        bench.ack(bench.link(), 1);
        assert_eq!(bench.machine.failures, 0);
    }
    for (failures, longest) in (0_u32..).zip(longest) {
        assert!(longest > s(2_u64.pow(failures).min(60)) * 9 / 10, "{failures}: {longest:?}");
    }
}

#[test]
fn a_connection_that_opens_without_an_ack_does_not_reset_the_back_off() {
    let mut bench = Bench::new();
    for failures in 1..=5 {
        bench.opened();
        let link = bench.link();
        bench.server_closes(link);
        assert_eq!(bench.machine.failures, failures);
        bench.advance_to_next_opening();
    }
}

#[test]
fn a_handshake_that_takes_too_long_is_dropped() {
    let mut bench = Bench::new();
    let link = bench.link();
    assert_eq!(bench.machine.deadline(), Some(s(15)));
    bench.now = s(15);
    bench.settle();
    assert_eq!(bench.dropped, [link]);
    assert!(matches!(bench.events[..], [NodeEvent::Unreachable { .. }, NodeEvent::BackingOff { .. }]));
    bench.machine.opened(bench.now, link);
    bench.settle();
    assert!(bench.said.is_empty(), "a connection that was given up is used");
}

#[test]
fn a_refused_token_ends_the_run_and_other_refusals_do_not() {
    let mut bench = Bench::new();
    bench.refuse(401);
    assert_eq!(bench.events, [NodeEvent::Refused { status: 401, body: String::new() }]);
    assert_eq!(bench.end, Some(Err(NodeError::Refused { status: 401, body: String::new() })));
    assert_eq!(bench.machine.deadline(), None);
    for status in [400, 403, 404, 409, 410, 429, 500, 502, 503] {
        let mut bench = Bench::new();
        bench.refuse(status);
        assert_eq!(bench.end, None, "{status}");
        bench.advance_to_next_opening();
    }
}

#[test]
fn a_bye_or_an_error_ends_the_run_only_if_reconnecting_is_pointless() {
    for code in ["revoked", "credentials-outdated"] {
        let mut bench = Bench::connected();
        bench.receive(bench.link(), &json!({"type": "error", "code": code, "message": "", "seq": 1}));
        assert_eq!(bench.end, Some(Err(NodeError::Revoked)), "the bye may not arrive: {code}");
    }
    let mut bench = Bench::connected();
    let link = bench.link();
    bench.receive(link, &json!({"type": "bye", "reason": "revoked"}));
    assert_eq!(bench.end, Some(Err(NodeError::Revoked)));
    assert_eq!(bench.closed, [link]);
    for reason in ["superseded", "closed", "unregistered", "a-new-one"] {
        let mut bench = Bench::connected();
        let link = bench.link();
        bench.receive(link, &json!({"type": "bye", "reason": reason}));
        assert_eq!((bench.end.clone(), bench.outages()), (None, 1));
        bench.advance_to_next_opening();
    }
}

#[test]
fn a_node_that_is_not_registered_tries_again_less_and_less_often_until_it_is() {
    let (mut bench, steps) = (Bench::connected(), [60, 120, 240, 480, 960, 1_800, 1_800]);
    for step in steps {
        let before = bench.outages();
        let link = bench.link();
        if step == 60 {
            bench.receive(link, &json!({"type": "error", "code": "unregistered", "message": "", "seq": 1}));
            bench.receive(link, &json!({"type": "bye", "reason": "unregistered"}));
        } else {
            bench.refuse(403);
        }
        assert!(bench.outages() <= before + 1 && bench.end.is_none());
        let gone = bench.now;
        bench.advance_to_next_opening();
        let waited = bench.now.saturating_sub(gone);
        // Behind the wait there may be a back-off.
        assert!((s(step)..=s(step * 3 / 2 + 60)).contains(&waited), "{waited:?} after a step of {step} s");
    }
    bench.opened();
    let link = bench.link();
    bench.ack(link, 1);
    bench.receive(link, &json!({"type": "bye", "reason": "unregistered"}));
    let gone = bench.now;
    bench.advance_to_next_opening();
    assert!((s(60)..=s(90)).contains(&(bench.now.saturating_sub(gone))), "the waits begin anew after an ack");
}

#[test]
fn after_not_connected_the_node_opens_a_new_connection() {
    let mut bench = Bench::connected();
    let link = bench.link();
    bench.receive(link, &json!({"type": "error", "code": "not-connected", "message": "", "seq": 1}));
    assert_eq!((bench.closed.clone(), bench.outages()), (vec![link], 1));
    bench.advance_to_next_opening();
}

#[test]
fn an_unanswered_connection_is_given_up_after_its_attempts() {
    let mut bench = Bench::connected();
    let link = bench.link();
    for _ in 0..1000 {
        if bench.outages() > 0 {
            break;
        }
        bench.now = bench.machine.deadline().expect("deadline");
        bench.settle();
    }
    let unanswered = NodeEvent::Disconnected { reason: DisconnectReason::Unanswered, planned: false };
    assert!(bench.events.contains(&unanswered));
    assert_eq!(bench.closed, [link]);
    // The first check-in was acknowledged, three asked for no ack, and five asked for one that did not come.
    assert_eq!(bench.said.iter().map(|(_, check_in)| check_in.seq).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
}

#[test]
fn silence_is_noticed_within_a_minute_and_is_an_outage() {
    let mut bench = Bench::with(Timing::default(), 7);
    bench.open_and_ack();
    let link = bench.link();
    for _ in 0..20 {
        if bench.outages() == 0 {
            bench.now = bench.machine.deadline().expect("deadline");
            bench.settle();
        }
    }
    assert_eq!((bench.now, bench.pings, bench.dropped.clone()), (s(50), 2, vec![link]));
}

#[test]
fn after_a_dropped_connection_the_node_reconnects_as_after_a_loss() {
    let mut bench = Bench::connected();
    let link = bench.link();
    bench.machine.drop_connection(bench.now);
    bench.settle();
    assert_eq!((bench.dropped.clone(), bench.outages()), (vec![link], 1));
    assert!(bench.last_delay() <= s(20));
    bench.machine.drop_connection(bench.now);
    bench.settle();
    assert_eq!(bench.outages(), 1);
    bench.advance_to_next_opening();
}
