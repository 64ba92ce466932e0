//! `rollcall rollout`.

use rollcall_tests::problem_with;
use serde_json::{Value, json};

use super::console::started;

#[tokio::test]
async fn a_rollout_is_started_shown_paused_watched_and_ended() {
    let (asker, _program, _up) = started().await;
    for node in ["ap-1", "ap-2", "ap-3"] {
        asker.text(&["nodes", "register", node, "--site", "hq", "--model", "ax-2"]).await;
    }
    asker.write("config.json", r#"{"channel":36}"#);
    assert!(asker.text(&["rollout", "list"]).await.starts_with("no rollouts yet"));

    let select = ["--select", "site=hq", "--config", "config.json"];
    let gate = ["--wait", "1", "--patience", "1", "--waves", "1,100%"];
    let made = asker.text(&[&["rollout", "start", "one"][..], &select, &gate].concat()).await;
    assert!(made.starts_with("rollout     one\n") || made.contains("rollout"), "{made}");
    assert!(made.contains("`rollcall rollout watch one`"), "{made}");
    // No node is there, so that nobody reports.
    let shown = loop {
        let shown: Value =
            serde_json::from_str(&asker.text(&["rollout", "show", "one", "--json"]).await).expect("JSON");
        if shown["state"] == "paused" {
            break shown;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    assert_eq!((&shown["waves"], &shown["counts"]["told"]), (&json!([1, 3]), &json!(1)), "{shown}");
    let listed = asker.text(&["rollout", "list"]).await;
    assert!(listed.starts_with("NAME") && listed.contains("one   paused"), "{listed}");
    let nodes = asker.text(&["rollout", "nodes", "one", "--state", "waiting"]).await;
    assert_eq!(nodes.lines().count(), 3, "two nodes wait, below the heads: {nodes}");

    let twice = asker.run(&["rollout", "pause", "one"]).await;
    assert!(problem_with(1, &twice).contains("the rollout is paused"), "{twice:?}");
    assert!(asker.text(&["rollout", "abort", "one"]).await.contains("aborted"));
    let watched = asker.run(&["rollout", "watch", "one"]).await;
    assert!(watched.code == Some(1) && watched.stdout.contains("aborted  wave 1 of 2"), "{watched:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_rollout_is_said_and_nothing_starts() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1", "--site", "hq", "--model", "ax-2"]).await;
    let nothing = asker.run(&["rollout", "start", "one", "--select", "site=hq"]).await;
    assert!(problem_with(2, &nothing).contains("--config, --firmware or --command"), "{nothing:?}");
    let nobody = asker.run(&["rollout", "start", "one", "--select", "site=lab", "--command", "scan"]).await;
    assert!(problem_with(1, &nobody).contains("it means no node"), "{nobody:?}");
    let firmware = asker.run(&["rollout", "start", "one", "--select", "site=hq", "--firmware", "9.9"]).await;
    assert!(problem_with(1, &firmware).contains("no firmware 9.9 is known for the model \"ax-2\""), "{firmware:?}");
    let back = ["rollout", "start", "one", "--select", "site=hq", "--command", "scan", "--waves", "50%,10%"];
    assert!(problem_with(1, &asker.run(&back).await).contains("wave 2"), "waves that go back");
    let missing = asker.run(&["rollout", "show", "one"]).await;
    assert!(problem_with(1, &missing).contains("no rollout one"), "{missing:?}");
}

/// The commands of the documentation, each as the words that a shell makes of it.
fn documented() -> Vec<Vec<String>> {
    let page = include_str!("../../../../docs/rollouts.md");
    let commands = page.lines().filter_map(|line| line.strip_prefix("rollcall rollout "));
    let words = |command: &str| {
        let parts = command
            .split('\'')
            .enumerate()
            .flat_map(|(nth, part)| if nth % 2 == 1 { vec![part] } else { part.split_whitespace().collect() });
        std::iter::once("rollout").chain(parts).map(str::to_owned).collect()
    };
    commands.map(words).collect()
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn every_command_of_the_documentation_does_what_it_says() {
    let (asker, _program, _up) = started().await;
    asker.text(&["nodes", "register", "ap-1", "--site", "hq", "--model", "ax-2"]).await;
    asker.write("channel-36.json", r#"{"channel":36}"#);
    asker.write("ax.bin", "image");
    asker.run(&["firmware", "add", "ax-2", "2.5.0", "ax.bin", "--signature", "c2ln"]).await;
    let (watch, others): (Vec<_>, Vec<_>) = documented().into_iter().partition(|words| words[1] == "watch");
    assert_eq!((watch.len(), others.len()), (1, 10), "{others:?}");
    for words in others {
        let ended = asker.run(&borrowed(&words)).await;
        if words[1] == "approve" {
            assert!(problem_with(1, &ended).contains("no wave waits for an approval"), "{words:?}: {ended:?}");
        } else {
            assert_eq!(ended.code, Some(0), "{words:?}: {ended:?}");
        }
    }
    let watched = asker.run(&borrowed(&watch[0])).await;
    assert!(watched.code == Some(1) && watched.stdout.contains("rolled-back"), "it did not complete: {watched:?}");
}
