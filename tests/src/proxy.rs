//! A proxy before DynamoDB that loses, refuses and delays what it is told to, and counts what passes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::calls;

/// The functions that nobody waits for. What they ask passes, and does not count: a test says what happens to the requests
/// of the functions that it invokes.
const BEHIND: [&str; 1] = ["feed"];

/// What happens to the next requests.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing: they pass.
    None,
    /// This many reach DynamoDB, but their answers are lost.
    LoseAnswers(usize),
    /// DynamoDB is down.
    Down,
    /// DynamoDB throttles.
    Throttle,
    /// This many writes of one item reach DynamoDB; all else is throttled. Functions that are told of writes read and
    /// make transactions, and take no write from those that are meant.
    ThrottleAfter(usize),
    /// Requests that post something are answered, and go nowhere: a push that is lost without anybody noticing.
    LosePosts,
    /// They wait until they are released, one permit each.
    Hold(Arc<Semaphore>),
    /// Each takes this much longer.
    Slow(Duration),
}

impl Fault {
    /// What happens to this request; what is left happens to the next ones.
    fn next(&mut self, is_write: bool) -> Self {
        match self {
            Self::ThrottleAfter(left @ 1..) if is_write => {
                *left -= 1;
                Self::None
            }
            Self::ThrottleAfter(_) => Self::Throttle,
            other => other.clone(),
        }
    }
}

/// A proxy before DynamoDB.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    target: OnceLock<String>,
    fault: Mutex<Fault>,
    received: AtomicUsize,
    passed: AtomicUsize,
    traces: Mutex<Vec<String>>,
    notes: bool,
    held: watch::Sender<usize>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl FaultProxy {
    /// Listens, for functions to be told of before DynamoDB has an address.
    pub async fn start() -> Self {
        Self::listening(false).await
    }

    /// The same, before functions whose credentials say whose they are: what they call is noted.
    pub(crate) async fn noting() -> Self {
        Self::listening(true).await
    }

    async fn listening(notes: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner {
            target: OnceLock::new(),
            fault: Mutex::new(Fault::None),
            received: AtomicUsize::new(0),
            passed: AtomicUsize::new(0),
            traces: Mutex::default(),
            notes,
            held: watch::Sender::new(0),
            client: Client::builder(TokioExecutor::new()).build_http(),
        });
        let serving = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a socket");
                let inner = Arc::clone(&serving);
                let service = service_fn(move |request| Arc::clone(&inner).pass(request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, inner }
    }

    /// Passes requests on to DynamoDB at this URL.
    pub fn stand_before(&self, target: String) {
        self.inner.target.set(target).expect("it stands before nothing yet");
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, this happens.
    pub fn set(&self, fault: Fault) {
        *self.inner.fault.lock().unwrap() = fault;
    }

    /// How many requests came, whatever became of them.
    pub fn received(&self) -> usize {
        self.inner.received.load(Ordering::SeqCst)
    }

    /// How many requests reached DynamoDB.
    pub fn passed(&self) -> usize {
        self.inner.passed.load(Ordering::SeqCst)
    }

    /// The traces that requests are part of, in order.
    pub fn traces(&self) -> Vec<String> {
        self.inner.traces.lock().unwrap().clone()
    }

    /// Waits until this many requests have been held, in all.
    pub async fn until_held(&self, count: usize) {
        self.inner.held.subscribe().wait_for(|held| *held >= count).await.expect("the proxy lives");
    }
}

/// The answer is lost: the connection closes without one.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost")
    }
}

impl std::error::Error for Lost {}

impl Inner {
    async fn pass(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Lost> {
        let (parts, body) = request.into_parts();
        let is_behind = calls::caller(&parts).is_some_and(|caller| BEHIND.contains(&caller));
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let is_write = target.is_some_and(|target| target.ends_with(".UpdateItem"));
        let request = Request::from_parts(parts, body);
        if is_behind {
            return self.forward(request).await;
        }
        self.received.fetch_add(1, Ordering::SeqCst);
        let fault = self.fault.lock().unwrap().next(is_write);
        match fault {
            Fault::Down => return Err(Lost),
            Fault::Throttle => return Ok(throttled()),
            Fault::LosePosts if request.method() == http::Method::POST => return Ok(Response::default()),
            Fault::Hold(gate) => {
                self.held.send_modify(|held| *held += 1);
                gate.acquire().await.expect("the gate stays").forget();
            }
            Fault::Slow(by) => tokio::time::sleep(by).await,
            Fault::None | Fault::LoseAnswers(_) | Fault::LosePosts | Fault::ThrottleAfter(_) => {}
        }
        let answer = self.forward(request).await;
        self.passed.fetch_add(usize::from(answer.is_ok()), Ordering::SeqCst);
        let mut fault = self.fault.lock().unwrap();
        if let Fault::LoseAnswers(left @ 1..) = &mut *fault {
            *left -= 1;
            return Err(Lost);
        }
        answer
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Lost> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let target = self.target.get().ok_or(Lost)?;
        parts.uri = format!("{target}{path}").parse().expect("a URI");
        let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
        if self.notes {
            calls::note(&parts, &body);
        }
        if !calls::caller(&parts).is_some_and(|caller| BEHIND.contains(&caller)) {
            self.traces.lock().unwrap().extend(trace(&parts));
        }
        let answer = self.client.request(Request::from_parts(parts, Full::new(body))).await.map_err(|_| Lost)?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

fn trace(parts: &http::request::Parts) -> Option<String> {
    Some(parts.headers.get("x-amzn-trace-id")?.to_str().ok()?.to_owned())
}

fn throttled() -> Response<Full<Bytes>> {
    let body =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}"#;
    let answer = Response::builder().status(400).header("content-type", "application/x-amz-json-1.0");
    answer.body(Full::from(body)).expect("a response")
}
