//! `rollcall command`.

use rollcall_tests::{
    Ended, Fault, FaultProxy, Frame, Http, Socket, User, free_port, json_problem, problem, problem_with,
};
use rollcall_wire::{CommandNews, ServerMessage};
use serde_json::{Value, json};

use super::console::{Asker, started};

/// The next command that a node is told of.
async fn next_command(socket: &mut Socket) -> CommandNews {
    match socket.next().await {
        Frame::Message(ServerMessage::Command(command)) => command,
        other => panic!("no command: {other:?}"),
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).collect()
}

#[tokio::test]
async fn a_command_is_queued_listed_and_cancelled() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    assert_eq!(asker.text(&["command", "list", "ap-1"]).await, "no commands yet\n");
    let sent = asker.text(&["command", "send", "ap-1", "reboot"]).await;
    let state = "state    queued: it waits for the node, or for the command before it";
    assert_eq!(lines(&sent), ["node     ap-1", "command  1", "name     reboot", state]);
    asker.write("args.json", r#"{"channel": 36}"#);
    for (args, expected) in [("@args.json", json!({"channel": 36})), ("-5", json!(-5)), (r#""on""#, json!("on"))] {
        let sent = asker.json(&["command", "send", "ap-1", "led", args, "--expires-in", "60"]).await;
        assert_eq!(sent["args"], expected);
        let wait = |name: &str| sent[name].as_u64().expect("a time");
        assert_eq!(wait("expires_at_ms") - wait("queued_at_ms"), 60_000);
    }
    let mut program = asker.user.start(&["command", "send", "ap-1", "led", "-", "--url", &asker.url, "--json"]);
    program.tell("[1]").await;
    // Whoever waits for its end has closed its input.
    let ended = program.ended().await;
    assert!(ended.stdout.contains(r#""command": 5"#), "{ended:?}");

    assert_eq!(asker.text(&["command", "cancel", "ap-1", "5"]).await, "command 5 of ap-1 is cancelled\n");
    let cancelled = asker.json(&["command", "cancel", "ap-1", "4"]).await;
    assert_eq!(cancelled, json!({"node": "ap-1", "command": 4, "cancelled": true}));
    let listed = asker.json(&["command", "list", "ap-1"]).await;
    let states: Vec<_> = listed.as_array().expect("a list").iter().map(|command| &command["state"]).collect();
    assert_eq!(states, ["cancelled", "cancelled", "queued", "queued", "queued"], "the newest first");
    let table = asker.text(&["command", "list", "ap-1", "--limit", "2"]).await;
    let rows = lines(&table);
    assert_eq!((rows.len(), rows[3]), (4, "the 2 newest: --limit shows more"), "{table}");
    assert!(
        rows[0].starts_with("NUMBER  NAME  STATE      QUEUED  ") && rows[1].starts_with("5       led   "),
        "{table}"
    );
    let shown = asker.text(&["nodes", "show", "ap-1"]).await;
    assert!(shown.contains("commands     at most 5 open\n"), "{shown}");
}

#[tokio::test]
async fn lists_go_on_from_page_to_page() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    let console = Http::new(up.http.clone(), asker.text(&["key"]).await.trim());
    let queue = async |numbers: std::ops::RangeInclusive<u32>| {
        for number in numbers {
            let key = number.to_string();
            let headers = [("idempotency-key", &*key)];
            let answer = console.send_with("POST", "/v1/nodes/ap-1/commands", &headers, r#"{"name":"led"}"#).await;
            assert_eq!(answer.status, 201, "{answer:?}");
        }
    };
    queue(1..=100).await;
    let full = asker.problem(&["command", "send", "ap-1", "led"]).await;
    assert!(full.contains("100 open commands") && full.contains("`rollcall command cancel ap-1 NUMBER`"), "{full}");
    for number in 1..=100 {
        let path = format!("/v1/nodes/ap-1/commands/{number}");
        assert_eq!(console.send("DELETE", &path, "").await.status, 204);
    }
    // The check-in finds that all of them are over.
    let mut socket = asker.user.socket(&up, "ap-1").await;
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    queue(101..=120).await;
    let listed = asker.json(&["command", "list", "ap-1", "--limit", "110"]).await;
    let numbers: Vec<_> = listed.as_array().expect("a list").iter().map(|one| one["command"].as_u64()).collect();
    assert_eq!(numbers, (11..=120).rev().map(Some).collect::<Vec<_>>());
    let table = asker.text(&["command", "list", "ap-1", "--limit", "10000"]).await;
    assert_eq!(table.lines().count(), 121, "a head, and all of them: {table}");
}

#[tokio::test]
async fn the_same_key_queues_one_command_and_says_how_it_stands() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    let send = ["command", "send", "ap-1", "led", r#"{"on": true}"#, "--key", "blink-1"];
    let first = asker.json(&send).await;
    assert_eq!(asker.json(&send).await, first);
    let other = asker.problem(&["command", "send", "ap-1", "led", "--key", "blink-1"]).await;
    assert!(other.contains("another request") && other.contains("another --key"), "{other}");
    for number in [2, 3] {
        let another = asker.json(&["command", "send", "ap-1", "led"]).await;
        assert_eq!(another["command"], number, "without one, each has its own");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_and_nothing_is_queued_twice() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    let proxy = FaultProxy::start().await;
    proxy.stand_before(up.http);
    let through = Asker { user: asker.user, url: proxy.url() };
    proxy.set(Fault::LoseAnswers(2));
    let ended = through.run(&["command", "send", "ap-1", "reboot", "--json"]).await;
    let sent: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!((ended.code, &sent["command"], proxy.passed()), (Some(0), &json!(1), 3), "{ended:?}");
    assert_eq!(ended.stderr.matches("(asking again)").count(), 2, "{ended:?}");
    let listed = through.json(&["command", "list", "ap-1"]).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");

    proxy.set(Fault::LoseAnswers(usize::MAX));
    let lost = through.problem(&["command", "send", "ap-1", "reboot", "--key", "again"]).await;
    assert!(lost.contains("whether it was done is not known") && lost.contains("--key again is done once"), "{lost}");
    proxy.set(Fault::None);
    let sent = through.json(&["command", "send", "ap-1", "reboot", "--key", "again"]).await;
    assert_eq!(sent["command"], 2, "it was queued by the first of them");
}

#[tokio::test]
async fn whoever_waits_is_shown_what_the_node_says() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    let mut socket = asker.user.socket(&up, "ap-1").await;
    let mut ask = async |seq: u64, status: &str, output: &str| -> Ended {
        let send = ["command", "send", "ap-1", "scan", r#"{"band": 5}"#, "--wait", "--url", &asker.url];
        let mut program = asker.user.start(&send);
        let command = next_command(&mut socket).await;
        assert_eq!((command.command, &*command.name, command.args.text()), (seq, "scan", r#"{"band":5}"#));
        let result = json!({"command": seq, "status": status, "output": output});
        socket.send(json!({"type": "check-in", "seq": seq, "results": [result]}).to_string()).await;
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
        program.ended().await
    };
    let done = ask(1, "done", "hq\u{1b}[2J\nlab").await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.ends_with("state    done\n\nhq\u{fffd}[2J\nlab\n"), "nothing that a terminal obeys: {done:?}");
    let failed = ask(2, "failed", "no radio").await;
    assert!(failed.stdout.ends_with("state    failed\n\nno radio\n"), "{failed:?}");
    assert_eq!(problem(&failed), "command 2 of ap-1 failed, and said why");
    let table = asker.text(&["command", "list", "ap-1"]).await;
    assert!(lines(&table)[1].ends_with("ago  no radio"), "{table}");
}

#[tokio::test]
async fn a_wait_ends_with_the_command_or_with_its_time() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    let soon = asker.run(&["command", "send", "ap-1", "led", "--wait", "--expires-in", "8"]).await;
    assert!(problem(&soon).contains("expired") && soon.stdout.contains("state    expired\n"), "{soon:?}");
    assert!(soon.stderr.starts_with("command 1 of ap-1 is queued\n"), "it takes over two seconds: {soon:?}");
    let send = ["command", "send", "ap-1", "led", "--key", "blink"];
    let short = asker.run(&[&send[..], &["--wait", "1"]].concat()).await;
    let advice = "command 2 of ap-1 is not over yet: the same command with --key blink waits on";
    assert!(problem(&short).starts_with(advice) && short.stdout.contains("state    queued"), "{short:?}");
    asker.text(&["command", "cancel", "ap-1", "2"]).await;
    let over = asker.run(&[&send[..], &["--wait", "--json"]].concat()).await;
    assert_eq!(json_problem(1, &over).0, "command 2 of ap-1 was cancelled");
    let view: Value = serde_json::from_str(&over.stdout).unwrap_or_else(|error| panic!("{error}: {over:?}"));
    assert_eq!(view["state"], "cancelled", "what became of it is printed all the same");
}

#[tokio::test]
async fn arguments_are_never_taken_for_seconds_nor_seconds_for_arguments() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    for send in [
        &["ap-1", "led", r#"{"on": true}"#, "--wait", "1"][..],
        &["--wait", "1", "ap-1", "led", r#"{"on": true}"#],
        &["ap-1", "led", r#"{"on": true}"#, "--wait=1"],
    ] {
        let ended = asker.run(&[&["command", "send"], send].concat()).await;
        assert!(problem(&ended).contains("is not over yet"), "it waits for a second: {ended:?}");
    }
    let listed = asker.json(&["command", "list", "ap-1"]).await;
    let args: Vec<_> = listed.as_array().expect("a list").iter().map(|command| &command["args"]).collect();
    assert_eq!(args, [&json!({"on": true}); 3]);
    let refused = asker.run(&["command", "send", "ap-1", "led", "--wait", r#"{"on": true}"#]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("give ID, NAME and ARGS before --wait"), "{refused:?}");
}

#[tokio::test]
async fn whoever_stops_waiting_is_told_that_the_command_goes_on() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    let send = ["command", "send", "ap-1", "led", "--wait", "--url", &asker.url];
    let mut waiting = asker.user.start(&send);
    waiting.says("command 1 of ap-1 is queued").await;
    waiting.signal("INT");
    let said = problem_with(130, &waiting.ended().await);
    assert!(said.starts_with("command 1 of ap-1 stays queued: `rollcall command list ap-1`"), "{said}");
    assert!(said.contains("`rollcall command cancel ap-1 1`"), "{said}");
    assert_eq!(asker.json(&["command", "list", "ap-1"]).await[0]["state"], "queued");

    let mut socket = asker.user.socket(&up, "ap-1").await;
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))), "it is handed out");
    let mut waiting = asker.user.start(&[&send[..], &["--key", "again", "--json"]].concat());
    waiting.says("command 2 of ap-1 is queued").await;
    waiting.signal("INT");
    assert_eq!(json_problem(130, &waiting.ended().await).1, "interrupted");
}

#[tokio::test]
async fn commands_that_can_not_be_queued_or_cancelled_say_what_to_do() {
    let (asker, _program, up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    for command in
        [&["command", "send", "ap-2", "led"][..], &["command", "list", "ap-2"], &["command", "cancel", "ap-2", "1"]]
    {
        let expected = "ap-2 is not registered: `rollcall nodes register ap-2` registers it";
        assert_eq!(asker.problem(command).await, expected);
    }
    let mut socket = asker.user.socket(&up, "ap-1").await;
    asker.text(&["command", "send", "ap-1", "led"]).await;
    next_command(&mut socket).await;
    for number in ["1", "9"] {
        let problem = asker.problem(&["command", "cancel", "ap-1", number]).await;
        assert!(problem.contains("`rollcall command list ap-1`"), "{problem}");
    }
    asker.write("wrong.json", "{");
    for (args, reason) in
        [("{on}", "ARGS is not JSON"), ("@wrong.json", "wrong.json is not JSON"), ("@none", "can't be opened")]
    {
        let problem = asker.problem(&["command", "send", "ap-1", "led", args]).await;
        assert!(problem.contains(reason), "{problem}");
    }
    let large = asker.problem(&["command", "send", "ap-1", "led", &format!("\"{}\"", "x".repeat(4096))]).await;
    assert!(large.contains("4098 bytes") && large.contains("at most 4096"), "{large}");
    let nobody = Asker { url: format!("http://127.0.0.1:{}", free_port()), ..asker };
    let problem = nobody.problem(&["command", "send", "ap-1", "led", "--key", "k"]).await;
    assert!(problem.starts_with("nobody answers at") && problem.contains("--key k"), "{problem}");
}

#[tokio::test]
async fn commands_that_can_not_be_understood_exit_with_2() {
    let user = User::new();
    for arguments in [
        &["send", "ap-1"][..],
        &["send", "ap-1", "a b"],
        &["send", "ap-1", "led", "--expires-in", "0"],
        &["send", "ap-1", "led", "--expires-in", "604801"],
        &["send", "ap-1", "led", "--wait=0"],
        &["send", "ap-1", "led", "--wait", "0"],
        &["send", "--wait", "ap-1", "led"],
        &["send", "ap-1", "led", "--wait", r#"{"on": true}"#],
        &["send", "ap-1", "led", "--key", ""],
        &["list", "ap-1", "--limit", "0"],
        &["cancel", "ap-1", "first"],
    ] {
        let ended = user.run(&[&["command"], arguments].concat()).await;
        assert!(ended.code == Some(2) && ended.stdout.is_empty(), "{arguments:?}: {ended:?}");
    }
}
