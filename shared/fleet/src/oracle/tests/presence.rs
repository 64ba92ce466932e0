use rollcall_core::{Attribute as A, Node, Presence, Timestamp, Value};
use rollcall_wire::CheckIn;

use super::Story;
use super::story::{START, device};
use crate::oracle::presence::Shown;
use crate::plan::What;
use crate::violation::ViolationKind as Kind;

/// Somebody is shown that the node is online or offline, since this second.
fn shown(story: &mut Story, node: usize, online: bool, since: u64) -> Vec<Kind> {
    let since = Timestamp(START + since * 1000);
    let presence = if online { Presence::Online(since) } else { Presence::Offline(Some(since)) };
    let now = story.now();
    story.shown(&Shown { node, from: now, to: now, presence, is_view: true });
    story.found()
}

fn connected() -> Story {
    let mut story = Story::new();
    story.at(1).connects(device(0), "A").checks_in(device(0), "A", &CheckIn::idle(1));
    story
}

#[test]
fn a_node_with_an_open_connection_is_online() {
    assert_eq!(shown(connected().at(100), 0, true, 1), []);
    let mut story = connected();
    assert_eq!(shown(story.at(100), 0, false, 50), [Kind::WrongPresence]);
    assert!(story.words().contains("was shown as offline"), "{}", story.words());
    assert!(story.words().contains("connection A is open since 1.000 s"), "{}", story.words());
}

#[test]
fn a_node_without_a_connection_is_offline_once_its_grace_period_is_over() {
    let mut story = connected();
    story.at(100).disconnects(device(0), "A");
    assert_eq!(shown(story.at(150), 0, true, 1), [], "in its grace period it may be shown as online");
    assert_eq!(shown(story.at(200), 0, false, 190), []);
    assert_eq!(shown(story.at(200), 0, true, 1), [Kind::WrongPresence]);
}

#[test]
fn a_node_whose_disconnect_was_not_stored_is_offline_soon_after_its_grace_period_all_the_same() {
    let mut story = connected();
    story.at(100).vanishes(device(0), "A");
    assert_eq!(shown(story.at(225), 0, true, 1), []);
    assert_eq!(shown(story.at(240), 0, true, 1), [Kind::WrongPresence], "nothing kept the $disconnect from coming");
}

#[test]
fn while_disconnects_are_lost_a_node_is_offline_after_the_life_of_its_connection_and_the_grace_period() {
    let mut story = Story::with(&[(90_000, What::DisconnectsLost { for_ms: 20_000 })], |_| {});
    story.at(1).connects(device(0), "A").checks_in(device(0), "A", &CheckIn::idle(1));
    story.at(100).vanishes(device(0), "A");
    assert_eq!(shown(story.at(6_690), 0, true, 1), []);
    assert_eq!(shown(story.at(6_700), 0, false, 6_691), []);
    assert_eq!(shown(story.at(6_700), 0, true, 1), [Kind::WrongPresence]);
}

#[test]
fn a_node_that_was_connected_for_a_moment_is_offline_once_its_late_disconnect_is_stored() {
    let mut story = Story::with(&[(90_000, What::DisconnectsLate { for_ms: 20_000, by_ms: 400_000 })], |_| {});
    story.at(1).connects(device(0), "A");
    story.at(100).vanishes(device(0), "A");
    assert_eq!(shown(story.at(400), 0, true, 1), [], "nobody knows yet");
    let closed_at = Some(Value::Number(START + 100_000));
    story.at(500).tampers_with(0, &[(A::ClosedAt, closed_at)]);
    assert_eq!(shown(story.at(507), 0, true, 1), [Kind::WrongPresence]);
}

#[test]
fn a_node_that_was_never_connected_is_offline() {
    assert_eq!(shown(Story::new().at(9), 0, true, 1), [Kind::WrongPresence]);
}

#[test]
fn a_poller_is_online_for_three_intervals() {
    let mut story = Story::new();
    story.at(10).polls(device(2), &CheckIn::idle(1));
    assert_eq!(shown(story.at(890), 2, true, 10), []);
    assert_eq!(shown(story.at(917), 2, false, 910), []);
    let mut early = Story::new();
    early.at(10).polls(device(2), &CheckIn::idle(1));
    assert_eq!(shown(early.at(890), 2, false, 800), [Kind::WrongPresence]);
    assert_eq!(shown(story.at(917), 2, true, 10), [Kind::WrongPresence]);
}

#[test]
fn a_revoked_node_is_shown_as_offline() {
    let mut story = connected();
    story.at(50).registers(0);
    let revoke = rollcall_core::revoke(&story.id(0));
    assert!(story.at(51).writes(&revoke));
    assert_eq!(shown(story.at(60), 0, true, 1), [Kind::WrongPresence]);
}

#[test]
fn nobody_is_online_or_offline_since_a_time_at_which_it_was_not() {
    assert_eq!(shown(connected().at(100), 0, true, 200), [Kind::WrongPresence], "since later");
    let mut story = connected();
    story.at(100).disconnects(device(0), "A");
    assert_eq!(shown(story.at(300), 0, false, 60), [Kind::WrongPresence], "its connection was open then");
}

#[test]
fn a_wrong_clock_excuses_what_it_may_have_written() {
    let mut story = Story::with(&[(0, What::ClockSkew { host: 0, by_ms: 86_400_000, for_ms: 5_000 })], |_| {});
    story.at(1).connects(device(0), "A");
    assert_eq!(shown(story.at(100), 0, false, 50), []);
}

#[test]
fn an_open_connection_is_not_stored_as_closed() {
    let mut story = connected();
    story.at(100).tampers_with(0, &[(A::ClosedAt, Some(Value::Number(START + 100_000)))]);
    assert_eq!(story.found(), [Kind::WrongPresence]);
    assert!(story.words().contains("connection A stored as closed (None), and it is open at the gateway"));
}

#[test]
fn a_connection_of_a_node_that_was_silent_for_too_long_may_be_open_at_the_gateway_and_no_other_one() {
    for (at, found) in [(6_600, vec![Kind::WrongPresence]), (6_700, vec![])] {
        let mut story = connected();
        let closed = [(A::ClosedAt, Some(Value::Number(START + at * 1_000))), (A::CloseReason, Some("lost".into()))];
        story.at(at).tampers_with(0, &closed);
        assert_eq!(story.found(), found, "lost after {at} s");
    }
}

#[test]
fn an_older_connection_does_not_take_a_node_from_a_newer_one() {
    let mut story = connected();
    story.at(50).connects(device(0), "B");
    story.is_right();
    let older = [(A::Connection, Some("A".into())), (A::OpenedAt, Some(Value::Number(START + 1_000)))];
    story.at(60).tampers_with(0, &older);
    assert_eq!(story.found(), [Kind::NotTheHolder]);
}

#[test]
fn at_the_end_the_table_itself_shows_the_right_presence() {
    let mut story = connected();
    story.at(100).vanishes(device(0), "A");
    let found = story.at(86_400).ends();
    assert_eq!(found, [], "its $disconnect counts as lost");
    let mut story = connected();
    let offline = |node: Node| Node { presence: Presence::Offline(Some(Timestamp(START))), ..node };
    let stored = story.stored(0).map(offline);
    assert!(
        story.at(200).ends_with(&|id| stored.clone().filter(|_| id.as_str() == "ap-0")).contains(&Kind::WrongPresence)
    );
}
