//! The handle of a running node.

use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::{JoinError, JoinHandle},
};

use crate::{Fetch, Handler, NodeConfig, NodeError, promise::Request, run::run};

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
    /// Outside of a tokio runtime.
    pub fn start(config: NodeConfig, handler: impl Handler + 'static) -> Self {
        Self::spawn(config, handler, None)
    }

    /// Starts a node as [`start`](Self::start) does, that fetches large documents another way.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start_with(config: NodeConfig, handler: impl Handler + 'static, fetch: impl Fetch + 'static) -> Self {
        Self::spawn(config, handler, Some(Box::new(fetch)))
    }

    fn spawn(config: NodeConfig, handler: impl Handler + 'static, fetch: Option<Box<dyn Fetch>>) -> Self {
        let (requests, received) = unbounded_channel();
        let running = tokio::spawn(run(config, handler, fetch, requests.downgrade(), received));
        Self { requests, state: State::Running(running) }
    }

    /// Something changed that the server should know: checks in at once, on a connection that is open.
    pub fn check_in_now(&self) {
        self.tell(Request::CheckInNow);
    }

    /// Loses every connection without a closing handshake, for simulations. The node returns as after any loss.
    pub fn drop_connection(&self) {
        self.tell(Request::DropConnection);
    }

    /// Closes with code 1000 and waits for the end, at most about [`Timing::close_timeout`](crate::Timing::close_timeout).
    ///
    /// # Errors
    /// If the run had ended by itself: why.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        self.tell(Request::Stop);
        self.ended().await
    }

    /// Waits until the run ends: `Err` if by itself, `Ok` only after [`stop`](Self::stop). Can be called again, and
    /// dropping the future loses nothing.
    ///
    /// # Errors
    /// Why the run ended: the token was refused, the node was revoked, and so on.
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

    /// A node that has ended needs no telling.
    fn tell(&self, request: Request) {
        let _ = self.requests.send(request);
    }
}

fn aborted(error: &JoinError) -> NodeError {
    let why = if error.is_panic() { "the handler panicked" } else { "the runtime was shut down" };
    NodeError::Aborted { why: why.to_owned() }
}
