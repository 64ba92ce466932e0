//! The one thing the gateway needs from whoever runs functions.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Whoever runs functions: the process host of this crate, or Lambda's `Invoke` API somewhere else.
///
/// Implementations must not block: the gateway calls `invoke` from the task that reads a socket's messages.
pub trait Invoke: Send + Sync + 'static {
    /// Runs `function` once with `payload` (JSON) and resolves to what it returned (JSON).
    ///
    /// Nothing happens until the future is polled; a future that is dropped abandons the answer, not
    /// necessarily the invocation.
    ///
    /// # Errors
    /// See [`InvokeError`]; a function that reports an error is an `Err`, never an `Ok` with an error inside.
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>>;
}

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function reported an error, or its process ended (`Runtime.ExitError`).
    #[error("{kind}: {message}")]
    Function {
        /// Lambda's `errorType`.
        kind: String,
        /// Lambda's `errorMessage`.
        message: String,
    },
    /// The function ran into its own timeout.
    #[error("the function did not answer within its timeout")]
    TimedOut,
    /// Every process is busy and the queue is full.
    #[error("too many invocations are waiting")]
    Throttled,
    /// The function is unknown or can't be started; the text says which, and why.
    #[error("{0}")]
    Unavailable(String),
}
