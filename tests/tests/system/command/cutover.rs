//! `rollcall cutover`, with the example of tests/legacy and the mapping of docs/cut-over.md.

use std::path::Path;
use std::time::Duration;

use rollcall_tests::{Ended, Http, User, problem_with};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::console::{Asker, started};
use crate::cutover::{Legacy, poll};

/// Far longer than a change takes to be in effect.
const PATIENCE: Duration = Duration::from_mins(2);

const REQUEST: &str = "POST /nodes/AA-BB-CC-00-00-01/checkin?fw=2.4 HTTP/1.1\r\nHost: old.example.com\r\n\
    Authorization: Basic bm9kZTpwYXNz\r\nContent-Type: application/json\r\n\r\n\
    {\"config\": {\"revision\": 7}, \"uptime\": 60, \"done\": {\"id\": 3, \"status\": \"ok\"}}";

/// The mapping that the page explains.
fn documented() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cut-over.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, after) = page.split_once("```toml\n").expect("a mapping");
    after.split_once("```").expect("its end").0.to_owned()
}

#[tokio::test]
async fn the_mapping_of_the_page_is_checked_with_a_request_and_mistakes_are_shown_all_at_once() {
    let asker = Asker { user: User::new(), url: "http://127.0.0.1:9".to_owned() };
    asker.write("mapping.toml", &documented());
    asker.write("request.http", REQUEST);
    let shown = asker.text(&["cutover", "check", "mapping.toml", "--sample", "request.http"]).await;
    for line in [
        "the mapping has no mistakes",
        "node aa:bb:cc:00:00:01",
        "credential said, and not shown",
        "firmware 2.4",
        "configuration 7",
        "uptime, seconds 60",
        "result command 3 done",
    ] {
        assert!(shown.lines().any(|shown| shown.split_whitespace().eq(line.split(' '))), "{line}: {shown}");
    }
    assert!(!shown.contains("pass"), "the credential stays unseen: {shown}");
    let read = asker.json(&["cutover", "check", "mapping.toml", "--sample", "request.http"]).await;
    assert_eq!((&read["request"]["node"], &read["request"]["config"]), (&json!("aa:bb:cc:00:00:01"), &json!("7")));
    let unchanged = |answer: &&Value| answer["status"] == 304;
    assert!(read["answers"].as_array().expect("answers").iter().any(|answer| unchanged(&answer)), "{read}");

    asker.write("other.http", "GET /else HTTP/1.1\r\n\r\n");
    let other = problem_with(2, &asker.run(&["cutover", "check", "mapping.toml", "--sample", "other.http"]).await);
    assert_eq!(other, "other.http: it is no check-in: those have the path /nodes/{mac}/checkin and GET or POST");
    let mistaken = documented().replace("path:mac", "path:name").replace("config.text", "config.txt");
    asker.write("mistaken.toml", &mistaken.replace("timeout_s = 10 ", "timeout_s = 60 "));
    let ended = asker.run(&["cutover", "check", "mistaken.toml"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    for field in ["application.timeout_s: ", "request.node: ", "answer.body: "] {
        assert!(ended.stderr.lines().any(|line| line.trim_start().starts_with(field)), "{field}: {ended:?}");
    }
    asker.write("unreadable.toml", "[request]\npath = 7\n");
    let unreadable = asker.run(&["cutover", "check", "unreadable.toml"]).await;
    assert!(
        unreadable.code == Some(2) && unreadable.stderr.contains("unreadable.toml: TOML parse error"),
        "{unreadable:?}"
    );
    let schema: Value = serde_json::from_str(&asker.text(&["cutover", "schema"]).await).expect("JSON");
    assert!(schema["properties"]["request"].is_object() && schema["$schema"].is_string(), "{schema}");
}

#[tokio::test]
async fn a_node_is_taken_over_shown_and_given_back_by_commands() {
    let (asker, _program, up) = started().await;
    let legacy = Legacy::start(1).await;
    assert!(asker.text(&["cutover", "show"]).await.contains("there is no mapping yet"));
    asker.write("mapping.json", &legacy.mapping());
    let set = asker.run(&["cutover", "mapping", "mapping.json"]).await;
    assert_eq!(done(&set), "the mapping is set: it is in effect within five seconds\n");
    let set = asker.run(&["cutover", "set", "serve", "--percent", "100"]).await;
    assert_eq!(done(&set), "it is in effect within five seconds\n");
    assert!(
        set.stdout.lines().any(|line| line.split_whitespace().eq(["all", "others", "off", "100", "%", "serve"])),
        "{set:?}"
    );
    for (arguments, about) in [
        (["cutover", "set", "sometimes"].as_slice(), "possible values: off, observe, compare, serve"),
        (&["cutover", "set", "serve", "--percent", "101"], "--percent"),
        (&["cutover", "set", "serve", "--selector", "vendor=x"], "vendor"),
    ] {
        let refused = asker.run(arguments).await;
        assert!(refused.code == Some(2) && refused.stderr.contains(about), "{arguments:?}: {refused:?}");
    }
    let report = timeout(PATIENCE, reported(&asker, &up.http, "served")).await.expect("it is served");
    assert_eq!((&report["nodes"], &report["differences"]), (&json!(1), &json!([])), "{report}");

    // The endpoint gives another configuration than Rollcall, which has none.
    done(&asker.run(&["cutover", "set", "compare"]).await);
    let report = timeout(PATIENCE, reported(&asker, &up.http, "different")).await.expect("a difference");
    assert_eq!(report["differences"][0]["examples"][0]["node"], "02:00:00:00:00:00", "{report}");
    let text = asker.text(&["cutover", "report"]).await;
    assert!(text.contains("nodes that polled") && text.contains("body /config"), "{text}");
    let written = asker.run(&["cutover", "report", "--html", "report.html"]).await;
    assert_eq!(done(&written), "report.html is written\n");
    let page = std::fs::read_to_string(asker.user.folder.path().join("report.html")).expect("a page");
    assert!(page.contains("body /config") && !page.contains("http"), "it needs no network: {page}");
    let shown = asker.text(&["cutover", "show"]).await;
    assert!(shown.contains("/checkin") && shown.contains("compare"), "{shown}");

    let off = asker.run(&["cutover", "off"]).await;
    assert_eq!(done(&off), "it is in effect within five seconds\n");
    assert_eq!(off.stdout, "the legacy endpoint answers every node, and nothing is noted\n");
    let removed = asker.run(&["cutover", "mapping", "--remove"]).await;
    assert_eq!(removed.stderr, "the mapping is removed: it is in effect within five seconds\n", "{removed:?}");
    assert_eq!(asker.json(&["cutover", "show"]).await, json!({"rules": []}));
}

/// What a command says beside its output, if it succeeds.
fn done(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    &ended.stderr
}

/// Polls until the report counts this.
async fn reported(asker: &Asker, url: &str, count: &str) -> Value {
    let http = Http::new(url.to_owned(), "");
    loop {
        // What was set takes its time until it is in effect.
        poll(&http, 0, 0).await;
        let report = asker.json(&["cutover", "report"]).await;
        if report[count].as_u64().is_some_and(|count| count > 0) {
            return report;
        }
    }
}
