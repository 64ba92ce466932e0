//! One child process: started, supervised, and cleaned up after.

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
/// Longer lines are cut, in bytes ("Amazon `CloudWatch` Logs quotas": an event is at most 256 KB).
const LINE_LIMIT: u64 = 256 * 1024;
/// How long to wait for the last words of a process that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A process, as the Runtime API and its supervisor see it.
pub(super) struct Process {
    pub(super) place: Place,
    pub(super) function: Arc<Function>,
    pub(super) started: Instant,
    pub(super) kill: Notify,
    /// What it reported to `init/error`.
    pub(super) init_error: Mutex<Option<InvokeError>>,
    current: Mutex<Option<Current>>,
    last_line: Mutex<String>,
}

/// The invocation a process works on.
pub(super) struct Current {
    pub(super) request_id: String,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Process {
    /// Notes what the process works on now. What it worked on before, and never answered, has failed.
    pub(super) fn begin(&self, current: Current) {
        if let Some(forgotten) = lock(&self.current).replace(current) {
            let _ = forgotten.reply.send(Err(InvokeError::Function {
                kind: "Runtime.NoResponse".into(),
                message: "the function asked for the next invocation without answering this one".into(),
            }));
        }
    }

    /// Takes the current invocation if it is `request_id`.
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
    // Known before it runs: it may call before we are back from starting it.
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
        // Base paths are understood only behind a scheme.
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

/// Stays with a process until it is gone, then settles what it leaves behind.
async fn supervise(inner: Arc<Inner>, secret: String, process: Arc<Process>, mut child: Child) {
    let stdout = child.stdout.take().map(|out| tail(out, &inner.logs, &process, false));
    let stderr = child.stderr.take().map(|err| tail(err, &inner.logs, &process, true));
    let status = watch(&inner, &process, &mut child).await;
    lock(&inner.processes).remove(&secret);

    let function = &process.function;
    let again = if function.is_ready(process.place) {
        let again = function.ended(process.place);
        if let Some(current) = lock(&process.current).take() {
            let _ = current.reply.send(Err(exit_error(&describe(status))));
        }
        again
    } else {
        // What it printed last says why; a grandchild may hold the pipe open for longer.
        for tail in [stdout, stderr].into_iter().flatten() {
            let _ = timeout(LAST_WORDS, tail).await;
        }
        let (detail, error) = start_failure(&process, status);
        tracing::warn!(function = %function.spec.name, %detail, "a function does not start");
        function.start_failed(process.place, &detail, &error)
    };
    if let Some(place) = again {
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
                    // Whatever begins from now on is due only a whole timeout later, so that this alarm
                    // need not be moved for every invocation.
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

/// Hands every line of a process to the log.
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
