//! What happens to the cloud, and to some nodes meanwhile.

use super::What;
use super::dice::Dice;
use super::script::Script;
use super::theme::{Scene, Trouble};

/// The clocks of two hosts differ by 5 s at most (`rollcall_core`'s `SKEW_S`), so that a right clock is wrong by half of
/// that at most, in milliseconds.
const NEARLY_RIGHT_MS: u64 = 2_500;
/// How many hosts there are whose clocks can be wrong.
const HOSTS: u32 = 4;

impl Script<'_> {
    /// Adds a trouble that begins now, and scenes that happen meanwhile.
    pub(super) fn trouble(&mut self, dice: &mut Dice, trouble: Trouble, at_ms: u64) {
        let for_ms = dice.spread(5_000, self.theme.trouble_ms);
        let percent = [2, 10, 30, 80][dice.index(4)];
        let by_ms = dice.spread(200, 600_000);
        let clock = clock(dice, trouble);
        self.during(at_ms, for_ms, |for_ms| match trouble {
            Trouble::CutAll => What::CutAll,
            Trouble::DisconnectsLost => What::DisconnectsLost { for_ms },
            Trouble::DisconnectsLate => What::DisconnectsLate { for_ms, by_ms },
            Trouble::DisconnectsDoubled => What::DisconnectsDoubled { for_ms },
            Trouble::ConnectsRetried => What::ConnectsRetried { for_ms },
            Trouble::MessagesDoubled => What::MessagesDoubled { for_ms },
            Trouble::PushesLost => What::PushesLost { for_ms },
            Trouble::AnswersLost => What::AnswersLost { for_ms, percent },
            Trouble::Throttled => What::Throttled { for_ms, percent },
            Trouble::StoreSlow => What::StoreSlow { for_ms, by_ms: by_ms.min(12_000) },
            Trouble::StoreDown => What::StoreDown { for_ms },
            Trouble::InstancesKilled => What::InstancesKilled { for_ms, percent },
            Trouble::ColdStarts => What::ColdStarts { for_ms },
            Trouble::LambdaThrottled => What::LambdaThrottled { for_ms, percent },
            Trouble::ClockNearlyRight | Trouble::ClockWrong => {
                What::ClockSkew { host: clock.0, by_ms: clock.1, for_ms }
            }
        });
        let scenes = self.theme.scenes.clone();
        for _ in 0..dice.small(1, 4) {
            let (node, after) = (dice.index(self.nodes.len()), dice.between(0, for_ms));
            let fitting = dice.pick(fitting(trouble)).filter(|_| dice.chance(50));
            if let Some(scene) = fitting.or_else(|| dice.weighted(&scenes)).copied() {
                self.scene(dice, scene, node, at_ms + after);
            }
        }
        let seen = dice.index(self.nodes.len());
        self.look_after(dice, at_ms, seen);
    }
}

/// Scenes in which a trouble shows.
fn fitting(trouble: Trouble) -> &'static [Scene] {
    match trouble {
        Trouble::PushesLost => {
            &[Scene::Config, Scene::Command, Scene::Firmware, Scene::Crash, Scene::Partition, Scene::Clone]
        }
        Trouble::CutAll
        | Trouble::DisconnectsLost
        | Trouble::DisconnectsLate
        | Trouble::DisconnectsDoubled
        | Trouble::ConnectsRetried
        | Trouble::ClockNearlyRight
        | Trouble::ClockWrong => &[Scene::Cut, Scene::Restart, Scene::Crash],
        Trouble::MessagesDoubled
        | Trouble::AnswersLost
        | Trouble::Throttled
        | Trouble::StoreSlow
        | Trouble::StoreDown
        | Trouble::InstancesKilled
        | Trouble::ColdStarts
        | Trouble::LambdaThrottled => &[Scene::Config, Scene::Command, Scene::Firmware, Scene::Cut, Scene::Revoke],
    }
}

/// A host, and how wrong its clock is, in milliseconds.
fn clock(dice: &mut Dice, trouble: Trouble) -> (u32, i64) {
    let by_ms = if trouble == Trouble::ClockWrong {
        [10_000, 60_000, 3_600_000, 86_400_000][dice.index(4)]
    } else {
        i64::try_from(dice.between(1, NEARLY_RIGHT_MS)).unwrap_or_default()
    };
    (dice.small(0, HOSTS - 1), if dice.chance(50) { by_ms } else { -by_ms })
}
