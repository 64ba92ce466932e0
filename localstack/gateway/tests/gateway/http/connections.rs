//! Connections: how they are kept, abandoned and ended.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rollcall_gateway::HttpApi;
use serde_json::json;
use tokio::{
    net::TcpStream,
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use super::{config, send, start};
use crate::support::{Functions, functions, soon};

/// A client's connection, and the task that ends with it.
async fn connect(api: &HttpApi) -> (SendRequest<Full<Bytes>>, JoinHandle<Result<(), hyper::Error>>) {
    let stream = TcpStream::connect(api.local_addr()).await.unwrap();
    let (sender, http) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(http))
}

fn request(body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post("/").header("host", "x").header("content-type", "text/plain");
    request.body(Full::from(body)).unwrap()
}

async fn answered(sender: &mut SendRequest<Full<Bytes>>, body: &'static str) -> (StatusCode, Bytes) {
    soon(sender.ready()).await.unwrap();
    let (parts, body) = soon(sender.send_request(request(body))).await.unwrap().into_parts();
    (parts.status, soon(body.collect()).await.unwrap().to_bytes())
}

/// Functions with `held`, which answers after a notification.
fn held() -> (Functions, crate::support::Record, Arc<Notify>) {
    let (functions, record) = functions();
    let (functions, go) = functions.held("held", |_| Ok(json!({"statusCode": 200, "body": "at last"})));
    (functions, record, go)
}

#[tokio::test]
async fn a_connection_is_kept_for_further_requests_even_after_a_refusal() {
    let mut config = config(&[("$default", "echo")]);
    config.limits.body = 5;
    let api = start(config, functions().0).await;
    let (mut sender, _http) = connect(&api).await;
    for (body, status) in [("one", 200), ("too long", 413), ("two", 200)] {
        assert_eq!(answered(&mut sender, body).await.0, status, "{body}");
    }
}

#[tokio::test]
async fn requests_on_several_connections_run_at_the_same_time() {
    let (functions, mut record, go) = held();
    let api = start(config(&[("$default", "held")]), functions).await;
    let (mut first, _first) = connect(&api).await;
    let (mut second, _second) = connect(&api).await;
    let answers =
        tokio::spawn(
            async move { futures_util::future::join(answered(&mut first, "1"), answered(&mut second, "2")).await },
        );
    record.next("held").await;
    record.next("held").await;
    go.notify_waiters();
    let (first, second) = soon(answers).await.unwrap();
    assert_eq!((first.0, second.0), (StatusCode::OK, StatusCode::OK));
}

#[tokio::test]
async fn when_a_client_leaves_the_invocation_is_dropped() {
    struct Dropped(Option<oneshot::Sender<()>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }
    let (dropped, abandoned) = oneshot::channel();
    let guard = std::sync::Mutex::new(Some(Dropped(Some(dropped))));
    let (functions, mut record) = functions();
    let functions = functions.on_async("f", move |_| {
        let guard = guard.lock().unwrap().take();
        async move {
            let _guard = guard;
            std::future::pending().await
        }
        .boxed()
    });
    let api = start(config(&[("$default", "f")]), functions).await;
    let (mut sender, http) = connect(&api).await;
    let sent = tokio::spawn(async move { sender.send_request(request("hello")).await.map(|_| ()) });
    record.next("f").await;
    http.abort();
    soon(abandoned).await.unwrap();
    assert!(soon(sent).await.unwrap().is_err());
}

#[tokio::test]
async fn a_shutdown_finishes_a_running_request_and_begins_no_new_one() {
    let (functions, mut record, go) = held();
    let api = Arc::new(start(config(&[("$default", "held")]), functions).await);
    let (mut sender, _http) = connect(&api).await;
    let answer = tokio::spawn(async move { answered(&mut sender, "hello").await });
    record.next("held").await;
    let (_idle, idle_http) = connect(&api).await;
    let stopping = Arc::clone(&api);
    let mut stopped = tokio::spawn(async move { stopping.shutdown().await });
    let _ = soon(idle_http).await.unwrap();
    soon(async { while TcpStream::connect(api.local_addr()).await.is_ok() {} }).await;
    assert!((&mut stopped).now_or_never().is_none());
    go.notify_one();
    assert_eq!(soon(answer).await.unwrap(), (StatusCode::OK, "at last".into()));
    soon(stopped).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_cuts_off_requests_that_take_longer_than_its_bound() {
    let (functions, mut record, _go) = held();
    let mut config = config(&[("$default", "held")]);
    config.limits.shutdown = Duration::from_millis(50);
    let api = start(config, functions).await;
    let (mut sender, _http) = connect(&api).await;
    let answer = tokio::spawn(async move { sender.send_request(request("hello")).await.map(|_| ()) });
    record.next("held").await;
    soon(api.shutdown()).await;
    assert!(soon(answer).await.unwrap().is_err());
}

#[tokio::test]
async fn an_api_that_is_dropped_stops_and_its_port_is_free() {
    let (functions, _record) = functions();
    let api = start(config(&[("$default", "echo")]), functions).await;
    send(&api, Request::get("/"), "").await;
    let (_idle, idle_http) = connect(&api).await;
    let address = api.local_addr();
    drop(api);
    let _ = soon(idle_http).await.unwrap();
    soon(async { while TcpStream::connect(address).await.is_ok() {} }).await;
}
