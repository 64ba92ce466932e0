//! A handler that is measured.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use rollcall_aws::{LOCAL_CREDENTIALS, LOCAL_REGION, variable};
use rollcall_gateway::{FunctionSpec, Host, Invoke as _, Logs};
use rollcall_stack::TABLE;
use serde_json::Value;

use crate::event::{Direct, check_in};
use crate::handlers::Handler;
use crate::table::{Figures, Times};

/// What a function is called where it is run.
const FUNCTION: &str = "check-in";
/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A handler, how far its node has counted, and what was measured.
pub(crate) struct Contestant {
    handler: Handler,
    spec: FunctionSpec,
    node: String,
    seq: u64,
    said: Arc<Mutex<String>>,
    /// The process that is warm.
    warm: Option<Host>,
    starts: Times,
    answers: Times,
}

impl Contestant {
    /// One with a node of its own, which is connected.
    pub(crate) async fn new(handler: &Handler, dynamodb: &str, client: &Client) -> Self {
        let node = format!("bench-{}", handler.id);
        Direct::new(client.clone(), &node).connect().await;
        let spec = FunctionSpec {
            name: FUNCTION.to_owned(),
            program: handler.program.clone(),
            env: environment(dynamodb),
            timeout: TIMEOUT,
            memory_mb: 128,
            max_processes: 1,
            max_queued: 1,
        };
        let (starts, answers, said) = (Times::default(), Times::default(), Arc::default());
        Self { handler: handler.clone(), spec, node, seq: 0, said, warm: None, starts, answers }
    }

    /// From starting a process to its first answer.
    pub(crate) async fn start(&mut self) {
        let host = self.host();
        let started = Instant::now();
        self.invoke(&host).await;
        self.starts.add(started, true);
        host.shutdown().await;
    }

    /// Calls the warm process this often.
    pub(crate) async fn call(&mut self, calls: usize, measured: bool) {
        let host = self.warm.take().unwrap_or_else(|| self.host());
        for _ in 0..calls {
            let sent = Instant::now();
            self.invoke(&host).await;
            self.answers.add(sent, measured);
        }
        self.warm = Some(host);
    }

    pub(crate) fn figures(&self) -> Figures {
        let process = self.warm.as_ref().and_then(|host| host.processes(FUNCTION).first().copied());
        Figures {
            name: self.handler.name,
            versions: self.handler.versions.clone(),
            zip_mb: Some(self.handler.zip_mb),
            cold_ms: Some(self.starts.ms(0.50)),
            warm_ms: self.answers.ms(0.50),
            warm_p99_ms: self.answers.ms(0.99),
            rss_mb: process.and_then(rss_mb),
        }
    }

    fn host(&self) -> Host {
        let said = Arc::clone(&self.said);
        let logs: Logs = Arc::new(move |_, line| line.clone_into(&mut said.lock().expect("nobody panics here")));
        Host::start(vec![self.spec.clone()], logs).expect("a port")
    }

    async fn invoke(&mut self, host: &Host) {
        self.seq += 1;
        let answer = host.invoke(FUNCTION, check_in(&self.node, self.seq).into()).await;
        let acknowledged = answer.as_ref().ok().and_then(|answer| {
            let answer: Value = serde_json::from_slice(answer).ok()?;
            let frame: Value = serde_json::from_str(answer["body"].as_str()?).ok()?;
            Some(frame["type"] == "ack" && frame["seq"] == self.seq)
        });
        let said = || self.said.lock().expect("nobody panics here").clone();
        assert_eq!(acknowledged, Some(true), "{}: {answer:?}; it said last: {}", self.handler.name, said());
    }
}

/// What a deployed function is told; but DynamoDB is here, without TLS. That `@connections` has TLS makes ours set up
/// what it would need for DynamoDB, which the SDKs of the others do in any case.
fn environment(dynamodb: &str) -> BTreeMap<String, String> {
    let variables = [
        (variable::TABLE, TABLE),
        (variable::CONNECTIONS_URL, "https://bench.execute-api.us-east-1.amazonaws.com/v1"),
        (variable::ENDPOINT_URL_DYNAMODB, dynamodb),
        (variable::REGION, LOCAL_REGION),
        // Lambda sets both, and boto3 reads this one.
        ("AWS_DEFAULT_REGION", LOCAL_REGION),
        ("AWS_ACCESS_KEY_ID", LOCAL_CREDENTIALS),
        ("AWS_SECRET_ACCESS_KEY", LOCAL_CREDENTIALS),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// What a process has in memory, in MB (proc(5), `VmRSS`, which is in KiB); nothing where there is no `/proc`.
fn rss_mb(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
