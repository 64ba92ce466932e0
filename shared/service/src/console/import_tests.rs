use futures_util::FutureExt as _;
use rollcall_core::{Key, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::console::endpoints::tests::{ask, console};
use crate::console::query::Query;
use crate::http::Request;
use crate::webhook_url::PrivateAddresses;

/// What becomes of an import under a condition whose node is changed after it was read.
fn changed_meanwhile(of: &Value, change: (&str, &str, Value)) -> Result<(), ProblemCode> {
    let console = console(PrivateAddresses::Refused);
    let sha256 = "0".repeat(64);
    let image = json!({"object_key": "k", "size": 1, "sha256": sha256, "signature": "s"});
    assert_eq!(ask(&console, "PUT", "/v1/firmware/ax-2/2.5", Some(image)).0, 201);
    let spec = json!({"site": "hq", "model": "ax-2"});
    assert_eq!(ask(&console, "PUT", "/v1/nodes/ap-1", Some(spec)).0, 200);
    let key = Key::Node("ap-1".parse().expect("an id"));
    let item = console.store.get(&key).expect("it is registered");
    let node = Node::read(&item).expect("a node");

    let (method, path, body) = change;
    let status = ask(&console, method, path, Some(body)).0;
    assert!((200..300).contains(&status), "{method} {path}: {status}");
    let before = console.store.get(&key).expect("it is there");
    let mut import = of.clone();
    import["node"] = json!("ap-1");
    let condition =
        unchanged::condition(&console.keys.secret(), &"ap-1".parse().expect("an id"), &node, &About::default());
    import["if_unchanged"] = json!(condition);
    let text = json!([import]).to_string();
    let elements = elements(&text, 1).expect("a list");
    let desired = desired(&elements[0]).expect("valid");
    let about = About::default();
    let mut import = Import { desired: &desired, item: Some(item), about, is_dry: false, changed: vec![] };
    let request = Request::default();
    let admitted = Admitted { request: &request, now: Timestamp(9), actor: None, query: Query::default() };
    let outcome = console.import_one(&mut import, &admitted).now_or_never().expect("nothing waits");
    let after = console.store.get(&key).expect("it is there");
    assert!(outcome.is_ok() || after == before, "a node that was changed is left as it is");
    outcome.map_err(|problem| problem.code)
}

#[test]
fn no_write_of_an_import_under_a_condition_is_made_to_a_node_that_was_changed_after_it_was_read() {
    let imports = [
        json!({"tags": ["roof"]}),
        json!({"config": {"channel": 36}}),
        json!({"firmware": "2.5"}),
        json!({"revoked": true}),
        json!({"tags": ["roof"], "name": "Lobby"}),
    ];
    for import in &imports {
        for change in [
            ("PATCH", "/v1/nodes/ap-1", json!({"site": "lab"})),
            ("PATCH", "/v1/nodes/ap-1", json!({"credential_version": 7})),
            ("PUT", "/v1/nodes/ap-1/config", json!({"channel": 40})),
        ] {
            let shown = format!("{import} after {change:?}");
            assert_eq!(changed_meanwhile(import, change), Err(ProblemCode::NodeChanged), "{shown}");
        }
        let same = ("PATCH", "/v1/nodes/ap-1", json!({"site": "hq"}));
        assert_eq!(changed_meanwhile(import, same), Ok(()), "{import}");
    }
}

#[test]
fn numbers_and_open_commands_come_back_where_the_node_s_own_are_lower_and_only_there() {
    let console = console(PrivateAddresses::Refused);
    let now = 1_800_000_000_000_u64;
    let command =
        |number: u64, ends: u64| json!({"command": number, "name": "scan", "queued_at_ms": now, "expires_at_ms": ends});
    let import = |more: Value| {
        let mut node = json!({"node": "ap-1", "config": {"n": 1}, "config_version": 9, "last_command": 240});
        node.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let (status, body) = ask(&console, "POST", "/v1/nodes:import", Some(json!([node])));
        assert_eq!(status, 200, "{body}");
        body[0].clone()
    };
    let commands: Vec<_> =
        (131..=230).map(|number| command(number, now + 60_000)).chain([command(240, now - 1)]).collect();
    let too_many = import(json!({"open_commands": commands}));
    assert_eq!((&too_many["status"], &too_many["changed"]), (&json!(400), &json!([])), "{too_many}");
    let first = import(json!({"open_commands": commands[..100]}));
    assert_eq!(first["changed"], json!(["registered", "config", "commands"]), "{first}");
    let stored = || {
        let item = console.store.get(&Key::Node("ap-1".parse().expect("an id"))).expect("there");
        Node::read(&item).expect("a node")
    };
    let is = stored();
    assert_eq!((is.desired.map(|desired| desired.version), is.commands_queued, is.commands_over), (Some(9), 240, 130));
    assert_eq!(import(json!({"open_commands": commands[..100]}))["changed"], json!([]), "twice is as good as once");
    let (_, exported) = ask(&console, "GET", "/v1/nodes:export", None);
    let exported = &exported["nodes"][0];
    assert_eq!((&exported["config_version"], &exported["last_command"]), (&json!(9), &json!(240)));
    assert_eq!(exported["open_commands"].as_array().map(Vec::len), Some(100), "in two transactions");

    let (_, set) = ask(&console, "PUT", "/v1/nodes/ap-1/config", Some(json!({"n": 2})));
    assert_eq!(set["version"], 10);
    assert_eq!(import(json!({}))["changed"], json!(["config"]), "an older export is a wish like any other");
    assert_eq!(stored().desired.map(|desired| desired.version), Some(11), "and its version is a new one");
    let raised = import(json!({"config_version": 12}));
    assert_eq!((&raised["changed"], stored().desired.map(|desired| desired.version)), (&json!(["config"]), Some(12)));
    for wrong in [json!({"config_version": 0}), json!({"last_command": 5, "open_commands": [command(6, now)]})] {
        assert_eq!(import(wrong.clone())["status"], 400, "{wrong}");
    }
}

#[test]
fn a_node_whose_configuration_was_unset_is_numbered_on_from_where_it_was() {
    let console = console(PrivateAddresses::Refused);
    ask(&console, "PUT", "/v1/nodes/ap-1", Some(json!({})));
    ask(&console, "PUT", "/v1/nodes/ap-1/config", Some(json!({"n": 1})));
    ask(&console, "DELETE", "/v1/nodes/ap-1/config", None);
    let (_, exported) = ask(&console, "GET", "/v1/nodes:export", None);
    let node = exported["nodes"][0].clone();
    assert_eq!((&node["config_version"], node.get("config")), (&json!(2), None), "{node}");
    let another = super::super::endpoints::tests::console(PrivateAddresses::Refused);
    for changed in [json!(["registered", "config"]), json!([])] {
        let imported = ask(&another, "POST", "/v1/nodes:import", Some(json!([node]))).1;
        assert_eq!((&imported[0]["status"], &imported[0]["changed"]), (&json!(200), &changed), "{imported}");
    }
    let set = ask(&another, "PUT", "/v1/nodes/ap-1/config", Some(json!({"n": 1}))).1;
    assert_eq!(set["version"], 3, "{set}");
}

#[test]
fn renumbered_nodes_have_numbers_above_all_and_no_open_command() {
    let console = console(PrivateAddresses::Refused);
    ask(&console, "PUT", "/v1/nodes/ap-1", Some(json!({})));
    ask(&console, "PUT", "/v1/nodes/ap-1/config", Some(json!({"n": 1})));
    ask(&console, "PUT", "/v1/nodes/ap-2", Some(json!({})));
    let open = json!([{"command": 3, "name": "scan", "queued_at_ms": 1, "expires_at_ms": 1_800_000_060_000_u64}]);
    let import = json!([{"node": "ap-1", "last_command": 3, "open_commands": open}]);
    assert_eq!(ask(&console, "POST", "/v1/nodes:import", Some(import)).1[0]["status"], 200);
    let nodes = json!([{"node": "ap-1"}, {"node": "ap-2"}, {"node": "ap-3"}, {"node": "ap-1"}]);
    for _ in 0..2 {
        let (_, renumbered) = ask(&console, "POST", "/v1/nodes:renumber", Some(nodes.clone()));
        let statuses: Vec<_> = renumbered.as_array().expect("a list").iter().map(|one| one["status"].clone()).collect();
        assert_eq!(statuses, [200, 200, 404, 400], "{renumbered}");
    }
    let stored = |node: &str| {
        let item = console.store.get(&Key::Node(node.parse().expect("an id"))).expect("there");
        Node::read(&item).expect("a node")
    };
    let one = stored("ap-1");
    assert_eq!(one.desired.map(|desired| desired.version), Some(1_800_000_000));
    assert_eq!((one.commands_queued, one.commands_over), (1_800_000_000, 1_800_000_000));
    let two = stored("ap-2");
    assert_eq!((two.desired, two.config_version, two.commands_queued), (None, 1_800_000_000, 1_800_000_000));
    let (_, commands) = ask(&console, "GET", "/v1/nodes/ap-1/commands", None);
    assert_eq!(
        (&commands["commands"][0]["command"], &commands["commands"][0]["state"]),
        (&json!(3), &json!("cancelled"))
    );
}
