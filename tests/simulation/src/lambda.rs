//! Lambda: instances that run one invocation at a time, start cold, are used again, are refused, and die.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use rollcall_core::Timestamp;
use rollcall_fleet::Seen;

use crate::call::Answer;
use crate::clocks::{HOSTS, true_time};
use crate::draw::{Draw, Who};
use crate::event::{Called, DeviceNo, Event, FUNCTIONS, Function, Invoking, Payload, Purpose, Returned};
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};
use crate::said::server_message;
use crate::service::{Handled, Instance, Kind, Service};
use crate::slab::Slab;

/// After how long without an invocation an instance ends. Observed, not documented.
const WARM: Micros = 480 * S;
/// How many instances run at once (Lambda quotas, "Concurrent executions").
const CONCURRENCY: usize = 1_000;

/// All functions.
pub(crate) struct Lambda {
    service: Service,
    pools: [Pool; FUNCTIONS],
    invocations: Slab<Invocation>,
    running: usize,
    /// How many invocations there were on behalf of the application, and of each device.
    counts: Vec<u64>,
    /// How many invocations of each function there were on the way to the application.
    outbound: [u64; FUNCTIONS],
    total: u64,
}

/// The idle instances of a function; the one that was used last is used next.
#[derive(Default)]
struct Pool {
    idle: Vec<(Micros, Instance)>,
    started: u64,
}

/// An invocation.
struct Invocation {
    function: Function,
    payload: Option<Payload>,
    purpose: Purpose,
    began: Micros,
    instance: Instance,
    running: Option<Pin<Box<dyn Future<Output = Returned>>>>,
    /// If it is to die: where it waits for the how-manieth time; 0 is before it has begun.
    dies_after: Option<u64>,
    /// Whether the time that its function may take is watched.
    watched: bool,
    draw: Draw,
}

impl Lambda {
    /// Lambda with these functions.
    pub(crate) fn new(service: Service) -> Self {
        Self {
            service,
            pools: std::array::from_fn(|_| Pool::default()),
            invocations: Slab::default(),
            running: 0,
            counts: vec![],
            outbound: [0; FUNCTIONS],
            total: 0,
        }
    }

    /// How many invocations there were.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// A function is to run.
    pub(crate) fn invoke(&mut self, ground: &mut Ground, invoking: Invoking) {
        let Invoking { function, payload, purpose, behalf, patience } = invoking;
        let mut draw = self.draw(ground, function, behalf);
        if self.running >= CONCURRENCY || ground.hits(Fault::LambdaThrottled, &mut draw) {
            let after = draw.between(2 * MS, 10 * MS);
            return ground.after(after, Event::Returned(purpose, Box::new(Returned::Throttled)));
        }
        self.total += 1;
        self.running += 1;
        let (instance, cold) = self.instance(ground, function, &mut draw);
        let starts = draw.between(2 * MS, 8 * MS) + cold;
        let dies_after = ground.much(Fault::InstancesKilled).and_then(|percent| {
            let dies = draw.below(100) < percent;
            dies.then(|| draw.below(6))
        });
        let began = ground.now();
        let invocation = Invocation {
            function,
            payload: Some(payload),
            purpose,
            began,
            instance,
            running: None,
            dies_after,
            watched: false,
            draw,
        };
        let number = self.invocations.insert(invocation);
        ground.after(starts, Event::Begin(number));
        if cold > 0 && purpose != Purpose::Nothing {
            ground.after(patience, Event::GivenUp(number));
        }
    }

    /// The instance is ready.
    pub(crate) fn begin(&mut self, ground: &mut Ground, number: u64) {
        let Some(invocation) = self.invocations.get(number) else { return };
        let Some(payload) = invocation.payload.take() else { return };
        if invocation.dies_after == Some(0) {
            ground.hit(Fault::InstancesKilled.name());
            return self.die(ground, number);
        }
        let now = ground.clock(invocation.instance.host());
        invocation.began = ground.now();
        invocation.running = Some(invocation.instance.run(payload, now));
        self.go_on(ground, number);
    }

    /// A call of an invocation is answered.
    pub(crate) fn answered(&mut self, ground: &mut Ground, number: u64, call: u64, answer: Answer) {
        let Some(invocation) = self.invocations.get(number) else { return };
        if invocation.instance.desk().answer(call, answer) {
            self.go_on(ground, number);
        }
    }

    /// A call of an invocation takes long: from now on the time of the invocation is watched.
    pub(crate) fn slow(&mut self, ground: &mut Ground, number: u64) {
        let Some(invocation) = self.invocations.get(number) else { return };
        if !std::mem::replace(&mut invocation.watched, true) {
            ground.at(invocation.began + invocation.function.timeout(), Event::Overdue(number));
        }
    }

    /// The time that the function may take is over: Lambda ends the instance.
    pub(crate) fn overdue(&mut self, ground: &mut Ground, number: u64) {
        self.die(ground, number);
    }

    /// The gateway waits no longer. The invocation goes on.
    pub(crate) fn given_up(&mut self, ground: &mut Ground, number: u64) {
        let Some(invocation) = self.invocations.get(number) else { return };
        let purpose = std::mem::replace(&mut invocation.purpose, Purpose::Nothing);
        ground.soon(Event::Returned(purpose, Box::new(Returned::TimedOut)));
    }

    fn draw(&mut self, ground: &Ground, function: Function, behalf: Option<DeviceNo>) -> Draw {
        if !matches!(function, Function::Feed | Function::Deliver) {
            return ground.draw(Who::Invocation(behalf), self.count(behalf));
        }
        self.outbound[function as usize] += 1;
        ground.draw(Who::Outbound(function as usize), self.outbound[function as usize])
    }

    fn count(&mut self, behalf: Option<DeviceNo>) -> u64 {
        let place = behalf.map_or(0, |device| device + 1);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        self.counts[place]
    }

    /// An instance, and how long it takes to start.
    fn instance(&mut self, ground: &mut Ground, function: Function, draw: &mut Draw) -> (Instance, Micros) {
        let pool = &mut self.pools[function as usize];
        let now = ground.now();
        if ground.much(Fault::ColdStarts).is_some() {
            ground.hit(Fault::ColdStarts.name());
            pool.idle.clear();
        } else if let Some((since, instance)) = pool.idle.pop() {
            if now - since <= WARM {
                return (instance, 0);
            }
            // The others were idle for longer.
            pool.idle.clear();
        }
        pool.started += 1;
        let mut of_instance = ground.draw(Who::Instance(function as usize), pool.started);
        let host = usize::try_from(of_instance.below(HOSTS as u64)).unwrap_or_default();
        // One in two hundred does not come up before the gateway gives up.
        let hangs = ground.much(Fault::ColdStarts).is_some() && draw.below(200) == 0;
        let cold = if hangs { 40 * S } else { draw.between(20 * MS, 400 * MS) };
        (self.service.instance(function, host), cold)
    }

    /// Lets an invocation go on until it waits again or has returned.
    fn go_on(&mut self, ground: &mut Ground, number: u64) {
        let Some(invocation) = self.invocations.get(number) else { return };
        let Some(running) = invocation.running.as_mut() else { return };
        // The others are told the time with the event.
        if matches!(invocation.function, Function::Deliver | Function::Console) {
            let now = ground.clock(invocation.instance.host());
            invocation.instance.desk().tick(now);
        }
        match running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(returned) => self.finish(ground, number, returned),
            Poll::Pending => self.wait(ground, number),
        }
    }

    /// The calls that an invocation has made are made, unless it dies before it has made them.
    fn wait(&mut self, ground: &mut Ground, number: u64) {
        let Some(invocation) = self.invocations.get(number) else { return };
        invocation.dies_after = invocation.dies_after.map(|left| left.saturating_sub(1));
        let dies = invocation.dies_after == Some(0);
        let unsent = dies && invocation.draw.percent(30);
        let patient = matches!(
            invocation.function,
            Function::Disconnect | Function::Console | Function::Sweep | Function::Feed | Function::Deliver
        );
        let made = invocation.instance.desk().made();
        for (call, request) in made.into_iter().filter(|_| !unsent) {
            let draw = Draw::of(invocation.draw.number(), Who::Index, call);
            ground.soon(Event::Called(Box::new(Called { invocation: number, call, request, patient, draw })));
        }
        if dies {
            ground.hit(Fault::InstancesKilled.name());
            self.die(ground, number);
        }
    }

    fn die(&mut self, ground: &mut Ground, number: u64) {
        let Some(mut dead) = self.invocations.remove(number) else { return };
        self.running -= 1;
        // What it waited for is dropped with it, and its instance is gone.
        let after = dead.draw.between(MS, 20 * MS);
        ground.after(after, Event::Returned(dead.purpose, Box::new(Returned::Failed)));
    }

    fn finish(&mut self, ground: &mut Ground, number: u64, returned: Returned) {
        let Some(mut invocation) = self.invocations.remove(number) else { return };
        self.running -= 1;
        if let Some(handled) = invocation.instance.handled() {
            saw(ground, handled, true_time(invocation.began), &returned);
        }
        drop(invocation.running.take());
        let now = ground.now();
        self.pools[invocation.function as usize].idle.push((now, invocation.instance));
        if invocation.purpose != Purpose::Nothing {
            let after = invocation.draw.between(MS, 4 * MS);
            ground.after(after, Event::Returned(invocation.purpose, Box::new(returned)));
        }
    }
}

/// Tells the witness what a function has answered to a node.
fn saw(ground: &mut Ground, handled: Handled, began: Timestamp, returned: &Returned) {
    let Handled { node, credentials, what } = handled;
    let credentials = credentials.0;
    let (status, text) = match returned {
        Returned::Answer { status, body } => (*status, body.as_deref()),
        Returned::Http(reply) => (reply.status, reply.body.as_deref()),
        _ => (0, None),
    };
    let connection = match what {
        Kind::Message(connection) => Some(connection),
        Kind::Poll => None,
        Kind::Document(sha256) => {
            return ground.saw(Seen::Served { node, credentials, began, sha256: Some(sha256), status });
        }
        Kind::Image => return ground.saw(Seen::Served { node, credentials, began, sha256: None, status }),
    };
    let answer = text.and_then(server_message);
    let handled = Seen::Handled { node, connection, credentials, began, answer };
    ground.saw_text(handled, text.unwrap_or_default());
}

impl Function {
    /// How long an invocation may take (`infra/template.yaml`).
    fn timeout(self) -> Micros {
        match self {
            Self::Authorize => 3 * S,
            Self::Connect | Self::CheckIn | Self::Disconnect | Self::Poll => 10 * S,
            Self::Console => 29 * S,
            Self::Sweep | Self::Feed => 60 * S,
            Self::Deliver => 90 * S,
        }
    }
}
