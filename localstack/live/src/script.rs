//! Carries out the steps of a plan, each at its time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall_chaos::Disconnects;
use rollcall_fleet::{Plan, Seen, What};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::application::Asking;
use crate::device::{Order, Setup, live};
use crate::poller::Flood;
use crate::run::Cloud;
use crate::tunnel::Tunnel;
use crate::witness::Witness;

/// Everything that steps act on.
pub(crate) struct Stage {
    pub(crate) witness: Witness,
    pub(crate) asking: Asking,
    /// How devices are told what happens to them, by the index of their node.
    pub(crate) orders: Arc<Vec<Option<UnboundedSender<Order>>>>,
    /// What the devices are made of, for their clones.
    pub(crate) setups: Vec<Option<Setup>>,
    /// The networks of nodes that have one of their own.
    pub(crate) tunnels: BTreeMap<usize, Tunnel>,
    /// The programs of polling nodes that may misbehave.
    pub(crate) floods: BTreeMap<usize, Flood>,
    pub(crate) cloud: Option<Arc<dyn Cloud>>,
    pub(crate) tasks: JoinSet<()>,
}

impl Stage {
    /// Carries out every step; ends when the last one has begun.
    pub(crate) async fn carry_out(&mut self, plan: &Plan, started: tokio::time::Instant) {
        for step in &plan.steps {
            tokio::time::sleep_until(started + Duration::from_millis(step.at_ms)).await;
            self.step(&step.what);
            while self.tasks.try_join_next().is_some() {}
        }
    }

    fn step(&mut self, what: &What) {
        if let What::Ask(ask) = what {
            self.tasks.spawn(self.asking.clone().ask(ask.clone()));
            return;
        }
        match what.node() {
            Some(node) => self.happen_to_node(node, what),
            None => self.happen_to_cloud(what),
        }
    }

    fn happen_to_node(&mut self, node: usize, what: &What) {
        let fault = what.name();
        match what {
            What::Crash { torn, back_after_ms, .. } => {
                self.order(node, Order::Crash { torn: *torn, back_after: ms(*back_after_ms) });
            }
            What::Restart { after_ms, .. } => self.order(node, Order::Restart { after: ms(*after_ms) }),
            What::Cut { .. } => self.order(node, Order::Cut),
            What::BadConfigs { how, for_ms, .. } => self.order(node, Order::BadConfigs(*how, *for_ms)),
            What::BadFirmware { how, for_ms, .. } => self.order(node, Order::BadImages(*how, *for_ms)),
            What::Partition { for_ms, half_open, .. } => {
                let half_open = *half_open;
                self.weather(node, *for_ms, move |weather, is_bad| {
                    weather.up_is_dead = is_bad;
                    weather.down_is_dead = is_bad && !half_open;
                });
            }
            What::Slow { factor, for_ms, .. } => {
                let delay = ms(10 * u64::from(*factor));
                self.weather(node, *for_ms, move |weather, is_bad| {
                    weather.delay = if is_bad { delay } else { Duration::ZERO };
                });
            }
            What::Clone { for_ms, .. } => self.clone_of(node, ms(*for_ms)),
            What::Flood { messages, .. } => self.flood(node, *messages),
            _ => return,
        }
        self.witness.see(Seen::Hit { fault });
    }

    fn order(&self, node: usize, order: Order) {
        if let Some(Some(orders)) = self.orders.get(node) {
            // A device is gone only at the end.
            let _ = orders.send(order);
        }
    }

    fn weather(
        &mut self,
        node: usize,
        for_ms: u64,
        change: impl Fn(&mut crate::tunnel::Weather, bool) + Send + 'static,
    ) {
        let Some(tunnel) = self.tunnels.get(&node) else { return };
        tunnel.change(|weather| change(weather, true));
        let weather = tunnel.weather();
        self.tasks.spawn(async move {
            tokio::time::sleep(ms(for_ms)).await;
            weather.send_modify(|weather| change(weather, false));
        });
    }

    /// A second device with the same token, and a disk of its own.
    fn clone_of(&mut self, node: usize, lives: Duration) {
        let Some(Some(setup)) = self.setups.get(node) else { return };
        let folder: PathBuf = setup.folder.with_extension("clone");
        let setup = Setup { device: 1, folder, ..setup.clone() };
        let (orders, ordered) = unbounded_channel();
        self.tasks.spawn(live(setup, ordered));
        self.tasks.spawn(async move {
            tokio::time::sleep(lives).await;
            let _ = orders.send(Order::Stop);
        });
    }

    /// A misbehaving program of a polling node sends so many polls at once.
    fn flood(&mut self, node: usize, messages: u32) {
        if let Some(flood) = self.floods.get(&node) {
            self.tasks.spawn(flood.clone().send(messages));
        }
    }

    fn happen_to_cloud(&mut self, what: &What) {
        let Some(cloud) = self.cloud.clone() else { return };
        if matches!(what, What::CutAll) {
            self.witness.cut_all();
            cloud.cut_all();
            return self.witness.see(Seen::Hit { fault: what.name() });
        }
        let Some(for_ms) = switch(&*cloud, what, true) else { return };
        let what = what.clone();
        self.tasks.spawn(async move {
            tokio::time::sleep(ms(for_ms)).await;
            switch(&*cloud, &what, false);
        });
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Switches a fault on or off; gives how long it acts, `None` if it is no fault of the cloud.
fn switch(cloud: &dyn Cloud, what: &What, is_on: bool) -> Option<u64> {
    let share = |percent: u32| if is_on { u8::try_from(percent).unwrap_or(100) } else { 0 };
    let (mut lasts, on) = (None, is_on);
    cloud.change(&mut |troubles| {
        let disconnects = |how: Disconnects| if on { how } else { Disconnects::Delivered };
        lasts = Some(match *what {
            What::DisconnectsLost { for_ms } => {
                troubles.disconnects = disconnects(Disconnects::Lost);
                for_ms
            }
            What::DisconnectsLate { for_ms, by_ms } => {
                troubles.disconnects = disconnects(Disconnects::Late(ms(by_ms)));
                for_ms
            }
            What::DisconnectsDoubled { for_ms } => {
                troubles.disconnects = disconnects(Disconnects::Doubled);
                for_ms
            }
            What::ConnectsRetried { for_ms } => {
                troubles.connects_retried = on;
                for_ms
            }
            What::MessagesDoubled { for_ms } => {
                troubles.messages_doubled = on;
                for_ms
            }
            What::PushesLost { for_ms } => {
                troubles.pushes_lost = on;
                for_ms
            }
            What::AnswersLost { for_ms, percent } => {
                troubles.answers_lost = share(percent);
                for_ms
            }
            What::Throttled { for_ms, percent } => {
                troubles.throttled = share(percent);
                for_ms
            }
            What::StoreSlow { for_ms, by_ms } => {
                troubles.store_slow = if on { ms(by_ms) } else { Duration::ZERO };
                for_ms
            }
            What::StoreDown { for_ms } => {
                troubles.store_down = on;
                for_ms
            }
            What::InstancesKilled { for_ms, percent } => {
                troubles.instances_killed = share(percent);
                for_ms
            }
            What::LambdaThrottled { for_ms, percent } => {
                troubles.lambda_throttled = share(percent);
                for_ms
            }
            What::ClockSkew { for_ms, by_ms, .. } => {
                troubles.clock_ahead_ms = if on { by_ms } else { 0 };
                for_ms
            }
            _ => return,
        });
    });
    lasts
}
