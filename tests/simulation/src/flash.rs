//! What a device keeps while its power is off.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rollcall_fleet::made_of;
use rollcall_machine::{Delta, ImageCheck, Record, Storage};
use rollcall_wire::ConfigReport;

use crate::poller::Journal;
use crate::program::{Did, Log};

/// What a device keeps while its power is off, as its program uses it.
#[derive(Debug, Default)]
pub(crate) struct Flash {
    /// The record of the library.
    record: Option<Record>,
    /// The journal of a polling program.
    pub(crate) journal: Journal,
    /// What the program reported last of a configuration, and still knows.
    pub(crate) config: Option<ConfigReport>,
    /// The firmware that starts, and the one before it while the new one is not proven.
    pub(crate) firmware: String,
    pub(crate) fallback: Option<String>,
    /// Images that were downloaded, whole or in part.
    pub(crate) images: BTreeMap<PathBuf, Image>,
    /// What the program has made of a delta last, and where. It is not synced.
    pub(crate) made: Option<(PathBuf, Vec<u8>)>,
    /// The power fails when the record is written next; whether the new record is there then.
    tears: Option<bool>,
    /// The power has failed while the record was written.
    pub(crate) torn: bool,
}

/// An image in the flash.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) check: ImageCheck,
    /// Whether it is there after a power failure.
    pub(crate) synced: bool,
}

impl Flash {
    /// A flash with this firmware, and nothing else.
    pub(crate) fn new(firmware: &str) -> Self {
        Self { firmware: firmware.to_owned(), ..Self::default() }
    }

    /// The power fails when the record is written next. Then the new one is there, or still the old one.
    pub(crate) fn tear(&mut self, new_is_there: bool) {
        self.tears = Some(new_is_there);
    }

    /// The power has failed: what was not synced is gone.
    pub(crate) fn lose_power(&mut self) {
        (self.tears, self.torn) = (None, false);
        self.images.retain(|_, image| image.synced);
        self.made = None;
    }

    /// The bytes of a file.
    pub(crate) fn file(&self, path: &Path) -> Option<&[u8]> {
        let made = self.made.as_ref().filter(|(made, _)| made == path).map(|(_, bytes)| &bytes[..]);
        made.or_else(|| self.images.get(path).map(|image| &image.bytes[..]))
    }

    /// The program makes an image of a delta and of what it runs.
    pub(crate) fn make(&mut self, delta: &Delta) -> Result<(), &'static str> {
        let bytes = self.file(delta.path()).ok_or("there is no delta")?;
        self.made = Some((delta.image(), made_of(bytes, &self.firmware)?));
        Ok(())
    }
}

/// The flash as the library uses it.
#[derive(Clone, Debug)]
pub(crate) struct Storing {
    pub(crate) flash: Rc<RefCell<Flash>>,
    pub(crate) log: Log,
}

impl Storage for Storing {
    fn load(&mut self) -> Result<Record, String> {
        Ok(self.flash.borrow().record.clone().unwrap_or_default())
    }

    fn keep(&mut self, record: &Record) -> Result<(), String> {
        let mut flash = self.flash.borrow_mut();
        if flash.torn {
            return Err("there is no power".to_owned());
        }
        match flash.tears.take() {
            Some(new_is_there) => {
                flash.torn = true;
                self.log.borrow_mut().push(Did::PowerFails);
                if new_is_there {
                    flash.record = Some(record.clone());
                }
            }
            None => flash.record = Some(record.clone()),
        }
        Ok(())
    }

    fn discard_images(&mut self) {
        let mut flash = self.flash.borrow_mut();
        flash.images.clear();
        flash.made = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_power_failure_the_old_or_the_new_record_is_there() {
        for new_is_there in [false, true] {
            let flash = Rc::new(RefCell::new(Flash::default()));
            let mut storing = Storing { flash: Rc::clone(&flash), log: Log::default() };
            flash.borrow_mut().tear(new_is_there);
            storing.keep(&Record::default()).expect("nobody is left to hear of it");
            assert_eq!(flash.borrow().record.is_some(), new_is_there);
            assert!(flash.borrow().torn && storing.keep(&Record::default()).is_err(), "nothing is written after it");
            flash.borrow_mut().lose_power();
            storing.keep(&Record::default()).expect("kept");
            assert!(flash.borrow().record.is_some());
        }
    }
}
