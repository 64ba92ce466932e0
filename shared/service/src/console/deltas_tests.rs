use serde_json::{Value, json};

use crate::console::endpoints::tests::{Tested, ask, console};
use crate::webhook_url::PrivateAddresses;

const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// A console that knows images of 100 bytes of these versions of `ax-2`.
fn with_images(versions: &[&str]) -> Tested {
    let console = console(PrivateAddresses::Refused);
    for version in versions {
        let image = json!({"object_key": version, "size": 100, "sha256": SHA256, "signature": "s"});
        assert_eq!(ask(&console, "PUT", &format!("/v1/firmware/ax-2/{version}"), Some(image)).0, 201);
    }
    console
}

fn path(version: &str, from: &str) -> String {
    format!("/v1/firmware/ax-2/{version}/deltas/{from}")
}

fn spec(size: u64) -> Value {
    json!({"object_key": "a.delta", "size": size, "sha256": SHA256})
}

fn add(console: &Tested, version: &str, from: &str, spec: &Value) -> (u16, Value) {
    ask(console, "PUT", &path(version, from), Some(spec.clone()))
}

fn code((status, body): (u16, Value)) -> (u16, String) {
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_delta_is_shown_as_it_was_described_and_never_changes() {
    let console = with_images(&["2.4", "2.5"]);
    assert_eq!(code(ask(&console, "GET", &path("2.5", "2.4"), None)), (404, "unknown-firmware".to_owned()));
    assert_eq!(add(&console, "2.5", "2.4", &spec(7)), (201, spec(7)));
    assert_eq!(add(&console, "2.5", "2.4", &spec(7)), (200, spec(7)), "the same once more");
    assert_eq!(code(add(&console, "2.5", "2.4", &spec(8))), (409, "firmware-differs".to_owned()));
    assert_eq!(ask(&console, "GET", &path("2.5", "2.4"), None), (200, spec(7)));
    assert_eq!(code(ask(&console, "GET", &path("2.4", "2.5"), None)), (404, "unknown-firmware".to_owned()));
    assert_eq!(add(&console, "2.4", "2.5", &spec(9)), (201, spec(9)), "a node may go back");
}

#[test]
fn both_versions_of_a_delta_must_be_known() {
    let console = with_images(&["2.4", "2.5"]);
    for (version, from) in [("2.5", "2.3"), ("2.6", "2.4"), ("2.6", "2.6")] {
        assert_eq!(
            code(add(&console, version, from, &spec(7))),
            (404, "unknown-firmware".to_owned()),
            "{version} {from}"
        );
    }
}

#[test]
fn a_delta_that_saves_nothing_or_is_no_delta_is_refused_with_its_field() {
    let console = with_images(&["2.4", "2.5"]);
    let image = json!({"object_key": "a", "size": 7, "sha256": SHA256, "signature": "s"});
    for (from, spec, field) in [
        ("2.4", spec(100), "size: must be less than the 100 bytes of the image"),
        ("2.4", spec(0), "size: "),
        ("2.5", spec(7), "from: must be another version"),
        ("2.4", json!({"object_key": "", "size": 7, "sha256": SHA256}), "object_key: "),
        ("2.4", json!({"object_key": "a", "size": 7, "sha256": "ab"}), "sha256: "),
        ("2.4", image, "signature"),
    ] {
        let (status, problem) = add(&console, "2.5", from, &spec);
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && problem["code"] == "invalid-body" && detail.contains(field), "{field}: {problem}");
    }
    assert_eq!(add(&console, "2.5", "2.4", &spec(99)).0, 201);
}

#[test]
fn a_version_lists_its_own_deltas_by_the_versions_that_they_are_from() {
    let console = with_images(&["2.3", "2.4", "2.5", "2.5-rc", "2.50"]);
    let shown = || ask(&console, "GET", "/v1/firmware/ax-2/2.5", None).1;
    assert_eq!(shown().get("deltas"), None, "there is none");
    for (version, from, size) in [("2.5", "2.4", 7), ("2.5", "2.3", 9), ("2.50", "2.4", 1), ("2.5-rc", "2.4", 2)] {
        assert_eq!(add(&console, version, from, &spec(size)).0, 201);
    }
    assert_eq!(shown()["deltas"], json!([{"from": "2.3", "size": 9}, {"from": "2.4", "size": 7}]));
}

#[test]
fn the_log_is_told_once_of_a_delta_that_was_added() {
    let console = with_images(&["2.4", "2.5"]);
    for _ in 0..2 {
        add(&console, "2.5", "2.4", &spec(7));
    }
    add(&console, "2.5", "2.4", &spec(8));
    let page = ask(&console, "GET", "/v1/events", None).1;
    let mut events = page["events"].as_array().expect("events").clone();
    events.retain(|event| event["type"] == "firmware.delta_added");
    let [event] = &events[..] else { panic!("{page}") };
    assert_eq!(event["subject"], "ax-2");
    assert_eq!(event["data"], json!({"version": "2.5", "from": "2.4", "sha256": SHA256, "size": 7}));
}
