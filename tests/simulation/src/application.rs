//! The simulated application, whose requests go through the console's HTTP API.

use rollcall_fleet::{AppAnswer, AppRequest, Ask, Next, Plan, Seen};
use serde_json::Value;

use crate::event::{Event, HttpReply, HttpRequest};
use crate::exchanges::{Caller, Exchanges, PATIENCE};
use crate::ground::Ground;
use crate::kernel::MS;
use crate::network::Network;
use crate::service::CONSOLE_KEY;

/// The application, and which of its requests are under way.
pub(crate) struct Application {
    application: rollcall_fleet::Application,
    /// Of each conversation, the request that is under way.
    asked: Vec<Option<(u32, Ask)>>,
}

impl Application {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { application: rollcall_fleet::Application::new(plan), asked: vec![] }
    }

    /// It asks for something.
    pub(crate) fn begin(&mut self, ground: &mut Ground, network: &mut Network, exchanges: &mut Exchanges, ask: &Ask) {
        for request in self.application.begin(ask) {
            self.send(ground, network, exchanges, request);
        }
    }

    /// A conversation goes on.
    pub(crate) fn again(
        &mut self,
        ground: &mut Ground,
        network: &mut Network,
        exchanges: &mut Exchanges,
        conversation: usize,
    ) {
        if let Some(request) = self.application.again(conversation) {
            self.send(ground, network, exchanges, request);
        }
    }

    /// A request was answered, or not.
    pub(crate) fn answered(&mut self, ground: &mut Ground, conversation: usize, reply: Option<&HttpReply>) {
        let Some((attempt, ask)) = self.asked.get_mut(conversation).and_then(Option::take) else { return };
        let answer = reply.map(|reply| AppAnswer {
            status: reply.status,
            etag: reply.etag.clone(),
            retry_after: reply.retry_after,
            body: reply.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or(Value::Null),
        });
        let answer = answer.map(|answer| answer.about(&ask));
        let (status, etag, body) = answer
            .as_ref()
            .map_or((0, None, Value::Null), |answer| (answer.status, answer.etag.clone(), answer.body.clone()));
        ground.saw(Seen::Answered { nth: conversation, attempt, ask, status, etag, body });
        match self.application.answered(conversation, answer.as_ref()) {
            Next::Done => {}
            Next::Token { node, credentials, after_ms } => {
                ground.after(after_ms * MS, Event::Token(node, credentials));
            }
            Next::Again { after_ms } => ground.after(after_ms * MS, Event::AppAgain(conversation)),
        }
    }

    fn send(&mut self, ground: &mut Ground, network: &mut Network, exchanges: &mut Exchanges, request: AppRequest) {
        let (nth, attempt) = (request.nth, request.attempt);
        if self.asked.len() <= nth {
            self.asked.resize(nth + 1, None);
        }
        self.asked[nth] = Some((attempt, request.ask.clone()));
        let AppRequest { method, path, query, mut headers, body, .. } = request.clone();
        ground.saw(Seen::Asked { request: Box::new(request) });
        headers.push(("authorization", format!("Bearer {CONSOLE_KEY}")));
        let (query, at) = (query.unwrap_or_default(), rollcall_core::Timestamp(0));
        let request = HttpRequest { method, path, query, headers, body, at, sender: None };
        let exchange = exchanges.ask(ground, network, Caller::Application(nth, attempt), request);
        ground.after(PATIENCE, Event::AppTimedOut(exchange));
    }
}
