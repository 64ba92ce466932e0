//! The application's requests, by HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rollcall_fleet::{AppAnswer, AppRequest, Application, Ask, Next, Plan, Seen};
use serde_json::Value;

use crate::witness::Witness;

/// How long one answer may take (Amazon API Gateway quotas: 30 s).
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends requests to the HTTP API.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// An answer: its status, its headers, and its body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Http {
    pub(crate) fn new(url: String) -> Self {
        Self { url, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends a request; `None` if there is no answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, String)],
        body: Option<String>,
    ) -> Option<Reply> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::from(body.unwrap_or_default())).ok()?;
        tokio::time::timeout(PATIENCE, read(self.client.request(request))).await.ok()?
    }
}

async fn read(
    answer: impl Future<Output = Result<Response<Incoming>, hyper_util::client::legacy::Error>>,
) -> Option<Reply> {
    let (parts, body) = answer.await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// The application, and how it reaches the console.
#[derive(Clone)]
pub(crate) struct Asking {
    application: Arc<Mutex<Application>>,
    http: Http,
    key: String,
    witness: Witness,
    /// Is told that a node gets a new token: its index and the credential version.
    tokens: Arc<dyn Fn(usize, u32) + Send + Sync>,
    /// Held while something is done about a node's credentials. A revoke that is repeated does not overtake what lets the
    /// node in again.
    turns: Arc<Mutex<BTreeMap<usize, Arc<tokio::sync::Mutex<()>>>>>,
}

impl Asking {
    pub(crate) fn new(
        plan: &Plan,
        http: Http,
        key: String,
        witness: Witness,
        tokens: Arc<dyn Fn(usize, u32) + Send + Sync>,
    ) -> Self {
        let application = Arc::new(Mutex::new(Application::new(plan)));
        Self { application, http, key, witness, tokens, turns: Arc::default() }
    }

    /// Asks for something, until it is answered.
    pub(crate) async fn ask(self, ask: Ask) {
        let turn = self.turn(&ask);
        let _mine = match &turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let requests = self.with(|application| application.begin(&ask));
        let mut conversations = tokio::task::JoinSet::new();
        for request in requests {
            conversations.spawn(self.clone().converse(request));
        }
        while conversations.join_next().await.is_some() {}
    }

    /// What the request waits for, if it is about a node's credentials.
    fn turn(&self, ask: &Ask) -> Option<Arc<tokio::sync::Mutex<()>>> {
        let (Ask::Revoke { node } | Ask::RaiseCredentials { node, .. }) = ask else { return None };
        Some(Arc::clone(self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(*node).or_default()))
    }

    async fn converse(self, mut request: AppRequest) {
        loop {
            let (nth, attempt, ask) = (request.nth, request.attempt, request.ask.clone());
            self.witness.see(Seen::Asked { request: Box::new(request.clone()) });
            let answer = self.send(&request).await.map(|answer| answer.about(&ask));
            let (status, etag, body) = answer
                .as_ref()
                .map_or((0, None, Value::Null), |answer| (answer.status, answer.etag.clone(), answer.body.clone()));
            self.witness.see(Seen::Answered { nth, attempt, ask, status, etag, body });
            match self.with(|application| application.answered(nth, answer.as_ref())) {
                Next::Done => return,
                Next::Token { node, credentials, after_ms } => {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                    return (self.tokens)(node, credentials);
                }
                Next::Again { after_ms } => {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                    let Some(again) = self.with(|application| application.again(nth)) else { return };
                    request = again;
                }
            }
        }
    }

    async fn send(&self, request: &AppRequest) -> Option<AppAnswer> {
        let path = match &request.query {
            Some(query) => format!("{}?{query}", request.path),
            None => request.path.clone(),
        };
        let mut headers = request.headers.clone();
        headers.push(("authorization", format!("Bearer {}", self.key)));
        let reply = self.http.send(request.method, &path, &headers, request.body.clone()).await?;
        let header = |name| Some(reply.headers.get(name)?.to_str().ok()?.to_owned());
        Some(AppAnswer {
            status: reply.status,
            etag: header("etag"),
            retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()),
            body: serde_json::from_slice(&reply.body).unwrap_or(Value::Null),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Application) -> T) -> T {
        act(&mut self.application.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
