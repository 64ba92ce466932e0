//! Simulated nodes: they connect, check in, drop and reconnect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use rollcall_core::{CredentialVersion, NodeId};
use rollcall_node::wire::Health;
use rollcall_node::{
    Applied, Command, Configuration, DisconnectReason, Firmware, Handler, Node, NodeConfig, NodeEvent, Report,
};
use rollcall_stack::Stack;
use rollcall_token::Signer;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::clock;
use crate::duties;
use crate::meter::Meter;
use crate::out;
use crate::problem::Problem;

/// How many nodes connect a second at the start: below API Gateway's 500 new connections a second (Amazon API Gateway
/// quotas, WebSocket API).
const CONNECTS_PER_SECOND: u32 = 200;
/// After what time a node drops its connection, on average.
const DROPS_AFTER: Duration = Duration::from_mins(1);
/// How long the tokens are valid, in seconds. With less than a month, the application would be told of each that it
/// expires soon.
const TOKEN_LIFE: u32 = 365 * 24 * 60 * 60;

/// Simulated nodes, running until this is dropped.
pub(crate) struct Fleet {
    _tasks: JoinSet<()>,
    /// What the nodes would keep over a restart.
    _folder: TempDir,
    state: Arc<State>,
}

/// How the fleet is doing.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) drops: AtomicU64,
    pub(crate) returns: AtomicU64,
}

struct Simulated {
    id: NodeId,
    state: Arc<State>,
    meter: Meter,
    started: Instant,
    firmware: String,
    /// The connection is to be dropped.
    reboot: Arc<Notify>,
    was_connected: bool,
}

impl Handler for Simulated {
    fn report(&mut self) -> Report {
        let uptime_s = Some(self.started.elapsed().as_secs());
        Report {
            firmware: Some(self.firmware.clone()),
            config: None,
            health: Some(Health { uptime_s, ..Health::default() }),
        }
    }

    fn apply(&mut self, _: &Configuration) -> Applied {
        Applied::Applied
    }

    fn execute(&mut self, command: Command) {
        duties::execute(command, &self.reboot);
    }

    fn accept_firmware(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn install(&mut self, firmware: Firmware) {
        self.firmware = duties::install(firmware);
    }

    fn event(&mut self, event: NodeEvent) {
        match event {
            NodeEvent::Connected { .. } => {
                let returns = std::mem::replace(&mut self.was_connected, true);
                self.state.returns.fetch_add(returns.into(), Ordering::Relaxed);
            }
            NodeEvent::Disconnected { reason: DisconnectReason::Dropped, .. } => {
                self.state.drops.fetch_add(1, Ordering::Relaxed);
            }
            NodeEvent::Acked { rtt, .. } => self.meter.acked(rtt),
            NodeEvent::Superseded { delay } => {
                let minutes = delay.as_secs_f64() / 60.0;
                out::say(&format!("{}: another device uses this node's token; it waits {minutes:.1} min", self.id));
            }
            NodeEvent::SlowedDown { delay } => {
                out::say(&format!("{}: says too much; it says nothing for {:.0} s", self.id, delay.as_secs_f64()));
            }
            _ => {}
        }
    }
}

impl Fleet {
    /// Starts this many nodes, a few at a time.
    pub(crate) fn start(nodes: u32, stack: &Stack, signer: &Signer, meter: &Meter) -> Result<Self, Problem> {
        let state = Arc::<State>::default();
        let mut tasks = JoinSet::new();
        let folder = tempfile::tempdir().map_err(|error| Problem::plain(&error))?;
        let expires_at = clock::now().plus_seconds(TOKEN_LIFE);
        for number in 1..=nodes {
            let id: NodeId = format!("sim-{number:05}").parse().map_err(|error| Problem::plain(&error))?;
            let token = signer.sign(&id, CredentialVersion(1), expires_at).map_err(|error| Problem::plain(&error))?;
            let reboot = Arc::<Notify>::default();
            let simulated = Simulated {
                id: id.clone(),
                state: Arc::clone(&state),
                meter: meter.clone(),
                started: Instant::now(),
                firmware: "simulated-1.0".to_owned(),
                reboot: Arc::clone(&reboot),
                was_connected: false,
            };
            let after = Duration::from_secs(1) * (number - 1) / CONNECTS_PER_SECOND;
            let config = NodeConfig {
                http_url: Some(stack.http_url()),
                state: Some(folder.path().join(id.as_str())),
                ..NodeConfig::new(stack.ws_url(), token)
            };
            tasks.spawn(live(config, simulated, reboot, after, u64::from(number)));
        }
        Ok(Self { _tasks: tasks, _folder: folder, state })
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }
}

async fn live(config: NodeConfig, simulated: Simulated, reboot: Arc<Notify>, after: Duration, seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    tokio::time::sleep(after).await;
    let mut node = Node::start(config, simulated);
    loop {
        // Exponentially distributed, like failures that do not remember each other.
        let drops_after = DROPS_AFTER.mul_f64(-(1.0 - random.random::<f64>()).ln());
        tokio::select! {
            () = tokio::time::sleep(drops_after) => node.drop_connection(),
            () = reboot.notified() => node.drop_connection(),
            ended = node.ended() => {
                if let Err(error) = ended {
                    out::say(&format!("a simulated node ended: {error}"));
                }
                return;
            }
        }
    }
}
