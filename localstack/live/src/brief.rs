//! Plans that fit into seconds of real time.

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rollcall_core::Registration;
use rollcall_fleet::{Ask, BadConfig, BadImage, NodeKind, NodePlan, Plan, Settings, Step, What};

use crate::waits::waits_s;

/// The faults that the nodes' side can make, whichever cloud they are connected to.
pub const CLIENTS: [&str; 13] = [
    "crash",
    "crash-torn",
    "restart",
    "cut",
    "partition",
    "half-open",
    "slow",
    "clone",
    "flood",
    "config-refused",
    "config-substituted",
    "image-not-installed",
    "image-does-not-start",
];

/// The faults that need a cloud of our own.
pub const CLOUDS: [&str; 15] = [
    "cut-all",
    "gateway-restarted",
    "disconnects-lost",
    "disconnects-late",
    "disconnects-doubled",
    "connects-retried",
    "messages-doubled",
    "pushes-lost",
    "answers-lost",
    "throttled",
    "store-slow",
    "store-down",
    "instances-killed",
    "lambda-throttled",
    "clock-skew",
];

/// How many nodes the application changes something of, at most.
const CHANGED: usize = 300;
/// How many nodes a fault of the nodes' side hits, at most, each.
const HIT: usize = 100;
/// For how long the first offence blocks a node, in milliseconds (ADR 14), and how many messages are an offence.
const BLOCKED_MS: u64 = 60_000;
const TOO_MANY: u32 = 400;
/// How many messages a node may send that has to converge soon.
const MANY: u32 = 100;
/// One node of so many polls.
const POLLS_EVERY: usize = 20;
/// The model and the sites of the nodes.
const MODEL: &str = "ax-1";
const SITES: usize = 8;

/// There is no fault of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no fault {name:?}; the faults are none, all, {}", [&CLIENTS[..], &CLOUDS[..]].concat().join(", "))]
pub struct Unknown {
    name: String,
}

/// The faults with these names, separated by commas; `none` and `all` are names, too. `all` leaves out what needs a cloud
/// of our own, if there is none.
///
/// # Errors
/// If there is no fault of a name.
pub fn faults(names: &str, is_our_cloud: bool) -> Result<Vec<&'static str>, Unknown> {
    let mut chosen = vec![];
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none") {
        if name == "all" {
            chosen.extend(CLIENTS);
            chosen.extend(CLOUDS.iter().filter(|_| is_our_cloud));
            continue;
        }
        let known = CLIENTS.into_iter().chain(CLOUDS).find(|known| *known == name);
        chosen.push(known.ok_or_else(|| Unknown { name: name.to_owned() })?);
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// What happens to this many nodes in this many seconds, and when the gateway is restarted, in milliseconds after the
/// start. No fault acts in the last part, in which everything must converge. The ids of the nodes begin with `name`.
pub fn brief(name: &str, seed: u64, nodes: usize, seconds: u32, faults: &[&str]) -> (Plan, Vec<u64>) {
    let settings = settings(nodes, seconds);
    let ends_at_ms = u64::from(seconds) * 1000;
    let room = settings.lifetime + settings.grace + settings.spread + 4 * settings.check_in_every + waits_s(nodes);
    let calm_from_ms = ends_at_ms.saturating_sub(u64::from(room) * 1000).max(ends_at_ms / 4);
    let mut script = Script { random: SmallRng::seed_from_u64(seed), nodes, calm_from_ms, steps: vec![] };
    let plans = (0..nodes).filter_map(|node| planned(name, node)).collect();
    script.asks();
    script.faults(faults);
    let restarts = if faults.contains(&"gateway-restarted") { vec![calm_from_ms * 2 / 3] } else { vec![] };
    let mut steps = script.steps;
    steps.sort_by_key(|step| step.at_ms);
    (Plan { seed, settings, nodes: plans, steps, calm_from_ms, ends_at_ms }, restarts)
}

/// Short lives and intervals, so that much happens, and no more messages than a laptop handles.
fn settings(nodes: usize, seconds: u32) -> Settings {
    let one_in = |of_nodes: usize| u32::try_from(nodes / of_nodes).unwrap_or(u32::MAX);
    Settings {
        registration: Registration::Open,
        lifetime: (seconds / 6).clamp(10, 600).max(one_in(66)),
        check_in_every: (seconds / 30).clamp(2, 10).max(one_in(250)),
        grace: (seconds / 40).clamp(3, 15),
        // API Gateway takes 500 new connections a second (Amazon API Gateway quotas, WebSocket API).
        spread: (seconds / 60).clamp(1, 10).max(one_in(500)),
        budget: 300,
    }
}

struct Script {
    random: SmallRng,
    nodes: usize,
    calm_from_ms: u64,
    steps: Vec<Step>,
}

impl Script {
    /// A node that holds a socket.
    fn socket(&mut self) -> usize {
        let node = self.random.random_range(0..self.nodes);
        if polls(node) { node - 1 } else { node }
    }

    fn add(&mut self, at_ms: u64, what: What) {
        self.steps.push(Step { at_ms, what });
    }

    fn ask(&mut self, at_ms: u64, ask: Ask) {
        self.add(at_ms, What::Ask(ask));
    }

    /// An instant at which faults act, with this much time left.
    fn at(&mut self, left_ms: u64) -> u64 {
        let latest = self.calm_from_ms - left_ms.min(self.calm_from_ms / 2);
        self.random.random_range(latest / 10..latest)
    }

    /// What the application does. Each of the nodes has its share: configurations, commands, firmware, credentials.
    fn asks(&mut self) {
        self.ask(0, Ask::AddFirmware { model: MODEL.to_owned(), version: 1, wrong_hash: false });
        let changed = self.nodes.min(CHANGED);
        for number in 0..changed {
            let node = self.socket();
            let (at_ms, key) = (self.at(2_000), u32::try_from(number).unwrap_or_default());
            self.ask(at_ms / 10, Ask::Register { node });
            match number % 8 {
                0..=2 => {
                    let document = self.random.random_range(0..40);
                    self.ask(at_ms, Ask::SetConfig { node, document, condition: None });
                }
                3 | 4 => {
                    let name = self.random.random_range(0..5);
                    self.ask(at_ms, Ask::Queue { node, key, name, expires_in_s: 30, twice: number % 3 == 0 });
                }
                5 => self.ask(at_ms, Ask::SetFirmware { node, version: 1 }),
                6 => {
                    self.ask(at_ms, Ask::Revoke { node });
                    self.ask(at_ms + 3_000, Ask::RaiseCredentials { node, token_after_ms: Some(1_000) });
                }
                _ => self.ask(at_ms, Ask::Disconnect { node, within_s: (number % 2 == 0).then_some(5) }),
            }
            let later = at_ms + self.random.random_range(0..5_000);
            self.ask(later.min(self.calm_from_ms), Ask::Show { node });
        }
    }

    /// A polling node misbehaves. If it has the time to come back afterwards, it sends so much that it is blocked.
    fn flood(&mut self, at_ms: u64) {
        let pollers = self.nodes / POLLS_EVERY;
        if pollers > 0 {
            let node = self.random.random_range(1..=pollers) * POLLS_EVERY - 1;
            let messages = if at_ms + BLOCKED_MS < self.calm_from_ms { TOO_MANY } else { MANY };
            self.add(at_ms, What::Flood { node, messages });
        }
    }

    fn faults(&mut self, faults: &[&str]) {
        let times = (self.nodes / 20).clamp(1, HIT);
        for fault in faults {
            for _ in 0..times {
                let (node, at_ms, for_ms) = (self.socket(), self.at(12_000), self.random.random_range(500..8_000));
                if *fault == "flood" {
                    self.flood(at_ms);
                }
                if let Some(what) = of_a_node(fault, node, for_ms) {
                    self.add(at_ms, what);
                }
            }
        }
        let of_the_cloud: Vec<_> = faults.iter().filter(|fault| CLOUDS.contains(fault)).copied().collect();
        // One after the other, three times over, so that each acts alone and beside its neighbours.
        let turns = of_the_cloud.len() * 3;
        let room = self.calm_from_ms * 8 / 10;
        for (turn, fault) in of_the_cloud.iter().cycle().take(turns).enumerate() {
            let turn = u64::try_from(turn).unwrap_or_default();
            let step = room / u64::try_from(turns).unwrap_or(1).max(1);
            let at_ms = self.calm_from_ms / 10 + turn * step;
            let for_ms = (step * 3 / 2).min(self.calm_from_ms.saturating_sub(at_ms));
            let is_first = turn < u64::try_from(of_the_cloud.len()).unwrap_or_default();
            if let Some(what) = of_the_cloud_for(fault, for_ms, is_first) {
                self.add(at_ms, what);
            }
        }
    }
}

const fn polls(node: usize) -> bool {
    node % POLLS_EVERY == POLLS_EVERY - 1
}

fn planned(name: &str, node: usize) -> Option<NodePlan> {
    let kind = if polls(node) { NodeKind::Poller } else { NodeKind::Socket };
    let (model, site) = (MODEL.to_owned(), format!("site-{}", node % SITES));
    Some(NodePlan { id: format!("{name}-{node:05}").parse().ok()?, kind, model, site, far: node % 50 == 7 })
}

fn of_a_node(fault: &str, node: usize, for_ms: u64) -> Option<What> {
    Some(match fault {
        "crash" => What::Crash { node, torn: false, back_after_ms: for_ms },
        "crash-torn" => What::Crash { node, torn: true, back_after_ms: for_ms },
        "restart" => What::Restart { node, after_ms: for_ms },
        "cut" => What::Cut { node },
        "partition" => What::Partition { node, for_ms, half_open: false },
        "half-open" => What::Partition { node, for_ms, half_open: true },
        "slow" => What::Slow { node, factor: 20, for_ms },
        "clone" => What::Clone { node, for_ms },
        "config-refused" => What::BadConfigs { node, how: BadConfig::Refused, for_ms },
        "config-substituted" => What::BadConfigs { node, how: BadConfig::Substituted, for_ms },
        "image-not-installed" => What::BadFirmware { node, how: BadImage::NotInstalled, for_ms },
        "image-does-not-start" => What::BadFirmware { node, how: BadImage::DoesNotStart, for_ms },
        _ => return None,
    })
}

fn of_the_cloud_for(fault: &str, for_ms: u64, is_first: bool) -> Option<What> {
    Some(match fault {
        // Once is enough: the whole fleet comes back, with 500 connects a second.
        "cut-all" if is_first => What::CutAll,
        "disconnects-lost" => What::DisconnectsLost { for_ms },
        "disconnects-late" => What::DisconnectsLate { for_ms, by_ms: for_ms },
        "disconnects-doubled" => What::DisconnectsDoubled { for_ms },
        "connects-retried" => What::ConnectsRetried { for_ms },
        "messages-doubled" => What::MessagesDoubled { for_ms },
        "pushes-lost" => What::PushesLost { for_ms },
        "answers-lost" => What::AnswersLost { for_ms, percent: 20 },
        "throttled" => What::Throttled { for_ms, percent: 30 },
        "store-slow" => What::StoreSlow { for_ms, by_ms: 150 },
        "store-down" => What::StoreDown { for_ms: for_ms.min(3_000) },
        "instances-killed" => What::InstancesKilled { for_ms, percent: 2 },
        "lambda-throttled" => What::LambdaThrottled { for_ms, percent: 20 },
        "clock-skew" => What::ClockSkew { host: 0, by_ms: if is_first { 60_000 } else { -3_000 }, for_ms },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_chooses_a_fault_and_an_unknown_one_is_told_the_others() {
        assert_eq!(faults("none", true), Ok(vec![]));
        assert_eq!(faults("cut, partition,cut", false), Ok(vec!["cut", "partition"]));
        let all = faults("all", true).expect("known");
        assert_eq!(all.len(), CLIENTS.len() + CLOUDS.len());
        assert_eq!(faults("all", false).expect("known").len(), CLIENTS.len(), "another cloud has no switches");
        let error = faults("flood-of-rain", true).expect_err("unknown").to_string();
        assert!(error.contains("flood-of-rain") && error.contains("store-down"), "{error}");
    }

    #[test]
    fn the_same_seed_gives_the_same_plan_and_faults_end_before_the_calm() {
        let all = faults("all", true).expect("known");
        for (nodes, seconds) in [(1, 30), (200, 90), (10_000, 600)] {
            let (plan, restarts) = brief("sim", 7, nodes, seconds, &all);
            assert_eq!((&plan, &restarts), (&brief("sim", 7, nodes, seconds, &all).0, &restarts));
            assert!(plan.settings.policy().is_ok(), "{:?}", plan.settings);
            assert!(plan.steps.iter().all(|step| step.at_ms <= plan.calm_from_ms + 5_000), "{nodes} nodes");
            let names: std::collections::BTreeSet<_> = plan.steps.iter().map(|step| step.what.name()).collect();
            let missing: Vec<_> = all.iter().filter(|fault| !names.contains(*fault)).collect();
            let expected =
                if nodes < POLLS_EVERY { vec![&"flood", &"gateway-restarted"] } else { vec![&"gateway-restarted"] };
            assert_eq!(missing, expected, "{nodes} nodes: no node polls, and restarts are in the other list");
        }
    }
}
