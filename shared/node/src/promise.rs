//! The results that a program owes its node, and its other requests.

use rollcall_wire::CommandStatus;
use tokio::sync::mpsc::WeakUnboundedSender;

use crate::firmware::Installed;

/// A request or a result from the program to its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    CheckInNow,
    DropConnection,
    Stop,
    /// The result of the command with this number.
    Finished {
        command: u64,
        status: CommandStatus,
        output: String,
    },
    /// The outcome of the installation of this firmware version.
    Installed {
        version: String,
        outcome: Installed,
    },
}

/// Sends exactly one result to the node when it is dropped, so that no result is forgotten or sent twice.
///
/// It does not keep the node running. If the run has ended, the result is discarded.
#[derive(Debug)]
pub(crate) struct Promise {
    requests: WeakUnboundedSender<Request>,
    request: Option<Request>,
}

impl Promise {
    /// A promise that sends `otherwise`, unless [`keep`](Self::keep) is called.
    pub(crate) fn new(requests: WeakUnboundedSender<Request>, otherwise: Request) -> Self {
        Self { requests, request: Some(otherwise) }
    }

    /// Sends this result to the node.
    pub(crate) fn keep(mut self, request: Request) {
        self.request = Some(request);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let (Some(requests), Some(request)) = (self.requests.upgrade(), self.request.take()) {
            // Sending fails only if the run has ended.
            let _ = requests.send(request);
        }
    }
}
