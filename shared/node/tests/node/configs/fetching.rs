//! Documents that are too large for a frame.

use rollcall_node::{Fetch, FetchError, Fetching};
use rollcall_wire::DOCUMENT_BYTES;

use super::*;
use crate::server::http::Documents;

/// A document of this many bytes, and the server's message without it.
fn large(version: u64, bytes: usize) -> (String, ConfigNews) {
    let text = format!("\"{}\"", "x".repeat(bytes - 2));
    let news = ConfigNews { document: None, ..news_of(version, &text) };
    (text, news)
}

/// A node that fetches from this server.
async fn fetching(documents: &Documents) -> Configured {
    let http_url = Some(documents.url());
    configured(Applied::Applied, |config| NodeConfig { http_url, ..config }).await
}

#[tokio::test]
async fn a_document_that_is_too_large_for_a_frame_is_fetched_with_the_token() {
    let documents = Documents::start().await;
    let mut node = fetching(&documents).await;
    let (text, news) = large(3, DOCUMENT_BYTES);
    node.held.push_config(&news).await;
    documents.answer("503 Later", "").await;
    let request = documents.answer("200 OK", &text).await;
    assert!(request.starts_with(&format!("GET /api/v1/configs/{} HTTP/1.1\r\n", news.sha256)), "{request}");
    assert!(request.contains("authorization: Bearer s3cret\r\n"), "{request}");
    assert!(request.contains("host: 127.0.0.1:"), "{request}");
    assert!(node.seen.applies().await.document == text, "another document");
    assert_eq!(node.proof(None).await, applied(3));
}

#[tokio::test]
async fn a_document_that_can_not_be_fetched_is_rejected_after_three_more_attempts() {
    let documents = Documents::start().await;
    let too_large = "x".repeat(DOCUMENT_BYTES + 1);
    for (status, body, why) in [
        ("404 Not Found", "", "could not be fetched: HTTP status 404".to_owned()),
        ("302 Found", "", "could not be fetched: HTTP status 302".to_owned()),
        ("200 OK", &too_large, format!("could not be fetched: the document has more than {DOCUMENT_BYTES} bytes")),
    ] {
        let mut node = fetching(&documents).await;
        node.held.push_config(&large(3, 30_000).1).await;
        for _ in 0..4 {
            documents.answer(status, body).await;
        }
        assert_eq!(node.reported().await, rejected(3, &why));
        assert_eq!(node.rejection().await, (3, why));
    }
}

#[tokio::test]
async fn a_document_without_end_is_not_read_to_its_end() {
    let documents = Documents::start().await;
    let mut node = fetching(&documents).await;
    node.held.push_config(&large(3, 30_000).1).await;
    for _ in 0..4 {
        documents.answer_without_end().await;
    }
    let why = format!("could not be fetched: the document has more than {DOCUMENT_BYTES} bytes");
    assert_eq!(node.reported().await, rejected(3, &why));
}

#[tokio::test]
async fn a_fetch_that_is_never_answered_is_given_up() {
    let documents = Documents::start().await;
    let http_url = Some(documents.url());
    let timing = Timing { fetch_timeout: Duration::from_millis(30), ..quick() };
    let mut node = configured(Applied::Applied, |config| NodeConfig { http_url, timing, ..config }).await;
    node.held.push_config(&large(3, 30_000).1).await;
    assert_eq!(node.reported().await, rejected(3, "could not be fetched: it took longer than 30ms"));
}

#[tokio::test]
async fn without_a_url_a_configuration_whose_document_must_be_fetched_is_rejected() {
    let mut node = Configured::applying().await;
    node.held.push_config(&large(3, 30_000).1).await;
    assert_eq!(node.reported().await, rejected(3, "the node has no HTTP URL to fetch from"));
}

/// Returns this text for every hash.
struct Shelf(String);

impl Fetch for Shelf {
    fn fetch(&self, _sha256: &str) -> Fetching {
        let text: Result<_, FetchError> = Ok(self.0.clone());
        Box::pin(async { text })
    }
}

#[tokio::test]
async fn a_program_can_fetch_another_way() {
    let server = Server::start().await;
    let (text, news) = large(3, 30_000);
    let (program, mut seen) = program_that(Applied::Applied);
    let _node = Node::start_with(server.config(quick()), program, Shelf(text.clone()));
    let mut held = server.held().await;
    held.push_config(&news).await;
    assert!(seen.applies().await.document == text, "another document");
}
