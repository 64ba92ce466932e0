//! A device: its power, its flash, its token, and whichever program runs.

use std::cell::RefCell;
use std::rc::Rc;

use rollcall_core::{CredentialVersion, NodeId, Timestamp};
use rollcall_fleet::{Device as Who, NodeKind, Seen};

use crate::draw::{self, Draw};
use crate::event::{DeviceNo, Doing, Event, HttpRequest};
use crate::exchanges::Exchanges;
use crate::flash::Flash;
use crate::ground::Ground;
use crate::kernel::{Micros, S};
use crate::network::Network;
use crate::polling::Polling;
use crate::program::Mood;
use crate::socketed::Socketed;

/// How long a device waits for a proof of new firmware before it goes back to the earlier one.
pub(crate) const PROOF: Micros = 900 * S;
/// How long the program waits after its library's run has ended by itself, before it starts another one.
const RESTS: (Micros, Micros) = (60 * S, 600 * S);

/// What surrounds a device.
pub(crate) struct Around<'a> {
    pub(crate) ground: &'a mut Ground,
    pub(crate) network: &'a mut Network,
    pub(crate) exchanges: &'a mut Exchanges,
}

/// A device.
pub(crate) struct Device {
    pub(crate) no: DeviceNo,
    /// The index of its node in the plan, and 0 for the node itself, 1 for its clone.
    pub(crate) node: usize,
    which: u8,
    kind: NodeKind,
    pub(crate) id: NodeId,
    pub(crate) token: Rc<str>,
    credentials: u32,
    pub(crate) flash: Rc<RefCell<Flash>>,
    pub(crate) mood: Rc<Mood>,
    /// How often it was started.
    runs: u32,
    /// The start that is planned, if it is not running.
    start: u64,
    /// The program rests: its library's run has ended by itself.
    rests: bool,
    /// How long the power is off if it fails while the record is written.
    pub(crate) off_for: Micros,
    /// How many things its program has done that take a while.
    acts: u64,
    life: Life,
}

/// What runs on a device.
pub(crate) enum Life {
    /// Nothing: the power is off, or the program rests.
    Nothing,
    Socketed(Box<Socketed>),
    Polling(Box<Polling>),
}

/// What follows for a device from what its program did.
#[derive(Debug)]
pub(crate) enum Fate {
    GoesOn,
    /// The power fails, and is back after so long.
    Crashes(Micros),
    /// The library's run has ended by itself.
    Ended(String),
}

impl Device {
    /// A device that has never run.
    pub(crate) fn new(no: DeviceNo, node: usize, which: u8, kind: NodeKind, id: NodeId) -> Self {
        let flash = Flash::new(rollcall_fleet::FIRST_FIRMWARE);
        Self {
            no,
            node,
            which,
            kind,
            id,
            token: "".into(),
            credentials: 0,
            flash: Rc::new(RefCell::new(flash)),
            mood: Rc::default(),
            runs: 0,
            start: 0,
            rests: false,
            off_for: 0,
            acts: 0,
            life: Life::Nothing,
        }
    }

    /// The run that goes on, or was the last one.
    pub(crate) fn run(&self) -> u32 {
        self.runs.saturating_sub(1)
    }

    pub(crate) fn who(&self) -> Who {
        Who { node: self.node, device: self.which, run: self.run() }
    }

    pub(crate) fn is_running(&self) -> bool {
        !matches!(self.life, Life::Nothing)
    }

    pub(crate) fn life(&mut self) -> &mut Life {
        &mut self.life
    }

    /// A request of the node by HTTP, with its token.
    pub(crate) fn request(&self, method: &'static str, path: String, body: Option<String>) -> HttpRequest {
        let mut headers = vec![("authorization", format!("Bearer {}", self.token))];
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let sender = Some((self.id.clone(), CredentialVersion(self.credentials)));
        HttpRequest { method, path, query: String::new(), headers, body, at: Timestamp(0), sender }
    }

    /// What the next thing that its program does is drawn from.
    pub(crate) fn draw(&mut self, ground: &Ground) -> Draw {
        self.acts += 1;
        ground.draw(draw::Who::Program(self.no), self.acts)
    }

    /// Its token, and the token's credential version.
    pub(crate) fn token(&self) -> (Rc<str>, u32) {
        (Rc::clone(&self.token), self.credentials)
    }

    /// The token that it has when it starts.
    pub(crate) fn set_token(&mut self, token: Rc<str>, credentials: u32) {
        (self.token, self.credentials) = (token, credentials);
    }

    /// Gives it a token. A run that goes on keeps the one that it has.
    pub(crate) fn give_token(&mut self, ground: &mut Ground, token: Rc<str>, credentials: u32) {
        self.set_token(token, credentials);
        let who = self.who();
        if self.runs > 0 {
            ground.saw(Seen::Token { who, credentials });
        }
        // A program that rests because its token was refused has a reason to start now.
        if self.rests {
            self.start_after(ground, S);
        }
    }

    /// Plans its next start. It replaces a start that was planned before.
    pub(crate) fn start_after(&mut self, ground: &mut Ground, after: Micros) {
        self.start += 1;
        ground.after(after, Event::Device(self.no, Doing::Start(self.start)));
    }

    /// It starts, unless another start was planned since.
    pub(crate) fn start(&mut self, around: &mut Around<'_>, planned: u64) {
        if planned != self.start || self.is_running() {
            return;
        }
        self.start += 1;
        self.runs += 1;
        self.rests = false;
        around.network.power(self.no, true);
        around.network.cut_off(around.ground, self.no, false);
        let (who, credentials, firmware) = (self.who(), self.credentials, self.flash.borrow().firmware.clone());
        around.ground.saw(Seen::Started { who, record_was_lost: false });
        around.ground.saw(Seen::Token { who, credentials });
        around.ground.saw(Seen::Runs { who, firmware });
        if self.flash.borrow().fallback.is_some() {
            around.ground.after(PROOF, Event::Device(self.no, Doing::Unproven(self.run())));
        }
        self.life = match self.kind {
            NodeKind::Socket => Life::Socketed(Box::new(Socketed::new(self, around))),
            NodeKind::Poller => Life::Polling(Box::new(Polling::new(self, around))),
        };
        self.wake(around);
    }

    /// It stops cleanly, and starts again after a while.
    pub(crate) fn restart(&mut self, around: &mut Around<'_>, after: Micros) {
        match std::mem::replace(&mut self.life, Life::Nothing) {
            Life::Nothing => return,
            Life::Socketed(mut run) => run.stop(self, around),
            Life::Polling(_) => {}
        }
        let who = self.who();
        around.ground.saw(Seen::Stopped { who, crashed: false });
        self.start_after(around.ground, after);
    }

    /// It stops, and does not start again by itself.
    pub(crate) fn leave(&mut self, around: &mut Around<'_>) {
        self.restart(around, 0);
        self.start += 1;
        around.network.power(self.no, false);
    }

    /// The power fails, and is back after a while.
    pub(crate) fn crash(&mut self, around: &mut Around<'_>, after: Micros) {
        if let Life::Socketed(mut run) = std::mem::replace(&mut self.life, Life::Nothing) {
            run.vanish(around);
        }
        self.flash.borrow_mut().lose_power();
        around.network.power(self.no, false);
        around.network.cut_off(around.ground, self.no, false);
        let who = self.who();
        around.ground.saw(Seen::Stopped { who, crashed: true });
        self.start_after(around.ground, after);
    }

    /// What follows from what its program did.
    pub(crate) fn follow(&mut self, around: &mut Around<'_>, fate: Fate) {
        match fate {
            Fate::GoesOn => {}
            Fate::Crashes(after) => self.crash(around, after),
            Fate::Ended(error) => {
                if let Life::Socketed(mut run) = std::mem::replace(&mut self.life, Life::Nothing) {
                    run.leave(around);
                }
                let who = self.who();
                self.rests = true;
                around.ground.saw(Seen::RunEnded { who, error: Some(error) });
                let rests = self.draw(around.ground).between(RESTS.0, RESTS.1);
                self.start_after(around.ground, rests);
            }
        }
    }

    /// New firmware has not proven itself: the earlier one starts.
    pub(crate) fn unproven(&mut self, around: &mut Around<'_>) {
        let fallback = self.flash.borrow_mut().fallback.take();
        let Some(fallback) = fallback else { return };
        self.flash.borrow_mut().firmware = fallback;
        self.restart(around, S);
    }

    /// Puts the firmware that was installed into effect with the next start; or it will not come up, and the earlier
    /// one starts.
    pub(crate) fn swap(&mut self, version: &str, comes_up: bool) {
        if comes_up {
            let mut flash = self.flash.borrow_mut();
            let before = std::mem::replace(&mut flash.firmware, version.to_owned());
            flash.fallback = Some(before);
        }
    }

    fn wake(&mut self, around: &mut Around<'_>) {
        let fate = match std::mem::replace(&mut self.life, Life::Nothing) {
            Life::Nothing => return,
            Life::Socketed(mut run) => {
                let fate = run.tick(self, around);
                self.life = Life::Socketed(run);
                fate
            }
            Life::Polling(mut run) => {
                run.begin(self, around);
                self.life = Life::Polling(run);
                Fate::GoesOn
            }
        };
        self.follow(around, fate);
    }
}
