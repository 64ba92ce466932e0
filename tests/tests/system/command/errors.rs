//! What fails, as a program reads it.

use rollcall_tests::{User, free_port, json_problem, problem};
use serde_json::Value;

use super::console::{Asker, started};

#[tokio::test]
async fn with_json_what_fails_is_one_object_on_standard_error_and_the_exit_code_is_the_same() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1"]).await;
    asker.write("one.json", "{}");
    for (arguments, code) in [
        (&["nodes", "show", "ap-9"][..], "unknown-node"),
        (&["nodes", "register", "ap-1", "--credential-version", "0"], "credentials-go-back"),
        (&["config", "set", "ap-1", "one.json", "--if-match", "7"], "version-mismatch"),
        (&["config", "set", "ap-1", "none.json"], "failed"),
        (&["command", "send", "ap-9", "led"], "unknown-node"),
        (&["command", "cancel", "ap-1", "1"], "unknown-command"),
        (&["firmware", "show", "ax-2", "2.5.0"], "unknown-firmware"),
        (&["firmware", "want", "ap-1", "2.5.0"], "other-model"),
    ] {
        let told = asker.run(&[arguments, &["--json"]].concat()).await;
        let (message, said) = json_problem(1, &told);
        assert_eq!((&*told.stdout, told.stderr.lines().count()), ("", 1), "{arguments:?}: {told:?}");
        assert_eq!(said, code, "{arguments:?}: {told:?}");
        assert_eq!(message, problem(&asker.run(arguments).await), "a person is told the same");
    }
    let wrong = [("ROLLCALL_CONSOLE_KEY", "a-wrong-key")];
    let refused = asker.with(&wrong, &["nodes", "--json"]).await;
    assert_eq!(json_problem(1, &refused).1, "unauthenticated");
    let nobody = Asker { url: format!("http://127.0.0.1:{}", free_port()), ..asker };
    for arguments in [&["nodes", "list", "--json"][..], &["nodes", "--json"], &["config", "get", "ap-1", "--json"]] {
        assert_eq!(json_problem(1, &nobody.run(arguments).await).1, "unavailable", "{arguments:?}");
    }
}

#[tokio::test]
async fn with_json_what_can_not_be_understood_is_one_object_too() {
    let user = User::new();
    for (arguments, reason) in [
        (&["nodes", "--json", "--nonsense"][..], "unexpected argument '--nonsense' found"),
        (&["nodes", "show", "--json"], "the following required arguments were not provided: <ID>"),
        (&["up", "--json", "--ws-port", "70000"], "invalid value '70000' for '--ws-port <PORT>'"),
        (&["--stack", "a", "nodes", "--json", "--url", "http://127.0.0.1:1"], "cannot be used with '--url'"),
        (&["token", "ap-1", "--json"], "unexpected argument '--json' found"),
    ] {
        let ended = user.run(arguments).await;
        let (message, code) = json_problem(2, &ended);
        assert!(message.contains(reason) && !message.contains('\n'), "{arguments:?}: {message}");
        assert_eq!((&*code, &*ended.stdout, ended.stderr.lines().count()), ("usage", "", 1), "{arguments:?}");
    }
    let ended = user.run(&["nodes", "--nonsense", "--", "--json"]).await;
    assert!(ended.code == Some(2) && ended.stderr.starts_with("error: "), "it is an argument here: {ended:?}");
    let help = user.run(&["nodes", "--json", "--help"]).await;
    assert!(help.code == Some(0) && help.stdout.contains("Usage: rollcall nodes"), "help is no error: {help:?}");
}

#[tokio::test]
async fn a_cloud_that_does_not_start_says_so_as_json() {
    let user = User::new();
    let ended = user.run(&user.up(&["--json", "--lifetime", "7000"])).await;
    assert!(json_problem(2, &ended).0.contains("--lifetime must be from 1 to 6600 seconds, not 7000"), "{ended:?}");
    let object: Value = serde_json::from_str(&ended.stderr).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert!(object["error"].is_object() && ended.stdout.is_empty(), "{ended:?}");
}
