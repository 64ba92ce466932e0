use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use super::*;
use crate::console::endpoints::tests::{Tested, ask, console};
use crate::webhook_url::PrivateAddresses;

const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

fn with_node() -> Tested {
    let console = console(PrivateAddresses::Refused);
    assert_eq!(ask(&console, "PUT", "/v1/nodes/ap-1", Some(json!({"model": "ax-2"}))).0, 200);
    for version in ["2.9", "2.10", "nightly"] {
        assert_eq!(add(&console, version, "s").0, 201);
    }
    console
}

fn add(console: &Tested, version: &str, signature: &str) -> (u16, Value) {
    let image = json!({"object_key": version, "size": 7, "sha256": SHA256, "signature": signature});
    ask(console, "PUT", &format!("/v1/firmware/ax-2/{version}"), Some(image))
}

fn set(console: &Tested, spec: Value) -> (u16, Value) {
    ask(console, "PUT", "/v1/models/ax-2", Some(spec))
}

fn want(console: &Tested, version: &str) -> (u16, Value) {
    ask(console, "PUT", "/v1/nodes/ap-1/firmware", Some(json!({"version": version})))
}

fn vendor(seed: u8) -> (SigningKey, String) {
    let vendor = SigningKey::from_bytes(&[seed; 32]);
    let public = data_encoding::BASE64.encode(vendor.verifying_key().as_bytes());
    (vendor, public)
}

fn signed(vendor: &SigningKey, version: &str) -> String {
    let statement = format!("rollcall firmware 1\nax-2\n{version}\n{SHA256}\n");
    data_encoding::BASE64.encode(&vendor.sign(statement.as_bytes()).to_bytes())
}

#[test]
fn settings_are_shown_as_they_were_set_and_what_is_left_out_holds_no_more() {
    let console = console(PrivateAddresses::Refused);
    let none = json!({"model": "ax-2", "minimum_version": null, "public_key": null, "signature_required": false});
    assert_eq!(ask(&console, "GET", "/v1/models/ax-2", None), (200, none.clone()));
    let (_, key) = vendor(1);
    let all = json!({"minimum_version": "2.4.0", "public_key": key, "signature_required": true});
    let (status, shown) = set(&console, all);
    assert_eq!((status, &shown["minimum_version"], &shown["public_key"]), (200, &json!("2.4.0"), &json!(key)));
    assert_eq!(ask(&console, "GET", "/v1/models/ax-2", None), (200, shown));
    assert_eq!(set(&console, json!({})), (200, none));
}

#[test]
fn a_patch_changes_what_it_names_and_is_judged_with_what_stays() {
    let console = console(PrivateAddresses::Refused);
    let (_, key) = vendor(1);
    let patch = |change: Value| ask(&console, "PATCH", "/v1/models/ax-2", Some(change));
    let shown = |minimum: Value, key: Value, is_required: bool| json!({"model": "ax-2", "minimum_version": minimum, "public_key": key, "signature_required": is_required});
    let alone = patch(json!({"signature_required": true}));
    assert_eq!((alone.0, &alone.1["code"]), (400, &json!("invalid-body")), "nothing verifies signatures");
    assert_eq!(patch(json!({"public_key": key})), (200, shown(Value::Null, json!(key), false)));
    assert_eq!(patch(json!({"signature_required": true})), (200, shown(Value::Null, json!(key), true)));
    assert_eq!(patch(json!({"minimum_version": "2.4.0"})), (200, shown(json!("2.4.0"), json!(key), true)));
    assert_eq!(patch(json!({"public_key": null})).0, 400, "signatures are required");
    let ended = patch(json!({"public_key": null, "signature_required": null}));
    assert_eq!(ended, (200, shown(json!("2.4.0"), Value::Null, false)));
    assert_eq!(patch(json!({"minimum_version": null})), (200, shown(Value::Null, Value::Null, false)));
    assert_eq!(patch(json!({"minimum": null})).0, 400);
}

#[test]
fn what_is_wrong_with_settings_is_said_with_its_field() {
    let console = console(PrivateAddresses::Refused);
    for (spec, field) in [
        (json!({"minimum_version": ""}), "minimum_version"),
        (json!({"minimum_version": "2 4"}), "minimum_version"),
        (json!({"public_key": "key"}), "public_key"),
        (json!({"public_key": data_encoding::BASE64.encode(&[0; 32])}), "public_key"),
        (json!({"signature_required": true}), "signature_required"),
        (json!({"minimum": "2.4.0"}), "minimum"),
    ] {
        let (status, problem) = set(&console, spec.clone());
        let says = problem["detail"].as_str().is_some_and(|detail| detail.contains(field));
        assert!(status == 400 && problem["code"] == "invalid-body" && says, "{spec}: {problem}");
    }
    assert_eq!(ask(&console, "PUT", "/v1/models/ax%202", Some(json!({}))).0, 400);
    assert_eq!(ask(&console, "GET", "/v1/models", None).1["models"], json!([]));
}

#[test]
fn models_are_listed_by_name_page_after_page() {
    let console = console(PrivateAddresses::Refused);
    for model in ["b", "a", "-", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "C"] {
        let spec = json!({"minimum_version": "1"});
        assert_eq!(ask(&console, "PUT", &format!("/v1/models/{model}"), Some(spec)).0, 200);
    }
    let (mut found, mut cursor) = (vec![], None::<String>);
    loop {
        let mut request = crate::http::Request {
            method: "GET".to_owned(),
            path: "/v1/models".to_owned(),
            query: cursor.iter().map(|cursor| format!("&cursor={cursor}")).fold("limit=2".to_owned(), |q, c| q + &c),
            ..Default::default()
        };
        request.headers.insert("authorization", "Bearer r".parse().expect("a header"));
        let answer = futures_util::FutureExt::now_or_never(console.handle(&request)).expect("nothing waits");
        let page: ModelPage = serde_json::from_str(answer.body.as_deref().expect("a body")).expect("a page");
        assert!(page.models.len() <= 2);
        found.extend(page.models.into_iter().map(|view| view.model));
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    // The range between the bounds leaves the least of all names out, which no model of a vendor has.
    assert_eq!(found, ["-", "C", "a", "b", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"]);
}

#[test]
fn a_change_is_told_once_with_what_was_what_is_and_who_made_it() {
    let console = console(PrivateAddresses::Refused);
    set(&console, json!({"minimum_version": "2.4.0"}));
    set(&console, json!({"minimum_version": "2.4.0"}));
    let (status, page) = ask(&console, "GET", "/v1/events", None);
    let events = page["events"].as_array().expect("events");
    assert_eq!((status, events.len()), (200, 1), "{page}");
    let event = &events[0];
    let none = json!({"minimum_version": null, "public_key": null, "signature_required": false});
    let is = json!({"minimum_version": "2.4.0", "public_key": null, "signature_required": false});
    let actor = format!("key-{}", &rollcall_wire::sha256("w")[..8]);
    assert_eq!((&event["type"], &event["subject"]), (&json!("model.changed"), &json!("ax-2")));
    assert_eq!((&event["data"], &event["actor"]), (&json!({"was": none, "is": is}), &json!(actor)));
}

#[test]
fn no_version_below_the_minimum_can_be_desired_of_a_node_or_imported() {
    let console = with_node();
    assert_eq!(want(&console, "2.9").0, 200);
    set(&console, json!({"minimum_version": "2.10"}));
    for version in ["2.9", "nightly"] {
        let (status, problem) = want(&console, version);
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 409 && problem["code"] == "below-minimum", "{problem}");
        assert!(detail.contains("ax-2") && detail.contains("2.10") && detail.contains(version), "{detail}");
    }
    assert_eq!(want(&console, "2.10").0, 200);
    for dry_run in ["true", "false"] {
        let mut request = crate::http::Request {
            method: "POST".to_owned(),
            path: "/v1/nodes:import".to_owned(),
            query: format!("dry_run={dry_run}"),
            body: Some(json!([{"node": "ap-1", "firmware": "2.9"}]).to_string()),
            ..Default::default()
        };
        request.headers.insert("authorization", "Bearer w".parse().expect("a header"));
        let answer = futures_util::FutureExt::now_or_never(console.handle(&request)).expect("nothing waits");
        let results: Value = serde_json::from_str(answer.body.as_deref().expect("a body")).expect("JSON");
        assert_eq!((&results[0]["status"], &results[0]["problem"]["code"]), (&json!(409), &json!("below-minimum")));
    }
    let (_, node) = ask(&console, "GET", "/v1/nodes/ap-1", None);
    assert_eq!(node["desired_firmware"], "2.10");
    set(&console, json!({"minimum_version": "2.9"}));
    assert_eq!(want(&console, "2.9").0, 200, "whoever lowers the minimum may go back");
}

#[test]
fn an_image_is_refused_unless_the_key_of_its_model_verifies_its_signature_where_that_is_required() {
    let console = with_node();
    let ((ours, key), (theirs, _)) = (vendor(1), vendor(2));
    set(&console, json!({"public_key": key}));
    assert_eq!(add(&console, "3.0", "anything").0, 201, "a key alone requires nothing");
    set(&console, json!({"public_key": key, "signature_required": true}));
    for signature in ["anything", &signed(&theirs, "3.1"), &signed(&ours, "3.2")] {
        let (status, problem) = add(&console, "3.1", signature);
        assert!(status == 400 && problem["code"] == "unproven-signature", "{problem}");
        assert_eq!(ask(&console, "GET", "/v1/firmware/ax-2/3.1", None).0, 404);
    }
    let image = json!({"object_key": "3.1", "size": 7, "sha256": SHA256});
    assert_eq!(ask(&console, "PUT", "/v1/firmware/ax-2/3.1", Some(image)).0, 400, "none is none");
    assert_eq!(add(&console, "3.1", &signed(&ours, "3.1")).0, 201);
    let other = json!({"object_key": "3.1", "size": 7, "sha256": SHA256, "signature": signed(&ours, "3.1")});
    assert_eq!(ask(&console, "PUT", "/v1/firmware/ax-3/3.1", Some(other)).0, 201, "another model requires nothing");
}
