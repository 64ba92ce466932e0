use rollcall_core::{FirmwareImage, Queueing, cancel, put_firmware, queue, revoke};
use rollcall_wire::{ConfigNews, ServerMessage, sha256};
use serde_json::{Value as Json, json};

use super::Story;
use super::story::device;
use crate::catalogue::node_name;
use crate::observation::Seen;
use crate::plan::{Ask, Match};
use crate::violation::ViolationKind as Kind;

fn registered() -> Story {
    let mut story = Story::new();
    story.at(1).registers(0);
    story
}

fn hash(document: u32) -> String {
    sha256(&crate::document(document))
}

fn writes_config(story: &mut Story, document: u32) {
    story.sets_config(0, document);
}

fn set(version: u64, document: u32, delivery: &str) -> Json {
    json!({"version": version, "sha256": hash(document), "delivery": delivery})
}

/// The n-th document is asked for under a condition; then this happens, and then this is the answer.
fn sets(condition: Option<Match>, happens: impl FnOnce(&mut Story), status: u16, body: Json) -> Vec<Kind> {
    let mut story = registered();
    let first = story.asks(&Ask::SetConfig { node: 0, document: 3, condition: None });
    writes_config(&mut story, 3);
    story.answered(&first, 200, set(1, 3, "pending"));
    let request = story.at(2).asks(&Ask::SetConfig { node: 0, document: 4, condition });
    happens(story.at(3));
    story.at(4).answered(&request, status, body);
    story.found()
}

fn nothing(_: &mut Story) {}

#[test]
fn a_configuration_that_is_said_to_be_set_was_written_before() {
    let written = |story: &mut Story| writes_config(story, 4);
    assert_eq!(sets(None, written, 200, set(2, 4, "pending")), []);
    assert_eq!(sets(None, nothing, 200, set(2, 4, "pending")), [Kind::UntrueAnswer]);
    assert_eq!(sets(None, written, 200, set(3, 4, "pending")), [Kind::UntrueAnswer]);
    assert_eq!(sets(None, nothing, 200, set(1, 3, "unchanged")), [Kind::UntrueAnswer], "that is another document");
    assert_eq!(sets(None, nothing, 302, Json::Null), [Kind::UntrueAnswer]);
}

#[test]
fn a_configuration_that_is_said_to_be_pushed_was_pushed() {
    let pushed = |pushes: bool| {
        let mut story = registered();
        story.connects(device(0), "A");
        let request = story.at(2).asks(&Ask::SetConfig { node: 0, document: 4, condition: None });
        writes_config(&mut story, 4);
        let message = ServerMessage::Config(ConfigNews { version: 1, sha256: hash(4), document: None });
        if pushes {
            story.sees(Seen::Pushed { connection: "A".parse().expect("an id"), message, delivered: true });
        }
        story.answered(&request, 200, set(1, 4, "pushed"));
        story.found()
    };
    assert_eq!((pushed(true), pushed(false)), (vec![], vec![Kind::UntrueAnswer]));
}

#[test]
fn a_condition_holds_if_the_configuration_is_set_and_not_if_it_is_refused() {
    let written = |story: &mut Story| writes_config(story, 4);
    let refused = |current: u64| json!({"code": "version-mismatch", "current_version": current});
    assert_eq!(sets(Some(Match::Current), written, 200, set(2, 4, "pending")), []);
    assert_eq!(sets(Some(Match::Stale), nothing, 412, refused(1)), []);
    assert_eq!(sets(Some(Match::Absent), nothing, 412, refused(1)), []);
    assert_eq!(sets(Some(Match::Stale), written, 200, set(2, 4, "pending")), [Kind::UntrueAnswer], "it names 0");
    assert_eq!(sets(Some(Match::Absent), written, 200, set(2, 4, "pending")), [Kind::UntrueAnswer]);
    assert_eq!(sets(Some(Match::Current), nothing, 412, refused(1)), [Kind::UntrueAnswer], "it was 1 all the time");
    assert_eq!(sets(Some(Match::Stale), nothing, 412, refused(9)), [Kind::UntrueAnswer], "it never was 9");
}

#[test]
fn a_node_that_is_said_to_be_unknown_or_revoked_was_so() {
    let unknown = || json!({"code": "unknown-node"});
    assert_eq!(sets(None, nothing, 404, unknown()), [Kind::UntrueAnswer]);
    assert_eq!(sets(None, nothing, 410, json!({"code": "revoked-node"})), [Kind::UntrueAnswer]);
    let revoked = |story: &mut Story| {
        let update = revoke(&story.id(0));
        assert!(story.writes(&update));
    };
    assert_eq!(sets(None, revoked, 410, json!({"code": "revoked-node"})), []);
    let mut story = Story::new();
    let request = story.at(2).asks(&Ask::Revoke { node: 0 });
    story.answered(&request, 404, unknown());
    story.is_right();
}

#[test]
fn a_node_that_is_said_to_be_revoked_or_registered_is() {
    let mut story = registered();
    let request = story.asks(&Ask::Revoke { node: 0 });
    story.answered(&request, 204, Json::Null);
    assert_eq!(story.found(), [Kind::UntrueAnswer]);
    let mut story = Story::new();
    let request = story.at(1).asks(&Ask::Register { node: 0 });
    story.registers(0).answered(&request, 200, json!({}));
    story.is_right();
    let request = story.at(2).asks(&Ask::Amend { node: 0, site: "site-9".to_owned() });
    story.answered(&request, 200, json!({}));
    assert_eq!(story.found(), [Kind::UntrueAnswer]);
    let request = story.at(2).asks(&Ask::RaiseCredentials { node: 0, token_after_ms: None });
    story.answered(&request, 200, json!({"credential_version": 2}));
    assert_eq!(story.found()[1..], [Kind::UntrueAnswer]);
}

/// Queues a command `name` with the key 7, and returns the answer's body.
fn queues(story: &mut Story, name: &str) -> Json {
    let stored = story.stored(0).expect("registered");
    let (name, key) = (name.parse().expect("a name"), "key-7".parse().expect("a key"));
    let queueing = Queueing { name, args: "{}".to_owned(), expires_in: 60, key, request: "r".to_owned() };
    let (number, updates) = queue(&story.id(0), &stored, 0, &queueing, story.now()).expect("room");
    for update in &updates {
        assert!(story.writes(update));
    }
    json!({"command": number})
}

#[test]
fn a_command_that_is_said_to_be_queued_is_the_one_of_its_idempotency_key() {
    let ask = Ask::Queue { node: 0, key: 7, name: 1, expires_in_s: 60, twice: false };
    let mut story = registered();
    let request = story.asks(&ask);
    let body = queues(&mut story, "scan");
    story.answered(&request, 201, body.clone());
    let again = story.asks(&ask);
    story.answered(&again, 200, body);
    story.is_right();
    let again = story.asks(&ask);
    story.answered(&again, 200, json!({"command": 2}));
    assert_eq!(story.found(), [Kind::UntrueAnswer], "the key has queued command 1");
    let again = story.asks(&ask);
    story.answered(&again, 409, json!({"code": "key-reused"}));
    assert_eq!(story.found()[1..], [Kind::UntrueAnswer], "the same request has used it");
    let mut story = registered();
    let request = story.asks(&ask);
    story.answered(&request, 201, json!({"command": 1}));
    assert_eq!(story.found(), [Kind::UntrueAnswer], "nothing was queued");
}

#[test]
fn a_command_that_is_said_to_be_cancelled_is() {
    let cancels = |cancelled: bool, status: u16| {
        let mut story = registered();
        let request = story.asks(&Ask::Queue { node: 0, key: 7, name: 1, expires_in_s: 60, twice: false });
        let body = queues(&mut story, "scan");
        story.answered(&request, 201, body);
        let request = story.at(2).asks(&Ask::Cancel { node: 0, nth: 0 });
        let update = cancel(&story.id(0), 1, story.now());
        assert!(!cancelled || story.writes(&update));
        story.answered(&request, status, json!({"code": "command-not-queued"}));
        story.found()
    };
    assert_eq!(cancels(true, 204), []);
    assert_eq!([cancels(false, 204), cancels(false, 409), cancels(false, 404)], [[Kind::UntrueAnswer]; 3]);
}

#[test]
fn firmware_that_is_said_to_be_described_or_desired_or_unknown_is() {
    let add = |described: bool, wrong_hash: bool, status: u16| {
        let mut story = registered();
        let request = story.asks(&Ask::AddFirmware { model: "ax-1".to_owned(), version: 1, wrong_hash });
        let image = FirmwareImage {
            object_key: "k".to_owned(),
            size: 1,
            sha256: crate::image_sha256("ax-1", "2.1"),
            signature: "s".to_owned(),
        };
        let (model, version) = ("ax-1".parse().expect("a model"), "2.1".parse().expect("a version"));
        assert!(!described || story.writes(&put_firmware(&model, &version, &image)));
        story.answered(&request, status, json!({"code": "firmware-differs"}));
        let desired = story.asks(&Ask::SetFirmware { node: 0, version: 1 });
        story.answered(&desired, 404, json!({"code": "unknown-firmware"}));
        story.found()
    };
    assert_eq!(add(true, false, 201), [Kind::UntrueAnswer], "the version is known, and said to be unknown");
    assert_eq!(add(false, false, 201), [Kind::UntrueAnswer], "it was never described");
    assert_eq!(add(false, true, 409), [Kind::UntrueAnswer]);
    assert_eq!(add(true, true, 409), [Kind::UntrueAnswer], "only the 404 is wrong");
    let mut story = registered();
    let request = story.asks(&Ask::SetFirmware { node: 0, version: 1 });
    story.answered(&request, 200, json!({"version": "2.1", "delivery": "pending"}));
    assert_eq!(story.found(), [Kind::UntrueAnswer]);
}

fn view(site: &str, online: bool) -> Json {
    json!({
        "node": "ap-0", "presence": {"state": if online { "online" } else { "offline" }, "since_ms": null, "reason": "connected"},
        "online": online, "since_ms": null, "last_seen_ms": null, "last_check_in_ms": null,
        "connection": null, "polling": false, "site": site, "model": "ax-1", "tags": [], "credential_version": 1,
        "name": node_name("ap-0"), "labels": {"plan": "site-0"},
        "revoked": false, "firmware": null, "desired": null, "reported": null, "config": "none",
        "desired_firmware": null, "update": null, "firmware_update": "none", "open_commands": 0, "takeovers": null,
        "health": null, "budget": null
    })
}

#[test]
fn a_node_is_shown_as_it_is() {
    let shows = |body: Json| {
        let mut story = registered();
        let request = story.asks(&Ask::Show { node: 0 });
        story.answered(&request, 200, body);
        (story.found(), story.words())
    };
    assert_eq!(shows(view("site-0", false)).0, []);
    assert_eq!(shows(view("site-7", false)).0, [Kind::UntrueAnswer]);
    for (field, other) in [("name", json!("Lobby")), ("labels", json!({})), ("labels", json!({"plan": "site-7"}))] {
        let mut misnamed = view("site-0", false);
        misnamed[field] = other;
        assert_eq!(shows(misnamed).0, [Kind::UntrueAnswer], "{field}");
    }
    let mut nameless = view("site-0", false);
    (nameless["name"], nameless["labels"]) = (Json::Null, json!({}));
    assert_eq!(shows(nameless.clone()).0, [], "nobody has named it yet, as far as is known");
    let mut story = registered();
    let request = story.at(2).asks(&Ask::Register { node: 0 });
    story.answered(&request, 200, view("site-0", false));
    let request = story.at(3).asks(&Ask::Show { node: 0 });
    story.answered(&request, 200, nameless);
    assert_eq!(story.found(), [Kind::UntrueAnswer], "it was registered with a name");
    assert!(shows(json!({})).1.contains("can't be read"));
}

#[test]
fn a_list_has_every_node_of_its_site() {
    let lists = |at: u64, nodes: Json| {
        let mut story = registered();
        let request = story.at(at).asks(&Ask::ListSite { site: "site-0".to_owned() });
        story.answered(&request, 200, json!({ "nodes": nodes }));
        story.found()
    };
    assert_eq!(lists(60, json!([view("site-0", false)])), []);
    assert_eq!(lists(5, json!([])), [], "the index may be late");
    assert_eq!(lists(60, json!([])), [Kind::UntrueAnswer]);
}

#[test]
fn a_site_s_configuration_is_set_for_every_node_of_it() {
    let sets = |writes: bool, failed: Json| {
        let mut story = registered();
        let request = story.at(60).asks(&Ask::SetSiteConfig { site: "site-0".to_owned(), document: 4 });
        if writes {
            writes_config(&mut story, 4);
        }
        story.answered(&request, 200, json!({ "pushed": 0, "pending": 1, "unchanged": 0, "failed": failed }));
        story.found()
    };
    assert_eq!(sets(true, json!([])), []);
    assert_eq!(sets(false, json!([{"node": "ap-0", "status": 410}])), []);
    assert_eq!(sets(false, json!([])), [Kind::UntrueAnswer]);
}

#[test]
fn a_node_keeps_what_was_set_for_it_alone_and_no_other_is_said_to() {
    let keeps = |has_own: bool, named: Json| {
        let mut story = registered();
        if has_own {
            let request = story.at(40).asks(&Ask::SetConfig { node: 0, document: 3, condition: None });
            writes_config(&mut story, 3);
            story.answered(&request, 200, set(1, 3, "pending"));
        }
        let request = story.at(60).asks(&Ask::SetSiteConfig { site: "site-0".to_owned(), document: 4 });
        story.answered(&request, 200, json!({ "pushed": 0, "kept": 1, "kept_nodes": named, "failed": [] }));
        story.found()
    };
    assert_eq!(keeps(true, json!(["ap-0"])), []);
    assert_eq!(keeps(true, json!([])), [], "not all are named");
    assert_eq!(keeps(false, json!(["ap-0"])), [Kind::UntrueAnswer]);
    assert_eq!(keeps(false, json!([])), [Kind::UntrueAnswer]);
}
