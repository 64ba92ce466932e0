use rollcall_core::{Attribute as A, FirmwareImage, Key, put_firmware, set_firmware};
use rollcall_wire::{CheckIn, UpdateReport, UpdateStatus};

use super::Story;
use super::story::device;
use crate::observation::Seen;
use crate::plan::Ask;
use crate::violation::ViolationKind as Kind;

/// A connected node that is to run 2.1 of its model.
fn updating() -> Story {
    let mut story = Story::new();
    story.at(1).registers(0).starts(device(0)).connects(device(0), "A");
    let (model, version) = ("ax-1".parse().expect("a model"), "2.1".parse().expect("a version"));
    let image = FirmwareImage {
        object_key: crate::object_key("ax-1", "2.1"),
        size: crate::image("ax-1", "2.1").len() as u64,
        sha256: crate::image_sha256("ax-1", "2.1"),
        signature: "s".to_owned(),
    };
    assert!(story.at(2).writes(&put_firmware(&model, &version, &image)));
    let request = story.asks(&Ask::SetFirmware { node: 0, version: 1 });
    let update = set_firmware(&story.id(0), &model, &version);
    assert!(story.writes(&update));
    story.answered(&request, 200, serde_json::json!({"version": "2.1", "delivery": "pending"}));
    story.at(3);
    story
}

fn installs(story: &mut Story, version: &str, sha256: String, size: u64) {
    story.sees(Seen::Installed { who: device(0), version: version.to_owned(), sha256, size });
}

fn installs_rightly(story: &mut Story) {
    let size = crate::image("ax-1", "2.1").len() as u64;
    installs(story, "2.1", crate::image_sha256("ax-1", "2.1"), size);
}

fn runs(story: &mut Story, firmware: &str) {
    story.sees(Seen::Started { who: device(0), record_was_lost: false });
    story.sees(Seen::Runs { who: device(0), firmware: firmware.to_owned() });
}

fn ends(story: &mut Story, firmware: &str, update: Option<(&str, UpdateStatus)>) -> Vec<Kind> {
    let report = |(version, status): (&str, _)| UpdateReport { version: version.to_owned(), status, detail: None };
    let said = CheckIn { firmware: Some(firmware.to_owned()), update: update.map(report), ..CheckIn::idle(1) };
    story.at(900).checks_in(device(0), "A", &said);
    story.at(1_000).ends()
}

#[test]
fn the_described_image_is_installed_and_runs() {
    let mut story = updating();
    installs_rightly(&mut story);
    runs(&mut story, "2.1");
    assert_eq!(ends(&mut story, "2.1", Some(("2.1", UpdateStatus::Applied))), [], "{}", story.words());
}

#[test]
fn an_image_of_another_hash_or_size_or_of_no_description_is_a_violation() {
    let (sha256, size) = (crate::image_sha256("ax-1", "2.1"), crate::image("ax-1", "2.1").len() as u64);
    for (sha256, size) in [("00".to_owned(), size), (sha256.clone(), size + 1)] {
        let mut story = updating();
        installs(&mut story, "2.1", sha256, size);
        assert_eq!(story.found(), [Kind::WrongImage]);
    }
    let mut story = updating();
    installs(&mut story, "2.2", sha256, size);
    assert!(story.found().starts_with(&[Kind::WrongImage; 2]), "it has no description, and was never desired");
}

#[test]
fn a_description_never_changes() {
    let mut story = updating();
    let key = Key::Firmware("ax-1".parse().expect("a model"), "2.1".parse().expect("a version"));
    story.tampers(&key, |item| drop(item.insert(A::ImageHash, "00".into())));
    assert_eq!(story.found(), [Kind::WrongImage]);
}

#[test]
fn a_version_that_fails_is_not_installed_again_and_again() {
    let mut story = updating();
    for _ in 0..2 {
        installs_rightly(&mut story);
        runs(&mut story, "1.0");
    }
    story.is_right();
    installs_rightly(&mut story);
    assert_eq!(story.found(), [Kind::InstalledAgain]);
}

#[test]
fn a_version_may_be_installed_again_after_a_crash_or_when_it_is_asked_for_again() {
    let mut story = updating();
    story.sees(Seen::Stopped { who: device(0), crashed: true });
    story.asks(&Ask::SetFirmware { node: 0, version: 1 });
    for _ in 0..4 {
        installs_rightly(&mut story);
    }
    story.is_right();
    installs_rightly(&mut story);
    assert_eq!(story.found(), [Kind::InstalledAgain]);
}

#[test]
fn a_node_that_runs_what_it_never_installed_is_a_violation() {
    let mut story = updating();
    runs(&mut story, "2.1");
    assert_eq!(story.found(), [Kind::WrongImage]);
}

#[test]
fn a_node_goes_back_to_the_version_before_until_the_new_one_is_proven() {
    let back = |proven: bool| {
        let mut story = updating();
        installs_rightly(&mut story);
        runs(&mut story, "2.1");
        if proven {
            let event = rollcall_machine::NodeEvent::UpdateApplied { version: "2.1".to_owned() };
            story.sees(Seen::Event { who: device(0), event });
        }
        runs(&mut story, "1.0");
        story.found()
    };
    assert_eq!((back(false), back(true)), (vec![], vec![Kind::WrongImage]));
}

#[test]
fn at_the_end_an_update_is_applied_or_given_up_and_told_truly() {
    let mut story = updating();
    assert_eq!(ends(&mut story, "1.0", Some(("2.1", UpdateStatus::Failed))), [], "{}", story.words());
    assert_eq!(ends(&mut updating(), "1.0", Some(("2.1", UpdateStatus::Downloading))), [Kind::FirmwareNotReported]);
    assert_eq!(ends(&mut updating(), "1.0", None), [Kind::FirmwareNotReported]);
    assert_eq!(
        ends(&mut updating(), "2.1", Some(("2.1", UpdateStatus::Applied))),
        [Kind::FirmwareNotReported],
        "it runs 1.0"
    );
}
