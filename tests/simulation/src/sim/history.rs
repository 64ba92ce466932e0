//! Everything that was seen of a node, in words.

use rollcall_core::{ConnectionId, Key, NodeId};
use rollcall_fleet::{Observation, Plan, Seen};
use rollcall_simulation::run_and_keep;

use super::args::{Plans, Shown};
use super::out::say;

/// Runs the plans, and tells what was seen. Returns whether nothing is wrong.
///
/// # Errors
/// If the world can't be set up.
pub(crate) fn tell(plans: &Plans, shown: &Shown) -> Result<bool, String> {
    let mut well = true;
    for seed in plans.seeds() {
        let plan = plans.plan(seed);
        let (outcome, seen) = run_and_keep(&plan).map_err(|error| error.to_string())?;
        let start = seen.first().map_or(0, |first| first.at.0);
        let mut about = About::new(&plan, shown.node);
        for observation in &seen {
            let at = observation.at.0 - start;
            if about.holds(observation) && shown.within.contains(&at) {
                say(&format!("{:>9}.{:03}  {}", at / 1000, at % 1000, words(&observation.what)));
            }
        }
        for violation in &outcome.violations {
            say(&format!("VIOLATION {violation}"));
        }
        say(&format!("digest {}", outcome.digest));
        well &= outcome.violations.is_empty();
    }
    Ok(well)
}

/// Which observations are about a node.
struct About {
    node: Option<(usize, NodeId)>,
    connections: Vec<ConnectionId>,
}

impl About {
    fn new(plan: &Plan, node: Option<usize>) -> Self {
        let node = node.and_then(|node| Some((node, plan.nodes.get(node)?.id.clone())));
        Self { node, connections: vec![] }
    }

    fn holds(&mut self, observation: &Observation) -> bool {
        let Some((index, id)) = &self.node else { return true };
        match &observation.what {
            Seen::Started { who, .. }
            | Seen::Stopped { who, .. }
            | Seen::RunEnded { who, .. }
            | Seen::Token { who, .. }
            | Seen::LinkOpened { who, .. }
            | Seen::LinkEnded { who, .. }
            | Seen::Sent { who, .. }
            | Seen::Received { who, .. }
            | Seen::ConnectRefused { who, .. }
            | Seen::PollAnswered { who, .. }
            | Seen::Event { who, .. }
            | Seen::Applied { who, .. }
            | Seen::RolledBack { who, .. }
            | Seen::Executed { who, .. }
            | Seen::Installed { who, .. }
            | Seen::Runs { who, .. } => who.node == *index,
            Seen::Wrote { key, .. } | Seen::Forgotten { key } => key.node() == Some(id),
            Seen::Handshake { node, connection, .. } => {
                if node == id {
                    self.connections.push(connection.clone());
                }
                node == id
            }
            Seen::Open { node, .. }
            | Seen::Ended { node, .. }
            | Seen::Handled { node, .. }
            | Seen::Served { node, .. } => node == id,
            Seen::ClosedByCloud { connection, .. } | Seen::Pushed { connection, .. } => {
                self.connections.contains(connection)
            }
            Seen::Posted { event, .. } | Seen::Buried { event, .. } => event.contains(&format!("\"subject\":\"{id}\"")),
            Seen::Asked { request } => request.ask.node() == Some(*index),
            Seen::Answered { ask, .. } => ask.node() == Some(*index),
            Seen::Hit { .. } => true,
        }
    }
}

/// An observation in words: of a write, only what it has changed.
fn words(what: &Seen) -> String {
    let Seen::Wrote { key, before, after } = what else { return format!("{what:?}") };
    let nothing = rollcall_core::Item::new();
    let before = before.as_ref().unwrap_or(&nothing);
    let mut changes: Vec<_> = after
        .iter()
        .filter(|(attribute, value)| before.get(attribute) != Some(value))
        .map(|(attribute, value)| format!("{attribute:?} = {value:?}"))
        .collect();
    let removed = before.keys().filter(|attribute| !after.contains_key(attribute));
    changes.extend(removed.map(|attribute| format!("{attribute:?} removed")));
    let key = match key {
        Key::Node(_) => "the node's item".to_owned(),
        other => format!("{other:?}"),
    };
    format!("Wrote {key}: {}", changes.join(", "))
}
