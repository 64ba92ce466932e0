//! When the application adds deltas.

use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::script::Script;
use super::{Ask, Step, What};

/// In which time after an image its deltas are added, in milliseconds.
const AFTER_MS: (u64, u64) = (200, 1_500);
/// From how many of the versions before there is a delta at most.
const FROM: u32 = 3;

/// What is wrong with a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadDelta {
    /// Its description has the hash of something else.
    WrongHash,
    /// What it makes is not the image.
    WrongResult,
    /// Nothing can be made of it.
    Unusable,
}

impl Script<'_> {
    /// In most lives, the application describes the image that every node runs at the start, and adds deltas to the versions
    /// that it adds: from the first one, and from the last ones before. Some are wrong. This has dice of its own, so that
    /// whatever else happens to a fleet depends on none of them.
    pub(super) fn deltas(&mut self, dice: &mut Dice) {
        if !dice.chance(80) {
            return;
        }
        let added = |step: &Step| match &step.what {
            What::Ask(Ask::AddFirmware { model, version, .. }) => Some((step.at_ms, model.clone(), *version)),
            _ => None,
        };
        let added: Vec<_> = self.so_far().iter().filter_map(added).collect();
        let mut models: Vec<_> = added.iter().map(|(_, model, _)| model.clone()).collect();
        models.sort_unstable();
        models.dedup();
        for model in models {
            self.ask(0, Ask::AddFirmware { model, version: 0, wrong_hash: false });
        }
        for (at_ms, model, version) in added {
            let before = (version.saturating_sub(FROM)..version).chain([0]).collect::<std::collections::BTreeSet<_>>();
            for from in before {
                if !dice.chance(75) {
                    continue;
                }
                let all = [BadDelta::WrongHash, BadDelta::WrongResult, BadDelta::Unusable];
                let fault = dice.chance(30).then(|| all[dice.index(3)]);
                let after = dice.between(AFTER_MS.0, AFTER_MS.1);
                self.ask(at_ms + after, Ask::AddDelta { model: model.clone(), version, from, fault });
            }
        }
    }
}
