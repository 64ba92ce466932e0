//! The HTTP API, over real sockets: routes, events and responses.

mod connections;
mod events;
mod refusals;
mod responses;
mod routes;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, request::Builder};
use http_body_util::Full;
use rollcall_gateway::{HttpApi, HttpConfig, HttpRoute, Invoke};
use serde_json::Value;
use tokio::net::TcpListener;

/// Routes by key and function.
fn config(routes: &[(&str, &str)]) -> HttpConfig {
    HttpConfig::new(
        routes.iter().map(|&(key, function)| HttpRoute { key: key.into(), function: function.into() }).collect(),
    )
}

async fn start(config: HttpConfig, invoke: impl Invoke) -> HttpApi {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    HttpApi::start(listener, config, Arc::new(invoke))
}

async fn send(api: &HttpApi, request: Builder, body: impl Into<Bytes>) -> (StatusCode, HeaderMap, Bytes) {
    crate::support::call(api.local_addr(), request.body(Full::new(body.into())).unwrap()).await
}

async fn get(api: &HttpApi, uri: &str) -> (StatusCode, HeaderMap, Bytes) {
    send(api, Request::get(uri), "").await
}

/// The status and message of a refusal, whose body is `{"message": …}`.
fn refusal((status, headers, body): (StatusCode, HeaderMap, Bytes)) -> (u16, String) {
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    (status.as_u16(), body["message"].as_str().unwrap().to_owned())
}
