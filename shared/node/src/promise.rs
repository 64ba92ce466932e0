//! What a program owes its node.

use rollcall_wire::CommandStatus;
use tokio::sync::mpsc::WeakUnboundedSender;

use crate::firmware::Installed;

/// What the program asks of its node, or tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    CheckInNow,
    DropConnection,
    Stop,
    /// What became of the command with this number, and what it said.
    Finished {
        command: u64,
        status: CommandStatus,
        output: String,
    },
    /// What became of the firmware of this version.
    Installed {
        version: String,
        outcome: Installed,
    },
}

/// Tells the node something when it is dropped, so that nothing is forgotten and nothing said twice.
///
/// It does not keep the node running: when that has ended, nobody is told.
#[derive(Debug)]
pub(crate) struct Promise {
    requests: WeakUnboundedSender<Request>,
    request: Option<Request>,
}

impl Promise {
    /// Tells the node `otherwise`, unless it is kept.
    pub(crate) fn new(requests: WeakUnboundedSender<Request>, otherwise: Request) -> Self {
        Self { requests, request: Some(otherwise) }
    }

    /// Tells the node this.
    pub(crate) fn keep(mut self, request: Request) {
        self.request = Some(request);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let (Some(requests), Some(request)) = (self.requests.upgrade(), self.request.take()) {
            // A run that has ended takes no more.
            let _ = requests.send(request);
        }
    }
}
