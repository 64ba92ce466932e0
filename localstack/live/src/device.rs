//! One device: its runs, its state folder, and what happens to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall_core::{CredentialVersion, NodeId, Timestamp};
use rollcall_fleet::{BadConfig, BadImage, Device, Seen};
use rollcall_node::{Node, NodeConfig, NodeError, Timing};
use rollcall_token::Signer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

use crate::flash::Flash;
use crate::program::{Program, Wish};
use crate::tunnel::Weather;
use crate::wire::Wire;
use crate::witness::{Witness, now};

/// How long a token is valid, in seconds.
const TOKEN_LIFE_S: u32 = 24 * 60 * 60;
/// After what time a program starts the library again whose run has ended by itself.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a restart on the device's own wish takes, and a power failure.
const RESTART: Duration = Duration::from_millis(200);
const POWER_BACK: Duration = Duration::from_secs(2);

/// What is to happen to a device.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// The power fails, and is back after this time. `torn`: half a record is there.
    Crash {
        torn: bool,
        back_after: Duration,
    },
    /// The program stops cleanly, and starts again after this time.
    Restart {
        after: Duration,
    },
    /// Every connection is dropped.
    Cut,
    /// From now on it has a token of this credential version.
    Token(u32),
    BadConfigs(BadConfig, u64),
    BadImages(BadImage, u64),
    /// It stops for good.
    Stop,
}

/// What a device is made of.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) node: usize,
    pub(crate) device: u8,
    pub(crate) id: NodeId,
    pub(crate) ws_url: String,
    pub(crate) http_url: String,
    pub(crate) folder: PathBuf,
    pub(crate) signer: Arc<Signer>,
    pub(crate) witness: Witness,
    pub(crate) timing: Timing,
    pub(crate) credentials: u32,
    /// The network of its own, if it has one.
    pub(crate) weather: Option<Arc<watch::Sender<Weather>>>,
}

/// A device, and its present run.
struct Alive {
    setup: Setup,
    flash: Flash,
    run: u32,
}

/// What ended a run.
enum Over {
    Order(Order),
    Wish(Wish),
    Ended(Result<(), NodeError>),
}

/// Runs a device until it is told to stop, or nobody can tell it anything any more.
pub(crate) async fn live(setup: Setup, mut orders: UnboundedReceiver<Order>) {
    let mut alive = Alive { setup, flash: Flash::default(), run: 0 };
    loop {
        let who = alive.who();
        let (wishes, mut from_program) = unbounded_channel();
        let witness = alive.setup.witness.clone();
        let wire = Wire::new(who, &alive.setup);
        let Some(mut node) = alive.start(&wire, wishes) else { return };
        let pause = loop {
            let over = tokio::select! {
                order = orders.recv() => Over::Order(order.unwrap_or(Order::Stop)),
                Some(wish) = from_program.recv() => Over::Wish(wish),
                ended = node.ended() => Over::Ended(ended),
            };
            match over {
                Over::Order(Order::Cut) => node.drop_connection(),
                Over::Order(Order::BadConfigs(how, for_ms)) => alive.flash.open().bad_configs(how, for_ms),
                Over::Order(Order::BadImages(how, for_ms)) => alive.flash.open().bad_images(how, for_ms),
                Over::Order(Order::Token(credentials)) => {
                    alive.setup.credentials = alive.setup.credentials.max(credentials);
                    break Some(stop(node, who, &witness, RESTART).await);
                }
                Over::Order(Order::Restart { after }) => break Some(stop(node, who, &witness, after).await),
                Over::Wish(Wish::Restart) => break Some(stop(node, who, &witness, RESTART).await),
                Over::Order(Order::Crash { torn, back_after }) => {
                    drop(node);
                    wire.lost();
                    alive.lost_power(torn);
                    witness.see(Seen::Stopped { who, crashed: true });
                    break Some(back_after);
                }
                Over::Wish(Wish::PowerFails(command)) => {
                    drop(node);
                    wire.lost();
                    alive.lost_power(false);
                    witness.see(Seen::Stopped { who, crashed: true });
                    // Its result goes nowhere: the run is over.
                    drop(command);
                    break Some(POWER_BACK);
                }
                Over::Order(Order::Stop) => {
                    stop(node, who, &witness, Duration::ZERO).await;
                    break None;
                }
                Over::Ended(ended) => {
                    let error = ended.err().map(|error| error.to_string());
                    witness.see(Seen::RunEnded { who, error });
                    break Some(AGAIN);
                }
            }
        };
        let Some(pause) = pause else { return };
        if wait(pause, &mut orders, &mut alive).await {
            return;
        }
        alive.run += 1;
    }
}

/// Waits until the device starts again. Returns whether it does not.
async fn wait(pause: Duration, orders: &mut UnboundedReceiver<Order>, alive: &mut Alive) -> bool {
    let until = tokio::time::Instant::now() + pause;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(until) => return false,
            order = orders.recv() => match order {
                None | Some(Order::Stop) => return true,
                Some(Order::Token(credentials)) => {
                    alive.setup.credentials = alive.setup.credentials.max(credentials);
                }
                Some(Order::BadConfigs(how, for_ms)) => alive.flash.open().bad_configs(how, for_ms),
                Some(Order::BadImages(how, for_ms)) => alive.flash.open().bad_images(how, for_ms),
                // It is off already.
                Some(Order::Crash { .. } | Order::Restart { .. } | Order::Cut) => {}
            },
        }
    }
}

async fn stop(node: Node, who: Device, witness: &Witness, pause: Duration) -> Duration {
    let _ = node.stop().await;
    witness.see(Seen::Stopped { who, crashed: false });
    pause
}

/// A token for a node; `None` if the key can't sign, which was checked before.
pub(crate) fn token(signer: &Signer, id: &NodeId, credentials: u32) -> Option<String> {
    let expires_at: Timestamp = now().plus_seconds(TOKEN_LIFE_S);
    signer.sign(id, CredentialVersion(credentials), expires_at).ok()
}

impl Alive {
    fn who(&self) -> Device {
        Device { node: self.setup.node, device: self.setup.device, run: self.run }
    }

    fn start(&self, wire: &Wire, wishes: tokio::sync::mpsc::UnboundedSender<Wish>) -> Option<Node> {
        let (setup, who) = (&self.setup, self.who());
        let Setup { witness, credentials, .. } = setup;
        witness.see(Seen::Started { who, record_was_lost: false });
        witness.see(Seen::Token { who, credentials: *credentials });
        let firmware = {
            let mut flash = self.flash.open();
            // A version that was not proven before the restart had its one try.
            if let (true, Some(fallback)) = (flash.bad_image().is_some(), flash.fallback.take()) {
                flash.firmware = fallback;
            }
            flash.firmware.clone()
        };
        witness.see(Seen::Runs { who, firmware });
        let program = Program {
            who,
            witness: witness.clone(),
            flash: self.flash.clone(),
            wishes,
            started: Instant::now(),
            restarts: false,
        };
        let config = NodeConfig {
            http_url: Some(setup.http_url.clone()),
            state: Some(setup.folder.clone()),
            timing: setup.timing,
            tap: Some(wire.tap()),
            ..NodeConfig::new(setup.ws_url.clone(), token(&setup.signer, &setup.id, *credentials)?)
        };
        Some(Node::start(config, program))
    }

    fn lost_power(&self, torn: bool) {
        if torn {
            // The library writes a new record beside the old one, and then renames it.
            let _ = std::fs::write(self.setup.folder.join("record.json.new"), "{\"commands\":{\"beg");
        }
    }
}
