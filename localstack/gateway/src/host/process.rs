//! Starts and supervises one child process, and cleans up after it.

use std::{
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Inner, Logs,
    function::{Function, Place},
    lock,
};
use crate::{ids, invoke::InvokeError};

/// How long a process may take until it asks for its first invocation ("Understanding the Lambda execution
/// environment lifecycle", Init phase).
const INIT_LIMIT: Duration = Duration::from_secs(10);
/// The longest line, in bytes; longer ones are cut ("Amazon `CloudWatch` Logs quotas": an event is at most 256 KB).
const LINE_LIMIT: u64 = 256 * 1024;
/// How long to wait for the last output of a process that has ended.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// The state of a process that the Runtime API and its supervisor share.
pub(super) struct Process {
    pub(super) place: Place,
    pub(super) function: Arc<Function>,
    pub(super) started: Instant,
    pub(super) kill: Notify,
    /// The error that it reported to `init/error`.
    pub(super) init_error: Mutex<Option<InvokeError>>,
    current: Mutex<Option<Current>>,
    last_line: Mutex<String>,
}

/// The invocation that a process is running.
pub(super) struct Current {
    pub(super) request_id: String,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Process {
    /// Stores the invocation that the process is running now. An earlier one that it never answered fails.
    pub(super) fn begin(&self, current: Current) {
        if let Some(unanswered) = lock(&self.current).replace(current) {
            let _ = unanswered.reply.send(Err(InvokeError::Function {
                kind: "Runtime.NoResponse".into(),
                message: "the function asked for the next invocation without answering this one".into(),
            }));
        }
    }

    /// Takes the current invocation if this is its id.
    pub(super) fn take(&self, request_id: &str) -> Option<Current> {
        lock(&self.current).take_if(|current| current.request_id == request_id)
    }

    fn take_overdue(&self, now: Instant) -> Option<Current> {
        lock(&self.current).take_if(|current| current.deadline <= now)
    }

    fn deadline(&self) -> Option<Instant> {
        lock(&self.current).as_ref().map(|current| current.deadline)
    }
}

/// Starts a process whose place in the pool is claimed.
pub(super) fn start(inner: &Arc<Inner>, function: &Arc<Function>, place: Place) {
    match spawn(inner, function, place) {
        Ok((secret, process, child)) => {
            inner.tasks.spawn(supervise(Arc::clone(inner), secret, process, child));
        }
        Err(error) => {
            let detail = error.to_string();
            let spec = &function.spec;
            let text = format!("{} ({}) can't be started: {detail}", spec.name, spec.program.display());
            if let Some(place) = function.start_failed(place, &detail, &InvokeError::Unavailable(text)) {
                start(inner, function, place);
            }
        }
    }
}

fn spawn(inner: &Arc<Inner>, function: &Arc<Function>, place: Place) -> std::io::Result<(String, Arc<Process>, Child)> {
    let secret = ids::secret().map_err(std::io::Error::other)?;
    let process = Arc::new(Process {
        place,
        function: Arc::clone(function),
        started: Instant::now(),
        kill: Notify::new(),
        init_error: Mutex::default(),
        current: Mutex::default(),
        last_line: Mutex::default(),
    });
    // The process is registered before it is started, because it may call the Runtime API before `spawn` returns.
    lock(&inner.processes).insert(secret.clone(), Arc::clone(&process));
    let child = command(inner, function, &secret).spawn().inspect_err(|_| {
        lock(&inner.processes).remove(&secret);
    })?;
    if !function.started(place, child.id()) {
        process.kill.notify_one();
    }
    Ok((secret, process, child))
}

#[expect(clippy::disallowed_methods, reason = "a child inherits PATH and nothing else")]
fn command(inner: &Inner, function: &Function, secret: &str) -> Command {
    let spec = &function.spec;
    let root = spec.program.parent().unwrap_or_else(|| "/".as_ref());
    let mut command = Command::new(&spec.program);
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
        .envs(&spec.env)
        // The runtime client understands a base path only in a URL with a scheme.
        .env("AWS_LAMBDA_RUNTIME_API", format!("http://{}/{secret}", inner.address))
        .env("AWS_LAMBDA_FUNCTION_NAME", &spec.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory_mb.to_string())
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", spec.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("loopback/[$LATEST]{}", ids::invocation()))
        .env("_HANDLER", "bootstrap")
        .env("LAMBDA_TASK_ROOT", root)
        .env("TZ", ":UTC")
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Waits until a process has ended. Then fails its invocation, and starts another process if one is needed.
async fn supervise(inner: Arc<Inner>, secret: String, process: Arc<Process>, mut child: Child) {
    let stdout = child.stdout.take().map(|out| tail(out, &inner.logs, &process, false));
    let stderr = child.stderr.take().map(|err| tail(err, &inner.logs, &process, true));
    let status = watch(&inner, &process, &mut child).await;
    lock(&inner.processes).remove(&secret);

    let function = &process.function;
    let next = if function.is_ready(process.place) {
        let next = function.ended(process.place);
        if let Some(current) = lock(&process.current).take() {
            let _ = current.reply.send(Err(exit_error(&describe(status))));
        }
        next
    } else {
        // The last output shows the reason. There is a timeout because a grandchild may hold the pipe open.
        for tail in [stdout, stderr].into_iter().flatten() {
            let _ = timeout(LAST_OUTPUT, tail).await;
        }
        let (detail, error) = start_failure(&process, status);
        tracing::warn!(function = %function.spec.name, %detail, "a function could not be started");
        function.start_failed(process.place, &detail, &error)
    };
    if let Some(place) = next {
        start(&inner, function, place);
    }
}

async fn watch(inner: &Inner, process: &Process, child: &mut Child) -> std::io::Result<ExitStatus> {
    let limit = process.function.spec.timeout;
    let init_deadline = Instant::now() + INIT_LIMIT;
    let mut alarm = std::pin::pin!(sleep_until(init_deadline.min(Instant::now() + limit)));
    loop {
        tokio::select! {
            status = child.wait() => return status,
            () = process.kill.notified() => {}
            () = inner.stopping.cancelled() => {}
            () = alarm.as_mut() => {
                let now = Instant::now();
                if let Some(late) = process.take_overdue(now) {
                    let _ = late.reply.send(Err(InvokeError::TimedOut));
                } else if process.function.is_ready(process.place) || now < init_deadline {
                    // An invocation that begins after this is due a whole timeout later. So the alarm need not be moved
                    // for every invocation.
                    alarm.as_mut().reset(process.deadline().unwrap_or(now + limit));
                    continue;
                }
            }
        }
        let _ = child.start_kill();
        return child.wait().await;
    }
}

fn start_failure(process: &Process, status: std::io::Result<ExitStatus>) -> (String, InvokeError) {
    if let Some(error) = lock(&process.init_error).take() {
        return (error.to_string(), error);
    }
    let mut detail = describe(status);
    let last_line = lock(&process.last_line);
    if !last_line.is_empty() {
        detail = format!("{detail}: {last_line}");
    }
    (detail.clone(), exit_error(&detail))
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Lambda's error for a process that ended.
pub(super) fn exit_error(detail: &str) -> InvokeError {
    InvokeError::Function { kind: "Runtime.ExitError".into(), message: format!("Runtime exited with error: {detail}") }
}

/// Passes every line that a process prints to the log.
fn tail(
    from: impl AsyncRead + Send + Unpin + 'static,
    logs: &Logs,
    process: &Arc<Process>,
    remember: bool,
) -> JoinHandle<()> {
    let (logs, process) = (Arc::clone(logs), Arc::clone(process));
    tokio::spawn(async move {
        let mut lines = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut lines).take(LINE_LIMIT).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if remember && !text.trim().is_empty() {
                text.clone_into(&mut lock(&process.last_line));
            }
            logs(&process.function.spec.name, text);
        }
    })
}
