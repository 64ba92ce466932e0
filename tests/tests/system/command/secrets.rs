//! Tokens and keys, as a user hands them to the command.

use std::os::unix::fs::PermissionsExt;

use rollcall_tests::{Ended, Program, User, free_port};
use serde_json::Value;

use super::console::{Asker, started};

/// Writes a file that only its owner can read.
fn keep(user: &User, name: &str, content: impl AsRef<[u8]>) {
    let file = user.folder.path().join(name);
    std::fs::write(&file, content).expect("written");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("its owner's");
}

/// A node that is to connect where nobody is.
async fn refused(user: &User, arguments: &[&str]) -> String {
    let nowhere = format!("ws://127.0.0.1:{}", free_port());
    let ended = user.run(&[&["node", "--id", "ap-1", "--url", &nowhere], arguments].concat()).await;
    misuse(&ended)
}

/// The sentence of a command that was not understood.
fn misuse(ended: &Ended) -> String {
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "nothing is tried: {ended:?}");
    ended.stderr.strip_prefix("rollcall: ").unwrap_or_else(|| panic!("no sentence: {ended:?}")).to_owned()
}

#[tokio::test]
async fn a_node_takes_its_token_from_a_file_standard_input_or_a_variable_however_that_was_saved() {
    let (asker, _program, up) = started().await;
    let token = asker.user.token("ap-1").await;
    let broken: Vec<_> = token.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    for content in [format!("{token}\n"), format!("\u{feff}{token}\r\n"), format!(" \"{token}\" "), broken.join("\r\n")]
    {
        keep(&asker.user, "token", &content);
        let mut node = asker.user.start(&["node", "--id", "ap-1", "--url", &up.ws, "--token-file", "token"]);
        node.says("acknowledged  seq 1").await;
        node.signal("INT");
        let ended = node.ended().await;
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{content:?}: {ended:?}");
        let mut command = asker.user.command(&["node", "--id", "ap-1", "--url", &up.ws]);
        Program::start(command.env("ROLLCALL_TOKEN", content)).says("acknowledged  seq 1").await;
    }
    let mut node = asker.user.start(&["node", "--id", "ap-1", "--url", &up.ws, "--token-file", "-"]);
    node.tell_all(&format!("{token}\n")).await;
    node.says("acknowledged  seq 1").await;
}

#[tokio::test]
async fn a_file_with_a_secret_that_others_can_read_is_warned_of() {
    let (asker, _program, _up) = started().await;
    let key = asker.user.run(&["key"]).await.stdout;
    keep(&asker.user, "key", &key);
    let list = ["nodes", "list", "--key-file", "key"];
    assert_eq!(asker.text(&list).await, "no nodes yet\n", "nobody else can read it");
    let file = asker.user.folder.path().join("key");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).expect("everybody's");
    let warned = asker.run(&list).await;
    let warning = "warning: others can read the console's key in key (mode 644): `chmod 600 key`\n";
    assert_eq!((warned.code, &*warned.stderr), (Some(0), warning));
}

#[tokio::test]
async fn a_console_s_key_may_be_in_a_file_and_comes_before_the_environment_s() {
    let (asker, _program, _up) = started().await;
    let key = asker.user.run(&["key"]).await.stdout;
    let key = key.trim();
    for content in [format!("{key}\r\n"), format!("\u{feff}{key}"), format!("'{key}'\n")] {
        keep(&asker.user, "key", &content);
        let wrong = [("ROLLCALL_CONSOLE_KEY", "another")];
        let listed = asker.with(&wrong, &["nodes", "list", "--key-file", "key"]).await;
        assert_eq!((listed.code, &*listed.stdout), (Some(0), "no nodes yet\n"), "{content:?}: {listed:?}");
        let listed = asker.with(&[("ROLLCALL_CONSOLE_KEY", &content)], &["nodes", "list"]).await;
        assert_eq!((listed.code, &*listed.stdout), (Some(0), "no nodes yet\n"), "{content:?}: {listed:?}");
    }
    for (content, reason) in [
        (&b""[..], "key is empty"),
        (b"half\nhalf", "key has more than one line in it"),
        (b"\xff\xfeh\0", "key is UTF-16: save it as UTF-8"),
        (b"another", "does not take the key of --key-file"),
    ] {
        keep(&asker.user, "key", content);
        let said = asker.problem(&["nodes", "list", "--key-file", "key"]).await;
        assert!(said.contains(reason) && !said.contains("half"), "{content:?}: {said}");
    }
    let url = format!("\u{feff} \"{}/\"\r\n", asker.url);
    let listed = asker.with(&[("ROLLCALL_CONSOLE_URL", &url)], &["nodes", "list"]).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
}

#[tokio::test]
async fn a_token_that_no_connection_could_be_opened_with_is_refused_before_one_is_tried() {
    let user = User::new();
    let own = user.token("ap-1").await;
    let other = user.token("ap-2").await;
    let said = refused(&user, &["--token", &other]).await;
    assert!(said.starts_with("a token for node ap-2 was given, and not for ap-1"), "{said}");
    let later = user.run(&["token", "ap-1", "--not-before", "3600"]).await.stdout;
    let said = refused(&user, &["--token", later.trim()]).await;
    assert!(said.starts_with("the token of ap-1 is not valid before "), "{said}");
    // {"alg":"HS256","kid":"a"}, {"sub":"ap-1","cv":1,"exp":1000000000}
    let expired = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJhcC0xIiwiY3YiOjEsImV4cCI6MTAwMDAwMDAwMH0.c2ln";
    let said = refused(&user, &["--token", expired]).await;
    assert!(said.starts_with("the token of ap-1 expired at 2001-09-09 01:46:40 UTC"), "{said}");
    for none in ["nonsense", "a.b.c", &format!("{own}.{own}"), &own[..own.len() / 2]] {
        let said = refused(&user, &["--token", none]).await;
        assert!(said.contains("none that a node has") && !said.contains(none), "{said}");
    }
    assert!(refused(&user, &["--token", "two words"]).await.contains("--token has more than one word in it"));
    assert!(refused(&user, &[]).await.contains("--token-file FILE, or ROLLCALL_TOKEN"), "no token at all");
    let url = format!("ws://127.0.0.1:1/local?token={other}");
    let said = misuse(&user.run(&["node", "--id", "ap-1", "--url", &url, "--token", &own]).await);
    assert!(said.starts_with("the URL has another token in it") && !said.contains(&other), "{said}");
    let both = user.run(&["node", "--id", "ap-1", "--token", &own, "--token-file", "token"]).await;
    assert!(both.code == Some(2) && both.stderr.contains("cannot be used with"), "{both:?}");
}

#[tokio::test]
async fn the_development_key_is_read_however_it_was_saved() {
    let user = User::new();
    user.token("ap-1").await;
    let name = "state/rollcall/development.key";
    let kept = std::fs::read_to_string(user.folder.path().join(name)).expect("a key");
    let console = user.run(&["key"]).await.stdout;
    let (first, second) = kept.split_at(20);
    let standard = kept.replace('-', "+").replace('_', "/");
    for content in [format!("\u{feff}{kept}\r\n"), format!("{first}\n{second}\n"), format!("{standard}=\n")] {
        keep(&user, name, &content);
        assert_eq!(user.run(&["key"]).await.stdout, console, "{content:?}");
    }
    for content in [&b""[..], b"hush", b"\xff\xfea\0"] {
        keep(&user, name, content);
        let ended = user.run(&["key"]).await;
        assert!(ended.code == Some(1) && ended.stderr.contains("development.key is"), "{ended:?}");
        assert!(!ended.stderr.contains("hush"), "{ended:?}");
    }
}

#[tokio::test]
async fn a_token_says_from_when_it_is_valid_and_whom_it_is_for() {
    let user = User::new();
    let limited = user.run(&["token", "ap-1", "--not-before", "60", "--audience", "rollcall"]).await.stdout;
    let claims = rollcall_token::unverified(limited.trim()).expect("a token");
    assert_eq!(claims.audience.as_deref(), Some(&["rollcall".to_owned()][..]));
    let year = claims.expires_at.seconds_since(claims.not_before.expect("a beginning"));
    assert_eq!(year, 365 * 24 * 3600 - 60);
    let never = user.run(&["token", "ap-1", "--days", "1", "--not-before", "86400"]).await;
    assert!(misuse(&never).contains("--not-before"), "{never:?}");
    let asker = Asker { user, url: String::new() };
    let key: Value = serde_json::from_str(&asker.text(&["key", "--deploy"]).await).expect("JSON");
    assert_eq!(key["token_keys"]["keys"][0]["alg"], "HS256");
}
