//! The gateway and the networks of its clients. Whoever holds this is the clients, the functions and those who call
//! `@connections`.

use std::rc::Rc;

use rollcall_core::{ConnectionId, CredentialVersion};
use rollcall_machine::LinkId;

use super::ground;
use crate::bucket::Bucket;
use crate::call::{Answer, Failure};
use crate::event::{Down, Event, Function as Named, Hello, Payload, Purpose, Returned, Speaker, Traffic, Up};
use crate::gateway::Gateway as Simulated;
use crate::ground::Ground;
use crate::invoking::Admitted;
use crate::kernel::{Micros, S};
use crate::network::{End, Network};

/// How long everything takes at most that is under way: it does not take as long as a client may be idle.
const A_WHILE: Micros = 60 * S;
/// How long it takes until a client that says nothing is noticed to be idle.
const IDLE: Micros = 700 * S;

/// A gateway with its clients, which are numbered as they dial.
pub struct Gateway {
    ground: Ground,
    network: Network,
    simulated: Simulated,
    clients: usize,
    /// The invocations that have not returned, in their order: the client and what the gateway wants of them.
    running: Vec<(usize, Purpose)>,
    saw: Vec<Saw>,
}

/// The functions that the gateway invokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Function {
    Authorize,
    Connect,
    CheckIn,
    Disconnect,
}

/// What can be observed. Each is about the client with this number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saw {
    /// The handshake was answered with this status.
    Answered(usize, u16),
    /// A text frame came.
    Text(usize, String),
    /// A ping was answered.
    Pong(usize),
    /// A close frame came, with this code and reason; 1005 if it has no code.
    Closed(usize, u16, String),
    /// The TCP connection ended without a close frame.
    Lost(usize),
    /// A function was invoked.
    Invoked {
        /// The client on whose behalf it was.
        client: usize,
        /// Which function.
        function: Function,
        /// The node and the credential version that the authorizer had named.
        node: Option<(String, u32)>,
        /// What it was told: the token, the message, or nothing.
        body: String,
        /// How the connection ended.
        ended: Option<(u16, String)>,
    },
    /// A call of `@connections` was answered with this status.
    Managed(usize, u16),
}

/// What a function returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The authorizer admits this node, with this credential version.
    Admits(String, u32),
    /// The authorizer refuses the token.
    Refuses,
    /// An answer with this status, and maybe a body.
    Answer(u16, Option<String>),
    /// It fails.
    Fails,
    /// It takes longer than it may.
    TimesOut,
    /// Lambda refuses the invocation.
    Throttled,
}

impl Gateway {
    /// A gateway that admits so many requests in all; `None`: as many as API Gateway does.
    pub fn new(seed: u64, requests: Option<u32>) -> Self {
        let mut gateway = Simulated::new();
        if let Some(requests) = requests {
            gateway.requests = Bucket::new(0, requests.into());
        }
        Self {
            ground: ground(seed),
            network: Network::default(),
            simulated: gateway,
            clients: 0,
            running: vec![],
            saw: vec![],
        }
    }

    /// The next client dials, with this token.
    pub fn dial(&mut self, token: &str) {
        let Self { ground, network, clients, .. } = self;
        network.add(ground, *clients, false);
        network.power(*clients, true);
        let hello = Hello { token: token.into(), instance: "1".to_owned(), offered: None };
        network.dial(ground, *clients, LinkId::default(), hello);
        *clients += 1;
    }

    /// A client sends a message.
    pub fn text(&mut self, client: usize, text: &str) {
        self.network.up(&mut self.ground, client, Up::Text(text.to_owned()));
    }

    /// A client sends a ping.
    pub fn ping(&mut self, client: usize) {
        self.network.ping(&mut self.ground, client);
    }

    /// A client begins a closing handshake; with code 1005, without a code.
    pub fn close(&mut self, client: usize, code: u16, reason: &'static str) {
        self.network.wire(client).end = End::Closing;
        self.network.up(&mut self.ground, client, Up::Close((code, reason)));
    }

    /// A client is gone without a closing handshake.
    pub fn drop(&mut self, client: usize) {
        self.network.abandon(&mut self.ground, client);
    }

    /// The gateway loses every open connection.
    pub fn cut(&mut self) {
        self.simulated.cut(&mut self.ground, &mut self.network, None);
    }

    /// The nth of a client's invocations that run returns this.
    pub fn returns(&mut self, client: usize, nth: usize, output: Output) {
        let running = self.running.iter().enumerate().filter(|(_, (of, _))| *of == client);
        let Some(place) = running.map(|(place, _)| place).nth(nth) else { return };
        let (_, purpose) = self.running.remove(place);
        let returned = match output {
            Output::Admits(node, credentials) => match node.parse() {
                Ok(node) => {
                    let credentials = CredentialVersion(credentials);
                    Returned::Admitted(Admitted { node, credentials, token_ends: None })
                }
                Err(_) => Returned::Failed,
            },
            Output::Refuses => Returned::Unauthorized,
            Output::Answer(status, body) => {
                let body = body.filter(|body| !body.is_empty()).map(Rc::from);
                Returned::Answer { status, body }
            }
            Output::Fails => Returned::Failed,
            Output::TimesOut => Returned::TimedOut,
            Output::Throttled => Returned::Throttled,
        };
        self.simulated.returned(&mut self.ground, &mut self.network, purpose, returned);
    }

    /// A function posts to the connection of a client.
    pub fn post(&mut self, client: usize, frame: &str) {
        let Some(connection) = self.connection(client) else { return };
        let answer = self.simulated.post(&mut self.ground, &mut self.network, &connection, &Rc::from(frame));
        self.saw.push(Saw::Managed(client, status(&answer, 200)));
    }

    /// A function closes the connection of a client.
    pub fn delete(&mut self, client: usize) {
        let Some(connection) = self.connection(client) else { return };
        let answer = self.simulated.delete(&mut self.ground, &mut self.network, &connection);
        self.saw.push(Saw::Managed(client, status(&answer, 204)));
    }

    /// Lets happen what is under way. Returns what was seen since this was asked last.
    pub fn settle(&mut self) -> Vec<Saw> {
        self.pass(A_WHILE)
    }

    /// Lets time pass until a client that says nothing is idle. Returns what was seen.
    pub fn idle(&mut self) -> Vec<Saw> {
        self.pass(IDLE)
    }

    /// The id of the connection of a client, if the gateway has given it one.
    pub fn connection(&self, client: usize) -> Option<ConnectionId> {
        self.simulated.conns.iter().find(|conn| conn.wire == client).map(|conn| conn.id.clone())
    }

    fn pass(&mut self, time: Micros) -> Vec<Saw> {
        let end = self.ground.now() + time;
        while let Some(event) = self.ground.kernel.next(end) {
            self.happens(event);
        }
        std::mem::take(&mut self.saw)
    }

    fn happens(&mut self, event: Event) {
        let Self { ground, network, simulated: gateway, .. } = self;
        match event {
            Event::Arrived(traffic) => match network.arrived(ground, traffic) {
                Some(Traffic::Up(wire, up)) => gateway.came(ground, network, wire, up),
                Some(Traffic::Down(wire, down)) => self.came(wire, down),
                _ => {}
            },
            Event::Alarm(conn) => gateway.alarm(ground, network, conn),
            Event::Disconnected(conn, ending, at) => gateway.disconnected(ground, conn, ending, at),
            Event::Invoke(invoking) => self.invoked(invoking.function, invoking.payload, invoking.purpose),
            _ => {}
        }
    }

    fn came(&mut self, client: usize, down: Down) {
        let end = &mut self.network.wire(client).end;
        self.saw.push(match down {
            Down::Greeting => return,
            Down::Switched(_) => {
                *end = End::Open;
                Saw::Answered(client, 101)
            }
            Down::Refused(status, _) => {
                *end = End::Gone;
                Saw::Answered(client, status)
            }
            Down::Text(text) => Saw::Text(client, text.to_string()),
            Down::Pong => Saw::Pong(client),
            Down::Close((code, reason)) => {
                *end = End::Gone;
                Saw::Closed(client, code, reason.to_owned())
            }
            Down::Reset => {
                *end = End::Gone;
                Saw::Lost(client)
            }
        });
    }

    fn invoked(&mut self, function: Named, payload: Payload, purpose: Purpose) {
        let named = |speaker: Speaker| {
            let connection = speaker.connection.id;
            (Some(connection), Some((speaker.whose.node.to_string(), speaker.whose.credentials.0)))
        };
        let ((connection, node), body, ended) = match payload {
            Payload::Authorize { token, .. } => ((None, None), token.to_string(), None),
            Payload::Connect { speaker, .. } => (named(speaker), String::new(), None),
            Payload::Message { speaker, text } => (named(speaker), text.to_string(), None),
            Payload::Disconnect { speaker, code, reason } => {
                (named(speaker), String::new(), Some((code, reason.to_owned())))
            }
            Payload::Http(_) | Payload::Scheduled | Payload::Records(_) | Payload::Messages(_) => return,
        };
        let meant = |conn: &&crate::gateway::Conn| match (&connection, purpose) {
            (Some(id), _) => conn.id == *id,
            (None, Purpose::Authorize(number)) => self.simulated.conns[number].id == conn.id,
            _ => false,
        };
        let Some(client) = self.simulated.conns.iter().find(meant).map(|conn| conn.wire) else { return };
        let function = match function {
            Named::Authorize => Function::Authorize,
            Named::Connect => Function::Connect,
            Named::CheckIn => Function::CheckIn,
            _ => Function::Disconnect,
        };
        self.saw.push(Saw::Invoked { client, function, node, body, ended });
        if purpose != Purpose::Nothing {
            self.running.push((client, purpose));
        }
    }
}

/// The status of the answer to a call of `@connections`, which has this one if all is well.
fn status(answer: &Answer, well: u16) -> u16 {
    match answer {
        Answer::Reached(true) => well,
        Answer::Reached(false) => 410,
        Answer::Failed(Failure::Throttled) => 429,
        _ => 413,
    }
}
