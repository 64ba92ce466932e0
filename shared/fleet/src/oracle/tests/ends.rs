use rollcall_core::{Registration, revoke};
use rollcall_wire::{CheckIn, ServerMessage};

use super::Story;
use super::story::{ack, clone, device};
use crate::observation::Seen;
use crate::plan::Ask;
use crate::violation::ViolationKind as Kind;

fn connected() -> Story {
    let mut story = Story::new();
    story.at(1).registers(0).starts(device(0)).connects(device(0), "A");
    story
}

#[test]
fn a_fleet_that_is_connected_and_checks_in_is_right_at_the_end() {
    let mut story = connected();
    story.starts(device(2));
    story.at(900).checks_in(device(0), "A", &CheckIn::idle(1)).polls(device(2), &CheckIn::idle(1));
    assert_eq!(story.at(1_000).ends(), [], "{}", story.words());
}

#[test]
fn a_node_that_is_not_connected_or_does_not_check_in_at_the_end_is_stuck() {
    let mut story = connected();
    story.at(900).checks_in(device(0), "A", &CheckIn::idle(1)).disconnects(device(0), "A");
    assert_eq!(story.at(1_000).ends(), [Kind::Stuck]);
    assert!(story.words().contains("is not connected at the end"), "{}", story.words());
    let mut story = connected();
    story.at(100).checks_in(device(0), "A", &CheckIn::idle(1));
    assert_eq!(story.at(1_000).ends(), [Kind::Stuck], "its check-in was long ago");
    let mut story = connected();
    story.at(900).says(device(0), Some("A"), &CheckIn::idle(1));
    assert!(story.stores(0, Some("A"), &CheckIn::idle(1)));
    assert_eq!(story.at(1_000).ends(), [Kind::Stuck], "it is not answered");
    let mut story = Story::new();
    story.at(1).starts(device(2)).polls(device(2), &CheckIn::idle(1));
    assert!(story.at(1_000).ends().contains(&Kind::Stuck), "it polls no longer");
}

#[test]
fn a_node_that_is_held_by_a_connection_that_is_not_open_is_stuck() {
    let mut story = connected();
    story.at(900).checks_in(device(0), "A", &CheckIn::idle(1));
    story.at(950).connects(clone(0), "C").vanishes(device(0), "A").vanishes(clone(0), "C");
    assert_eq!(story.at(1_000).ends(), [Kind::Stuck]);
}

#[test]
fn a_node_that_is_off_or_refused_need_not_be_there() {
    let mut story = connected();
    story.at(900).disconnects(device(0), "A").sees(Seen::Stopped { who: device(0), crashed: true });
    assert_eq!(story.at(1_000).ends(), [], "{}", story.words());
    let mut story = connected();
    let update = revoke(&story.id(0));
    assert!(story.at(10).writes(&update));
    story.disconnects(device(0), "A");
    assert_eq!(story.at(1_000).ends(), [], "{}", story.words());
    let mut story = Story::with(&[], |settings| settings.registration = Registration::Closed);
    story.at(1).starts(device(1));
    assert_eq!(story.at(1_000).ends(), [], "it was never registered");
}

#[test]
fn a_refused_node_that_is_connected_at_the_end_is_a_violation() {
    let mut story = connected();
    let update = revoke(&story.id(0));
    assert!(story.at(10).writes(&update));
    assert_eq!(story.at(20_000).ends(), [Kind::RevokedConnected]);
}

#[test]
fn a_run_ends_by_itself_only_if_the_node_is_or_was_refused() {
    let ended = |story: &mut Story| {
        story.sees(Seen::RunEnded { who: device(0), error: Some("the node's credentials were revoked".to_owned()) });
        story.found()
    };
    assert_eq!(ended(connected().at(700)), [Kind::RunEnded]);
    let mut story = connected();
    let update = revoke(&story.id(0));
    assert!(story.at(10).writes(&update));
    assert_eq!(ended(story.at(700)), []);
    let mut story = Story::with(&[], |settings| settings.registration = Registration::Closed);
    assert_eq!(ended(story.at(1).starts(device(0)).at(10)), [], "it is not registered");
    story.at(20).registers(0);
    assert_eq!(ended(story.at(30)), [], "the refusal was on its way");
    assert_eq!(ended(story.at(700)), [Kind::RunEnded]);
}

#[test]
fn a_request_that_was_never_answered_is_a_violation() {
    let mut story = Story::new();
    let request = story.at(1).asks(&Ask::ListSite { site: "site-0".to_owned() });
    story.answered(&request, 503, serde_json::Value::Null);
    assert_eq!(story.at(100).ends(), [Kind::Unanswered]);
}

#[test]
fn where_no_writes_are_seen_what_nodes_see_is_judged() {
    let mut story = Story::new();
    story.at(1).starts(device(0)).shakes(device(0), "A", 1).opens(device(0), "A");
    story.says(device(0), Some("A"), &CheckIn::idle(1)).hears(device(0), Some("A"), ServerMessage::Ack(ack(1)));
    assert_eq!(story.at(300).ends(), [], "{}", story.words());
    assert_eq!(story.at(2_000).ends(), [Kind::Stuck; 2], "it neither checks in nor is answered");
}
