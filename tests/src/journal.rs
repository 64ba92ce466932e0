//! What the functions logged, and waiting for it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_gateway::Logs;
use serde_json::Value;
use tokio::sync::watch;

/// Far longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_mins(2);

/// The lines that the functions logged.
#[derive(Clone, Debug)]
pub struct Journal {
    lines: Arc<Mutex<Vec<(String, String)>>>,
    count: Arc<watch::Sender<usize>>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { lines: Arc::default(), count: Arc::new(watch::Sender::new(0)) }
    }
}

impl Journal {
    /// Where lines go.
    pub fn sink(&self) -> Logs {
        let journal = self.clone();
        Arc::new(move |function, line| {
            journal.lines.lock().unwrap().push((function.to_owned(), line.to_owned()));
            journal.count.send_modify(|count| *count += 1);
        })
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<(String, String)> {
        self.lines.lock().unwrap().clone()
    }

    /// The events that a function logged with an outcome, so far.
    pub fn events(&self, function: &str, outcome: &str) -> Vec<Value> {
        let lines = self.lines();
        let of_function = lines.iter().filter(|(name, _)| name == function);
        let events = of_function.filter_map(|(_, line)| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["outcome"] == outcome).collect()
    }

    /// Waits until a function has logged this line.
    pub async fn until_line(&self, function: &str, line: &str) {
        let mut counts = self.count.subscribe();
        let logged = counts.wait_for(|_| self.lines().iter().any(|(name, text)| name == function && text == line));
        let logged = tokio::time::timeout(PATIENCE, logged).await;
        assert!(logged.is_ok(), "{function} did not log {line:?}; it logged {:#?}", self.lines());
    }

    /// Waits until a function has logged this many events with an outcome, and returns them.
    pub async fn until(&self, function: &str, outcome: &str, count: usize) -> Vec<Value> {
        let mut counts = self.count.subscribe();
        let reached = async {
            loop {
                let events = self.events(function, outcome);
                if events.len() >= count {
                    return events;
                }
                counts.changed().await.expect("the journal lives");
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| {
            panic!("{function} did not log {count} times {outcome:?}; it logged {:#?}", self.lines())
        })
    }
}
