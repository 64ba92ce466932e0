//! The second lane: a run of this very program with the steps of that lane, whose output is shown after the first lane's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::built::{TOLD, known};
use crate::run::{say, signal};
use crate::runner::Report;

/// What a run says before its list of steps, if all is well, and if not.
pub(crate) const VERIFIED: &str = "verified in ";
pub(crate) const FAILED: &str = "failed after ";

/// The second lane, while it runs. It ends with this value.
pub(crate) struct Beside {
    child: Child,
    /// Tells it what is built; `None` when that is done.
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// How the second lane ended: a line for each of its steps, and the tests that it ran.
pub(crate) struct Ended {
    pub(crate) steps: Vec<String>,
    pub(crate) report: Report,
    pub(crate) is_well: bool,
}

impl Beside {
    /// Starts the steps with these names.
    pub(crate) fn start(steps: &[&str]) -> Result<Self, String> {
        let cannot = |error: std::io::Error| format!("the second lane can't be run: {error}");
        let (output, said) = std::io::pipe().map_err(cannot)?;
        let mut lane = Command::new(std::env::current_exe().map_err(cannot)?);
        lane.args(steps).env(TOLD, "yes").stdin(Stdio::piped()).stderr(said.try_clone().map_err(cannot)?).stdout(said);
        let mut child = lane.spawn().map_err(cannot)?;
        let told = child.stdin.take();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.starts_with("==> ") {
                    say(&format!("(beside this) {line}"));
                }
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, input: told, lines })
    }

    /// Tells it what is built, once that is known.
    pub(crate) fn tell(&mut self) {
        if let Some(system) = known()
            && let Some(mut input) = self.input.take()
        {
            // If it has ended, its end says so.
            let _ = writeln!(input, "{}", system.display());
        }
    }

    /// Shows what it has said and what it still says, until it ends.
    pub(crate) fn finish(mut self) -> Ended {
        say("\n==> what ran beside this");
        self.input = None;
        let (mut is_closing, mut steps, mut report) = (false, vec![], Report::default());
        while let Ok(line) = self.lines.recv() {
            is_closing |= line.starts_with(VERIFIED) || line.starts_with(FAILED);
            match Report::read(&line) {
                Some(counted) if is_closing => report = counted,
                None if is_closing => steps.push(line),
                _ => say(&line),
            }
        }
        let is_well = self.child.wait().is_ok_and(|status| status.success());
        // The first closing line says how long the lane took.
        steps.drain(..steps.len().min(1));
        Ended { steps, report, is_well }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            signal(&self.child, "INT");
            let _ = self.child.wait();
        }
    }
}
