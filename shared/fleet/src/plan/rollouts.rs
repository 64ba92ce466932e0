//! Rollouts: changes that reach many nodes in waves, and what the application does with them meanwhile.

use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::script::Script;
use super::{Ask, BadConfig, What};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// How long before the calm a rollout begins at the latest, in milliseconds: three that wait for each other end in it.
const LASTS_MS: u64 = 9 * HOUR;
/// How long the gate waits for reports, in seconds.
const PATIENCE_S: u32 = 1_200;

/// What a rollout is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `RolloutSpec`")]
pub struct RolloutPlan {
    pub select: String,
    pub change: RolloutWhat,
    /// The first wave in nodes; 0 if there is none.
    pub first_nodes: u64,
    /// The waves behind it, in percent.
    pub percents: Vec<u64>,
    pub wait_s: u32,
    pub patience_s: u32,
    pub rolls_back: bool,
    pub approval: bool,
    pub max_parallel: Option<u64>,
    pub priority: u64,
    pub include_new: bool,
    /// Whatever fails is tried again: how often, and after how many seconds at first.
    #[serde(default)]
    pub retry: Option<(u64, u32)>,
}

/// What a rollout changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutWhat {
    /// The n-th [`document`](crate::document) is to be the configuration.
    Config(u32),
    /// The n-th firmware version is to run.
    Firmware(u32),
    /// A command of the n-th [name](crate::command_name) is queued.
    Command(u32),
}

/// What is done with a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum RolloutDeed {
    Pause,
    Resume,
    Abort,
    RollBack,
    Approve,
}

impl RolloutDeed {
    /// Its name in the path of the request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::RollBack => "roll-back",
            Self::Approve => "approve",
        }
    }
}

/// The name of the n-th rollout.
pub fn rollout_name(n: u32) -> String {
    format!("r{n}")
}

impl Script<'_> {
    /// In some lives, the application changes its fleet by rollouts. They have dice of their own, so that whatever else
    /// happens to a fleet depends on none of them.
    pub(super) fn rollouts(&mut self, dice: &mut Dice) {
        let Some(latest) = self.calm_from_ms.checked_sub(LASTS_MS).filter(|_| dice.chance(50)) else { return };
        let mut at_ms = dice.between(0, latest);
        for rollout in 0..dice.small(1, 3) {
            let plan = self.rollout(dice, at_ms);
            self.ask(at_ms, Ask::StartRollout { rollout, plan: Box::new(plan) });
            self.steer(dice, rollout, at_ms);
            // Some are rivals of the one before.
            at_ms = if dice.chance(60) { at_ms + dice.spread(1, HOUR) } else { dice.between(0, latest) };
            at_ms = at_ms.min(latest);
        }
    }

    fn rollout(&mut self, dice: &mut Dice, at_ms: u64) -> RolloutPlan {
        let node = dice.index(self.nodes.len());
        let (model, site) =
            self.nodes.get(node).map(|node| (node.model.clone(), node.site.clone())).unwrap_or_default();
        let select = match dice.index(4) {
            0 => format!("site={site}"),
            1 => format!("model={model}"),
            _ => "site!=nowhere".to_owned(),
        };
        let change = match dice.index(6) {
            0 => {
                let (version, is_new) = self.version(dice, node);
                if is_new {
                    let at_ms = at_ms.saturating_sub(dice.spread(MINUTE, HOUR));
                    self.ask(at_ms, Ask::AddFirmware { model: model.clone(), version, wrong_hash: dice.chance(12) });
                }
                RolloutWhat::Firmware(version)
            }
            1 => RolloutWhat::Command(dice.small(0, 9)),
            _ => RolloutWhat::Config(dice.small(0, 40)),
        };
        // Only one model has the version.
        let select = if matches!(change, RolloutWhat::Firmware(_)) { format!("model={model}") } else { select };
        // Some changes are bad for whoever gets them.
        if matches!(change, RolloutWhat::Config(_)) && dice.chance(30) {
            let how = [BadConfig::Refused, BadConfig::CutsOff][dice.index(2)];
            for node in 0..self.nodes.len() {
                self.during(at_ms, LASTS_MS, |for_ms| What::BadConfigs { node, how, for_ms });
            }
        }
        let percents = [vec![100], vec![50, 100], vec![30, 60, 100]][dice.index(3)].clone();
        RolloutPlan {
            select,
            change,
            first_nodes: [0, 1, 2][dice.index(3)],
            percents,
            wait_s: (3 * self.theme.settings.check_in_every + 60).min(1_800),
            patience_s: PATIENCE_S,
            rolls_back: dice.chance(40),
            approval: dice.chance(15),
            max_parallel: dice.chance(20).then_some(1),
            priority: dice.small(0, 2).into(),
            include_new: dice.chance(30),
            retry: dice.chance(50).then(|| (dice.small(1, 2).into(), dice.small(60, 300))),
        }
    }

    /// What the application does with a rollout that begins about now.
    fn steer(&mut self, dice: &mut Dice, rollout: u32, at_ms: u64) {
        let mut at_ms = at_ms;
        for _ in 0..[0, 0, 1, 2][dice.index(4)] {
            at_ms += dice.spread(10, 2 * HOUR);
            let deed = match dice.index(5) {
                0 => RolloutDeed::Abort,
                1 => RolloutDeed::RollBack,
                2 => RolloutDeed::Approve,
                _ => RolloutDeed::Pause,
            };
            self.ask(at_ms, Ask::SteerRollout { rollout, deed });
            if deed == RolloutDeed::Pause {
                let after = dice.spread(10, HOUR);
                self.ask(at_ms + after, Ask::SteerRollout { rollout, deed: RolloutDeed::Resume });
            }
            self.ask(at_ms + dice.spread(1, MINUTE), Ask::ShowRollout { rollout });
        }
        for _ in 0..2 {
            at_ms += dice.spread(MINUTE, 2 * HOUR);
            self.ask(at_ms, Ask::SteerRollout { rollout, deed: RolloutDeed::Approve });
        }
        // Some are taken back when most nodes have what they brought.
        if dice.chance(40) {
            at_ms += dice.spread(10 * MINUTE, 2 * HOUR);
            self.ask(at_ms, Ask::SteerRollout { rollout, deed: RolloutDeed::RollBack });
        }
        self.ask(at_ms + dice.spread(MINUTE, HOUR), Ask::ShowRollout { rollout });
    }
}
