//! A program that passes what it is given to the test.

use std::sync::{Arc, Mutex};

use rollcall_node::{Command, Delta, Firmware, Handler, NodeEvent, Report};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::patiently;

#[derive(Debug)]
enum Given {
    Command(Command),
    Firmware(Firmware),
    Delta(Delta),
    Event(NodeEvent),
}

pub struct Worker {
    given: UnboundedSender<Given>,
    runs: Arc<Mutex<String>>,
    base: Arc<Mutex<Option<String>>>,
}

impl Handler for Worker {
    fn report(&mut self) -> Report {
        Report { firmware: Some(self.runs.lock().unwrap().clone()), ..Report::default() }
    }

    fn execute(&mut self, command: Command) {
        let _ = self.given.send(Given::Command(command));
    }

    fn accept_firmware(&mut self, version: &str) -> Result<(), String> {
        if version == "0.1" { Err("too old".to_owned()) } else { Ok(()) }
    }

    fn base_image(&mut self) -> Option<String> {
        self.base.lock().unwrap().clone()
    }

    fn make_image(&mut self, delta: Delta) {
        let _ = self.given.send(Given::Delta(delta));
    }

    fn install(&mut self, firmware: Firmware) {
        let _ = self.given.send(Given::Firmware(firmware));
    }

    fn event(&mut self, event: NodeEvent) {
        let _ = self.given.send(Given::Event(event));
    }
}

/// Gives a test what the worker was given.
pub struct Hands {
    given: UnboundedReceiver<Given>,
    pub runs: Arc<Mutex<String>>,
    /// The version whose image the program has.
    pub base: Arc<Mutex<Option<String>>>,
}

/// A program that runs this firmware.
pub fn worker(runs: &str) -> (Worker, Hands) {
    let (sender, given) = unbounded_channel();
    let runs = Arc::new(Mutex::new(runs.to_owned()));
    let base = Arc::<Mutex<Option<String>>>::default();
    (Worker { given: sender, runs: Arc::clone(&runs), base: Arc::clone(&base) }, Hands { given, runs, base })
}

impl Hands {
    async fn pick<T>(&mut self, pick: impl Fn(Given) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(patiently(self.given.recv()).await.expect("the run goes on")) {
                return picked;
            }
        }
    }

    pub async fn command(&mut self) -> Command {
        self.pick(|given| if let Given::Command(command) = given { Some(command) } else { None }).await
    }

    pub async fn firmware(&mut self) -> Firmware {
        self.pick(|given| if let Given::Firmware(firmware) = given { Some(firmware) } else { None }).await
    }

    pub async fn delta(&mut self) -> Delta {
        self.pick(|given| if let Given::Delta(delta) = given { Some(delta) } else { None }).await
    }

    /// Waits for this event.
    pub async fn event(&mut self, event: &NodeEvent) {
        self.pick(|given| matches!(&given, Given::Event(seen) if seen == event).then_some(())).await;
    }

    /// How many commands the worker was given that the test has not taken yet.
    pub fn commands_left(&mut self) -> usize {
        let left = std::iter::from_fn(|| self.given.try_recv().ok());
        left.filter(|given| matches!(given, Given::Command(_))).count()
    }
}
