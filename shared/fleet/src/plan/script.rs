//! A plan while it is being made: its steps so far, and what was used up.

use std::collections::BTreeMap;

use super::dice::Dice;
use super::theme::Theme;
use super::{Ask, NodePlan, Step, What};

/// A plan while it is being made.
#[derive(Debug)]
pub(super) struct Script<'a> {
    pub(super) theme: &'a Theme,
    pub(super) nodes: &'a [NodePlan],
    pub(super) calm_from_ms: u64,
    steps: Vec<Step>,
    keys: u32,
    /// The last firmware version of each model.
    versions: BTreeMap<String, u32>,
}

impl<'a> Script<'a> {
    pub(super) fn new(theme: &'a Theme, nodes: &'a [NodePlan], calm_from_ms: u64) -> Self {
        Self { theme, nodes, calm_from_ms, steps: vec![], keys: 0, versions: BTreeMap::new() }
    }

    /// Adds a step, unless it would be in the time in which nothing happens any more.
    pub(super) fn add(&mut self, at_ms: u64, what: What) {
        if at_ms < self.calm_from_ms {
            self.steps.push(Step { at_ms, what });
        }
    }

    /// Adds a step that lasts for a time, which ends with the time in which something happens.
    pub(super) fn during(&mut self, at_ms: u64, for_ms: u64, what: impl FnOnce(u64) -> What) {
        let left = self.calm_from_ms.saturating_sub(at_ms);
        self.add(at_ms, what(for_ms.min(left)));
    }

    pub(super) fn ask(&mut self, at_ms: u64, ask: Ask) {
        self.add(at_ms, What::Ask(ask));
    }

    /// The application looks at a node. That is possible also when nothing else happens any more.
    pub(super) fn look(&mut self, at_ms: u64, node: usize) {
        self.steps.push(Step { at_ms, what: What::Ask(Ask::Show { node }) });
    }

    /// The application looks at a node that may have been lost: at once, after the grace period, and when its
    /// `$disconnect` counts as lost.
    pub(super) fn look_after(&mut self, dice: &mut Dice, at_ms: u64, node: usize) {
        let settings = &self.theme.settings;
        let ms = |seconds: u32| u64::from(seconds) * 1000;
        let grace_over = ms(settings.grace) + dice.between(40_000, 90_000);
        let lost = ms(settings.lifetime.saturating_add(settings.grace)) + dice.between(10_000, 60_000);
        for after in [dice.between(0, ms(settings.grace)), grace_over, lost] {
            let at_ms = at_ms + after;
            if at_ms < self.calm_from_ms {
                self.look(at_ms, node);
            }
        }
    }

    /// A new idempotency key, or rarely one that was used before.
    pub(super) fn key(&mut self, dice: &mut Dice) -> u32 {
        if self.keys > 0 && dice.chance(4) {
            return dice.small(1, self.keys);
        }
        self.keys += 1;
        self.keys
    }

    /// A firmware version for the node's model, and whether it must be added first.
    pub(super) fn version(&mut self, dice: &mut Dice, node: usize) -> (u32, bool) {
        let model = self.nodes.get(node).map(|node| node.model.clone()).unwrap_or_default();
        let last = self.versions.entry(model).or_default();
        if *last > 0 && dice.chance(30) {
            return (dice.small(1, *last), false);
        }
        *last += 1;
        (*last, true)
    }

    /// The steps so far, in no order.
    pub(super) fn so_far(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn steps(self) -> Vec<Step> {
        self.steps
    }
}
