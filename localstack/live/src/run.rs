//! A run: a fleet lives through its plan, and is judged.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rollcall_chaos::Troubles;
use rollcall_fleet::{NodeKind, Plan, Violation, What};
use rollcall_token::Signer;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::application::{Asking, Http};
use crate::device::{Order, Setup, live};
use crate::figures::Figures;
use crate::poller::{Flood, Poller};
use crate::script::Stage;
use crate::tunnel::{Tunnel, Weather};
use crate::waits::{timing, waits_s};
use crate::warden::Warden;
use crate::witness::Witness;

/// How many nodes connect a second at the start: below API Gateway's 500 new connections a second (Amazon API Gateway
/// quotas, WebSocket API).
const CONNECTS_PER_SECOND: u32 = 300;
/// How long a message of a node that is far away takes each way.
const FAR: Duration = Duration::from_millis(200);
/// How often it is looked, at the end, whether every node is there.
const LOOKED_EVERY: Duration = Duration::from_millis(500);

/// A cloud of our own, whose faults can be switched.
pub trait Cloud: Send + Sync {
    /// Changes what goes wrong from now on.
    fn change(&self, change: &mut dyn FnMut(&mut Troubles));
    /// Cuts every socket.
    fn cut_all(&self);
    /// Restarts the gateway, on the same ports.
    fn restart_gateway(&self) -> BoxFuture<'_, ()>;
    /// How often each fault of the cloud happened so far, by its name.
    fn hits(&self) -> BoxFuture<'_, BTreeMap<String, u64>>;
}

/// Where a fleet connects.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Server {
    /// `ws://HOST:PORT/STAGE`
    pub ws_url: String,
    /// `http://HOST:PORT`
    pub http_url: String,
    pub console_key: String,
}

/// A fleet that lives.
pub struct Fleet {
    plan: Plan,
    restarts: Vec<u64>,
    witness: Witness,
    stage: Stage,
    warden: Warden,
    started: Instant,
    _folder: TempDir,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Progress {
    pub connects: u64,
    pub messages: u64,
    pub acks: u64,
    pub violations: usize,
}

/// What a run came to.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Outcome {
    pub violations: Vec<Violation>,
    pub figures: Figures,
    /// How often each fault happened, by its name.
    pub hits: BTreeMap<String, u64>,
}

impl Fleet {
    /// Starts every node, a few at a time.
    ///
    /// # Errors
    /// If there is no folder or no port for the nodes.
    pub async fn start(
        plan: Plan,
        restarts: Vec<u64>,
        server: &Server,
        signer: Arc<Signer>,
        cloud: Option<Arc<dyn Cloud>>,
    ) -> io::Result<Self> {
        let (witness, folder) = (Witness::new(&plan), tempfile::tempdir()?);
        let http = Http::new(server.http_url.clone());
        let tunnels = tunnels(&plan, server).await?;
        let mut tasks = JoinSet::new();
        let mut floods = BTreeMap::new();
        let (mut orders, mut setups): (Vec<Option<UnboundedSender<Order>>>, Vec<_>) = (vec![], vec![]);
        for (node, planned) in plan.nodes.iter().enumerate() {
            let id = planned.id.clone();
            let after = Duration::from_secs(1) * u32::try_from(node).unwrap_or(u32::MAX) / CONNECTS_PER_SECOND;
            let (signer, witness) = (Arc::clone(&signer), witness.clone());
            if planned.kind == NodeKind::Poller {
                let (flooding, signing, seeing) = (http.clone(), Arc::clone(&signer), witness.clone());
                floods.insert(node, Flood { node, id: id.clone(), http: flooding, signer: signing, witness: seeing });
                let poller = Poller { node, id, http: http.clone(), signer, witness, seed: plan.seed ^ node as u64 };
                tasks.spawn(async move {
                    tokio::time::sleep(after).await;
                    poller.live().await;
                });
                orders.push(None);
                setups.push(None);
                continue;
            }
            let (sender, ordered) = unbounded_channel();
            let setup = Setup {
                node,
                device: 0,
                id,
                ws_url: through(&server.ws_url, tunnels.get(&node)),
                http_url: server.http_url.clone(),
                folder: folder.path().join(planned.id.as_str()),
                signer,
                witness,
                timing: timing(plan.nodes.len()),
                credentials: 1,
                weather: tunnels.get(&node).map(Tunnel::weather),
            };
            let device = setup.clone();
            tasks.spawn(async move {
                tokio::time::sleep(after).await;
                live(device, ordered).await;
            });
            orders.push(Some(sender));
            setups.push(Some(setup));
        }
        let orders = Arc::new(orders);
        let told = Arc::clone(&orders);
        let tokens = Arc::new(move |node: usize, credentials| {
            if let Some(Some(orders)) = told.get(node) {
                let _ = orders.send(Order::Token(credentials));
            }
        });
        let asking = Asking::new(&plan, http.clone(), server.console_key.clone(), witness.clone(), tokens);
        let warden = Warden::new(&plan, http, server.console_key.clone(), witness.clone());
        let stage = Stage { witness: witness.clone(), asking, orders, setups, tunnels, floods, cloud, tasks };
        Ok(Self { plan, restarts, witness, stage, warden, started: Instant::now(), _folder: folder })
    }

    /// Looks at the progress of a run, from anywhere.
    pub fn progress(&self) -> impl Fn() -> Progress + Send + Sync + 'static {
        let witness = self.witness.clone();
        move || {
            let violations = witness.violations();
            witness.read(|_, counts| Progress {
                connects: counts.connects,
                messages: counts.messages,
                acks: counts.acks,
                violations,
            })
        }
    }

    /// Lives through the plan, and judges what was seen. It can be dropped at any time.
    pub async fn live(mut self) -> Outcome {
        let ends = self.started + Duration::from_millis(self.plan.ends_at_ms);
        let watching = tokio::spawn(self.warden.watch());
        let restarting = self.stage.cloud.clone().map(|cloud| {
            let (restarts, started) = (std::mem::take(&mut self.restarts), self.started);
            tokio::spawn(async move {
                for at_ms in restarts {
                    tokio::time::sleep_until(started + Duration::from_millis(at_ms)).await;
                    cloud.restart_gateway().await;
                }
            })
        });
        self.stage.carry_out(&self.plan, self.started).await;
        tokio::time::sleep_until(ends).await;
        // A node may replace its connection at this moment, and fail once on a busy machine: it has its longest wait to be back.
        let latest = ends + Duration::from_secs(waits_s(self.plan.nodes.len()).into());
        while self.witness.missing() > 0 && Instant::now() < latest {
            tokio::time::sleep(LOOKED_EVERY).await;
        }
        watching.abort();
        if let Some(restarting) = restarting {
            restarting.abort();
        }
        let violations = self.witness.finish();
        let figures = self.witness.read(|oracle, counts| Figures::new(counts, oracle.coverage()));
        let mut hits = match &self.stage.cloud {
            Some(cloud) => cloud.hits().await,
            None => BTreeMap::new(),
        };
        for fault in What::NAMES {
            let seen = figures.seen.iter().filter(|(name, _)| name.ends_with(&format!(" {fault}")));
            let count: u64 = seen.map(|(_, count)| count).sum();
            if count > 0 {
                hits.entry(fault.to_owned()).or_insert(count);
            }
        }
        Outcome { violations, figures, hits }
    }
}

/// A network of its own for each node that is far away, or whose network has a fault.
async fn tunnels(plan: &Plan, server: &Server) -> io::Result<BTreeMap<usize, Tunnel>> {
    let address = authority(&server.ws_url).to_owned();
    let mut tunnels = BTreeMap::new();
    let with_faults = plan.steps.iter().filter_map(|step| match &step.what {
        What::Partition { node, .. } | What::Slow { node, .. } => Some(*node),
        _ => None,
    });
    let far = plan.nodes.iter().enumerate().filter(|(_, node)| node.far && node.kind == NodeKind::Socket);
    let mut needed: Vec<_> = with_faults.map(|node| (node, Duration::ZERO)).collect();
    needed.extend(far.map(|(node, _)| (node, FAR)));
    for (node, delay) in needed {
        tunnels.insert(node, Tunnel::to(address.clone(), Weather { delay, ..Weather::default() }).await?);
    }
    Ok(tunnels)
}

/// The host and the port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(authority, _)| authority)
}

/// The URL by way of a tunnel, if there is one.
fn through(url: &str, tunnel: Option<&Tunnel>) -> String {
    match tunnel {
        Some(tunnel) => url.replacen(authority(url), &tunnel.address().to_string(), 1),
        None => url.to_owned(),
    }
}
