//! SQS on loopback.

mod check;
mod digest;
mod protocol;
mod refusal;
mod service;
mod store;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rollcall_gateway::is_stranger;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::state::State;
use crate::{ACCOUNT, REGION};
use refusal::{Code, Refusal};

pub(crate) use digest::{Attributes, of_body};
pub(crate) use service::Service;
pub(crate) use store::{Message, Received, delete, send};

/// How long a connection may wait for the complete head of its next request.
const IDLE: Duration = Duration::from_secs(75);
/// The longest body of a request, in bytes: a batch of 1 MiB, each byte of which JSON may write in six.
const BODY: usize = 7 * 1024 * 1024;

/// A queue and its attributes.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its name. A FIFO queue is one whose name ends with `.fifo`; every other queue is a standard queue.
    pub name: String,
    /// How long a message that was received stays hidden from others, unless the receiver says otherwise.
    pub visibility: Duration,
    /// How long a message is kept.
    pub retention: Duration,
    /// How long a message that was sent can't be received.
    pub delay: Duration,
    /// Whether the body of a message without a deduplication id stands for one.
    pub content_based_deduplication: bool,
    /// Where messages go that were received too often.
    pub dead_letters: Option<DeadLetters>,
}

/// Where messages go that were received too often: the redrive policy of a queue.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    /// The name of the other queue.
    pub queue: String,
    /// How often a message is received at most: its next receipt moves it.
    pub max_receives: u32,
}

impl Queue {
    /// A queue of this name with SQS's default attributes ("`SetQueueAttributes`").
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            visibility: Duration::from_secs(30),
            retention: Duration::from_hours(4 * 24),
            delay: Duration::ZERO,
            content_based_deduplication: false,
            dead_letters: None,
        }
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.name.strip_suffix(".fifo").is_some()
    }
}

/// The ARN of a queue.
pub(crate) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

/// A server of SQS. It speaks SQS's JSON protocol on loopback, and refuses requests of web pages. Signatures are not
/// checked. The messages are in a [`State`]. Dropping it ends it.
#[derive(Debug)]
pub struct Queues {
    address: SocketAddr,
    pub(crate) service: Arc<Service>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Queues {
    /// Serves these queues on this socket.
    ///
    /// # Errors
    /// If the socket can't be used.
    pub fn start(listener: TcpListener, queues: Vec<Queue>, state: State) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let queues = queues.into_iter().map(|queue| (queue.name.clone(), queue)).collect();
        let service = Arc::new(Service { queues, state, base: format!("http://{address}/{ACCOUNT}") });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(serve(listener, Arc::clone(&service), stop.clone(), tasks.clone()));
        Ok(Self { address, service, stop, tasks })
    }

    /// The endpoint of SQS: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of the queue of this name.
    pub fn queue_url(&self, queue: &str) -> String {
        self.service.url(queue)
    }

    /// Ends the server, and waits until no connection uses its state.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(listener: tokio::net::TcpListener, service: Arc<Service>, stop: CancellationToken, tasks: TaskTracker) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            // The client has gone already, or the process has no free file descriptor.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (service, stop) = (Arc::clone(&service), stop.clone());
        tasks.spawn(async move {
            let _ = stream.set_nodelay(true);
            let respond = service_fn(move |request| respond(Arc::clone(&service), request));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(IDLE);
            // The client sees for itself that its connection has failed.
            let _ = stop.run_until_cancelled(http.serve_connection(TokioIo::new(stream), respond)).await;
        });
    }
}

async fn respond(service: Arc<Service>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A web page of any origin can make a browser send requests here. Programs on this machine send no origin.
    if is_stranger(request.headers(), request.uri()) {
        return Ok(response(StatusCode::FORBIDDEN, &Value::Null));
    }
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.unwrap_or_default().to_owned();
    let answer = match Limited::new(request.into_body(), BODY).collect().await {
        Ok(body) => service.answer(&target, &body.to_bytes()).await,
        Err(error) => Err(Refusal::new(Code::UNREADABLE, error.to_string())),
    };
    Ok(match answer {
        Ok(answer) => response(StatusCode::OK, &answer),
        Err(refusal) => {
            let mut response = response(refusal.status(), &refusal.body());
            if let Ok(code) = HeaderValue::from_str(&refusal.query_error()) {
                response.headers_mut().insert("x-amzn-query-error", code);
            }
            response
        }
    })
}

fn response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}
