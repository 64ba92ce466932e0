//! The receivers of docs/webhooks.md, as they stand there: each gets a fleet's events, once and in order, and takes
//! nothing that is not signed. The signatures are verified by libraries that others wrote, and by Rails.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rollcall_core::{Endpoint, Key, Policy, Registration, Timestamp};
use rollcall_service::{Store as _, post};
use rollcall_tests::{
    Cloud, Http, NodeJs, Options, Program, free_port, now, python, receiver_packages, receiver_sources,
};
use rollcall_wire::console::SignatureScheme;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Command;

/// Far longer than a receiver takes to end.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long to wait before looking again whether a port is in use: nothing else tells.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A secret that no endpoint has.
const WRONG: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Each of the nodes that go is registered, comes and goes; the one that stays is registered and comes.
const EVENTS: usize = 11;

#[tokio::test]
async fn the_receiver_in_python_stores_every_event_once_in_order_and_nothing_that_is_not_signed() {
    let python = python("receiver").await;
    let start = |home: &Path, port: &str| {
        fs::write(home.join("receiver.py"), only(&blocks("Python", "python"))).expect("written");
        let mut command = Command::new(&python);
        command.args(["-m", "flask", "--app", "receiver", "run", "--port", port]);
        command
    };
    Box::pin(it_holds(start)).await;
}

#[tokio::test]
async fn the_receiver_in_node_js_stores_every_event_once_in_order_and_nothing_that_is_not_signed() {
    let NodeJs { node, packages } = receiver_packages().await;
    let start = |home: &Path, _: &str| {
        fs::write(home.join("receiver.mjs"), only(&blocks("Node.js", "javascript"))).expect("written");
        std::os::unix::fs::symlink(&packages, home.join("node_modules")).expect("a link");
        let mut command = Command::new(&node);
        command.arg("receiver.mjs");
        command
    };
    Box::pin(it_holds(start)).await;
}

#[tokio::test]
#[ignore = "needs Rails on this machine: cargo verify rails"]
async fn the_receiver_in_ruby_stores_every_event_once_in_order_and_nothing_that_is_not_signed() {
    let start = |home: &Path, port: &str| {
        for block in blocks("Ruby on Rails", "ruby") {
            let file = block.lines().next().and_then(|line| line.strip_prefix("# ")).expect("the name of a file");
            let file = home.join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, block).expect("written");
        }
        let mut command = Command::new("ruby");
        command.arg(receiver_sources().join("rails.rb")).arg(port);
        command
    };
    Box::pin(it_holds(start)).await;
}

#[tokio::test]
async fn whoever_has_the_public_key_can_verify_events_and_a_rotation_shows_two_signatures() {
    let NodeJs { node, .. } = receiver_packages().await;
    let cloud = Cloud::start().await;
    let spec = json!({"url": "http://127.0.0.1:9/", "signature": "v1a"});
    let made = cloud.console().put("/v1/endpoints/crm", spec.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let rotated = cloud.console().send("POST", "/v1/endpoints/crm/rotate", "").await;
    let key = |answer: &rollcall_tests::HttpReply| answer.json()["public_key"].as_str().expect("a key").to_owned();

    let home = tempfile::tempdir().expect("a folder");
    fs::write(home.path().join("verify.mjs"), only(&blocks("With a public key", "javascript"))).expect("written");
    let ask = "import { isSigned } from './verify.mjs';\
        const [key, headers, body] = process.argv.slice(2);\
        console.log(isSigned(key, JSON.parse(headers), body));";
    fs::write(home.path().join("ask.mjs"), ask).expect("written");
    let item = cloud.store().read(&Key::Endpoint("crm".parse().expect("a name"))).await.expect("readable");
    let endpoint = Endpoint::read(&item.expect("stored")).expect("well-formed").expect("an endpoint");
    let other = rollcall_service::public_key(&rollcall_service::secret(SignatureScheme::V1a, &[1; 32])).expect("a key");
    let early = Timestamp(now().0 - 600_000);
    for (key, at, body, expected) in [
        (key(&rotated), now(), "{}", "true\n"),
        (key(&made), now(), "{}", "true\n"),
        (other, now(), "{}", "false\n"),
        (key(&rotated), now(), "{\"a\":1}", "false\n"),
        (key(&rotated), early, "{}", "false\n"),
    ] {
        let headers: BTreeMap<_, _> = post(&endpoint, "1.0", "{}", at).expect("signed").headers.into_iter().collect();
        let mut command = Command::new(&node);
        command.arg("ask.mjs").args([&key, &json!(headers).to_string(), body]).current_dir(home.path());
        let said = Program::start(&mut command).ended().await;
        assert_eq!(said.stdout, expected, "{said:?}");
    }
    cloud.stop().await;
}

/// The code in this language below this heading of docs/webhooks.md.
fn blocks(heading: &str, language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/webhooks.md");
    let (mut is_below, mut code, mut blocks) = (false, None::<String>, vec![]);
    for line in fs::read_to_string(page).expect("the page").lines() {
        match &mut code {
            Some(_) if line == "```" => blocks.extend(code.take()),
            Some(code) => code.extend([line, "\n"]),
            None if line.starts_with('#') => is_below = line == format!("### {heading}"),
            None if is_below && line == format!("```{language}") => code = Some(String::new()),
            None => {}
        }
    }
    assert!(!blocks.is_empty(), "the page has no code below {heading}");
    blocks
}

fn only(blocks: &[String]) -> &str {
    let [block] = blocks else { panic!("one block of code: {blocks:#?}") };
    block
}

/// A receiver that runs, and what it stores.
struct Receiver {
    _program: Program,
    home: TempDir,
}

impl Receiver {
    /// Starts it in a folder of its own, and waits until it listens.
    async fn start(start: &impl Fn(&Path, &str) -> Command, port: u16, secret: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let mut command = start(home.path(), &port.to_string());
        // Neither a proxy nor a configuration of this machine's user is for it.
        let path = "/usr/local/bin:/usr/bin:/bin";
        command.env_clear().env("HOME", home.path()).env("PATH", path).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PORT", port.to_string()).env("ROLLCALL_SECRET", secret).current_dir(home.path());
        let program = Program::start(&mut command);
        let listens = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        // It fails if the program ends, and shows what it said.
        tokio::select! {
            () = listens => {}
            _ = program.says("what no program says") => {}
        }
        Self { _program: program, home }
    }

    /// The events that are stored, in order.
    fn stored(&self) -> Vec<Value> {
        let file = self.home.path().join("rollcall.db");
        if !file.exists() {
            return vec![];
        }
        let stored = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
        let mut read = stored.prepare("SELECT webhook_id, event FROM rollcall_events ORDER BY id").expect("a table");
        let rows = read.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).expect("rows");
        let event = |(id, event): (String, String)| {
            let event: Value = serde_json::from_str(&event).expect("JSON");
            assert_eq!(event["id"], id, "{event}");
            event
        };
        rows.map(|row| event(row.expect("a row"))).collect()
    }
}

/// What must hold of a receiver. `start` writes it into a folder, and says how it is run on a port.
async fn it_holds(start: impl Fn(&Path, &str) -> Command) {
    let policy = Policy::new(Registration::Open, 6600, 300, 1, 0).expect("in range");
    let cloud = Cloud::with_sources(Options { policy, sweep_every: 1, ..Options::default() }).await;
    let (console, port) = (cloud.console(), free_port());
    let url = format!("http://127.0.0.1:{port}");
    let made = console.put("/v1/endpoints/crm", json!({"url": format!("{url}/rollcall")}).to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let secret = made.json()["secret"].as_str().expect("a secret").to_owned();

    let receiver = Receiver::start(&start, port, &secret).await;
    for node in ["ap-1", "ap-2", "ap-3"] {
        drop(cloud.socket(node).await);
    }
    let _there = cloud.socket("ap-4").await;
    cloud.journal.until("deliver", "Accepted", EVENTS).await;
    let replayed = console.send("POST", "/v1/endpoints/crm/replay", "{}").await;
    assert_eq!((replayed.status, &replayed.json()["queued"]), (202, &json!(EVENTS)), "{replayed:?}");
    cloud.journal.until("deliver", "Accepted", 2 * EVENTS).await;
    let stored = receiver.stored();
    assert_eq!(of_nodes(&stored), of_nodes(&logged(&console).await), "each once, and in order");
    refuses_what_is_not_of_now(&cloud, &url, &stored[0]).await;
    assert_eq!(receiver.stored(), stored, "nothing else is stored");
    drop(receiver);

    let receiver = Receiver::start(&start, free(port).await, WRONG).await;
    assert_eq!(console.send("POST", "/v1/endpoints/crm/test", "").await.status, 202);
    let refused = cloud.journal.until("deliver", "Retrying", 1).await;
    assert_eq!(refused[0]["status"], 401, "{refused:?}");
    assert_eq!(receiver.stored(), [Value::Null; 0], "it has another secret");
    cloud.stop().await;
}

/// It gets requests that are not signed, signed long ago, signed for later, and signed for another body. What is signed
/// for now is taken, which shows that the others are not refused for another reason.
async fn refuses_what_is_not_of_now(cloud: &Cloud, url: &str, known: &Value) {
    let item = cloud.store().read(&Key::Endpoint("crm".parse().expect("a name"))).await.expect("readable");
    let endpoint = Endpoint::read(&item.expect("stored")).expect("well-formed").expect("an endpoint");
    let (receiver, known) = (Http::new(url.to_owned(), ""), known.to_string());
    let id = serde_json::from_str::<Value>(&known).expect("JSON")["id"].as_str().expect("an id").to_owned();
    let send = async |at: Timestamp, id: &str, signed: &str, sent: &str| {
        let post = post(&endpoint, id, signed, at).expect("signed");
        let headers: Vec<_> = post.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        receiver.send_with("POST", "/rollcall", &headers, sent.to_owned()).await.status
    };
    let (now, minutes) = (now(), 60_000);
    let (early, late) = (Timestamp(now.0 - 10 * minutes), Timestamp(now.0 + 10 * minutes));
    assert_eq!(receiver.send("POST", "/rollcall", "{}").await.status, 401, "it is not signed");
    assert_eq!(send(early, "a", &known, &known).await, 401, "it is old");
    assert_eq!(send(late, "b", &known, &known).await, 401, "it is of a later time");
    assert_eq!(send(now, "c", "{}", &known).await, 401, "another event was signed");
    assert_eq!(send(now, &id, &known, &known).await, 204, "it is known already");
}

/// The port, once nobody listens on it.
async fn free(port: u16) -> u16 {
    let is_free = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_free).await.expect("it ends");
    port
}

/// The events of the log.
async fn logged(console: &Http) -> Vec<Value> {
    let page = console.get("/v1/events?type=node.*").await.json();
    page["events"].as_array().expect("a list").clone()
}

/// The events of each node, in order, as far as both a receiver and the log tell them.
fn of_nodes(events: &[Value]) -> BTreeMap<&str, Vec<(&str, &str, &Value)>> {
    let mut nodes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events {
        let text = |field: &str| event[field].as_str().expect("text");
        nodes.entry(text("subject")).or_default().push((text("id"), text("type"), &event["data"]));
    }
    nodes
}
