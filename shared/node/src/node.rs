//! The handle of a running node.

use rollcall_machine::{Handler, NodeError, Request};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::{JoinError, JoinHandle},
};

use crate::{config::NodeConfig, fetch::Fetch, run::run};

/// A running node. Dropping it closes its connections and ends its run.
#[derive(Debug)]
pub struct Node {
    requests: UnboundedSender<Request>,
    state: State,
}

#[derive(Debug)]
enum State {
    Running(JoinHandle<Result<(), NodeError>>),
    Ended(Result<(), NodeError>),
}

impl Node {
    /// Starts a node on the current runtime. It connects at once, and fetches large documents from
    /// [`NodeConfig::http_url`].
    ///
    /// # Panics
    /// If it is called outside of a tokio runtime.
    pub fn start(config: NodeConfig, handler: impl Handler + Send + 'static) -> Self {
        Self::spawn(config, handler, None)
    }

    /// Starts a node as [`start`](Self::start) does, but fetches large documents with `fetch`.
    ///
    /// # Panics
    /// If it is called outside of a tokio runtime.
    pub fn start_with(config: NodeConfig, handler: impl Handler + Send + 'static, fetch: impl Fetch + 'static) -> Self {
        Self::spawn(config, handler, Some(Box::new(fetch)))
    }

    fn spawn(config: NodeConfig, handler: impl Handler + Send + 'static, fetch: Option<Box<dyn Fetch>>) -> Self {
        let (requests, received) = unbounded_channel();
        let running = tokio::spawn(run(config, handler, fetch, requests.downgrade(), received));
        Self { requests, state: State::Running(running) }
    }

    /// Checks in at once, on every open connection, because something changed that the server should know.
    pub fn check_in_now(&self) {
        self.tell(Request::CheckInNow);
    }

    /// Drops every connection without a closing handshake, for simulations. The node reconnects as after any loss.
    pub fn drop_connection(&self) {
        self.tell(Request::DropConnection);
    }

    /// Closes the connections with code 1000 and waits for the end of the run, at most about
    /// [`Timing::close_timeout`](crate::Timing::close_timeout).
    ///
    /// # Errors
    /// If the run had ended before, the reason for that.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        self.tell(Request::Stop);
        self.ended().await
    }

    /// Waits until the run ends. It can be called again, and dropping the future loses nothing.
    ///
    /// # Errors
    /// The reason why the run ended by itself: the token was refused, the node was revoked, and so on. The result is
    /// `Ok` only after [`stop`](Self::stop).
    pub async fn ended(&mut self) -> Result<(), NodeError> {
        match &mut self.state {
            State::Ended(outcome) => outcome.clone(),
            State::Running(task) => {
                let outcome = task.await.unwrap_or_else(|error| Err(aborted(&error)));
                self.state = State::Ended(outcome.clone());
                outcome
            }
        }
    }

    fn tell(&self, request: Request) {
        // Sending fails only if the run has ended, and then there is nothing to do.
        let _ = self.requests.send(request);
    }
}

fn aborted(error: &JoinError) -> NodeError {
    let why = if error.is_panic() { "the handler panicked" } else { "the runtime was shut down" };
    NodeError::Aborted { why: why.to_owned() }
}
