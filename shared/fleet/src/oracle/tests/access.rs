use rollcall_core::{Amending, Attribute as A, CredentialVersion, Value, amend, revoke};
use rollcall_wire::{ByeReason, CheckIn, ConfigNews, ServerMessage};
use serde_json::json;

use super::Story;
use super::story::{START, ack, device};
use crate::observation::Seen;
use crate::plan::{Ask, What};
use crate::violation::ViolationKind as Kind;

fn connected() -> Story {
    let mut story = Story::new();
    story.at(1).registers(0).starts(device(0)).connects(device(0), "A").checks_in(device(0), "A", &CheckIn::idle(1));
    story
}

/// The node is revoked at second 10, and the application is told so.
fn revoked(story: &mut Story) {
    let request = story.at(10).asks(&Ask::Revoke { node: 0 });
    let update = revoke(&story.id(0));
    assert!(story.writes(&update));
    story.answered(&request, 204, serde_json::Value::Null);
}

/// The node's credential version is raised to 2 at second 10, and the application is told so.
fn raised(story: &mut Story) {
    let request = story.at(10).asks(&Ask::RaiseCredentials { node: 0, token_after_ms: None });
    let amending = Amending { credentials: Some(CredentialVersion(2)), ..Amending::default() };
    let update = amend(&story.id(0), &amending);
    assert!(story.writes(&update));
    story.answered(&request, 200, json!({"credential_version": 2}));
}

fn closes(story: &mut Story, connection: &str) {
    let bye = ServerMessage::Bye { reason: ByeReason::Revoked, retry_after_s: None };
    let connection: rollcall_core::ConnectionId = connection.parse().expect("an id");
    story.sees(Seen::Pushed { connection: connection.clone(), message: bye, delivered: true });
    story.sees(Seen::ClosedByCloud { connection, code: 1000 });
    story.disconnects(device(0), "A");
}

#[test]
fn a_revoked_node_is_told_so_and_disconnected() {
    for refuses in [revoked, raised] {
        let mut story = connected();
        refuses(&mut story);
        closes(story.at_ms(10_900), "A");
        story.at(20).says(device(0), Some("A"), &CheckIn::idle(2));
        story.answers(0, 20, ServerMessage::Bye { reason: ByeReason::Revoked, retry_after_s: None });
        story.is_right();
    }
}

#[test]
fn a_revoked_node_that_is_still_connected_a_second_later_is_a_violation() {
    for refuses in [revoked, raised] {
        let mut story = connected();
        refuses(&mut story);
        closes(story.at_ms(11_100), "A");
        assert_eq!(story.found(), [Kind::RevokedConnected], "{}", story.words());
    }
}

#[test]
fn a_node_is_disconnected_later_while_pushes_are_lost_or_its_handshake_goes_on() {
    let mut story = Story::with(&[(5_000, What::PushesLost { for_ms: 5_000 })], |_| {});
    story.at(1).registers(0).connects(device(0), "A");
    revoked(&mut story);
    story.at(60).sees(Seen::Hit { fault: "pushes-lost" });
    story.is_right();
    let mut story = connected();
    let request = story.at(10).asks(&Ask::Revoke { node: 0 });
    story.at(11).connects(device(0), "B").vanishes(device(0), "A");
    let update = revoke(&story.id(0));
    assert!(story.writes(&update));
    story.answered(&request, 204, serde_json::Value::Null);
    story.at(20).sees(Seen::Hit { fault: "none" });
    story.is_right();
}

#[test]
fn a_revoked_node_learns_nothing_on_a_message_that_came_after_the_revocation() {
    let news = || ServerMessage::Config(ConfigNews { version: 1, sha256: "00".to_owned(), document: None });
    for refuses in [revoked, raised] {
        let mut story = connected();
        refuses(&mut story);
        closes(&mut story, "A");
        story.at(11).answers(0, 9, ServerMessage::Ack(ack(2)));
        story.is_right();
        story.at(30).answers(0, 11, ServerMessage::Ack(ack(2)));
        story.is_right();
        let firmware = Some(rollcall_wire::FirmwareNews { version: "2.1".to_owned() });
        story.answers(0, 11, ServerMessage::Ack(rollcall_wire::Ack { firmware, ..ack(2) }));
        assert_eq!(story.found(), [Kind::RevokedServed], "it is told news");
        story.answers(0, 11, news());
        assert!(story.found().contains(&Kind::RevokedServed));
    }
    let mut story = connected();
    revoked(&mut story);
    let (node, began) = (story.id(0), rollcall_core::Timestamp(START + 10_500));
    closes(&mut story, "A");
    story.sees(Seen::Served { node, credentials: 1, began, sha256: None, status: 200 });
    assert_eq!(story.found(), [Kind::RevokedServed], "nor by HTTP");
}

#[test]
fn a_revoked_node_is_pushed_nothing_by_a_request_that_began_after_the_revocation() {
    let mut story = connected();
    revoked(&mut story);
    let connection: rollcall_core::ConnectionId = "A".parse().expect("an id");
    closes(&mut story, "A");
    let message = ServerMessage::Reconnect { within_s: 9 };
    story.at(20).sees(Seen::Pushed { connection: connection.clone(), message: message.clone(), delivered: false });
    story.is_right();
    story.at(50).sees(Seen::Pushed { connection, message, delivered: false });
    assert_eq!(story.found(), [Kind::RevokedServed]);
}

#[test]
fn nothing_that_a_refused_node_sends_is_stored() {
    for refuses in [revoked, raised] {
        let mut story = connected();
        refuses(&mut story);
        closes(&mut story, "A");
        story.at(20).says(device(0), Some("A"), &CheckIn::idle(2));
        assert!(!story.stores(0, Some("A"), &CheckIn::idle(2)), "the rules store nothing");
        story.tampers_with(0, &[(A::Seen, Some(Value::Number(START + 20_000))), (A::Seq, Some(Value::Number(2)))]);
        assert_eq!(story.found(), [Kind::RevokedServed], "{}", story.words());
    }
}

#[test]
fn nothing_is_asked_of_a_revoked_node_and_no_connection_of_it_is_let_in() {
    let mut story = connected();
    revoked(&mut story);
    closes(&mut story, "A");
    story.at(20).tampers_with(0, &[(A::CommandsQueued, Some(Value::Number(1)))]);
    assert_eq!(story.found(), [Kind::RevokedServed]);
    let mut story = connected();
    raised(&mut story);
    closes(&mut story, "A");
    story.at(20).shakes(device(0), "B", 1);
    let connects = [
        (A::Connection, Some("B".into())),
        (A::OpenedAt, Some(Value::Number(START + 20_000))),
        (A::ClosedAt, None),
        (A::ConnectionCredentials, Some(Value::Number(1))),
    ];
    story.tampers_with(0, &connects);
    assert_eq!(story.found(), [Kind::RevokedServed]);
}

#[test]
fn a_node_with_a_new_token_is_let_back_in_and_credential_versions_go_forward_only() {
    let mut story = connected();
    revoked(&mut story);
    closes(&mut story, "A");
    raised(&mut story);
    story.at(20).sees(Seen::Token { who: device(0), credentials: 2 }).connects_with(device(0), "B", 2);
    story.is_right();
    story.tampers_with(0, &[(A::CredentialVersion, Some(Value::Number(1)))]);
    assert_eq!(story.found(), [Kind::WentBack]);
}

#[test]
fn a_connection_that_was_replaced_is_closed() {
    let mut story = connected();
    story.at(10).connects(device(0), "B");
    story.at(11).vanishes(device(0), "A");
    story.at(60).sees(Seen::Hit { fault: "none" });
    story.is_right();
    story.at(70).connects(device(0), "C");
    story.at(84).sees(Seen::Hit { fault: "none" });
    story.is_right();
    story.at(86).sees(Seen::Hit { fault: "none" });
    assert_eq!(story.found(), [Kind::NotTheHolder]);
    assert!(story.words().contains("is still connected by B"), "{}", story.words());
}
