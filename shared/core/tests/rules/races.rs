//! Events that follow from others, after another event came in between. No history of single deliveries has that.

use rollcall_core::{
    Attribute, Because, Connection, CredentialVersion, Event, EventKind, Health, Item, Outcome, Policy, Refusal,
    Registration, Reply, Report, Settled, Timestamp, plan, settle,
};

const NOW: Timestamp = Timestamp(100_000);

fn policy() -> Policy {
    Policy::new(Registration::Closed, 6600, 300, 60, 0).expect("in range").with_budget(2)
}

fn event(kind: EventKind) -> Event {
    Event::new("ap-1".parse().expect("an id"), NOW, kind)
}

/// A registered node that an open connection holds.
fn connected() -> Item {
    Item::from([
        (Attribute::CredentialVersion, 1_u64.into()),
        (Attribute::Connection, "A".into()),
        (Attribute::OpenedAt, 90_000_u64.into()),
        (Attribute::OnlineSince, 90_000_u64.into()),
        (Attribute::Seq, 7_u64.into()),
    ])
}

fn refused(event: Event, item: &Item) -> (Option<Because>, Settled) {
    let outcome = plan(&event, &policy()).apply(Some(item));
    let Outcome::Refused { because, .. } = &outcome else { panic!("applied to {item:?}") };
    (*because, settle(event, outcome, &policy()).expect("explained"))
}

#[test]
fn of_two_messages_over_the_budget_one_is_an_offence_and_both_are_told_to_slow_down() {
    let excess = event(EventKind::Excess { offences: None, blocked_until: None });
    let Outcome::Applied { after } = plan(&excess, &policy()).apply(Some(&connected())) else { panic!("refused") };
    let again = Event { at: Timestamp(NOW.0 + 1), ..excess };
    let (because, settled) = refused(again, &after);
    assert_eq!(because, Some(Because::OffencesChanged));
    let Settled::Done { reply: Reply::Refused(Refusal::SlowDown { retry_after, again: false }), .. } = settled else {
        panic!("{settled:?}")
    };
    assert_eq!(retry_after, 60);
}

#[test]
fn an_offence_that_is_counted_anew_after_a_day_is_noticed_by_its_block() {
    let mut item = connected();
    item.extend([(Attribute::Offences, 1_u64.into()), (Attribute::BlockedUntil, 160_000_u64.into())]);
    let excess = EventKind::Excess { offences: Some(1), blocked_until: Some(Timestamp(1_000)) };
    assert_eq!(refused(event(excess), &item).0, Some(Because::BlockChanged));
}

#[test]
fn a_takeover_is_not_counted_for_a_connection_that_has_lost_the_node_since() {
    let taken_over = EventKind::TakenOver { connection: "B".parse().expect("an id"), before: 0 };
    let (because, settled) = refused(event(taken_over), &connected());
    assert_eq!(because, Some(Because::HolderChanged));
    assert!(matches!(settled, Settled::Done { reply: Reply::Refused(Refusal::Changed), .. }));
}

#[test]
fn a_stale_check_in_is_counted_only_for_the_connection_that_still_holds_the_node() {
    let stale = || {
        let connection = Connection { id: "A".parse().expect("an id"), opened_at: Timestamp(90_000) };
        let credentials = CredentialVersion(1);
        event(EventKind::Stale { connection, credentials, received: NOW, stored: 7, results: 0 })
    };
    let cases = [
        (Attribute::Revoked, 1_u64.into(), Because::Revoked),
        (Attribute::CredentialVersion, 2_u64.into(), Because::CredentialsOutdated),
        (Attribute::Connection, "B".into(), Because::Superseded),
        (Attribute::ClosedAt, 94_000_u64.into(), Because::Closed),
        (Attribute::BlockedUntil, 160_000_u64.into(), Because::Blocked),
    ];
    for (attribute, value, because) in cases {
        let mut item = connected();
        item.insert(attribute, value);
        assert_eq!(refused(stale(), &item).0, Some(because));
    }
    assert_eq!(refused(stale(), &Item::new()).0, Some(Because::Unregistered), "the node was deleted");
    let Outcome::Applied { after } = plan(&stale(), &policy()).apply(Some(&connected())) else { panic!("refused") };
    assert_eq!(after.get(&Attribute::Spent), Some(&1_u64.into()));
}

#[test]
fn a_node_that_is_known_only_by_its_early_disconnect_does_not_check_in_while_registration_is_closed() {
    let mut item = connected();
    item.remove(&Attribute::CredentialVersion);
    item.insert(Attribute::ClosedAt, NOW.0.into());
    let connection = Connection { id: "A".parse().expect("an id"), opened_at: Timestamp(90_000) };
    let check_in = EventKind::CheckIn {
        connection,
        credentials: CredentialVersion(1),
        received: NOW,
        seq: 8,
        ack: true,
        report: Report::default(),
        results: 0,
    };
    let (because, settled) = refused(event(check_in), &item);
    assert_eq!(because, Some(Because::Unregistered));
    assert!(matches!(settled, Settled::Done { reply: Reply::Refused(Refusal::Unregistered), .. }));
}

fn poll(at: Timestamp, uptime_s: u64) -> Event {
    let report = Report::new(None, None, Health { uptime_s: Some(uptime_s), ..Health::default() });
    let kind = EventKind::Poll { credentials: CredentialVersion(1), report, results: 0 };
    Event { at, now: NOW, ..event(kind) }
}

fn applied(event: &Event, item: &Item) -> Item {
    match plan(event, &policy()).apply(Some(item)) {
        Outcome::Applied { after } => after,
        refused @ Outcome::Refused { .. } => panic!("{refused:?}"),
    }
}

#[test]
fn a_late_poll_that_is_refused_when_it_is_planned_again_is_not_taken_for_the_one_that_is_stored() {
    let item = applied(&poll(NOW, 20), &Item::from([(Attribute::CredentialVersion, 1_u64.into())]));
    let (because, settled) = refused(poll(Timestamp(NOW.0 - 1), 10), &item);
    assert_eq!(because, Some(Because::SeenLater));
    let Settled::Again(again) = settled else { panic!("{settled:?}") };
    let cases = [
        (Attribute::Revoked, 1_u64, Because::Revoked),
        (Attribute::CredentialVersion, 2, Because::CredentialsOutdated),
        (Attribute::BlockedUntil, 160_000, Because::Blocked),
        (Attribute::Spent, 2, Because::BudgetUsedUp),
    ];
    for (attribute, value, because) in cases {
        let mut item = item.clone();
        item.insert(attribute, value.into());
        assert_eq!(refused(again.clone(), &item).0, Some(because));
    }
    assert_eq!(applied(&again, &item).get(&Attribute::Uptime), Some(&10_u64.into()));
}

#[test]
fn a_poll_that_used_up_the_budget_is_recognised_when_it_is_written_again() {
    let node = Item::from([(Attribute::CredentialVersion, 1_u64.into()), (Attribute::Spent, 1_u64.into())]);
    let late = applied(&poll(NOW, 20), &Item::from([(Attribute::CredentialVersion, 1_u64.into())]));
    for item in [node, late] {
        let poll = poll(NOW, 10);
        let after = applied(&poll, &item);
        assert_eq!(after.get(&Attribute::Spent), Some(&2_u64.into()));
        assert_eq!(applied(&poll, &after), after, "it is counted once");
    }
}
