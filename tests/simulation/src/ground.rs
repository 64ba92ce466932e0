//! What all parts of the world stand on: time, faults, clocks, randomness, and the witness.

use rollcall_core::Timestamp;
use rollcall_fleet::Seen;

use crate::clocks::{Clocks, true_time};
use crate::draw::{Draw, Who};
use crate::event::Event;
use crate::faults::{Fault, Faults};
use crate::kernel::{Kernel, Micros};
use crate::witness::Witness;

/// What all parts of the world stand on.
pub(crate) struct Ground {
    pub(crate) kernel: Kernel<Event>,
    pub(crate) faults: Faults,
    pub(crate) clocks: Clocks,
    pub(crate) witness: Witness,
    pub(crate) seed: u64,
}

impl Ground {
    pub(crate) fn now(&self) -> Micros {
        self.kernel.now()
    }

    pub(crate) fn soon(&mut self, event: Event) {
        self.kernel.soon(event);
    }

    pub(crate) fn after(&mut self, delay: Micros, event: Event) {
        self.kernel.after(delay, event);
    }

    pub(crate) fn at(&mut self, at: Micros, event: Event) {
        self.kernel.at(at, event);
    }

    pub(crate) fn draw(&self, who: Who, nth: u64) -> Draw {
        Draw::of(self.seed, who, nth)
    }

    /// Tells the witness what was seen.
    pub(crate) fn saw(&mut self, what: Seen) {
        let at = true_time(self.kernel.now());
        self.witness.saw(at, what);
    }

    /// Tells the witness of a message, whose text this is.
    pub(crate) fn saw_text(&mut self, what: Seen, text: &str) {
        let at = true_time(self.kernel.now());
        self.witness.saw_text(at, what, text);
    }

    /// How much of a fault there is at the moment; `None` if it does not act.
    pub(crate) fn much(&self, fault: Fault) -> Option<u64> {
        self.faults.much(fault, self.kernel.now())
    }

    /// Whether a fault that hits so many in a hundred hits this one. The witness is told.
    pub(crate) fn hits(&mut self, fault: Fault, draw: &mut Draw) -> bool {
        let Some(percent) = self.much(fault) else { return false };
        let hits = draw.below(100) < percent;
        if hits {
            self.hit(fault.name());
        }
        hits
    }

    /// Tells the witness that a fault has really hit something.
    pub(crate) fn hit(&mut self, fault: &'static str) {
        self.saw(Seen::Hit { fault });
    }

    /// The time by the clock of a host. The witness is told if it is wrong.
    pub(crate) fn clock(&mut self, host: usize) -> Timestamp {
        let (time, wrong) = self.clocks.read(host, self.kernel.now());
        if wrong {
            self.hit("clock-skew");
        }
        time
    }
}
