//! A client of the console API.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as HyperClient, Error as HyperError};
use hyper_util::rt::TokioExecutor;
use rollcall_aws::Environment;
use rollcall_core::{IdempotencyKey, NodeId};
use rollcall_service::chain;
use rollcall_wire::console::ProblemCode;
use serde::de::DeserializeOwned;

use super::url::{ConsoleUrl, KeyOf};
use super::{https, refusal};
use crate::args::Address;
use crate::local::Local;
use crate::out::say;
use crate::problem::Problem;

/// How long one answer may take, from connecting to its last byte.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read, in bytes: more than Lambda gives.
const ANSWER_BYTES: usize = 10 * 1024 * 1024;
/// How often something with a key is asked for, if no answer comes.
const TRIES: u32 = 4;
/// How long to wait before the second try; before each that follows, twice as long as before the last.
const PAUSE: Duration = Duration::from_millis(250);

/// Somebody who asks a console.
pub(super) struct Client {
    url: ConsoleUrl,
    authorization: HeaderValue,
    key: KeyOf,
    http: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What is asked.
#[derive(Clone)]
pub(super) struct Ask<'a> {
    method: Method,
    path: String,
    body: Bytes,
    if_match: Option<u64>,
    key: Option<&'a IdempotencyKey>,
    node: Option<&'a NodeId>,
}

impl<'a> Ask<'a> {
    /// Asks for something that is not one node's.
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: Bytes::new(), if_match: None, key: None, node: None }
    }

    /// Asks for a node, or what is below it in this path.
    pub(super) fn node(method: Method, node: &'a NodeId, below: &str) -> Self {
        Self { node: Some(node), ..Self::new(method, format!("/v1/nodes/{node}{below}")) }
    }

    /// With a body of JSON.
    pub(super) fn with_body(self, json: impl Into<Bytes>) -> Self {
        Self { body: json.into(), ..self }
    }

    /// Only if this version is desired now.
    pub(super) fn if_match(self, version: Option<u64>) -> Self {
        Self { if_match: version, ..self }
    }

    /// Named with this key: however often it is asked for, it is done once.
    pub(super) fn once(self, key: &'a IdempotencyKey) -> Self {
        Self { key: Some(key), ..self }
    }
}

impl Client {
    /// One that asks the console that is meant, with the key for it.
    ///
    /// # Errors
    /// If there is no telling where it is, or no key for it, or no way to tell whether it is the right one.
    pub(super) async fn open(address: &Address) -> Result<Self, Problem> {
        let url = ConsoleUrl::find(address, &Environment).await?;
        let (authorization, key) = url.authorization(address.key_file.as_deref())?;
        let http = HyperClient::builder(TokioExecutor::new()).build(https::connector(url.is_https())?);
        Ok(Self { url, authorization, key, http })
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        self.url.to_string()
    }

    /// The local cloud whose console is asked, if it is one.
    pub(super) fn local(&self) -> Option<Local> {
        self.url.local()
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// If nobody answers, or it is refused, or it is no answer of a console.
    pub(super) async fn ask<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, Problem> {
        let text = self.send(ask).await?;
        self.read(&text)
    }

    /// Asks for something that need not be there, which is refused with this code then.
    ///
    /// # Errors
    /// If nobody answers, or it is refused for another reason, or it is no answer of a console.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        ask: Ask<'_>,
        missing: ProblemCode,
    ) -> Result<Option<T>, Problem> {
        let (status, body) = self.exchange(&ask).await?;
        if refusal::is(missing, &body) {
            return Ok(None);
        }
        self.read(&self.accepted(&ask, status, body)?).map(Some)
    }

    /// Asks, and hands out the answer's body. What has a key is asked for again if there is no answer: the first may have
    /// been lost on its way.
    ///
    /// # Errors
    /// If nobody answers, or it is refused.
    pub(super) async fn send(&self, ask: Ask<'_>) -> Result<Bytes, Problem> {
        let Some(key) = ask.key else { return self.try_once(&ask).await };
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.try_once(&ask).await {
                Err(problem) if problem.is_passing() => say(&format!("{problem} (asking again)")),
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.try_once(&ask).await.map_err(|problem| {
            if !problem.is_passing() {
                return problem;
            }
            let key = key.as_str();
            problem.and(&format!(" (the same command with --key {key} is done once, however often it is given)"))
        })
    }

    async fn try_once(&self, ask: &Ask<'_>) -> Result<Bytes, Problem> {
        let (status, body) = self.exchange(ask).await?;
        self.accepted(ask, status, body)
    }

    fn accepted(&self, ask: &Ask<'_>, status: StatusCode, body: Bytes) -> Result<Bytes, Problem> {
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal::problem(&self.url, self.key, ask.node, status, &body))
    }

    fn read<T: DeserializeOwned>(&self, text: &[u8]) -> Result<T, Problem> {
        serde_json::from_slice(text).map_err(|error| {
            Problem::new(format!("{} answers what no console does ({error}): is it the right one? (--url)", self.url))
        })
    }

    /// Sends a request, and reads the whole answer, whatever it is.
    async fn exchange(&self, ask: &Ask<'_>) -> Result<(StatusCode, Bytes), Problem> {
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
        tokio::time::timeout(PATIENCE, answer).await.map_err(|_| {
            let seconds = PATIENCE.as_secs();
            let advice = "whether it was done is not known: ask again a little later";
            Problem::passing(format!("{} has not answered for {seconds} seconds; {advice}", self.url))
        })?
    }

    fn request(&self, ask: &Ask<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(format!("{}{}", self.url, ask.path))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json");
        if let Some(version) = ask.if_match {
            request = request.header(IF_MATCH, format!("\"{version}\""));
        }
        if let Some(key) = ask.key {
            request = request.header("idempotency-key", key.as_str());
        }
        if !ask.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(ask.body.clone()))
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
