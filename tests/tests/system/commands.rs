//! What nodes are to do: queued once, handed out one at a time and in order, and over when they say so.

mod queueing;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use rollcall_tests::{Cloud, Frame, Http, HttpReply, READ_KEY, Socket};
use rollcall_wire::{Ack, CommandNews, ServerMessage};
use serde_json::{Value, json};

/// How long to wait before looking again at what only time changes.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

async fn queue(console: &Http, node: &str, key: &str, body: Value) -> HttpReply {
    let path = format!("/v1/nodes/{node}/commands");
    console.send_with("POST", &path, &[("idempotency-key", key)], body.to_string()).await
}

/// A node with a connection, and what it was told so far.
struct CommandedNode {
    socket: Socket,
    seq: u64,
    pushes: bool,
}

impl CommandedNode {
    async fn connected(cloud: &Cloud) -> Self {
        cloud.console().put("/v1/nodes/ap-1", "{}").await;
        Self { socket: cloud.socket("ap-1").await, seq: 0, pushes: cloud.pushes }
    }

    /// Checks in with these results.
    async fn check_in(&mut self, results: Value) -> Ack {
        self.seq += 1;
        let message = json!({"type": "check-in", "seq": self.seq, "ack": false, "results": results});
        self.socket.send(message.to_string()).await;
        match self.socket.next().await {
            Frame::Message(ServerMessage::Ack(ack)) => ack,
            other => panic!("no ack: {other:?}"),
        }
    }

    /// The command that it is told of: pushed; or, where pushes are lost, with the answer to this check-in.
    async fn next(&mut self) -> CommandNews {
        if !self.pushes {
            return self.check_in(json!([])).await.command.expect("a command");
        }
        match self.socket.next().await {
            Frame::Message(ServerMessage::Command(command)) => command,
            other => panic!("no command: {other:?}"),
        }
    }
}

async fn states(console: &Http) -> Vec<Value> {
    let list = console.get("/v1/nodes/ap-1/commands").await.json();
    list["commands"].as_array().expect("a list").iter().map(|command| command["state"].clone()).collect()
}

#[tokio::test]
async fn a_connected_node_is_handed_its_commands_one_at_a_time_and_in_order() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut node = CommandedNode::connected(&cloud).await;
    let first = queue(&console, "ap-1", "a", json!({"name": "reboot", "args": {"in_s": 5}})).await;
    assert_eq!((first.status, first.header("location")), (201, "/v1/nodes/ap-1/commands/1"), "{first:?}");
    assert_eq!(first.json()["state"], "sent");
    let second = queue(&console, "ap-1", "b", json!({"name": "locate", "expires_in_s": 60})).await.json();
    assert_eq!((&second["command"], &second["state"]), (&json!(2), &json!("queued")));

    let told = node.next().await;
    assert_eq!((told.command, &*told.name, told.args.text()), (1, "reboot", r#"{"in_s":5}"#));
    if cloud.pushes {
        assert_eq!(node.next().await.command, 1, "a second one queued tells it again of the first, and of no other");
    }
    let again = node.check_in(json!([])).await.command.expect("told again");
    assert_eq!(again.command, 1, "until it has said what became of it");
    let ack = node.check_in(json!([{"command": 1, "status": "done", "output": "bye"}])).await;
    let told = ack.command.expect("the next");
    assert_eq!((told.command, &*told.name), (2, "locate"));
    assert!((1..=60).contains(&told.expires_in_s), "{}", told.expires_in_s);
    let list = console.get("/v1/nodes/ap-1/commands").await.json();
    let states: Vec<_> = list["commands"].as_array().expect("a list").iter().map(|command| &command["state"]).collect();
    assert_eq!(states, ["sent", "done"], "the newest first");
    assert_eq!(list["commands"][1]["output"], "bye");

    let message = json!({"type": "check-in", "seq": 100, "results": [{"command": 2, "status": "failed"}]});
    node.socket.send(message.to_string()).await;
    let Frame::Message(ServerMessage::Ack(ack)) = node.socket.next().await else { panic!("no ack") };
    assert_eq!(ack.command, None, "nothing is left");
    assert_eq!(console.get("/v1/nodes/ap-1").await.json()["open_commands"], 0);
    cloud.stop().await;
}

#[tokio::test]
async fn commands_wait_while_the_node_is_away_and_expire_on_time() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let brief = queue(&console, "ap-1", "a", json!({"name": "brief", "expires_in_s": 1})).await.json();
    assert_eq!(brief["state"], "queued");
    queue(&console, "ap-1", "b", json!({"name": "patient"})).await;
    while states(&console).await != ["queued", "expired"] {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let mut socket = cloud.socket("ap-1").await;
    socket.check_in(1).await;
    let Frame::Message(ServerMessage::Ack(ack)) = socket.next().await else { panic!("no ack") };
    let told = ack.command.expect("the one that has not expired");
    assert_eq!((told.command, &*told.name), (2, "patient"));
    assert_eq!(states(&console).await, ["sent", "expired"]);
    cloud.stop().await;
}

#[tokio::test]
async fn what_a_node_said_first_of_a_command_counts_also_after_it_expired() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut node = CommandedNode::connected(&cloud).await;
    queue(&console, "ap-1", "a", json!({"name": "slow", "expires_in_s": 2})).await;
    queue(&console, "ap-1", "b", json!({"name": "next"})).await;
    while states(&console).await != ["queued", "expired"] {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    for _ in 0..if cloud.pushes { 2 } else { 0 } {
        assert_eq!(node.next().await.command, 1);
    }
    let never_told = json!({"command": 2, "status": "done"});
    let ack =
        node.check_in(json!([{"command": 1, "status": "done"}, never_told, {"command": 7, "status": "done"}])).await;
    assert_eq!(ack.command.map(|command| command.command), Some(2), "what was never handed out can't be done");
    node.check_in(json!([{"command": 1, "status": "failed"}])).await;
    assert_eq!(states(&console).await, ["sent", "done"]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_result_that_comes_after_its_command_expired_and_the_node_went_on_is_stored() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut node = CommandedNode::connected(&cloud).await;
    queue(&console, "ap-1", "a", json!({"name": "slow", "expires_in_s": 3})).await;
    assert_eq!(node.next().await.command, 1);
    queue(&console, "ap-1", "b", json!({"name": "brief", "expires_in_s": 1})).await;
    queue(&console, "ap-1", "c", json!({"name": "next"})).await;
    while states(&console).await != ["queued", "expired", "expired"] {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    for _ in 0..if cloud.pushes { 2 } else { 0 } {
        assert_eq!(node.next().await.command, 1, "it is told again while it is open");
    }
    let ack = node.check_in(json!([])).await;
    assert_eq!(ack.command.map(|command| command.command), Some(3), "the server goes on");
    let late = json!([{"command": 1, "status": "done", "output": "at last"}, {"command": 2, "status": "done"}]);
    assert_eq!(node.check_in(late).await.command.map(|command| command.command), Some(3));
    assert_eq!(states(&console).await, ["sent", "expired", "done"], "what was never handed out can't be done");
    node.check_in(json!([{"command": 1, "status": "failed"}, {"command": 3, "status": "done"}])).await;
    let list = console.get("/v1/nodes/ap-1/commands").await.json();
    assert_eq!((&list["commands"][2]["state"], &list["commands"][2]["output"]), (&json!("done"), &json!("at last")));

    let said_before = [1, 2, 3].map(|number| json!({"command": number, "status": "failed"}));
    let before = cloud.dynamodb.passed();
    let again = json!({"type": "check-in", "seq": 100, "results": said_before});
    node.socket.send(again.to_string()).await;
    let Frame::Message(ServerMessage::Ack(ack)) = node.socket.next().await else { panic!("no ack") };
    assert_eq!((ack.command, cloud.dynamodb.passed() - before), (None, 1 + 3), "each is read, and none is written");
    assert_eq!(states(&console).await, ["done", "expired", "done"]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_polling_node_executes_commands_too() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    queue(&console, "ap-1", "a", json!({"name": "reboot"})).await;
    let node = cloud.http(&cloud.token("ap-1"));
    let ack = node.send("POST", "/v1/check-in", r#"{"type":"check-in","seq":1}"#).await.json();
    assert_eq!(ack["command"]["name"], "reboot");
    let result = json!({"type": "check-in", "seq": 2, "results": [{"command": 1, "status": "done", "output": "ö".repeat(2000)}]});
    let ack = node.send("POST", "/v1/check-in", result.to_string()).await.json();
    assert_eq!(ack["command"], Value::Null);
    let list = console.get("/v1/nodes/ap-1/commands").await.json();
    assert_eq!(list["commands"][0]["output"], "ö".repeat(1024), "as much as is kept");
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_no_command_or_for_nobody_is_refused_and_queues_nothing() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let code = async |body: Value| queue(&console, "ap-1", "k", body).await.problem();
    let invalid = (400, "invalid-body".to_owned());
    for body in [
        json!({}),
        json!([]),
        json!({"name": ""}),
        json!({"name": "a/b"}),
        json!({"name": "x".repeat(65)}),
        json!({"name": "x", "colour": "red"}),
        json!({"name": "x", "expires_in_s": 0}),
        json!({"name": "x", "expires_in_s": 604_801}),
        json!({"name": "x", "expires_in_s": -1}),
        (0..40).fold(json!(1), |args, _| json!([args])),
        json!({"name": "x", "args": (0..40).fold(json!(1), |args, _| json!([args]))}),
    ] {
        assert_eq!(code(body.clone()).await, invalid, "{body}");
    }
    assert_eq!(code(json!({"name": "x", "args": "a".repeat(5000)})).await, (413, "too-large".to_owned()));
    let no_key = console.send("POST", "/v1/nodes/ap-1/commands", r#"{"name":"x"}"#).await;
    assert_eq!(no_key.problem(), (400, "invalid-parameter".to_owned()));
    let long = "k".repeat(129);
    assert_eq!(queue(&console, "ap-1", &long, json!({"name": "x"})).await.status, 400);
    assert_eq!(queue(&console, "ap-9", "k", json!({"name": "x"})).await.problem(), (404, "unknown-node".to_owned()));
    let reader = cloud.http(READ_KEY);
    assert_eq!(queue(&reader, "ap-1", "k", json!({"name": "x"})).await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(reader.get("/v1/nodes/ap-1/commands").await.json()["commands"], json!([]), "nothing was queued");
    console.send("POST", "/v1/nodes/ap-1/revoke", "").await;
    assert_eq!(queue(&console, "ap-1", "k", json!({"name": "x"})).await.problem(), (410, "revoked-node".to_owned()));
    cloud.stop().await;
}

#[tokio::test]
async fn no_number_in_a_commands_arguments_is_rounded_wherever_they_are_told_or_shown() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut node = CommandedNode::connected(&cloud).await;
    let args = r#"{"a":[1.0,1e400,12345678901234567890123,0.1000,-0],"b":null}"#;
    let queue = async |key: &str, body: &str| {
        console.send_with("POST", "/v1/nodes/ap-1/commands", &[("idempotency-key", key)], body.to_owned()).await
    };
    let body = format!(r#"{{"name":"set","args":{args},"expires_in_s":6e1}}"#);
    let queued = queue("a", &body).await;
    assert_eq!(queued.status, 201, "{queued:?}");
    assert!(queued.text.contains(&format!(r#""args":{args}"#)), "{queued:?}");
    assert_eq!(node.next().await.args.text(), args);
    assert_eq!(node.check_in(json!([])).await.command.expect("told again").args.text(), args);
    let listed = console.get("/v1/nodes/ap-1/commands").await.text;
    assert!(listed.contains(&format!(r#""args":{args}"#)), "{listed}");

    let same = body.replace(r#""name":"set","args":"#, "\"name\" : \"set\",\n\"args\": ").replace("6e1", "60.0");
    assert_eq!(queue("a", &same).await.status, 200, "it says the same");
    assert_eq!(queue("a", &body.replace("[1.0", "[1")).await.problem(), (409, "key-reused".to_owned()));
    assert_eq!(queue("b", r#"{"name":"x","args":null,"expires_in_s":null}"#).await.status, 201, "null is absent");
    let deepest = format!("{}1.0{}", "[".repeat(32), "]".repeat(32));
    let queued = queue("c", &format!(r#"{{"name":"x","args":{deepest}}}"#)).await;
    assert!(queued.status == 201 && queued.text.contains(&deepest), "{queued:?}");
    for (body, detail) in [
        (r#"{"name":"x","args":{"a":[{"b":1,"b":2}]}}"#, "the body has a name twice, at /args/a/0/b"),
        (r#"{"name":"x","name":"y"}"#, "the body has a name twice, at /name"),
        ("", "the body is empty"),
        (r#"{"name":"x","args":"\ud800"}"#, "the body has half a surrogate pair in its text, at /args"),
    ] {
        let refused = queue("d", body).await;
        assert_eq!((refused.problem().0, &refused.json()["detail"]), (400, &json!(detail)));
    }
    for wrong in ["1.5", "-1", "1e400", "4294967296", "\"60\""] {
        let refused = queue("d", &format!(r#"{{"name":"x","expires_in_s":{wrong}}}"#)).await;
        assert_eq!(refused.problem(), (400, "invalid-body".to_owned()), "{wrong}");
    }
    cloud.stop().await;
}
