use rollcall_core::{Attribute as A, Value};
use rollcall_machine::NodeEvent;
use rollcall_wire::{CheckIn, ConfigNews, ConfigReport, ConfigStatus, ServerMessage, sha256};

use serde_json::json;

use super::Story;
use super::story::{ack, device};
use crate::observation::{How, Seen};
use crate::plan::Ask;
use crate::violation::ViolationKind as Kind;

/// The n-th document becomes the node's next version.
fn sets(story: &mut Story, document: u32) {
    let request = story.asks(&Ask::SetConfig { node: 0, document, condition: None });
    story.sets_config(0, document);
    let version = story.stored(0).and_then(|node| node.desired).map(|desired| desired.version);
    story.answered(&request, 200, json!({"version": version, "sha256": hash(document), "delivery": "pending"}));
}

fn hash(document: u32) -> String {
    sha256(&crate::document(document))
}

fn news(version: u64, document: u32) -> ConfigNews {
    ConfigNews { version, sha256: hash(document), document: None }
}

fn handed(story: &mut Story, version: u64, document: u32, how: How) {
    story.sees(Seen::Applied { who: device(0), version, sha256: hash(document), how });
}

/// A node whose documents 3, 4 and 5 are its versions 1, 2 and 3.
fn configured() -> Story {
    let mut story = Story::new();
    story.at(1).registers(0).starts(device(0)).connects(device(0), "A");
    for (document, second) in [(3, 10), (4, 20), (5, 30)] {
        sets(story.at(second), document);
    }
    story.at(40);
    story
}

#[test]
fn newer_configurations_may_be_run_one_after_the_other_and_rolled_back() {
    let mut story = configured();
    handed(&mut story, 1, 3, How::Applied);
    handed(&mut story, 3, 5, How::Applied);
    story.sees(Seen::RolledBack { who: device(0), version: 3 });
    story.is_right();
}

#[test]
fn a_node_that_runs_an_older_configuration_than_before_is_a_violation() {
    let mut story = configured();
    handed(&mut story, 3, 5, How::Applied);
    handed(&mut story, 2, 4, How::Applied);
    assert_eq!(story.found(), [Kind::OlderConfig]);
    let mut story = configured();
    handed(&mut story, 2, 4, How::Applied);
    story.sees(Seen::RolledBack { who: device(0), version: 3 });
    assert_eq!(story.found(), [Kind::OlderConfig], "it does not run what it rolls back");
}

#[test]
fn an_older_configuration_is_not_told_on_a_message_that_came_when_a_newer_one_was_desired() {
    let told = |began_s| {
        let mut story = configured();
        let news = news(2, 4);
        story.answers(0, began_s, ServerMessage::Ack(rollcall_wire::Ack { config: Some(news), ..ack(1) }));
        story.found()
    };
    assert_eq!(told(25), [], "version 2 was desired then");
    assert_eq!(told(35), [Kind::OlderConfig]);
}

#[test]
fn a_version_is_the_document_that_was_set_under_it() {
    let mut story = configured();
    story.hears(device(0), Some("A"), ServerMessage::Config(news(2, 4)));
    story.is_right();
    story.hears(device(0), Some("A"), ServerMessage::Config(news(2, 5)));
    handed(&mut story, 4, 5, How::Refused);
    assert_eq!(story.found(), [Kind::WrongDocument; 2]);
    assert!(story.words().contains("that version was never set"), "{}", story.words());
}

#[test]
fn a_document_is_served_only_to_a_node_that_is_to_run_it() {
    let served = |document, began_s: u64| {
        let mut story = configured();
        let (node, began) = (story.id(0), rollcall_core::Timestamp(super::story::START + began_s * 1000));
        let sha256 = Some(hash(document));
        story.sees(Seen::Served { node, credentials: 1, began, sha256, status: 200 });
        story.found()
    };
    assert_eq!([served(5, 35), served(4, 25)], [[]; 2]);
    assert_eq!([served(4, 35), served(9, 35)], [[Kind::WrongDocument]; 2]);
}

#[test]
fn a_document_is_stored_before_a_node_is_to_run_it() {
    let mut story = configured();
    let request = story.asks(&Ask::SetConfig { node: 0, document: 8, condition: None });
    let desires = [(A::DesiredVersion, Some(Value::Number(4))), (A::DesiredHash, Some(hash(8).as_str().into()))];
    story.tampers_with(0, &desires);
    story.answered(&request, 200, json!({"version": 4, "sha256": hash(8), "delivery": "pending"}));
    assert_eq!(story.found(), [Kind::WrongDocument]);
}

#[test]
fn versions_count_up_by_one_and_are_what_somebody_set() {
    let mut story = configured();
    let skips = [(A::DesiredVersion, Some(Value::Number(5))), (A::DesiredHash, Some(hash(4).as_str().into()))];
    story.tampers_with(0, &skips);
    assert_eq!(story.found(), [Kind::UntrueAnswer]);
    let mut story = configured();
    let invents = [(A::DesiredVersion, Some(Value::Number(4))), (A::DesiredHash, Some("00".into()))];
    story.tampers_with(0, &invents);
    assert_eq!(story.found(), [Kind::WrongDocument; 2], "nobody has set or stored it");
}

/// The node checks in so often that it is there at the end.
fn reports_at_the_end(story: &mut Story, version: u64, status: ConfigStatus) -> Vec<Kind> {
    let config = Some(ConfigReport { version, status, detail: None });
    story.at(86_300).checks_in(device(0), "A", &CheckIn { config, ..CheckIn::idle(1) });
    story.at(86_400).ends()
}

#[test]
fn at_the_end_the_desired_configuration_runs_or_is_rejected() {
    let mut story = configured();
    handed(&mut story, 3, 5, How::Applied);
    story.sees(Seen::Event { who: device(0), event: NodeEvent::ConfigApplied { version: 3, substituted: None } });
    assert_eq!(reports_at_the_end(&mut story, 3, ConfigStatus::Applied), [], "{}", story.words());
    assert_eq!(reports_at_the_end(&mut configured(), 3, ConfigStatus::Rejected), []);
}

#[test]
fn a_desired_configuration_that_was_never_reported_on_is_a_violation() {
    assert_eq!(reports_at_the_end(&mut configured(), 2, ConfigStatus::Rejected), [Kind::ConfigNotReported]);
}

#[test]
fn what_a_clone_has_reported_is_not_told_to_a_node_that_never_ran_a_configuration() {
    let mut story = configured();
    story.starts(super::story::clone(0));
    assert_eq!(reports_at_the_end(&mut story, 3, ConfigStatus::Applied), []);
    let mut story = configured();
    handed(&mut story, 1, 3, How::Applied);
    story.starts(super::story::clone(0));
    assert_eq!(
        reports_at_the_end(&mut story, 3, ConfigStatus::Applied),
        [Kind::ConfigNotReported],
        "it reports version 1, and is told version 3"
    );
}

#[test]
fn a_node_that_reports_a_configuration_that_it_does_not_run_is_a_violation() {
    let mut story = configured();
    handed(&mut story, 3, 5, How::Applied);
    story.sees(Seen::RolledBack { who: device(0), version: 3 });
    assert_eq!(reports_at_the_end(&mut story, 3, ConfigStatus::Applied), [Kind::ConfigNotReported]);
    let mut story = configured();
    handed(&mut story, 3, 5, How::Applied);
    story.starts(device(0));
    assert_eq!(
        reports_at_the_end(&mut story, 3, ConfigStatus::Applied),
        [Kind::ConfigNotReported],
        "what was not proven does not run after a restart"
    );
}

#[test]
fn a_document_that_is_deleted_while_a_node_uses_it_is_a_violation() {
    let deletes = |document: u32| {
        let mut story = configured();
        story.sees(Seen::Forgotten { key: rollcall_core::Key::Document(hash(document)) });
        story.found()
    };
    assert_eq!((deletes(5), deletes(4)), (vec![Kind::WrongDocument], vec![]));
    let mut story = configured();
    let mut said = CheckIn::idle(1);
    said.config = Some(ConfigReport { version: 2, status: ConfigStatus::Applied, detail: None });
    story.checks_in(device(0), "A", &said);
    story.at(40 + 5 * 3_600).sees(Seen::Forgotten { key: rollcall_core::Key::Document(hash(4)) });
    assert!(story.found().contains(&Kind::WrongDocument), "{}", story.words());
}
