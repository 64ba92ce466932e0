//! The real gateway on loopback, with functions that return when they are told to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use rollcall_gateway::{Gateway, GatewayConfig, Invoke, InvokeError, Limits, Route, Routes};
use rollcall_simulation::alone::{Function, Output, Saw};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;

use super::client::Client;
use super::history::Step;

/// The real gateway with its clients and functions.
pub(crate) struct Real {
    gateway: Gateway,
    functions: Arc<Functions>,
    clients: Vec<Client>,
    saw: UnboundedSender<Saw>,
    seen: UnboundedReceiver<Saw>,
}

impl Real {
    /// A gateway that admits so many requests in all, and whose clients may be idle for so long.
    pub(crate) async fn start(requests: Option<u32>, idle: Option<Duration>) -> Self {
        let mut config = GatewayConfig::new("local", routes());
        if let Some(burst) = requests {
            config.limits = Limits { requests_per_second: 0, burst, ..config.limits };
        }
        config.limits.idle = idle.unwrap_or(config.limits.idle);
        let (saw, seen) = unbounded_channel();
        let functions = Arc::new(Functions { saw: saw.clone(), state: Mutex::default() });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let gateway = Gateway::start(listener, config, Arc::clone(&functions) as Arc<dyn Invoke>);
        Self { gateway, functions, clients: vec![], saw, seen }
    }

    pub(crate) async fn carry_out(&mut self, step: &Step) {
        match step {
            Step::Dial(client, token) => {
                let client = Client::dial(*client, token, self.gateway.local_addr(), self.saw.clone());
                self.clients.push(client);
            }
            Step::Return { client, nth, output } => self.functions.returns(*client, *nth, output),
            Step::Text(client, text) => self.clients[*client].send(Message::text(text)),
            Step::Ping(client) => self.clients[*client].send(Message::Ping(Bytes::new())),
            Step::Close(client, code, reason) => self.clients[*client].close(*code, reason),
            Step::Drop(client) => self.clients[*client].drop(),
            Step::Cut => self.gateway.cut(),
            Step::Post(client, frame) => self.manage(*client, "POST", frame).await,
            Step::Delete(client) => self.manage(*client, "DELETE", "").await,
        }
    }

    /// The next so many things that are seen, and what else there is already.
    pub(crate) async fn saw(&mut self, count: usize, patience: Duration) -> Vec<Saw> {
        let mut saw = vec![];
        while saw.len() < count {
            match tokio::time::timeout(patience, self.seen.recv()).await {
                Ok(Some(one)) => saw.push(one),
                Ok(None) | Err(_) => break,
            }
        }
        saw.extend(std::iter::from_fn(|| self.seen.try_recv().ok()));
        saw
    }

    /// The id of a client's connection.
    pub(crate) fn connection(&self, client: usize) -> Option<String> {
        self.functions.state().connections.iter().find(|(_, of)| of.client == client).map(|(id, _)| id.clone())
    }

    /// Waits until everything is over. Returns what was seen meanwhile.
    pub(crate) async fn stop(mut self) -> Vec<Saw> {
        self.gateway.shutdown().await;
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }

    /// Calls `@connections`, with the part of a signature that the gateway looks at.
    async fn manage(&self, client: usize, method: &str, body: &str) {
        let (to, id) = (self.gateway.local_addr(), self.connection(client).expect("an id"));
        let id = id.replace('=', "%3D").replace('/', "%2F").replace('+', "%2B");
        let request = format!(
            "{method} /local/@connections/{id} HTTP/1.1\r\nHost: {to}\r\nAuthorization: AWS4-HMAC-SHA256 x\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(to).await.expect("the gateway listens");
        // A body that is too long need not be read.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = vec![];
        let _ = stream.read_to_end(&mut answer).await;
        let status = answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
        let _ = self.saw.send(Saw::Managed(client, status.unwrap_or_default()));
    }
}

/// The routes, as `localstack/stack` has them.
fn routes() -> Routes {
    let check_in = Route { function: "check-in".into(), responds: true };
    Routes {
        authorizer: Some("authorize".into()),
        connect: Some("connect".into()),
        disconnect: Some("disconnect".into()),
        default: Some(check_in.clone()),
        keyed: [("check-in".to_owned(), check_in)].into(),
        selection: "$request.body.type".into(),
    }
}

type Outcome = Result<Bytes, InvokeError>;

/// Functions that return when they are told to.
struct Functions {
    saw: UnboundedSender<Saw>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections: HashMap<String, Connection>,
    running: Vec<(usize, oneshot::Sender<Outcome>)>,
}

struct Connection {
    client: usize,
    /// When it opened, as the first event says.
    connected_at: Value,
}

impl Functions {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn returns(&self, client: usize, nth: usize, output: &Output) {
        let mut state = self.state();
        let running = state.running.iter().enumerate().filter(|(_, (of, _))| *of == client);
        let place = running.map(|(place, _)| place).nth(nth).expect("it runs");
        // A gateway that waits no longer hears nothing.
        let _ = state.running.remove(place).1.send(outcome(output));
    }
}

impl Invoke for Functions {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Outcome> {
        let event: Value = serde_json::from_slice(&payload).expect("events are JSON");
        let context = &event["requestContext"];
        let id = context["connectionId"].as_str().expect("an id");
        let (function, kind) = match function {
            "authorize" => (Function::Authorize, "CONNECT"),
            "connect" => (Function::Connect, "CONNECT"),
            "check-in" => (Function::CheckIn, "MESSAGE"),
            _ => (Function::Disconnect, "DISCONNECT"),
        };
        assert_eq!(context["eventType"], kind);
        let mut body = event["body"].as_str().unwrap_or_default().to_owned();
        let mut state = self.state();
        if function == Function::Authorize {
            event["headers"]["Authorization"].as_str().expect("a token").clone_into(&mut body);
            let client = body.trim_start_matches("client-").parse().expect("a number");
            let connected_at = context["connectedAt"].clone();
            state.connections.insert(id.to_owned(), Connection { client, connected_at });
        }
        let connection = &state.connections[id];
        assert_eq!(connection.connected_at, context["connectedAt"], "every event says the same");
        let client = connection.client;
        let text = |name: &str| context["authorizer"][name].as_str().map(str::to_owned);
        let node = text("principalId").zip(text("credentials").and_then(|text| text.parse().ok()));
        let code = context["disconnectStatusCode"].as_u64().and_then(|code| u16::try_from(code).ok());
        let ended = code.zip(context["disconnectReason"].as_str().map(str::to_owned));
        let _ = self.saw.send(Saw::Invoked { client, function, node, body, ended });
        if function == Function::Disconnect {
            return ready(Ok("null".into())).boxed();
        }
        let (sender, receiver) = oneshot::channel();
        state.running.push((client, sender));
        async move { receiver.await.unwrap_or(Err(InvokeError::TimedOut)) }.boxed()
    }
}

fn outcome(output: &Output) -> Outcome {
    let raised = |message: &str| InvokeError::Function { kind: "Error".into(), message: message.into() };
    let answer = match output {
        Output::Admits(node, credentials) => json!({
            "principalId": node,
            "context": {"credentials": credentials},
            "policyDocument": {"Version": "2012-10-17", "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}
            ]},
        }),
        Output::Answer(status, body) => json!({"statusCode": status, "body": body}),
        Output::Refuses => return Err(raised("Unauthorized")),
        Output::Fails => return Err(raised("no table")),
        Output::TimesOut => return Err(InvokeError::TimedOut),
        Output::Throttled => return Err(InvokeError::Throttled),
    };
    Ok(answer.to_string().into())
}
