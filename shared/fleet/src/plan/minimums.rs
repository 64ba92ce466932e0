//! When the application raises the minimum version of a model.

use super::dice::Dice;
use super::script::Script;
use super::{Ask, Step, What};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

impl Script<'_> {
    /// In some lives, the application raises the minimum of a model above a version that it has just made desired, while its
    /// node is on the way to it. Sometimes it asks for that version once more, and sometimes it lowers the minimum again.
    /// This has dice of its own, so that whatever else happens to a fleet depends on none of them.
    pub(super) fn minimums(&mut self, dice: &mut Dice) {
        if !dice.chance(50) {
            return;
        }
        let wanted = |step: &Step| match step.what {
            What::Ask(Ask::SetFirmware { node, version }) => Some((step.at_ms, node, version)),
            _ => None,
        };
        let wanted: Vec<_> = self.so_far().iter().filter_map(wanted).collect();
        for _ in 0..dice.small(1, 3) {
            let Some((at_ms, node, version)) = dice.pick(&wanted).copied() else { return };
            let model = self.nodes.get(node).map(|node| node.model.clone()).unwrap_or_default();
            let mut at_ms = at_ms + dice.spread(100, 3 * MINUTE);
            self.ask(at_ms, Ask::SetMinimum { model: model.clone(), version: version + dice.small(0, 1) });
            if dice.chance(50) {
                at_ms += dice.spread(100, 10 * MINUTE);
                self.ask(at_ms, Ask::SetFirmware { node, version });
            }
            if dice.chance(40) {
                at_ms += dice.spread(10 * SECOND, 120 * MINUTE);
                self.ask(at_ms, Ask::SetMinimum { model, version: dice.small(0, version) });
            }
        }
    }
}
