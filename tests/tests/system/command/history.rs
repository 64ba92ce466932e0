//! The history of configurations and its undoing, as a user asks.

use rollcall_tests::{json_problem, problem_with};
use serde_json::{Value, json};

use super::console::started;

#[tokio::test]
async fn a_node_is_rolled_back_and_unset_and_its_history_says_so() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    let none = asker.text(&["config", "history", "ap-1"]).await;
    assert!(none.contains("`rollcall config set ap-1 FILE`"), "{none}");
    for channel in [36, 40] {
        asker.write("one.json", &json!({ "channel": channel }).to_string());
        asker.text(&["config", "set", "ap-1", "one.json"]).await;
    }
    let dry = asker.text(&["config", "rollback", "ap-1", "--dry-run"]).await;
    assert!(
        dry.contains("from version 2 to the document of version 1") && dry.contains("nothing was changed"),
        "{dry}"
    );
    let stale = asker.problem(&["config", "rollback", "ap-1", "--if-match", "1"]).await;
    assert!(stale.contains("at version 2"), "{stale}");
    let back = asker.text(&["config", "rollback", "ap-1"]).await;
    assert!(back.contains("from version 2 to the document of version 1\nversion   3\n"), "{back}");
    let unset = asker.json(&["config", "unset", "ap-1"]).await;
    assert_eq!((&unset["version"], &unset["changed"], &unset["applied"]), (&json!(4), &json!(true), &Value::Null));
    let history = asker.text(&["config", "history", "ap-1"]).await;
    let states: Vec<_> =
        history.lines().skip(1).map(|line| line.split_whitespace().take(2).collect::<Vec<_>>()).collect();
    assert_eq!(states, [["4", "unset"], ["3", "superseded"], ["2", "superseded"], ["1", "superseded"]], "{history}");
    let listed = asker.json(&["config", "history", "ap-1"]).await;
    assert_eq!((&listed[0]["state"], listed.as_array().map(Vec::len)), (&json!("unset"), Some(4)));
    let named = asker.json(&["config", "rollback", "ap-1", "--to", "2"]).await;
    assert_eq!((&named["from"], &named["to"], &named["version"]), (&json!(4), &json!(2), &json!(5)));
    let unknown = asker.run(&["config", "rollback", "ap-1", "--to", "9", "--json"]).await;
    let (text, code) = json_problem(1, &unknown);
    assert!(text.contains("`rollcall config history ap-1`") && code == "unknown-version", "{text}");
    let differs = asker.run(&["config", "diff", "ap-1", "--from", "1", "--to", "2"]).await;
    assert!(differs.code == Some(1) && differs.stdout.ends_with("/channel  36   40\n"), "{differs:?}");
    let same = asker.run(&["config", "diff", "ap-1", "--from", "2", "--to", "5"]).await;
    assert!(same.code == Some(0) && same.stdout.ends_with("no difference\n"), "{same:?}");
    let none = asker.run(&["config", "diff", "ap-1", "--from", "4", "--to", "5"]).await;
    assert!(problem_with(2, &none).contains("has no document"), "{none:?}");
}

#[tokio::test]
async fn a_site_is_rolled_back_where_it_was_set_and_says_which_nodes_keep_their_own() {
    let (asker, _program, _up) = started().await;
    for node in ["ap-1", "ap-2", "ap-3"] {
        asker.text(&["nodes", "register", node, "--site", "hq"]).await;
    }
    asker.write("own.json", r#"{"channel": 1}"#);
    asker.text(&["config", "set", "ap-3", "own.json"]).await;
    for channel in [36, 40] {
        asker.write("site.json", &json!({ "channel": channel }).to_string());
        let set = asker.run(&["config", "set", "--site", "hq", "site.json"]).await;
        assert!(set.stderr.contains("1 of hq keep a configuration") && set.stderr.contains("(ap-3)"), "{set:?}");
        assert!(set.code == Some(0) && set.stdout.contains("kept       1\n"), "{set:?}");
    }
    let dry = asker.json(&["config", "rollback", "--site", "hq", "--dry-run"]).await;
    assert_eq!(
        (&dry["dry_run"], &dry["kept"], dry["rolled_back"].as_array().map(Vec::len)),
        (&json!(true), &json!(1), Some(2))
    );
    let back = asker.text(&["config", "rollback", "--site", "hq"]).await;
    assert!(
        back.contains("rolled back                 2\n") && back.contains("kept, not set for the site  1\n"),
        "{back}"
    );
    for (node, channel) in [("ap-1", 36), ("ap-2", 36), ("ap-3", 1)] {
        let view = asker.json(&["config", "get", node]).await;
        assert_eq!(view["document"], json!({ "channel": channel }), "{node}: {view}");
    }
    asker.run(&["config", "set", "--site", "hq", "site.json", "--replace"]).await;
    let replaced = asker.json(&["config", "get", "ap-3"]).await;
    assert_eq!((&replaced["document"]["channel"], &replaced["desired"]["origin"]), (&json!(40), &json!("site")));
}
