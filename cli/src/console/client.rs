//! A client of the console API.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as HyperClient, Error as HyperError};
use hyper_util::rt::TokioExecutor;
use rollcall_aws::{Environment, chain};
use rollcall_core::NodeId;
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;

use super::refusal;
use super::url::{ConsoleUrl, KeyOf};
use crate::args::Connection;
use crate::problem::Problem;

/// How long one answer may take, from connecting to its last byte.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read, in bytes: more than Lambda gives.
const ANSWER_BYTES: usize = 10 * 1024 * 1024;

/// Somebody who asks a console.
pub(super) struct Client {
    url: ConsoleUrl,
    authorization: HeaderValue,
    key: KeyOf,
    http: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What is asked.
pub(super) struct Ask<'a> {
    method: Method,
    path: String,
    body: Bytes,
    if_match: Option<u64>,
    node: Option<&'a NodeId>,
}

impl<'a> Ask<'a> {
    /// Asks for something that is not one node's.
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: Bytes::new(), if_match: None, node: None }
    }

    /// Asks for a node, or what is below it in this path.
    pub(super) fn node(method: Method, node: &'a NodeId, below: &str) -> Self {
        Self { node: Some(node), ..Self::new(method, format!("/v1/nodes/{node}{below}")) }
    }

    /// With a body of JSON.
    pub(super) fn with_body(self, json: impl Into<Bytes>) -> Self {
        Self { body: json.into(), ..self }
    }

    /// Only if this version is wanted now.
    pub(super) fn if_match(self, version: Option<u64>) -> Self {
        Self { if_match: version, ..self }
    }
}

impl Client {
    /// One that asks the console that is meant, with the key for it.
    ///
    /// # Errors
    /// If there is no key for it, or no way to tell whether it is the right one.
    pub(super) fn open(connection: &Connection) -> Result<Self, Problem> {
        let url = ConsoleUrl::find(connection.url.as_ref(), &Environment)?;
        let (authorization, key) = url.authorization()?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls(&url)?).https_or_http().enable_http1();
        let http = HyperClient::builder(TokioExecutor::new()).build(connector.build());
        Ok(Self { url, authorization, key, http })
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// If nobody answers, or it is refused, or it is no answer of a console.
    pub(super) async fn ask<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, Problem> {
        let text = self.send(ask).await?;
        serde_json::from_slice(&text).map_err(|error| {
            Problem::new(format!("{} answers what no console does ({error}): is it the right one? (--url)", self.url))
        })
    }

    /// Asks, and hands out the answer's body.
    ///
    /// # Errors
    /// If nobody answers, or it is refused.
    pub(super) async fn send(&self, ask: Ask<'_>) -> Result<Bytes, Problem> {
        let node = ask.node;
        let request = self.request(ask).map_err(|error| Problem::plain(&error))?;
        let answer = async {
            let answer = self.http.request(request).await.map_err(|error| self.unreachable(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|error| {
                let advice = "whether it was done is not known: ask again";
                Problem::passing(format!("the answer of {} breaks off ({}); {advice}", self.url, chain(&*error)))
            })?;
            Ok((head.status, body.to_bytes()))
        };
        let (status, body) = tokio::time::timeout(PATIENCE, answer).await.map_err(|_| {
            let seconds = PATIENCE.as_secs();
            let advice = "whether it was done is not known: ask again a little later";
            Problem::passing(format!("{} has not answered for {seconds} seconds; {advice}", self.url))
        })??;
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal::problem(&self.url, self.key, node, status, &body))
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(format!("{}{}", self.url, ask.path))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json");
        if let Some(version) = ask.if_match {
            request = request.header(IF_MATCH, format!("\"{version}\""));
        }
        if !ask.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(ask.body))
    }

    fn unreachable(&self, error: &HyperError) -> Problem {
        let url = &self.url;
        if !error.is_connect() {
            let advice = "whether it was done is not known: ask again";
            return Problem::passing(format!("{url} gives no whole answer ({}); {advice}", chain(error)));
        }
        let advice = if url.is_loopback() {
            format!("`{}` serves it there", url.up())
        } else {
            "is it the right address? (--url)".to_owned()
        };
        if is_refused(error) {
            return Problem::passing(format!("nobody answers at {url}: {advice}"));
        }
        Problem::passing(format!("{url} can't be reached ({}): {advice}", chain(error)))
    }
}

/// What servers are trusted by: the system's certificates, read only if they are needed.
fn tls(url: &ConsoleUrl) -> Result<ClientConfig, Problem> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Problem::plain(&error))?;
    let config = if url.is_https() {
        config.with_native_roots().map_err(|error| {
            Problem::with_advice(&error, "install the system's certificates (Debian: apt install ca-certificates)")
        })?
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    Ok(config.with_no_client_auth())
}

fn is_refused(error: &HyperError) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}
