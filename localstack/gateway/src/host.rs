//! Lambda on loopback: real function binaries as child processes, driven over the Runtime API.

mod function;
mod process;
mod runtime_api;

use std::{
    collections::{BTreeMap, HashMap},
    fmt, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{net::TcpListener, sync::oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    assumed,
    invoke::{Invoke, InvokeError},
    listener::Door,
};
use function::{Function, Job};
use process::Process;

/// Takes each line that a function prints: the name of the function, and the line without its end.
pub type Logs = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// A function and its bounds.
#[derive(Debug, Clone)]
pub struct FunctionSpec {
    /// The name of the function for [`Invoke::invoke`].
    pub name: String,
    /// A binary that speaks the Lambda Runtime API, such as one built with `lambda_runtime`.
    pub program: PathBuf,
    /// The environment of its processes. `PATH` and the variables that Lambda sets are added; nothing else is.
    pub env: BTreeMap<String, String>,
    /// How long one invocation may take. After that the process is killed.
    pub timeout: Duration,
    /// The value of `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB. It is not enforced.
    pub memory_mb: u32,
    /// The most processes, and so the concurrency: a process runs one invocation at a time.
    pub max_processes: usize,
    /// How many invocations may wait for a free process. One more is throttled.
    pub max_queued: usize,
}

/// Why the host, or a function, can't be started.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The Runtime API can't listen on a port, or there is no Tokio runtime.
    #[error("the Lambda Runtime API can't listen on loopback")]
    Listen(#[source] io::Error),
    /// Two functions have one name.
    #[error("function {0} is defined twice")]
    Duplicate(String),
    /// No function has this name.
    #[error("there is no function {0}")]
    Unknown(String),
    /// The process ended before it asked for its first invocation, or could not be started.
    #[error("function {function} does not start ({}): {detail}", program.display())]
    Start {
        /// The name of the function.
        function: String,
        /// The binary of the function.
        program: PathBuf,
        /// The error that it reported; or its exit status and its last line on stderr; or the error of the operating
        /// system.
        detail: String,
    },
    /// The host has been shut down.
    #[error("the host has been shut down")]
    Stopped,
}

/// Runs functions as child processes and implements Lambda's Runtime API for them ("AWS Lambda Developer
/// Guide, Using the Lambda runtime API").
///
/// A warm process is used again, the most recently used one first; another is started only if all are busy. A process
/// that has lived for two hours is ended between two invocations, as Lambda does. Children are killed when the host is
/// dropped. If this process is itself killed, its children end because their poll for the next invocation fails.
pub struct Host {
    inner: Arc<Inner>,
}

impl Host {
    /// Binds the Runtime API to a port of its own on 127.0.0.1. No function is started yet.
    ///
    /// # Errors
    /// [`HostError::Listen`] (also when not called from within a Tokio runtime), [`HostError::Duplicate`].
    pub fn start(functions: Vec<FunctionSpec>, logs: Logs) -> Result<Self, HostError> {
        Self::with_lifetime(functions, logs, assumed::LIFETIME)
    }

    /// Starts a host as [`start`](Self::start) does, whose processes live for `lifetime`. With a lifetime of zero, each
    /// process handles one invocation.
    ///
    /// # Errors
    /// The same as those of [`start`](Self::start).
    pub fn with_lifetime(functions: Vec<FunctionSpec>, logs: Logs, lifetime: Duration) -> Result<Self, HostError> {
        let listen = || {
            tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
            let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((TcpListener::from_std(listener)?, address))
        };
        let (listener, address) = listen().map_err(HostError::Listen)?;
        let mut by_name = HashMap::new();
        for spec in functions {
            let name = spec.name.clone();
            if by_name.insert(name.clone(), Arc::new(Function::new(spec))).is_some() {
                return Err(HostError::Duplicate(name));
            }
        }
        let inner = Arc::new(Inner {
            functions: by_name,
            processes: Mutex::default(),
            address,
            lifetime,
            logs,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            door: runtime_api::door(),
        });
        inner.tasks.spawn(runtime_api::serve(Arc::clone(&inner), listener));
        Ok(Self { inner })
    }

    /// Starts one process of `function`, unless one is running, and waits until it asks for its first
    /// invocation.
    ///
    /// # Errors
    /// [`HostError::Start`], which names the binary and the last line that it printed; [`HostError::Unknown`].
    pub async fn ensure_ready(&self, function: &str) -> Result<(), HostError> {
        let function = self.inner.function(function)?;
        let Some((ready, place)) = function.await_ready() else {
            return Ok(());
        };
        if let Some(place) = place {
            process::start(&self.inner, function, place);
        }
        match ready.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(detail)) => Err(HostError::Start {
                function: function.spec.name.clone(),
                program: function.spec.program.clone(),
                detail,
            }),
            Err(_) => Err(HostError::Stopped),
        }
    }

    /// The ids of the function's processes; empty if the function is unknown. A process that was killed is listed, and
    /// may be given an invocation, until the host has noticed its end.
    pub fn processes(&self, function: &str) -> Vec<u32> {
        self.inner.functions.get(function).map_or_else(Vec::new, |function| function.pids())
    }

    /// Kills all processes, fails their invocations, and waits until they have ended.
    pub async fn shutdown(&self) {
        self.inner.stop();
        self.inner.tasks.wait().await;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.inner.stop();
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("address", &self.inner.address)
            .field("functions", &self.inner.functions.keys())
            .finish_non_exhaustive()
    }
}

impl Invoke for Host {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let Ok(function) = self.inner.function(function).map(Arc::clone) else {
            let unknown = HostError::Unknown(function.to_owned());
            return futures_util::future::err(InvokeError::Unavailable(unknown.to_string())).boxed();
        };
        let inner = Arc::clone(&self.inner);
        async move {
            let (reply, answer) = oneshot::channel();
            if let Some(place) = function.dispatch(Job::new(payload, reply))? {
                process::start(&inner, &function, place);
            }
            answer.await.unwrap_or_else(|_| Err(process::exit_error("the process has ended")))
        }
        .boxed()
    }
}

/// The state that the host, its Runtime API and the supervisors of processes share.
struct Inner {
    functions: HashMap<String, Arc<Function>>,
    /// The processes by the secret path segment with which each calls the Runtime API.
    processes: Mutex<HashMap<String, Arc<Process>>>,
    address: SocketAddr,
    /// How long a process may live.
    lifetime: Duration,
    logs: Logs,
    tasks: TaskTracker,
    stopping: CancellationToken,
    door: Door,
}

impl Inner {
    fn function(&self, name: &str) -> Result<&Arc<Function>, HostError> {
        self.functions.get(name).ok_or_else(|| HostError::Unknown(name.to_owned()))
    }

    fn process(&self, secret: &str) -> Option<Arc<Process>> {
        lock(&self.processes).get(secret).cloned()
    }

    fn stop(&self) {
        for function in self.functions.values() {
            function.close();
        }
        self.stopping.cancel();
        self.tasks.close();
    }
}

/// Locks a mutex, even if a panic has poisoned it: each of these values is changed in one step, so it is valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
