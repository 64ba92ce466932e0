//! A client's bytes on a connection to the local HTTP API, over a real socket.

mod echo;

use std::cell::{Cell, OnceCell};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rollcall_gateway::{ClientLimits, HttpApi, HttpConfig, HttpLimits, HttpRoute};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::Outcomes;
use echo::Echo;

/// How long a connection may take until it is closed: far longer than any does.
const CLOSED_WITHIN: Duration = Duration::from_secs(60);
/// How long the server would wait for a client: a connection that ends only then is too late.
const PATIENCE: Duration = Duration::from_secs(600);
/// The statuses that the gateway and its function answer with here.
const STATUSES: [u16; 10] = [200, 204, 400, 404, 413, 414, 417, 431, 501, 505];

thread_local! {
    static SERVER: OnceCell<Server> = const { OnceCell::new() };
    /// Whether anything on this thread has panicked. Tokio catches the panic of a task.
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// A running HTTP API with small limits, whose function returns the body of the request.
struct Server {
    runtime: Runtime,
    api: HttpApi,
}

impl Server {
    fn start() -> Self {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED.set(true);
            hook(panic);
        }));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let route = |key: &str| HttpRoute { key: key.to_owned(), function: "echo".to_owned() };
        let routes = ["GET /v1/nodes/{node}", "ANY /v1/{proxy+}", "POST /v1/check-in"].map(route).to_vec();
        let (headers, body, idle) = (PATIENCE, PATIENCE, PATIENCE);
        let clients = ClientLimits { headers, body, idle, request_line: 256, head: 1024, ..ClientLimits::default() };
        let limits = HttpLimits {
            body: 2048,
            requests_per_second: 1_000_000,
            burst: 1_000_000,
            clients,
            ..HttpLimits::default()
        };
        let config = HttpConfig { limits, ..HttpConfig::new(routes) };
        let listening = runtime.block_on(TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))).expect("a port");
        let api = runtime.block_on(async { HttpApi::start(listening, config, Arc::new(Echo)) });
        Self { runtime, api }
    }

    /// Sends bytes, and returns all that is answered until the server closes the connection.
    fn exchange(&self, data: &[u8]) -> Vec<u8> {
        let exchange = async {
            let mut client = TcpStream::connect(self.api.local_addr()).await.expect("connected");
            // Without this, each connection would leave a port behind for a minute.
            client.set_zero_linger().expect("an option");
            let (mut reading, mut writing) = client.split();
            let mut answers = vec![];
            let send = async {
                // The server may have closed the connection already.
                let _ = writing.write_all(data).await;
                let _ = writing.shutdown().await;
            };
            let receive = async {
                let _ = reading.read_to_end(&mut answers).await;
            };
            futures_util::future::join(send, receive).await;
            answers
        };
        let closed = self.runtime.block_on(async { tokio::time::timeout(CLOSED_WITHIN, exchange).await });
        closed.unwrap_or_else(|_| panic!("the connection is still open"))
    }
}

/// Bytes that a client sends, before it closes its side.
pub fn listener(data: &[u8]) -> Outcomes {
    let answers = SERVER.with(|server| server.get_or_init(Server::start).exchange(data));
    assert!(!PANICKED.get(), "the server panicked");
    let statuses = statuses(&answers);
    // A head ends with an empty line.
    let requests = data.split(|byte| *byte == b'\n').count() / 2;
    assert!(statuses.len() <= requests + 1, "{} answers to {requests} requests", statuses.len());
    statuses.iter().take(4).enumerate().map(|(at, status)| format!("answer {at}: {status}")).collect()
}

/// The statuses of answers that follow each other without anything between them.
fn statuses(mut answers: &[u8]) -> Vec<u16> {
    let mut statuses = vec![];
    while !answers.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(answers) {
            Ok(httparse::Status::Complete(length)) => length,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(answers)),
        };
        let status = head.code.expect("a status");
        answers = &answers[length..];
        if status == 100 {
            continue;
        }
        assert!(STATUSES.contains(&status), "{head:?}");
        let sent = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let sent =
            sent.map_or(0, |header| std::str::from_utf8(header.value).expect("ASCII").parse().expect("a number"));
        // The answer to `HEAD` has the length of what `GET` would answer, and no body.
        let body =
            answers.split_at_checked(sent).map_or(0, |(body, _)| if body.starts_with(b"HTTP/1.1 ") { 0 } else { sent });
        answers = &answers[body..];
        statuses.push(status);
    }
    statuses
}
