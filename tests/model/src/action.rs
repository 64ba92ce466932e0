//! What happens next.

use crate::socket::Tick;
use crate::task::{Name, Task};

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The clock goes on, and API Gateway closes the connections that have reached its limit.
    Tick,
    /// The node opens a connection.
    Open(Name),
    /// The client or API Gateway closes it.
    Close(Name),
    /// An invocation begins with its first request. API Gateway got its message earlier or now.
    Begin {
        /// What is done.
        task: Task,
        /// When API Gateway got the message.
        received: Tick,
        /// Whether the message reports on the last configuration that the node was told. If not, it was sent before.
        reports: bool,
        /// How the first request ends.
        luck: Luck,
    },
    /// An invocation that is under way sends its next request.
    Next {
        /// Its place in the state.
        process: usize,
        /// How the request ends.
        luck: Luck,
    },
}

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luck {
    /// It is carried out and answered.
    Answered,
    /// A write is carried out, and its answer is lost. A call to `@connections` is lost before it is carried out.
    Lost,
}
