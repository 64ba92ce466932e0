//! A function's processes and the invocations that wait for one.

use std::{
    collections::VecDeque,
    path::{self, PathBuf},
    sync::Mutex,
    time::Duration,
};

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
    idle: Vec<Idle>,
    queue: VecDeque<Job>,
    running: Vec<(String, u32)>,
    /// Processes that count against the maximum: running, or about to.
    claimed: usize,
    /// Of those, the ones that have not asked for an invocation yet.
    starting: usize,
    failed_starts: u32,
    broken: Option<(Instant, InvokeError)>,
    awaiting_ready: Vec<oneshot::Sender<Result<(), String>>>,
    closed: bool,
}

#[derive(Debug)]
struct Idle {
    secret: String,
    hand: oneshot::Sender<Job>,
}

/// What became of an invocation that was handed in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Dispatched {
    /// A process has it, or will.
    Taken,
    /// It waits, and the caller is to start a process: the place for it is claimed.
    NeedsProcess,
}

/// What a process gets when it asks for an invocation.
pub(super) enum Next {
    Now(Job),
    Later(oneshot::Receiver<Job>),
}

impl Function {
    pub(super) fn new(mut spec: FunctionSpec) -> Self {
        // Its processes run in another directory.
        spec.program = path::absolute(&spec.program).unwrap_or_else(|_| PathBuf::from(&spec.program));
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{}", spec.name);
        Self { spec, arn, pool: Mutex::default() }
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        lock(&self.pool).running.iter().map(|(_, pid)| *pid).collect()
    }

    /// Hands an invocation to a warm process, or queues it.
    ///
    /// # Errors
    /// Throttled if the queue is full; otherwise why no process can run it.
    pub(super) fn dispatch(&self, mut job: Job) -> Result<Dispatched, InvokeError> {
        let mut pool = lock(&self.pool);
        if pool.closed {
            return Err(InvokeError::Unavailable("the host has been shut down".into()));
        }
        while let Some(idle) = pool.idle.pop() {
            match idle.hand.send(job) {
                Ok(()) => return Ok(Dispatched::Taken),
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
        let may_start = self.spec.max_processes.saturating_sub(pool.claimed);
        let room = self.spec.max_queued + pool.starting + may_start;
        if pool.queue.len() >= room {
            pool.queue.retain(|job| !job.reply.is_closed());
        }
        if pool.queue.len() >= room {
            return Err(InvokeError::Throttled);
        }
        pool.queue.push_back(job);
        Ok(if pool.claim(&self.spec) { Dispatched::NeedsProcess } else { Dispatched::Taken })
    }

    /// None if a process is ready; otherwise what to wait for, and whether to start one.
    pub(super) fn await_ready(&self) -> Option<(oneshot::Receiver<Result<(), String>>, bool)> {
        let mut pool = lock(&self.pool);
        if pool.claimed > pool.starting {
            return None;
        }
        let (tell, told) = oneshot::channel();
        // A sender that is dropped at once says that the host is shut down.
        if pool.closed {
            return Some((told, false));
        }
        pool.awaiting_ready.push(tell);
        let start = pool.claimed == 0;
        if start {
            pool.claimed += 1;
            pool.starting += 1;
        }
        Some((told, start))
    }

    /// A claimed process runs; false if it must not, since the host is shut down.
    pub(super) fn started(&self, secret: &str, pid: u32) -> bool {
        let mut pool = lock(&self.pool);
        pool.running.push((secret.to_owned(), pid));
        !pool.closed
    }

    /// A process asks for an invocation, `first` for the first time.
    pub(super) fn next(&self, secret: &str, first: bool) -> Next {
        let mut pool = lock(&self.pool);
        if first {
            pool.starting -= 1;
            pool.failed_starts = 0;
            for tell in pool.awaiting_ready.drain(..) {
                let _ = tell.send(Ok(()));
            }
        }
        // Whoever stopped waiting for an answer no longer needs the work done.
        while let Some(job) = pool.queue.pop_front() {
            if !job.reply.is_closed() {
                return Next::Now(job);
            }
        }
        let (hand, handed) = oneshot::channel();
        pool.idle.push(Idle { secret: secret.to_owned(), hand });
        Next::Later(handed)
    }

    /// A process is gone that had been ready. True if another is to be started, whose place is claimed.
    pub(super) fn ended(&self, secret: &str) -> bool {
        let mut pool = lock(&self.pool);
        pool.forget(secret);
        pool.claim(&self.spec)
    }

    /// A process, or the attempt to start one, ended before it was ready. True if another is to be started,
    /// whose place is claimed.
    pub(super) fn start_failed(&self, secret: &str, detail: &str, error: &InvokeError) -> bool {
        let mut pool = lock(&self.pool);
        pool.forget(secret);
        pool.starting -= 1;
        pool.failed_starts += 1;
        for tell in pool.awaiting_ready.drain(..) {
            let _ = tell.send(Err(detail.to_owned()));
        }
        if pool.failed_starts < FAILED_STARTS {
            return pool.claim(&self.spec);
        }
        if pool.claimed == pool.starting {
            for job in pool.queue.drain(..) {
                let _ = job.reply.send(Err(error.clone()));
            }
        }
        pool.failed_starts = 0;
        pool.broken = Some((Instant::now() + COOL_DOWN, error.clone()));
        false
    }

    /// Nothing more is started or taken; what waits is told.
    pub(super) fn close(&self) {
        let mut pool = lock(&self.pool);
        pool.closed = true;
        pool.idle.clear();
        pool.awaiting_ready.clear();
        for job in pool.queue.drain(..) {
            let error = InvokeError::Unavailable("the host has been shut down".into());
            let _ = job.reply.send(Err(error));
        }
    }
}

impl Pool {
    /// Claims a place for a process if one is wanted and there is room.
    fn claim(&mut self, spec: &FunctionSpec) -> bool {
        let wanted = self.starting < self.queue.len() && self.claimed < spec.max_processes;
        if wanted && !self.closed {
            self.claimed += 1;
            self.starting += 1;
            return true;
        }
        false
    }

    fn forget(&mut self, secret: &str) {
        self.claimed -= 1;
        self.running.retain(|(running, _)| running != secret);
        self.idle.retain(|idle| idle.secret != secret);
    }
}
