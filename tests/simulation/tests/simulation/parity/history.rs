//! What happens in a history, and what of it is possible at the moment.

use proptest::prelude::*;
use rollcall_simulation::alone::{Function, Output, Saw};

/// How many clients a history has at most.
const CLIENTS: usize = 4;
/// How many of a client's messages are in functions at most: fewer than the real gateway reads.
const MESSAGES: usize = 12;
/// The largest frame of a client, and the largest message that a function posts, in bytes.
const FRAME: usize = 32 * 1024;
const POSTED: usize = 128 * 1024;

/// Something that a history wants to happen. What is not possible at that moment is left out.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Dial,
    /// One of the functions that run for a client returns.
    Return {
        client: usize,
        nth: usize,
        which: usize,
    },
    Text {
        client: usize,
        which: usize,
    },
    Ping(usize),
    Close {
        client: usize,
        which: usize,
    },
    Drop(usize),
    Cut,
    Post {
        client: usize,
        which: usize,
    },
    Delete(usize),
}

impl Deed {
    /// The same with one of so many clients.
    fn about(&self, clients: usize) -> Self {
        match *self {
            Self::Return { client, nth, which } => Self::Return { client: client % clients, nth, which },
            Self::Text { client, which } => Self::Text { client: client % clients, which },
            Self::Ping(client) => Self::Ping(client % clients),
            Self::Close { client, which } => Self::Close { client: client % clients, which },
            Self::Drop(client) => Self::Drop(client % clients),
            Self::Post { client, which } => Self::Post { client: client % clients, which },
            Self::Delete(client) => Self::Delete(client % clients),
            Self::Dial | Self::Cut => self.clone(),
        }
    }
}

/// Something that is possible, in detail.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// This client dials, with this token.
    Dial(usize, String),
    Return {
        client: usize,
        nth: usize,
        output: Output,
    },
    Text(usize, String),
    Ping(usize),
    Close(usize, u16, &'static str),
    Drop(usize),
    Cut,
    Post(usize, String),
    Delete(usize),
}

/// A history, and how many requests its gateway admits.
pub(crate) fn history() -> impl Strategy<Value = (Option<u32>, Vec<Deed>)> {
    let requests = prop_oneof![4 => Just(None), 1 => (2_u32..12).prop_map(Some)];
    (requests, prop::collection::vec(deed(), 1..100))
}

fn deed() -> impl Strategy<Value = Deed> {
    let client = || 0..CLIENTS;
    prop_oneof![
        3 => Just(Deed::Dial),
        24 => (client(), 0..MESSAGES, 0_usize..64).prop_map(|(client, nth, which)| Deed::Return { client, nth, which }),
        12 => (client(), 0_usize..16).prop_map(|(client, which)| Deed::Text { client, which }),
        1 => client().prop_map(Deed::Ping),
        3 => (client(), 0_usize..16).prop_map(|(client, which)| Deed::Close { client, which }),
        1 => client().prop_map(Deed::Drop),
        1 => Just(Deed::Cut),
        4 => (client(), 0_usize..16).prop_map(|(client, which)| Deed::Post { client, which }),
        1 => client().prop_map(Deed::Delete),
    ]
}

/// What is known of the clients of a history, from what was seen.
#[derive(Debug, Default)]
pub(crate) struct Known {
    clients: Vec<Client>,
    /// How many messages there were.
    messages: usize,
}

#[derive(Debug)]
struct Client {
    stage: Stage,
    /// Whether the gateway has given it an id.
    has_id: bool,
    running: Vec<Function>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    Open,
    Over,
}

impl Known {
    /// A deed in detail, if it is possible.
    pub(crate) fn step(&mut self, deed: &Deed) -> Option<Step> {
        let deed = deed.about(self.clients.len().max(1));
        let is_open = |client: usize| self.clients.get(client).is_some_and(|client| client.stage == Stage::Open);
        Some(match deed {
            Deed::Dial if self.clients.len() < CLIENTS => {
                let client = self.clients.len();
                Step::Dial(client, format!("client-{client}"))
            }
            Deed::Return { client, nth, which } => {
                let running = &self.clients.get(client)?.running;
                let nth = nth % running.len().max(1);
                let output = output(*running.get(nth)?, client, which);
                Step::Return { client, nth, output }
            }
            Deed::Text { client, which } if is_open(client) && self.clients[client].running.len() < MESSAGES => {
                self.messages += 1;
                Step::Text(client, text(which, self.messages))
            }
            Deed::Ping(client) if is_open(client) => Step::Ping(client),
            Deed::Close { client, which } if is_open(client) => {
                let endings = [(1000, ""), (1000, "done"), (1001, "restarting"), (1005, ""), (4000, "of its own")];
                let (code, reason) = endings[which % endings.len()];
                Step::Close(client, code, reason)
            }
            Deed::Drop(client) if self.clients.get(client)?.stage != Stage::Over => Step::Drop(client),
            Deed::Cut => Step::Cut,
            Deed::Post { client, which } if self.clients.get(client)?.has_id => {
                self.messages += 1;
                Step::Post(client, posted(which, self.messages))
            }
            Deed::Delete(client) if self.clients.get(client)?.has_id => Step::Delete(client),
            _ => return None,
        })
    }

    /// What is left to do for everything to end.
    pub(crate) fn rest(&self) -> Option<Step> {
        let mut clients = self.clients.iter().enumerate();
        clients.find_map(|(client, of)| match of {
            of if !of.running.is_empty() => Some(Step::Return { client, nth: 0, output: Output::Fails }),
            Client { stage: Stage::Over, .. } => None,
            _ => Some(Step::Drop(client)),
        })
    }

    /// A step was done, and this was seen.
    pub(crate) fn learn(&mut self, step: &Step, saw: &[Saw]) {
        match step {
            Step::Dial(..) => self.clients.push(Client { stage: Stage::Dialing, has_id: false, running: vec![] }),
            Step::Return { client, nth, .. } => {
                self.clients[*client].running.remove(*nth);
            }
            Step::Close(client, ..) | Step::Drop(client) => self.clients[*client].stage = Stage::Over,
            _ => {}
        }
        for saw in saw {
            match saw {
                Saw::Answered(client, 101) => self.clients[*client].stage = Stage::Open,
                Saw::Answered(client, _) | Saw::Closed(client, ..) | Saw::Lost(client) => {
                    self.clients[*client].stage = Stage::Over;
                }
                Saw::Invoked { client, function, .. } if *function != Function::Disconnect => {
                    self.clients[*client].has_id = true;
                    self.clients[*client].running.push(*function);
                }
                _ => {}
            }
        }
    }
}

/// What a function may return. Mostly all is well.
fn output(function: Function, client: usize, which: usize) -> Output {
    let failures = [Output::Fails, Output::TimesOut, Output::Throttled];
    let answer = |status, body: Option<&str>| Output::Answer(status, body.map(str::to_owned));
    let (well, ill) = match function {
        Function::Authorize => {
            let node = Output::Admits(format!("node-{client}"), 7);
            (vec![node], [&[Output::Refuses], &failures[..]].concat())
        }
        Function::Connect => {
            let refusals = [answer(302, None), answer(403, Some("{}")), answer(500, None)];
            (vec![answer(200, None), answer(204, Some("no frame"))], [&refusals, &failures[..]].concat())
        }
        _ => {
            let body = format!("{{\"type\":\"ack\",\"seq\":{which}}}");
            let bodies =
                vec![answer(200, Some(&body)), answer(200, None), answer(200, Some("")), answer(500, Some(&body))];
            (bodies, failures.to_vec())
        }
    };
    if which.is_multiple_of(7) && which > 0 {
        ill[which / 7 % ill.len()].clone()
    } else {
        well[which % well.len()].clone()
    }
}

fn text(which: usize, number: usize) -> String {
    let check_in = |pad: usize| format!("{{\"type\":\"check-in\",\"seq\":{number},\"pad\":\"{}\"}}", "x".repeat(pad));
    let fill = |bytes: usize| check_in(bytes - check_in(0).len());
    match which {
        0 => fill(FRAME),
        1 => fill(FRAME + 1),
        2 => fill(POSTED + 1),
        3 => format!("{{\"type\":\"unknown\",\"n\":{number}}}"),
        4 => format!("{{ not JSON {number}"),
        5 => String::new(),
        6 => format!("\"Grüße {number} ✓\""),
        _ => check_in(0),
    }
}

fn posted(which: usize, number: usize) -> String {
    let fill = |bytes: usize| "x".repeat(bytes - number.to_string().len()) + &number.to_string();
    match which {
        0 => fill(POSTED),
        1 | 2 => fill(POSTED + 1),
        3 => format!("Grüße {number} ✓"),
        _ => format!("{{\"type\":\"config\",\"version\":{number}}}"),
    }
}
