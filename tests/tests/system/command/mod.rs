//! The `rollcall` command, as a user runs it.

mod commands;
mod connections;
mod console;
mod cutover;
mod deploy;
mod diff;
mod errors;
mod events;
mod firmware;
mod history;
mod reconcile;
mod rollout;
mod secrets;
mod select;
mod simulate;
mod stack;
mod table;
mod transfer;
mod watch;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use rollcall_stack::FUNCTIONS;
use rollcall_tests::{Frame, Program, Socket, Up, User, free_port, problem};
use rollcall_wire::ServerMessage;
use serde_json::{Value, json};

/// Far longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_mins(5);

#[tokio::test]
async fn up_prints_one_line_when_everything_answers() {
    let user = User::new();
    let (ws, dynamodb) = (free_port(), free_port());
    let mut program = user.start(&user.up_on(ws, dynamodb, &[]));
    let line = program.says("ready").await;
    let (before, after) = line.split_once(" http=http://127.0.0.1:").expect("HTTP is served");
    assert_eq!(before, format!("ready ws=ws://127.0.0.1:{ws}/local"));
    let (_, after) = after.split_once(' ').expect("a port");
    let (after, connections) = after.split_once(" connections=http://127.0.0.1:").expect("the last field");
    assert_eq!(after, format!("dynamodb=http://127.0.0.1:{dynamodb} table=rollcall"));
    let port = connections.strip_suffix("/local\n").expect("the stage, and nothing after it");
    assert!(port.parse::<u16>().is_ok_and(|port| port != ws), "a port of its own: {line}");
    let expected = line.clone();

    let mut socket = user.socket(&Up::of(&program).await, "ap-1").await;
    socket.check_in(1).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))), "it is true at once");
    let nodes = user.nodes(&format!("http://127.0.0.1:{dynamodb}")).await;
    assert_eq!(nodes[0]["node"], "ap-1", "DynamoDB answers where the line says: {nodes}");

    program.signal("INT");
    let ended = program.ended().await;
    let summary = ended.stdout.strip_prefix(&*expected).unwrap_or_else(|| panic!("the line comes first: {ended:?}"));
    assert!(
        summary.starts_with("nodes ") && !summary.contains("ready"),
        "then the summary, and nothing else: {ended:?}"
    );
}

#[tokio::test]
async fn a_run_with_nodes_ends_by_itself_with_a_summary() {
    let user = User::new();
    let ended = user.run(&user.up(&["--nodes", "5", "--seconds", "3"])).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let (ready, summary) = ended.stdout.split_once('\n').expect("lines");
    assert!(ready.starts_with("ready "), "{ended:?}");
    let rows = summary.lines().map(|row| row.split_once("  ").unwrap_or_else(|| panic!("no row: {row:?}")));
    let rows: BTreeMap<_, _> = rows.map(|(name, value)| (name.trim(), value.trim())).collect();
    let count = |name: &str| rows[name].parse::<u64>().unwrap_or_else(|_| panic!("{name} is no count: {ended:?}"));
    assert_eq!(count("nodes"), 5);
    for name in ["connects", "check-ins", "acks"] {
        assert!(count(name) >= 5, "{name}: {ended:?}");
    }
    assert_eq!((count("refusals"), count("failures")), (0, 0), "{ended:?}");
    for percentile in ["p50 ", "p95 ", "p99 "] {
        assert!(rows["send -> ack"].contains(percentile), "{ended:?}");
    }
    assert_eq!((rows["write units per check-in"], rows["read units per check-in"]), ("1.000", "0.000"));
    user.nothing_is_left().await;
}

#[tokio::test]
async fn with_json_the_summary_is_all_of_standard_output() {
    let user = User::new();
    let ended = user.run(&user.up(&["--nodes", "5", "--seconds", "3", "--json"])).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(summary["nodes"], 5);
    for name in ["connects", "check_ins", "acks"] {
        assert!(summary[name].as_u64() >= Some(5), "{name}: {ended:?}");
    }
    assert_eq!((&summary["refusals"], &summary["failures"]), (&json!({}), &json!({})));
    let percentiles = ["p50", "p95", "p99"].map(|name| summary["answer_ms"][name].as_f64().expect("milliseconds"));
    assert!(percentiles[0] > 0.0 && percentiles.is_sorted(), "{ended:?}");
    let units = ["write_units_per_check_in", "read_units_per_check_in"].map(|name| summary[name].as_f64());
    assert_eq!(units, [Some(1.0), Some(0.0)]);
    assert!(ended.stderr.contains("ready ws="), "scripts can still wait: {ended:?}");
}

#[tokio::test]
async fn a_port_that_is_in_use_is_named_with_the_flag_that_chooses_another() {
    let user = User::new();
    let holder = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let taken = holder.local_addr().expect("an address").port();
    let at = taken.to_string();
    for (ws, dynamodb, more, flag) in [
        (taken, 0, &[][..], "--ws-port"),
        (0, taken, &[], "--dynamodb-port"),
        (0, 0, &["--connections-port", &at], "--connections-port"),
    ] {
        let ended = user.run(&user.up_on(ws, dynamodb, more)).await;
        let problem = problem(&ended);
        assert!(problem.contains(&taken.to_string()) && problem.contains(flag), "{problem}");
        user.nothing_is_left().await;
    }
}

#[tokio::test]
async fn of_two_on_the_same_ports_at_once_one_runs_and_the_other_is_refused() {
    let users = [User::new(), User::new()];
    let (ws, dynamodb) = (free_port(), free_port());
    let [mut one, mut two] = users.each_ref().map(|user| user.start(&user.up_on(ws, dynamodb, &[])));
    let (refused, mut runs, loser) = tokio::select! {
        ended = one.ended() => (ended, two, &users[0]),
        ended = two.ended() => (ended, one, &users[1]),
    };
    let problem = problem(&refused);
    assert!(problem.contains(&ws.to_string()) && problem.contains("--ws-port"), "{problem}");
    loser.nothing_is_left().await;
    runs.says("ready ws=").await;
    runs.signal("TERM");
    let ended = runs.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn a_data_folder_belongs_to_one_at_a_time() {
    let user = User::new();
    let up_with_data = user.up(&["--data", "data"]);
    let program = user.start(&up_with_data);
    let up = Up::of(&program).await;
    let problem = problem(&user.run(&up_with_data).await);
    assert!(problem.contains("another rollcall is using the folder data"), "{problem}");
    assert!(problem.contains("--data"), "{problem}");
    user.nodes(&up.dynamodb).await;
}

#[tokio::test]
async fn a_function_that_is_not_there_is_named_with_what_to_do() {
    let user = User::new();
    for function in FUNCTIONS {
        std::fs::remove_file(user.functions().join(function)).expect("removed");
    }
    let ended = user.run(&user.up(&[])).await;
    let problem = problem(&ended);
    for part in ["function authorize does not start", "No such file", "cargo build", "--functions"] {
        assert!(problem.contains(part), "{part:?} is missing: {problem}");
    }
    user.nothing_is_left().await;
}

#[tokio::test]
async fn a_function_that_exits_at_once_is_named_with_its_last_words() {
    let user = User::new();
    // Not the first one to be started: those before it must be ended again.
    let connect = user.functions().join("connect");
    std::fs::remove_file(&connect).expect("removed");
    std::fs::write(&connect, "#!/bin/sh\necho no table, no work >&2\nexit 3\n").expect("written");
    std::fs::set_permissions(&connect, PermissionsExt::from_mode(0o755)).expect("executable");
    let ended = user.run(&user.up(&[])).await;
    let problem = problem(&ended);
    for part in ["function connect does not start", "exit status: 3", "no table, no work", "--functions"] {
        assert!(problem.contains(part), "{part:?} is missing: {problem}");
    }
    user.nothing_is_left().await;
}

#[tokio::test]
async fn an_interrupt_or_termination_closes_sockets_and_ends_everything() {
    for signal in ["INT", "TERM"] {
        let user = User::new();
        let mut program = user.start(&user.up(&[]));
        let mut socket = user.socket(&Up::of(&program).await, "ap-1").await;
        assert!(user.processes().len() > FUNCTIONS.len(), "the command and its functions run");
        program.signal(signal);
        assert_eq!(socket.next().await, Frame::Closed(Some(1001)), "SIG{signal}");
        let ended = program.ended().await;
        assert_eq!(ended.code, Some(0), "SIG{signal}: {ended:?}");
        assert_eq!(user.processes(), BTreeMap::new(), "all were gone before it was: SIG{signal}");
    }
}

#[tokio::test]
async fn functions_end_by_themselves_when_the_command_is_killed() {
    let user = User::new();
    let mut program = user.start(&user.up(&[]));
    let _socket = user.socket(&Up::of(&program).await, "ap-1").await;
    assert!(user.processes().len() > FUNCTIONS.len(), "the command and its functions run");
    program.signal("KILL");
    assert_eq!(program.ended().await.code, None);
    user.nothing_is_left().await;
}

#[tokio::test]
async fn with_a_data_folder_nodes_outlive_the_command_however_it_ends() {
    for signal in ["TERM", "KILL"] {
        let user = User::new();
        let up_with_data = user.up(&["--data", "data"]);
        let mut program = user.start(&up_with_data);
        let up = Up::of(&program).await;
        let mut socket = user.socket(&up, "ap-1").await;
        socket.send(r#"{"type":"check-in","seq":1,"firmware":"2.4.1"}"#).await;
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
        let before = user.nodes(&up.dynamodb).await;
        program.signal(signal);
        program.ended().await;

        let program = user.start(&up_with_data);
        let after = user.nodes(&Up::of(&program).await.dynamodb).await;
        let since = |nodes: &Value| (nodes[0]["since_ms"].clone(), nodes[0]["last_seen_ms"].clone());
        assert_eq!((since(&after), after.as_array().map(Vec::len)), (since(&before), Some(1)), "SIG{signal}: {after}");
        let node = &after[0];
        assert_eq!((&node["node"], &node["firmware"]), (&json!("ap-1"), &json!("2.4.1")), "SIG{signal}");
        assert!(node["presence"] == "online" && node["since_ms"].is_u64(), "SIG{signal}: {node}");
    }
}

#[tokio::test]
async fn each_setting_that_is_out_of_range_is_named_before_anything_starts() {
    let user = User::new();
    let ended = user.run(&user.up(&["--lifetime", "7000", "--check-in-every", "0"])).await;
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{ended:?}");
    let problem = ended.stderr;
    assert!(problem.contains("--lifetime must be from 1 to 6600 seconds, not 7000"), "{problem}");
    assert!(problem.contains("--check-in-every must be from 1 to 540 seconds, not 0"), "{problem}");
}

#[tokio::test]
async fn a_command_that_can_not_be_understood_exits_with_2() {
    let user = User::new();
    for (arguments, reason) in [
        (&["up", "--no-such-flag"][..], "--no-such-flag"),
        (&["up", "--ws-port", "70000"], "--ws-port"),
        (&["token", "a/b"], "contains '/'"),
        (&["table", "nodes", "--endpoint-url", "127.0.0.1:8789"], "http://"),
        (&["nodes", "--endpoint-url", "http://127.0.0.1:8789"], "--endpoint-url"),
    ] {
        let ended = user.run(arguments).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(reason) && ended.stdout.is_empty(), "{arguments:?}: {ended:?}");
    }
}

#[tokio::test]
async fn tokens_are_signed_with_one_key_that_only_its_owner_can_read() {
    let user = User::new();
    let (one, two) = tokio::join!(user.token("ap-1"), user.token("ap-2"));
    let key = user.folder.path().join("state/rollcall/development.key");
    let first = std::fs::read_to_string(&key).expect("a key");
    assert_eq!(std::fs::metadata(&key).expect("a key").permissions().mode() & 0o777, 0o600);
    let files = key.parent().expect("a folder").read_dir().expect("a folder").count();
    assert_eq!(files, 1, "nothing else is left beside it");

    let program = user.start(&user.up(&[]));
    let up = Up::of(&program).await;
    let three = user.token("ap-3").await;
    for token in [one, two, three] {
        Socket::open(&up.ws, &token).await.expect("the token is accepted");
    }
    assert_eq!(std::fs::read_to_string(&key).expect("a key"), first, "the key is made once");
    let stranger = User::new().token("ap-1").await;
    assert_eq!(Socket::open(&up.ws, &stranger).await.expect_err("another machine's key"), 401);
}

#[tokio::test]
async fn a_node_in_a_terminal_checks_in_until_it_is_interrupted_and_never_shows_its_token() {
    let user = User::new();
    let program = user.start(&user.up(&[]));
    let up = Up::of(&program).await;
    let token = user.token("ap-1").await;
    let url = format!("{}?token={token}", up.ws);
    let mut command = user.command(&["node", "--id", "ap-1", "--url", &url]);
    let mut node = Program::start(command.env("ROLLCALL_TOKEN", &token));
    node.says("acknowledged  seq 1").await;
    let nodes = user.nodes(&up.dynamodb).await;
    assert_eq!(nodes[0]["presence"], "online", "{nodes}");
    node.signal("INT");
    let ended = node.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!format!("{ended:?}").contains(&token), "the token is shown");
}

#[tokio::test]
async fn a_node_that_can_not_connect_says_why_and_what_to_do() {
    let user = User::new();
    let program = user.start(&user.up(&[]));
    let up = Up::of(&program).await;
    let forged = User::new().token("ap-1").await;
    let ended = user.run(&["node", "--id", "ap-1", "--url", &up.ws, "--token", &forged]).await;
    let refused = problem(&ended);
    assert!(refused.contains("401") && refused.contains("rollcall token NODE"), "{refused}");
    assert!(!format!("{ended:?}").contains(&forged), "the token is shown");

    let ended = user.run(&["node", "--id", "ap-1", "--url", &up.dynamodb, "--token", &forged]).await;
    let unusable = problem(&ended);
    assert!(unusable.contains("ws://") && !unusable.contains("token"), "{unusable}");
}

#[tokio::test]
async fn whoever_stops_reading_the_output_has_seen_enough() {
    let user = User::new();
    let token = ["token", "ap-1"].map(str::to_owned).to_vec();
    for arguments in [token, user.up(&["--seconds", "1"])] {
        let (reader, unread) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = user.command(&arguments);
        let child = command.stdout(unread).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("started");
        drop(command);
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").expect("a child");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("Broken pipe"), "{arguments:?}: {stderr}");
    }
}
