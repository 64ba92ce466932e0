//! What is known of a run before it begins.

use std::collections::HashMap;

use rollcall_core::{NodeId, Policy, Timestamp};

use super::windows::Windows;
use crate::plan::{NodePlan, Plan, Settings};

/// How far the clocks of right hosts may differ, in milliseconds (ADR 13: 5 s), and a second for what is rounded.
pub(super) const SKEW_MS: u64 = 6_000;

/// What is known of a run before it begins.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) settings: Settings,
    /// The settings as the rules take them, if they do.
    pub(super) policy: Option<Policy>,
    pub(super) start: Timestamp,
    pub(super) nodes: Vec<NodePlan>,
    pub(super) windows: Windows,
    ids: HashMap<NodeId, usize>,
}

impl Facts {
    pub(super) fn new(plan: &Plan, start: Timestamp) -> Self {
        let ids = plan.nodes.iter().enumerate().map(|(index, node)| (node.id.clone(), index)).collect();
        Self {
            settings: plan.settings,
            policy: plan.settings.policy().ok(),
            start,
            nodes: plan.nodes.clone(),
            windows: Windows::new(plan, start),
            ids,
        }
    }

    /// The index of the node with this id.
    pub(super) fn index(&self, id: &NodeId) -> Option<usize> {
        self.ids.get(id).copied()
    }

    /// For how long a connection may be silent before its `$disconnect` counts as lost, in milliseconds.
    pub(super) fn lost_after_ms(&self) -> u64 {
        (u64::from(self.settings.lifetime) + u64::from(self.settings.grace)) * 1000
    }

    pub(super) fn grace_ms(&self) -> u64 {
        u64::from(self.settings.grace) * 1000
    }

    pub(super) fn interval_ms(&self) -> u64 {
        u64::from(self.settings.check_in_every) * 1000
    }
}

/// This instant, so many milliseconds later.
pub(super) fn later(at: Timestamp, ms: u64) -> Timestamp {
    Timestamp(at.0.saturating_add(ms))
}

/// This instant, so many milliseconds earlier.
pub(super) fn earlier(at: Timestamp, ms: u64) -> Timestamp {
    Timestamp(at.0.saturating_sub(ms))
}
