//! The switch of all faults.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::troubles::Troubles;

/// Kills one process of the function with this name, if there is one.
pub type Kill = Box<dyn Fn(&str) + Send + Sync>;

/// The switch of all faults of a local cloud. Clones share it.
#[derive(Clone)]
pub struct Chaos(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    kill: OnceLock<Kill>,
}

struct State {
    troubles: Troubles,
    random: SmallRng,
    hits: BTreeMap<&'static str, u64>,
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chaos").field(&self.troubles()).finish()
    }
}

impl Chaos {
    /// No fault yet. Which requests a percentage hits follows from the seed.
    pub fn new(seed: u64) -> Self {
        let state =
            State { troubles: Troubles::default(), random: SmallRng::seed_from_u64(seed), hits: BTreeMap::new() };
        Self(Arc::new(Inner { state: Mutex::new(state), kill: OnceLock::new() }))
    }

    /// How a process of a function is killed. Only the first call counts.
    pub fn kills_with(&self, kill: Kill) {
        let _ = self.0.kill.set(kill);
    }

    /// What goes wrong at the moment.
    pub fn troubles(&self) -> Troubles {
        self.state().troubles
    }

    /// Changes what goes wrong from now on.
    pub fn change(&self, change: impl FnOnce(&mut Troubles)) {
        change(&mut self.state().troubles);
    }

    /// How often each fault happened, by its name.
    pub fn hits(&self) -> BTreeMap<&'static str, u64> {
        self.state().hits.clone()
    }

    /// Notes that a fault happened.
    pub fn hit(&self, fault: &'static str) {
        *self.state().hits.entry(fault).or_default() += 1;
    }

    /// Whether a fault with this share happens now. If so, it is noted.
    pub(crate) fn happens(&self, percent: u8, fault: &'static str) -> bool {
        let happens = percent > 0 && self.state().random.random_range(0..100) < percent;
        if happens {
            self.hit(fault);
        }
        happens
    }

    /// A number below this bound.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.state().random.random_range(0..bound.max(1))
    }

    pub(crate) fn kill(&self, function: &str) {
        if let Some(kill) = self.0.kill.get() {
            kill(function);
        }
    }

    /// A poisoned lock is taken as it is: every change of the state is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
