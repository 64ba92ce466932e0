//! Histories of a node that is told a configuration by a rollout with retries: it refuses it, applies it, falls silent, or is
//! given another one.

use proptest::prelude::*;

use super::*;
use crate::desired::{desire_config_again, set_config};
use crate::event::{Event, EventKind};
use crate::expected::Expected;
use crate::id::{CredentialVersion, NodeId};
use crate::item::Item;
use crate::node::Node;
use crate::plan::plan;
use crate::policy::{Policy, Registration};
use crate::registration::{Registering, register};
use crate::report::{ConfigOutcome, ConfigState, Health, Report};
use crate::rollout::{Sought, observe};
use crate::update::{Outcome, Update};

const TIMES: u64 = 3;
const WAIT_S: Seconds = 60;
const GATE_WAIT_S: Seconds = 900;

#[derive(Clone, Copy, Debug)]
enum Does {
    /// The node reports on the version that is desired.
    Reports(ConfigState),
    /// So many seconds pass, and the node polls.
    Polls(u64),
    /// So many seconds pass without a word of the node.
    IsSilent(u64),
    /// The rollout looks at the node, and tells it again if it is time.
    Looks,
    /// The rollout is interrupted after it has counted the attempt, or after it has told the node.
    IsInterrupted { has_told: bool },
    /// Somebody sets another configuration.
    IsSetAnew,
}

struct World {
    item: Item,
    target: Target,
    now: Timestamp,
    /// When the rollout told the node, each time.
    tellings: Vec<Timestamp>,
    is_set_anew: bool,
}

fn node() -> NodeId {
    "ap-1".parse().expect("an id")
}

fn policy() -> Policy {
    Policy::new(Registration::Open, 6600, 300, 60, 30).expect("in range")
}

fn retries() -> Retries {
    let rule = Retry { code: "busy".to_owned(), times: TIMES, wait_s: WAIT_S };
    Retries::new(ChangeKind::Config, vec![rule]).expect("valid")
}

impl World {
    fn new() -> Self {
        let registering = Registering {
            site: None,
            model: None,
            tags: crate::tags::Tags::default(),
            credentials: Some(CredentialVersion(1)),
        };
        let (item, target, now) = (Item::new(), Target::listed(None), Timestamp(1_800_000_000_000));
        let mut world = Self { item, target, now, tellings: vec![now], is_set_anew: false };
        assert!(world.write(&register(&node(), &registering)));
        world.polls();
        assert!(world.write(&set_config(&node(), "ours", &Expected::default())));
        world.target = world.target.told(Some(1), true, now);
        world
    }

    fn write(&mut self, update: &Update) -> bool {
        match update.apply(Some(&self.item).filter(|item| !item.is_empty())) {
            Outcome::Applied { after } => {
                self.item = after;
                true
            }
            Outcome::Refused { .. } => false,
        }
    }

    fn stored(&self) -> Node {
        Node::read(&self.item).expect("a node")
    }

    fn polls(&mut self) {
        self.reports(None);
    }

    fn reports(&mut self, config: Option<ConfigOutcome>) {
        let report = Report::new(None, config, Health::default());
        let kind = EventKind::Poll { credentials: CredentialVersion(1), report, results: 0 };
        assert!(self.write(&plan(&Event::new(node(), self.now, kind), &policy())));
    }

    fn look(&mut self) {
        let (node, retries) = (self.stored(), retries());
        let sought = Sought { kind: ChangeKind::Config, wanted: Some("ours"), wait_s: GATE_WAIT_S, retries: &retries };
        let seen = observe(&sought, &self.target, (Some(&node), None), (self.now, &policy()));
        let to = self.target.now(seen.state, seen.reason.as_deref());
        self.target = Target { is_reached: seen.is_reached, retry_at: seen.retry_at, ..to };
    }

    /// Tells the node again if it is time, up to this point.
    fn tells_again(&mut self, counts_only: bool, tells_only: bool) {
        self.look();
        if !self.target.is_due(self.now) {
            return;
        }
        if !self.target.is_told_again() {
            self.target = self.target.told_again();
        }
        if counts_only {
            return;
        }
        let version = self.target.version.expect("it was told");
        let had = self.stored().config_version;
        if !self.write(&desire_config_again(&node(), "ours", version)) {
            self.target = self.target.now(TargetState::Superseded, None);
            return;
        }
        if self.stored().config_version > had {
            self.tellings.push(self.now);
        }
        if !tells_only {
            self.target = self.target.told(Some(version + 1), true, self.now);
        }
    }

    fn does(&mut self, does: Does) {
        match does {
            Does::Reports(state) => {
                let version = self.stored().config_version;
                let detail = Some("Busy: try later".to_owned());
                self.reports(Some(ConfigOutcome { version, state, detail }));
            }
            Does::Polls(seconds) => {
                self.now = Timestamp(self.now.0 + seconds * 1000);
                self.polls();
            }
            Does::IsSilent(seconds) => self.now = Timestamp(self.now.0 + seconds * 1000),
            Does::Looks => self.tells_again(false, false),
            Does::IsInterrupted { has_told } => self.tells_again(!has_told, has_told),
            Does::IsSetAnew => {
                self.is_set_anew = true;
                self.write(&set_config(&node(), "another", &Expected::default()));
            }
        }
    }
}

fn any_deed() -> impl Strategy<Value = Does> {
    prop_oneof![
        4 => Just(Does::Reports(ConfigState::Rejected)),
        1 => Just(Does::Reports(ConfigState::Applied)),
        4 => (1_u64..400).prop_map(Does::Polls),
        1 => (1_u64..2_000).prop_map(Does::IsSilent),
        6 => Just(Does::Looks),
        1 => any::<bool>().prop_map(|has_told| Does::IsInterrupted { has_told }),
        1 => prop::bool::weighted(0.2).prop_map(|is_set| if is_set { Does::IsSetAnew } else { Does::Looks }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_node_is_told_again_so_many_times_at_most_after_its_waits_and_never_over_another_configuration(
        deeds in prop::collection::vec(any_deed(), 1..80)
    ) {
        let mut world = World::new();
        for deed in deeds {
            let (told, was_set_anew) = (world.tellings.len(), world.is_set_anew);
            let (before, state) = (world.stored(), world.target.state);
            world.does(deed);
            prop_assert!(world.tellings.len() as u64 <= TIMES + 1, "{:?}", world.tellings);
            if world.tellings.len() > told {
                prop_assert!(!was_set_anew, "somebody has set another configuration");
                prop_assert!(state != TargetState::Lost, "it is lost");
                let refused = before.config.map(|report| (report.version, report.state));
                prop_assert_eq!(refused, Some((before.config_version, ConfigState::Rejected)));
                let waits_ms = (u64::from(WAIT_S) * 1000) << (told - 1);
                prop_assert!(world.now.0 >= world.tellings[told - 1].0 + waits_ms, "{:?}", world.tellings);
            }
            if world.is_set_anew {
                world.look();
                prop_assert!(!world.target.is_due(world.now), "{:?}", world.target);
            }
            prop_assert!(world.target.attempts >= world.tellings.len() as u64 || world.is_set_anew);
        }
    }

    #[test]
    fn a_node_that_goes_on_refusing_is_told_to_the_last_time_and_has_failed_then(waits in prop::collection::vec(1_u64..90, 40)) {
        let mut world = World::new();
        for wait in waits {
            world.does(Does::Reports(ConfigState::Rejected));
            world.does(Does::Looks);
            world.does(Does::Polls(wait));
        }
        while world.target.state == TargetState::Retrying {
            world.does(Does::Polls(60));
            world.does(Does::Looks);
            world.does(Does::Reports(ConfigState::Rejected));
        }
        world.does(Does::Looks);
        let target = &world.target;
        prop_assert_eq!((target.state, target.attempts, world.tellings.len()), (TargetState::Failed, TIMES + 1, 4));
        let code = target.reason.as_deref().and_then(failure_code);
        prop_assert_eq!(code.as_deref(), Some("busy"));
    }
}
