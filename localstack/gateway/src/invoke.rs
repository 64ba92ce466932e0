//! The interface between the gateway and the code that runs functions.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Runs functions: the process host of this crate, or a client of Lambda's `Invoke` API.
///
/// Implementations must not block: the gateway calls `invoke` from the task that reads a socket's messages.
pub trait Invoke: Send + Sync + 'static {
    /// Runs `function` once with `payload` (JSON) and resolves to what it returned (JSON).
    ///
    /// Nothing happens until the future is polled. If it is dropped, the answer is lost, but the invocation may go on.
    ///
    /// # Errors
    /// See [`InvokeError`]. If the function reports an error, the result is an `Err`, never an `Ok` with an error
    /// inside.
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
    /// The function is unknown or can't be started. The text names the function and the reason.
    #[error("{0}")]
    Unavailable(String),
}
