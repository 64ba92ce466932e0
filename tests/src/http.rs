//! A client of the HTTP API: what a monolith or a polling node sends, and what it gets.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A key that may only read.
pub const READ_KEY: &str = "test-key-that-reads";
/// A key that may write.
pub const WRITE_KEY: &str = "test-key-that-writes";

/// What a console is told of them; each twice over, as while keys are exchanged.
pub(crate) fn console_keys() -> String {
    let hash = |key: &str| HEXLOWER.encode(&Sha256::digest(key));
    format!("write:{} read:{} write:{}", hash("an older key"), hash(READ_KEY), hash(WRITE_KEY))
}

/// Somebody who sends requests.
#[derive(Clone, Debug)]
pub struct Http {
    url: String,
    bearer: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl HttpReply {
    /// The body, which is JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status, and the code of its problem document.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        (self.status, problem["code"].as_str().expect("a code").to_owned())
    }

    /// A header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

impl Http {
    /// Sends requests to this URL with this key or token.
    pub fn new(url: String, bearer: &str) -> Self {
        Self { url, bearer: bearer.to_owned(), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends a request.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> HttpReply {
        self.send_with(method, path, &[], body).await
    }

    /// Sends a request with more headers.
    pub async fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> HttpReply {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !self.bearer.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.bearer));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        let reply = self.client.request(request).await.expect("an answer");
        let (parts, body) = reply.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(body.to_vec()).expect("text");
        HttpReply { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// Gets something.
    pub async fn get(&self, path: &str) -> HttpReply {
        self.send("GET", path, "").await
    }

    /// Puts something.
    pub async fn put(&self, path: &str, body: impl Into<Bytes>) -> HttpReply {
        self.send("PUT", path, body).await
    }
}
