//! The processes of a function, and the invocations that wait for one.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};

use super::{FunctionSpec, lock};
use crate::invoke::InvokeError;

/// After this many failed starts in a row, the waiting invocations fail, and no process is started for [`COOL_DOWN`].
const FAILED_STARTS: u32 = 3;
const COOL_DOWN: Duration = Duration::from_secs(1);
/// While an invocation has waited this long for a process, further ones are refused. Lambda refuses whatever is over its
/// concurrency at once ("Lambda function scaling", `TooManyRequestsException`). If invocations waited until their callers
/// give up, an overloaded function would only work for callers that are gone, and never recover.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// One invocation.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) payload: Bytes,
    pub(super) reply: oneshot::Sender<Result<Bytes, InvokeError>>,
    since: Instant,
}

impl Job {
    /// An invocation that begins to wait now.
    pub(super) fn new(payload: Bytes, reply: oneshot::Sender<Result<Bytes, InvokeError>>) -> Self {
        Self { payload, reply, since: Instant::now() }
    }

    fn has_waited_long(&self) -> bool {
        self.since.elapsed() >= LONGEST_WAIT
    }
}

/// Resolves to `Ok` when a process has asked for its first invocation, or to the reason why none did.
pub(super) type Ready = oneshot::Receiver<Result<(), String>>;

/// A function and its pool of processes.
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
    /// Failed starts in a row.
    failed_starts: u32,
    /// Until when invocations fail at once, and with which error.
    broken: Option<(Instant, InvokeError)>,
    awaiting_ready: Vec<oneshot::Sender<Result<(), String>>>,
    closed: bool,
}

/// The place of a process in the pool. It is claimed before the process is started, and given back when it has ended.
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
    /// The process has not asked for an invocation yet.
    Starting,
    /// The process has asked for an invocation, and waits for it or runs it.
    Ready,
    /// The process has answered and will ask for the next invocation soon. A caller that comes back at once waits for
    /// it, and no other process is started.
    Returning,
}

/// The answer to a process that asks for an invocation.
pub(super) enum Next {
    Now(Job),
    Later(oneshot::Receiver<Job>),
}

impl Function {
    pub(super) fn new(mut spec: FunctionSpec) -> Self {
        // A relative path would not be found, because the processes run in another directory.
        if let Ok(program) = std::path::absolute(&spec.program) {
            spec.program = program;
        }
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{}", spec.name);
        Self { spec, arn, pool: Mutex::default() }
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        lock(&self.pool).processes.iter().filter_map(|slot| slot.pid).collect()
    }

    /// Gives an invocation to a warm process, or queues it. If a place is returned, the caller must start a process in
    /// it.
    ///
    /// # Errors
    /// `Throttled` if the queue is full or too slow; otherwise the reason why no process can run it.
    pub(super) fn dispatch(&self, mut job: Job) -> Result<Option<Place>, InvokeError> {
        let mut pool = lock(&self.pool);
        if pool.closed {
            return Err(closed());
        }
        while let Some((_, sender)) = pool.idle.pop() {
            match sender.send(job) {
                Ok(()) => return Ok(None),
                // The poll of this process has ended, so the process is ending: try the next one.
                Err(returned) => job = returned,
            }
        }
        if let Some((until, error)) = &pool.broken {
            if Instant::now() < *until {
                return Err(error.clone());
            }
            pool.broken = None;
        }
        // An invocation does not count as waiting if a process is starting for it or can be started.
        let may_start = self.spec.max_processes.saturating_sub(pool.processes.len());
        let room = self.spec.max_queued + pool.soon_ready() + may_start;
        if pool.is_behind(room) {
            pool.queue.retain(|job| !job.reply.is_closed());
        }
        if pool.is_behind(room) {
            return Err(InvokeError::Throttled);
        }
        pool.queue.push_back(job);
        Ok(pool.claim_if_needed(&self.spec))
    }

    /// `None` if a process is ready. Otherwise a receiver to wait for, and the place to start a process in, if needed.
    pub(super) fn await_ready(&self) -> Option<(Ready, Option<Place>)> {
        let mut pool = lock(&self.pool);
        if pool.any_ready() {
            return None;
        }
        let (sender, ready) = oneshot::channel();
        // If the sender is dropped at once, the receiver knows that the host is shut down.
        if pool.closed {
            return Some((ready, None));
        }
        pool.awaiting_ready.push(sender);
        let place = pool.processes.is_empty().then(|| pool.claim());
        Some((ready, place))
    }

    /// A process was started in its place. Returns false if it must be ended, because the host is shut down.
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

    /// A process asks for an invocation. `None` if the process has ended, or must be ended because it is old and has
    /// answered. Its place is still taken then, and the waiting invocations wait for the process that follows.
    pub(super) fn next(&self, place: Place, is_old: bool) -> Option<Next> {
        let mut pool = lock(&self.pool);
        let slot = pool.slot(place)?;
        if is_old && slot.state == State::Returning {
            return None;
        }
        let before = std::mem::replace(&mut slot.state, State::Ready);
        if before == State::Starting {
            pool.failed_starts = 0;
            for waiting in pool.awaiting_ready.drain(..) {
                let _ = waiting.send(Ok(()));
            }
        }
        // An invocation whose caller no longer waits is skipped.
        while let Some(job) = pool.queue.pop_front() {
            if !job.reply.is_closed() {
                return Some(Next::Now(job));
            }
        }
        let (sender, job) = oneshot::channel();
        pool.idle.push((place, sender));
        Some(Next::Later(job))
    }

    /// A process has answered. This must be called before the answer is passed on: the caller may invoke the function
    /// again before the process asks for its next invocation.
    pub(super) fn answered(&self, place: Place) {
        if let Some(slot) = lock(&self.pool).slot(place) {
            slot.state = State::Returning;
        }
    }

    /// A process that had been ready has ended. Returns the place to start another one in, if one is needed.
    pub(super) fn ended(&self, place: Place) -> Option<Place> {
        let mut pool = lock(&self.pool);
        pool.give_back(place);
        pool.claim_if_needed(&self.spec)
    }

    /// A process could not be started, or ended before it was ready. Returns the place to start another one in, if one
    /// is needed and not too many starts have failed.
    pub(super) fn start_failed(&self, place: Place, detail: &str, error: &InvokeError) -> Option<Place> {
        let mut pool = lock(&self.pool);
        pool.give_back(place);
        pool.failed_starts += 1;
        for waiting in pool.awaiting_ready.drain(..) {
            let _ = waiting.send(Err(detail.to_owned()));
        }
        if pool.failed_starts < FAILED_STARTS {
            return pool.claim_if_needed(&self.spec);
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

    /// From now on no process is started and no invocation is accepted. Those that wait fail.
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

    /// Whether the queue is full, or its first invocation has waited for too long.
    fn is_behind(&self, room: usize) -> bool {
        self.queue.len() >= room || self.queue.front().is_some_and(Job::has_waited_long)
    }

    fn any_ready(&self) -> bool {
        self.processes.iter().any(|slot| slot.state != State::Starting)
    }

    /// How many processes will ask for an invocation soon.
    fn soon_ready(&self) -> usize {
        self.processes.iter().filter(|slot| slot.state != State::Ready).count()
    }

    fn claim(&mut self) -> Place {
        self.last_place += 1;
        let place = Place(self.last_place);
        self.processes.push(Slot { place, pid: None, state: State::Starting });
        place
    }

    fn claim_if_needed(&mut self, spec: &FunctionSpec) -> Option<Place> {
        let needed = self.soon_ready() < self.queue.len() && self.processes.len() < spec.max_processes;
        (needed && !self.closed).then(|| self.claim())
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
