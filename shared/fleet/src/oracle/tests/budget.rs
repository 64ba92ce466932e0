use rollcall_core::{Attribute as A, EventKind, Value};
use rollcall_wire::{CheckIn, ServerMessage};

use super::Story;
use super::story::{START, device};
use crate::plan::What;
use crate::violation::ViolationKind as Kind;

/// A node with a budget of 20, whose program floods the cloud at second 100.
fn flooding() -> Story {
    let mut story = Story::with(&[(100_000, What::Flood { node: 0, messages: 50 })], |settings| settings.budget = 20);
    story.at(1).registers(0).connects(device(0), "A");
    story.at(100);
    story
}

/// The node sends messages until the rules store no more.
fn sends_all(story: &mut Story) -> u64 {
    let stores = |seq: &u64| {
        story.says(device(0), Some("A"), &CheckIn::idle(*seq));
        story.stores(0, Some("A"), &CheckIn::idle(*seq))
    };
    (1..1_000).take_while(stores).count() as u64
}

fn blocks(story: &mut Story, offences: Option<u64>) -> bool {
    let blocked_until = story.stored(0).and_then(|node| node.blocked.until);
    story.happens(0, EventKind::Excess { offences, blocked_until })
}

#[test]
fn a_node_that_sends_too_much_is_blocked_longer_each_time_and_let_back_in() {
    let mut story = flooding();
    assert_eq!(sends_all(&mut story), 19, "the connect counts, too");
    assert!(blocks(&mut story, None));
    story.answers(0, 100, ServerMessage::SlowDown { retry_after_s: 60, seq: Some(20) });
    assert!(blocks(story.at(161), Some(1)));
    story.is_right();
}

#[test]
fn a_node_that_is_blocked_and_has_sent_little_is_a_violation() {
    let mut story = Story::with(&[], |settings| settings.budget = 20);
    story.at(1).registers(0).connects(device(0), "A");
    assert!(blocks(story.at(50), None));
    assert_eq!(story.found(), [Kind::WrongBudget]);
}

#[test]
fn a_block_of_another_length_or_offence_is_a_violation() {
    let block = |offences: u64, seconds: u64| {
        let mut story = flooding();
        sends_all(&mut story);
        let until = Some(Value::Number(START + 100_000 + seconds * 1000));
        story.tampers_with(0, &[(A::Offences, Some(Value::Number(offences))), (A::BlockedUntil, until)]);
        story.found()
    };
    assert_eq!(block(1, 60), []);
    assert_eq!([block(1, 120), block(2, 120), block(9, 3_600)], [[Kind::WrongBudget]; 3]);
}

#[test]
fn nothing_of_a_blocked_node_is_taken() {
    let mut story = flooding();
    sends_all(&mut story);
    assert!(blocks(&mut story, None));
    story.at(120).says(device(0), Some("A"), &CheckIn::idle(90));
    assert!(!story.stores(0, Some("A"), &CheckIn::idle(90)), "the rules take nothing");
    let taken = [
        (A::Seen, Some(Value::Number(START + 120_000))),
        (A::Seq, Some(Value::Number(90))),
        (A::Spent, Some(Value::Number(21))),
    ];
    story.tampers_with(0, &taken);
    assert_eq!(story.found(), [Kind::WrongBudget]);
}

#[test]
fn no_more_than_two_budgets_are_taken_in_a_minute() {
    let mut story = flooding();
    for count in 2..=70 {
        story.tampers_with(0, &[(A::Spent, Some(Value::Number(1 + count % 20)))]);
    }
    assert_eq!(story.found(), [Kind::WrongBudget]);
    let mut story = flooding();
    story.tampers_with(0, &[(A::Spent, Some(Value::Number(29)))]);
    assert_eq!(story.found(), [Kind::WrongBudget]);
}

#[test]
fn only_a_node_that_is_blocked_is_told_to_slow_down() {
    let mut story = flooding();
    story.answers(0, 100, ServerMessage::SlowDown { retry_after_s: 60, seq: Some(1) });
    assert_eq!(story.found(), [Kind::WrongBudget]);
}

#[test]
fn a_blocked_node_is_served_nothing_and_is_dismissed_if_it_goes_on() {
    let blocked = || {
        let mut story = flooding();
        sends_all(&mut story);
        assert!(blocks(&mut story, None));
        story.at(120);
        story
    };
    let mut story = blocked();
    story.answers_on(0, Some("A"), 101, ServerMessage::SlowDown { retry_after_s: 40, seq: Some(30) });
    story.is_right();
    story.answers_on(
        0,
        Some("A"),
        120,
        ServerMessage::Firmware(rollcall_wire::FirmwareNews { version: "2.1".to_owned() }),
    );
    assert_eq!(story.found(), [Kind::WrongBudget], "it is served");
    let mut story = blocked();
    story.answers_on(0, Some("A"), 120, ServerMessage::SlowDown { retry_after_s: 40, seq: Some(30) });
    assert_eq!(story.found(), [Kind::WrongBudget], "it is not dismissed");
    let mut story = blocked();
    let message = ServerMessage::Bye { reason: rollcall_wire::ByeReason::SlowDown, retry_after_s: Some(40) };
    let connection = "A".parse().expect("an id");
    story.sees(crate::Seen::Pushed { connection, message, delivered: true });
    story.answers_on(0, Some("A"), 120, ServerMessage::SlowDown { retry_after_s: 40, seq: Some(30) });
    story.is_right();
}
