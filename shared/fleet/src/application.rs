//! The application: it asks for things through the console's HTTP API, and asks again until it is answered.

use rollcall_core::Timestamp;

use crate::plan::{Ask, Plan};

/// A request to the console. The world adds the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AppRequest {
    /// Which conversation it belongs to.
    pub nth: usize,
    /// How many requests of this conversation were made before.
    pub attempt: u32,
    pub ask: Ask,
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
    pub body: serde_json::Value,
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

/// The simulated application.
#[derive(Debug)]
pub struct Application {}

impl Application {
    /// The application of a plan's fleet.
    pub fn new(plan: &Plan) -> Self {
        let _ = plan;
        Self {}
    }

    /// Begins to ask for something: the first request of each conversation that this takes.
    pub fn begin(&mut self, now: Timestamp, ask: &Ask) -> Vec<AppRequest> {
        let _ = (now, ask);
        vec![]
    }

    /// Takes the answer to the last request of a conversation; `None` if there was none.
    pub fn answered(&mut self, nth: usize, answer: Option<&AppAnswer>) -> Next {
        let _ = (nth, answer);
        Next::Done
    }

    /// The next request of a conversation, after [`Next::Again`]; `None` if there is no such conversation.
    pub fn again(&mut self, nth: usize) -> Option<AppRequest> {
        let _ = nth;
        None
    }
}
