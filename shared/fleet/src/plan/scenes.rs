//! What happens to a node: several steps that belong together. Mistakes are found where two things meet, so that scenes
//! put a change and a fault close to each other.

use super::dice::Dice;
use super::script::Script;
use super::theme::Scene;
use super::{Ask, BadConfig, BadImage, Match, NodeKind, What};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

impl Script<'_> {
    /// Adds the steps of a scene that begins about now.
    pub(super) fn scene(&mut self, dice: &mut Dice, scene: Scene, node: usize, at_ms: u64) {
        let Some(kind) = self.nodes.get(node).map(|node| node.kind) else { return };
        match scene {
            _ if !suits(scene, kind) => self.look(at_ms.min(self.calm_from_ms), node),
            Scene::Crash | Scene::Restart | Scene::Cut => self.down(dice, scene, node, at_ms),
            Scene::Partition | Scene::HalfOpen | Scene::Slow => self.apart(dice, scene, node, at_ms),
            Scene::Clone | Scene::Flood => self.misused(dice, scene, node, at_ms),
            Scene::Config => self.configure(dice, node, at_ms),
            Scene::BadConfig => self.configure_badly(dice, node, at_ms),
            Scene::SiteConfig => self.configure_site(dice, node, at_ms),
            Scene::Command => self.command(dice, node, at_ms),
            Scene::Firmware => self.update(dice, node, at_ms),
            Scene::BadFirmware => self.update_badly(dice, node, at_ms),
            Scene::Revoke => self.revoke(dice, node, at_ms),
            Scene::Credentials => self.renew(dice, node, at_ms),
            Scene::Disconnect => {
                let within_s = dice.chance(50).then(|| dice.small(1, 600));
                self.ask(at_ms, Ask::Disconnect { node, within_s });
                self.look_after(dice, at_ms, node);
            }
            Scene::Register => self.register(dice, node, at_ms),
            Scene::Watch => {
                let site = self.nodes.get(node).map(|node| node.site.clone()).unwrap_or_default();
                self.ask(at_ms, if dice.chance(50) { Ask::ListSite { site } } else { Ask::Show { node } });
            }
        }
    }

    fn down(&mut self, dice: &mut Dice, scene: Scene, node: usize, at_ms: u64) {
        if dice.chance(50) {
            let before = dice.spread(20, 2 * MINUTE);
            self.change(dice, node, at_ms.saturating_sub(before));
        }
        match scene {
            Scene::Crash => {
                let (torn, back_after_ms) = (dice.chance(30), dice.spread(SECOND, 4 * HOUR));
                self.during(at_ms, back_after_ms, |back_after_ms| What::Crash { node, torn, back_after_ms });
            }
            Scene::Restart => {
                let after_ms = dice.spread(100, 2 * MINUTE);
                self.during(at_ms, after_ms, |after_ms| What::Restart { node, after_ms });
            }
            _ => {
                let mut at_ms = at_ms;
                for _ in 0..[1, 1, 2, 6][dice.index(4)] {
                    self.add(at_ms, What::Cut { node });
                    at_ms += dice.spread(50, 2 * MINUTE);
                }
            }
        }
        self.look_after(dice, at_ms, node);
    }

    fn apart(&mut self, dice: &mut Dice, scene: Scene, node: usize, at_ms: u64) {
        let for_ms = dice.spread(SECOND, 2 * HOUR);
        if scene == Scene::Slow {
            let factor = dice.small(2, 60);
            self.during(at_ms, for_ms.min(HOUR), |for_ms| What::Slow { node, factor, for_ms });
        } else {
            let half_open = scene == Scene::HalfOpen;
            self.during(at_ms, for_ms, |for_ms| What::Partition { node, for_ms, half_open });
        }
        if dice.chance(60) {
            let after = dice.between(0, for_ms);
            self.change(dice, node, at_ms + after);
        }
        self.look_after(dice, at_ms, node);
    }

    fn misused(&mut self, dice: &mut Dice, scene: Scene, node: usize, at_ms: u64) {
        if scene == Scene::Clone {
            let for_ms = dice.spread(MINUTE, 5 * HOUR);
            self.during(at_ms, for_ms, |for_ms| What::Clone { node, for_ms });
            for _ in 0..dice.small(0, 3) {
                let after = dice.between(0, for_ms);
                self.change(dice, node, at_ms + after);
            }
            return;
        }
        let budget = self.theme.settings.budget;
        let mut at_ms = at_ms;
        for _ in 0..[1, 1, 2, 3][dice.index(4)] {
            let messages = if budget == 0 { dice.small(10, 200) } else { dice.small(budget / 2, 2 * budget + 20) };
            self.add(at_ms, What::Flood { node, messages });
            at_ms += dice.spread(SECOND, HOUR);
        }
        self.look(at_ms.min(self.calm_from_ms), node);
    }

    /// The application changes something of a node.
    pub(super) fn change(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let scenes = [Scene::Config, Scene::Command, Scene::Firmware, Scene::Revoke, Scene::Disconnect];
        let among: Vec<_> = scenes.into_iter().filter(|scene| self.theme.has(*scene)).collect();
        if let Some(scene) = dice.pick(&among).copied() {
            self.scene(dice, scene, node, at_ms);
        }
    }

    /// The application asks something of a node that it may not have registered yet.
    pub(super) fn ask_too_early(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let (key, site) = (self.key(dice), "site-0".to_owned());
        let asks = [
            Ask::Amend { node, site },
            Ask::SetConfig { node, document: 0, condition: None },
            Ask::Queue { node, key, name: 0, expires_in_s: 3_600, twice: false },
            Ask::SetFirmware { node, version: 1 },
            Ask::Revoke { node },
            Ask::RaiseCredentials { node, token_after_ms: Some(MINUTE) },
            Ask::Disconnect { node, within_s: None },
            Ask::Show { node },
        ];
        if let Some(ask) = dice.pick(&asks) {
            self.ask(at_ms, ask.clone());
        }
    }

    fn configure(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let mut at_ms = at_ms;
        for _ in 0..[1, 1, 1, 2, 4][dice.index(5)] {
            let condition = match dice.small(1, 100) {
                1..=55 => None,
                56..=80 => Some(Match::Current),
                81..=90 => Some(Match::Stale),
                _ => Some(Match::Absent),
            };
            self.ask(at_ms, Ask::SetConfig { node, document: dice.small(0, 40), condition });
            at_ms += dice.spread(1, 2 * MINUTE);
        }
        self.look(at_ms.min(self.calm_from_ms), node);
    }

    /// The application imports a node; now and then twice, and beside other changes.
    pub(super) fn import(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let sites = self.nodes.len().div_ceil(12).max(2);
        let (site, document) = (format!("site-{}", dice.index(sites)), dice.small(0, 40));
        self.ask(at_ms, Ask::Import { node, site: site.clone(), document });
        if dice.chance(20) {
            let after = dice.spread(1, SECOND);
            self.configure(dice, node, at_ms + after);
        }
        if dice.chance(20) {
            self.ask(at_ms + dice.spread(1, 2 * MINUTE), Ask::Import { node, site, document });
        }
        self.look(at_ms.min(self.calm_from_ms), node);
    }

    fn configure_badly(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let how = [BadConfig::Refused, BadConfig::Substituted, BadConfig::CutsOff][dice.index(3)];
        let for_ms = dice.spread(MINUTE, 2 * HOUR);
        self.during(at_ms, for_ms, |for_ms| What::BadConfigs { node, how, for_ms });
        let after = dice.between(0, for_ms / 2);
        self.configure(dice, node, at_ms + after);
        if dice.chance(30) {
            let later = dice.spread(SECOND, 3 * MINUTE);
            self.add(at_ms + after + later, What::Cut { node });
        }
    }

    fn configure_site(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let site = self.nodes.get(node).map(|node| node.site.clone()).unwrap_or_default();
        self.ask(at_ms, Ask::SetSiteConfig { site: site.clone(), document: dice.small(0, 40) });
        if dice.chance(50) {
            let after = dice.spread(1, SECOND);
            self.configure(dice, node, at_ms + after);
        }
        if dice.chance(30) {
            self.ask(at_ms + dice.between(0, MINUTE), Ask::ListSite { site });
        }
    }

    fn command(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let mut at_ms = at_ms;
        for _ in 0..[1, 1, 2, 5][dice.index(4)] {
            let expires_in_s = if dice.chance(25) { dice.small(1, 60) } else { dice.small(60, 24 * 3_600) };
            let (key, name, twice) = (self.key(dice), dice.small(0, 9), dice.chance(20));
            self.ask(at_ms, Ask::Queue { node, key, name, expires_in_s, twice });
            if dice.chance(30) {
                let after = dice.spread(10, MINUTE);
                self.ask(at_ms + after, Ask::Cancel { node, nth: dice.small(0, 2) });
            }
            at_ms += dice.spread(1, 2 * MINUTE);
        }
    }

    fn update(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let (version, is_new) = self.version(dice, node);
        let model = self.nodes.get(node).map(|node| node.model.clone()).unwrap_or_default();
        if is_new {
            self.ask(at_ms, Ask::AddFirmware { model, version, wrong_hash: dice.chance(12) });
        }
        let at_ms = at_ms + dice.spread(500, 2 * MINUTE);
        self.ask(at_ms, Ask::SetFirmware { node, version });
        if dice.chance(20) {
            self.ask(at_ms + dice.spread(100, HOUR), Ask::SetFirmware { node, version });
        }
        if dice.chance(25) {
            let after = dice.spread(50, 3 * MINUTE);
            let back_after_ms = dice.spread(SECOND, 10 * MINUTE);
            self.during(at_ms + after, back_after_ms, |back_after_ms| What::Crash {
                node,
                torn: after.is_multiple_of(2),
                back_after_ms,
            });
        }
    }

    fn update_badly(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let all = [BadImage::Damaged, BadImage::BrokenOff, BadImage::NotInstalled, BadImage::DoesNotStart];
        let (how, for_ms) = (all[dice.index(4)], dice.spread(MINUTE, 2 * HOUR));
        self.during(at_ms, for_ms, |for_ms| What::BadFirmware { node, how, for_ms });
        self.update(dice, node, at_ms + SECOND);
    }

    fn revoke(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        match dice.small(1, 100) {
            // The node is connecting when it is revoked.
            1..=30 => self.add(at_ms.saturating_sub(dice.spread(1, 40 * SECOND)), What::Cut { node }),
            31..=50 => {
                let (before, after_ms) = (dice.spread(1, 5 * SECOND), dice.spread(50, 5 * SECOND));
                self.add(at_ms.saturating_sub(before), What::Restart { node, after_ms });
            }
            _ => {}
        }
        self.ask(at_ms, Ask::Revoke { node });
        if dice.chance(25) {
            let after = dice.spread(SECOND, HOUR);
            self.register(dice, node, at_ms + after);
        }
        if dice.chance(50) {
            let around = dice.spread(1, 20 * SECOND);
            let at_ms = if dice.chance(50) { at_ms.saturating_sub(around) } else { at_ms + around };
            self.configure(dice, node, at_ms);
        }
        self.look_after(dice, at_ms, node);
        if dice.chance(85) {
            let after = dice.spread(SECOND, 2 * HOUR);
            self.renew(dice, node, at_ms + after);
        }
    }

    fn renew(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let token_after_ms = (!dice.chance(8)).then(|| dice.spread(1, 20 * MINUTE));
        self.ask(at_ms, Ask::RaiseCredentials { node, token_after_ms });
        self.look(at_ms.min(self.calm_from_ms) + dice.between(0, MINUTE), node);
    }

    fn register(&mut self, dice: &mut Dice, node: usize, at_ms: u64) {
        let sites = self.nodes.len().div_ceil(12).max(2);
        let site = format!("site-{}", dice.index(sites));
        self.ask(at_ms, if dice.chance(50) { Ask::Register { node } } else { Ask::Amend { node, site } });
        self.look(at_ms.min(self.calm_from_ms), node);
    }
}

/// Whether a scene can happen to such a node. A poller has no socket, and takes no firmware.
fn suits(scene: Scene, kind: NodeKind) -> bool {
    let needs_a_socket =
        matches!(scene, Scene::Cut | Scene::HalfOpen | Scene::Firmware | Scene::BadFirmware | Scene::Disconnect);
    kind == NodeKind::Socket || !needs_a_socket
}
