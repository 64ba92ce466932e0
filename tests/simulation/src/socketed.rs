//! A run of a device that holds a socket: the library's driver, and the world's hands for what it asks for.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollcall_fleet::{Seen, flood_text};
use rollcall_machine::{
    Command, ConnectFailure, Delta, DisconnectReason, DocumentBody, Driver, FetchError, Firmware, LinkEvent, LinkId,
    NodeError, Outbox, Request, Timing,
};

use crate::device::{Around, Device, Fate};
use crate::draw;
use crate::event::{Doing, Down, Event, ExchangeNo, HttpReply, Up, WireNo};
use crate::flash::Storing;
use crate::images::Download;
use crate::kernel::Micros;
use crate::network::End;
use crate::program::{Line, Log, Program};
use crate::said::{node_message, server_message};

/// A run of the library.
pub(crate) struct Socketed {
    pub(crate) driver: Driver<Program, Line, Storing>,
    pub(crate) log: Log,
    pub(crate) inbox: Arc<Mutex<Vec<Request>>>,
    pub(crate) timing: Timing,
    pub(crate) booted: Micros,
    pub(crate) instance: String,
    pub(crate) links: Vec<(LinkId, WireNo)>,
    /// When the next alarm rings, and its number.
    pub(crate) alarm: Option<Micros>,
    pub(crate) alarms: u64,
    pub(crate) command: Option<Command>,
    pub(crate) installing: Option<Box<Firmware>>,
    pub(crate) fetching: Option<ExchangeNo>,
    pub(crate) download: Option<Download>,
    pub(crate) making: Option<Box<Delta>>,
    pub(crate) downloads: u64,
    /// The device restarts once the result of this command is recorded.
    pub(crate) reboots_after: Option<u64>,
}

impl Socketed {
    /// A run that begins now.
    pub(crate) fn new(device: &Device, around: &mut Around<'_>) -> Self {
        let mut draw = around.ground.draw(draw::Who::Run(device.no), device.run().into());
        let (log, inbox) = (Log::default(), Arc::<Mutex<Vec<Request>>>::default());
        let booted = around.ground.now();
        let program = Program {
            log: Rc::clone(&log),
            mood: Rc::clone(&device.mood),
            flash: Rc::clone(&device.flash),
            booted,
            cut_off: false,
            has_base_image: rollcall_fleet::has_base_image(&device.id),
        };
        let outbox = {
            let inbox = Arc::clone(&inbox);
            Outbox::new(move |request| inbox.lock().unwrap_or_else(PoisonError::into_inner).push(request))
        };
        let timing = Timing::default();
        let storing = Storing { flash: Rc::clone(&device.flash), log: Rc::clone(&log) };
        device.mood.now.set(booted);
        let driver = Driver::new(timing, draw.number(), program, Line(Rc::clone(&log)), storing, outbox);
        Self {
            driver,
            log,
            inbox,
            timing,
            booted,
            instance: format!("{:016x}", draw.number()),
            links: vec![],
            alarm: None,
            alarms: 0,
            command: None,
            installing: None,
            fetching: None,
            download: None,
            making: None,
            downloads: 0,
            reboots_after: None,
        }
    }

    /// Something that the driver waits for is due.
    pub(crate) fn tick(&mut self, device: &mut Device, around: &mut Around<'_>) -> Fate {
        self.drive(device, around, Driver::tick)
    }

    /// The alarm with this number rings.
    pub(crate) fn rings(&mut self, device: &mut Device, around: &mut Around<'_>, number: u64) -> Fate {
        if number != self.alarms {
            return Fate::GoesOn;
        }
        self.alarm = None;
        let is_due = self.deadline().is_some_and(|due| due <= around.ground.now());
        if is_due {
            return self.tick(device, around);
        }
        self.set_alarm(device, around);
        Fate::GoesOn
    }

    /// Something came on a TCP connection.
    pub(crate) fn came(&mut self, device: &mut Device, around: &mut Around<'_>, wire: WireNo, down: Down) -> Fate {
        let end = around.network.wire(wire).end;
        let (link, nth) = (around.network.wire(wire).link, around.network.wire(wire).nth);
        let who = device.who();
        let ends = |around: &mut Around<'_>, code| {
            around.network.wire(wire).end = End::Gone;
            if end == End::Open {
                around.ground.saw(Seen::LinkEnded { who, link: nth, code });
            }
        };
        let event = match down {
            Down::Switched(connection) => {
                around.network.wire(wire).end = End::Open;
                around.ground.saw(Seen::LinkOpened { who, link: nth, connection: Some(connection) });
                LinkEvent::Opened
            }
            Down::Refused(status, retry_after) => {
                ends(around, None);
                around.ground.saw(Seen::ConnectRefused { who, status });
                let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds.into()));
                LinkEvent::Failed(ConnectFailure::Refused { status, body: String::new(), retry_after })
            }
            Down::Text(text) => {
                if let Some(message) = server_message(&text) {
                    around.ground.saw_text(Seen::Received { who, link: Some(nth), message }, &text);
                }
                LinkEvent::Text(text.to_string())
            }
            Down::Close(..) if end == End::Closing => {
                ends(around, None);
                LinkEvent::Gone
            }
            Down::Close((code, reason)) => {
                ends(around, Some(code));
                LinkEvent::Ended(DisconnectReason::Closed { code: Some(code), reason: reason.to_owned() })
            }
            Down::Reset if end == End::Opening => {
                ends(around, None);
                LinkEvent::Failed(ConnectFailure::Unreachable { why: "the connection was reset".to_owned() })
            }
            Down::Reset if end == End::Closing => {
                ends(around, None);
                LinkEvent::Gone
            }
            Down::Reset => {
                ends(around, None);
                LinkEvent::Ended(DisconnectReason::Lost { why: "the connection was reset".to_owned() })
            }
            Down::Pong => LinkEvent::Heard,
            Down::Greeting => return Fate::GoesOn,
        };
        if around.network.wire(wire).end == End::Gone {
            self.links.retain(|(_, other)| *other != wire);
        }
        self.drive(device, around, |driver, now| driver.link_event(now, link, event))
    }

    /// A closing handshake has taken too long.
    pub(crate) fn close_timed_out(&mut self, device: &mut Device, around: &mut Around<'_>, wire: WireNo) -> Fate {
        if around.network.wire(wire).end != End::Closing {
            return Fate::GoesOn;
        }
        around.network.abandon(around.ground, wire);
        self.links.retain(|(_, other)| *other != wire);
        let link = around.network.wire(wire).link;
        self.drive(device, around, |driver, now| driver.link_event(now, link, LinkEvent::Gone))
    }

    /// A document that was fetched has come, or has not.
    pub(crate) fn fetched(
        &mut self,
        device: &mut Device,
        around: &mut Around<'_>,
        version: u64,
        reply: Option<&HttpReply>,
    ) -> Fate {
        self.fetching = None;
        let outcome = match reply {
            Some(reply) => document(reply),
            None => Err(FetchError::Failed("there was no answer".to_owned())),
        };
        self.drive(device, around, |driver, now| driver.fetched(now, version, outcome))
    }

    /// The download with this number is over.
    pub(crate) fn downloaded(&mut self, device: &mut Device, around: &mut Around<'_>, number: u64) -> Fate {
        if number != self.downloads {
            return Fate::GoesOn;
        }
        let Some(download) = self.download.take() else { return Fate::GoesOn };
        let version = download.version().to_owned();
        let passes = around.network.passes(around.ground.now(), device.no);
        let (downloaded, hit) =
            download.finish(&mut device.flash.borrow_mut(), device.mood.bad_image(), around.ground.now(), passes);
        if let Some(hit) = hit {
            around.ground.hit(hit);
        }
        self.drive(device, around, |driver, now| driver.downloaded(now, &version, downloaded))
    }

    /// The program has done a command.
    pub(crate) fn command_done(&mut self, device: &mut Device, around: &mut Around<'_>, number: u64) -> Fate {
        let Some(command) = self.command.take_if(|command| command.number() == number) else { return Fate::GoesOn };
        command.done("done after a while");
        self.drive(device, around, |_, _| {})
    }

    /// The program has made an image of a delta, or failed to.
    pub(crate) fn made(&mut self, device: &mut Device, around: &mut Around<'_>) -> Fate {
        let Some(delta) = self.making.take() else { return Fate::GoesOn };
        let made = device.flash.borrow_mut().make(&delta);
        match made {
            Ok(()) => delta.made(),
            Err(why) => delta.failed(why),
        }
        self.drive(device, around, |_, _| {})
    }

    /// The program has installed an image, or failed to. Whether the device restarts.
    pub(crate) fn installed(&mut self, device: &mut Device, around: &mut Around<'_>) -> (Fate, bool) {
        let Some(firmware) = self.installing.take() else { return (Fate::GoesOn, false) };
        let (version, bad) = (firmware.version().to_owned(), device.mood.bad_image());
        let restarts = bad != Some(rollcall_fleet::BadImage::NotInstalled);
        if restarts {
            firmware.restarts();
            let comes_up = bad != Some(rollcall_fleet::BadImage::DoesNotStart);
            device.swap(&version, comes_up);
            if !comes_up {
                around.ground.hit("image-does-not-start");
            }
        } else {
            around.ground.hit("image-not-installed");
            firmware.failed("the slot is damaged");
        }
        (self.drive(device, around, |_, _| {}), restarts)
    }

    /// A misbehaving program sends so many messages at once.
    pub(crate) fn flood(&mut self, device: &Device, around: &mut Around<'_>, messages: u32) {
        let Some(&(_, wire)) = self.links.iter().rev().find(|(_, wire)| around.network.wire(*wire).end == End::Open)
        else {
            return;
        };
        around.ground.hit("flood");
        for n in 0..messages {
            send(device, around, wire, flood_text(n));
        }
    }

    /// The run is stopped cleanly.
    pub(crate) fn stop(&mut self, device: &mut Device, around: &mut Around<'_>) {
        let _ = self.drive(device, around, |driver, now| driver.request(now, Request::Stop));
        self.leave(around);
    }

    /// The program has ended: its sockets are closed by the system.
    pub(crate) fn leave(&mut self, around: &mut Around<'_>) {
        for (_, wire) in std::mem::take(&mut self.links) {
            if around.network.wire(wire).end == End::Closing {
                around.network.wire(wire).end = End::Gone;
            } else {
                around.network.abandon(around.ground, wire);
            }
        }
    }

    /// The power fails: nothing is sent.
    pub(crate) fn vanish(&mut self, around: &mut Around<'_>) {
        for (_, wire) in std::mem::take(&mut self.links) {
            around.network.wire(wire).end = End::Gone;
        }
    }

    fn now(&self, around: &Around<'_>) -> Duration {
        Duration::from_micros(around.ground.now() - self.booted)
    }

    fn deadline(&self) -> Option<Micros> {
        let due = self.driver.deadline()?;
        // A fraction of a microsecond is rounded up: an alarm that rings too early would ring for ever.
        let micros = due.as_nanos().div_ceil(1_000);
        Some(self.booted.saturating_add(Micros::try_from(micros).unwrap_or(Micros::MAX)))
    }

    fn set_alarm(&mut self, device: &Device, around: &mut Around<'_>) {
        let Some(due) = self.deadline() else { return };
        let due = due.max(around.ground.now());
        if self.alarm.is_none_or(|alarm| due < alarm) {
            self.alarm = Some(due);
            self.alarms += 1;
            around.ground.at(due, Event::Device(device.no, Doing::Wake(self.alarms)));
        }
    }

    /// Lets the driver do something, and carries out what it asks for.
    fn drive(
        &mut self,
        device: &mut Device,
        around: &mut Around<'_>,
        act: impl FnOnce(&mut Driver<Program, Line, Storing>, Duration),
    ) -> Fate {
        let now = self.now(around);
        device.mood.now.set(around.ground.now());
        act(&mut self.driver, now);
        loop {
            let log = std::mem::take(&mut *self.log.borrow_mut());
            let inbox = std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner));
            if log.is_empty() && inbox.is_empty() {
                break;
            }
            for did in log {
                if let fate @ Fate::Crashes(_) = self.carry_out(device, around, did) {
                    return fate;
                }
            }
            for request in inbox {
                self.driver.request(now, request);
            }
        }
        if let Some(Err(error)) = self.driver.outcome() {
            return Fate::Ended(ended(error));
        }
        self.set_alarm(device, around);
        Fate::GoesOn
    }
}

/// Sends a message on an open connection.
pub(crate) fn send(device: &Device, around: &mut Around<'_>, wire: WireNo, text: String) {
    let nth = around.network.wire(wire).nth;
    if let Some(message) = node_message(&text) {
        around.ground.saw_text(Seen::Sent { who: device.who(), link: Some(nth), message }, &text);
    }
    around.network.up(around.ground, wire, Up::Text(text));
}

/// The document in the answer to a request for it.
pub(crate) fn document(reply: &HttpReply) -> Result<String, FetchError> {
    let mut body = DocumentBody::of(reply.status)?;
    body.take(reply.body.as_deref().unwrap_or_default().as_bytes())?;
    body.finish()
}

/// Why a run ended, in words.
fn ended(error: &NodeError) -> String {
    error.to_string()
}
