//! Deltas: a node that has the image of another version gets a delta to the one that it is to run, and makes the image of
//! it. Whatever goes wrong with the delta, it gets the image.

use std::time::Duration;

use rollcall_aws::{LOCAL_REGION, local_credentials, presign};
use rollcall_node::{Delta, Firmware, Handler, Node, NodeConfig, NodeEvent, Report};
use rollcall_tests::{Cloud, Http, now};
use rollcall_wire::{DeltaUrl, FirmwareUrl, sha256};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const IMAGE: &str = "the image of 2.5, which is long";
const BEFORE: &str = "the image of 2.4, which is long, too";
/// What the program of these tests makes 2.5 of: how many bytes of 2.4 are kept, and what follows them.
const DELTA: &str = "15:5, which is long";

/// A program that keeps its image, and applies deltas if it has one.
struct Patching {
    runs: String,
    image: Option<&'static str>,
    told: UnboundedSender<Told>,
}

/// What the program was given.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Delta(String),
    DeltaFailed(String),
    Installed(String),
    Applied,
}

impl Handler for Patching {
    fn report(&mut self) -> Report {
        Report { firmware: Some(self.runs.clone()), ..Report::default() }
    }

    fn accept_firmware(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn base_image(&mut self) -> Option<String> {
        self.image.map(|_| self.runs.clone())
    }

    fn make_image(&mut self, delta: Delta) {
        let text = std::fs::read_to_string(delta.path()).expect("a delta");
        let _ = self.told.send(Told::Delta(text.clone()));
        let Some((at, rest)) = text.split_once(':') else { return delta.failed("it is no delta") };
        let cut = at.parse().ok().and_then(|at: usize| self.image.and_then(|image| image.get(..at)));
        let Some(kept) = cut else { return delta.failed("it does not fit") };
        std::fs::write(delta.image(), format!("{kept}{rest}")).expect("written");
        delta.made();
    }

    fn install(&mut self, firmware: Firmware) {
        let image = std::fs::read_to_string(firmware.path()).expect("an image");
        let _ = self.told.send(Told::Installed(image));
        firmware.version().clone_into(&mut self.runs);
        firmware.runs();
    }

    fn event(&mut self, event: NodeEvent) {
        let _ = match event {
            NodeEvent::DeltaFailed { why, .. } => self.told.send(Told::DeltaFailed(why)),
            NodeEvent::UpdateApplied { .. } => self.told.send(Told::Applied),
            _ => Ok(()),
        };
    }
}

/// A cloud that knows 2.4 and 2.5 of a model, and the delta between them. In its bucket is nothing.
struct Prepared {
    cloud: Cloud,
    console: Http,
    folder: tempfile::TempDir,
}

impl Prepared {
    async fn new() -> Self {
        let cloud = Cloud::start().await;
        let console = cloud.console();
        console.put("/v1/nodes/ap-1", r#"{"model": "ax-2"}"#).await;
        for (version, image) in [("2.4", BEFORE), ("2.5", IMAGE)] {
            let spec = json!({"object_key": version, "size": image.len(), "sha256": sha256(image), "signature": "s"});
            assert_eq!(console.put(&format!("/v1/firmware/ax-2/{version}"), spec.to_string()).await.status, 201);
        }
        let added = console.put("/v1/firmware/ax-2/2.5/deltas/2.4", delta().to_string()).await;
        assert_eq!((added.status, added.json()), (201, delta()), "{added:?}");
        Self { cloud, console, folder: tempfile::tempdir().expect("a folder") }
    }

    async fn upload(&self, key: &str, content: &str) {
        let object = format!("{}/{}/{key}", self.cloud.s3_url(), self.cloud.firmware_bucket());
        let url = presign("PUT", &object, LOCAL_REGION, local_credentials(), now(), 60).expect("signed");
        assert_eq!(Http::new(url, "").put("", content.to_owned()).await.status, 200);
    }

    /// A node that runs 2.4 and is to run 2.5, with the image of 2.4 or without.
    async fn updates(&self, image: Option<&'static str>) -> (Node, UnboundedReceiver<Told>) {
        let (told, given) = unbounded_channel();
        let config = NodeConfig { state: Some(self.folder.path().to_owned()), ..self.cloud.node_config("ap-1") };
        let node = Node::start(config, Patching { runs: "2.4".to_owned(), image, told });
        let set = self.console.put("/v1/nodes/ap-1/firmware", r#"{"version": "2.5"}"#).await;
        assert_eq!(set.status, 200, "{set:?}");
        (node, given)
    }

    /// What the program is given until the update is applied.
    async fn given(&self, image: Option<&'static str>) -> Vec<Told> {
        let (node, mut given) = self.updates(image).await;
        let mut seen = vec![];
        loop {
            match tokio::time::timeout(Duration::from_mins(1), given.recv()).await.expect("in time").expect("it runs") {
                Told::Applied => break,
                told => seen.push(told),
            }
        }
        assert_eq!(self.console.get("/v1/nodes/ap-1").await.json()["firmware_update"], "applied");
        node.stop().await.expect("stopped");
        assert!(!self.folder.path().join("firmware").exists(), "no file is left");
        seen
    }
}

fn delta() -> Value {
    json!({"object_key": "2.4-2.5", "size": DELTA.len(), "sha256": sha256(DELTA)})
}

#[tokio::test]
async fn a_node_that_has_the_image_it_runs_gets_the_delta_and_never_the_image() {
    let prepared = Prepared::new().await;
    // The image is not even in the bucket.
    prepared.upload("2.4-2.5", DELTA).await;
    let given = prepared.given(Some(BEFORE)).await;
    assert_eq!(given, [Told::Delta(DELTA.to_owned()), Told::Installed(IMAGE.to_owned())]);
    prepared.cloud.stop().await;
}

#[tokio::test]
async fn a_node_that_has_no_image_gets_the_image_and_never_the_delta() {
    let prepared = Prepared::new().await;
    prepared.upload("2.5", IMAGE).await;
    assert_eq!(prepared.given(None).await, [Told::Installed(IMAGE.to_owned())]);
    prepared.cloud.stop().await;
}

#[tokio::test]
async fn a_delta_that_is_missing_or_damaged_or_makes_something_else_is_no_reason_to_fail() {
    let damaged = DELTA.replace('5', "6");
    for (object, image, seen) in [
        // What is not there is refused, or is not found again and again.
        (None, BEFORE, vec![]),
        (Some(&*damaged), BEFORE, vec![Told::DeltaFailed("wrong hash".to_owned())]),
        (
            Some(DELTA),
            "too short",
            vec![Told::Delta(DELTA.to_owned()), Told::DeltaFailed("it does not fit".to_owned())],
        ),
        (
            Some(DELTA),
            "another image of 2.4",
            vec![Told::Delta(DELTA.to_owned()), Told::DeltaFailed("wrong hash".to_owned())],
        ),
    ] {
        let prepared = Prepared::new().await;
        prepared.upload("2.5", IMAGE).await;
        if let Some(object) = object {
            prepared.upload("2.4-2.5", object).await;
        }
        let given = prepared.given(Some(image)).await;
        let (installed, before) = given.split_last().expect("an image");
        assert_eq!(installed, &Told::Installed(IMAGE.to_owned()), "{given:?}");
        match object {
            Some(_) => assert_eq!(before, seen, "{image}"),
            None => assert!(matches!(before, [Told::DeltaFailed(_)]), "{before:?}"),
        }
        prepared.cloud.stop().await;
    }
}

#[tokio::test]
async fn a_node_that_polls_names_the_version_that_it_has_in_the_query() {
    let prepared = Prepared::new().await;
    let node = prepared.cloud.http(&prepared.cloud.token("ap-1"));
    let set = prepared.console.put("/v1/nodes/ap-1/firmware", r#"{"version": "2.5"}"#).await;
    assert_eq!(set.status, 200);
    let given = async |query: &str| {
        let told = node.get(&format!("/v1/firmware/2.5{query}")).await;
        assert_eq!(told.status, 200, "{query}: {told:?}");
        let image: FirmwareUrl = serde_json::from_value(told.json()).expect("a URL");
        assert_eq!(image.sha256, sha256(IMAGE), "{query}");
        image.delta
    };
    let Some(DeltaUrl { from, size, sha256: hash, url }) = given("?from=2.4").await else { panic!("no delta") };
    assert_eq!((&*from, size, hash), ("2.4", DELTA.len() as u64, sha256(DELTA)));
    prepared.upload("2.4-2.5", DELTA).await;
    assert_eq!(Http::new(url, "").get("").await.text, DELTA);
    for query in ["", "?from=2.3", "?from=2.5", "?from=", "?from=no%20version", "?from=%ff", "?to=2.4"] {
        assert_eq!(given(query).await, None, "{query}");
    }
    let minimum = prepared.console.put("/v1/models/ax-2", r#"{"minimum_version": "2.6"}"#).await;
    assert_eq!(minimum.status, 200);
    assert_eq!(node.get("/v1/firmware/2.5?from=2.4").await.status, 404, "the minimum holds for deltas, too");
    prepared.cloud.stop().await;
}
