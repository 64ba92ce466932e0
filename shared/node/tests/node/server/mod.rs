//! A server on real sockets that is controlled by a test, and a program that tells the test what its node does.

pub mod http;
pub mod worker;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rollcall_node::{Applied, Configuration, Handler, NodeConfig, NodeEvent, Pushed, Report, Timing};
use rollcall_wire::{CheckIn, ConfigNews, NodeMessage, parse_node_message};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Error, Message,
        handshake::server::{Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// Far longer than anything takes. A test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn patiently<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("nothing happened for 10 s")
}

/// Timing for tests: short waits before the node reconnects, and a long timeout for acks.
pub fn quick() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        first_spread: ms(5),
        backoff_base: ms(5),
        backoff_cap: ms(20),
        superseded_base: ms(200),
        unregistered_base: ms(20),
        longest_wait: ms(2_000),
        answer_timeout: PATIENCE,
        ..Timing::default()
    }
}

pub struct Server {
    listener: TcpListener,
}

impl Server {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port") }
    }

    pub fn config(&self, timing: Timing) -> NodeConfig {
        let address = self.listener.local_addr().expect("address");
        NodeConfig { timing, ..NodeConfig::new(format!("ws://{address}/live?site=7"), "s3cret") }
    }

    /// The next TCP connection, before any handshake.
    pub async fn tcp(&self) -> TcpStream {
        patiently(self.listener.accept()).await.expect("accept").0
    }

    /// The next connection, after its handshake.
    pub async fn peer(&self) -> Peer {
        Peer::greet(self.tcp().await).await
    }

    /// The next connection, after its first check-in was acknowledged.
    pub async fn held(&self) -> Peer {
        let mut peer = self.peer().await;
        assert_eq!(peer.check_in().await.seq, 1);
        peer.ack(1).await;
        peer
    }

    /// Answers the next handshake with this status.
    pub async fn refuse(&self, status: u16) {
        self.refuse_with(status, "").await;
    }

    /// Answers the next handshake with this status, and these lines of headers.
    pub async fn refuse_with(&self, status: u16, headers: &str) {
        let mut tcp = self.tcp().await;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            patiently(tcp.read_buf(&mut request)).await.expect("a request");
        }
        let answer = format!("HTTP/1.1 {status} No\r\n{headers}content-length: 5\r\nconnection: close\r\n\r\nsorry");
        tcp.write_all(answer.as_bytes()).await.expect("answer");
    }
}

/// One connection, from the server's side.
pub struct Peer {
    socket: WebSocketStream<TcpStream>,
    pub request: Request,
}

impl Peer {
    pub async fn greet(tcp: TcpStream) -> Self {
        Self::greeted(tcp).await.expect("a handshake")
    }

    /// `None` if the node has closed the connection before its handshake.
    pub async fn greeted(tcp: TcpStream) -> Option<Self> {
        let mut request = None;
        #[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
        let keep = |received: &Request, response: Response| {
            request = Some(received.clone());
            Ok(response)
        };
        let socket = patiently(accept_hdr_async(tcp, keep)).await.ok()?;
        Some(Self { socket, request: request.expect("a request") })
    }

    /// The next message that is no ping or pong; `None` if the connection broke.
    async fn message(&mut self) -> Option<Message> {
        loop {
            match patiently(self.socket.next()).await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    pub async fn check_in(&mut self) -> CheckIn {
        match self.next_message().await {
            NodeMessage::CheckIn(check_in) => check_in,
            other => panic!("no check-in: {other:?}"),
        }
    }

    /// Waits until the node asks for its configuration.
    pub async fn question(&mut self) {
        assert_eq!(self.next_message().await, NodeMessage::Config);
    }

    /// The node's next message.
    pub async fn next_message(&mut self) -> NodeMessage {
        let message = self.message().await.expect("a message, not the end");
        parse_node_message(message.to_text().expect("text")).expect("a message of the protocol")
    }

    /// The code with which the node closes the connection; `None` if the connection ends without a close.
    pub async fn closing(&mut self) -> Option<u16> {
        match self.message().await {
            Some(Message::Close(Some(frame))) => Some(frame.code.into()),
            None => None,
            other => panic!("no close: {other:?}"),
        }
    }

    /// Waits until the connection has ended. Messages before the end are ignored.
    pub async fn end(mut self) {
        while self.message().await.is_some() {}
    }

    pub async fn push(&mut self, message: Value) {
        let sent: Result<(), Error> = self.socket.send(Message::text(message.to_string())).await;
        sent.expect("sent");
    }

    pub async fn ack(&mut self, seq: u64) {
        self.push(json!({"type":"ack","seq":seq,"next_check_in_s":60,"reconnect_within_s":600,"spread_s":0})).await;
    }

    pub async fn ack_with(&mut self, seq: u64, news: &ConfigNews) {
        self.push(
            json!({"type":"ack","seq":seq,"next_check_in_s":60,"reconnect_within_s":600,"spread_s":0,"config":news}),
        )
        .await;
    }

    pub async fn push_config(&mut self, news: &ConfigNews) {
        let mut message = serde_json::to_value(news).expect("JSON");
        message["type"] = json!("config");
        self.push(message).await;
    }

    pub async fn close(&mut self) {
        let frame = CloseFrame { code: CloseCode::Away, reason: "going".into() };
        self.socket.close(Some(frame)).await.expect("closed");
    }
}

/// What the program saw.
#[derive(Debug, PartialEq)]
pub enum Seen {
    Event(NodeEvent),
    Pushed(Pushed),
    Applies(Configuration),
    RollsBack(u64),
}

pub struct Program {
    seen: UnboundedSender<Seen>,
    applied: Applied,
}

impl Handler for Program {
    fn report(&mut self) -> Report {
        Report { firmware: Some("2.4.1".to_owned()), ..Report::default() }
    }

    fn apply(&mut self, configuration: &Configuration) -> Applied {
        let _ = self.seen.send(Seen::Applies(configuration.clone()));
        self.applied.clone()
    }

    fn roll_back(&mut self, from: &Configuration) {
        let _ = self.seen.send(Seen::RollsBack(from.version));
    }

    fn pushed(&mut self, message: Pushed) {
        let _ = self.seen.send(Seen::Pushed(message));
    }

    fn event(&mut self, event: NodeEvent) {
        let _ = self.seen.send(Seen::Event(event));
    }
}

/// Gives a test what the program saw.
pub struct Observer(UnboundedReceiver<Seen>);

/// A program that takes no configurations.
pub fn program() -> (Program, Observer) {
    program_that(Applied::Unsupported)
}

/// A program that gives this answer to every configuration.
pub fn program_that(applied: Applied) -> (Program, Observer) {
    let (seen, received) = unbounded_channel();
    (Program { seen, applied }, Observer(received))
}

impl Observer {
    /// Skips what the program saw until `pick` returns a value.
    pub async fn first<T>(&mut self, pick: impl Fn(Seen) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(patiently(self.0.recv()).await.expect("the run goes on")) {
                return picked;
            }
        }
    }

    /// Skips what the program saw until `pick` returns a value for an event.
    pub async fn event<T>(&mut self, pick: impl Fn(&NodeEvent) -> Option<T>) -> T {
        self.first(|seen| if let Seen::Event(event) = seen { pick(&event) } else { None }).await
    }

    /// All events up to and including the first that fits.
    pub async fn until(&mut self, fits: impl Fn(&NodeEvent) -> bool) -> Vec<NodeEvent> {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(&fits) {
            if let Seen::Event(event) = patiently(self.0.recv()).await.expect("the run goes on") {
                seen.push(event);
            }
        }
        seen
    }

    pub async fn pushed(&mut self) -> Pushed {
        self.first(|seen| if let Seen::Pushed(message) = seen { Some(message) } else { None }).await
    }

    pub async fn applies(&mut self) -> Configuration {
        self.first(|seen| if let Seen::Applies(configuration) = seen { Some(configuration) } else { None }).await
    }

    /// Everything that the program saw and that the test has not taken yet.
    pub fn rest(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}
