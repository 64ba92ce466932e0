//! Whose turn it is: the tests of a process run side by side, but one with a fleet runs alone.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURNS: RwLock<()> = RwLock::const_new(());

/// A test's turn, as long as this lives.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Beside others.
    Shared { _guard: RwLockReadGuard<'static, ()> },
    /// With nobody beside it.
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

impl Turn {
    /// Waits for it.
    pub(crate) async fn take(alone: bool) -> Self {
        if alone { Self::Alone { _guard: TURNS.write().await } } else { Self::Shared { _guard: TURNS.read().await } }
    }
}
