//! What a selector means, and what is done to the nodes that it means.

use rollcall_tests::{Ended, Frame, Http, Program, Socket, Up, User, problem_with};
use rollcall_wire::ServerMessage;
use serde_json::{Value, json};

use super::console::{Asker, scripted, started};

/// A cloud with 30 nodes, `ap-00` to `ap-29`: 20 at the site `hq` and 10 at `lab`; 24 of the model `ax-2`, four `ax-3`,
/// and two of none; every third on the roof.
async fn fleet() -> (Asker, Program, Up) {
    let (asker, program, up) = started().await;
    let console = Http::new(up.http.clone(), asker.text(&["key"]).await.trim());
    let node = |number: usize| {
        let mut node = json!({"node": format!("ap-{number:02}"), "site": if number < 20 { "hq" } else { "lab" },
            "tags": if number.is_multiple_of(3) { json!(["roof"]) } else { json!([]) },
            "name": format!("Lobby {number}, east"), "labels": {"floor": (number % 5).to_string()}});
        match number {
            0..24 => node["model"] = json!("ax-2"),
            24..28 => node["model"] = json!("ax-3"),
            _ => {}
        }
        node
    };
    let nodes: Vec<_> = (0..30).map(node).collect();
    assert_eq!(console.send("POST", "/v1/nodes:batch", json!(nodes).to_string()).await.status, 200);
    (asker, program, up)
}

/// A node that checks in with this firmware.
async fn online(asker: &Asker, up: &Up, node: &str, firmware: &str) -> Socket {
    let mut socket = asker.user.socket(up, node).await;
    socket.send(json!({"type": "check-in", "seq": 1, "firmware": firmware}).to_string()).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    socket
}

/// The ids of the nodes that a selector means.
async fn meant(asker: &Asker, selector: &str) -> Vec<String> {
    let nodes = asker.json(&["nodes", "--select", selector]).await;
    let id = |node: &Value| node["node"].as_str().expect("an id").to_owned();
    let mut nodes: Vec<_> = nodes.as_array().expect("nodes").iter().map(id).collect();
    nodes.sort();
    nodes
}

/// How many nodes a table has in its row with this result and this reason; none without such a row.
fn count(table: &str, result: &str, reason: &str) -> Option<usize> {
    let rows = table.lines().map(|row| row.replace("to do", "to-do"));
    rows.into_iter().find_map(|row| {
        let cells: Vec<_> = row.split_whitespace().collect();
        (cells.len() > 3 && cells[0] == result && cells[1] == reason).then(|| cells[2].parse().expect("a number"))
    })
}

fn value(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// How many nodes a result in JSON has with each reason, and how many are done.
fn reasons(value: &Value) -> Value {
    let mut reasons = json!({"done": value["done"].as_array().expect("nodes").len()});
    for skipped in value["skipped"].as_array().expect("nodes") {
        let reason = skipped["reason"].as_str().expect("a reason");
        reasons[reason] = json!(reasons[reason].as_u64().unwrap_or_default() + 1);
    }
    reasons
}

#[tokio::test]
async fn nodes_are_listed_by_each_of_their_properties() {
    let (asker, _program, up) = fleet().await;
    let mut rejecting = online(&asker, &up, "ap-00", "2.4.1").await;
    let _newer = online(&asker, &up, "ap-01", "2.10.0").await;
    asker.text(&["nodes", "revoke", "ap-29"]).await;
    asker.text(&["nodes", "set", "ap-28", "--credential-version", "7"]).await;
    asker.write("c.json", "{}");
    asker.text(&["config", "set", "--select", "node=ap-00,ap-02", "c.json"]).await;
    assert!(matches!(rejecting.next().await, Frame::Message(ServerMessage::Config(_))));
    rejecting.send(r#"{"type":"check-in","seq":2,"config":{"version":1,"status":"rejected"}}"#).await;
    assert!(matches!(rejecting.next().await, Frame::Message(ServerMessage::Ack(_))));
    asker.write("ax.bin", "image");
    asker.run(&["firmware", "add", "ax-2", "2.11.0", "ax.bin", "--signature", "c2ln"]).await;
    asker.text(&["firmware", "want", "ap-03", "2.11.0"]).await;

    for (selector, expected) in [
        ("node=ap-04,ap-05,nobody", &["ap-04", "ap-05"][..]),
        ("node~P-2 site!=hq tag=roof", &["ap-21", "ap-24", "ap-27"]),
        ("site=lab model=ax-3 label.floor=4", &["ap-24"]),
        ("site=lab model=\"\"", &["ap-28"]),
        ("name=\"Lobby 7, east\"", &["ap-07"]),
        ("name~\"lobby 1,\"", &["ap-01"]),
        ("firmware<2.5", &["ap-00"]),
        ("firmware>2.9", &["ap-01"]),
        ("firmware!=\"\"", &["ap-00", "ap-01"]),
        ("config=rejected", &["ap-00"]),
        ("config!=none,rejected", &["ap-02"]),
        ("desired_firmware=2.11 firmware_update=pending", &["ap-03"]),
        ("presence=online", &["ap-00", "ap-01"]),
        ("seen<1h model=ax-2", &["ap-00", "ap-01"]),
        ("seen=never site=lab revoked=no credential_version>1", &["ap-28"]),
        ("revoked=yes", &["ap-29"]),
        ("tag=roof,site=lab,model=ax-2", &["ap-21"]),
    ] {
        // A node that was revoked has left its site.
        assert_eq!(meant(&asker, selector).await, expected, "{selector}");
    }
    assert_eq!(meant(&asker, "seen>24h").await.len(), 28, "who was never heard of was silent for long");
    let some = asker.text(&["nodes", "list", "--select", "site=lab presence=offline"]).await;
    assert!(some.ends_with("0 of 9 online\n"), "{some}");
    assert_eq!(asker.text(&["nodes", "--select", "site=nowhere"]).await, "no such nodes\n");
    for name in ["--select", "--selector"] {
        let exported = asker.text(&["export", name, "firmware>2.9,presence=online"]).await;
        assert!(exported.lines().count() == 1 && exported.contains("ap-01"), "{exported}");
    }
}

#[tokio::test]
async fn a_wrong_selector_is_shown_with_carets_below_what_is_wrong_and_nobody_is_asked() {
    let asker = Asker { user: User::new(), url: "http://127.0.0.1:1".to_owned() };
    for command in [
        &["nodes"][..],
        &["nodes", "list"],
        &["export"],
        &["nodes", "renumber"],
        &["nodes", "revoke"],
        &["nodes", "disconnect"],
        &["nodes", "set", "--no-site"],
        &["cutover", "set", "serve"],
        &["config", "set", "c.json"],
        &["command", "send", "scan"],
        &["firmware", "want", "2.5.0"],
    ] {
        let ended = asker.run(&[command, &["--select", "site=hq vendor=x"]].concat()).await;
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{command:?}: {ended:?}");
        let lines: Vec<_> = ended.stderr.lines().collect();
        let shown = lines.iter().position(|line| *line == "  site=hq vendor=x");
        let below = shown.and_then(|shown| lines.get(shown + 1));
        assert_eq!(below, Some(&"          ^^^^^^"), "{command:?}: {ended:?}");
        assert!(ended.stderr.contains("there are node, name, site,"), "{command:?}: {ended:?}");
    }
}

#[tokio::test]
async fn more_than_ten_nodes_need_a_yes_and_a_dry_run_changes_none() {
    let (asker, _program, _up) = fleet().await;
    asker.write("c.json", r#"{"channel": 36}"#);
    asker.text(&["config", "set", "ap-00", "c.json"]).await;
    let set = ["config", "set", "--select", "site=hq", "c.json"];
    let dry = asker.text(&[&set[..], &["--dry-run"]].concat()).await;
    assert!(dry.starts_with("nothing is changed; this would set the configuration of nodes:\n"), "{dry}");
    assert_eq!((count(&dry, "to-do", "-"), count(&dry, "skipped", "unchanged")), (Some(19), Some(1)), "{dry}");
    assert!(dry.contains("ap-01, ap-02, ap-03, ap-04, …"), "{dry}");

    let refused = problem_with(2, &asker.run(&set).await);
    assert!(refused.contains("19 nodes (ap-01, ap-02, ap-03, …)") && refused.contains("--yes"), "{refused}");
    assert_eq!(meant(&asker, "config=pending").await, ["ap-00"], "nothing is changed");

    let done = asker.text(&[&set[..], &["--yes"]].concat()).await;
    assert_eq!((count(&done, "done", "-"), count(&done, "skipped", "unchanged")), (Some(19), Some(1)), "{done}");
    let again = asker.json(&set).await;
    assert_eq!((reasons(&again), &again["selected"]), (json!({"done": 0, "unchanged": 20}), &json!(20)), "{again}");
    let ten = asker.json(&["config", "set", "--select", "site=lab", "c.json"]).await;
    assert_eq!((reasons(&ten), &ten["done"][0]), (json!({"done": 10}), &json!("ap-20")), "ten need no word: {ten}");

    let none = problem_with(2, &asker.run(&["nodes", "revoke", "--select", "site=nowhere"]).await);
    assert!(none.starts_with("no node is meant by `site=nowhere`"), "{none}");
}

#[tokio::test]
async fn firmware_is_set_where_there_is_an_image_and_the_others_are_told_apart() {
    let (asker, _program, up) = fleet().await;
    let _runs_it = online(&asker, &up, "ap-00", "2.5.0").await;
    asker.write("ax.bin", "image");
    asker.run(&["firmware", "add", "ax-2", "2.5.0", "ax.bin", "--signature", "c2ln"]).await;
    asker.text(&["firmware", "want", "ap-01", "2.5.0"]).await;
    asker.text(&["nodes", "revoke", "ap-23"]).await;
    let want = ["firmware", "want", "--select", "node~ap", "2.5.0", "--yes"];
    let dry = asker.text(&[&want[..], &["--dry-run"]].concat()).await;
    for (reason, expected) in [("noartifact", 4), ("other-model", 2), ("revoked", 1), ("unchanged", 1)] {
        assert_eq!(count(&dry, "skipped", reason), Some(expected), "{reason}: {dry}");
    }
    assert_eq!(count(&dry, "to-do", "-"), Some(22), "{dry}");
    assert_eq!(meant(&asker, "desired_firmware=2.5").await, ["ap-01"]);

    let expected = json!({"done": 21, "already-installed": 1, "noartifact": 4, "other-model": 2, "revoked": 1,
        "unchanged": 1});
    assert_eq!(reasons(&value(&asker.run(&[&want[..], &["--json"]].concat()).await)), expected);
    let again = json!({"done": 0, "already-installed": 1, "noartifact": 4, "other-model": 2, "revoked": 1,
        "unchanged": 22});
    assert_eq!(reasons(&asker.json(&want).await), again);
    assert_eq!(meant(&asker, "desired_firmware=2.5").await.len(), 23);
}

#[tokio::test]
async fn the_fleet_is_counted_and_shown_as_a_table_with_bars() {
    let (asker, _program, _up) = fleet().await;
    let counted = async {
        loop {
            let fleet = asker.json(&["fleet"]).await;
            if fleet["nodes"] == 30 {
                return fleet;
            }
        }
    };
    let fleet = tokio::time::timeout(std::time::Duration::from_mins(1), counted).await.expect("the feed counts them");
    let site = |value, nodes| json!({"value": value, "nodes": nodes, "select": format!("site={value}")});
    assert_eq!(fleet["site"], json!({"counts": [site("hq", 20), site("lab", 10)], "others": 0}), "{fleet}");
    let table = asker.text(&["fleet", "--top", "1"]).await;
    let rows: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let bar = "█".repeat(27);
    for row in [vec!["30", "nodes"], vec!["hq", "20", "66.6%", &bar], vec!["ax-2", "24", "80.0%", &"█".repeat(32)]] {
        assert!(rows.contains(&row), "{row:?} is missing: {table}");
    }
    assert!(rows.contains(&vec!["(others)", "10", "33.3%", &"█".repeat(13)]), "{table}");
}

#[tokio::test]
async fn a_command_is_queued_once_for_each_node_however_often_it_is_sent() {
    let (asker, _program, _up) = fleet().await;
    let send = ["command", "send", "--select", "site=lab tag!=roof", "led", r#"{"on": true}"#, "--key", "blink"];
    let first = asker.json(&send).await;
    assert_eq!((reasons(&first), &first["key"]), (json!({"done": 7}), &json!("blink")), "{first}");
    assert_eq!(reasons(&asker.json(&send).await), json!({"done": 7}), "it is no mistake to repeat it");
    let queued = asker.json(&["command", "list", "ap-20"]).await;
    assert_eq!((queued.as_array().map(Vec::len), &queued[0]["args"]), (Some(1), &json!({"on": true})), "{queued}");
    assert_eq!(asker.json(&["command", "list", "ap-21"]).await, json!([]), "it is on the roof");
    let other = asker.run(&["command", "send", "--select", "site=lab tag!=roof", "scan", "--key", "blink"]).await;
    assert_eq!((other.code, count(&other.stdout, "failed", "key-reused")), (Some(1), Some(7)), "{other:?}");
    assert!(other.stderr.contains("7 of 7 nodes failed") && other.stderr.contains("ap-20: "), "{other:?}");
    let wait = asker.run(&["command", "send", "--select", "site=lab", "scan", "--wait"]).await;
    assert_eq!(wait.code, Some(2), "{wait:?}");
}

#[tokio::test]
async fn nodes_are_labelled_disconnected_and_revoked_by_a_selector() {
    let (asker, _program, up) = fleet().await;
    let set = ["nodes", "set", "--select", "site=hq tag=roof", "--label", "floor=9", "--tag", "attic"];
    assert_eq!(reasons(&asker.json(&set).await), json!({"done": 7}));
    assert_eq!(meant(&asker, "label.floor=9 tag=attic").await.len(), 7);
    let moved = ["nodes", "set", "--select", "tag=attic", "--label", "floor=9"];
    assert_eq!(reasons(&asker.json(&moved).await), json!({"done": 0, "unchanged": 7}));

    asker.text(&["nodes", "set", "ap-04", "--credential-version", "3"]).await;
    let back = asker.run(&["nodes", "set", "--select", "node=ap-04,ap-05", "--credential-version", "2"]).await;
    let table = [("done", "-"), ("failed", "credentials-go-back")].map(|(is, why)| count(&back.stdout, is, why));
    assert_eq!((back.code, table), (Some(1), [Some(1), Some(1)]), "{back:?}");
    assert!(back.stderr.contains("ap-04: ") && !back.stderr.contains("ap-05: "), "{back:?}");

    let (mut one, mut two) = (asker.user.socket(&up, "ap-01").await, asker.user.socket(&up, "ap-02").await);
    let disconnected = asker.json(&["nodes", "disconnect", "--select", "site=hq"]).await;
    assert_eq!(reasons(&disconnected), json!({"done": 2, "not-connected": 18}));
    for socket in [&mut one, &mut two] {
        assert!(matches!(socket.next().await, Frame::Closed(_)), "its connection is closed");
    }
    let mut three = asker.user.socket(&up, "ap-03").await;
    assert_eq!(asker.text(&["nodes", "disconnect", "ap-03", "--within", "60"]).await, "ap-03 is asked\n");
    assert!(matches!(three.next().await, Frame::Message(ServerMessage::Reconnect { within_s: 60 })));

    asker.text(&["nodes", "revoke", "ap-29"]).await;
    let revoked = asker.json(&["nodes", "revoke", "--select", "node~ap-2"]).await;
    assert_eq!(reasons(&revoked), json!({"done": 9, "revoked": 1}));
    assert_eq!(meant(&asker, "revoked=yes").await.len(), 10);
}

#[tokio::test]
async fn an_interrupt_ends_it_and_says_how_many_are_done() {
    // Fewer than are asked for at the same time, and more.
    for all in [3, 30] {
        let nodes: Vec<_> =
            (10..10 + all).map(|number| json!({"node": format!("ap-{number}"), "revoked": false})).collect();
        let answers = vec![("200 OK", json!({"nodes": nodes}).to_string()), ("204 No Content", String::new())];
        let asker = Asker { user: User::new(), url: scripted(answers).await };
        let revoke = ["nodes", "revoke", "--select", "site=hq", "--yes", "--url", &asker.url];
        let mut program = asker.user.start(&revoke);
        program.says("this goes on when it answers").await;
        program.signal("INT");
        let ended = program.ended().await;
        assert_eq!((ended.code, count(&ended.stdout, "done", "-")), (Some(130), Some(1)), "{ended:?}");
        let said = format!("stopped after 1 of {all} nodes: the same command does it to those that are left");
        assert!(ended.stderr.contains(&said), "{ended:?}");
    }
}
