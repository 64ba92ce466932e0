//! Makes a plan from a seed: a varied and weighted history. Most of a fleet's life is quiet.

use rollcall_core::Registration;

use super::dice::Dice;
use super::script::Script;
use super::theme::{Scene, Theme};
use super::{Ask, Plan};

const DAY_MS: u64 = 24 * 3_600_000;
/// In which time after the start the application registers its nodes, in milliseconds.
const REGISTERED_WITHIN_MS: u64 = 120_000;
/// How long an import takes, in milliseconds.
const IMPORTED_WITHIN_MS: u64 = 20_000;

impl Plan {
    /// What happens to `nodes` nodes in `days` days (at least one of each), with this seed.
    pub fn generate(seed: u64, nodes: usize, days: u32) -> Self {
        let mut dice = Dice::new(seed);
        let theme = Theme::draw(&mut dice);
        let nodes = theme.nodes(&mut dice, nodes.max(1));
        let ends_at_ms = u64::from(days.max(1)) * DAY_MS;
        let calm_from_ms = ends_at_ms - room_ms(&theme);
        let mut script = Script::new(&theme, &nodes, calm_from_ms);
        register(&mut script, &mut dice, &theme, nodes.len());
        for node in 0..nodes.len() {
            for _ in 0..dice.times(theme.scenes_a_day * calm_from_ms / DAY_MS) {
                if let Some(scene) = dice.weighted(&theme.scenes).copied() {
                    let at_ms = dice.between(0, calm_from_ms);
                    script.scene(&mut dice, scene, node, at_ms);
                }
            }
        }
        for _ in 0..dice.times(theme.troubles_a_day * calm_from_ms / DAY_MS) {
            if let Some(trouble) = dice.weighted(&theme.troubles).copied() {
                let at_ms = dice.between(0, calm_from_ms);
                script.trouble(&mut dice, trouble, at_ms);
            }
        }
        watch(&mut script, &mut dice, nodes.len(), ends_at_ms);
        script.outbound(&mut Dice::new(!seed));
        import(&mut script, &mut Dice::new(seed.rotate_left(24)), nodes.len());
        script.rollouts(&mut Dice::new(seed.rotate_left(48)));
        script.minimums(&mut Dice::new(seed.rotate_left(12)));
        script.deltas(&mut Dice::new(seed.rotate_left(36)));
        let mut steps = script.steps();
        steps.sort_by_key(|step| step.at_ms);
        Self { seed, settings: theme.settings, nodes, steps, calm_from_ms, ends_at_ms }
    }
}

/// How long everything takes to converge once no fault acts: the life of a connection whose close was never noticed and
/// the grace period, the proof of a configuration, commands that wait for each other, and the longest waits of nodes.
fn room_ms(theme: &Theme) -> u64 {
    let settings = &theme.settings;
    let intervals = 10 * settings.check_in_every;
    let life = settings.lifetime + settings.grace + intervals + 2 * settings.spread;
    // A clone keeps its node away for an hour and a half (ADR 15); a flood for an hour, and a quarter of that at random
    // (ADR 14).
    let clone = if theme.has(Scene::Clone) { 100 * 60 } else { 0 };
    let flood = if theme.has(Scene::Flood) || settings.budget < 100 { 80 * 60 } else { 0 };
    u64::from(life + clone + flood + 45 * 60) * 1000
}

/// The application registers its nodes soon after the start: all that must be, and most of the others, which have no
/// model otherwise. A few it forgets, or remembers only later.
fn register(script: &mut Script<'_>, dice: &mut Dice, theme: &Theme, nodes: usize) {
    let must = theme.settings.registration == Registration::Closed;
    for node in 0..nodes {
        if dice.chance(8) {
            // Whatever is asked of a node that is not registered is answered as such.
            let at_ms = dice.spread(1, 2_000);
            script.ask_too_early(dice, node, at_ms);
        }
        let at_ms = match dice.small(1, 100) {
            1..=4 => continue,
            5..=10 => dice.between(0, DAY_MS / 8),
            _ if must || dice.chance(85) => dice.between(0, REGISTERED_WITHIN_MS),
            _ => continue,
        };
        script.ask(at_ms, Ask::Register { node });
    }
}

/// In some lives, the application imports nodes from its database: those that it has registered, and those that it has not.
fn import(script: &mut Script<'_>, dice: &mut Dice, nodes: usize) {
    if !dice.chance(30) {
        return;
    }
    let at_ms = dice.between(0, script.calm_from_ms);
    for node in 0..nodes {
        if dice.chance(60) {
            let after = dice.between(0, IMPORTED_WITHIN_MS);
            script.import(dice, node, at_ms + after);
        }
    }
}

/// The application looks at every node now and then, and at all of them at the end.
fn watch(script: &mut Script<'_>, dice: &mut Dice, nodes: usize, ends_at_ms: u64) {
    let days = ends_at_ms.div_ceil(DAY_MS);
    for node in 0..nodes {
        for _ in 0..days {
            let at_ms = dice.between(0, ends_at_ms - 120_000);
            script.look(at_ms, node);
        }
        script.look(ends_at_ms - 60_000, node);
    }
}
