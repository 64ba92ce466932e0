//! The steps of a plan.

use std::rc::Rc;

use rollcall_core::Timestamp;
use rollcall_fleet::What;

use crate::clocks::true_time;
use crate::device::{Fate, Life};
use crate::event::{Doing, Event};
use crate::faults::{Fault, until};
use crate::kernel::{MS, Micros, S};
use crate::polling::Polling;
use crate::service::token;
use crate::world::World;

/// How many days after the end of a run the tokens of the nodes expire, one node after the other: during a run of two days,
/// the last week has begun long ago, begins, or does not; and so has the last month.
const TOKENS_END_AFTER: [u64; 5] = [3, 6, 15, 29, 40];
const DAY_MS: u64 = 24 * 3_600_000;

impl World {
    /// When a node's tokens expire.
    pub(crate) fn token_ends(&self, node: usize) -> Timestamp {
        let days = TOKENS_END_AFTER[node % TOKENS_END_AFTER.len()];
        Timestamp(true_time(0).0 + self.plan.ends_at_ms + days * DAY_MS)
    }

    /// A node gets a token of this credential version.
    pub(crate) fn give_token(&mut self, node: usize, credentials: u32) {
        let ends = self.token_ends(node);
        let Ok(text) = token(&self.devices[node].id, credentials, ends) else { return };
        let text: Rc<str> = text.into();
        self.devices[node].give_token(&mut self.ground, text, credentials);
    }

    /// A step of the plan is due.
    pub(crate) fn step(&mut self, step: usize) {
        let what = self.plan.steps[step].what.clone();
        let (now, calm) = (self.ground.now(), self.plan.calm_from_ms * MS);
        if let Some((fault, for_ms, much)) = Fault::begun_by(&what) {
            return self.ground.faults.begin(fault, until(now, for_ms, calm), much);
        }
        let Self { ground, network, gateway, .. } = self;
        match what {
            What::Crash { node, torn, back_after_ms } => self.crash(node, torn, back_after_ms * MS),
            What::Restart { node, after_ms } => {
                ground.hit("restart");
                self.with(node, |device, around| device.restart(around, after_ms * MS));
            }
            What::Cut { node } if gateway.cut(ground, network, Some(node)) => ground.hit("cut"),
            What::CutAll if gateway.cut(ground, network, None) => ground.hit("cut-all"),
            What::Partition { node, for_ms, half_open } => {
                network.partition(ground, node, until(now, for_ms, calm), half_open);
            }
            What::Slow { node, factor, for_ms } => {
                ground.hit("slow");
                network.slow(node, until(now, for_ms, calm), factor);
            }
            What::Clone { node, for_ms } => self.clone_node(node, until(now, for_ms, calm)),
            What::Flood { node, messages } => self.live(node, |life, device, around| {
                match life {
                    Life::Socketed(run) => run.flood(device, around, messages),
                    Life::Polling(_) => Polling::flood(device, around, messages),
                    Life::Nothing => {}
                }
                Fate::GoesOn
            }),
            What::BadConfigs { node, how, for_ms } => {
                self.devices[node].mood.bad_configs(how, until(now, for_ms, calm));
            }
            What::BadFirmware { node, how, for_ms } => {
                self.devices[node].mood.bad_images(how, until(now, for_ms, calm));
            }
            What::ClockSkew { host, by_ms, for_ms } => {
                ground.clocks.set_wrong(host as usize, until(now, for_ms, calm), by_ms);
            }
            What::Ask(ask) => self.application.begin(ground, network, &mut self.exchanges, &ask),
            _ => {}
        }
    }

    /// The power of a node fails. `torn`: it fails when the record is written next, if that is soon.
    fn crash(&mut self, node: usize, torn: bool, off_for: Micros) {
        let device = &mut self.devices[node];
        if !device.is_running() {
            return;
        }
        let run = device.run();
        if !torn {
            self.ground.hit("crash");
            return self.with(node, |device, around| device.crash(around, off_for));
        }
        let new_is_there = device.draw(&self.ground).percent(50);
        device.off_for = off_for;
        device.flash.borrow_mut().tear(new_is_there);
        // If nothing is written, it fails all the same.
        self.ground.after(120 * S, Event::Device(node, Doing::Crash(run, off_for)));
    }

    /// A second device with the node's token joins, and leaves after a while.
    fn clone_node(&mut self, node: usize, until: Micros) {
        let clone = match self.clones[node] {
            Some(clone) => clone,
            None => match self.add_device(node, 1) {
                Ok(clone) => clone,
                Err(_) => return,
            },
        };
        self.clones[node] = Some(clone);
        self.ground.hit("clone");
        let (token, credentials) = self.devices[node].token();
        self.devices[clone].set_token(token, credentials);
        self.devices[clone].start_after(&mut self.ground, 0);
        self.ground.at(until, Event::Device(clone, Doing::Leave));
    }
}
