use rollcall_core::{Attribute, Delta, Key, put_delta};
use rollcall_wire::{DeltaUrl, FirmwareUrl, NodeMessage, ServerMessage};
use serde_json::json;

use super::Story;
use super::story::device;
use crate::observation::Seen;
use crate::plan::Ask;
use crate::violation::ViolationKind as Kind;

fn key(version: &str, from: &str) -> Key {
    let [version, from] = [version, from].map(|text| text.parse().expect("a version"));
    Key::Delta("ax-1".parse().expect("a model"), version, from)
}

fn describes(story: &mut Story, version: &str, from: &str, sha256: &str) {
    let Key::Delta(model, to, base) = key(version, from) else { return };
    let delta = Delta { object_key: "d".to_owned(), size: 7, sha256: sha256.to_owned() };
    assert!(story.writes(&put_delta(&model, &to, &base, &delta)));
}

/// A connected node that has asked for 2.2 and has 2.1, and deltas to 2.2 from both versions before.
fn asking() -> Story {
    let mut story = Story::new();
    story.at(1).registers(0).starts(device(0)).connects(device(0), "A");
    describes(&mut story, "2.2", "2.1", "ab");
    describes(&mut story, "2.2", "1.0", "cd");
    describes(&mut story, "2.3", "2.1", "ef");
    let message = NodeMessage::FirmwareUrl { version: "2.2".to_owned(), from: Some("2.1".to_owned()) };
    story.at(2).sees(Seen::Sent { who: device(0), link: Some(0), message });
    story
}

fn given(version: &str, from: &str, sha256: &str, size: u64) -> Vec<Kind> {
    let mut story = asking();
    let delta = DeltaUrl { from: from.to_owned(), size, sha256: sha256.to_owned(), url: "d".to_owned() };
    let url = FirmwareUrl {
        version: version.to_owned(),
        size: 1_000,
        sha256: crate::image_sha256("ax-1", version),
        signature: "s".to_owned(),
        url: "u".to_owned(),
        expires_in_s: 900,
        delta: Some(delta),
    };
    story.at(3).answers(0, 2, ServerMessage::FirmwareUrl(url));
    story.found()
}

#[test]
fn a_node_is_given_the_delta_from_what_it_has_to_what_it_asked_for() {
    assert_eq!(given("2.2", "2.1", "ab", 7), []);
    assert_eq!(given("2.2", "2.1", "cd", 7), [Kind::WrongDelta], "it is the one from 1.0");
    assert_eq!(given("2.2", "2.1", "ab", 8), [Kind::WrongDelta]);
    assert_eq!(given("2.2", "1.0", "cd", 7), [Kind::WrongDelta], "it did not say that it has 1.0");
    assert_eq!(given("2.3", "2.1", "ef", 7), [Kind::WrongDelta], "it asked for 2.2");
}

#[test]
fn the_description_of_a_delta_never_changes() {
    let mut story = asking();
    story.tampers(&key("2.2", "2.1"), |item| drop(item.insert(Attribute::ImageHash, "00".into())));
    assert_eq!(story.found(), [Kind::WrongDelta]);
}

#[test]
fn what_the_application_is_told_of_a_delta_is_true() {
    let model = || "ax-1".to_owned();
    let told = |described: bool, status: u16| {
        let mut story = Story::new();
        story.at(1).registers(0);
        let ask = Ask::AddDelta { model: model(), version: 2, from: 1, fault: None };
        let request = story.asks(&ask);
        if described {
            let sha256 = crate::application::delta("ax-1", (2, 1), None).sha256;
            describes(&mut story, "2.2", "2.1", &sha256);
        }
        story.at(2).answered(&request, status, json!({"code": "unknown-firmware"}));
        story.found()
    };
    assert_eq!((told(true, 201), told(false, 404)), (vec![], vec![]));
    assert_eq!([told(false, 201), told(true, 409)], [[Kind::UntrueAnswer], [Kind::UntrueAnswer]]);
}
