//! Which firmware nodes are to run: told until they run it or give up, and fetched from a URL that is made when they ask.

use std::time::Duration;

use rollcall_aws::{LOCAL_REGION, local_credentials, presign};
use rollcall_core::Timestamp;
use rollcall_node::{Firmware, FirmwareKeys, Handler, Node, NodeConfig, NodeEvent, Report};
use rollcall_signature::statement;
use rollcall_tests::{Backend, Cloud, Frame, Http, HttpReply, Socket, now};
use rollcall_wire::{Document, ErrorCode, FirmwareUrl, Question, ServerMessage};
use serde_json::{Value, json};

/// Within which time a node ends an update. A push that is lost is made good by the node's next check-in, a minute later.
const UPDATED_WITHIN: Duration = Duration::from_mins(3);
/// An image, which is JSON here so that what hashes documents hashes it.
pub(crate) const IMAGE: &str = "\"an image\"";

fn spec() -> Value {
    let sha256 = Document::parse(IMAGE).expect("JSON").sha256().to_owned();
    json!({"object_key": "ax-2/2.5(final)+1.bin", "size": IMAGE.len(), "sha256": sha256, "signature": "c2lnbmVk"})
}

/// A node of a model, and firmware for it whose image is in the bucket.
pub(crate) async fn prepare(cloud: &Cloud) -> Http {
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", r#"{"model": "ax-2"}"#).await;
    let added = console.put("/v1/firmware/ax-2/2.5", spec().to_string()).await;
    assert_eq!(added.status, 201, "{added:?}");
    let object = format!("{}/{}/ax-2/2.5%28final%29%2B1.bin", cloud.s3_url(), cloud.firmware_bucket());
    let url = presign("PUT", &object, LOCAL_REGION, local_credentials(), now(), 60).expect("signed");
    let uploaded = Http::new(url, "").put("", IMAGE).await;
    assert_eq!(uploaded.status, 200, "{uploaded:?}");
    console
}

/// LocalStack serves what is unsigned or has expired, too.
fn checks_signatures() -> bool {
    matches!(Backend::chosen(), Backend::Embedded)
}

async fn want(console: &Http, node: &str, version: &str) -> HttpReply {
    console.put(&format!("/v1/nodes/{node}/firmware"), json!({ "version": version }).to_string()).await
}

async fn ask(socket: &mut Socket, message: Value) -> ServerMessage {
    socket.send(message.to_string()).await;
    match socket.next().await {
        Frame::Message(message) => message,
        other => panic!("no answer: {other:?}"),
    }
}

/// The firmware version that this check-in's answer brings.
async fn firmware_news(socket: &mut Socket, check_in: Value) -> Option<String> {
    match ask(socket, check_in).await {
        ServerMessage::Ack(ack) => ack.firmware.map(|news| news.version),
        other => panic!("no ack: {other:?}"),
    }
}

#[tokio::test]
async fn a_node_is_told_which_firmware_to_run_and_fetches_it_from_a_url_that_is_made_when_it_asks() {
    let cloud = Cloud::start().await;
    let console = prepare(&cloud).await;
    let mut socket = cloud.socket("ap-1").await;
    let set = want(&console, "ap-1", "2.5").await;
    assert_eq!((set.status, &set.json()["delivery"]), (200, &json!("pushed")), "{set:?}");
    if cloud.pushes {
        let Frame::Message(ServerMessage::Firmware(news)) = socket.next().await else { panic!("no firmware") };
        assert_eq!(news.version, "2.5");
    } else {
        assert_eq!(
            firmware_news(&mut socket, json!({"type": "check-in", "seq": 1, "ack": false})).await.as_deref(),
            Some("2.5")
        );
    }
    let asked = ask(&mut socket, json!({"type": "firmware-url", "version": "2.5"})).await;
    let ServerMessage::FirmwareUrl(image) = asked else { panic!("no URL: {asked:?}") };
    let expected = spec();
    assert_eq!((&json!(image.size), &json!(image.sha256)), (&expected["size"], &expected["sha256"]));
    assert_eq!((image.signature.as_str(), image.expires_in_s), ("c2lnbmVk", 900));
    let fetched = Http::new(image.url.clone(), "").get("").await;
    assert_eq!((fetched.status, fetched.text.as_str()), (200, IMAGE));
    let unsigned = image.url.split_once('?').expect("a query").0.to_owned();
    if checks_signatures() {
        assert_eq!(Http::new(unsigned, "").get("").await.status, 403, "nobody else may have it");
    }
    let other = ask(&mut socket, json!({"type": "firmware-url", "version": "2.4"})).await;
    assert!(matches!(&other, ServerMessage::Error(error) if error.code == ErrorCode::NoFirmware), "{other:?}");
    cloud.stop().await;
}

#[tokio::test]
async fn a_url_that_has_expired_is_good_for_nothing_and_a_new_one_is() {
    let cloud = Cloud::start().await;
    let console = prepare(&cloud).await;
    want(&console, "ap-1", "2.5").await;
    let object = format!("{}/{}/ax-2/2.5%28final%29%2B1.bin", cloud.s3_url(), cloud.firmware_bucket());
    let long_ago = Timestamp(now().0 - 1_000_000);
    let expired = presign("GET", &object, LOCAL_REGION, local_credentials(), long_ago, 900).expect("signed");
    if checks_signatures() {
        assert_eq!(Http::new(expired, "").get("").await.status, 403);
    }
    let node = cloud.http(&cloud.token("ap-1"));
    let image: FirmwareUrl = serde_json::from_value(node.get("/v1/firmware/2.5").await.json()).expect("a URL");
    assert_eq!(Http::new(image.url, "").get("").await.text, IMAGE);
    cloud.stop().await;
}

#[tokio::test]
async fn firmware_is_told_until_it_runs_or_was_given_up_and_again_when_it_is_wanted_again() {
    let cloud = Cloud::start().await;
    let console = prepare(&cloud).await;
    let progress = async || console.get("/v1/nodes/ap-1").await.json()["firmware_update"].clone();
    assert_eq!(want(&console, "ap-1", "2.5").await.json()["delivery"], "pending", "it is away");
    assert_eq!(progress().await, "pending");
    let mut socket = cloud.socket("ap-1").await;
    let check_in = |seq: u64, status: &str| {
        let detail = Value::from("x".repeat(100));
        json!({"type": "check-in", "seq": seq, "update": {"version": "2.5", "status": status, "detail": detail}})
    };
    assert_eq!(
        firmware_news(&mut socket, check_in(1, "downloading")).await.as_deref(),
        Some("2.5"),
        "it may have restarted"
    );
    assert_eq!(progress().await, "downloading");
    socket.send(json!({"type": "check-in", "seq": 2, "ack": false}).to_string()).await;
    cloud.until_stored("ap-1", |node| node.seq == Some(2)).await;
    assert!(socket.is_quiet().await, "what it has begun is no news");
    for (seq, status) in [(3, "failed"), (4, "rolled-back")] {
        assert_eq!(firmware_news(&mut socket, check_in(seq, status)).await, None, "{status}");
        assert_eq!(progress().await, status);
    }
    let shown = console.get("/v1/nodes/ap-1").await.json();
    assert_eq!(shown["update"]["detail"], "x".repeat(32), "as much as is kept");
    want(&console, "ap-1", "2.5").await;
    assert_eq!(progress().await, "pending", "another try");
    if cloud.pushes {
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Firmware(_))));
    }
    let runs = json!({"type": "check-in", "seq": 5, "firmware": "2.5"});
    assert_eq!(firmware_news(&mut socket, runs).await, None);
    assert_eq!(progress().await, "applied");
    assert_eq!(want(&console, "ap-1", "2.5").await.json()["delivery"], "unchanged");
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_goes_back_to_older_firmware_is_told_again_and_is_not_shown_as_applied() {
    let cloud = Cloud::start().await;
    let console = prepare(&cloud).await;
    let progress = async || console.get("/v1/nodes/ap-1").await.json()["firmware_update"].clone();
    want(&console, "ap-1", "2.5").await;
    let mut socket = cloud.socket("ap-1").await;
    let update = |status: &str| json!({"version": "2.5", "status": status});
    let runs = json!({"type": "check-in", "seq": 1, "firmware": "2.5", "update": update("applied")});
    assert_eq!(firmware_news(&mut socket, runs).await, None);
    assert_eq!(progress().await, "applied");
    let went_back = json!({"type": "check-in", "seq": 2, "ack": false, "firmware": "2.4"});
    assert_eq!(firmware_news(&mut socket, went_back).await.as_deref(), Some("2.5"), "it is told at once");
    assert_eq!(progress().await, "pending");
    let begun = json!({"type": "check-in", "seq": 3, "update": update("downloading")});
    assert_eq!(firmware_news(&mut socket, begun).await.as_deref(), Some("2.5"));
    let gave_up = json!({"type": "check-in", "seq": 4, "firmware": "2.4", "update": update("rolled-back")});
    assert_eq!(firmware_news(&mut socket, gave_up).await, None);
    assert_eq!(progress().await, "rolled-back");
    let silent = json!({"type": "check-in", "seq": 5, "update": update("applied")});
    assert_eq!(firmware_news(&mut socket, silent).await, None);
    let shown = console.get("/v1/nodes/ap-1").await.json();
    assert_eq!((&shown["firmware"], &shown["firmware_update"]), (&json!("2.5"), &json!("applied")));
    cloud.stop().await;
}

#[tokio::test]
async fn a_version_never_changes_and_is_for_nodes_of_its_model_only() {
    let cloud = Cloud::start().await;
    let console = prepare(&cloud).await;
    assert_eq!(console.put("/v1/firmware/ax-2/2.5", spec().to_string()).await.status, 200, "the same again");
    let mut other = spec();
    other["size"] = json!(7);
    let refused = console.put("/v1/firmware/ax-2/2.5", other.to_string()).await;
    assert_eq!(refused.problem(), (409, "firmware-differs".to_owned()));
    assert_eq!(console.get("/v1/firmware/ax-2/2.5").await.json(), spec(), "what was said first stays");
    assert_eq!(console.get("/v1/firmware/ax-2/2.6").await.problem(), (404, "unknown-firmware".to_owned()));
    assert_eq!(want(&console, "ap-1", "2.6").await.problem(), (404, "unknown-firmware".to_owned()));
    console.put("/v1/nodes/ap-2", "{}").await;
    assert_eq!(want(&console, "ap-2", "2.5").await.problem(), (409, "other-model".to_owned()));
    console.put("/v1/nodes/ap-2", r#"{"model": "bx-1"}"#).await;
    assert_eq!(want(&console, "ap-2", "2.5").await.problem(), (404, "unknown-firmware".to_owned()));
    let node = cloud.http(&cloud.token("ap-2"));
    assert_eq!(node.get("/v1/firmware/2.5").await.status, 404, "it is not to run it");
    for (field, value) in [
        ("object_key", json!("")),
        ("object_key", json!("a b\n")),
        ("object_key", json!("k".repeat(513))),
        ("size", json!(0)),
        ("size", json!(-1)),
        ("sha256", json!("ABCDEF")),
        ("signature", json!("")),
        ("colour", json!("red")),
    ] {
        let mut wrong = spec();
        wrong[field] = value;
        let refused = console.put("/v1/firmware/ax-2/2.7", wrong.to_string()).await;
        assert_eq!(refused.problem(), (400, "invalid-body".to_owned()), "{wrong}");
    }
    assert_eq!(want(&console, "ap-1", "").await.problem(), (400, "invalid-body".to_owned()));
    cloud.stop().await;
}

#[tokio::test]
async fn no_image_below_the_minimum_of_its_model_is_given_even_if_it_was_desired_before() {
    let cloud = Cloud::start().await;
    let console = prepare(&cloud).await;
    let set = async |spec: Value| console.put("/v1/models/ax-2", spec.to_string()).await;
    assert_eq!(want(&console, "ap-1", "2.5").await.status, 200);
    let mut socket = cloud.socket("ap-1").await;
    let question = || json!({"type": "firmware-url", "version": "2.5"});
    let given = ask(&mut socket, question()).await;
    assert!(matches!(given, ServerMessage::FirmwareUrl(_)), "{given:?}");

    let raised = set(json!({"minimum_version": "2.10"})).await;
    assert_eq!((raised.status, &raised.json()["minimum_version"]), (200, &json!("2.10")), "{raised:?}");
    let withheld = ask(&mut socket, question()).await;
    assert!(
        matches!(&withheld, ServerMessage::Error(error) if error.code == ErrorCode::NoFirmware
            && error.about == Some(Question::FirmwareUrl)),
        "{withheld:?}"
    );
    let node = cloud.http(&cloud.token("ap-1"));
    assert_eq!(node.get("/v1/firmware/2.5").await.status, 404);
    assert_eq!(want(&console, "ap-1", "2.5").await.problem(), (409, "below-minimum".to_owned()));
    let rollout = json!({"select": "model=ax-2", "change": {"firmware": "2.5"}, "waves": [{"percent": 100}]});
    let refused = console.put("/v1/rollouts/back", rollout.to_string()).await;
    assert_eq!(refused.problem(), (409, "below-minimum".to_owned()));
    // A node that gives the version up is not told it any more, as with any version that it can't have.
    let failed = json!({"version": "2.5", "status": "failed", "detail": "it is no longer desired"});
    let check_in = json!({"type": "check-in", "seq": 1, "firmware": "2.4", "update": failed, "ack": true});
    assert_eq!(firmware_news(&mut socket, check_in).await, None);

    assert_eq!(set(json!({"minimum_version": "2.5"})).await.status, 200);
    assert_eq!(want(&console, "ap-1", "2.5").await.status, 200);
    let events = console.get("/v1/events?type=model.*").await.json();
    let changes: Vec<_> = events["events"].as_array().expect("events").iter().map(|event| &event["data"]).collect();
    let minimums: Vec<_> =
        changes.iter().map(|data| [&data["was"], &data["is"]].map(|it| &it["minimum_version"])).collect();
    assert_eq!(minimums, [[&Value::Null, &json!("2.10")], [&json!("2.10"), &json!("2.5")]]);
    assert!(events["events"][0]["actor"].as_str().is_some_and(|actor| actor.starts_with("key-")), "{events}");
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_with_the_vendor_s_key_installs_what_is_signed_and_refuses_what_is_not() {
    let cloud = Cloud::start().await;
    let console = prepare(&cloud).await;
    let vendor = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let key = data_encoding::BASE64.encode(vendor.verifying_key().as_bytes());
    let described = |version: &str, signed: &str| {
        let statement = statement("ax-2", signed, spec()["sha256"].as_str().unwrap_or_default());
        let signature = ed25519_dalek::Signer::sign(&vendor, statement.as_bytes()).to_bytes();
        let mut image = spec();
        image["signature"] = json!(data_encoding::BASE64.encode(&signature));
        (format!("/v1/firmware/ax-2/{version}"), image.to_string())
    };
    let folder = tempfile::tempdir().expect("a folder");
    let keys = FirmwareKeys { model: "ax-2".to_owned(), keys: vec![key.parse().expect("a key")] };
    let state = Some(folder.path().to_owned());
    let config = NodeConfig { state, firmware_keys: Some(keys), ..cloud.node_config("ap-1") };
    let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let node = Node::start(config, Installing { runs: "2.4".to_owned(), events });
    // Where pushes are lost, a node hears of a version when it next checks in.
    let wants = async |version: &str| {
        assert_eq!(want(&console, "ap-1", version).await.status, 200);
        if !cloud.pushes {
            node.check_in_now();
        }
    };
    let mut ended = async || {
        let mut before = vec![];
        loop {
            match tokio::time::timeout(UPDATED_WITHIN, seen.recv()).await {
                Ok(Some(NodeEvent::UpdateApplied { version })) => break (version, None),
                Ok(Some(NodeEvent::UpdateFailed { version, why })) => break (version, Some(why)),
                Ok(Some(other)) => before.push(other),
                Ok(None) => panic!("the node has ended"),
                Err(late) => panic!("{late}: {before:?}; {}", console.get("/v1/nodes/ap-1").await.text),
            }
        }
    };

    // Before signatures are required, the console takes what the node refuses: an image that was signed as another version.
    let (path, replayed) = described("2.6", "2.4");
    assert_eq!(console.put(&path, replayed).await.status, 201);
    for (version, why) in [("2.5", "no-signature"), ("2.6", "wrong-signature")] {
        wants(version).await;
        assert_eq!(ended().await, (version.to_owned(), Some(why.to_owned())));
    }
    let required = json!({"public_key": key, "signature_required": true}).to_string();
    assert_eq!(console.put("/v1/models/ax-2", required).await.status, 200);
    let (path, replayed) = described("2.7", "2.4");
    assert_eq!(console.put(&path, replayed).await.problem(), (400, "unproven-signature".to_owned()));
    let (path, signed) = described("2.7", "2.7");
    assert_eq!(console.put(&path, signed).await.status, 201);
    wants("2.7").await;
    assert_eq!(ended().await, ("2.7".to_owned(), None));
    let shown = console.get("/v1/nodes/ap-1").await.json();
    assert_eq!((&shown["firmware"], &shown["firmware_update"]), (&json!("2.7"), &json!("applied")));
    node.stop().await.expect("stopped");
    cloud.stop().await;
}

/// A program that runs whatever it is given.
struct Installing {
    runs: String,
    events: tokio::sync::mpsc::UnboundedSender<NodeEvent>,
}

impl Handler for Installing {
    fn report(&mut self) -> Report {
        Report { firmware: Some(self.runs.clone()), ..Report::default() }
    }

    fn accept_firmware(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn install(&mut self, firmware: Firmware) {
        firmware.version().clone_into(&mut self.runs);
        firmware.runs();
    }

    fn event(&mut self, event: NodeEvent) {
        let _ = self.events.send(event);
    }
}
