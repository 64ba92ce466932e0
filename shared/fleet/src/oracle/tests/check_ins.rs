use rollcall_core::{Attribute as A, Value};
use rollcall_wire::{CheckIn, ConfigReport, ConfigStatus, ServerMessage};

use super::Story;
use super::story::{START, ack, device};
use crate::violation::ViolationKind as Kind;

fn reports(seq: u64, version: u64) -> CheckIn {
    let config = ConfigReport { version, status: ConfigStatus::Applied, detail: Some("as it was set".to_owned()) };
    CheckIn { firmware: Some("1.0".to_owned()), config: Some(config), ..CheckIn::idle(seq) }
}

fn connected() -> Story {
    let mut story = Story::new();
    story.at(1).starts(device(0)).connects(device(0), "A");
    story
}

#[test]
fn an_ack_of_a_check_in_that_is_stored_is_right() {
    let mut story = connected();
    story.at(2).checks_in(device(0), "A", &reports(1, 7));
    story.at(300).checks_in(device(0), "A", &CheckIn::idle(2));
    story.at(301).checks_in(device(0), "A", &CheckIn::idle(2));
    story.at(301).polls(device(2), &reports(1, 3));
    story.is_right();
}

#[test]
fn an_ack_of_a_check_in_that_was_never_stored_is_a_violation() {
    let mut story = connected();
    story.at(2).says(device(0), Some("A"), &reports(1, 7)).hears(device(0), Some("A"), ServerMessage::Ack(ack(1)));
    assert_eq!(story.found(), [Kind::AckedNotStored]);
    assert!(story.words().contains("ap-0 was told at 2.000 s that its check-in 1 of 2.000 s is stored"));
    story.at(3).says(device(2), None, &reports(1, 7)).hears(device(2), None, ServerMessage::Ack(ack(1)));
    assert_eq!(story.found(), [Kind::AckedNotStored; 2], "a poll, too");
}

#[test]
fn a_poll_that_is_stored_at_the_time_that_was_stored_before_may_be_acknowledged() {
    let mut story = connected();
    story.at(100).polls(device(2), &reports(1, 3));
    story.at(101).says(device(2), None, &reports(2, 4));
    let changed = [(A::ConfigVersion, Some(Value::Number(4))), (A::AppliedVersion, Some(Value::Number(4)))];
    story.tampers_with(2, &changed).hears(device(2), None, ServerMessage::Ack(ack(2)));
    story.is_right();
}

#[test]
fn an_ack_before_the_write_is_a_violation() {
    let mut story = connected();
    let said = reports(1, 7);
    story.at(2).says(device(0), Some("A"), &said).hears(device(0), Some("A"), ServerMessage::Ack(ack(1)));
    assert!(story.stores(0, Some("A"), &said));
    assert_eq!(story.found(), [Kind::AckedNotStored]);
}

#[test]
fn a_check_in_that_is_stored_in_part_is_a_violation() {
    let mut story = connected();
    story.at(2).says(device(0), Some("A"), &reports(1, 7));
    assert!(story.stores(0, Some("A"), &CheckIn { config: None, ..reports(1, 7) }));
    assert_eq!(story.found(), [Kind::NotTheHolder]);
    story.hears(device(0), Some("A"), ServerMessage::Ack(ack(1)));
    assert_eq!(story.found()[1..], [Kind::AckedNotStored]);
}

#[test]
fn a_check_in_of_a_connection_that_was_replaced_stores_nothing() {
    let mut story = connected();
    story.at(2).checks_in(device(0), "A", &reports(1, 7));
    story.at(10).connects(device(0), "B");
    story.at(11).says(device(0), Some("A"), &reports(2, 8));
    story.is_right();
    story.tampers_with(0, &[(A::Seen, Some(Value::Number(START + 11_000))), (A::Seq, Some(Value::Number(2)))]);
    assert_eq!(story.found(), [Kind::NotTheHolder]);
    assert!(story.words().contains("check-in 2 stored for the connection B that holds it, which never sent it"));
}

#[test]
fn a_sequence_number_that_goes_back_on_a_connection_is_a_violation() {
    let mut story = connected();
    story.at(2).checks_in(device(0), "A", &CheckIn::idle(1)).checks_in(device(0), "A", &CheckIn::idle(2));
    story.at(3).tampers_with(0, &[(A::Seq, Some(Value::Number(1)))]);
    assert_eq!(story.found(), [Kind::WentBack]);
}

#[test]
fn last_seen_goes_forward_and_is_when_the_check_in_came() {
    let mut story = connected();
    story.at(100).checks_in(device(0), "A", &CheckIn::idle(1));
    story.at(200).says(device(0), Some("A"), &CheckIn::idle(2));
    let seen = |at: u64| [(A::Seen, Some(Value::Number(START + at))), (A::Seq, Some(Value::Number(2)))];
    let mut early = story;
    early.tampers_with(0, &seen(150_000));
    assert_eq!(early.found(), [Kind::WrongPresence], "it was sent later");
    early.tampers_with(0, &seen(149_000));
    assert_eq!(early.found(), [Kind::WrongPresence, Kind::WentBack, Kind::WrongPresence]);
}

#[test]
fn a_function_acknowledges_only_what_is_stored_by_then() {
    let acks = |stored: bool| {
        let mut story = connected();
        story.at(2).says(device(0), Some("A"), &CheckIn::idle(1));
        assert!(!stored || story.stores(0, Some("A"), &CheckIn::idle(1)));
        story.answers_on(0, Some("A"), 2, ServerMessage::Ack(ack(1)));
        story.found()
    };
    assert_eq!((acks(true), acks(false)), (vec![], vec![Kind::AckedNotStored]));
}

#[test]
fn a_connection_is_let_in_once_it_is_stored() {
    let mut story = Story::new();
    story.at(1).connects(device(0), "A");
    story.is_right();
    story.at(5).shakes(device(0), "B", 1).opens(device(0), "B");
    assert_eq!(story.found(), [Kind::AckedNotStored]);
}

#[test]
fn an_ack_says_the_times_of_the_settings() {
    let told = |change: fn(&mut rollcall_wire::Ack)| {
        let mut story = connected();
        story.at(100).checks_in(device(0), "A", &CheckIn::idle(1));
        let mut ack = rollcall_wire::Ack { reconnect_within_s: 6_501, ..ack(1) };
        change(&mut ack);
        story.answers_on(0, Some("A"), 100, ServerMessage::Ack(ack));
        story.found()
    };
    assert_eq!(told(|_| {}), []);
    assert_eq!(told(|ack| ack.next_check_in_s = 200), [Kind::WrongTerms]);
    assert_eq!(told(|ack| ack.spread_s = 0), [Kind::WrongTerms]);
    assert_eq!(told(|ack| ack.reconnect_within_s = 6_600), [Kind::WrongTerms], "it has been open for 99 s");
    assert_eq!(told(|ack| ack.reconnect_within_s = 6_000), [Kind::WrongTerms]);
}
