use rollcall_core::{Attribute, Outcome, Timestamp, Update};
use serde_json::{Value, json};

use super::*;
use crate::console::conditions::on_every_route::asked;
use crate::console::endpoints::tests::{Tested, console};
use crate::documents::Documents;
use crate::webhook_url::PrivateAddresses;

const CONFIG: &str = "/v1/nodes/ap-1/config";

fn ask(console: &Tested, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let answer = asked(console, method, path, &[], body);
    let body = answer.body.as_deref().map_or(Value::Null, |body| serde_json::from_str(body).expect("JSON"));
    (answer.status_code, body)
}

/// A console with a node at a site, which these documents were set for one after the other.
fn with_versions(channels: &[u32]) -> Tested {
    let console = console(PrivateAddresses::Refused);
    assert_eq!(ask(&console, "PUT", "/v1/nodes/ap-1", Some(json!({"site": "hq"}))).0, 200);
    for channel in channels {
        assert_eq!(ask(&console, "PUT", CONFIG, Some(json!({"channel": channel}))).0, 200);
    }
    console
}

/// The node reports this on a version.
fn reports(console: &Tested, version: u64, state: &str) {
    let mut changes = vec![
        rollcall_core::Change::Set(Attribute::ConfigVersion, version.into()),
        rollcall_core::Change::Set(Attribute::ConfigState, state.into()),
    ];
    if state != "rejected" {
        changes.push(rollcall_core::Change::Set(Attribute::AppliedVersion, version.into()));
    }
    let key = Key::Node("ap-1".parse().expect("an id"));
    let update = Update { key, clauses: vec![], already_applied: rollcall_core::Guard::NEVER, changes };
    assert!(matches!(console.store.apply(&update), Outcome::Applied { .. }));
}

fn roll_back(console: &Tested, body: Value) -> (u16, Value) {
    ask(console, "POST", &format!("{CONFIG}/rollback"), Some(body))
}

#[test]
fn the_versions_say_when_they_were_set_by_whom_and_what_became_of_them() {
    let console = with_versions(&[1, 2]);
    reports(&console, 2, "applied");
    for channel in [3, 4] {
        assert_eq!(ask(&console, "PUT", CONFIG, Some(json!({"channel": channel}))).0, 200);
    }
    reports(&console, 4, "rejected");
    assert_eq!(ask(&console, "DELETE", CONFIG, None).0, 200);
    assert_eq!(ask(&console, "PUT", "/v1/sites/hq/config", Some(json!({"channel": 6}))).0, 200);
    let (status, list) = ask(&console, "GET", &format!("{CONFIG}/versions"), None);
    let shown = |version: &Value| {
        let text = |name: &str| version[name].as_str().expect("text").to_owned();
        (version["version"].as_u64().expect("a number"), text("state"), version["runs"] == true, text("origin"))
    };
    let listed: Vec<_> = list["versions"].as_array().expect("a list").iter().map(shown).collect();
    let expected = [
        (6, "pending", false, "site"),
        (5, "unset", false, "node"),
        (4, "rejected", false, "node"),
        (3, "superseded", false, "node"),
        (2, "applied", true, "node"),
        (1, "superseded", false, "node"),
    ];
    let expected = expected.map(|(version, state, runs, origin)| (version, state.to_owned(), runs, origin.to_owned()));
    assert_eq!((status, &listed[..]), (200, &expected[..]));
    for version in list["versions"].as_array().expect("a list") {
        assert_eq!(version["set_at_ms"], 1_800_000_000_000_u64, "{version}");
        assert!(version["actor"].as_str().is_some_and(|actor| !actor.is_empty()), "{version}");
        assert_eq!(version["sha256"].is_null(), version["state"] == "unset", "{version}");
        assert_eq!(version.get("document"), None, "a list has no documents");
    }
}

#[test]
fn a_version_is_shown_with_its_document_and_any_two_are_compared() {
    let console = with_versions(&[1, 2, 3]);
    let (status, version) = ask(&console, "GET", &format!("{CONFIG}/versions/1"), None);
    assert_eq!((status, &version["document"]), (200, &json!({"channel": 1})));
    let (status, compared) = ask(&console, "GET", &format!("{CONFIG}/difference?from=3&to=1"), None);
    let edits = json!([{"op": "replace", "path": "/channel", "value": 1}]);
    assert_eq!((status, &compared["difference"]), (200, &edits));
    assert_eq!((&compared["from"]["version"], &compared["to"]["version"]), (&json!(3), &json!(1)));
    for (path, code) in [
        ("versions/4", "unknown-version"),
        ("versions/0", "invalid-parameter"),
        ("versions/01", "invalid-parameter"),
        ("difference?from=1", "invalid-parameter"),
        ("difference?from=1&to=9", "unknown-version"),
    ] {
        assert_eq!(ask(&console, "GET", &format!("{CONFIG}/{path}"), None).1["code"], code, "{path}");
    }
}

#[test]
fn a_rollback_is_a_new_version_with_the_last_other_document_or_that_of_the_version_that_is_named() {
    let console = with_versions(&[1, 2, 1, 2]);
    let (status, back) = roll_back(&console, json!({}));
    assert_eq!((status, &back["from"], &back["to"], &back["version"]), (200, &json!(4), &json!(3), &json!(5)));
    assert_eq!(ask(&console, "GET", CONFIG, None).1["document"], json!({"channel": 1}));
    let (status, dry) = ask(&console, "POST", &format!("{CONFIG}/rollback?dry_run=true"), Some(json!({"to": 2})));
    assert_eq!((status, &dry["to"], &dry["version"], dry.get("delivery")), (200, &json!(2), &json!(6), None));
    assert_eq!(ask(&console, "GET", CONFIG, None).1["desired"]["version"], 5, "nothing was changed");
    assert_eq!(roll_back(&console, json!({"to": 2})).1["version"], 6);
    let same = roll_back(&console, json!({"to": 4})).1;
    assert_eq!((&same["version"], &same["delivery"]), (&json!(6), &json!("unchanged")), "it is desired already");
    assert_eq!(roll_back(&console, json!({"to": 99})).1["code"], "unknown-version");
    assert_eq!(roll_back(&with_versions(&[1]), json!({})).1["code"], "no-earlier-version");
    assert_eq!(roll_back(&with_versions(&[]), json!({})).1["code"], "no-earlier-version");
}

#[test]
fn an_unset_node_is_told_nothing_and_a_rollback_brings_back_what_was_desired() {
    let console = with_versions(&[1]);
    reports(&console, 1, "applied");
    let (status, unset) = ask(&console, "DELETE", CONFIG, None);
    let expected = json!({"node": "ap-1", "version": 2, "changed": true, "applied": 1});
    assert_eq!((status, &unset), (200, &expected));
    let view = ask(&console, "GET", CONFIG, None).1;
    assert_eq!(
        (&view["desired"], &view["status"], &view["applied"]["version"]),
        (&Value::Null, &json!("none"), &json!(1))
    );
    let again = ask(&console, "DELETE", CONFIG, None).1;
    assert_eq!((&again["version"], &again["changed"]), (&json!(2), &json!(false)));
    assert_eq!(roll_back(&console, json!({"to": 2})).1["code"], "unknown-version", "it has no document");
    let back = roll_back(&console, json!({})).1;
    assert_eq!((&back["from"], &back["to"], &back["version"]), (&json!(2), &json!(1), &json!(3)));
}

#[test]
fn a_version_whose_document_is_gone_is_told_to_be_gone() {
    let mut console = with_versions(&[1, 2]);
    let sha256 = ask(&console, "GET", &format!("{CONFIG}/versions/1"), None).1["sha256"].as_str().map(str::to_owned);
    let _ = console.store.forget(&Key::Document(sha256.expect("a hash")));
    console.documents = Documents::default();
    let gone = (410, json!("document-gone"));
    let answers = [
        ask(&console, "GET", &format!("{CONFIG}/versions/1"), None),
        ask(&console, "GET", &format!("{CONFIG}/difference?from=2&to=1"), None),
        roll_back(&console, json!({})),
    ];
    for (status, body) in answers {
        assert_eq!((status, body["code"].clone()), gone, "{body}");
    }
    assert_eq!(ask(&console, "GET", &format!("{CONFIG}/versions"), None).0, 200, "it is still listed");
}

#[test]
fn a_site_keeps_what_nodes_have_of_their_own_says_which_and_replaces_it_when_it_is_told_to() {
    let console = with_versions(&[1]);
    assert_eq!(ask(&console, "PUT", "/v1/nodes/ap-2", Some(json!({"site": "hq"}))).0, 200);
    let (status, set) = ask(&console, "PUT", "/v1/sites/hq/config", Some(json!({"channel": 9})));
    assert_eq!((status, &set["pending"], &set["kept"]), (200, &json!(1), &json!(1)));
    assert_eq!((&set["kept_nodes"], &set["failed"]), (&json!(["ap-1"]), &json!([])));
    let set = ask(&console, "PUT", "/v1/sites/hq/config?replace=true", Some(json!({"channel": 9}))).1;
    assert_eq!((&set["pending"], &set["unchanged"], &set["kept"]), (&json!(1), &json!(1), &json!(0)));
    let set = ask(&console, "PUT", "/v1/sites/hq/config", Some(json!({"channel": 10}))).1;
    assert_eq!((&set["pending"], &set["kept"]), (&json!(2), &json!(0)), "both are the site's now");
    let back = roll_back(&console, json!({})).1;
    assert_eq!(back["to"], 2);
    let desired = ask(&console, "GET", CONFIG, None).1["desired"].clone();
    assert_eq!((&desired["version"], &desired["origin"]), (&json!(4), &json!("site")), "as it was set then");
}

#[test]
fn an_actor_with_a_long_name_is_shown_with_it() {
    let arn = "arn:aws:sts::123456789012:assumed-role/Monolith/i-0123456789abcdef0";
    let actor = Actor::named(arn);
    let console = with_versions(&[1]);
    assert!(matches!(console.store.apply(&actor.keep().expect("it is long")), Outcome::Applied { .. }));
    let node: NodeId = "ap-1".parse().expect("an id");
    let mut stored = Node::read(&console.store.get(&Key::Node(node.clone())).expect("an item")).expect("readable");
    stored.config_version = 2;
    let setting = rollcall_core::Setting { at: Timestamp(5), by: Some(actor.stored()) };
    assert!(matches!(console.store.apply(&rollcall_core::remember(&node, &stored, &setting)), Outcome::Applied { .. }));
    let list = ask(&console, "GET", &format!("{CONFIG}/versions"), None).1;
    assert_eq!(list["versions"][0]["actor"], arn, "{list}");
}
