//! A receiver of events that answers at once, and remembers when each arrived.

use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// An event that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) at: Instant,
    kind: String,
    subject: String,
}

/// A receiver, and what arrived.
#[derive(Clone)]
pub(crate) struct Receiver(watch::Sender<Vec<Arrived>>);

impl Receiver {
    /// Starts one; gives it and its URL.
    pub(crate) async fn start() -> (Self, String) {
        let receiver = Self(watch::Sender::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let router = Router::new().route("/", post(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    /// Waits until this follows from what arrived.
    pub(crate) async fn until<T>(&self, follows: impl Fn(&[Arrived]) -> Option<T>) -> T {
        let mut arrived = self.0.subscribe();
        loop {
            if let Some(known) = follows(&arrived.borrow_and_update()) {
                return known;
            }
            arrived.changed().await.expect("it is kept here");
        }
    }

    /// When the first and the last of these arrived, once they have.
    pub(crate) async fn between(&self, first: usize, after_last: usize) -> (Instant, Instant) {
        self.until(|arrived| Some((arrived.get(first)?.at, arrived.get(after_last - 1)?.at))).await
    }

    /// When an event of this type of this node arrived, once it has.
    pub(crate) async fn arrival(&self, node: &str, kind: &str) -> Instant {
        let is_it = |arrived: &&Arrived| arrived.subject == node && arrived.kind == kind;
        self.until(|arrived| arrived.iter().rev().find(is_it).map(|arrived| arrived.at)).await
    }
}

async fn receive(State(receiver): State<Receiver>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    let event: Value = serde_json::from_slice(&body).expect("an event");
    let text = |field: &str| event[field].as_str().expect("text").to_owned();
    let (kind, subject) = (text("type"), text("subject"));
    receiver.0.send_modify(|arrived| arrived.push(Arrived { at, kind, subject }));
    StatusCode::NO_CONTENT
}
