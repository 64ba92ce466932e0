//! What `rollcall up` says while it runs: events in words, how it is doing, and a summary.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_tests::{Ended, Frame, Program, Socket, Up, User};
use rollcall_wire::ServerMessage;
use serde_json::Value;
use tokio::process::Command;

/// A cloud that is interrupted, and all that it said.
async fn interrupted(mut program: Program) -> Ended {
    program.signal("INT");
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

#[tokio::test]
async fn what_is_refused_is_said_in_words_and_no_line_of_a_function_is_shown() {
    let user = User::new();
    let program = user.start(&user.up(&["--registration", "closed"]));
    let up = Up::of(&program).await;
    assert_eq!(Socket::open(&up.ws, &user.token("ap-1").await).await.expect_err("unregistered"), 403);
    program.says("refused: ap-1 is not registered (connect)").await;
    // {"alg":"HS256","kid":"development"}, {"sub":"ap-1","cv":1,"exp":1000000000}
    let unsigned =
        "eyJhbGciOiJIUzI1NiIsImtpZCI6ImRldmVsb3BtZW50In0.eyJzdWIiOiJhcC0xIiwiY3YiOjEsImV4cCI6MTAwMDAwMDAwMH0.c2ln";
    assert_eq!(Socket::open(&up.ws, unsigned).await.expect_err("refused"), 401);
    program.says("refused: the token's signature is wrong (authorize)").await;
    assert_eq!(Socket::open(&up.ws, "nonsense").await.expect_err("refused"), 401);
    program.says("refused: the token is malformed: ").await;
    let ended = interrupted(program).await;
    assert!(!ended.stderr.contains("{\""), "{ended:?}");
    assert!(!ended.stderr.contains("WARN"), "what a condition refuses is no warning: {ended:?}");
    assert!(ended.stderr.contains("refused: ap-1 is not registered (connect)\n"), "{ended:?}");
}

#[tokio::test]
async fn a_burst_of_refusals_is_a_few_lines_with_a_count_and_all_of_them_are_in_the_summary() {
    const BURST: usize = 60;
    let user = User::new();
    let program = user.start(&user.up(&["--json"]));
    let up = Up::of(&program).await;
    let forged = User::new().token("ap-1").await;
    for _ in 0..BURST {
        assert_eq!(Socket::open(&up.ws, &forged).await.expect_err("another machine's key"), 401);
    }
    program.says(" more like it)").await;
    // Another kind is said at once; by then, all of the first were heard.
    Socket::open(&up.ws, "nonsense").await.expect_err("refused");
    program.says("refused: the token is malformed: ").await;
    let ended = interrupted(program).await;
    let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains("signature is wrong")).collect();
    assert_eq!(lines[0], "refused: the token's signature is wrong (authorize)", "{ended:?}");
    let counted = |line: &&str| match line.rsplit_once(" (").and_then(|(_, count)| count.strip_suffix(" more like it)"))
    {
        Some(count) => 1 + count.parse::<usize>().unwrap_or_else(|_| panic!("no count: {line}")),
        None => 1,
    };
    assert_eq!(lines.iter().map(counted).sum::<usize>(), BURST, "none is lost: {ended:?}");
    assert!(lines.len() < BURST / 2, "at most one a second: {ended:?}");
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let refusals: BTreeMap<String, usize> = serde_json::from_value(summary["refusals"].clone()).expect("counts");
    assert_eq!(refusals["authorize: the token's signature is wrong"], BURST, "{refusals:?}");
}

#[tokio::test]
async fn with_verbose_every_line_of_the_functions_is_shown_as_it_is() {
    let user = User::new();
    let program = user.start(&user.up(&["--verbose"]));
    let up = Up::of(&program).await;
    let mut socket = user.socket(&up, "ap-1").await;
    socket.check_in(1).await;
    program.says("check-in: {\"level\":\"INFO\"").await;
    Socket::open(&up.ws, "nonsense").await.expect_err("refused");
    program.says("authorize: {\"level\":\"WARN\"").await;
    let ended = interrupted(program).await;
    assert!(!ended.stderr.contains("refused: "), "it is said once: {ended:?}");
}

#[tokio::test]
async fn a_function_that_panics_is_heard_as_it_is_but_for_what_a_terminal_would_obey() {
    let user = User::new();
    let disconnect = user.functions().join("disconnect");
    let real = std::fs::read_link(&disconnect).expect("a link");
    std::fs::remove_file(&disconnect).expect("removed");
    let script = format!("#!/bin/sh\nprintf 'thread panicked \\033[2J\\n' >&2\nexec {}\n", real.display());
    std::fs::write(&disconnect, script).expect("written");
    std::fs::set_permissions(&disconnect, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
    let program = user.start(&user.up(&[]));
    Up::of(&program).await;
    program.says("disconnect: thread panicked \u{fffd}[2J\n").await;
    interrupted(program).await;
}

#[tokio::test]
async fn ctrl_c_and_a_termination_print_the_summary() {
    for (signal, json) in [("INT", false), ("TERM", true)] {
        let user = User::new();
        let mut program = user.start(&user.up(if json { &["--json"] } else { &[] }));
        let up = Up::of(&program).await;
        let mut socket = user.socket(&up, "ap-1").await;
        for seq in [1, 2] {
            socket.check_in(seq).await;
            assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
        }
        program.signal(signal);
        let ended = program.ended().await;
        assert_eq!(ended.code, Some(0), "SIG{signal}: {ended:?}");
        if json {
            let summary: Value = serde_json::from_str(&ended.stdout).expect("JSON, and nothing else");
            assert!(summary["connects"] == 1 && summary["check_ins"].as_u64() >= Some(1), "{ended:?}");
        } else {
            let row = |name: &str| ended.stdout.lines().find(|row| row.starts_with(name)).map(str::to_owned);
            assert!(row("check-ins ").is_some_and(|row| !row.ends_with(" 0")), "{ended:?}");
            assert!(row("send -> ack").is_some_and(|row| row.ends_with("  -")), "no simulated node: {ended:?}");
        }
    }
}

#[tokio::test]
async fn without_a_terminal_a_line_every_ten_seconds_says_how_it_is_doing() {
    let user = User::new();
    let mut program = user.start(&user.up(&["--nodes", "2", "--seconds", "12"]));
    let ended = program.ended_within(Duration::from_mins(2)).await;
    let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains(" check-ins (")).collect();
    assert!(lines.len() == 1 && lines[0].contains("s  ") && lines[0].contains(" connections  "), "{ended:?}");
    assert!(
        !ended.stderr.contains('\u{1b}') && !ended.stderr.contains('\r'),
        "no terminal, nothing for one: {ended:?}"
    );
}

#[tokio::test]
async fn on_a_terminal_one_line_is_redrawn_in_place_and_events_are_above_it() {
    let user = User::new();
    // What runs here has a terminal for its input and output, and what it writes there is printed.
    let python = "import pty, sys, os; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let own = user.command(&[""; 0]).as_std().get_program().to_owned();
    let up = user.up(&["--nodes", "2", "--seconds", "5"]);
    let mut command = Command::new("python3");
    command.args(["-c", python]).arg(own).args(&up).current_dir(&user.folder);
    command.env("XDG_STATE_HOME", user.folder.path().join("state")).env("TERM", "xterm");
    let mut program = Program::start(&mut command);
    let ready = Up::of(&program).await;
    // Again and again: nothing tells when the live line is there.
    let refusing = tokio::spawn(async move {
        while Socket::open(&ready.ws, "nonsense").await.is_err() {
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    });
    let ended = program.ended().await;
    refusing.abort();
    assert!(!ended.stdout.contains("Unauthorized"), "it is said once, with its reason: {ended:?}");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let drawn: Vec<_> = ended.stdout.split("\r\u{1b}[K\u{1b}[?7l").skip(1).collect();
    assert!(drawn.len() >= 3 && drawn.iter().all(|line| line.contains(" connections  ")), "{ended:?}");
    assert!(drawn[0].starts_with("0s  ") && drawn[0].contains("\u{1b}[?7h"), "{ended:?}");
    let event = "\r\u{1b}[Krefused: the token is malformed: ";
    assert!(ended.stdout.contains(event), "the live line makes room: {ended:?}");
    let (_, end) = ended.stdout.rsplit_once("\u{1b}[?7h\r\u{1b}[K").expect("the live line is taken away");
    assert!(end.lines().any(|line| line.starts_with("check-ins ")), "the summary is below: {ended:?}");
}
