//! How configurations differ, as a user asks.

use rollcall_tests::{Frame, json_problem, problem_with};
use rollcall_wire::ServerMessage;
use serde_json::{Value, json};

use super::console::started;

#[tokio::test]
async fn the_difference_is_shown_and_told_by_the_exit_code() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    let nothing = asker.run(&["config", "diff", "ap-1"]).await;
    assert!(problem_with(2, &nothing).contains("`rollcall config set ap-1 FILE`"), "{nothing:?}");
    asker.write("one.json", r#"{"channel": 36, "ssid": "guests"}"#);
    asker.write("two.json", r#"{"channel": 40, "ssid": "guests", "tags": ["roof"]}"#);
    asker.text(&["config", "set", "ap-1", "one.json"]).await;
    let unknown = asker.run(&["config", "diff", "ap-1"]).await;
    assert!(problem_with(2, &unknown).contains("has not reported"), "{unknown:?}");
    let mut socket = asker.user.socket(&up, "ap-1").await;
    socket.send(r#"{"type":"check-in","seq":1,"config":{"version":1,"status":"applied"}}"#).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    let same = asker.text(&["config", "diff", "ap-1"]).await;
    assert_eq!(same, "node     ap-1\nruns     version 1 applied\ndesired  version 1 applied\nno difference\n");
    assert_eq!(asker.json(&["config", "diff", "ap-1"]).await["difference"], json!([]));

    asker.text(&["config", "set", "ap-1", "two.json"]).await;
    let differs = asker.run(&["config", "diff", "ap-1"]).await;
    let expected = "\nPATH      OLD  NEW\n/channel  36   40\n/tags     -    [\"roof\"]\n";
    assert!(differs.stdout.ends_with(expected), "{differs:?}");
    assert_eq!((differs.code, &*differs.stderr), (Some(1), ""), "as diff does");
    let differs = asker.run(&["config", "diff", "ap-1", "--json"]).await;
    let shown: Value = serde_json::from_str(&differs.stdout).unwrap_or_else(|error| panic!("{error}: {differs:?}"));
    assert_eq!((&shown["from"]["version"], &shown["to"]["version"]), (&json!(1), &json!(2)));
    assert_eq!((&shown["difference"][0]["path"], differs.code), (&json!("/channel"), Some(1)));
    let text = asker.text(&["config", "get", "ap-1"]).await;
    assert!(text.contains("runs      version 1, which differs: `rollcall config diff ap-1` shows how\n"), "{text}");
}

#[tokio::test]
async fn a_file_is_compared_with_what_is_wanted_before_it_is_set() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    asker.write("one.json", "{\"b\": 2, \n \"a\": 1}");
    let first = asker.run(&["config", "diff", "ap-1", "one.json"]).await;
    assert!(first.stdout.ends_with("PATH   OLD  NEW\n(all)  -    {\"a\":1,\"b\":2}\n"), "{first:?}");
    assert_eq!(first.code, Some(1));
    asker.text(&["config", "set", "ap-1", "one.json"]).await;
    let mut program = asker.user.start(&["config", "diff", "ap-1", "-", "--url", &asker.url]);
    program.tell(r#"{"a":1,"b":2}"#).await;
    let same = program.ended().await;
    assert!(same.code == Some(0) && same.stdout.ends_with("no difference\n"), "{same:?}");
    asker.write("two.json", r#"{"a":1}"#);
    let differs = asker.run(&["config", "diff", "ap-1", "two.json"]).await;
    assert!(differs.code == Some(1) && differs.stdout.ends_with("/b    2    -\n"), "{differs:?}");
    let missing = asker.run(&["config", "diff", "ap-1", "none.json"]).await;
    assert!(problem_with(2, &missing).contains("can't be opened"), "2 is no difference: {missing:?}");
    let nobody = asker.run(&["config", "diff", "ap-9", "--json"]).await;
    assert_eq!(json_problem(2, &nobody).1, "unknown-node");
    let away = ["config", "diff", "ap-1", "--url", "http://127.0.0.1:1"];
    assert!(problem_with(2, &asker.run(&away).await).starts_with("nobody answers at"));
}

#[tokio::test]
async fn a_file_is_taken_from_any_editor_and_its_numbers_are_shown_as_they_were_written() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    asker.write("marked.json", "\u{feff}{\"a\": [1.0, 1e400, 12345678901234567890123]}\r\n");
    asker.text(&["config", "set", "ap-1", "marked.json"]).await;
    let document = "{\n  \"a\": [\n    1.0,\n    1e400,\n    12345678901234567890123\n  ]\n}\n";
    let text = asker.text(&["config", "get", "ap-1"]).await;
    assert!(text.ends_with(document), "{text}");
    let json = asker.text(&["config", "get", "ap-1", "--json"]).await;
    assert!(json.contains("    \"a\": [\n      1.0,\n      1e400,\n      12345678901234567890123\n"), "{json}");
    asker.write("other.json", r#"{"a": [1, 1e400, 12345678901234567890124]}"#);
    let differs = asker.run(&["config", "diff", "ap-1", "other.json"]).await;
    let lines = ["/a/0  1.0 ", "/a/2  12345678901234567890123  12345678901234567890124\n"];
    assert!(lines.iter().all(|line| differs.stdout.contains(line)) && differs.code == Some(1), "{differs:?}");
    let sent = asker.text(&["command", "send", "ap-1", "set", "{\"a\": 0.10, \"b\": 1e400}", "--json"]).await;
    assert!(sent.contains("\"args\": {\n    \"a\": 0.10,\n    \"b\": 1e400\n  }"), "{sent}");

    let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(asker.user.folder.path().join("utf16.json"), utf16).expect("written");
    asker.write("twice.json", r#"{"a": {"b": 1, "b": 2}}"#);
    asker.write("empty.json", "");
    for (file, why) in [
        ("utf16.json", "utf16.json is UTF-16, must be UTF-8"),
        ("twice.json", "has a name twice, at /a/b"),
        ("empty.json", "is empty"),
    ] {
        let problem = asker.problem(&["config", "set", "ap-1", file]).await;
        assert!(problem.contains(why), "{problem}");
    }
    assert!(asker.problem(&["command", "send", "ap-1", "set", "{\"a\":1,\"a\":2}"]).await.contains("/a"));
}
