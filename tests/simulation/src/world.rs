//! The world: it hands each event to the part that it is for.

use rollcall_fleet::{Observation, Oracle, Plan};

use crate::application::Application;
use crate::call::Request;
use crate::clocks::{Clocks, true_time};
use crate::device::{Device, Fate, Life};
use crate::draw::Who;
use crate::event::{Called, DeviceNo, Down, Event, Purpose, Returned, Traffic, WireNo};
use crate::exchanges::Exchanges;
use crate::faults::Faults;
use crate::gateway::Gateway;
use crate::ground::Ground;
use crate::kernel::{Kernel, MS, Micros, S};
use crate::lambda::Lambda;
use crate::meddling::Meddling;
use crate::network::Network;
use crate::outbound::{Outbound, endpoints};
use crate::service::{Service, SetupError, token};
use crate::store::Store;
use crate::witness::Witness;

/// How often the sweep runs. On AWS it is every minute; most runs find nothing, and a day has 1,440 minutes.
pub(crate) const SWEEP_EVERY_S: u32 = 300;
/// How long a document is kept that no node uses: short, so that many are deleted in a few days.
pub(crate) const KEEP_DOCUMENTS_S: u32 = 3600;
/// The nodes first start within this time.
const FIRST_STARTS: Micros = 60 * S;

/// The world.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) ground: Ground,
    pub(crate) network: Network,
    pub(crate) exchanges: Exchanges,
    pub(crate) gateway: Gateway,
    pub(crate) lambda: Lambda,
    pub(crate) store: Store,
    pub(crate) outbound: Outbound,
    pub(crate) devices: Vec<Device>,
    /// The clone of each node, if it ever had one.
    pub(crate) clones: Vec<Option<DeviceNo>>,
    pub(crate) application: Application,
}

/// What was counted in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub events: u64,
    pub observations: u64,
    pub invocations: u64,
    pub connections: u64,
}

impl World {
    /// The world of a plan, before anything has happened. `keeps`: what is seen is kept.
    pub(crate) fn new(plan: &Plan, keeps: bool) -> Result<Self, SetupError> {
        let policy = plan.settings.policy().unwrap_or_else(|_| unreachable!("a plan's settings are in range"));
        let oracle = Oracle::new(plan, true_time(0));
        let ground = Ground {
            kernel: Kernel::new(),
            faults: Faults::default(),
            clocks: Clocks::new(plan.seed),
            witness: Witness::new(oracle, keeps),
            seed: plan.seed,
        };
        let mut world = Self {
            ground,
            network: Network::default(),
            exchanges: Exchanges::default(),
            gateway: Gateway::new(),
            lambda: Lambda::new(Service::new(policy, plan.seed)?),
            store: Store::default(),
            outbound: Outbound::default(),
            devices: vec![],
            clones: vec![None; plan.nodes.len()],
            application: Application::new(plan),
            plan: plan.clone(),
        };
        for endpoint in endpoints(plan, true_time(0)) {
            world.store.set_up(&mut world.ground, &endpoint);
        }
        for node in 0..plan.nodes.len() {
            let device = world.add_device(node, 0)?;
            let after = world.ground.draw(Who::Nature(device), 1).below(FIRST_STARTS);
            world.devices[device].start_after(&mut world.ground, after);
        }
        world.schedule();
        for (step, planned) in plan.steps.iter().enumerate() {
            world.ground.at(planned.at_ms * MS, Event::Step(step));
        }
        Ok(world)
    }

    /// Has something happen half-way that must not happen.
    pub(crate) fn meddle(&mut self, meddling: Meddling) {
        let from = if matches!(meddling, Meddling::Ignores(_)) { 0 } else { self.plan.ends_at_ms * MS / 2 };
        self.ground.at(from, Event::Meddled(meddling));
    }

    /// Has everything happen. Returns the digest, the oracle, what was kept, and counts.
    pub(crate) fn run(mut self) -> (String, Oracle, Vec<Observation>, Counts) {
        let end = self.plan.ends_at_ms * MS;
        while let Some(event) = self.ground.kernel.next(end) {
            self.happens(event);
        }
        let table = &self.store.table;
        let stored = |node: &rollcall_core::NodeId| {
            let item = table.get(&rollcall_core::Key::Node(node.clone()))?;
            rollcall_core::Node::read(item).ok()
        };
        self.ground.witness.oracle().finish(true_time(end), &stored);
        let counts = Counts {
            events: self.ground.kernel.scheduled(),
            observations: self.ground.witness.count(),
            invocations: self.lambda.total(),
            connections: self.gateway.count() as u64,
        };
        let (digest, oracle, kept) = self.ground.witness.finish();
        (digest, oracle, kept, counts)
    }

    fn happens(&mut self, event: Event) {
        let Self { ground, network, gateway, lambda, store, exchanges, .. } = self;
        match event {
            Event::Step(step) => self.step(step),
            Event::Healed(device) => network.heal(ground, device),
            Event::Arrived(traffic) => self.arrived(traffic),
            Event::Device(device, doing) => self.does(device, doing),
            Event::Alarm(conn) => gateway.alarm(ground, network, conn),
            Event::Disconnected(conn, ending, at) => gateway.disconnected(ground, conn, ending, at),
            Event::Doubled(conn, text, at) => gateway.message(ground, conn, text, at),
            Event::ConnectAgain(conn, counts) => gateway.connect_again(ground, conn, counts),
            Event::Sweep => self.sweep(),
            Event::Rollouts => self.step_rollouts(),
            Event::Invoke(invoking) => lambda.invoke(ground, *invoking),
            Event::Begin(invocation) => lambda.begin(ground, invocation),
            Event::Overdue(invocation) => lambda.overdue(ground, invocation),
            Event::GivenUp(invocation) => lambda.given_up(ground, invocation),
            Event::Slow(invocation) => lambda.slow(ground, invocation),
            Event::Called(called) => self.called(*called),
            Event::Answered(invocation, call, answer) => lambda.answered(ground, invocation, call, *answer),
            Event::Tried(operation, tries) => self.tried(operation, tries),
            Event::Told(operation, tries, answer) => store.told(ground, operation, tries, *answer),
            Event::TimedOut(operation, tries) => store.timed_out(ground, operation, tries),
            Event::TryAgain(operation) => store.try_now(ground, operation),
            Event::Commit(operation, tries) => store.commit(ground, operation, tries),
            Event::Indexed(node) => store.table.index(&node),
            Event::Forget(key) => store.forget(ground, *key),
            Event::Returned(purpose, returned) => self.returned(purpose, *returned),
            Event::Requested(exchange) => {
                let admits = gateway.requests.admit(ground.now());
                exchanges.arrived(ground, network, exchange, admits);
            }
            Event::Replied(exchange) => {
                if let Some((caller, reply)) = exchanges.replied(exchange) {
                    self.answered(caller, Some(&reply));
                }
            }
            Event::AppAgain(conversation) => self.application.again(ground, network, exchanges, conversation),
            Event::AppTimedOut(exchange) => {
                if let Some(caller) = exchanges.give_up(exchange) {
                    self.answered(caller, None);
                }
            }
            Event::Token(node, credentials) => self.give_token(node, credentials),
            Event::Outbound(out) => self.outbound.happens(ground, out),
            Event::Meddled(meddling) => meddling.strike(&mut store.table),
        }
    }

    fn called(&mut self, called: Called) {
        if Outbound::is_for(&called.request) {
            return Outbound::called(&mut self.ground, called);
        }
        self.store.called(&mut self.ground, called);
    }

    fn tried(&mut self, operation: u64, tries: u32) {
        let Self { ground, network, gateway, store, .. } = self;
        let answer = match store.posted(operation) {
            None => return store.tried(ground, operation, tries),
            Some(Request::Post(connection, frame)) => gateway.post(ground, network, &connection, &frame),
            Some(Request::Close(connection)) => gateway.delete(ground, network, &connection),
            Some(_) => return,
        };
        store.arrived(operation);
        store.answer(ground, operation, tries, answer);
    }

    fn returned(&mut self, purpose: Purpose, returned: Returned) {
        let Self { ground, network, gateway, exchanges, .. } = self;
        match purpose {
            Purpose::Stream(shard) => self.outbound.fed(ground, shard, &returned),
            Purpose::Queue(batch) => self.outbound.delivered(ground, batch, &returned),
            Purpose::Http(exchange) => exchanges.returned(ground, network, exchange, returned),
            purpose => gateway.returned(ground, network, purpose, returned),
        }
    }

    fn arrived(&mut self, traffic: Traffic) {
        let Self { ground, network, gateway, exchanges, .. } = self;
        match network.arrived(ground, traffic) {
            None => {}
            Some(Traffic::Up(wire, up)) => gateway.came(ground, network, wire, up),
            Some(Traffic::Down(wire, down)) => self.came(wire, down),
            Some(Traffic::Ask(_, exchange)) => {
                let admits = gateway.requests.admit(ground.now());
                exchanges.arrived(ground, network, exchange, admits);
            }
            Some(Traffic::Reply(_, exchange)) => {
                if let Some((caller, reply)) = exchanges.replied(exchange) {
                    self.answered(caller, Some(&reply));
                }
            }
        }
    }

    fn came(&mut self, wire: WireNo, down: Down) {
        let device = self.network.wire(wire).device;
        self.live(device, |life, device, around| match life {
            Life::Socketed(run) => run.came(device, around, wire, down),
            Life::Nothing | Life::Polling(_) => Fate::GoesOn,
        });
    }

    pub(crate) fn add_device(&mut self, node: usize, which: u8) -> Result<DeviceNo, SetupError> {
        let planned = &self.plan.nodes[node];
        let number = self.devices.len();
        self.network.add(&self.ground, number, planned.far);
        let mut device = Device::new(number, node, which, planned.kind, planned.id.clone());
        let credentials = 1;
        let ends = self.token_ends(node);
        device.set_token(token(&device.id, credentials, ends)?.into(), credentials);
        self.devices.push(device);
        Ok(number)
    }
}
