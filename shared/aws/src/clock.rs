//! The clock of this host.

use std::time::Duration;

use rollcall_core::Timestamp;
use rollcall_service::Clock;

/// The time by the clock of this host. No other code reads the clock.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// Waits with the timers of tokio.
#[derive(Clone, Copy, Debug)]
pub struct Timer;

impl Clock for Timer {
    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}
