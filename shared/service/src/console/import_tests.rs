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
