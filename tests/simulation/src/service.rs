//! The functions: the one place that calls `rollcall-service`.

mod client;
mod outbound;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;

use rollcall_core::{ConnectionId, CredentialVersion, NodeId, Policy, Timestamp};
use rollcall_fleet::ACTOR;
use rollcall_service::console::{Console, Endpoints, Health, Keys};
use rollcall_service::http::{HttpAnswer, Request as HttpInput};
use rollcall_service::{
    CheckIns, Documents, Feed, Firmware, Images, MemoryQueue, Polls, PrivateAddresses, Socket, Sweeps, connect,
    disconnect,
};
use rollcall_token::{Claims, Signer as TokenSigner, Verifier};
use sha2::{Digest as _, Sha256};

pub(crate) use client::Client;
use outbound::Delivering;

use crate::call::Desk;
use crate::event::{Function, HttpReply, HttpRequest, Payload, Returned, Speaker};
use crate::invoking::Admitted;
use crate::world::{KEEP_DOCUMENTS_S, SWEEP_EVERY_S};

/// The key that node tokens are signed with, and the application's key for the console.
const SECRET: &[u8] = b"a secret of the simulated vendor";
const KEY_ID: &str = "simulated";
/// The application's key.
pub(crate) const CONSOLE_KEY: &str = "the simulated application's key";

/// The functions as they are deployed.
pub(crate) struct Service {
    policy: Policy,
    /// The seed of the run, which the schedule of deliveries depends on.
    seed: u64,
    verifier: Rc<Verifier>,
    jwks: String,
    keys: String,
}

/// One instance of a function, with what it keeps between invocations.
pub(crate) struct Instance {
    host: usize,
    desk: Rc<Desk>,
    function: Running,
    /// Who sent what is handled at the moment.
    handled: Option<Handled>,
}

/// What a node sent, and the credential version of its token.
pub(crate) struct Handled {
    pub(crate) node: NodeId,
    pub(crate) credentials: CredentialVersion,
    pub(crate) what: Kind,
}

/// What a node sent.
pub(crate) enum Kind {
    /// A message on a connection.
    Message(ConnectionId),
    /// A poll.
    Poll,
    /// A request by HTTP for the document with this hash.
    Document(String),
    /// A request by HTTP for the URL of an image.
    Image,
}

/// A function with its clients and caches.
enum Running {
    Authorize(Rc<Verifier>),
    Connect(Policy),
    CheckIn(Rc<CheckIns<Client, Client>>),
    Disconnect(Policy),
    Poll(Rc<Polls<Client, Client>>),
    Console(Rc<Console<Client, Client, Client, MemoryQueue>>),
    Sweep(Rc<Sweeps<Client>>),
    Feed(Rc<Feed<Client, Client>>),
    Deliver(Rc<Delivering>),
}

/// What the functions are set up with can't be made.
#[derive(Debug, thiserror::Error)]
#[error("the functions can't be set up: {0}")]
pub struct SetupError(String);

impl Service {
    /// Functions with these settings.
    pub(crate) fn new(policy: Policy, seed: u64) -> Result<Self, SetupError> {
        let jwks = signer().jwks().map_err(|error| SetupError(error.to_string()))?;
        let verifier = Rc::new(verifier(&jwks)?);
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(CONSOLE_KEY));
        let keys = format!("write:{ACTOR}:{hash}");
        keyed(&keys)?;
        Ok(Self { policy, seed, verifier, jwks, keys })
    }

    /// A new instance on this host.
    pub(crate) fn instance(&self, function: Function, host: usize) -> Instance {
        let desk = Rc::new(Desk::default());
        let client = || Client(Rc::clone(&desk));
        let check_ins = || CheckIns {
            store: client(),
            documents: Documents::default(),
            images: Images::new(client()),
            policy: self.policy,
        };
        let running = match function {
            Function::Connect => Running::Connect(self.policy),
            Function::CheckIn => Running::CheckIn(Rc::new(check_ins())),
            Function::Disconnect => Running::Disconnect(self.policy),
            Function::Poll => match verifier(&self.jwks) {
                Ok(verifier) => {
                    let polls = Polls { verifier, check_ins: check_ins() };
                    Running::Poll(Rc::new(polls))
                }
                // The same text was read when the functions were set up.
                Err(_) => Running::Authorize(Rc::clone(&self.verifier)),
            },
            Function::Console => match keyed(&self.keys) {
                Ok(keys) => Running::Console(Rc::new(Console {
                    keys,
                    store: client(),
                    documents: Documents::default(),
                    firmware: Firmware::default(),
                    connections: client(),
                    clock: client(),
                    policy: self.policy,
                    health: Health::default(),
                    endpoints: endpoints(),
                })),
                Err(_) => Running::Authorize(Rc::clone(&self.verifier)),
            },
            Function::Sweep => {
                let sweeps =
                    Sweeps { store: client(), policy: self.policy, every: SWEEP_EVERY_S, keep_for: KEEP_DOCUMENTS_S };
                Running::Sweep(Rc::new(sweeps))
            }
            Function::Feed => Running::Feed(Rc::new(outbound::feed(&desk, self.policy))),
            Function::Deliver => Running::Deliver(Rc::new(outbound::deliveries(&desk, self.seed))),
            Function::Authorize => Running::Authorize(Rc::clone(&self.verifier)),
        };
        Instance { host, desk, function: running, handled: None }
    }
}

/// No endpoint is made, tested or told again by the application of this world.
fn endpoints() -> Endpoints<MemoryQueue> {
    Endpoints {
        queue: MemoryQueue::default(),
        private: PrivateAddresses::Refused,
        resolver: Box::new(|_| Box::pin(std::future::ready(Ok(vec![])))),
        random: || None,
        keep_for: rollcall_service::KEEP_EVENTS_S,
    }
}

/// The token of a node with this credential version, which expires then.
pub(crate) fn token(node: &NodeId, credentials: u32, ends: Timestamp) -> Result<String, SetupError> {
    signer().sign(node, CredentialVersion(credentials), ends).map_err(|error| SetupError(error.to_string()))
}

fn signer() -> TokenSigner {
    TokenSigner::hs256(KEY_ID, SECRET)
}

fn verifier(jwks: &str) -> Result<Verifier, SetupError> {
    Verifier::from_jwks(jwks).map_err(|error| SetupError(error.to_string()))
}

fn keyed(text: &str) -> Result<Keys, SetupError> {
    Keys::hashed(text).ok_or_else(|| SetupError("the application's key".to_owned()))
}

impl Instance {
    pub(crate) fn host(&self) -> usize {
        self.host
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Who sent what was handled last.
    pub(crate) fn handled(&mut self) -> Option<Handled> {
        self.handled.take()
    }

    /// Begins with an invocation, at this time by the clock of the host.
    pub(crate) fn run(&mut self, payload: Payload, now: Timestamp) -> Pin<Box<dyn Future<Output = Returned>>> {
        let client = Client(Rc::clone(&self.desk));
        self.handled = None;
        match (&self.function, payload) {
            (Running::Authorize(verifier), Payload::Authorize { token, at }) => {
                let admitted = verifier.verify(&token, at);
                let returned = admitted.map_or(Returned::Unauthorized, |claims| {
                    let Claims { node, credentials, expires_at, .. } = claims;
                    Returned::Admitted(Admitted { node, credentials, token_ends: Some(expires_at) })
                });
                Box::pin(std::future::ready(returned))
            }
            (Running::Connect(policy), Payload::Connect { speaker, instance, offered }) => {
                let policy = *policy;
                Box::pin(async move {
                    let instance = rollcall_core::Instance::named(&instance);
                    let socket = socket(speaker, now);
                    let answer = connect(&socket, instance, offered, &client, &client, &policy).await;
                    answered(answer)
                })
            }
            (Running::CheckIn(check_ins), Payload::Message { speaker, text }) => {
                let what = Kind::Message(speaker.connection.id.clone());
                self.handled =
                    Some(Handled { node: speaker.whose.node.clone(), credentials: speaker.whose.credentials, what });
                let check_ins = Rc::clone(check_ins);
                Box::pin(async move { answered(check_ins.message(&socket(speaker, now), &text, &client).await) })
            }
            (Running::Disconnect(policy), Payload::Disconnect { speaker, code, reason }) => {
                let policy = *policy;
                Box::pin(async move {
                    let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
                    answered(disconnect(&socket(speaker, now), Some(code), reason, &client, &policy).await)
                })
            }
            (Running::Poll(polls), Payload::Http(request)) => {
                let what = Kind::of(&request.path);
                self.handled = request.sender.clone().map(|(node, credentials)| Handled { node, credentials, what });
                let (polls, input) = (Rc::clone(polls), input(*request, now));
                Box::pin(async move { replied(polls.handle(&input).await) })
            }
            (Running::Console(console), Payload::Http(request)) => {
                let (console, input) = (Rc::clone(console), input(*request, now));
                Box::pin(async move { replied(console.handle(&input).await) })
            }
            (Running::Console(console), Payload::Scheduled) => {
                let (console, desk) = (Rc::clone(console), Rc::clone(&self.desk));
                Box::pin(async move {
                    match console.step_rollouts(|| desk.now()).await {
                        Ok(_) => Returned::Answer { status: 200, body: None },
                        Err(_) => Returned::Failed,
                    }
                })
            }
            (Running::Sweep(sweeps), Payload::Scheduled) => {
                let sweeps = Rc::clone(sweeps);
                Box::pin(async move {
                    match sweeps.run(now).await {
                        Ok(_) => Returned::Answer { status: 200, body: None },
                        Err(_) => Returned::Failed,
                    }
                })
            }
            (Running::Feed(feed), Payload::Records(records)) => {
                let feed = Rc::clone(feed);
                Box::pin(async move { Returned::Told(feed.run(&records, now).await) })
            }
            (Running::Deliver(deliveries), Payload::Messages(messages)) => {
                let deliveries = Rc::clone(deliveries);
                Box::pin(async move { Returned::Delivered(deliveries.run(&messages).await) })
            }
            _ => Box::pin(std::future::ready(Returned::Failed)),
        }
    }
}

impl Kind {
    fn of(path: &str) -> Self {
        match path.strip_prefix("/v1/configs/") {
            Some(sha256) => Self::Document(sha256.to_owned()),
            None if path.starts_with("/v1/firmware/") => Self::Image,
            None => Self::Poll,
        }
    }
}

fn socket(speaker: Speaker, now: Timestamp) -> Socket {
    let Speaker { whose: Admitted { node, credentials, token_ends }, connection, at } = speaker;
    Socket { node, credentials, token_ends, connection, at, now }
}

fn input(request: HttpRequest, now: Timestamp) -> HttpInput {
    let HttpRequest { method, path, query, headers, body, at, sender: _ } = request;
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    HttpInput {
        method: method.to_owned(),
        path,
        query,
        headers: headers.collect(),
        body,
        is_base64_encoded: false,
        at,
        now,
        source_ip: None,
        iam_user: None,
    }
}

fn answered(answer: rollcall_service::Answer) -> Returned {
    let body = answer.body.filter(|body| !body.is_empty()).map(Into::into);
    Returned::Answer { status: answer.status_code, body }
}

fn replied(answer: HttpAnswer) -> Returned {
    let HttpAnswer { status_code, headers, body } = answer;
    let header = |headers: &BTreeMap<&'static str, String>, name| headers.get(name).cloned();
    let retry_after = header(&headers, "retry-after").and_then(|seconds| seconds.parse().ok());
    Returned::Http(HttpReply { status: status_code, etag: header(&headers, "etag"), retry_after, body })
}
