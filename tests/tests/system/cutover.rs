//! Nodes that poll a legacy endpoint are taken over, without one poll that fails. The endpoint is
//! a program in Python with a database of its own.

mod fleet;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_cutover::Mapping;
use rollcall_tests::{Cloud, Fault, Http, HttpReply, Options, Program, free_port, python};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::firmware;

/// Far longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_mins(3);

/// The legacy endpoint: the program, and its database.
pub(crate) struct Legacy {
    program: Option<Program>,
    home: TempDir,
    port: u16,
    python: PathBuf,
}

impl Legacy {
    /// An endpoint that knows these nodes, each with a password and the first revision of its configuration.
    pub(crate) async fn start(nodes: u32) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let mut legacy = Self { program: None, home, port: free_port(), python: python("receiver").await };
        legacy.run().await;
        let database = legacy.database();
        for number in 0..nodes {
            let row = (mac(number), password(number), document(1));
            let add = "INSERT INTO nodes (mac, password, revision, config) VALUES (?1, ?2, 1, ?3)";
            database.execute(add, row).expect("added");
        }
        legacy
    }

    async fn run(&mut self) {
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("legacy/server.py");
        let mut command = Command::new(&self.python);
        command.arg(server).arg(self.home.path().join("legacy.db")).arg(self.port.to_string());
        let program = Program::start(&mut command);
        program.says("listening").await;
        self.program = Some(program);
    }

    /// Ends it: connections to it are refused.
    fn die(&mut self) {
        self.program = None;
    }

    fn database(&self) -> Connection {
        let database = Connection::open(self.home.path().join("legacy.db")).expect("a database");
        database.busy_timeout(PATIENCE).expect("set");
        database
    }

    /// How many polls it has answered, of all nodes.
    fn polls(&self) -> u64 {
        let sum = "SELECT coalesce(sum(polls), 0) FROM nodes";
        self.database().query_row(sum, [], |row| row.get(0)).expect("a sum")
    }

    /// The mapping of tests/legacy, for this very endpoint.
    pub(crate) fn mapping(&self) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("legacy/mapping.toml");
        let text = fs::read_to_string(file).expect("the mapping").replace(":3000", &format!(":{}", self.port));
        serde_json::to_string(&toml::from_str::<Mapping>(&text).expect("a mapping")).expect("JSON")
    }
}

/// One poll, as a node makes it that runs this revision.
pub(crate) async fn poll(http: &Http, number: u32, revision: u64) -> HttpReply {
    let path = format!("/checkin?mac={}&fw=1.{number}&rev={revision}", mac(number));
    let authorization = authorization(number, &password(number));
    http.send_with("GET", &path, &[("authorization", &authorization)], "").await
}

/// One poll, which must be answered. Returns the revision that the node runs afterwards.
async fn polls_once(http: &Http, number: u32, revision: u64) -> u64 {
    let answer = poll(http, number, revision).await;
    assert_eq!(answer.status, 200, "node {number}: {answer:?}");
    let said = answer.json();
    assert_eq!(said["interval"], 10, "node {number}: {said}");
    let Some(given) = said["revision"].as_u64() else { return revision };
    assert_eq!(said["config"], serde_json::from_str::<Value>(&document(given)).expect("JSON"), "node {number}");
    assert!(given >= revision, "node {number} runs {revision}, and is given {given}");
    given
}

fn authorization(number: u32, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("node-{number}:{password}")))
}

fn mac(number: u32) -> String {
    format!("02:00:00:00:{:02x}:{:02x}", number >> 8, number & 0xff)
}

fn password(number: u32) -> String {
    format!("secret-{number}")
}

/// The configuration with this revision.
fn document(revision: u64) -> String {
    format!(r#"{{"revision":{revision},"ssid":"guest"}}"#)
}

async fn set(console: &Http, mode: &str, percent: Option<&str>) {
    let set = console.put("/v1/cutover/mode", json!({"mode": mode, "percent": percent}).to_string()).await;
    assert_eq!(set.status, 200, "{set:?}");
}

/// What became of the polls of all nodes.
async fn report(console: &Http) -> Vec<Value> {
    let (mut nodes, mut after) = (vec![], String::new());
    loop {
        let page = console.get(&format!("/v1/cutover/nodes?limit=100{after}")).await.json();
        nodes.extend(page["nodes"].as_array().unwrap_or_else(|| panic!("{page}")).clone());
        let Some(cursor) = page["cursor"].as_str() else { return nodes };
        after = format!("&cursor={cursor}");
    }
}

fn sum(nodes: &[Value], count: &str) -> u64 {
    nodes.iter().filter_map(|node| node[count].as_u64()).sum()
}

#[tokio::test]
async fn who_comes_with_a_wrong_password_is_served_nothing_and_who_is_not_known_is_not_learned() {
    let legacy = Legacy::start(1).await;
    let cloud = Cloud::start().await;
    let (console, http) = (cloud.console(), cloud.http(""));
    assert_eq!(http.get("/checkin?mac=a").await.status, 404, "there is no mapping");
    assert_eq!(console.put("/v1/cutover/mapping", legacy.mapping()).await.status, 204);
    set(&console, "serve", None).await;
    let poll = async |number: u32, password: &str| {
        let path = format!("/checkin?mac={}&rev=0", mac(number));
        http.send_with("GET", &path, &[("authorization", &authorization(number, password))], "").await.status
    };
    // What can't be noted in time is noted with the next poll.
    for count in ["fell_back", "served"] {
        let counted = async {
            while sum(&report(&console).await, count) == 0 {
                poll(0, &password(0)).await;
            }
        };
        timeout(PATIENCE, counted).await.expect("it is learned, and then served");
    }
    assert_eq!([poll(0, "guessed").await, poll(1, &password(1)).await], [401, 401]);
    assert_eq!(cloud.stored(&mac(1)).await, None);
    assert_eq!(http.get("/other").await.status, 404, "it is the endpoint's answer");
    cloud.stop().await;
}

#[tokio::test]
async fn while_the_table_does_not_answer_the_endpoint_answers_every_poll() {
    let legacy = Legacy::start(1).await;
    let more = [("ROLLCALL_CUTOVER_WAIT_MS".to_owned(), "500".to_owned())].into();
    let cloud = Cloud::with(Options { more, ..Options::default() }).await;
    let (console, http) = (cloud.console(), cloud.http(""));
    assert_eq!(console.put("/v1/cutover/mapping", legacy.mapping()).await.status, 204);
    set(&console, "observe", None).await;
    let observed = async {
        while report(&console).await.is_empty() {
            polls_once(&http, 0, 0).await;
        }
    };
    timeout(PATIENCE, observed).await.expect("it is observed");
    cloud.dynamodb.set(Fault::Hold(Arc::new(Semaphore::new(0))));
    for _ in 0..5 {
        assert_eq!(polls_once(&http, 0, 0).await, 1);
    }
    cloud.dynamodb.set(Fault::None);
    cloud.stop().await;
}

#[tokio::test]
async fn while_the_table_is_slow_what_is_set_comes_into_effect_all_the_same() {
    let legacy = Legacy::start(1).await;
    let cloud = Cloud::start().await;
    let (console, http) = (cloud.console(), cloud.http(""));
    assert_eq!(console.put("/v1/cutover/mapping", legacy.mapping()).await.status, 204);
    let mapped = async { while poll(&http, 0, 0).await.status != 200 {} };
    timeout(PATIENCE, mapped).await.expect("the endpoint answers");
    cloud.dynamodb.set(Fault::Slow(Duration::from_millis(20)));
    set(&console, "serve", None).await;
    let served = async {
        while sum(&report(&console).await, "served") == 0 {
            polls_once(&http, 0, 0).await;
        }
    };
    timeout(PATIENCE, served).await.expect("Rollcall answers");
    cloud.dynamodb.set(Fault::None);
    cloud.stop().await;
}

#[tokio::test]
async fn a_mapping_with_mistakes_is_refused_with_all_of_them_and_each_change_is_an_event_with_its_actor() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut mapping: Value = serde_json::from_str(
        r#"{"application": {"url": "ftp://a"}, "request": {"path": "/a", "node": "path:b"}, "answer": {"body": "{{"}}"#,
    )
    .expect("JSON");
    let refused = console.put("/v1/cutover/mapping", mapping.to_string()).await;
    assert_eq!(refused.problem(), (400, "invalid-body".to_owned()));
    let detail = refused.json()["detail"].as_str().expect("a text").to_owned();
    for field in ["application.url: ", "request.node: ", "answer.body: "] {
        assert!(detail.contains(field), "{detail}");
    }
    mapping["application"]["url"] = "http://127.0.0.1:9".into();
    mapping["request"]["node"] = "query:b".into();
    mapping["answer"]["body"] = "ok".into();
    assert_eq!(console.put("/v1/cutover/mapping", mapping.to_string()).await.status, 204);
    for (body, status) in [
        (json!({"mode": "serve", "percent": "10"}), 200),
        (json!({"mode": "serve", "percent": "10"}), 200),
        (json!({"mode": "sometimes"}), 400),
        (json!({"mode": "serve", "percent": "101"}), 400),
        (json!({"mode": "serve", "selector": "vendor=x"}), 400),
    ] {
        assert_eq!(console.put("/v1/cutover/mode", body.to_string()).await.status, status, "{body}");
    }
    let shown = console.get("/v1/cutover").await.json();
    assert_eq!(shown["rules"], json!([{"mode": "off", "percent": "10", "shifted": "serve"}]));
    assert_eq!(shown["mapping"]["request"]["node"], "query:b");
    assert_eq!(console.send("DELETE", "/v1/cutover/mapping", "").await.status, 204);
    let events = console.get("/v1/events?type=cutover.*").await.json();
    let told: Vec<_> =
        events["events"].as_array().expect("events").iter().map(|event| (&event["type"], &event["subject"])).collect();
    let [mapped, moved, removed] = told[..] else { panic!("{told:?}") };
    assert_eq!(
        (mapped, moved, removed),
        (
            (&json!("cutover.mapping"), &json!("fleet")),
            (&json!("cutover.mode"), &json!("fleet")),
            (&json!("cutover.mapping"), &json!("fleet"))
        )
    );
    assert!(events["events"][1]["actor"].as_str().is_some_and(|actor| actor.starts_with("key-")), "{events}");
    assert_eq!(events["events"][1]["data"]["is"], json!([{"mode": "off", "percent": "10", "shifted": "serve"}]));
    cloud.stop().await;
}

#[tokio::test]
async fn firmware_and_a_command_reach_a_node_with_its_polls_and_its_result_is_stored() {
    let cloud = Cloud::start().await;
    let (console, http) = (firmware::prepare(&cloud).await, cloud.http(""));
    let body = "{{ firmware.url if firmware else command.name ~ command.number if command else 'nothing' }}";
    let mapping = json!({
        "application": {"url": "http://127.0.0.1:9"}, "answer": {"body": body},
        "request": {
            "path": "/poll", "methods": ["POST"], "node": "form:id", "firmware": "form:fw",
            "result": {"command": "form:command", "status": "form:status"},
        },
    });
    assert_eq!(console.put("/v1/cutover/mapping", mapping.to_string()).await.status, 204);
    set(&console, "serve", None).await;
    let poll = async |form: &str| http.send("POST", "/poll", form.to_owned()).await.text;
    let in_effect = async { while poll("id=ap-1").await != "nothing" {} };
    timeout(PATIENCE, in_effect).await.expect("it is served");

    assert_eq!(console.put("/v1/nodes/ap-1/firmware", r#"{"version": "2.5"}"#).await.status, 200);
    let url = poll("id=ap-1&fw=2.4").await;
    assert_eq!(Http::new(url, "").get("").await.text, firmware::IMAGE);
    assert_eq!(poll("id=ap-1&fw=2.5").await, "nothing");
    let key = [("idempotency-key", "k1")];
    let queued = console.send_with("POST", "/v1/nodes/ap-1/commands", &key, r#"{"name": "reboot"}"#).await;
    assert_eq!(queued.status, 201, "{queued:?}");
    assert_eq!([poll("id=ap-1").await, poll("id=ap-1").await], ["reboot1", "reboot1"], "until its result is known");
    assert_eq!(poll("id=ap-1&command=1&status=ok").await, "nothing");
    let commands = console.get("/v1/nodes/ap-1/commands").await.json();
    assert_eq!(commands["commands"][0]["state"], "done", "{commands}");
    cloud.stop().await;
}
