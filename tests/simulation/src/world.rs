//! The world: it hands each event to the part that it is for.

use std::rc::Rc;

use rollcall_fleet::{Observation, Oracle, Plan, What};

use crate::application::Application;
use crate::call::{Answer, Request};
use crate::clocks::{Clocks, true_time};
use crate::device::{Around, Device, Fate, Life};
use crate::draw::Who;
use crate::event::{Called, DeviceNo, Doing, Down, Event, HttpReply, Purpose, Returned, Traffic, WireNo};
use crate::exchanges::{Caller, Exchanges};
use crate::faults::{Fault, Faults, until};
use crate::gateway::Gateway;
use crate::ground::Ground;
use crate::kernel::{Kernel, MS, Micros, S};
use crate::lambda::Lambda;
use crate::meddling::Meddling;
use crate::network::Network;
use crate::service::{Service, SetupError, token};
use crate::store::Store;
use crate::witness::Witness;

/// The nodes first start within this time.
const FIRST_STARTS: Micros = 60 * S;

/// The world.
pub(crate) struct World {
    plan: Plan,
    ground: Ground,
    network: Network,
    exchanges: Exchanges,
    gateway: Gateway,
    lambda: Lambda,
    store: Store,
    devices: Vec<Device>,
    /// The clone of each node, if it ever had one.
    clones: Vec<Option<DeviceNo>>,
    application: Application,
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
            lambda: Lambda::new(Service::new(policy)?),
            store: Store::default(),
            devices: vec![],
            clones: vec![None; plan.nodes.len()],
            application: Application::new(plan),
            plan: plan.clone(),
        };
        for node in 0..plan.nodes.len() {
            let device = world.add_device(node, 0)?;
            let after = world.ground.draw(Who::Nature(device), 1).below(FIRST_STARTS);
            world.devices[device].start_after(&mut world.ground, after);
        }
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
            Event::Disconnected(conn, code, at) => gateway.disconnected(ground, conn, code, at),
            Event::Doubled(conn, text, at) => gateway.message(ground, conn, text, at),
            Event::ConnectAgain(conn, counts) => gateway.connect_again(ground, conn, counts),
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
            Event::Meddled(meddling) => meddling.strike(&mut store.table),
        }
    }

    fn called(&mut self, called: Called) {
        self.store.called(&mut self.ground, called);
    }

    fn tried(&mut self, operation: u64, tries: u32) {
        let Self { ground, network, gateway, store, .. } = self;
        let reached = match store.posted(operation) {
            None => return store.tried(ground, operation, tries),
            Some(Request::Post(connection, frame)) => gateway.post(ground, network, &connection, &frame),
            Some(Request::Close(connection)) => gateway.delete(ground, network, &connection),
            Some(_) => return,
        };
        store.arrived(operation);
        store.answer(ground, operation, tries, Answer::Reached(reached));
    }

    fn returned(&mut self, purpose: Purpose, returned: Returned) {
        let Self { ground, network, gateway, exchanges, .. } = self;
        match purpose {
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

    /// A request by HTTP was answered, or not.
    fn answered(&mut self, caller: Caller, reply: Option<&HttpReply>) {
        match caller {
            Caller::Application(conversation, _) => {
                let Self { ground, application, .. } = self;
                application.answered(ground, conversation, reply);
            }
            Caller::Poll(device, run) => self.live_in(device, run, |life, device, around| {
                if let Life::Polling(polling) = life {
                    polling.polled(device, around, reply);
                }
                Fate::GoesOn
            }),
            Caller::Document(device, run, version) => self.live_in(device, run, |life, device, around| match life {
                Life::Socketed(run) => run.fetched(device, around, version, reply),
                Life::Polling(run) => {
                    run.fetched(device, around, version, reply);
                    Fate::GoesOn
                }
                Life::Nothing => Fate::GoesOn,
            }),
            Caller::Flood(_) => {}
            Caller::Image(device, run) => self.live_in(device, run, |life, device, around| {
                if let Life::Polling(polling) = life {
                    polling.located(device, around, reply);
                }
                Fate::GoesOn
            }),
        }
    }

    /// Lets what runs on a device do something, and has follow what follows.
    fn live(&mut self, device: DeviceNo, act: impl FnOnce(&mut Life, &mut Device, &mut Around<'_>) -> Fate) {
        let Self { ground, network, exchanges, devices, .. } = self;
        let device = &mut devices[device];
        let mut around = Around { ground, network, exchanges };
        let mut life = std::mem::replace(device.life(), Life::Nothing);
        let fate = act(&mut life, device, &mut around);
        *device.life() = life;
        device.follow(&mut around, fate);
    }

    /// The same, if the device is still in this run.
    fn live_in(
        &mut self,
        device: DeviceNo,
        run: u32,
        act: impl FnOnce(&mut Life, &mut Device, &mut Around<'_>) -> Fate,
    ) {
        if self.devices[device].is_running() && self.devices[device].run() == run {
            self.live(device, act);
        }
    }

    fn with(&mut self, device: DeviceNo, act: impl FnOnce(&mut Device, &mut Around<'_>)) {
        let Self { ground, network, exchanges, devices, .. } = self;
        act(&mut devices[device], &mut Around { ground, network, exchanges });
    }

    fn is_in(&self, device: DeviceNo, run: u32) -> bool {
        self.devices[device].is_running() && self.devices[device].run() == run
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is done once")]
    fn does(&mut self, device: DeviceNo, doing: Doing) {
        match doing {
            Doing::Start(planned) => self.with(device, |device, around| device.start(around, planned)),
            Doing::Restart(run, after) if self.is_in(device, run) => {
                self.with(device, |device, around| device.restart(around, after));
            }
            Doing::Crash(run, after) if self.is_in(device, run) => {
                self.with(device, |device, around| device.crash(around, after));
            }
            Doing::Unproven(run) if self.is_in(device, run) => self.with(device, Device::unproven),
            Doing::Leave => self.with(device, Device::leave),
            Doing::Restart(..) | Doing::Crash(..) | Doing::Unproven(_) => {}
            Doing::NoReply(exchange) => {
                if let Some(caller) = self.exchanges.give_up(exchange) {
                    self.answered(caller, None);
                }
            }
            Doing::Installed(run) => self.installed(device, run),
            Doing::Wake(number) => self.live(device, |life, device, around| match life {
                Life::Socketed(run) => run.rings(device, around, number),
                Life::Nothing | Life::Polling(_) => Fate::GoesOn,
            }),
            Doing::CloseTimedOut(wire) => self.live(device, |life, device, around| match life {
                Life::Socketed(run) => run.close_timed_out(device, around, wire),
                Life::Nothing | Life::Polling(_) => Fate::GoesOn,
            }),
            Doing::CommandDone(run, number) => self.live_in(device, run, |life, device, around| match life {
                Life::Socketed(run) => run.command_done(device, around, number),
                Life::Polling(run) => {
                    run.command_done(device, around, number);
                    Fate::GoesOn
                }
                Life::Nothing => Fate::GoesOn,
            }),
            Doing::Downloaded(run, number) => self.live_in(device, run, |life, device, around| match life {
                Life::Socketed(run) => run.downloaded(device, around, number),
                Life::Polling(run) => {
                    run.downloaded(device, around, number);
                    Fate::GoesOn
                }
                Life::Nothing => Fate::GoesOn,
            }),
            Doing::TryAgain(run) => self.polls(device, run, super::polling::Polling::try_now),
            Doing::CutOffOver(run) => self.polls(device, run, super::polling::Polling::cut_off_over),
            Doing::Poll(run, number) => self.polls(device, run, |run, device, around| run.poll(device, around, number)),
        }
    }

    fn polls(
        &mut self,
        device: DeviceNo,
        run: u32,
        act: impl FnOnce(&mut crate::polling::Polling, &mut Device, &mut Around<'_>),
    ) {
        self.live_in(device, run, |life, device, around| {
            if let Life::Polling(polling) = life {
                act(polling, device, around);
            }
            Fate::GoesOn
        });
    }

    fn installed(&mut self, device: DeviceNo, run: u32) {
        let mut restarts = false;
        self.live_in(device, run, |life, device, around| match life {
            Life::Socketed(run) => {
                let (fate, restarting) = run.installed(device, around);
                restarts = restarting;
                fate
            }
            Life::Polling(run) => {
                restarts = run.installed(device, around);
                Fate::GoesOn
            }
            Life::Nothing => Fate::GoesOn,
        });
        if restarts {
            let after = self.devices[device].draw(&self.ground).between(100 * MS, 2 * S);
            self.ground.after(after, Event::Device(device, Doing::Restart(run, 3 * S)));
        }
    }

    fn add_device(&mut self, node: usize, which: u8) -> Result<DeviceNo, SetupError> {
        let planned = &self.plan.nodes[node];
        let number = self.devices.len();
        self.network.add(&self.ground, number, planned.far);
        let mut device = Device::new(number, node, which, planned.kind, planned.id.clone());
        let credentials = 1;
        device.set_token(token(&device.id, credentials)?.into(), credentials);
        self.devices.push(device);
        Ok(number)
    }

    fn give_token(&mut self, node: usize, credentials: u32) {
        let Ok(text) = token(&self.devices[node].id, credentials) else { return };
        let text: Rc<str> = text.into();
        self.devices[node].give_token(&mut self.ground, text, credentials);
    }

    fn step(&mut self, step: usize) {
        let what = self.plan.steps[step].what.clone();
        let (now, calm) = (self.ground.now(), self.plan.calm_from_ms * MS);
        if let Some((fault, for_ms, much)) = Fault::begun_by(&what) {
            return self.ground.faults.begin(fault, until(now, for_ms, calm), much);
        }
        let Self { ground, network, gateway, .. } = self;
        match what {
            What::Crash { node, torn, back_after_ms } => self.crash(node, torn, back_after_ms * MS),
            What::Restart { node, after_ms } => {
                ground.hit("restart");
                self.with(node, |device, around| device.restart(around, after_ms * MS));
            }
            What::Cut { node } if gateway.cut(ground, network, Some(node)) => {
                ground.hit("cut");
            }
            What::CutAll if gateway.cut(ground, network, None) => {
                ground.hit("cut-all");
            }
            What::Partition { node, for_ms, half_open } => {
                network.partition(ground, node, until(now, for_ms, calm), half_open);
            }
            What::Slow { node, factor, for_ms } => {
                ground.hit("slow");
                network.slow(node, until(now, for_ms, calm), factor);
            }
            What::Clone { node, for_ms } => self.clone_node(node, until(now, for_ms, calm)),
            What::Flood { node, messages } => self.live(node, |life, device, around| {
                match life {
                    Life::Socketed(run) => run.flood(device, around, messages),
                    Life::Polling(run) => run.flood(device, around, messages),
                    Life::Nothing => {}
                }
                Fate::GoesOn
            }),
            What::BadConfigs { node, how, for_ms } => {
                self.devices[node].mood.bad_configs(how, until(now, for_ms, calm));
            }
            What::BadFirmware { node, how, for_ms } => {
                self.devices[node].mood.bad_images(how, until(now, for_ms, calm));
            }
            What::ClockSkew { host, by_ms, for_ms } => {
                ground.clocks.set_wrong(host as usize, until(now, for_ms, calm), by_ms);
            }
            What::Ask(ask) => self.application.begin(ground, network, &mut self.exchanges, &ask),
            _ => {}
        }
    }

    /// The power of a node fails. `torn`: it fails when the record is written next, if that is soon.
    fn crash(&mut self, node: usize, torn: bool, off_for: Micros) {
        let device = &mut self.devices[node];
        if !device.is_running() {
            return;
        }
        let run = device.run();
        if !torn {
            self.ground.hit("crash");
            return self.with(node, |device, around| device.crash(around, off_for));
        }
        let new_is_there = device.draw(&self.ground).percent(50);
        device.off_for = off_for;
        device.flash.borrow_mut().tear(new_is_there);
        // If nothing is written, it fails all the same.
        self.ground.after(120 * S, Event::Device(node, Doing::Crash(run, off_for)));
    }

    /// A second device with the node's token joins, and leaves after a while.
    fn clone_node(&mut self, node: usize, until: Micros) {
        let clone = match self.clones[node] {
            Some(clone) => clone,
            None => match self.add_device(node, 1) {
                Ok(clone) => clone,
                Err(_) => return,
            },
        };
        self.clones[node] = Some(clone);
        self.ground.hit("clone");
        let (token, credentials) = self.devices[node].token();
        self.devices[clone].set_token(token, credentials);
        self.devices[clone].start_after(&mut self.ground, 0);
        self.ground.at(until, Event::Device(clone, Doing::Leave));
    }
}
