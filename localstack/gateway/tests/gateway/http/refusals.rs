//! The answers when a function gives none, and what is logged about it.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body_util::Full;
use rollcall_gateway::{HttpLimits, InvokeError};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tracing::{Event, Level, Metadata, Subscriber, field::Field, field::Visit, span};

use super::{config, get, refusal, send, start};
use crate::support::{functions, raised, soon};

#[tokio::test]
async fn a_failed_function_is_an_internal_error_and_a_throttled_one_is_too_many_requests() {
    for (error, expected) in [
        (raised("boom"), (500, "Internal Server Error")),
        (InvokeError::TimedOut, (500, "Internal Server Error")),
        (InvokeError::Unavailable("f".into()), (500, "Internal Server Error")),
        (InvokeError::Throttled, (429, "Too Many Requests")),
    ] {
        let failing = functions().0.on("f", move |_| Err(error.clone()));
        let api = start(config(&[("$default", "f")]), failing).await;
        assert_eq!(refusal(get(&api, "/").await), (expected.0, expected.1.into()));
    }
}

#[tokio::test]
async fn a_function_that_exceeds_the_integration_timeout_is_service_unavailable() {
    let never = functions().0.on_async("f", |_| std::future::pending().boxed());
    let mut config = config(&[("$default", "f")]);
    config.limits.integration_timeout = Duration::from_millis(50);
    let api = start(config, never).await;
    assert_eq!(refusal(get(&api, "/").await), (503, "Service Unavailable".into()));
}

#[tokio::test]
async fn a_body_of_10_mb_is_accepted_and_one_byte_more_is_refused() {
    const LIMIT: usize = 10 * 1024 * 1024;
    let (functions, mut record) = functions();
    let functions = functions.on("f", |event| Ok(json!(event["body"].as_str().unwrap().len())));
    let api = start(config(&[("$default", "f")]), functions).await;
    let text = || Request::post("/").header("content-type", "text/plain");
    let (status, _, body) = send(&api, text(), "x".repeat(LIMIT)).await;
    assert_eq!((status, body), (StatusCode::OK, LIMIT.to_string().into()));
    record.next("f").await;
    let answer = send(&api, text(), "x".repeat(LIMIT + 1)).await;
    assert_eq!(refusal(answer), (413, "Request Entity Too Large".into()));
    assert!(record.rest("f").is_empty());
}

#[tokio::test]
async fn a_body_without_a_length_is_refused_once_it_is_too_long() {
    let (functions, mut record) = functions();
    let mut config = config(&[("$default", "echo")]);
    config.limits.body = 8;
    let api = start(config, functions).await;
    let request = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n";
    assert!(exchange(&api, request).await.starts_with("HTTP/1.1 413 "));
    assert!(record.rest("echo").is_empty());
}

#[tokio::test]
async fn a_client_that_expects_a_100_is_refused_before_it_sends_too_large_a_body() {
    let mut config = config(&[("$default", "echo")]);
    config.limits.body = 8;
    let api = start(config, functions().0).await;
    let ask =
        |length| format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n");
    assert!(exchange(&api, &ask(9)).await.starts_with("HTTP/1.1 413 "));
    assert!(exchange(&api, &ask(8)).await.starts_with("HTTP/1.1 100 "));
}

#[tokio::test]
async fn a_client_that_reads_only_after_it_has_sent_everything_gets_its_refusal() {
    const SIZE: usize = 16 * 1024 * 1024;
    let api = start(config(&[("POST /known", "echo")]), functions().0).await;
    // The first is refused for its size, the second for its path.
    for (path, size, status) in [("/known", SIZE, 413), ("/unknown", SIZE / 2, 404)] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n");
        let answer = exchange(&api, &(head + &"x".repeat(size))).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

/// Sends a request, and returns the first bytes of the answer.
async fn exchange(api: &rollcall_gateway::HttpApi, request: &str) -> String {
    let mut stream = TcpStream::connect(api.local_addr()).await.unwrap();
    soon(stream.write_all(request.as_bytes())).await.unwrap();
    let mut answer = vec![0; 1024];
    let read = soon(stream.read(&mut answer)).await.unwrap();
    String::from_utf8(answer[..read].to_vec()).unwrap()
}

#[tokio::test]
async fn requests_over_the_burst_are_refused_with_429_and_invoke_no_function() {
    let (functions, mut record) = functions();
    let mut config = config(&[("$default", "echo")]);
    config.limits = HttpLimits { requests_per_second: 0, burst: 2, ..HttpLimits::default() };
    let api = start(config, functions).await;
    assert_eq!(get(&api, "/").await.0, StatusCode::OK);
    assert_eq!(get(&api, "/").await.0, StatusCode::OK);
    assert_eq!(refusal(get(&api, "/").await), (429, "Too Many Requests".into()));
    assert_eq!(record.rest("echo").len(), 2);
}

#[test]
fn limits_are_those_of_aws() {
    let limits = HttpLimits::default();
    assert_eq!((limits.integration_timeout, limits.body), (Duration::from_secs(30), 10_485_760));
    assert_eq!((limits.requests_per_second, limits.burst), (10_000, 5_000));
}

/// Everything that is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Other libraries may log such things at finer levels.
        metadata.target().starts_with("rollcall") || *metadata.level() <= Level::INFO
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        struct Text<'a>(&'a mut String);
        impl Visit for Text<'_> {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                write!(self.0, "{field}={value:?} ").unwrap();
            }
        }
        event.record(&mut Text(&mut self.0.lock().unwrap()));
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn bodies_headers_and_tokens_are_not_logged_even_when_a_function_quotes_them() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let failing = functions()
        .0
        .on("raises", |event| Err(raised(&format!("bad request: {event}"))))
        .on("babbles", |event| Ok(json!({"statusCode": event.to_string(), "body": "hunter2"})))
        .on("escapes", |_| Ok(json!({"statusCode": 200, "headers": {"x": "hunter2\n"}, "cookies": ["hunter2"]})));
    let routes =
        [("POST /raises/{id}", "raises"), ("POST /babbles/{id}", "babbles"), ("POST /escapes/{id}", "escapes")];
    let api = start(config(&routes), failing).await;
    for (path, status) in [("raises", 500), ("babbles", 500), ("escapes", 500), ("nowhere", 404)] {
        let request = Request::post(format!("/{path}/hunter2?token=hunter2"))
            .header("authorization", "Bearer hunter2")
            .header("cookie", "session=hunter2")
            .body(Full::from("hunter2"))
            .unwrap();
        assert_eq!(crate::support::call(api.local_addr(), request).await.0, status, "{path}");
    }
    api.shutdown().await;
    let log = log.0.lock().unwrap();
    for function in ["raises", "babbles", "escapes"] {
        assert!(log.contains(function), "nothing is logged about {function}: {log}");
    }
    assert!(!log.contains("hunter2"), "{log}");
}
