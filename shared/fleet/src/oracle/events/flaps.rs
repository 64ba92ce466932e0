//! How often a node came online within the last hour. Worked out here from when it came, and not from the log as the feed
//! does.

use rollcall_core::{Node, Presence};

use super::expected::Expected;

const HOUR_MS: u64 = 3_600_000;
/// How often a node comes within an hour if it flaps.
const FLAPS: usize = 5;

/// When a node came online within the last hour, and when it was last told to flap.
#[derive(Clone, Debug, Default)]
pub(super) struct Flaps {
    came: Vec<u64>,
    told: Option<u64>,
}

impl Flaps {
    /// What is to be told because the node's item was this and is that.
    pub(super) fn expected(&mut self, was: Option<&Node>, is: &Node) -> Option<Expected> {
        let before = was.map(|was| was.presence);
        let Presence::Online(since) = is.presence else { return None };
        if matches!(before, Some(Presence::Online(_))) {
            return None;
        }
        let is_recent = |at: u64| since.0.saturating_sub(at) / 1000 < HOUR_MS / 1000;
        self.came.retain(|at| is_recent(*at));
        self.came.push(since.0);
        let was_away_briefly = matches!(before, Some(Presence::Offline(Some(left))) if is_recent(left.0));
        let flaps = was_away_briefly && self.came.len() >= FLAPS && !self.told.is_some_and(is_recent);
        if flaps {
            self.told = Some(since.0);
        }
        flaps.then(|| Expected::new("node.flapping", self.came.len() as u64, None))
    }
}
