//! The commands that ask the console API.

use std::time::Duration;

use rollcall_tests::{Ended, Frame, Http, Program, Up, User, free_port, json_problem, problem};
use rollcall_wire::ServerMessage;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A user whose commands ask one console.
pub(crate) struct Asker {
    pub(crate) user: User,
    pub(crate) url: String,
}

impl Asker {
    pub(crate) async fn with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Ended {
        let mut command = self.user.command(arguments);
        command.env("ROLLCALL_CONSOLE_URL", &self.url).envs(environment.iter().copied());
        Program::start(&mut command).ended().await
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        self.with(&[], arguments).await
    }

    pub(crate) async fn text(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments).await;
        // What takes longer than two seconds says how far it has come.
        let said: Vec<_> = ended.stderr.lines().filter(|line| !line.ends_with(" so far")).collect();
        assert_eq!((ended.code, said), (Some(0), vec![]), "{arguments:?}: {ended:?}");
        ended.stdout
    }

    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub(crate) async fn problem(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments).await;
        assert_eq!(ended.stdout, "", "{arguments:?}: {ended:?}");
        problem(&ended)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.user.folder.path().join(name), text).expect("written");
    }
}

/// A cloud, and a user who asks its console.
pub(crate) async fn started() -> (Asker, Program, Up) {
    started_with(&[]).await
}

/// The same, of a cloud with more arguments.
pub(crate) async fn started_with(more: &[&str]) -> (Asker, Program, Up) {
    let user = User::new();
    let program = user.start(&user.up(more));
    let up = Up::of(&program).await;
    (Asker { user, url: up.http.clone() }, program, up)
}

/// A console that gives these answers, one a connection, and then none.
pub(crate) async fn scripted(answers: Vec<(&'static str, String)>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        for (status, body) in answers {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            // The requests are small, and come in one piece.
            let _ = socket.read(&mut [0; 8192]).await.expect("a request");
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
            socket.write_all(answer.as_bytes()).await.expect("it listens");
        }
    });
    url
}

#[tokio::test]
async fn a_node_is_registered_shown_listed_and_revoked() {
    let (asker, _program, up) = started().await;
    assert_eq!(asker.text(&["nodes", "list"]).await, "no nodes yet\n");
    assert_eq!(asker.json(&["nodes", "list"]).await, json!([]));
    let spec = ["--site", "hq", "--model", "ax-2", "--tag", "roof", "--tag", "lobby", "--credential-version", "2"];
    let registered = asker.json(&[&["nodes", "register", "ap-1"][..], &spec].concat()).await;
    assert_eq!((&registered["site"], &registered["tags"]), (&json!("hq"), &json!(["lobby", "roof"])));
    asker.text(&["nodes", "register", "sensor-2"]).await;
    let mut socket = asker.user.socket(&up, "sensor-2").await;
    socket.send(r#"{"type":"check-in","seq":1,"firmware":"2.4.1"}"#).await;
    socket.next().await;

    let shown = asker.json(&["nodes", "show", "ap-1"]).await;
    assert_eq!((&shown, &shown["credential_version"]), (&registered, &json!(2)));
    let text = asker.text(&["nodes", "show", "ap-1"]).await;
    for line in ["node         ap-1", "tags         lobby, roof", "credentials  version 2", "config       -"] {
        assert!(text.lines().any(|row| row == line), "{line:?} is missing: {text}");
    }
    let table = asker.text(&["nodes", "list"]).await;
    assert!(table.starts_with("NODE      PRESENCE  SEEN"), "{table}");
    assert!(table.ends_with("1 of 2 online\n") && table.lines().all(|row| row.len() <= 80), "{table}");
    let online = asker.json(&["nodes", "list", "--presence", "online"]).await;
    assert_eq!((&online[0]["node"], online.as_array().map(Vec::len)), (&json!("sensor-2"), Some(1)));
    assert_eq!(asker.json(&["nodes", "list", "--site", "hq"]).await[0]["node"], "ap-1");
    assert_eq!(asker.text(&["nodes", "list", "--site", "lab"]).await, "no such nodes\n");

    assert_eq!(asker.text(&["nodes", "revoke", "sensor-2"]).await, "sensor-2 is revoked\n");
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Bye { .. })), "the node is told");
    let revoked = asker.json(&["nodes", "revoke", "sensor-2"]).await;
    assert_eq!(revoked, json!({"node": "sensor-2", "revoked": true}));
    let problem = asker.problem(&["nodes", "register", "sensor-2"]).await;
    assert!(problem.contains("`rollcall nodes register sensor-2 --credential-version N`"), "{problem}");
    let text = asker.text(&["nodes", "show", "sensor-2"]).await;
    let advice = "version 1, revoked: `rollcall nodes set sensor-2 --credential-version 2` lets it back in";
    assert!(text.contains("presence     revoked") && text.contains(advice), "{text}");
    let back = asker.json(&["nodes", "set", "sensor-2", "--credential-version", "2"]).await;
    assert_eq!((&back["revoked"], &back["credential_version"]), (&json!(false), &json!(2)));
    let again = asker.json(&["nodes", "register", "ap-1", "--site", "hq"]).await;
    assert_eq!((&again["credential_version"], &again["model"]), (&json!(2), &Value::Null), "it stays as it is");
    let set = asker.json(&["nodes", "set", "ap-1", "--model", "ax-2", "--tag", "roof"]).await;
    assert_eq!((&set["site"], &set["model"], &set["tags"]), (&json!("hq"), &json!("ax-2"), &json!(["roof"])));
    let set = asker.json(&["nodes", "set", "ap-1", "--no-site", "--no-tags"]).await;
    assert_eq!((&set["site"], &set["model"], &set["tags"]), (&Value::Null, &json!("ax-2"), &json!([])));
    let listed = asker.json(&["nodes", "list"]).await;
    assert_eq!((listed.as_array().map(Vec::len), &asker.json(&["nodes"]).await), (Some(2), &listed));
    assert_eq!(asker.json(&["nodes", "--site", "hq"]).await, json!([]), "without a subcommand they are listed");
    assert_eq!(asker.text(&["nodes", "--site", "lab"]).await, "no such nodes\n");
    let ended = asker.user.run(&["nodes", "--json", "--url", &asker.url]).await;
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).ok(), Some(listed), "{ended:?}");

    assert_eq!(asker.text(&["nodes", "delete", "sensor-2"]).await, "sensor-2 is deleted\n");
    let problem = asker.problem(&["nodes", "delete", "sensor-2"]).await;
    assert!(problem.contains("sensor-2"), "{problem}");
    assert_eq!(asker.json(&["nodes", "delete", "ap-1"]).await, json!({"node": "ap-1", "deleted": true}));
    assert_eq!(asker.json(&["nodes"]).await, json!([]));
}

#[tokio::test]
async fn a_node_s_configuration_is_set_shown_and_not_replaced_by_mistake() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    assert_eq!(asker.json(&["config", "get", "ap-1"]).await["desired"], Value::Null);
    let mut socket = asker.user.socket(&up, "ap-1").await;
    asker.write("one.json", r#"{ "channel": 36 }"#);
    let set = asker.json(&["config", "set", "ap-1", "one.json", "--if-match", "0"]).await;
    assert_eq!((&set["version"], &set["delivery"]), (&json!(1), &json!("pushed")));
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Config(_))));
    let view = asker.json(&["config", "get", "ap-1"]).await;
    assert_eq!((&view["document"], &view["desired"]["version"]), (&json!({"channel": 36}), &json!(1)));
    let text = asker.text(&["config", "get", "ap-1"]).await;
    assert!(text.contains("config    version 1 pending\n") && text.ends_with("{\n  \"channel\": 36\n}\n"), "{text}");

    let stale = ["config", "set", "ap-1", "two.json", "--if-match", "7"];
    asker.write("two.json", r#"{"channel": 40}"#);
    let problem = asker.problem(&stale).await;
    let advice =
        "the configuration of ap-1 is at version 1: `rollcall config get ap-1` shows it, --if-match 1 replaces it";
    assert_eq!(problem, advice);
    let mut program = asker.user.start(&["config", "set", "ap-1", "-", "--if-match", "1", "--url", &asker.url]);
    program.tell(r#"{"channel": 44}"#).await;
    let ended = program.ended().await;
    assert!(ended.code == Some(0) && ended.stdout.contains("version   2\n"), "{ended:?}");

    asker.write("wrong.json", "{");
    asker.write("large.json", &"é".repeat(60_000));
    for (file, reason) in [("wrong.json", "is not JSON"), ("large.json", "too large"), ("none.json", "can't be opened")]
    {
        let problem = asker.problem(&["config", "set", "ap-1", file]).await;
        assert!(problem.contains(file) && problem.contains(reason), "{problem}");
    }
    for command in [&["config", "get", "ap-2"][..], &["config", "set", "ap-2", "one.json"], &["nodes", "show", "ap-2"]]
    {
        let expected = "ap-2 is not registered: `rollcall nodes register ap-2` registers it";
        assert_eq!(asker.problem(command).await, expected);
    }
}

#[tokio::test]
async fn a_site_is_configured_page_by_page_and_listed_whole() {
    let (asker, _program, up) = started().await;
    let key = asker.text(&["key"]).await;
    let console = Http::new(up.http, key.trim());
    for first in [0, 60] {
        let nodes: Vec<_> = (first..first + 60).map(|n| json!({"node": format!("ap-{n}"), "site": "hq"})).collect();
        assert_eq!(console.send("POST", "/v1/nodes:batch", json!(nodes).to_string()).await.status, 200);
    }
    let listed = asker.json(&["nodes", "list", "--site", "hq"]).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(120));
    let table = asker.text(&["nodes", "list"]).await;
    assert_eq!(table.lines().filter(|line| line.starts_with("NODE ")).count(), 1, "one head for all pages: {table}");
    assert!(table.ends_with("0 of 120 online\n"), "{table}");

    asker.write("site.json", r#"{"channel": 36}"#);
    let ended = asker.run(&["config", "set", "--site", "hq", "site.json"]).await;
    assert_eq!(ended.stderr, "hq: 100 done so far\nhq: 120 done so far\n", "{ended:?}");
    // A page whose answer is late is asked for again, and some of it is set already then.
    let count = |name: &str| -> u64 {
        let line = ended.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{ended:?}"));
        line.trim().parse().expect("a number")
    };
    assert_eq!((ended.code, count("pending") + count("unchanged")), (Some(0), 120), "{ended:?}");
    let again = asker.run(&["config", "set", "--site", "hq", "site.json", "--json"]).await;
    let totals: Value = serde_json::from_str(&again.stdout).unwrap_or_else(|error| panic!("{error}: {again:?}"));
    assert_eq!((&totals["site"], &totals["unchanged"], &totals["failed"]), (&json!("hq"), &json!(120), &json!([])));
}

#[tokio::test]
async fn nodes_of_a_site_that_could_not_be_set_are_named() {
    let refused = json!({"type": "about:blank", "title": "Gone", "status": 410, "code": "revoked-node",
        "detail": "revoked\u{1b}[2J"});
    let failed = json!([{"node": "ap-2", "status": 410, "problem": refused}]);
    let page = json!({"pushed": 1, "pending": 0, "unchanged": 0, "failed": failed, "cursor": "next"}).to_string();
    let last = json!({"pushed": 0, "pending": 2, "unchanged": 0, "failed": []}).to_string();
    let user = User::new();
    let asker = Asker { user, url: scripted(vec![("200 OK", page.clone()), ("200 OK", last)]).await };
    asker.write("site.json", "{}");
    let set = ["config", "set", "--site", "hq", "site.json", "--json"];
    let ended = asker.run(&set).await;
    let totals: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(
        (&totals["pushed"], &totals["pending"], &totals["failed"][0]["node"]),
        (&json!(1), &json!(2), &json!("ap-2"))
    );
    assert!(json_problem(1, &ended).0.starts_with("1 of 4 nodes of hq could not be set (ap-2)"), "{ended:?}");
    assert!(ended.stderr.starts_with("ap-2: revoked\u{fffd}[2J\n"), "nothing that a terminal obeys: {ended:?}");

    let url = scripted(vec![("200 OK", page), ("502 Bad Gateway", "<html>".to_owned())]).await;
    let (half, code) = json_problem(1, &Asker { url, ..asker }.run(&set).await);
    assert!(half.contains("502") && half.contains("2 of the site were done before"), "{half}");
    assert_eq!(code, "unavailable");
}

#[tokio::test]
async fn a_site_without_nodes_is_an_error_and_not_a_success_of_nothing() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1", "--site", "hq"]).await;
    asker.write("site.json", "{}");
    let set = ["config", "set", "--site", "nosite", "site.json"];
    let problem = asker.problem(&set).await;
    assert!(problem.starts_with("no node has the site nosite, and nothing was set: `rollcall nodes`"), "{problem}");
    let ended = asker.run(&[&set[..], &["--json"]].concat()).await;
    assert_eq!((json_problem(1, &ended).0, &*ended.stdout), (problem, ""));
    assert_eq!(asker.json(&["config", "get", "ap-1"]).await["desired"], Value::Null);
}

#[tokio::test]
async fn a_node_is_shown_with_its_presence_and_when_it_was_last_heard_of() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1", "--credential-version", "1"]).await;
    let row = async |name: &str| {
        let text = asker.text(&["nodes", "show", "ap-1"]).await;
        let row = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
        row.trim_start().to_owned()
    };
    assert_eq!([row("presence").await, row("last seen").await], ["offline (never-seen)", "-"]);
    assert_eq!([row("connection").await, row("checked in").await, row("health").await], ["-", "-", "-"]);
    let mut socket = asker.user.socket(&up, "ap-1").await;
    let health = json!({"uptime_s": 7_300, "load_percent": 12, "memory_free_kib": 20_480, "clients": 1});
    socket.send(json!({"type": "check-in", "seq": 1, "firmware": "2.4.1", "health": health}).to_string()).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    let (presence, seen) = (row("presence").await, row("last seen").await);
    assert!(presence.starts_with("online since 2") && presence.ends_with(" UTC (connected)"), "{presence}");
    assert!(seen.contains(" UTC, ") && seen.ends_with("s ago"), "{seen}");
    let known = [row("credentials").await, row("firmware").await, row("commands").await, row("takeovers").await];
    assert_eq!(known, ["version 1", "2.4.1", "none open", "-"]);
    assert_eq!(row("health").await, "up 2h, load 12 %, 20480 KiB free, 1 client");
    let (connection, checked_in) = (row("connection").await, row("checked in").await);
    assert!(connection.starts_with("open since 2") && connection.ends_with(" UTC"), "{connection}");
    assert!(checked_in.contains(" UTC, ") && checked_in.ends_with("s ago"), "{checked_in}");
    assert_eq!(row("polling").await, "no");
    let text = asker.text(&["nodes", "show", "ap-1"]).await;
    assert!(!text.contains("budget"), "it is shown only while it is blocked: {text}");
    let aligned = |line: &str| line.as_bytes().get(11..13) == Some(b"  ".as_slice());
    assert!(text.lines().all(aligned), "the values are aligned: {text}");
    socket.close().await;
    let closed = async {
        loop {
            match row("connection").await {
                closed if closed.starts_with("closed ") => return closed,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let closed = tokio::time::timeout(Duration::from_secs(30), closed).await.expect("it closes");
    assert!(closed.contains(" UTC, ") && closed.contains("s ago"), "{closed}");
}

#[tokio::test]
async fn a_console_that_does_not_know_the_key_or_does_not_answer_is_explained_and_the_key_is_not_shown() {
    let (asker, _program, up) = started().await;
    let ended = asker.with(&[("ROLLCALL_CONSOLE_KEY", "a-wrong-key")], &["nodes", "list"]).await;
    let refused = problem(&ended);
    assert!(refused.contains("ROLLCALL_CONSOLE_KEY") && refused.contains("`rollcall key` prints"), "{refused}");
    assert!(!format!("{ended:?}").contains("a-wrong-key"), "{ended:?}");
    let stranger = Asker { user: User::new(), url: up.http };
    let refused = stranger.problem(&["nodes", "list"]).await;
    assert!(refused.contains("set ROLLCALL_CONSOLE_KEY"), "{refused}");

    let port = free_port();
    let nobody = Asker { url: format!("http://127.0.0.1:{port}"), ..asker };
    let expected = format!("nobody answers at {}: `rollcall up --http-port {port}` serves it there", nobody.url);
    assert_eq!(nobody.problem(&["nodes", "show", "ap-1"]).await, expected);
    let elsewhere = Asker { url: up.dynamodb, ..nobody };
    assert!(elsewhere.problem(&["nodes", "list"]).await.contains("--url"), "no console is there");
}

#[tokio::test]
async fn the_development_key_is_sent_to_nobody_else() {
    let asker = Asker { user: User::new(), url: "http://console.invalid".to_owned() };
    for url in ["http://console.invalid", "https://127.0.0.1:1", "http://127.0.0.1.invalid:1"] {
        let problem = asker.problem(&["nodes", "list", "--url", url]).await;
        assert!(problem.contains("development key") && problem.contains(url), "{problem}");
        assert!(problem.contains("set ROLLCALL_CONSOLE_KEY"), "{problem}");
    }
    let plain = scripted(vec![("200 OK", "[]".to_owned())]).await.replace("http://", "https://");
    let ended = asker.with(&[("ROLLCALL_CONSOLE_KEY", "another")], &["nodes", "list", "--url", &plain]).await;
    assert!(problem(&ended).starts_with(&format!("{plain} can't be reached (")), "with TLS or not at all: {ended:?}");
}

#[tokio::test]
async fn what_can_not_be_understood_exits_with_2_before_anybody_is_asked() {
    let asker = Asker { user: User::new(), url: "http://127.0.0.1:1".to_owned() };
    for arguments in [
        &["nodes", "show", "a/b"][..],
        &["nodes", "list", "--url", "127.0.0.1:8788"],
        &["nodes", "list", "--presence", "asleep"],
        &["nodes", "register", "ap-1", "--tag", "a b"],
        &["nodes", "set", "ap-1"],
        &["nodes", "set", "ap-1", "--site", "hq", "--no-site"],
        &["nodes", "--site", "hq", "list"],
        &["nodes", "--table", "t"],
        &["table"],
        &["--stack", "a_b", "nodes"],
        &["--stack", "a", "up"],
        &["--stack", "a", "table", "nodes"],
        &["--stack", "a", "nodes", "--url", "http://127.0.0.1:1"],
        &["--stack", "a", "nodes", "list", "--url", "http://127.0.0.1:1"],
        &["watch", "--url", "http://127.0.0.1:1", "--stack", "a"],
        &["--stack", "a", "node", "--id", "ap-1", "--token", "t", "--url", "ws://127.0.0.1:1"],
        &["config", "set", "one.json"],
        &["config", "set", "ap-1", "--site", "hq", "one.json"],
        &["config", "set", "--site", "hq", "one.json", "--if-match", "1"],
        &["config", "set", "--select", "site=hq", "one.json", "--if-match", "1"],
        &["config", "set", "--select", "site=hq", "--site", "hq", "one.json"],
        &["nodes", "revoke", "ap-1", "--select", "site=hq"],
        &["nodes", "revoke", "ap-1", "--yes"],
        &["config", "set", "--site", "hq", "one.json", "--dry-run"],
        &["nodes", "disconnect"],
        &["firmware", "want", "--select", "site=", "2.5.0"],
        &["command", "send", "ap-1"],
        &["command", "send", "a/b", "scan"],
        &["config", "set", "ap-1", "one.json", "--replace"],
        &["config", "rollback"],
        &["config", "rollback", "ap-1", "--to", "0"],
        &["config", "rollback", "--site", "hq", "--to", "3"],
        &["config", "rollback", "--site", "hq", "--if-match", "3"],
        &["config", "unset", "--site", "hq"],
        &["config", "diff", "ap-1", "--from", "3"],
        &["config", "diff", "ap-1", "one.json", "--from", "3", "--to", "4"],
        &["completions", "none"],
    ] {
        let ended = asker.run(arguments).await;
        assert!(ended.code == Some(2) && ended.stdout.is_empty(), "{arguments:?}: {ended:?}");
    }
}

#[tokio::test]
async fn each_shell_gets_its_completions() {
    let asker = Asker { user: User::new(), url: String::new() };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = asker.text(&["completions", shell]).await;
        assert!(script.contains("rollcall") && script.contains("register"), "{shell}: {script}");
    }
}
