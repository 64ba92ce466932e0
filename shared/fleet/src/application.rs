//! The application: it asks for things through the console's HTTP API, and asks again until it is answered.
//!
//! It does no IO. The world makes its requests, and hands it the answers. Several conversations about one node may be
//! under way at the same time, which is a race worth having; the requests of one conversation follow each other.

mod learned;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::plan::{Ask, Plan};
use learned::Learned;
use requests::Parts;
pub(crate) use requests::{delta, description};

/// The first step of the back-off, and the longest wait, in milliseconds.
const BACK_OFF_MS: [u64; 2] = [500, 60_000];

/// A request to the console. The world adds the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AppRequest {
    /// Which conversation it belongs to.
    pub nth: usize,
    /// How many requests of this conversation were made before.
    pub attempt: u32,
    pub ask: Ask,
    /// The version that the request names: of the configuration in `If-Match`, or of the credentials that it demands.
    pub named: Option<u64>,
    pub method: &'static str,
    pub path: String,
    pub query: Option<String>,
    /// In lower case, without the key.
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<String>,
}

/// The console's answer to a request.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AppAnswer {
    pub status: u16,
    pub etag: Option<String>,
    /// In seconds.
    pub retry_after: Option<u64>,
    /// `Null` if there is none.
    pub body: Value,
}

impl AppAnswer {
    /// The answer about the one node of an import, or else this one: the status of an import says nothing of its nodes.
    #[must_use]
    pub fn about(self, ask: &Ask) -> Self {
        if !matches!(ask, Ask::Import { .. }) || self.status != 200 {
            return self;
        }
        let one = self.body.get(0).cloned().unwrap_or_default();
        let status = one.get("status").and_then(Value::as_u64).and_then(|status| status.try_into().ok()).unwrap_or(500);
        let body = one.get("problem").filter(|problem| !problem.is_null()).unwrap_or(&one).clone();
        Self { status, body, ..self }
    }
}

/// How a conversation goes on after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is over.
    Done,
    /// It is over, and so long from now the node gets a token of this credential version.
    Token {
        /// The index of the node.
        node: usize,
        /// The credential version.
        credentials: u32,
        /// In milliseconds.
        after_ms: u64,
    },
    /// So long from now, [`Application::again`] makes the next request.
    Again {
        /// In milliseconds.
        after_ms: u64,
    },
}

#[derive(Debug)]
struct Conversation {
    ask: Ask,
    parts: Parts,
    /// How many requests were made.
    attempts: u32,
    /// How many of them in a row had no usable answer.
    failures: u32,
}

/// The simulated application.
#[derive(Debug)]
pub struct Application {
    seed: u64,
    learned: Learned,
    conversations: BTreeMap<usize, Conversation>,
    begun: usize,
}

impl Application {
    /// The application of a plan's fleet.
    pub fn new(plan: &Plan) -> Self {
        Self { seed: plan.seed, learned: Learned::new(plan), conversations: BTreeMap::new(), begun: 0 }
    }

    /// Begins to ask for something. Returns the first request of each conversation that this takes: two if the request
    /// is made twice, none if there is nothing to ask for, such as a command to cancel.
    pub fn begin(&mut self, ask: &Ask) -> Vec<AppRequest> {
        let twice = matches!(ask, Ask::Queue { twice: true, .. });
        let Some(parts) = Parts::of(ask, &self.learned) else { return vec![] };
        (0..=usize::from(twice)).map(|_| self.converse(ask, parts.clone())).collect()
    }

    /// Takes the answer to the last request of a conversation; `None` if there was none.
    pub fn answered(&mut self, nth: usize, answer: Option<&AppAnswer>) -> Next {
        let Some(conversation) = self.conversations.get_mut(&nth) else { return Next::Done };
        let Some(answer) = answer.filter(|answer| answer.status < 500 && answer.status != 429) else {
            let seed = self.seed ^ (nth as u64) << 20 ^ u64::from(conversation.attempts);
            let told = answer.and_then(|answer| answer.retry_after).unwrap_or_default().min(60) * 1000;
            let after_ms = told.max(back_off_ms(seed, conversation.failures));
            conversation.failures += 1;
            return Next::Again { after_ms };
        };
        conversation.failures = 0;
        let named = conversation.parts.named;
        self.learned.take(&conversation.ask, named, answer);
        if answer.status == 200 && conversation.parts.turn_page(&answer.body) {
            return Next::Again { after_ms: 1 };
        }
        let Some(Conversation { ask, .. }) = self.conversations.remove(&nth) else { return Next::Done };
        match (ask, named) {
            (Ask::RaiseCredentials { node, token_after_ms: Some(after_ms) }, Some(version)) if answer.status == 200 => {
                let credentials = u32::try_from(version).unwrap_or(u32::MAX);
                Next::Token { node, credentials, after_ms }
            }
            _ => Next::Done,
        }
    }

    /// The next request of a conversation, after [`Next::Again`]; `None` if there is no such conversation.
    pub fn again(&mut self, nth: usize) -> Option<AppRequest> {
        let conversation = self.conversations.get_mut(&nth)?;
        conversation.attempts += 1;
        Some(request(nth, conversation))
    }

    /// How many conversations are not over.
    pub fn open(&self) -> usize {
        self.conversations.len()
    }

    fn converse(&mut self, ask: &Ask, parts: Parts) -> AppRequest {
        let nth = self.begun;
        self.begun += 1;
        let conversation = Conversation { ask: ask.clone(), parts, attempts: 1, failures: 0 };
        let request = request(nth, &conversation);
        self.conversations.insert(nth, conversation);
        request
    }
}

fn request(nth: usize, conversation: &Conversation) -> AppRequest {
    let Parts { method, path, query, headers, body, named } = conversation.parts.clone();
    let (attempt, ask) = (conversation.attempts - 1, conversation.ask.clone());
    AppRequest { nth, attempt, ask, named, method, path, query, headers, body }
}

/// A random time up to twice as long with each failure, and never none at all.
fn back_off_ms(seed: u64, failures: u32) -> u64 {
    let [base, cap] = BACK_OFF_MS;
    let step = base.checked_shl(failures).unwrap_or(cap).min(cap);
    ChaCha8Rng::seed_from_u64(seed).random_range(step / 10..=step)
}
