//! Pauses between tries.

use std::future::Future;
use std::time::Duration;

/// Waits. What the time is comes with each event.
pub trait Clock {
    /// Waits for this long.
    fn sleep(&self, pause: Duration) -> impl Future<Output = ()>;
}
