//! Real function processes over the Lambda Runtime API: their events, environment and answers.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::probe::{Latch, env, gone, host, probe, run, run_later, soon};
use rollcall_gateway::{FunctionSpec, Host, Invoke, InvokeError};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::mpsc,
};

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the deadline is in wall-clock time")]
async fn a_function_answers_and_its_context_has_request_deadline_name_and_trace() {
    let host = host(probe());
    assert_eq!(run(&host, json!({"n": 1})).await, Ok(json!({"n": 1})));
    let first = run(&host, json!({"do": "context"})).await.unwrap();
    let second = run(&host, json!({"do": "context"})).await.unwrap();
    assert_ne!(first["requestId"], second["requestId"]);
    assert_eq!(first["requestId"].as_str().unwrap().len(), 36);
    assert_eq!(first["arn"], "arn:aws:lambda:us-east-1:123456789012:function:probe");
    assert!(first["trace"].as_str().unwrap().starts_with("Root=1-"));
    let left = Duration::from_millis(first["deadline"].as_u64().unwrap())
        .checked_sub(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
        .unwrap();
    assert!(left > Duration::from_secs(20) && left <= Duration::from_secs(30), "{left:?}");
}

#[tokio::test]
async fn the_environment_of_a_function_has_lambdas_variables_and_its_own_and_no_others() {
    let host = host(FunctionSpec { env: env(&[("TABLE", "nodes"), ("AWS_REGION", "eu-west-1")]), ..probe() });
    let seen = run(&host, json!({"do": "environment"})).await.unwrap();
    let names: BTreeSet<&str> = seen.as_object().unwrap().keys().map(String::as_str).collect();
    let lambda = [
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "PATH",
        "TZ",
        "_HANDLER",
    ];
    let mut expected = BTreeSet::from(lambda);
    expected.extend(["TABLE", "AWS_REGION"]);
    // The runtime library sets this one in the function's process.
    expected.insert("_X_AMZN_TRACE_ID");
    assert_eq!(names, expected);
    assert_eq!((&seen["TABLE"], &seen["AWS_REGION"]), (&json!("nodes"), &json!("eu-west-1")));
    assert_eq!((&seen["AWS_LAMBDA_FUNCTION_VERSION"], &seen["TZ"]), (&json!("$LATEST"), &json!(":UTC")));
    assert_eq!(seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert_eq!(seen["AWS_LAMBDA_LOG_GROUP_NAME"], "/aws/lambda/probe");
}

#[tokio::test]
async fn an_error_or_panic_of_the_handler_is_reported_and_the_process_is_kept() {
    let host = host(probe());
    let pid = run(&host, json!({"do": "pid"})).await;
    let failed = InvokeError::Function { kind: "Probe.Failed".into(), message: "the probe was told to fail".into() };
    assert_eq!(run(&host, json!({"do": "fail"})).await, Err(failed));
    let Err(InvokeError::Function { message, .. }) = run(&host, json!({"do": "panic"})).await else {
        panic!("a panic is a function's error");
    };
    assert!(message.contains("the probe was told to panic"), "{message}");
    assert_eq!(run(&host, json!({"do": "pid"})).await, pid);
}

#[tokio::test]
async fn a_process_that_exits_fails_its_invocation_and_is_replaced() {
    let host = host(probe());
    let pid = run(&host, json!({"do": "pid"})).await.unwrap();
    let Err(InvokeError::Function { kind, message }) = run(&host, json!({"do": "exit"})).await else {
        panic!("an exit is a function's error");
    };
    assert_eq!(kind, "Runtime.ExitError");
    assert!(message.contains("exit status: 3"), "{message}");
    assert_ne!(run(&host, json!({"do": "pid"})).await.unwrap(), pid);
}

#[tokio::test]
async fn an_invocation_that_takes_too_long_is_timed_out_and_its_process_killed() {
    let host = host(FunctionSpec { timeout: Duration::from_millis(300), ..probe() });
    let pid = run(&host, json!({"do": "pid"})).await.unwrap();
    assert_eq!(run(&host, json!({"do": "sleep"})).await, Err(InvokeError::TimedOut));
    assert_ne!(run(&host, json!({"do": "pid"})).await.unwrap(), pid);
    gone(u32::try_from(pid.as_u64().unwrap()).unwrap()).await;
}

#[tokio::test]
async fn an_invocation_whose_caller_no_longer_waits_is_timed_out_as_well() {
    let host = host(FunctionSpec { timeout: Duration::from_millis(300), max_processes: 1, ..probe() });
    host.ensure_ready("probe").await.unwrap();
    let pid = host.processes("probe")[0];
    let latch = Latch::new().await;
    let abandoned = tokio::spawn(run_later(&host, &latch.payload()));
    let _held = latch.started().await;
    abandoned.abort();
    gone(pid).await;
}

#[tokio::test]
async fn an_answer_over_6_mb_is_an_error_of_the_function() {
    let host = host(probe());
    let Err(InvokeError::Function { kind, .. }) = run(&host, json!({"do": "large"})).await else {
        panic!("an answer of 7 MB was accepted");
    };
    assert_eq!(kind, "Function.ResponseSizeTooLarge");
    assert_eq!(run(&host, json!({"n": 2})).await, Ok(json!({"n": 2})));
}

#[tokio::test]
async fn a_process_runs_one_invocation_at_a_time_and_is_used_again_while_warm() {
    let host = Arc::new(host(FunctionSpec { max_processes: 4, ..probe() }));
    let latch = Latch::new().await;
    let one = tokio::spawn(run_later(&host, &latch.payload()));
    let first = latch.started().await;
    let two = tokio::spawn(run_later(&host, &latch.payload()));
    let second = latch.started().await;
    assert_ne!(first.pid, second.pid);
    for (held, running) in [(second, two), (first, one)] {
        let pid = held.pid;
        held.go().await;
        assert_eq!(soon(running).await.unwrap(), Ok(json!(pid)));
    }
    let warm = host.processes("probe");
    for _ in 0..20 {
        let pid = run(&host, json!({"do": "pid"})).await.unwrap();
        assert!(warm.iter().any(|&warm| pid == warm));
    }
    assert_eq!(host.processes("probe"), warm);
}

#[tokio::test]
async fn invocations_wait_when_all_processes_are_busy_and_are_throttled_when_the_queue_is_full() {
    let host = Arc::new(host(FunctionSpec { max_processes: 1, max_queued: 1, ..probe() }));
    let latch = Latch::new().await;
    let one = tokio::spawn(run_later(&host, &latch.payload()));
    let first = latch.started().await;
    let mut two = Box::pin(run(&host, json!({"n": 2})));
    assert!(futures_util::poll!(&mut two).is_pending());
    assert_eq!(run(&host, json!({"n": 3})).await, Err(InvokeError::Throttled));
    first.go().await;
    assert!(soon(one).await.unwrap().is_ok());
    assert_eq!(soon(two).await, Ok(json!({"n": 2})));
    assert_eq!(host.processes("probe").len(), 1);
}

#[tokio::test]
async fn an_invocation_that_was_abandoned_in_the_queue_makes_room_and_is_not_run() {
    let host = Arc::new(host(FunctionSpec { max_processes: 1, max_queued: 1, ..probe() }));
    let latch = Latch::new().await;
    let one = tokio::spawn(run_later(&host, &latch.payload()));
    let first = latch.started().await;
    let mut abandoned = Box::pin(run(&host, json!({"do": "exit"})));
    assert!(futures_util::poll!(&mut abandoned).is_pending());
    drop(abandoned);
    let mut three = Box::pin(run(&host, json!({"n": 3})));
    assert!(futures_util::poll!(&mut three).is_pending());
    first.go().await;
    assert!(soon(one).await.unwrap().is_ok());
    assert_eq!(soon(three).await, Ok(json!({"n": 3})));
}

/// Measures four processes of a trivial function. The result is only printed, because it depends on the machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout)]
async fn throughput() {
    const EACH: u32 = 5_000;
    let host = Arc::new(host(FunctionSpec { max_processes: 4, max_queued: 64, ..probe() }));
    host.ensure_ready("probe").await.unwrap();
    let start = std::time::Instant::now();
    let callers = (0..8).map(|_| {
        let host = Arc::clone(&host);
        tokio::spawn(async move {
            for _ in 0..EACH {
                host.invoke("probe", r#"{"n":1}"#.into()).await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    println!("{:.0} invokes/s", f64::from(8 * EACH) / start.elapsed().as_secs_f64());
}

#[tokio::test]
async fn the_runtime_api_can_not_be_called_without_the_secret_of_a_process() {
    let host = host(probe());
    let seen = run(&host, json!({"do": "environment"})).await.unwrap();
    let api = seen["AWS_LAMBDA_RUNTIME_API"].as_str().unwrap();
    let (address, secret) = api.strip_prefix("http://127.0.0.1:").unwrap().split_once('/').unwrap();
    assert_eq!(secret.len(), 32);
    for (path, expected) in [
        ("/2018-06-01/runtime/invocation/next".to_owned(), "403"),
        (format!("/{}/2018-06-01/runtime/invocation/next", secret.replace(|_| true, "0")), "403"),
        (format!("/{secret}/2018-06-01/runtime/nothing"), "404"),
    ] {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{address}")).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").as_bytes()).await.unwrap();
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status).await.unwrap();
        assert!(status.contains(expected), "{path}: {status}");
    }
}

#[tokio::test]
async fn lines_that_a_function_prints_are_logged_under_its_name() {
    let (lines, mut logged) = mpsc::unbounded_channel();
    let logs = Arc::new(move |name: &str, line: &str| drop(lines.send((name.to_owned(), line.to_owned()))));
    let host = Host::start(vec![probe()], logs).unwrap();
    run(&host, json!({"do": "print"})).await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 3 {
        let (name, line) = soon(logged.recv()).await.unwrap();
        assert_eq!(name, "probe");
        seen.insert(line);
    }
    assert_eq!(seen, ["probe starts", "to stderr", "to stdout"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_web_page_can_not_reach_the_runtime_api_even_with_the_secret_of_a_process() {
    let host = Arc::new(host(probe()));
    let environment = run(&host, json!({"do": "environment"})).await.unwrap();
    let url = environment["AWS_LAMBDA_RUNTIME_API"].as_str().unwrap().strip_prefix("http://").unwrap();
    let (address, secret) = url.split_once('/').unwrap();
    for (headers, status) in [
        (format!("Host: {address}"), 404),
        (format!("Host: {address}\r\nOrigin: http://evil.example"), 403),
        ("Host: evil.example".to_owned(), 403),
        (format!("Host: {address}\r\nHost: {address}"), 400),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /{secret}/2018-06-01/nothing HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
    }
}
