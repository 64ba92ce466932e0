//! `rollcall watch`.

use std::time::{Duration, Instant};

use rollcall_tests::{Frame, User, free_port};
use rollcall_wire::ServerMessage;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::console::{Asker, scripted, started};

/// What a program has said so far, one JSON object a line.
fn events(text: &str) -> Vec<(String, String)> {
    let line = |line: &str| -> Value { serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")) };
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    text.lines().map(line).map(|line| (word(&line["event"]), word(&line["node"]))).collect()
}

#[tokio::test]
async fn who_comes_and_goes_is_a_line_each_until_ctrl_c() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1", "--site", "hq"]).await;
    let mut watching = asker.user.start(&["watch", "--every", "1", "--url", &asker.url]);
    watching.says("0 of 1 online").await;
    let _socket = asker.user.socket(&up, "ap-1").await;
    let online = watching.says("ap-1 ").await;
    assert!(online.ends_with("online            hq\n"), "{online}");
    let mut elsewhere = asker.user.socket(&up, "sensor-2").await;
    watching.says("sensor-2           appeared online").await;
    asker.text(&["nodes", "revoke", "sensor-2"]).await;
    assert!(matches!(elsewhere.next().await, Frame::Message(ServerMessage::Bye { .. })), "it is told");
    watching.says("sensor-2           revoked").await;
    watching.signal("INT");
    let ended = watching.ended().await;
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.ends_with("1 of 2 online\n") && ended.stdout.lines().count() == 5, "{ended:?}");
}

#[tokio::test]
async fn what_becomes_of_configurations_commands_and_firmware_is_shown_as_it_happens() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1", "--site", "hq"]).await;
    asker.text(&["nodes", "register", "ap-2", "--site", "lab"]).await;
    let mut watching = asker.user.start(&["watch", "--site", "hq", "--url", &asker.url]);
    let for_program = asker.user.start(&["watch", "--json", "--url", &asker.url]);
    watching.says("0 of 1 online").await;
    for_program.says("summary").await;
    let mut socket = asker.user.socket(&up, "ap-1").await;
    // Events are read from the first look on. The first one that is shown is the first after that.
    watching.says("ap-1               online").await;
    let document = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&document, r#"{"channel":36}"#).expect("written");
    for node in ["ap-2", "ap-1"] {
        asker.text(&["config", "set", node, &document.path().to_string_lossy()]).await;
    }
    let desired = watching.says("config.").await;
    assert!(desired.contains("ap-1               config.desired    hq  {\"was\":null,\"is\":{"), "{desired}");
    assert!(desired.contains("  by "), "{desired}");
    asker.text(&["command", "send", "ap-1", "scan"]).await;
    watching.says("ap-1               command.queued    hq  {\"command\":1,\"name\":\"scan\"").await;
    socket.send(r#"{"type":"check-in","seq":1,"config":{"version":1,"status":"applied"}}"#.to_owned()).await;
    watching.says("ap-1               config.applied    hq  {\"version\":1,\"detail\":null}").await;
    let applied: Value = serde_json::from_str(&for_program.says("config.applied").await).expect("JSON");
    assert_eq!(
        (&applied["event"], &applied["node"], &applied["data"]["version"]),
        (&json!("config.applied"), &json!("ap-1"), &json!(1))
    );
    watching.signal("INT");
    let ended = watching.ended().await;
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    assert!(!ended.stdout.contains("ap-2"), "it is of another site: {ended:?}");
}

#[tokio::test]
async fn a_program_gets_one_object_a_line_of_one_site() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1", "--site", "hq"]).await;
    asker.text(&["nodes", "register", "ap-2", "--site", "lab"]).await;
    let mut watching = asker.user.start(&["watch", "--every", "1", "--site", "hq", "--json", "--url", &asker.url]);
    watching.says(r#"{"event":"summary","online":0,"nodes":1}"#).await;
    let (_elsewhere, _here) = (asker.user.socket(&up, "ap-2").await, asker.user.socket(&up, "ap-1").await);
    watching.says(r#""event":"online""#).await;
    asker.text(&["nodes", "register", "ap-1", "--site", "lab"]).await;
    watching.says("vanished").await;
    watching.signal("TERM");
    let ended = watching.ended().await;
    let expected = [("summary", ""), ("online", "ap-1"), ("vanished", "ap-1"), ("summary", "")];
    assert_eq!(events(&ended.stdout), expected.map(|(event, node)| (event.to_owned(), node.to_owned())), "{ended:?}");
}

#[tokio::test]
async fn a_console_that_is_away_is_said_once_and_said_when_it_is_back() {
    let (nothing, page) = (String::new(), json!({"nodes": []}).to_string());
    let refused = json!({"type": "about:blank", "title": "Unauthorized", "status": 401, "code": "unauthenticated",
        "detail": "no"});
    let mut answers = vec![("502 Bad Gateway", nothing); 3];
    // Then it is asked for events, which it does not know, and for nodes again.
    let unknown =
        json!({"type": "about:blank", "title": "Not Found", "status": 404, "code": "no-route", "detail": "no"});
    answers.extend([("200 OK", page), ("404 Not Found", unknown.to_string())]);
    answers.push(("401 Unauthorized", refused.to_string()));
    let asker = Asker { user: User::new(), url: scripted(answers).await };
    let mut watching = asker.user.start(&["watch", "--every", "1", "--url", &asker.url]);
    let ended = watching.ended().await;
    let said: Vec<_> = ended.stderr.lines().collect();
    assert!(said[0].contains("502") && said[0].ends_with("watching goes on when it answers"), "{ended:?}");
    assert_eq!((said[1], &*ended.stdout), ("rollcall: the console answers", "0 of 0 online\n"), "{ended:?}");
    assert!(said[2].contains("does not take") && said.len() == 3, "what does not pass ends it: {ended:?}");
    assert_eq!(ended.code, Some(1));

    let nobody = format!("http://127.0.0.1:{}", free_port());
    let mut watching = asker.user.start(&["watch", "--url", &nobody]);
    watching.says("nobody answers").await;
    watching.signal("INT");
    let ended = watching.ended().await;
    assert_eq!((ended.code, &*ended.stdout), (Some(0), ""), "there is nothing to summarise: {ended:?}");
}

#[tokio::test]
async fn a_console_is_asked_for_one_page_at_a_time_and_not_more_often_than_said() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let (user, url) = (User::new(), format!("http://{}", listener.local_addr().expect("an address")));
    let asker = Asker { user, url };
    let watching = asker.user.start(&["watch", "--every", "1", "--url", &asker.url]);
    let page = |cursor: Option<&str>| json!({"nodes": [], "cursor": cursor}).to_string();
    let (mut first_of_look, mut waits_for_events) = (vec![], vec![]);
    for _ in 0..3 {
        for body in [page(Some("next")), page(None)] {
            let (mut socket, request) = loop {
                let (mut socket, _) = listener.accept().await.expect("a connection");
                let mut request = [0; 8192];
                let read = socket.read(&mut request).await.expect("a request");
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                if request.starts_with("GET /v1/nodes?") {
                    break (socket, request);
                }
                assert!(request.starts_with("GET /v1/events?"), "{request}");
                waits_for_events.push(socket);
            };
            let second = request.contains("cursor=next");
            assert_eq!(second, body.contains("null"), "one page after the other");
            if !second {
                first_of_look.push(Instant::now());
            }
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            socket.write_all((head + &body).as_bytes()).await.expect("it listens");
        }
    }
    let apart: Vec<_> = first_of_look.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(apart.iter().all(|apart| *apart > Duration::from_millis(900)), "{apart:?}");
    assert_eq!(waits_for_events.len(), 1, "one request waits for events");
    drop(watching);
}
