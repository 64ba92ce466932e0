//! Shared parts of the gateway's tests: functions as closures, a client, and calls to the management API.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt, future::BoxFuture};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rollcall_gateway::{Gateway, GatewayConfig, Invoke, InvokeError, Limits, Route, Routes};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::CloseFrame},
};

pub type Outcome = Result<Value, InvokeError>;
type Handler = Arc<dyn Fn(Value) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Functions as closures. Every event that they get is also sent to the [`Record`].
pub struct Functions {
    handlers: HashMap<String, Handler>,
    record: mpsc::UnboundedSender<(String, Value)>,
}

/// The events that the functions got. A test can wait for them.
pub struct Record {
    events: mpsc::UnboundedReceiver<(String, Value)>,
    early: VecDeque<(String, Value)>,
}

/// Functions that accept every handshake, and whose `echo` and `quiet` answer with the body of the message.
pub fn functions() -> (Functions, Record) {
    let (record, events) = mpsc::unbounded_channel();
    let functions = Functions { handlers: HashMap::new(), record }
        .on("authorize", |_| Ok(allow("node-1", &json!({"site": "north", "cv": 3}))))
        .on("connect", |_| Ok(json!({"statusCode": 200})))
        .on("disconnect", |_| Ok(Value::Null))
        .on("echo", |event| Ok(json!({"statusCode": 200, "body": event["body"]})))
        .on("quiet", |event| Ok(json!({"statusCode": 200, "body": event["body"]})));
    (functions, Record { events, early: VecDeque::new() })
}

impl Functions {
    pub fn on(self, name: &str, f: impl Fn(Value) -> Outcome + Send + Sync + 'static) -> Self {
        self.on_async(name, move |event| futures_util::future::ready(f(event)).boxed())
    }

    pub fn on_async(
        mut self,
        name: &str,
        f: impl Fn(Value) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) -> Self {
        self.handlers.insert(name.to_owned(), Arc::new(f));
        self
    }

    /// A function whose answers are held back, each until a notification.
    pub fn held(self, name: &str, f: impl Fn(Value) -> Outcome + Clone + Send + Sync + 'static) -> (Self, Arc<Notify>) {
        let go = Arc::new(Notify::new());
        let gate = Arc::clone(&go);
        let functions = self.on_async(name, move |event| {
            let (gate, f) = (Arc::clone(&gate), f.clone());
            async move {
                gate.notified().await;
                f(event)
            }
            .boxed()
        });
        (functions, go)
    }
}

impl Invoke for Functions {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let event: Value = serde_json::from_slice(&payload).expect("events are JSON");
        let _ = self.record.send((function.to_owned(), event.clone()));
        let Some(handler) = self.handlers.get(function) else {
            return futures_util::future::err(InvokeError::Unavailable(function.to_owned())).boxed();
        };
        let running = handler(event);
        async move { running.await.map(|output| output.to_string().into()) }.boxed()
    }
}

impl Record {
    /// Waits for the next event of `function`.
    pub async fn next(&mut self, function: &str) -> Value {
        if let Some(at) = self.early.iter().position(|(name, _)| name == function) {
            return self.early.remove(at).unwrap().1;
        }
        loop {
            let (name, event) = soon(self.events.recv()).await.expect("the gateway has stopped");
            if name == function {
                return event;
            }
            self.early.push_back((name, event));
        }
    }

    /// The events of `function` that no call of [`next`](Self::next) has returned. It must be called when no more
    /// events can come.
    pub fn rest(&mut self, function: &str) -> Vec<Value> {
        while let Ok(event) = self.events.try_recv() {
            self.early.push_back(event);
        }
        self.early.iter().filter(|(name, _)| name == function).map(|(_, event)| event.clone()).collect()
    }
}

/// Waits for a future for 10 s, which is far longer than anything takes.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("no result within 10 s")
}

pub fn allow(principal: &str, context: &Value) -> Value {
    json!({
        "principalId": principal,
        "context": context,
        "policyDocument": {"Version": "2012-10-17", "Statement": [
            {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "arn:aws:execute-api:*/prod/$connect"}
        ]},
    })
}

pub fn raised(message: &str) -> InvokeError {
    InvokeError::Function { kind: "Error".into(), message: message.into() }
}

/// Routes for the authorizer, `$connect` and `$disconnect`; `echo` (also `$default`) with a route response, and `quiet`
/// without one.
pub fn routes() -> Routes {
    let route = |function: &str, responds| Route { function: function.into(), responds };
    Routes {
        authorizer: Some("authorize".into()),
        connect: Some("connect".into()),
        disconnect: Some("disconnect".into()),
        default: Some(route("echo", true)),
        keyed: BTreeMap::from([("echo".into(), route("echo", true)), ("quiet".into(), route("quiet", false))]),
        selection: "$request.body.type".into(),
    }
}

/// A gateway on a port of its own, with stage `prod`.
pub async fn gateway(functions: Functions, limits: Limits) -> Gateway {
    let mut config = GatewayConfig::new("prod", routes());
    config.limits = limits;
    start(config, functions).await
}

pub async fn start(config: GatewayConfig, functions: Functions) -> Gateway {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    Gateway::start(listener, config, Arc::new(functions))
}

pub struct Client(pub WebSocketStream<TcpStream>);

pub fn handshake(gateway: &Gateway, path: &str) -> tungstenite::handshake::client::Request {
    format!("ws://{}{path}", gateway.local_addr()).into_client_request().unwrap()
}

pub async fn try_connect(
    request: tungstenite::handshake::client::Request,
) -> Result<(Client, tungstenite::handshake::client::Response), (StatusCode, HeaderMap, Value)> {
    let stream = TcpStream::connect(request.uri().authority().unwrap().as_str()).await.unwrap();
    match soon(tokio_tungstenite::client_async(request, stream)).await {
        Ok((stream, response)) => Ok((Client(stream), response)),
        Err(tungstenite::Error::Http(refusal)) => {
            let (parts, body) = refusal.into_parts();
            let body = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or(Value::Null);
            Err((parts.status, parts.headers, body))
        }
        Err(other) => panic!("neither accepted nor refused: {other}"),
    }
}

pub async fn connect(gateway: &Gateway) -> Client {
    let Ok((client, _)) = try_connect(handshake(gateway, "/prod")).await else {
        panic!("the handshake was refused");
    };
    client
}

impl Client {
    pub async fn send(&mut self, text: impl ToString) {
        self.0.send(Message::text(text.to_string())).await.unwrap();
    }

    pub async fn raw(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub async fn next(&mut self) -> Message {
        soon(self.0.next()).await.expect("the socket is closed").unwrap()
    }

    pub async fn text(&mut self) -> String {
        match self.next().await {
            Message::Text(text) => text.to_string(),
            other => panic!("not text: {other:?}"),
        }
    }

    pub async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The close frame that the gateway sent. Pongs before it are skipped.
    pub async fn closed(&mut self) -> CloseFrame {
        loop {
            match self.next().await {
                Message::Close(frame) => return frame.expect("the gateway gives a status"),
                Message::Pong(_) => {}
                other => panic!("not closed: {other:?}"),
            }
        }
    }
}

/// Calls the management API, with the part of a signature that the gateway checks.
pub async fn manage(
    to: SocketAddr,
    method: Method,
    id: &str,
    body: impl Into<Bytes>,
) -> (StatusCode, HeaderMap, Bytes) {
    let id = id.replace('=', "%3D").replace('/', "%2F").replace('+', "%2B");
    let request = Request::builder()
        .method(method)
        .uri(format!("/prod/@connections/{id}"))
        .header("authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/execute-api/aws4_request");
    call(to, request.body(Full::new(body.into())).unwrap()).await
}

pub async fn call(to: SocketAddr, mut request: Request<Full<Bytes>>) -> (StatusCode, HeaderMap, Bytes) {
    request.headers_mut().insert("host", to.to_string().parse().unwrap());
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, http) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(http);
    let (parts, body) = soon(sender.send_request(request)).await.unwrap().into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
}

pub fn id_of(event: &Value) -> String {
    event["requestContext"]["connectionId"].as_str().unwrap().to_owned()
}
