//! How the cloud is doing, while it runs.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_stack::Stack;

use super::events::Events;
use crate::fleet::Fleet;
use crate::live;
use crate::meter::{Counts, Meter};
use crate::out::say;

/// How often the live line is redrawn, and it is looked whether something was left out of a burst.
const BEAT: Duration = Duration::from_secs(1);
/// How many beats there are from line to line where no line can be redrawn: to a file, or a pipe.
const BEATS: u32 = 10;

/// What is looked at.
pub(super) struct Pulse<'a> {
    pub(super) stack: &'a Stack,
    pub(super) fleet: &'a Fleet,
    pub(super) meter: &'a Meter,
    pub(super) events: &'a Events,
    pub(super) started: Instant,
}

impl Pulse<'_> {
    /// Says how it is doing: on a terminal every second in a line that is redrawn in place, else every ten seconds in a
    /// line of its own. Never ends.
    pub(super) async fn beat(&self) {
        let every = if live::is_possible() { 1 } else { BEATS };
        let mut beats = tokio::time::interval(BEAT);
        let mut before = 0;
        for beat in 0_u32.. {
            beats.tick().await;
            self.events.say_due();
            if !beat.is_multiple_of(every) {
                continue;
            }
            let counts = self.meter.read();
            let line = self.line(&counts, counts.check_ins.saturating_sub(before) / u64::from(every));
            before = counts.check_ins;
            if every == 1 {
                live::show(&line);
            } else if beat > 0 {
                say(&line);
            }
        }
    }

    fn line(&self, counts: &Counts, check_ins_a_second: u64) -> String {
        let (seconds, connections) = (self.started.elapsed().as_secs(), self.stack.gateway().connections());
        let check_ins = counts.check_ins;
        let all = format!("{seconds}s  {connections} connections  {check_ins} check-ins ({check_ins_a_second}/s)");
        // What only simulated nodes tell.
        if counts.answer_us.is_empty() {
            return all;
        }
        let state = self.fleet.state();
        let (drops, returns) = (state.drops.load(Ordering::Relaxed), state.returns.load(Ordering::Relaxed));
        let answer = Duration::from_micros(counts.answer_us.value_at_quantile(0.5)).as_secs_f64() * 1000.0;
        format!("{all}  {drops} drops  {returns} returns  p50 {answer:.1} ms")
    }
}
