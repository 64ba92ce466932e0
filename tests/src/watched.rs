//! A node of the reference library, watched.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_node::{Applied, Configuration, Handler, Node, NodeConfig, NodeEvent, Report};
use tokio::sync::watch;

/// Far longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_mins(2);

/// A node of the reference library, and all that happened to it.
#[derive(Debug)]
pub struct Watched {
    /// The node.
    pub node: Node,
    events: Arc<Mutex<Vec<NodeEvent>>>,
    count: Arc<watch::Sender<usize>>,
    running: Arc<Mutex<Vec<String>>>,
}

struct Recorder {
    events: Arc<Mutex<Vec<NodeEvent>>>,
    count: Arc<watch::Sender<usize>>,
    running: Arc<Mutex<Vec<String>>>,
}

impl Handler for Recorder {
    fn report(&mut self) -> Report {
        Report { firmware: Some("9.9".to_owned()), ..Report::default() }
    }

    fn apply(&mut self, configuration: &Configuration) -> Applied {
        if configuration.document.contains("impossible") {
            return Applied::Rejected("it is impossible".to_owned());
        }
        self.running.lock().unwrap().push(configuration.document.clone());
        Applied::Applied
    }

    fn roll_back(&mut self, _from: &Configuration) {
        self.running.lock().unwrap().pop();
    }

    fn event(&mut self, event: NodeEvent) {
        self.events.lock().unwrap().push(event);
        self.count.send_modify(|count| *count += 1);
    }
}

impl Watched {
    /// Starts a node.
    pub fn start(config: NodeConfig) -> Self {
        let events: Arc<Mutex<Vec<NodeEvent>>> = Arc::default();
        let count = Arc::new(watch::Sender::new(0));
        let running: Arc<Mutex<Vec<String>>> = Arc::default();
        let recorder =
            Recorder { events: Arc::clone(&events), count: Arc::clone(&count), running: Arc::clone(&running) };
        Self { node: Node::start(config, recorder), events, count, running }
    }

    /// The document that it runs; nothing if it was given none that it kept.
    pub fn running(&self) -> Option<String> {
        self.running.lock().unwrap().last().cloned()
    }

    /// What happened so far.
    pub fn events(&self) -> Vec<NodeEvent> {
        self.events.lock().unwrap().clone()
    }

    /// Waits until this has happened this many times, and returns what happened so far.
    pub async fn until(&self, times: usize, what: impl Fn(&NodeEvent) -> bool) -> Vec<NodeEvent> {
        let mut counts = self.count.subscribe();
        let reached = async {
            loop {
                let events = self.events();
                if events.iter().filter(|event| what(event)).count() >= times {
                    return events;
                }
                counts.changed().await.expect("the recorder lives");
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.unwrap_or_else(|_| panic!("it did not happen {times} times; what did: {:#?}", self.events()))
    }

    /// Waits until this many check-ins have been acknowledged.
    pub async fn until_acked(&self, times: usize) {
        self.until(times, |event| matches!(event, NodeEvent::Acked { .. })).await;
    }
}
