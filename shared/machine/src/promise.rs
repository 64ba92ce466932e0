//! The results that a program owes its node.

use crate::request::{Outbox, Request};

/// Sends exactly one result to the node when it is dropped, so that no result is forgotten or sent twice.
#[derive(Debug)]
pub(crate) struct Promise {
    outbox: Outbox,
    request: Option<Request>,
}

impl Promise {
    /// A promise that sends `otherwise`, unless [`keep`](Self::keep) is called.
    pub(crate) fn new(outbox: Outbox, otherwise: Request) -> Self {
        Self { outbox, request: Some(otherwise) }
    }

    /// Sends this result to the node.
    pub(crate) fn keep(mut self, request: Request) {
        self.request = Some(request);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            self.outbox.send(request);
        }
    }
}
