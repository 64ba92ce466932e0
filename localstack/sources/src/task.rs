//! A task that ends when it is dropped.

use tokio::task::{AbortHandle, JoinHandle};

/// A task that ends when it is dropped, or when it is told to, which can be waited for.
#[derive(Debug)]
pub(crate) struct Task {
    running: Option<JoinHandle<()>>,
    abort: AbortHandle,
}

impl Task {
    pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        let running = tokio::spawn(work);
        Self { abort: running.abort_handle(), running: Some(running) }
    }

    /// Ends the task, and waits until it has ended.
    pub(crate) async fn stop(mut self) {
        self.abort.abort();
        if let Some(running) = self.running.take() {
            // It was aborted, which is an error of the task.
            let _ = running.await;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.abort.abort();
    }
}
