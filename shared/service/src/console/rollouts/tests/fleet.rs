//! A fleet of nodes that poll, and what each does with a change.

use futures_util::FutureExt as _;
use rollcall_core::{
    ConfigOutcome, ConfigState, CredentialVersion, Event, EventKind, Health, Key, Node, NodeId, Report, Timestamp,
    UpdateOutcome, UpdateState, plan,
};
use serde_json::{Value, json};

use crate::console::endpoints::tests::{Tested, ask, console};
use crate::webhook_url::PrivateAddresses;

/// When everything begins, in milliseconds since 1970: when the console's requests are made in these tests.
const START: u64 = 1_800_000_000_000;
/// How often nodes poll, in seconds, as the settings of the console say.
const POLL_S: u64 = 300;

/// What a node does with the configuration of the rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Does {
    #[default]
    Applies,
    Rejects,
    /// It refuses what comes before this version.
    RejectsUntil(u64),
    /// It is never heard of again.
    FallsSilent,
    /// It says nothing about it, and goes on polling.
    SaysNothing,
}

/// A node of the fleet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Device {
    pub(super) does: Does,
    /// From when until when it is away, in seconds after the start.
    pub(super) away: (u64, u64),
    /// The version that it says it runs.
    pub(super) firmware: Option<&'static str>,
    /// Whether it fails to install whatever it is to run.
    pub(super) fails_to_install: bool,
    is_silent: bool,
    /// The version that it was told last, and reports with its next poll.
    told: Option<u64>,
}

/// A fleet, its console, and the time.
pub(super) struct Fleet {
    pub(super) console: Tested,
    pub(super) devices: Vec<Device>,
    now_s: u64,
}

impl Fleet {
    /// So many nodes, over two sites, each with a configuration that it runs.
    pub(super) fn new(nodes: usize) -> Self {
        let console = console(PrivateAddresses::Refused);
        let mut fleet = Self { console, devices: vec![Device::default(); nodes], now_s: 0 };
        for nth in 0..nodes {
            let site = if nth % 2 == 0 { "hq" } else { "lab" };
            let spec = json!({"site": site, "model": "ax-2"});
            assert_eq!(ask(&fleet.console, "PUT", &format!("/v1/nodes/ap-{nth}"), Some(spec)).0, 200);
            let path = format!("/v1/nodes/ap-{nth}/config");
            assert_eq!(ask(&fleet.console, "PUT", &path, Some(json!({"channel": 1}))).0, 200);
        }
        fleet.run(2 * POLL_S);
        fleet
    }

    /// Makes a rollout of a new configuration with these waves and more.
    pub(super) fn start(&self, name: &str, more: &Value) -> (u16, Value) {
        let mut spec = json!({
            "select": "model=ax-2",
            "change": {"config": {"channel": 36, "rollout": name}},
            "waves": [{"nodes": 20}, {"percent": 50}, {"percent": 100}],
            "gate": {"wait_s": 960, "patience_s": 1200, "minimum": 3},
        });
        let (Some(spec_fields), Some(more)) = (spec.as_object_mut(), more.as_object()) else { panic!("objects") };
        spec_fields.extend(more.clone());
        ask(&self.console, "PUT", &format!("/v1/rollouts/{name}"), Some(spec))
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(START + self.now_s * 1000)
    }

    /// How many seconds have passed since the start.
    pub(super) fn seconds(&self) -> u64 {
        self.now_s
    }

    /// Lets so many seconds pass. The rollouts are stepped each minute.
    pub(super) fn run(&mut self, seconds: u64) {
        for _ in 0..seconds.div_ceil(60) {
            self.now_s += 60;
            for nth in 0..self.devices.len() {
                if (self.now_s + 60 * nth as u64).is_multiple_of(POLL_S) {
                    self.poll(nth);
                }
            }
            self.step();
        }
    }

    pub(super) fn step(&self) {
        let now = self.now();
        let stepped = self.console.step_rollouts(|| now).now_or_never().expect("nothing waits").expect("steps");
        assert_eq!(stepped.failed, 0);
    }

    /// Runs until a rollout is over or paused, and returns it.
    pub(super) fn end(&mut self, name: &str) -> Value {
        for _ in 0..600 {
            let rollout = self.rollout(name);
            if !["waiting", "running", "rolling-back"].contains(&rollout["state"].as_str().unwrap_or_default()) {
                return rollout;
            }
            self.run(60);
        }
        panic!("it never ends: {}", self.rollout(name));
    }

    pub(super) fn rollout(&self, name: &str) -> Value {
        let (status, rollout) = ask(&self.console, "GET", &format!("/v1/rollouts/{name}"), None);
        assert_eq!(status, 200, "{rollout}");
        rollout
    }

    pub(super) fn act(&self, name: &str, deed: &str) -> u16 {
        ask(&self.console, "POST", &format!("/v1/rollouts/{name}/{deed}"), None).0
    }

    pub(super) fn node(&self, nth: usize) -> Node {
        let item = self.console.store.get(&Key::Node(id(nth))).expect("it is registered");
        Node::read(&item).expect("a node")
    }

    /// How many nodes are to run this configuration.
    pub(super) fn desired(&self, document: &Value) -> usize {
        let sha256 = rollcall_wire::Document::parse(&document.to_string()).expect("a document").sha256().to_owned();
        let desired = |nth| self.node(nth).desired.is_some_and(|desired| desired.sha256 == sha256);
        (0..self.devices.len()).filter(|nth| desired(*nth)).count()
    }

    /// A node polls, and says what became of what it was told last.
    fn poll(&mut self, nth: usize) {
        let (now, device) = (self.now(), &self.devices[nth]);
        if device.is_silent || (device.away.0..device.away.1).contains(&self.now_s) {
            return;
        }
        let desired_firmware = self.node(nth).desired_firmware;
        let device = &mut self.devices[nth];
        let does = |version| if version == 1 { Does::Applies } else { device.does };
        let config = device.told.and_then(|version| {
            let state = match does(version) {
                Does::Rejects => ConfigState::Rejected,
                Does::RejectsUntil(taken) => {
                    if version < taken {
                        ConfigState::Rejected
                    } else {
                        ConfigState::Applied
                    }
                }
                Does::Applies => ConfigState::Applied,
                Does::FallsSilent | Does::SaysNothing => return None,
            };
            let detail = (state == ConfigState::Rejected).then(|| "Busy: try later".to_owned());
            Some(ConfigOutcome { version, state, detail })
        });
        let report = Report::new(device.firmware.map(str::to_owned), config, Health::default());
        let update = desired_firmware.filter(|_| device.fails_to_install).and_then(|version| {
            let (version, detail) = (version.parse().ok()?, Some("wrong hash".to_owned()));
            Some(UpdateOutcome { version, state: UpdateState::Failed, detail })
        });
        let report = report.with_update(update);
        let kind = EventKind::Poll { credentials: CredentialVersion(1), report, results: 0 };
        let outcome = self.console.store.apply(&plan(&Event::new(id(nth), now, kind), &self.console.policy));
        if self.node(nth).revoked {
            return;
        }
        assert!(matches!(outcome, rollcall_core::Outcome::Applied { .. }), "{outcome:?}");
        let desired = self.node(nth).desired.map(|desired| desired.version);
        let device = &mut self.devices[nth];
        device.is_silent = device.does == Does::FallsSilent && desired.is_some_and(|version| version > 1);
        device.told = desired;
    }
}

pub(super) fn id(nth: usize) -> NodeId {
    format!("ap-{nth}").parse().expect("an id")
}
