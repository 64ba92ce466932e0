//! Function processes: how they start, fail to start, are killed and are ended.

use std::{collections::BTreeSet, process::Stdio, sync::Arc, time::Duration};

use crate::probe::{Latch, env, gone, host, kill, noticed, probe, quiet, run, run_later, soon};
use rollcall_gateway::{FunctionSpec, Host, HostError, Invoke, InvokeError};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
};

#[tokio::test]
async fn a_process_that_is_killed_while_idle_or_busy_is_replaced() {
    let host = Arc::new(host(probe()));
    host.ensure_ready("probe").await.unwrap();
    let idle = host.processes("probe")[0];
    kill(idle);
    noticed(&host, idle).await;
    let pid = run(&host, json!({"do": "pid"})).await.unwrap();
    assert_ne!(pid, json!(idle));

    let latch = Latch::new().await;
    let running = tokio::spawn(run_later(&host, &latch.payload()));
    let busy = latch.started().await;
    kill(busy.pid);
    let Err(InvokeError::Function { kind, .. }) = soon(running).await.unwrap() else {
        panic!("a killed process can't have answered");
    };
    assert_eq!(kind, "Runtime.ExitError");
    assert_eq!(run(&host, json!({"n": 4})).await, Ok(json!({"n": 4})));
}

#[tokio::test]
async fn a_process_whose_lifetime_is_over_is_replaced_between_two_invocations_and_none_fails() {
    let spec = FunctionSpec { max_processes: 2, max_queued: 16, ..probe() };
    let host = Arc::new(Host::with_lifetime(vec![spec], quiet(), Duration::ZERO).unwrap());
    host.ensure_ready("probe").await.unwrap();
    let payload = json!({"do": "pid"});
    let running: Vec<_> = (0..16).map(|_| tokio::spawn(run_later(&host, &payload))).collect();
    let mut pids = BTreeSet::new();
    for invocation in running {
        pids.insert(invocation.await.unwrap().expect("an answer").as_u64());
    }
    for _ in 0..16 {
        pids.insert(run(&host, payload.clone()).await.expect("an answer").as_u64());
    }
    assert_eq!(pids.len(), 32, "each process handles one invocation");

    let young = Host::start(vec![probe()], quiet()).unwrap();
    let first = run(&young, payload.clone()).await;
    assert_eq!(run(&young, payload).await, first, "a young process is kept");
}

#[tokio::test]
async fn ensure_ready_waits_for_the_first_poll_and_starts_only_one_process() {
    let host = host(FunctionSpec { max_processes: 4, ..probe() });
    let (one, two) = tokio::join!(host.ensure_ready("probe"), host.ensure_ready("probe"));
    one.unwrap();
    two.unwrap();
    let pids = host.processes("probe");
    assert_eq!(pids.len(), 1);
    assert_eq!(run(&host, json!({"do": "pid"})).await, Ok(json!(pids[0])));
    assert!(matches!(host.ensure_ready("nobody").await, Err(HostError::Unknown(name)) if name == "nobody"));
}

#[tokio::test]
async fn the_error_for_a_process_that_exits_before_its_first_poll_has_its_status_and_last_line() {
    let host = host(FunctionSpec { env: env(&[("PROBE_INIT", "exit")]), ..probe() });
    let error = host.ensure_ready("probe").await.unwrap_err().to_string();
    for part in ["function probe", "examples/probe", "exit status: 7", "no table given"] {
        assert!(error.contains(part), "{part:?} is missing from {error:?}");
    }
}

#[tokio::test]
async fn a_function_that_never_starts_fails_its_callers_after_a_few_attempts() {
    let (lines, mut logged) = mpsc::unbounded_channel();
    let spec = FunctionSpec { env: env(&[("PROBE_INIT", "exit")]), ..probe() };
    let logs = Arc::new(move |_: &str, line: &str| drop(lines.send(line.to_owned())));
    let host = Host::start(vec![spec], logs).unwrap();
    for _ in 0..20 {
        let Err(InvokeError::Function { kind, message }) = run(&host, json!({})).await else {
            panic!("there is no process to answer");
        };
        assert_eq!(kind, "Runtime.ExitError");
        assert!(message.contains("no table given"), "{message}");
    }
    host.shutdown().await;
    drop(host);
    let mut starts = 0;
    while let Some(line) = logged.recv().await {
        starts += usize::from(line == "probe starts");
    }
    assert!((1..=6).contains(&starts), "{starts} starts for 20 invocations");
}

#[tokio::test]
async fn an_error_of_the_initialization_reaches_the_caller() {
    let host = host(FunctionSpec { env: env(&[("PROBE_INIT", "report")]), ..probe() });
    let error = host.ensure_ready("probe").await.unwrap_err();
    assert!(error.to_string().contains("Probe.NoHandler: there is no handler"), "{error}");
    let expected = InvokeError::Function { kind: "Probe.NoHandler".into(), message: "there is no handler".into() };
    assert_eq!(run(&host, json!({})).await, Err(expected));
}

#[tokio::test]
async fn the_error_for_a_missing_program_names_it_and_an_unknown_function_is_unavailable() {
    let host = host(FunctionSpec { program: "/nowhere/bootstrap".into(), ..probe() });
    let error = host.ensure_ready("probe").await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/bootstrap") && error.contains("No such file"), "{error}");
    let Err(InvokeError::Unavailable(why)) = run(&host, json!({})).await else {
        panic!("there is no process to answer");
    };
    assert!(why.contains("/nowhere/bootstrap"), "{why}");
    assert!(matches!(soon(host.invoke("nobody", "{}".into())).await, Err(InvokeError::Unavailable(_))));
    assert!(matches!(Host::start(vec![probe(), probe()], quiet()), Err(HostError::Duplicate(_))));
}

#[tokio::test]
async fn shutting_down_or_dropping_the_host_ends_its_processes_and_fails_their_invocations() {
    for drops in [false, true] {
        let host = Arc::new(host(FunctionSpec { max_processes: 1, ..probe() }));
        let latch = Latch::new().await;
        let running = tokio::spawn(run_later(&host, &latch.payload()));
        let busy = latch.started().await;
        let queued = tokio::spawn(run_later(&host, &json!({})));
        if drops {
            drop(host);
        } else {
            host.shutdown().await;
            assert!(host.processes("probe").is_empty());
            assert!(matches!(run(&host, json!({})).await, Err(InvokeError::Unavailable(_))));
        }
        gone(busy.pid).await;
        assert!(soon(running).await.unwrap().is_err());
        assert!(soon(queued).await.unwrap().is_err());
    }
}

/// Starts this test binary again as a host, and kills it with SIGKILL, so that it can't clean up.
#[tokio::test]
async fn functions_end_when_their_host_is_killed() {
    let mut parent = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::a_host_to_be_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let child = loop {
        let line = soon(lines.next_line()).await.unwrap().expect("the host prints the id of its process");
        if let Some((_, pid)) = line.split_once("function process ") {
            break pid.parse().unwrap();
        }
    };
    parent.kill().await.unwrap();
    gone(child).await;
}

#[tokio::test]
#[ignore = "not a test of its own, but the host that another test kills"]
#[allow(clippy::print_stdout)]
async fn a_host_to_be_killed() {
    let host = host(probe());
    host.ensure_ready("probe").await.unwrap();
    println!("function process {}", host.processes("probe")[0]);
    soon(futures_util::future::pending::<()>()).await;
}
