//! The settings of the cut-over, as a process knows them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_core::{CutoverModes, CutoverSettings, Key, Timestamp};
use rollcall_cutover::{Dialect, Mapping};

use crate::error::chain;
use crate::store::Store;

/// How old the settings may be, in milliseconds: what is set is to be in effect within five seconds.
const FRESH_MS: u64 = 2_000;

/// The settings.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) dialect: Dialect,
    pub(super) modes: CutoverModes,
    /// The mapping, as it is stored.
    mapping: String,
}

/// The settings that were read last.
#[derive(Debug, Default)]
pub(super) struct Cached(Mutex<Option<(Timestamp, Option<Arc<Settings>>)>>);

impl Cached {
    /// The settings; `None` if there are none.
    pub(super) fn get(&self) -> Option<Arc<Settings>> {
        self.lock().as_ref().and_then(|(_, settings)| settings.clone())
    }

    /// Whether it is known if there are any.
    pub(super) fn is_known(&self) -> bool {
        self.lock().is_some()
    }

    /// Reads the settings, if those that are known are old. If they can't be read, those that are known stay.
    pub(super) async fn refresh(&self, store: &impl Store, now: Timestamp) {
        let is_fresh = |(at, _): &(Timestamp, _)| now.0.abs_diff(at.0) < FRESH_MS;
        if self.lock().as_ref().is_some_and(is_fresh) {
            return;
        }
        let item = match store.read(&Key::Cutover).await {
            Ok(item) => item,
            Err(error) => {
                tracing::warn!(error = chain(&error), "the settings of the cut-over can't be read now");
                return;
            }
        };
        match CutoverSettings::read(item.as_ref()) {
            Ok(CutoverSettings { mapping, modes }) => {
                let settings = mapping.and_then(|mapping| self.settings(mapping, modes));
                *self.lock() = Some((now, settings));
            }
            Err(error) => {
                tracing::error!(error = chain(&error), Failures = 1, "the settings of the cut-over are unreadable");
            }
        }
    }

    fn settings(&self, mapping: String, modes: CutoverModes) -> Option<Arc<Settings>> {
        if let Some(known) = self.get().filter(|known| known.mapping == mapping && known.modes == modes) {
            return Some(known);
        }
        let read = serde_json::from_str::<Mapping>(&mapping).map_err(|error| error.to_string());
        match read.and_then(|read| Dialect::new(read).map_err(|mistakes| mistakes.to_string())) {
            Ok(dialect) => Some(Arc::new(Settings { dialect, modes, mapping })),
            Err(error) => {
                tracing::error!(error, Failures = 1, "the mapping of the cut-over is unreadable");
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Timestamp, Option<Arc<Settings>>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
