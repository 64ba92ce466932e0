//! What a device keeps while its power is off, besides the state folder of the library.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_core::Timestamp;
use rollcall_fleet::{BadConfig, BadImage, FIRST_FIRMWARE};
use rollcall_wire::ConfigReport;

use crate::witness::now;

/// The flash of a device, and how its program is at the moment. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Flash(Arc<Mutex<Inner>>);

#[derive(Debug)]
pub(crate) struct Inner {
    /// The firmware that starts, and the one before it while the new one is not proven.
    pub(crate) firmware: String,
    pub(crate) fallback: Option<String>,
    /// The outcome of the newest configuration.
    pub(crate) config: Option<ConfigReport>,
    bad_config: Option<(BadConfig, Timestamp)>,
    bad_image: Option<(BadImage, Timestamp)>,
}

impl Default for Flash {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            firmware: FIRST_FIRMWARE.to_owned(),
            fallback: None,
            config: None,
            bad_config: None,
            bad_image: None,
        })))
    }
}

impl Flash {
    pub(crate) fn open(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(crate) fn bad_configs(&mut self, how: BadConfig, for_ms: u64) {
        self.bad_config = Some((how, Timestamp(now().0 + for_ms)));
    }

    pub(crate) fn bad_images(&mut self, how: BadImage, for_ms: u64) {
        self.bad_image = Some((how, Timestamp(now().0 + for_ms)));
    }

    /// What the program does with configurations at the moment, if not the usual.
    pub(crate) fn bad_config(&self) -> Option<BadConfig> {
        self.bad_config.filter(|(_, until)| *until > now()).map(|(how, _)| how)
    }

    /// What becomes of images at the moment, if not the usual.
    pub(crate) fn bad_image(&self) -> Option<BadImage> {
        self.bad_image.filter(|(_, until)| *until > now()).map(|(how, _)| how)
    }
}
