//! What the gateway expects of whoever runs functions: of our process host, and of Lambda's `Invoke` (in LocalStack,
//! with our executor behind it).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment as Variables, FunctionCode, Runtime};
use rand::RngExt as _;
use rollcall_aws::Environment;
use rollcall_gateway::{FunctionSpec, Host, Invoke, InvokeError};
use rollcall_lambda::{LambdaInvoke, Package, lambda_client};
use rollcall_tests::{Backend, Journal, functions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The function that does as its payload says: an example of the gateway's.
const PROBE: &str = "probe";
/// How long an invocation may take: far longer than any does, and not as long as the probe sleeps.
const TIMEOUT: Duration = Duration::from_secs(40);
/// How long one may take that is to take too long.
const SHORT: Duration = Duration::from_secs(3);

/// Somebody who runs the probe.
struct Runner {
    invoke: Arc<dyn Invoke>,
    journal: Journal,
}

impl Runner {
    async fn new(env: &[(&str, &str)]) -> Self {
        Self::with(TIMEOUT, env).await
    }

    async fn with(timeout: Duration, env: &[(&str, &str)]) -> Self {
        let env = env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let journal = Journal::default();
        let invoke = match Backend::chosen() {
            Backend::Embedded => host(timeout, env, &journal),
            Backend::LocalStack(url) => localstack(&url, timeout, env, &journal).await,
        };
        Self { invoke, journal }
    }

    async fn run(&self, payload: Value) -> Result<Value, InvokeError> {
        let answer = self.invoke.invoke(PROBE, payload.to_string().into()).await;
        answer.map(|answer| serde_json::from_slice(&answer).expect("JSON"))
    }
}

fn host(timeout: Duration, env: BTreeMap<String, String>, journal: &Journal) -> Arc<dyn Invoke> {
    let spec = FunctionSpec {
        name: PROBE.to_owned(),
        program: functions().join("examples").join(PROBE),
        env,
        timeout,
        memory_mb: 128,
        max_processes: 16,
        max_queued: 16,
    };
    Arc::new(Host::start(vec![spec], journal.sink()).expect("a host"))
}

async fn localstack(url: &str, timeout: Duration, env: BTreeMap<String, String>, journal: &Journal) -> Arc<dyn Invoke> {
    let client = lambda_client(&Environment, url);
    let package = Package::of(&functions().join("examples"), PROBE).expect("packed");
    let prefix = format!("contract-{:016x}-", rand::rng().random::<u64>());
    let variables = Variables::builder().set_variables(Some(env.into_iter().collect())).build();
    let create = client.create_function().function_name(format!("{prefix}{PROBE}")).runtime(Runtime::Providedal2023);
    let create = create.role("arn:aws:iam::000000000000:role/contract").handler("bootstrap").environment(variables);
    let create = create.timeout(i32::try_from(timeout.as_secs()).expect("small"));
    let code = FunctionCode::builder().zip_file(Blob::new(package.zip)).build();
    create.code(code).send().await.expect("created");
    let invoke = LambdaInvoke::new(client, &prefix, journal.sink());
    // Lambda says that a function is not ready yet: that is for whoever deploys it to wait for.
    let ready = async {
        while invoke.invoke(PROBE, "{}".into()).await.is_err_and(|error| matches!(error, InvokeError::Unavailable(_))) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ready).await.expect("it becomes usable");
    Arc::new(invoke)
}

#[tokio::test]
async fn an_answer_is_what_the_function_returned() {
    let probe = Runner::new(&[]).await;
    assert_eq!(probe.run(json!({"n": 1, "text": "grüezi"})).await, Ok(json!({"n": 1, "text": "grüezi"})));
    let large = json!({"x": "x".repeat(5 * 1024 * 1024)});
    assert_eq!(probe.run(large.clone()).await, Ok(large), "5 MB in and out");
}

#[tokio::test]
async fn a_function_that_fails_or_panics_says_so_and_goes_on() {
    let probe = Runner::new(&[]).await;
    let failed = InvokeError::Function { kind: "Probe.Failed".into(), message: "the probe was told to fail".into() };
    assert_eq!(probe.run(json!({"do": "fail"})).await, Err(failed));
    let Err(InvokeError::Function { message, .. }) = probe.run(json!({"do": "panic"})).await else { panic!("a panic") };
    assert!(message.contains("the probe was told to panic"), "{message}");
    assert_eq!(probe.run(json!({"n": 2})).await, Ok(json!({"n": 2})));
}

#[tokio::test]
async fn a_process_that_exits_fails_its_invocation_and_the_next_one_gets_another() {
    let probe = Runner::new(&[]).await;
    let before = probe.run(json!({"do": "pid"})).await.expect("a process");
    let Err(InvokeError::Function { kind, message }) = probe.run(json!({"do": "exit"})).await else {
        panic!("an exit")
    };
    assert_eq!(kind, "Runtime.ExitError", "{message}");
    assert!(message.contains("exit status"), "{message}");
    assert_ne!(probe.run(json!({"do": "pid"})).await.expect("another"), before);
}

#[tokio::test]
async fn an_invocation_that_takes_too_long_is_timed_out() {
    let probe = Runner::with(SHORT, &[]).await;
    assert_eq!(probe.run(json!({"do": "sleep"})).await, Err(InvokeError::TimedOut));
    assert_eq!(probe.run(json!({"n": 2})).await, Ok(json!({"n": 2})), "and the next one is not");
}

#[tokio::test]
async fn an_answer_over_6_mb_is_the_functions_error() {
    let probe = Runner::new(&[]).await;
    let Err(InvokeError::Function { kind, .. }) = probe.run(json!({"do": "large"})).await else { panic!("7 MB pass") };
    assert_eq!(kind, "Function.ResponseSizeTooLarge");
    assert_eq!(probe.run(json!({"n": 2})).await, Ok(json!({"n": 2})));
}

#[tokio::test]
async fn a_function_that_nobody_knows_is_unavailable_and_named() {
    let probe = Runner::new(&[]).await;
    let Err(InvokeError::Unavailable(text)) = probe.invoke.invoke("nobody", "{}".into()).await else {
        panic!("there is no such function")
    };
    assert!(text.contains("nobody"), "{text}");
}

#[tokio::test]
async fn a_function_that_does_not_start_fails_and_its_last_words_are_heard() {
    let probe = Runner::new(&[("PROBE_INIT", "exit")]).await;
    let error = probe.run(json!({"n": 1})).await.expect_err("it does not start");
    let heard = format!("{error} {:?}", probe.journal.lines());
    assert!(heard.contains("no table given"), "{heard}");
}

#[tokio::test]
async fn what_a_function_prints_is_heard_by_the_time_of_its_answer_or_soon_after() {
    let probe = Runner::new(&[]).await;
    probe.run(json!({"do": "print"})).await.expect("an answer");
    for line in ["to stdout", "to stderr"] {
        probe.journal.until_line(PROBE, line).await;
    }
    let own = |line: &String| ["START", "END", "REPORT"].iter().any(|word| line.starts_with(word));
    assert!(!probe.journal.lines().iter().any(|(_, line)| own(line)), "Lambda's own lines are not the function's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_invocations_run_side_by_side_each_in_a_process_of_its_own() {
    let probe = Arc::new(Runner::new(&[]).await);
    let meeting = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = meeting.local_addr().expect("bound").port();
    let mut running = JoinSet::new();
    for _ in 0..16 {
        let probe = Arc::clone(&probe);
        running.spawn(async move { probe.run(json!({"do": "wait", "port": port})).await });
    }
    // Nobody goes on before everybody is there.
    let mut there = vec![];
    while there.len() < 16 {
        there.push(meeting.accept().await.expect("a process").0);
    }
    let mut pids = std::collections::BTreeSet::new();
    for socket in &mut there {
        pids.insert(socket.read_u32().await.expect("its id"));
        socket.write_u8(1).await.expect("told to go on");
    }
    assert_eq!(pids.len(), 16);
    for answer in running.join_all().await {
        assert!(
            answer.expect("an answer").as_u64().is_some_and(|pid| pids.iter().any(|known| u64::from(*known) == pid))
        );
    }
}
