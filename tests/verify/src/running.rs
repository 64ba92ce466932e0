//! Programs that say when they are ready, and run until they are told to end.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::run::{minutes, say, signal};

/// Where to look for a free port: below those that the system gives to connections, and beside those of the tests.
const PORTS: std::ops::Range<u16> = 30_100..30_200;

/// Does a part of a step, and says how long it took.
pub(crate) fn part<T>(name: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let began = Instant::now();
    say(&format!("--> {name}"));
    let done = work().map_err(|problem| format!("{name}: {problem}"))?;
    say(&format!("<-- {name}: {}", minutes(began.elapsed()).trim()));
    Ok(done)
}

/// A port on which nothing listens.
pub(crate) fn free_port() -> Result<u16, String> {
    let free = PORTS.into_iter().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.ok_or_else(|| format!("no port of {PORTS:?} is free"))
}

/// A word of a ready line: what follows `name=`.
pub(crate) fn word(ready: &str, name: &str) -> Result<String, String> {
    let words = ready.split_whitespace().filter_map(|word| word.split_once('='));
    let mut named = words.filter(|(word, _)| *word == name);
    named.next().map(|(_, value)| value.to_owned()).ok_or_else(|| format!("no {name} in {ready:?}"))
}

/// A program that says `ready …` and then runs until it is told to end. It also ends with this process.
pub(crate) struct Running {
    child: Child,
    ready: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?} can't be run: {error}"))?;
        let mut ready = String::new();
        if let Some(stdout) = child.stdout.take() {
            // What it says later, nobody reads: it says nothing.
            let _ = BufReader::new(stdout).read_line(&mut ready);
        }
        let running = Self { child, ready: ready.trim().to_owned() };
        if running.ready.starts_with("ready ") { Ok(running) } else { Err(format!("{command:?} does not get ready")) }
    }

    /// A word of its ready line.
    pub(crate) fn said(&self, name: &str) -> Result<String, String> {
        word(&self.ready, name)
    }

    pub(crate) fn stop(mut self) -> Result<(), String> {
        signal(&self.child, "INT");
        self.child.wait().map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Nothing stays behind when a check fails.
impl Drop for Running {
    fn drop(&mut self) {
        signal(&self.child, "INT");
        let _ = self.child.wait();
    }
}
