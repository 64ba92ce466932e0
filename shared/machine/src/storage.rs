//! The place of what is kept over a restart.

use crate::record::Record;

/// The place for the record and the firmware images of one node.
pub trait Storage {
    /// The record that was kept last; `Record::default()` if there is none.
    ///
    /// # Errors
    /// The reason why the record can't be read, for people. [`keep`](Self::keep) is then never called: the command
    /// numbers in the record may still matter.
    fn load(&mut self) -> Result<Record, String>;

    /// Replaces the record. If the power fails meanwhile, either the old or the new one is there afterwards.
    ///
    /// # Errors
    /// The reason why the record can't be written, for people.
    fn keep(&mut self, record: &Record) -> Result<(), String>;

    /// Removes every firmware image.
    fn discard_images(&mut self);
}

/// A storage whose record is never overwritten if it can't be read.
#[derive(Debug)]
pub(crate) struct Keeper<S> {
    storage: S,
    /// Why the record can't be read.
    unreadable: Option<String>,
}

impl<S: Storage> Keeper<S> {
    /// The keeper of this storage, and the record in it.
    pub(crate) fn open(mut storage: S) -> (Self, Record) {
        match storage.load() {
            Ok(record) => (Self { storage, unreadable: None }, record),
            Err(error) => {
                tracing::error!(%error, "the record can't be read: the node will take neither commands nor firmware");
                (Self { storage, unreadable: Some(format!("the record can't be read: {error}")) }, Record::default())
            }
        }
    }

    /// Replaces the record. `Err`: why it could not be written, for people.
    pub(crate) fn keep(&mut self, record: &Record) -> Result<(), String> {
        if let Some(why) = &self.unreadable {
            return Err(why.clone());
        }
        self.storage.keep(record).inspect_err(|error| tracing::error!(%error, "the record could not be written"))
    }

    pub(crate) fn storage(&mut self) -> &mut S {
        &mut self.storage
    }
}
