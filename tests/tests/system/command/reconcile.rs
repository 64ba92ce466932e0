//! `rollcall reconcile` and `rollcall apply`.

use rollcall_tests::{Ended, problem_with};
use serde_json::{Value, json};

use super::console::{Asker, started};

/// What the application's database has.
const NODES: &str =
    "node,site,model,tags,config\nap-1,hq,ax-2,roof,\"{\"\"channel\"\":36}\"\nap-2,hq,ax-2,,\nap-3,hq,,,\n";

fn read(asker: &Asker, name: &str) -> String {
    std::fs::read_to_string(asker.user.folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A comparison with this exit code.
async fn compared(asker: &Asker, code: i32, more: &[&str]) -> Ended {
    let ended = asker.run(&[&["reconcile", "nodes.csv"], more].concat()).await;
    assert_eq!(ended.code, Some(code), "{ended:?}");
    ended
}

#[tokio::test]
async fn a_file_and_the_nodes_are_compared_and_the_plan_does_exactly_what_it_says_once() {
    let (asker, _program, _up) = started().await;
    asker.write("nodes.csv", NODES);
    let missing = compared(&asker, 1, &[]).await.stdout;
    assert!(missing.starts_with("to register  3\n") && missing.contains("site hq  (ap-3)"), "{missing}");
    asker.text(&["import", "nodes.csv"]).await;
    let same = compared(&asker, 0, &[]).await.stdout;
    assert_eq!(same, "no difference: 3 nodes are as nodes.csv has them\n");

    asker.text(&["nodes", "register", "ap-9"]).await;
    asker.write("nodes.csv", &NODES.replace(",hq,", ",lab,").replace("36", "40"));
    let differs = compared(&asker, 1, &["--out", "plan.json", "--html", "page.html"]).await;
    for line in [
        "to change  3\n",
        "     2  site hq -> lab  (ap-2 ap-3)\n",
        "     1  site hq -> lab, config {\"channel\":36} -> {\"channel\":40}  (ap-1)\n",
        "not in nodes.csv  1  (--prune revokes them)\n        (ap-9)\n",
    ] {
        assert!(differs.stdout.contains(line), "{line:?}: {differs:?}");
    }
    assert!(differs.stderr.contains("`rollcall apply plan.json`"), "{differs:?}");
    let page = read(&asker, "page.html");
    assert!(page.contains("{&quot;channel&quot;:40}") && !page.contains("http") && !page.contains("<script"), "{page}");

    assert_eq!(asker.text(&["apply", "plan.json"]).await, "applied  3\nrefused  0\n");
    let unknown = compared(&asker, 1, &["--json"]).await.stdout;
    let unknown: Value = serde_json::from_str(&unknown).expect("JSON");
    assert_eq!((&unknown["unknown_nodes"], &unknown["steps"]), (&json!(["ap-9"]), &json!([])));
    let twice = asker.run(&["apply", "plan.json"]).await;
    assert!(problem_with(1, &twice).contains("3 nodes were refused, 3 of them because they were changed since"));

    // Of a node that is new, everything at once.
    asker.write("ax.bin", "an image");
    let added = asker.run(&["firmware", "add", "ax-2", "2.5.0", "ax.bin", "--signature", "c2ln"]).await;
    assert_eq!(added.code, Some(0), "{added:?}");
    let all = "node,site,model,config,firmware,revoked\nap-5,hq,ax-2,{},2.5.0,yes\n";
    asker.write("nodes.csv", all);
    compared(&asker, 1, &["--out", "all.json"]).await;
    assert_eq!(asker.text(&["apply", "all.json"]).await, "applied  1\nrefused  0\n");
    asker.write("nodes.csv", &NODES.replace(",hq,", ",lab,").replace("36", "40"));

    compared(&asker, 1, &["--prune", "--out", "prune.json"]).await;
    asker.text(&["apply", "prune.json"]).await;
    compared(&asker, 0, &["--prune"]).await;
    compared(&asker, 0, &[]).await;
}

#[tokio::test]
async fn what_was_changed_since_is_left_as_it_is_and_another_stack_refuses_all_of_it() {
    let (asker, _program, _up) = started().await;
    asker.write("nodes.csv", NODES);
    asker.text(&["import", "nodes.csv"]).await;
    asker.write("nodes.csv", &NODES.replace(",hq,", ",lab,"));
    compared(&asker, 1, &["--out", "plan.json"]).await;
    asker.text(&["nodes", "set", "ap-2", "--tag", "attic"]).await;
    let done = asker.run(&["apply", "plan.json", "--json"]).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    let said: Value = serde_json::from_str(&done.stdout).expect("JSON");
    let refused = json!([{"node": "ap-2", "why": "the node was changed since it was compared"}]);
    assert_eq!((&said["applied"], &said["changed_since"], &said["refused"]), (&json!(2), &json!(1), &refused));
    let left = asker.text(&["nodes", "show", "ap-2", "--json"]).await;
    let left: Value = serde_json::from_str(&left).expect("JSON");
    assert_eq!((&left["site"], &left["tags"]), (&json!("hq"), &json!(["attic"])));

    asker.write("nodes.csv", &format!("{NODES}ap-4,,,,\n"));
    compared(&asker, 1, &["--out", "plan.json"]).await;
    let (other, _other_program, _other_up) = started().await;
    other.write("plan.json", &read(&asker, "plan.json"));
    let elsewhere = problem_with(1, &other.run(&["apply", "plan.json"]).await);
    assert!(elsewhere.contains("the comparison was made with another stack"), "{elsewhere}");
    assert_eq!(other.text(&["export"]).await, "");
}

#[tokio::test]
async fn a_difference_is_told_as_an_event_and_what_can_t_be_compared_is_not_called_one() {
    let (asker, _program, _up) = started().await;
    asker.write("nodes.csv", "id,credential_version\nap-1,3\nap-2,1\n");
    asker.text(&["import", "nodes.csv"]).await;
    assert!(
        !compared(&asker, 0, &["--report"]).await.stderr.contains("drift.found"),
        "nothing is told of no difference"
    );
    asker.text(&["nodes", "revoke", "ap-2"]).await;
    asker.write("nodes.csv", "id,credential_version\nap-1,2\nap-2,1\n");
    let stale = compared(&asker, 1, &["--report"]).await;
    for line in [
        "ap-1: credential version 3 here, 2 in the file; versions never go back",
        "ap-2: revoked here; only a higher credential version lets it back in",
    ] {
        assert!(stale.stdout.contains(line), "{stale:?}");
    }
    let told = asker.text(&["events", "--type", "drift.found", "--json"]).await;
    let told: Value = serde_json::from_str(told.lines().next().expect("an event")).expect("JSON");
    let data = json!({"compared": 2, "missing": 0, "unknown": 0, "changed": 0, "stale": 2});
    assert_eq!((&told["data"], &told["subject"]), (&data, &json!("fleet")), "{told}");
    assert!(told["actor"].is_string(), "{told}");

    asker.write("nodes.csv", "id,site\nap-1,a b\nap-1,hq\n");
    let wrong = compared(&asker, 2, &[]).await;
    assert!(wrong.stderr.contains("nodes.csv:2: site: ") && wrong.stderr.contains("1 record is wrong"), "{wrong:?}");
    assert!(problem_with(2, &asker.run(&["apply", "nodes.csv"]).await).contains("is no plan"));
    let gone = asker.run(&["reconcile", "nowhere.csv"]).await;
    assert_eq!(gone.code, Some(2), "{gone:?}");
}
