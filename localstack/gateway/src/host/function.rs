//! A function's processes and the invocations that wait for one.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};

use super::{FunctionSpec, lock};
use crate::invoke::InvokeError;

/// After this many starts in a row that failed, those who wait are told, and nothing is started for a while.
const FAILED_STARTS: u32 = 3;
/// For this long.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// One invocation.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) payload: Bytes,
    pub(super) reply: oneshot::Sender<Result<Bytes, InvokeError>>,
}

/// Resolves when a process has asked for its first invocation, or to why none did.
pub(super) type Ready = oneshot::Receiver<Result<(), String>>;

/// A function and its pool.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) spec: FunctionSpec,
    pub(super) arn: String,
    pool: Mutex<Pool>,
}

#[derive(Debug, Default)]
struct Pool {
    /// Warm processes, most recently used last.
    idle: Vec<(Place, oneshot::Sender<Job>)>,
    queue: VecDeque<Job>,
    processes: Vec<Slot>,
    last_place: u64,
    failed_starts: u32,
    broken: Option<(Instant, InvokeError)>,
    awaiting_ready: Vec<oneshot::Sender<Result<(), String>>>,
    closed: bool,
}

/// A process's place in the pool, claimed before it is started and given back when it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u64);

#[derive(Debug)]
struct Slot {
    place: Place,
    pid: Option<u32>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has not asked for an invocation yet.
    Starting,
    /// It has asked, and waits or works.
    Ready,
    /// It has answered and is about to ask for more: a caller that comes back at once waits for it instead of
    /// having another process started.
    Returning,
}

/// What a process gets when it asks for an invocation.
pub(super) enum Next {
    Now(Job),
    Later(oneshot::Receiver<Job>),
}

impl Function {
    pub(super) fn new(mut spec: FunctionSpec) -> Self {
        // Its processes run in another directory.
        if let Ok(program) = std::path::absolute(&spec.program) {
            spec.program = program;
        }
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{}", spec.name);
        Self { spec, arn, pool: Mutex::default() }
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        lock(&self.pool).processes.iter().filter_map(|slot| slot.pid).collect()
    }

    /// Hands an invocation to a warm process, or queues it; then the caller is to start a process in the place,
    /// if one is returned.
    ///
    /// # Errors
    /// Throttled if the queue is full; otherwise why no process can run it.
    pub(super) fn dispatch(&self, mut job: Job) -> Result<Option<Place>, InvokeError> {
        let mut pool = lock(&self.pool);
        if pool.closed {
            return Err(closed());
        }
        while let Some((_, hand)) = pool.idle.pop() {
            match hand.send(job) {
                Ok(()) => return Ok(None),
                // Its poll is gone, so it is dying: the next one.
                Err(back) => job = back,
            }
        }
        if let Some((until, error)) = &pool.broken {
            if Instant::now() < *until {
                return Err(error.clone());
            }
            pool.broken = None;
        }
        // An invocation for which a process is on its way does not count as waiting.
        let may_start = self.spec.max_processes.saturating_sub(pool.processes.len());
        let room = self.spec.max_queued + pool.on_their_way() + may_start;
        if pool.queue.len() >= room {
            pool.queue.retain(|job| !job.reply.is_closed());
        }
        if pool.queue.len() >= room {
            return Err(InvokeError::Throttled);
        }
        pool.queue.push_back(job);
        Ok(pool.claim_if_desired(&self.spec))
    }

    /// None if a process is ready; otherwise what to wait for, and the place to start one in.
    pub(super) fn await_ready(&self) -> Option<(Ready, Option<Place>)> {
        let mut pool = lock(&self.pool);
        if pool.any_ready() {
            return None;
        }
        let (tell, told) = oneshot::channel();
        // A sender that is dropped at once says that the host is shut down.
        if pool.closed {
            return Some((told, None));
        }
        pool.awaiting_ready.push(tell);
        let place = pool.processes.is_empty().then(|| pool.claim());
        Some((told, place))
    }

    /// A process runs in its place; false if it must not, since the host is shut down.
    pub(super) fn started(&self, place: Place, pid: Option<u32>) -> bool {
        let mut pool = lock(&self.pool);
        if let Some(slot) = pool.slot(place) {
            slot.pid = pid;
        }
        !pool.closed
    }

    /// Whether a process has asked for an invocation.
    pub(super) fn is_ready(&self, place: Place) -> bool {
        lock(&self.pool).slot(place).is_some_and(|slot| slot.state != State::Starting)
    }

    /// A process asks for an invocation. None if it is known to be gone, or is to be ended: one that is old, and has
    /// answered. Its place is still taken then, and whoever waits for it waits for the one that follows.
    pub(super) fn next(&self, place: Place, is_old: bool) -> Option<Next> {
        let mut pool = lock(&self.pool);
        let slot = pool.slot(place)?;
        if is_old && slot.state == State::Returning {
            return None;
        }
        let before = std::mem::replace(&mut slot.state, State::Ready);
        if before == State::Starting {
            pool.failed_starts = 0;
            for tell in pool.awaiting_ready.drain(..) {
                let _ = tell.send(Ok(()));
            }
        }
        // Whoever stopped waiting for an answer no longer needs the work done.
        while let Some(job) = pool.queue.pop_front() {
            if !job.reply.is_closed() {
                return Some(Next::Now(job));
            }
        }
        let (hand, handed) = oneshot::channel();
        pool.idle.push((place, hand));
        Some(Next::Later(handed))
    }

    /// A process has answered. To be called before its caller is told, who may come back sooner than it does.
    pub(super) fn answered(&self, place: Place) {
        if let Some(slot) = lock(&self.pool).slot(place) {
            slot.state = State::Returning;
        }
    }

    /// A process is gone that had been ready. Returns the place to start another in, if one is desired.
    pub(super) fn ended(&self, place: Place) -> Option<Place> {
        let mut pool = lock(&self.pool);
        pool.give_back(place);
        pool.claim_if_desired(&self.spec)
    }

    /// A process, or the attempt to start one, ended before it was ready. Returns the place to start another in,
    /// if one is desired and not too many have failed.
    pub(super) fn start_failed(&self, place: Place, detail: &str, error: &InvokeError) -> Option<Place> {
        let mut pool = lock(&self.pool);
        pool.give_back(place);
        pool.failed_starts += 1;
        for tell in pool.awaiting_ready.drain(..) {
            let _ = tell.send(Err(detail.to_owned()));
        }
        if pool.failed_starts < FAILED_STARTS {
            return pool.claim_if_desired(&self.spec);
        }
        if !pool.any_ready() {
            for job in pool.queue.drain(..) {
                let _ = job.reply.send(Err(error.clone()));
            }
        }
        pool.failed_starts = 0;
        pool.broken = Some((Instant::now() + COOL_DOWN, error.clone()));
        None
    }

    /// Nothing more is started or taken; what waits is told.
    pub(super) fn close(&self) {
        let mut pool = lock(&self.pool);
        pool.closed = true;
        pool.idle.clear();
        pool.awaiting_ready.clear();
        for job in pool.queue.drain(..) {
            let _ = job.reply.send(Err(closed()));
        }
    }
}

impl Pool {
    fn slot(&mut self, place: Place) -> Option<&mut Slot> {
        self.processes.iter_mut().find(|slot| slot.place == place)
    }

    fn any_ready(&self) -> bool {
        self.processes.iter().any(|slot| slot.state != State::Starting)
    }

    /// Processes that will ask for work soon.
    fn on_their_way(&self) -> usize {
        self.processes.iter().filter(|slot| slot.state != State::Ready).count()
    }

    fn claim(&mut self) -> Place {
        self.last_place += 1;
        let place = Place(self.last_place);
        self.processes.push(Slot { place, pid: None, state: State::Starting });
        place
    }

    fn claim_if_desired(&mut self, spec: &FunctionSpec) -> Option<Place> {
        let desired = self.on_their_way() < self.queue.len() && self.processes.len() < spec.max_processes;
        (desired && !self.closed).then(|| self.claim())
    }

    fn give_back(&mut self, place: Place) {
        self.processes.retain(|slot| slot.place != place);
        self.idle.retain(|(idle, _)| *idle != place);
    }
}

fn closed() -> InvokeError {
    InvokeError::Unavailable("the host has been shut down".into())
}

#[cfg(test)]
mod tests;
