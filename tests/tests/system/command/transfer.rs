//! `rollcall import` and `rollcall export`.

use std::fmt::Write as _;
use std::time::Duration;

use rollcall_tests::{Program, problem_with};
use serde_json::{Value, json};

use super::console::{Asker, started, started_with};

/// How many nodes an import has that takes longer than a second.
const NODES: usize = 1_500;
/// Far longer than that takes, with other tests beside it.
const PATIENCE: Duration = Duration::from_mins(5);

fn read(asker: &Asker, name: &str) -> String {
    std::fs::read_to_string(asker.user.folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A table with so many nodes.
fn table(nodes: usize) -> String {
    let mut table = "node,site,tags,config\n".to_owned();
    for number in 0..nodes {
        let config = format!("\"{{\"\"channel\"\": {}}}\"", number % 7);
        writeln!(table, "ap-{number},site-{},roof,{config}", number % 5).expect("text");
    }
    table
}

/// The nodes of an export, by their ids.
fn nodes(text: &str) -> std::collections::BTreeMap<String, Value> {
    let node = |line: &str| {
        let node: Value = serde_json::from_str(line).expect("JSON");
        (node["node"].as_str().expect("an id").to_owned(), node)
    };
    text.lines().map(node).collect()
}

/// What an import says that refuses nothing. It may also say how far it has come.
async fn imported(asker: &Asker, file: &str) -> Value {
    let ended = asker.run(&["import", file, "--json"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).expect("JSON")
}

#[tokio::test]
async fn nodes_are_imported_once_and_exported_as_they_are() {
    let (asker, _program, _up) = started().await;
    asker.write("nodes.csv", &table(250));
    let dry = asker.text(&["import", "nodes.csv", "--dry-run"]).await;
    assert!(dry.contains("to register  250\n") && dry.contains("ap-0  registered site tags config\n"), "{dry}");
    assert_eq!(asker.text(&["export"]).await, "", "a dry run changes nothing");
    let first = imported(&asker, "nodes.csv").await;
    assert_eq!((&first["tally"]["registered"], &first["rejects"]), (&json!(250), &Value::Null), "{first}");
    let again = imported(&asker, "nodes.csv").await;
    assert_eq!(again["tally"]["unchanged"], json!(250), "{again}");

    let out = asker.run(&["export", "-o", "out.ndjson"]).await;
    assert!(out.code == Some(0) && out.stderr.contains("250 nodes"), "{out:?}");
    let exported = nodes(&read(&asker, "out.ndjson"));
    let expected = json!({"node": "ap-8", "site": "site-3", "model": null, "tags": ["roof"], "credential_version": 1,
        "name": null, "labels": {}, "revoked": false, "config": {"channel": 1}, "config_version": 1});
    assert_eq!((exported.len(), &exported["ap-8"]), (250, &expected));
    for (file, more) in [("out.ndjson", [].as_slice()), ("out.csv", &["export", "-o", "out.csv"])] {
        if !more.is_empty() {
            assert_eq!(asker.run(more).await.code, Some(0));
        }
        let again = imported(&asker, file).await;
        assert_eq!(again["tally"]["unchanged"], json!(250), "{file}: {again}");
    }
    let chosen = asker.text(&["export", "--selector", "site=site-3,tag=roof"]).await;
    assert_eq!(chosen.lines().count(), 50);
}

#[tokio::test]
async fn names_and_labels_come_from_a_table_and_choose_what_is_exported() {
    let (asker, _program, _up) = started().await;
    asker.write(
        "nodes.csv",
        "id,name,labels\nap-1,\"Lobby, east\",floor=0;rack=b 7\nap-2, Roof ,\"{\"\"floor\"\":\"\"9\"\"}\"\n",
    );
    let dry = asker.text(&["import", "nodes.csv", "--dry-run"]).await;
    assert!(dry.contains("ap-1  registered name labels\n"), "{dry}");
    assert_eq!(imported(&asker, "nodes.csv").await["tally"]["registered"], json!(2));
    assert_eq!(imported(&asker, "nodes.csv").await["tally"]["unchanged"], json!(2));
    let listed = asker.text(&["nodes"]).await;
    assert!(listed.contains("NAME") && listed.contains("Lobby, east") && listed.contains("Roof"), "{listed}");
    let set = asker.json(&["nodes", "set", "ap-1", "--label", "floor=1", "--no-label", "rack"]).await;
    assert_eq!((&set["name"], &set["labels"]), (&json!("Lobby, east"), &json!({"floor": "1"})));
    let chosen = asker.text(&["export", "--selector", "label.floor=9,name=Roof"]).await;
    assert!(chosen.lines().count() == 1 && chosen.contains("ap-2"), "{chosen}");
    let table = asker.text(&["export", "--format", "csv"]).await;
    assert!(table.lines().next().is_some_and(|names| names.contains(",name,labels,")), "{table}");
    asker.write("out.csv", &table);
    assert_eq!(imported(&asker, "out.csv").await["tally"]["unchanged"], json!(2));
    let drift = asker.run(&["reconcile", "nodes.csv", "--json"]).await;
    assert!(drift.code == Some(1) && drift.stdout.contains("floor=0, rack=b 7"), "{drift:?}");
}

#[tokio::test]
async fn a_disk_that_is_full_fails_an_export_and_what_is_no_file_is_not_replaced_by_one() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    let sh = async |script: &str| {
        let mut command = asker.user.command(&[""; 0]);
        let rollcall = command.as_std().get_program().to_owned();
        command = tokio::process::Command::new("sh");
        command.args(["-c", script]).env("ROLLCALL", rollcall).env("ROLLCALL_CONSOLE_URL", &asker.url);
        command.current_dir(&asker.user.folder).env("XDG_STATE_HOME", asker.user.folder.path().join("state"));
        Program::start(&mut command).ended().await
    };
    let full = sh("exec \"$ROLLCALL\" export > /dev/full").await;
    assert!(full.code == Some(1) && full.stderr.contains("standard output can't be written"), "{full:?}");
    let piped =
        sh("mkfifo pipe && { cat pipe & \"$ROLLCALL\" export --format csv -o pipe && wait && test -p pipe; }").await;
    assert!(piped.code == Some(0) && piped.stdout.contains("ap-1,,,,1,false,,"), "{piped:?}");
    let gone = asker.problem(&["export", "-o", "nowhere/nodes.csv"]).await;
    assert!(gone.contains("nowhere/nodes.csv can't be written"), "{gone}");
}

#[tokio::test]
async fn a_changed_file_changes_what_differs_and_nothing_else() {
    let (asker, _program, _up) = started().await;
    asker.write("nodes.csv", "id,site,model,credential_version\nap-1,hq,ax-2,3\nap-2,hq,ax-2,1\n");
    asker.text(&["import", "nodes.csv"]).await;
    asker.write("changes.csv", "id,site,revoked\nap-1,,\nap-2,hq,yes\nap-3,hq,\n");
    let dry = asker.text(&["import", "changes.csv", "--dry-run"]).await;
    assert!(dry.contains("to change    2 (revoked 1, site 1)"), "{dry}");
    let done = imported(&asker, "changes.csv").await;
    assert_eq!(done["tally"]["fields"], json!({"site": 1, "revoked": 1}), "{done}");
    let exported = nodes(&asker.text(&["export"]).await);
    let (first, second) = (&exported["ap-1"], &exported["ap-2"]);
    assert_eq!(
        (&first["site"], &first["model"], &first["credential_version"]),
        (&Value::Null, &json!("ax-2"), &json!(3))
    );
    assert_eq!((&second["revoked"], &second["model"]), (&json!(true), &json!("ax-2")));
    asker.write("back.csv", "id,credential_version\nap-1,2\nap-2,1\n");
    let refused = asker.run(&["import", "back.csv", "--on-error", "skip"]).await;
    for line in
        ["back.csv:2: the node's credential version is 3 already", "back.csv:3: the node's credentials were revoked"]
    {
        assert!(refused.stderr.contains(line), "{refused:?}");
    }
    assert_eq!(read(&asker, "back.rejects.csv").lines().count(), 3, "{refused:?}");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_can_be_mended_and_the_rest_is_imported() {
    let (asker, _program, _up) = started().await;
    let table = "id;site\r\nap-1;hq\r\nap-2;a b\r\nap-1;lab\r\nap-3\r\nap-4;hq\r\n";
    asker.write("nodes.csv", table);
    let stopped = asker.run(&["import", "nodes.csv"]).await;
    assert_eq!(stopped.code, Some(1), "{stopped:?}");
    let stopped = stopped.stderr;
    assert!(
        stopped.contains("stopped after line 3")
            && stopped.contains("`rollcall import nodes.csv --resume --on-error skip`"),
        "{stopped}"
    );
    let resumed = asker.run(&["import", "nodes.csv", "--resume", "--on-error", "skip"]).await;
    assert_eq!(resumed.code, Some(1), "{resumed:?}");
    for line in ["nodes.csv:4: node: ap-1 is in line 2 already", "nodes.csv:5: its number of fields is 1"] {
        assert!(resumed.stderr.contains(line), "{resumed:?}");
    }
    let again = asker.run(&["import", "nodes.csv", "--resume"]).await;
    assert!(again.code == Some(2) && again.stderr.contains("no import of nodes.csv to go on with"), "{again:?}");
    let rejects = read(&asker, "nodes.rejects.csv");
    assert_eq!(rejects.lines().count(), 4, "{rejects}");
    let mended = "id;site;#error\nap-2;a-b;\nap-3;hq;\n";
    asker.write("mended.csv", mended);
    asker.text(&["import", "mended.csv"]).await;
    let exported = nodes(&asker.text(&["export"]).await);
    let sites: Vec<_> = exported.values().map(|node| node["site"].clone()).collect();
    assert_eq!(sites, ["hq", "a-b", "hq", "hq"], "{exported:?}");
}

#[tokio::test]
async fn an_import_waits_for_a_console_that_is_away_and_goes_on_after_a_kill() {
    let (asker, mut program, up) = started_with(&["--data", "data"]).await;
    asker.write("nodes.csv", &table(NODES));
    let port = up.http.rsplit(':').next().expect("a port").to_owned();
    let mut import = asker.user.command(&["import", "nodes.csv"]);
    let import = Program::start(import.env("ROLLCALL_CONSOLE_URL", &asker.url));
    until(|| asker.user.folder.path().join("nodes.csv.import").exists()).await;
    program.signal("INT");
    assert_eq!(program.ended().await.code, Some(0));
    import.says("this goes on when it answers").await;
    // A kill while it waits: what is done is known.
    drop(import);
    let mut again = asker.user.up(&["--data", "data"]);
    let at = again.iter().position(|argument| argument == "--http-port").expect("it has one") + 1;
    again[at] = port;
    let _again = asker.user.start(&again);
    // It may say how far it has come, and that it waits.
    let mut resume = asker.user.command(&["import", "nodes.csv", "--resume", "--json"]);
    let done = Program::start(resume.env("ROLLCALL_CONSOLE_URL", &asker.url)).ended_within(PATIENCE).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    let done: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!((&done["tally"]["refused"], &done["line"]), (&json!(0), &json!(NODES + 1)), "{done}");
    let exported = nodes(&asker.text(&["export"]).await);
    assert_eq!(exported.len(), NODES);
    let again = problem_with(2, &asker.run(&["import", "nodes.csv", "--resume"]).await);
    assert!(again.contains("no import of nodes.csv to go on with"), "{again}");
}

/// Waits for something that nothing else tells.
async fn until(is_so: impl Fn() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), so).await.expect("it comes");
}
