//! What a seed concentrates on ("swarm testing": Groce et al., ISSTA 2012). A fleet to which everything happens at once
//! rarely gets deep into any one thing. So each seed switches on a random part of what can happen, at a random rate, and
//! some seeds do little but one thing.

use rollcall_core::{Policy, Registration};

use super::dice::Dice;
use super::{NodeKind, NodePlan, Settings};

/// Something that happens to a node, usually several steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scene {
    Crash,
    Restart,
    Cut,
    Partition,
    HalfOpen,
    Slow,
    Clone,
    Flood,
    Config,
    BadConfig,
    SiteConfig,
    Command,
    Firmware,
    BadFirmware,
    Revoke,
    Credentials,
    Disconnect,
    Register,
    Watch,
}

/// Something that happens to the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    CutAll,
    DisconnectsLost,
    DisconnectsLate,
    DisconnectsDoubled,
    ConnectsRetried,
    MessagesDoubled,
    PushesLost,
    AnswersLost,
    Throttled,
    StoreSlow,
    StoreDown,
    InstancesKilled,
    ColdStarts,
    LambdaThrottled,
    ClockNearlyRight,
    ClockWrong,
}

const SCENES: [(u32, Scene); 19] = [
    (6, Scene::Crash),
    (4, Scene::Restart),
    (5, Scene::Cut),
    (4, Scene::Partition),
    (4, Scene::HalfOpen),
    (2, Scene::Slow),
    (2, Scene::Clone),
    (2, Scene::Flood),
    (10, Scene::Config),
    (4, Scene::BadConfig),
    (3, Scene::SiteConfig),
    (10, Scene::Command),
    (5, Scene::Firmware),
    (4, Scene::BadFirmware),
    (4, Scene::Revoke),
    (4, Scene::Credentials),
    (4, Scene::Disconnect),
    (3, Scene::Register),
    (6, Scene::Watch),
];

const TROUBLES: [(u32, Trouble); 16] = [
    (3, Trouble::CutAll),
    (4, Trouble::DisconnectsLost),
    (3, Trouble::DisconnectsLate),
    (3, Trouble::DisconnectsDoubled),
    (3, Trouble::ConnectsRetried),
    (3, Trouble::MessagesDoubled),
    (4, Trouble::PushesLost),
    (5, Trouble::AnswersLost),
    (4, Trouble::Throttled),
    (3, Trouble::StoreSlow),
    (3, Trouble::StoreDown),
    (4, Trouble::InstancesKilled),
    (2, Trouble::ColdStarts),
    (3, Trouble::LambdaThrottled),
    (4, Trouble::ClockNearlyRight),
    (2, Trouble::ClockWrong),
];

/// Things, and how likely each is.
type Weighted<T> = Vec<(u32, T)>;

/// What a seed concentrates on.
#[derive(Clone, Debug)]
pub(super) struct Theme {
    pub(super) settings: Settings,
    /// How many scenes a node has a day, in hundredths.
    pub(super) scenes_a_day: u64,
    /// How many troubles the cloud has a day, in hundredths.
    pub(super) troubles_a_day: u64,
    /// How long a trouble lasts at most, in milliseconds.
    pub(super) trouble_ms: u64,
    pub(super) scenes: Weighted<Scene>,
    pub(super) troubles: Weighted<Trouble>,
    /// How many of 100 nodes poll, and how many are far.
    pub(super) pollers: u32,
    pub(super) far: u32,
}

impl Theme {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let alone = dice.chance(15);
        let (scenes, troubles) = if alone { narrow(dice) } else { (part(dice, &SCENES), part(dice, &TROUBLES)) };
        let floods = scenes.iter().any(|(_, scene)| *scene == Scene::Flood);
        let (scenes_a_day, troubles_a_day) = match dice.small(1, 100) {
            1..=5 => (20, 0),
            6..=40 => (80, 100),
            41..=85 => (300, 400),
            _ => (1_000, 1_500),
        };
        Self {
            settings: settings(dice, floods),
            scenes_a_day,
            troubles_a_day,
            trouble_ms: [60_000, 600_000, 2_400_000][dice.index(3)],
            scenes,
            troubles,
            pollers: [0, 10, 40][dice.index(3)],
            far: [0, 15, 60][dice.index(3)],
        }
    }

    /// The nodes of a fleet. There are two models, and one site for each dozen of nodes.
    pub(super) fn nodes(&self, dice: &mut Dice, count: usize) -> Vec<NodePlan> {
        let sites = count.div_ceil(12);
        let node = |nth: usize| {
            Some(NodePlan {
                id: format!("ap-{nth}").parse().ok()?,
                kind: if dice.chance(self.pollers) { NodeKind::Poller } else { NodeKind::Socket },
                model: format!("ax-{}", 1 + nth % 2),
                site: format!("site-{}", nth % sites),
                far: dice.chance(self.far),
            })
        };
        (0..count).filter_map(node).collect()
    }

    /// Whether such scenes happen.
    pub(super) fn has(&self, scene: Scene) -> bool {
        self.scenes.iter().any(|(_, other)| *other == scene)
    }
}

/// About half of these.
fn part<T: Copy>(dice: &mut Dice, all: &[(u32, T)]) -> Weighted<T> {
    let percent = [35, 55, 80][dice.index(3)];
    all.iter().filter(|_| dice.chance(percent)).copied().collect()
}

/// Two or three scenes, and one or two troubles.
fn narrow(dice: &mut Dice) -> (Weighted<Scene>, Weighted<Trouble>) {
    let (scenes, troubles) = (dice.small(2, 3), dice.small(1, 2));
    let scenes = (0..scenes).filter_map(|_| dice.pick(&SCENES).copied()).collect();
    let troubles = (0..troubles).filter_map(|_| dice.pick(&TROUBLES).copied()).collect();
    (scenes, troubles)
}

/// Settings: mostly the ones that a deployment has unless it says otherwise, since a fleet with short intervals takes the
/// world longer.
fn settings(dice: &mut Dice, floods: bool) -> Settings {
    let registration = if dice.chance(35) { Registration::Closed } else { Registration::Open };
    let usual =
        Settings { registration, lifetime: 6600, check_in_every: 300, grace: 90, spread: 30, budget: Policy::BUDGET };
    let mut settings = match dice.small(1, 100) {
        1..=55 => usual,
        56..=75 => Settings {
            lifetime: dice.small(3_000, Policy::LIFETIME_MAX),
            check_in_every: dice.small(120, Policy::CHECK_IN_EVERY_MAX),
            grace: dice.small(1, 600),
            spread: *dice.pick(&[0, 5, 30, 120, 600]).unwrap_or(&30),
            ..usual
        },
        76..=95 => Settings {
            lifetime: dice.small(900, 2_400),
            check_in_every: dice.small(60, 240),
            grace: dice.small(5, 90),
            spread: dice.small(0, 30),
            ..usual
        },
        _ => Settings { lifetime: dice.small(200, 600), check_in_every: dice.small(30, 60), grace: 10, ..usual },
    };
    if floods || dice.chance(10) {
        settings.budget = *dice.pick(&[0, 20, 40, 100, Policy::BUDGET]).unwrap_or(&Policy::BUDGET);
    }
    settings
}
