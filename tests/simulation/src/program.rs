//! The program of a device: what it does with configurations, commands and firmware. It notes what it did, in the order
//! in which the library asked for it, and the world carries it out.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

use rollcall_fleet::{BadConfig, BadImage, How};
use rollcall_machine::{
    Applied, Command, Configuration, Delta, Firmware, Handler, LinkId, NodeEvent, Report, Target, Transport,
};
use rollcall_wire::Health;

use crate::flash::Flash;
use crate::kernel::{Micros, S};

/// Something that a run of a device did or wants done.
#[derive(Debug)]
pub(crate) enum Did {
    Open(LinkId),
    Send(LinkId, String),
    Ping(LinkId),
    Close(LinkId),
    Abandon(LinkId),
    Fetch(u64, String),
    Download(Box<Target>),
    Check(Box<Target>, PathBuf),
    Make(Box<Delta>),
    CancelFetch,
    CancelDownload,
    /// The library told the program something.
    Event(Box<NodeEvent>),
    /// The program was handed a configuration.
    Applied {
        version: u64,
        sha256: String,
        how: How,
    },
    /// The configuration cuts the device off, or does so no longer.
    CutOff(bool),
    RolledBack(u64),
    Execute(Command),
    Install(Box<Firmware>),
    /// The power has failed while the record was written: nothing after this has happened.
    PowerFails,
}

/// What a run of a device did, in its order.
pub(crate) type Log = Rc<RefCell<Vec<Did>>>;

/// How the program of a device is at the moment. The world sets it.
#[derive(Debug, Default)]
pub(crate) struct Mood {
    pub(crate) now: Cell<Micros>,
    bad_config: Cell<Option<(BadConfig, Micros)>>,
    bad_image: Cell<Option<(BadImage, Micros)>>,
}

impl Mood {
    pub(crate) fn bad_configs(&self, how: BadConfig, until: Micros) {
        self.bad_config.set(Some((how, until)));
    }

    pub(crate) fn bad_images(&self, how: BadImage, until: Micros) {
        self.bad_image.set(Some((how, until)));
    }

    /// What the program does with configurations at the moment, if not the usual.
    pub(crate) fn bad_config(&self) -> Option<BadConfig> {
        self.bad_config.get().filter(|(_, until)| *until > self.now.get()).map(|(how, _)| how)
    }

    /// What becomes of images at the moment, if not the usual.
    pub(crate) fn bad_image(&self) -> Option<BadImage> {
        self.bad_image.get().filter(|(_, until)| *until > self.now.get()).map(|(how, _)| how)
    }
}

/// The program.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) log: Log,
    pub(crate) mood: Rc<Mood>,
    pub(crate) flash: Rc<RefCell<Flash>>,
    /// When the device booted.
    pub(crate) booted: Micros,
    /// Whether the configuration that is being proven cuts the device off.
    pub(crate) cut_off: bool,
    /// Whether it has the image of what it runs, and can apply deltas.
    pub(crate) has_base_image: bool,
}

impl Program {
    fn note(&self, did: Did) {
        self.log.borrow_mut().push(did);
    }
}

impl Handler for Program {
    fn report(&mut self) -> Report {
        let flash = self.flash.borrow();
        let uptime_s = Some((self.mood.now.get() - self.booted) / S);
        Report {
            firmware: Some(flash.firmware.clone()),
            config: flash.config.clone(),
            health: Some(Health { uptime_s, ..Health::default() }),
        }
    }

    fn apply(&mut self, configuration: &Configuration) -> Applied {
        let (how, applied) = match self.mood.bad_config() {
            Some(BadConfig::Refused) => (How::Refused, Applied::Rejected("not on this board".to_owned())),
            Some(BadConfig::Substituted) => (How::Substituted, Applied::Substituted("channel 36".to_owned())),
            Some(BadConfig::CutsOff) | None => (How::Applied, Applied::Applied),
        };
        let (version, sha256) = (configuration.version, configuration.sha256.clone());
        self.note(Did::Applied { version, sha256, how });
        if self.mood.bad_config() == Some(BadConfig::CutsOff) {
            self.cut_off = true;
            self.note(Did::CutOff(true));
        }
        applied
    }

    fn roll_back(&mut self, from: &Configuration) {
        if std::mem::take(&mut self.cut_off) {
            self.note(Did::CutOff(false));
        }
        self.note(Did::RolledBack(from.version));
    }

    fn execute(&mut self, command: Command) {
        self.note(Did::Execute(command));
    }

    fn accept_firmware(&mut self, _version: &str) -> Result<(), String> {
        Ok(())
    }

    fn base_image(&mut self) -> Option<String> {
        self.has_base_image.then(|| self.flash.borrow().firmware.clone())
    }

    fn make_image(&mut self, delta: Delta) {
        self.note(Did::Make(Box::new(delta)));
    }

    fn install(&mut self, firmware: Firmware) {
        self.note(Did::Install(Box::new(firmware)));
    }

    fn event(&mut self, event: NodeEvent) {
        self.note(Did::Event(Box::new(event)));
    }
}

/// The network as the library uses it.
#[derive(Debug)]
pub(crate) struct Line(pub(crate) Log);

impl Line {
    fn note(&self, did: Did) {
        self.0.borrow_mut().push(did);
    }
}

impl Transport for Line {
    fn open(&mut self, link: LinkId) {
        self.note(Did::Open(link));
    }

    fn send(&mut self, link: LinkId, text: String) {
        self.note(Did::Send(link, text));
    }

    fn ping(&mut self, link: LinkId) {
        self.note(Did::Ping(link));
    }

    fn close(&mut self, link: LinkId) {
        self.note(Did::Close(link));
    }

    fn abandon(&mut self, link: LinkId) {
        self.note(Did::Abandon(link));
    }

    fn fetch(&mut self, version: u64, sha256: &str) {
        self.note(Did::Fetch(version, sha256.to_owned()));
    }

    fn download(&mut self, target: Target) {
        self.note(Did::Download(Box::new(target)));
    }

    fn check(&mut self, target: Target, file: PathBuf) {
        self.note(Did::Check(Box::new(target), file));
    }

    fn cancel_fetch(&mut self) {
        self.note(Did::CancelFetch);
    }

    fn cancel_download(&mut self) {
        self.note(Did::CancelDownload);
    }
}
