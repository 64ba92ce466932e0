use rollcall_core::{FirmwareVersion, Model, ModelSettings, set_firmware, set_model};
use rollcall_wire::{FirmwareUrl, ServerMessage};
use serde_json::json;

use super::Story;
use super::story::device;
use crate::plan::Ask;
use crate::violation::ViolationKind as Kind;

fn model() -> Model {
    "ax-1".parse().expect("a model")
}

fn version(text: &str) -> FirmwareVersion {
    text.parse().expect("a version")
}

fn minimum(text: Option<&str>) -> ModelSettings {
    ModelSettings { minimum: text.map(version), ..ModelSettings::default() }
}

/// A connected node, and a minimum that is 2.2 from the tenth second on.
fn raised() -> Story {
    let mut story = Story::new();
    story.at(1).registers(0).starts(device(0)).connects(device(0), "A");
    assert!(story.at(10).writes(&set_model(&model(), &minimum(None), &minimum(Some("2.2")))));
    story
}

fn url(version: &str) -> ServerMessage {
    ServerMessage::FirmwareUrl(FirmwareUrl {
        delta: None,
        version: version.to_owned(),
        size: 1,
        sha256: crate::image_sha256("ax-1", version),
        signature: "s".to_owned(),
        url: "https://images.example.com/".to_owned(),
        expires_in_s: 900,
    })
}

#[test]
fn a_version_below_the_minimum_is_given_only_to_who_asked_before_it_was_raised() {
    let given = |began_s: u64, version: &str| {
        let mut story = raised();
        story.at(12).answers(0, began_s, url(version));
        story.found()
    };
    assert_eq!(given(11, "2.1"), [Kind::BelowMinimum]);
    assert_eq!(given(11, "1.0"), [Kind::BelowMinimum], "what the application has never added");
    assert_eq!(given(9, "2.1"), [], "the function may have read the minimum before");
    assert_eq!((given(11, "2.2"), given(11, "2.10")), (vec![], vec![]));
    let mut story = raised();
    assert!(story.at(20).writes(&set_model(&model(), &minimum(Some("2.2")), &minimum(None))));
    story.at(21).answers(0, 19, url("2.1"));
    story.is_right();
}

#[test]
fn a_version_below_the_minimum_is_made_desired_only_by_a_request_that_began_before() {
    let desired = |at_s: u64, of: &str| {
        let mut story = raised();
        let update = set_firmware(&story.id(0), &model(), &version(of));
        assert!(story.at(at_s).writes(&update));
        story.found()
    };
    assert_eq!((desired(60, "2.1"), desired(30, "2.1")), (vec![Kind::BelowMinimum], vec![]));
    assert_eq!((desired(60, "2.2"), desired(60, "2.3")), (vec![], vec![]));
}

#[test]
fn what_the_application_is_told_of_a_minimum_is_true() {
    let refused = |is_raised: bool, version: u32| {
        let mut story = if is_raised { raised() } else { Story::new() };
        story.at(20).registers(0);
        let request = story.asks(&Ask::SetFirmware { node: 0, version });
        story.at(21).answered(&request, 409, json!({"code": "below-minimum"}));
        story.found()
    };
    assert_eq!(refused(true, 1), []);
    assert_eq!([refused(true, 2), refused(false, 1)], [[Kind::UntrueAnswer]; 2]);
    let set = |version: u32| {
        let mut story = raised();
        let request = story.asks(&Ask::SetMinimum { model: "ax-1".to_owned(), version });
        story.at(21).answered(&request, 200, json!({"model": "ax-1"}));
        story.found()
    };
    assert_eq!((set(2), set(3)), (vec![], vec![Kind::UntrueAnswer]));
}
