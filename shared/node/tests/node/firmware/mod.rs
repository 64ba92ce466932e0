//! Firmware, from the server's message to the running version.

mod deltas;

use std::{fs, path::PathBuf, time::Duration};

use ed25519_dalek::{Signer as _, SigningKey};
use rollcall_node::{FirmwareKeys, Node, NodeConfig, NodeEvent, Timing};
use rollcall_wire::{Document, NodeMessage, UpdateReport, UpdateStatus};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{
    Peer, Server,
    http::Documents,
    quick,
    worker::{Hands, worker},
};

/// The image. It is JSON, so that `Document` can compute its hash.
const IMAGE: &str = r#""0123456789""#;

struct Updating {
    server: Server,
    images: Documents,
    folder: TempDir,
    node: Node,
    held: Peer,
    hands: Hands,
}

/// A node that runs 2.4, and the connection that holds it.
async fn updating(timing: Timing) -> Updating {
    let (server, images) = (Server::start().await, Documents::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let (node, hands) = start(&server, timing, &folder, "2.4");
    let held = server.held().await;
    Updating { server, images, folder, node, held, hands }
}

fn start(server: &Server, timing: Timing, folder: &TempDir, runs: &str) -> (Node, Hands) {
    start_trusting(None, server, timing, folder, runs)
}

fn start_trusting(
    firmware_keys: Option<FirmwareKeys>,
    server: &Server,
    timing: Timing,
    folder: &TempDir,
    runs: &str,
) -> (Node, Hands) {
    let (program, hands) = worker(runs);
    let config = NodeConfig { state: Some(folder.path().to_owned()), firmware_keys, ..server.config(timing) };
    (Node::start(config, program), hands)
}

/// A node that takes only what one of these vendors has signed for the model `ax-2`.
async fn trusting(vendors: &[u8]) -> Updating {
    let (server, images) = (Server::start().await, Documents::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let key = |seed: &u8| {
        let vendor = SigningKey::from_bytes(&[*seed; 32]).verifying_key();
        data_encoding::BASE64.encode(vendor.as_bytes()).parse().expect("a key")
    };
    let keys = FirmwareKeys { model: "ax-2".to_owned(), keys: vendors.iter().map(key).collect() };
    let (node, hands) = start_trusting(Some(keys), &server, quick(), &folder, "2.4");
    let held = server.held().await;
    Updating { server, images, folder, node, held, hands }
}

/// What a vendor signs of this model and version, as its signature.
fn signed(vendor: u8, model: &str, version: &str) -> String {
    let statement = format!("rollcall firmware 1\n{model}\n{version}\n{}\n", hash());
    let signature = SigningKey::from_bytes(&[vendor; 32]).sign(statement.as_bytes());
    data_encoding::BASE64.encode(&signature.to_bytes())
}

fn report(status: UpdateStatus, detail: Option<&str>) -> UpdateReport {
    UpdateReport { version: "2.5".to_owned(), status, detail: detail.map(str::to_owned) }
}

fn hash() -> String {
    Document::parse(IMAGE).expect("JSON").sha256().to_owned()
}

impl Updating {
    fn url(&self) -> Value {
        json!({
            "type": "firmware-url", "version": "2.5", "size": IMAGE.len(), "sha256": hash(), "signature": "signed",
            "url": format!("{}2.5.bin?X-Amz-Signature=1", self.images.url()), "expires_in_s": 60,
        })
    }

    /// The server tells the node to run 2.5, and the node asks for the URL.
    async fn tell(&mut self) {
        self.held.push(json!({"type": "firmware", "version": "2.5"})).await;
        let messages = [self.held.next_message().await, self.held.next_message().await];
        let from = self.hands.base.lock().unwrap().clone();
        let question = NodeMessage::FirmwareUrl { version: "2.5".to_owned(), from };
        assert!(messages.contains(&question), "{messages:?}");
        let said = messages.into_iter().find_map(|message| match message {
            NodeMessage::CheckIn(check_in) => Some((check_in.seq, check_in.update)),
            _ => None,
        });
        let (seq, update) = said.expect("a check-in");
        assert_eq!(update, Some(report(UpdateStatus::Downloading, None)));
        self.held.ack(seq).await;
    }

    /// The server sends the URL.
    async fn locate(&mut self) {
        self.held.push(self.url()).await;
    }

    /// The server sends the URL of an image with this signature.
    async fn locate_signed(&mut self, signature: &str) {
        let mut url = self.url();
        url["signature"] = json!(signature);
        self.held.push(url).await;
    }

    /// Acknowledges the next check-in and returns its update report.
    async fn reported(&mut self) -> UpdateReport {
        let check_in = self.held.check_in().await;
        assert!(check_in.ack);
        self.held.ack(check_in.seq).await;
        check_in.update.expect("an update")
    }

    /// Restarts the node, which then runs this version. A new server has the images then.
    async fn restarted(self, runs: &str) -> Self {
        let Self { server, folder, node, held, .. } = self;
        let (stopped, ()) = tokio::join!(node.stop(), held.end());
        stopped.expect("stopped");
        let (node, hands) = start(&server, quick(), &folder, runs);
        let (images, held) = (Documents::start().await, server.peer().await);
        Self { server, images, folder, node, held, hands }
    }

    fn image_files(&self) -> Vec<PathBuf> {
        let images = fs::read_dir(self.folder.path().join("firmware"));
        images.into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect()
    }
}

#[tokio::test]
async fn an_image_is_downloaded_without_the_token_then_installed_and_reported_once_it_runs() {
    let mut node = updating(quick()).await;
    let images = node.folder.path().join("firmware");
    fs::create_dir(&images).expect("a folder");
    fs::write(images.join("older"), "an image of an earlier update").expect("written");
    node.tell().await;
    node.locate().await;
    let request = node.images.answer("200 OK", IMAGE).await;
    assert!(request.starts_with("GET /api/2.5.bin?X-Amz-Signature=1 HTTP/1.1\r\n"), "{request}");
    assert!(!request.to_lowercase().contains("authorization") && !request.contains("s3cret"), "{request}");
    let firmware = node.hands.firmware().await;
    assert_eq!((firmware.version(), firmware.signature()), ("2.5", "signed"));
    assert_eq!(fs::read_to_string(firmware.path()).expect("an image"), IMAGE);
    assert_eq!(node.image_files(), [firmware.path()]);
    *node.hands.runs.lock().unwrap() = "2.5".to_owned();
    firmware.runs();
    assert_eq!(node.reported().await, report(UpdateStatus::Applied, None));
    node.hands.event(&NodeEvent::UpdateApplied { version: "2.5".to_owned() }).await;
    node.node.check_in_now();
    assert_eq!((node.held.check_in().await.update, node.image_files()), (None, vec![]));
}

#[tokio::test]
async fn after_a_restart_the_node_reports_whether_the_new_version_runs() {
    for (runs, status) in [("2.5", UpdateStatus::Applied), ("2.4", UpdateStatus::RolledBack)] {
        let mut node = updating(quick()).await;
        node.tell().await;
        node.locate().await;
        node.images.answer("200 OK", IMAGE).await;
        node.hands.firmware().await.restarts();
        let mut node = node.restarted(runs).await;
        let check_in = node.held.check_in().await;
        assert_eq!((check_in.seq, check_in.firmware.as_deref()), (1, Some(runs)));
        assert_eq!(check_in.update.map(|update| update.status), Some(status));
    }
}

#[tokio::test]
async fn a_download_that_breaks_is_resumed() {
    let mut node = updating(quick()).await;
    node.tell().await;
    node.locate().await;
    node.images.answer_with(&format!("200 OK\r\ncontent-length: {}", IMAGE.len()), &IMAGE[..4]).await;
    let range = format!("206 Partial Content\r\ncontent-range: bytes 4-7/{}\r\ncontent-length: 4", IMAGE.len());
    let request = node.images.answer_with(&range, &IMAGE[4..8]).await;
    assert!(request.contains("range: bytes=4-\r\n"), "{request}");
    // A range that was not asked for is ignored. A server may also answer with the whole image.
    let another = format!("206 Partial Content\r\ncontent-range: bytes 0-3/{}\r\ncontent-length: 4", IMAGE.len());
    node.images.answer_with(&another, &IMAGE[..4]).await;
    let request = node.images.answer("200 OK", IMAGE).await;
    assert!(request.contains("range: bytes=8-\r\n"), "{request}");
    let firmware = node.hands.firmware().await;
    assert_eq!(fs::read_to_string(firmware.path()).expect("an image"), IMAGE);
}

#[tokio::test]
async fn a_download_is_resumed_after_a_restart() {
    let mut node = updating(quick()).await;
    node.tell().await;
    node.locate().await;
    node.images.answer_with(&format!("200 OK\r\ncontent-length: {}", IMAGE.len()), &IMAGE[..4]).await;
    node.images.answer("503 Later", "").await;
    let mut node = node.restarted("2.4").await;
    node.held.check_in().await;
    node.held.ack(1).await;
    node.tell().await;
    node.locate().await;
    let range = format!("206 Partial Content\r\ncontent-range: bytes 4-11/{}\r\ncontent-length: 8", IMAGE.len());
    let request = node.images.answer_with(&range, &IMAGE[4..]).await;
    assert!(request.contains("range: bytes=4-\r\n"), "{request}");
    assert_eq!(fs::read_to_string(node.hands.firmware().await.path()).expect("an image"), IMAGE);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_downloaded_anew() {
    let mut node = updating(quick()).await;
    let images = node.folder.path().join("firmware");
    fs::create_dir(&images).expect("a folder");
    fs::write(images.join(hash()), format!("{IMAGE}x")).expect("written");
    node.tell().await;
    node.locate().await;
    let request = node.images.answer("200 OK", IMAGE).await;
    assert!(!request.contains("range:"), "{request}");
    assert_eq!(fs::read_to_string(node.hands.firmware().await.path()).expect("an image"), IMAGE);
}

#[tokio::test]
async fn after_a_refused_url_the_node_asks_for_a_new_one() {
    let mut node = updating(quick()).await;
    node.tell().await;
    node.locate().await;
    node.images.answer("403 Forbidden", "<Code>AccessDenied</Code><Message>Request has expired</Message>").await;
    assert_eq!(node.held.next_message().await, NodeMessage::FirmwareUrl { version: "2.5".to_owned(), from: None });
    node.locate().await;
    node.images.answer("200 OK", IMAGE).await;
    assert_eq!(node.hands.firmware().await.version(), "2.5");
}

#[tokio::test]
async fn a_wrong_image_is_downloaded_once_more_and_then_reported_as_failed() {
    let longer = format!("{IMAGE}x");
    for (body, why) in [(&IMAGE.replace('5', "6"), "wrong hash"), (&longer, "the image is too large")] {
        let mut node = updating(quick()).await;
        node.tell().await;
        node.locate().await;
        for _ in 0..2 {
            let request = node.images.answer("200 OK", body).await;
            assert!(!request.contains("range:"), "{request}");
        }
        assert_eq!(node.reported().await, report(UpdateStatus::Failed, Some(why)));
    }
}

#[tokio::test]
async fn an_image_without_end_is_not_downloaded_to_its_end() {
    let mut node = updating(quick()).await;
    node.tell().await;
    node.locate().await;
    for _ in 0..2 {
        node.images.answer_without_end().await;
    }
    assert_eq!(node.reported().await, report(UpdateStatus::Failed, Some("the image is too large")));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut node = updating(quick()).await;
    let elsewhere = Documents::start().await;
    node.tell().await;
    node.locate().await;
    let redirect = format!("302 Found\r\nlocation: {}\r\ncontent-length: 0", elsewhere.url());
    for _ in 0..9 {
        node.images.answer_with(&redirect, "").await;
    }
    assert_eq!(node.reported().await, report(UpdateStatus::Failed, Some("HTTP status 302")));
}

#[tokio::test]
async fn a_download_from_a_silent_server_fails() {
    let mut node = updating(Timing { fetch_timeout: Duration::from_millis(20), ..quick() }).await;
    node.tell().await;
    node.locate().await;
    assert_eq!(node.reported().await, report(UpdateStatus::Failed, Some("no data for 20ms")));
}

#[tokio::test]
async fn a_version_that_the_program_refuses_or_can_not_install_is_reported_as_failed() {
    let mut node = updating(quick()).await;
    node.held.push(json!({"type": "firmware", "version": "0.1"})).await;
    assert_eq!(node.reported().await.detail.as_deref(), Some("too old"));
    node.tell().await;
    node.locate().await;
    node.images.answer("200 OK", IMAGE).await;
    node.hands.firmware().await.failed("wrong signature");
    assert_eq!(node.reported().await, report(UpdateStatus::Failed, Some("wrong signature")));
    let failed = NodeEvent::UpdateFailed { version: "2.5".to_owned(), why: "wrong signature".to_owned() };
    node.hands.event(&failed).await;
    assert_eq!(node.image_files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn without_a_state_folder_an_update_fails() {
    let (server, images) = (Server::start().await, Documents::start().await);
    let (program, hands) = worker("2.4");
    let node = Node::start(server.config(quick()), program);
    let held = server.held().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = Updating { server, images, folder, node, held, hands };
    node.tell().await;
    node.locate().await;
    assert_eq!(node.reported().await, report(UpdateStatus::Failed, Some("no state folder for the image")));
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_downloaded_is_downloaded_anew() {
    let mut node = updating(quick()).await;
    node.tell().await;
    node.locate().await;
    // The object that the download began with, cut in the middle, and then another one under the same key.
    let began = format!("200 OK\r\netag: \"one\"\r\ncontent-length: {}", IMAGE.len());
    node.images.answer_with(&began, &IMAGE.replace('1', "x")[..4]).await;
    let rest = format!(
        "206 Partial Content\r\netag: \"two\"\r\ncontent-range: bytes 4-11/{}\r\ncontent-length: 8",
        IMAGE.len()
    );
    let request = node.images.answer_with(&rest, &IMAGE[4..]).await;
    assert!(request.contains("range: bytes=4-\r\n"), "{request}");
    let request = node.images.answer("200 OK", IMAGE).await;
    assert!(!request.contains("range:"), "nothing of the first object is kept: {request}");
    let firmware = node.hands.firmware().await;
    assert_eq!(fs::read_to_string(firmware.path()).expect("an image"), IMAGE);
}

#[tokio::test]
async fn a_server_that_ignores_ranges_sends_the_whole_image_and_nothing_is_doubled() {
    let mut node = updating(quick()).await;
    node.tell().await;
    node.locate().await;
    for taken in [4, 9] {
        node.images.answer_with(&format!("200 OK\r\ncontent-length: {}", IMAGE.len()), &IMAGE[..taken]).await;
    }
    let request = node.images.answer("200 OK", IMAGE).await;
    assert!(request.contains("range: bytes=9-\r\n"), "{request}");
    assert_eq!(fs::read_to_string(node.hands.firmware().await.path()).expect("an image"), IMAGE);
}

#[tokio::test]
async fn an_image_that_no_trusted_key_has_signed_is_not_downloaded_and_reported_as_failed() {
    for (signature, why) in [
        ("", "no-signature"),
        ("signed", "no-signature"),
        (&*signed(3, "ax-2", "2.5"), "wrong-signature"),
        (&*signed(1, "ax-3", "2.5"), "wrong-signature"),
        (&*signed(1, "ax-2", "2.4"), "wrong-signature"),
    ] {
        let mut node = trusting(&[1, 2]).await;
        // However often the version is named, no byte of its image is asked for.
        for _ in 0..3 {
            node.tell().await;
            node.locate_signed(signature).await;
            assert_eq!(node.reported().await, report(UpdateStatus::Failed, Some(why)), "{signature}");
            let failed = NodeEvent::UpdateFailed { version: "2.5".to_owned(), why: why.to_owned() };
            node.hands.event(&failed).await;
        }
        assert!(!node.images.was_asked(), "{signature}");
    }
}

#[tokio::test]
async fn an_image_that_one_of_the_trusted_keys_has_signed_is_installed() {
    for vendor in [1, 2] {
        let mut node = trusting(&[1, 2]).await;
        node.tell().await;
        node.locate_signed(&signed(vendor, "ax-2", "2.5")).await;
        node.images.answer("200 OK", IMAGE).await;
        assert_eq!(node.hands.firmware().await.version(), "2.5");
    }
}

#[tokio::test]
async fn a_node_that_trusts_no_key_takes_no_image() {
    let mut node = trusting(&[]).await;
    node.tell().await;
    node.locate_signed(&signed(1, "ax-2", "2.5")).await;
    assert_eq!(node.reported().await, report(UpdateStatus::Failed, Some("wrong-signature")));
}
