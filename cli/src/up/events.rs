//! What becomes of the functions' log lines: they are counted, and people are told what matters.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rollcall_gateway::Logs;

use super::bursts::Bursts;
use super::words::{Said, said};
use crate::console::clean;
use crate::meter::Meter;
use crate::out::say;

/// Hears the functions. Clones hear together.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    meter: Meter,
    verbose: bool,
    bursts: Arc<Mutex<Bursts>>,
}

impl Events {
    /// Counts with this meter. `verbose`: every line is shown as it is, instead of what matters in words.
    pub(crate) fn new(meter: &Meter, verbose: bool) -> Self {
        Self { meter: meter.clone(), verbose, bursts: Arc::default() }
    }

    /// Where the log lines of functions go that nobody is told of: they are counted.
    pub(crate) fn unheard(meter: &Meter) -> Logs {
        let meter = meter.clone();
        Arc::new(move |_: &str, line: &str| meter.logged(line))
    }

    /// Where log lines go.
    pub(crate) fn logs(&self) -> Logs {
        let events = self.clone();
        Arc::new(move |function: &str, line: &str| events.hear(function, line))
    }

    fn hear(&self, function: &str, line: &str) {
        self.meter.logged(line);
        if self.verbose {
            say(&format!("{function}: {}", clean(line)));
            return;
        }
        match said(function, line) {
            Said::Nothing => {}
            Said::Line(line) => say(&line),
            Said::Sentence { kind, text } => {
                let shown = self.bursts().take(&kind, text, Instant::now());
                if let Some(text) = shown {
                    say(&text);
                }
            }
        }
    }

    /// Says what was left out of a burst and is due now.
    pub(crate) fn say_due(&self) {
        let due = self.bursts().due(Instant::now());
        for text in due {
            say(&text);
        }
    }

    /// Says what was left out and not said yet.
    pub(crate) fn say_rest(&self) {
        let rest = self.bursts().rest();
        for text in rest {
            say(&text);
        }
    }

    fn bursts(&self) -> MutexGuard<'_, Bursts> {
        self.bursts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
