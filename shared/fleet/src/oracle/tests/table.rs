use rollcall_core::{Attribute as A, Key, Value};
use rollcall_wire::CheckIn;

use super::Story;
use super::story::device;
use crate::observation::Seen;
use crate::violation::ViolationKind as Kind;

fn registered() -> Story {
    let mut story = Story::new();
    story.at(1).registers(0);
    story
}

#[test]
fn an_item_that_is_too_large_or_unreadable_is_a_violation() {
    let mut story = registered();
    story.tampers_with(0, &[(A::Tags, Some("t".repeat(900).as_str().into()))]);
    story.is_right();
    story.tampers_with(0, &[(A::Tags, Some("t".repeat(1_024).as_str().into()))]);
    assert_eq!(story.found(), [Kind::BrokenItem]);
    let mut story = registered();
    story.tampers_with(0, &[(A::Seen, Some("yesterday".into()))]);
    assert_eq!(story.found(), [Kind::BrokenItem]);
    let mut story = registered();
    let key = Key::Command(story.id(0), 1);
    story.tampers(&key, |item| drop(item.insert(A::CommandName, "locate".into())));
    assert_eq!(story.found(), [Kind::BrokenItem]);
}

#[test]
fn an_item_that_was_changed_between_two_writes_is_a_violation() {
    let mut story = registered();
    let key = Key::Node(story.id(0));
    let (before, mut after) = (None, rollcall_core::Item::new());
    after.insert(A::CredentialVersion, Value::Number(1));
    story.sees(Seen::Wrote { key, before, after });
    assert_eq!(story.found(), [Kind::ChangedBehindOurBack]);
}

#[test]
fn an_item_whose_time_to_live_is_over_may_be_gone() {
    let mut story = registered();
    let key = Key::Queued(story.id(0), "k".parse().expect("a key"));
    let item = rollcall_core::Item::from([(A::CommandNumber, Value::Number(1))]);
    for _ in 0..2 {
        story.sees(Seen::Wrote { key: key.clone(), before: None, after: item.clone() });
        story.sees(Seen::Forgotten { key: key.clone() });
    }
    story.is_right();
}

#[test]
fn an_item_that_is_another_one_at_the_end_is_a_violation() {
    let mut story = registered();
    story.starts(device(0)).connects(device(0), "A");
    story.at(100).checks_in(device(0), "A", &CheckIn::idle(1));
    let stored = story.stored(0);
    let missing = |story: &mut Story| story.at(200).ends_with(&|_| None);
    assert_eq!(missing(&mut story), [Kind::ChangedBehindOurBack]);
    let mut story = registered();
    let found = story.at(200).ends_with(&|id| stored.clone().filter(|_| id.as_str() == "ap-0"));
    assert!(found.contains(&Kind::ChangedBehindOurBack));
}
