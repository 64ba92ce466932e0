use rollcall_core::{Attribute as A, Ended, Ending, Key, Queueing, Value, cancel, end, queue, send};
use rollcall_wire::{CheckIn, CommandNews, CommandResult, CommandStatus, Json, ServerMessage};

use super::Story;
use super::story::{ack, clone, device};
use crate::observation::Seen;
use crate::violation::ViolationKind as Kind;

pub(super) fn queues(story: &mut Story, key: &str, expires_in: u32) -> u64 {
    let stored = story.stored(0).expect("registered");
    let (name, key) = ("locate".parse().expect("a name"), key.parse().expect("a key"));
    let queueing = Queueing { name, args: "{}".to_owned(), expires_in, key, request: "r".to_owned() };
    let (number, updates) = queue(&story.id(0), &stored, 0, &queueing, story.now()).expect("room");
    for update in &updates {
        assert!(story.writes(update), "queued");
    }
    number
}

fn news(command: u64, expires_in_s: u32) -> CommandNews {
    CommandNews { command, name: "locate".to_owned(), args: Json::default(), expires_in_s }
}

fn done(command: u64) -> CommandResult {
    CommandResult { command, status: CommandStatus::Done, output: None }
}

/// The cloud marks a command as sent and hands it out, and the node reads it.
fn hands_out(story: &mut Story, began_s: u64, command: u64, expires_in_s: u32) {
    let update = send(&story.id(0), command, story.now());
    story.writes(&update);
    let message = ServerMessage::Ack(rollcall_wire::Ack { command: Some(news(command, expires_in_s)), ..ack(1) });
    story.answers(0, began_s, message.clone()).hears(device(0), Some("A"), message);
}

fn executes(story: &mut Story, command: u64) {
    story.sees(Seen::Executed { who: device(0), command, name: "locate".to_owned() });
}

/// The node reports a result, which is stored and acknowledged.
fn reports(story: &mut Story, seq: u64, result: CommandResult) {
    let how = if result.status == CommandStatus::Done { Ending::Done } else { Ending::Failed };
    let ended = Ended { at: story.now(), how, output: result.output.clone() };
    let (node, command) = (story.id(0), result.command);
    let said = CheckIn { results: vec![result], ..CheckIn::idle(seq) };
    story.says(device(0), Some("A"), &said);
    assert!(story.stores(0, Some("A"), &said));
    story.writes(&end(&node, command, &ended));
    story.hears(device(0), Some("A"), ServerMessage::Ack(ack(seq)));
}

/// A connected node with a command of an hour, which was handed out.
fn commanded() -> Story {
    let mut story = Story::new();
    story.at(1).registers(0).starts(device(0)).connects(device(0), "A");
    story.checks_in(device(0), "A", &CheckIn::idle(1));
    queues(story.at(10), "k1", 3_600);
    hands_out(story.at(12), 11, 1, 3_598);
    story.is_right();
    story
}

#[test]
fn a_command_is_executed_once_in_time_and_its_result_is_stored() {
    let mut story = commanded();
    executes(story.at(13), 1);
    reports(story.at(14), 2, done(1));
    queues(story.at(20), "k2", 60);
    hands_out(story.at(22), 21, 2, 58);
    executes(story.at(79), 2);
    reports(story.at(90), 3, done(2));
    story.is_right();
}

#[test]
fn a_command_that_a_device_executes_twice_is_a_violation() {
    let mut story = commanded();
    executes(story.at(13), 1);
    executes(story.at(14), 1);
    assert_eq!(story.found(), [Kind::ExecutedTwice]);
}

#[test]
fn a_clone_may_execute_a_command_that_the_node_has_executed() {
    let mut story = commanded();
    executes(story.at(13), 1);
    story.connects(clone(0), "C").hears(clone(0), Some("C"), ServerMessage::Command(news(1, 3_500)));
    story.sees(Seen::Executed { who: clone(0), command: 1, name: "locate".to_owned() });
    story.is_right();
}

#[test]
fn a_command_that_is_executed_after_its_time_or_without_having_been_told_is_a_violation() {
    let mut story = commanded();
    executes(story.at(3_613), 1);
    assert_eq!(story.found(), [Kind::ExecutedWrongly]);
    let mut story = commanded();
    queues(story.at(20), "k2", 3_600);
    executes(&mut story, 2);
    assert_eq!(story.found(), [Kind::ExecutedWrongly], "it was not told of command 2");
    executes(&mut story, 3);
    assert_eq!(story.found()[1..], [Kind::ExecutedWrongly; 2], "there is no command 3");
}

#[test]
fn a_command_with_another_name_is_a_violation() {
    let mut story = commanded();
    story.sees(Seen::Executed { who: device(0), command: 1, name: "reboot".to_owned() });
    assert_eq!(story.found(), [Kind::ExecutedWrongly]);
}

#[test]
fn a_cancelled_command_is_never_executed_and_a_sent_one_is_never_cancelled() {
    let mut story = commanded();
    queues(story.at(20), "k2", 3_600);
    let update = cancel(&story.id(0), 2, story.now());
    assert!(story.writes(&update));
    story.is_right();
    story.hears(device(0), Some("A"), ServerMessage::Command(news(2, 3_000)));
    executes(&mut story, 2);
    assert_eq!(story.found(), [Kind::ExecutedWrongly]);
    let mut story = commanded();
    let key = Key::Command(story.id(0), 1);
    let cancelled = [(A::EndedAt, Value::Number(story.now().0)), (A::Ending, "cancelled".into())];
    story.tampers(&key, |item| item.extend(cancelled));
    assert_eq!(story.found(), [Kind::ResultNotStored]);
}

#[test]
fn commands_are_handed_out_in_order_marked_and_before_they_end_or_expire() {
    let hand = |story: &mut Story, began_s, command, expires_in_s| {
        let message = ServerMessage::Ack(rollcall_wire::Ack { command: Some(news(command, expires_in_s)), ..ack(1) });
        story.answers(0, began_s, message);
        (story.found(), story.words())
    };
    let mut story = commanded();
    queues(story.at(20), "k2", 3_600);
    let update = send(&story.id(0), 2, story.now());
    assert!(story.writes(&update));
    let (found, words) = hand(story.at(30), 30, 2, 3_590);
    assert_eq!(found, [Kind::ExecutedWrongly]);
    assert!(words.contains("command 1 is open"), "{words}");
    let mut story = commanded();
    reports(story.at(14), 2, done(1));
    assert!(hand(story.at(20), 15, 1, 3_000).1.contains("has ended"));
    assert!(hand(commanded().at(3_700), 3_690, 1, 10).1.contains("has expired"));
    assert!(hand(commanded().at(20), 19, 1, 3_600).1.contains("and not in 3600 s"), "it is good for 3,591 s");
    let mut story = commanded();
    queues(story.at(20), "k2", 3_600);
    reports(story.at(21), 2, done(1));
    assert!(hand(story.at(30), 29, 2, 3_590).1.contains("is not marked as handed out"));
    assert!(hand(story.at(30), 29, 9, 3_590).1.contains("was never queued"));
}

#[test]
fn a_result_that_was_acknowledged_and_is_not_stored_is_a_violation() {
    let mut story = commanded();
    let said = CheckIn { results: vec![done(1)], ..CheckIn::idle(2) };
    story.at(20).says(device(0), Some("A"), &said);
    assert!(story.stores(0, Some("A"), &said));
    story.hears(device(0), Some("A"), ServerMessage::Ack(ack(2)));
    assert_eq!(story.found(), [Kind::ResultNotStored]);
}

#[test]
fn the_first_result_counts_and_is_one_that_was_reported() {
    let mut story = commanded();
    reports(story.at(14), 2, done(1));
    let key = Key::Command(story.id(0), 1);
    story.tampers(&key, |item| drop(item.insert(A::Ending, "failed".into())));
    assert_eq!(story.found(), [Kind::ResultNotStored], "another result replaces it");
    let mut story = commanded();
    let ended = Ended { at: story.now(), how: Ending::Failed, output: None };
    let update = end(&story.id(0), 1, &ended);
    assert!(story.writes(&update));
    assert_eq!(story.found(), [Kind::ResultNotStored], "nobody reported that");
}

#[test]
fn one_idempotency_key_queues_one_command_and_numbers_count_up_by_one() {
    let mut story = commanded();
    let key = Key::Queued(story.id(0), "k1".parse().expect("a key"));
    story.tampers(&key, |item| drop(item.insert(A::CommandNumber, Value::Number(2))));
    assert_eq!(story.found(), [Kind::KeyNotHonoured]);
    let mut story = commanded();
    let (first, third) = (Key::Command(story.id(0), 1), Key::Command(story.id(0), 3));
    let mut copy = rollcall_core::Item::new();
    story.tampers(&first, |item| copy = item.clone());
    story.tampers(&third, |item| *item = copy);
    assert_eq!(story.found(), [Kind::UntrueAnswer], "there is no command 2");
}

/// What is found at the end, of a node that checks in until then.
fn at_the_end(story: &mut Story, second: u64) -> Vec<Kind> {
    story.at(second - 100).checks_in(device(0), "A", &CheckIn::idle(9));
    story.at(second).ends()
}

#[test]
fn at_the_end_every_command_has_ended_or_expired() {
    let mut story = commanded();
    executes(story.at(13), 1);
    reports(story.at(14), 2, done(1));
    assert_eq!(at_the_end(&mut story, 3_000), [], "{}", story.words());
    assert_eq!(at_the_end(&mut commanded(), 3_000), [Kind::CommandNotEnded]);
    assert_eq!(at_the_end(&mut commanded(), 4_000), [], "it has expired");
    let mut story = commanded();
    executes(story.at(13), 1);
    assert_eq!(at_the_end(&mut story, 4_000), [Kind::ResultNotStored], "it has expired, and was executed");
}

#[test]
fn a_command_that_is_open_does_not_count_as_over_and_the_counts_go_forward() {
    let over = |count: u64| {
        let mut story = commanded();
        story.tampers_with(0, &[(A::CommandsOver, Some(Value::Number(count)))]);
        story.found()
    };
    assert_eq!(over(0), []);
    assert_eq!(over(1), [Kind::CommandNotEnded]);
    assert_eq!(over(2), [Kind::WentBack, Kind::CommandNotEnded], "only one was queued");
    let mut story = commanded();
    story.tampers_with(0, &[(A::CommandsQueued, Some(Value::Number(0)))]);
    assert_eq!(story.found(), [Kind::WentBack]);
}
