//! Shared parts of the host's tests: a function that does what its payload says, and helpers to watch its processes.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rollcall_gateway::{FunctionSpec, Host, Invoke, InvokeError};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub fn probe() -> FunctionSpec {
    let tests: PathBuf = std::env::current_exe().unwrap();
    let target = tests.parent().and_then(Path::parent).unwrap();
    FunctionSpec {
        name: "probe".into(),
        program: target.join("examples/probe"),
        env: BTreeMap::new(),
        timeout: Duration::from_secs(30),
        memory_mb: 128,
        max_processes: 2,
        max_queued: 8,
    }
}

pub fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub fn quiet() -> rollcall_gateway::Logs {
    Arc::new(|_, _| {})
}

pub fn host(spec: FunctionSpec) -> Host {
    Host::start(vec![spec], quiet()).unwrap()
}

pub async fn run(host: &Host, payload: Value) -> Result<Value, InvokeError> {
    run_later(host, &payload).await
}

pub fn run_later(host: &Host, payload: &Value) -> impl Future<Output = Result<Value, InvokeError>> + Send + 'static {
    let running = host.invoke("probe", payload.to_string().into());
    async move { soon(running).await.map(|output| serde_json::from_slice(&output).unwrap()) }
}

pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("no result within 20 s")
}

pub fn kill(pid: u32) {
    std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
}

/// Waits until a process has ended. It may be a zombie that its parent has not collected.
pub async fn gone(pid: u32) {
    soon(async {
        let mut every = tokio::time::interval(Duration::from_millis(5));
        while alive(pid) {
            every.tick().await;
        }
    })
    .await;
}

/// Waits until the host has noticed that a process has ended.
pub async fn noticed(host: &Host, pid: u32) {
    soon(async {
        let mut every = tokio::time::interval(Duration::from_millis(5));
        while host.processes("probe").contains(&pid) {
            every.tick().await;
        }
    })
    .await;
}

pub fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Holds invocations: each reports its start and waits until it is released.
pub struct Latch {
    listener: TcpListener,
}

pub struct Held {
    pub pid: u32,
    stream: TcpStream,
}

impl Latch {
    pub async fn new() -> Self {
        Self { listener: TcpListener::bind(("127.0.0.1", 0)).await.unwrap() }
    }

    pub fn payload(&self) -> Value {
        json!({"do": "wait", "port": self.listener.local_addr().unwrap().port()})
    }

    pub async fn started(&self) -> Held {
        let (mut stream, _) = soon(self.listener.accept()).await.unwrap();
        let pid = soon(stream.read_u32()).await.unwrap();
        Held { pid, stream }
    }
}

impl Held {
    pub async fn go(mut self) {
        self.stream.write_all(&[1]).await.unwrap();
    }
}
