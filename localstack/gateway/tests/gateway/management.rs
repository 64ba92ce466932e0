//! The `@connections` management API, with requests made by hand and with AWS's own SDK.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use crate::support::{call, connect, functions, gateway, id_of, manage, routes, start};
use aws_sdk_apigatewaymanagement::{
    Client as Management, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    primitives::{Blob, DateTime},
};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use rollcall_gateway::{Gateway, GatewayConfig, Limits};
use serde_json::{Value, json};
use tokio::net::TcpListener;
fn sdk(gateway: &Gateway) -> Management {
    sdk_at(gateway.local_addr())
}

fn sdk_at(address: SocketAddr) -> Management {
    Management::from_conf(
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
            .endpoint_url(format!("http://{address}/prod"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .build(),
    )
}

#[tokio::test]
async fn the_sdk_posts_to_a_connection_reads_its_state_and_closes_it() {
    let (functions, mut record) = functions();
    let clock = Arc::new(AtomicU64::new(1_707_503_008_941));
    let read = Arc::clone(&clock);
    let mut config = GatewayConfig::new("prod", routes());
    config.clock = Arc::new(move || UNIX_EPOCH + Duration::from_millis(read.load(Ordering::Relaxed)));
    let gateway = start(config, functions).await;
    let mut client = connect(&gateway).await;
    let id = id_of(&record.next("connect").await);
    let sdk = sdk(&gateway);

    clock.store(1_707_503_012_000, Ordering::Relaxed);
    sdk.post_to_connection().connection_id(&id).data(Blob::new("news")).send().await.unwrap();
    assert_eq!(client.text().await, "news");
    let state = sdk.get_connection().connection_id(&id).send().await.unwrap();
    assert_eq!(state.connected_at(), Some(&DateTime::from_millis(1_707_503_008_941)));
    assert_eq!(state.last_active_at(), Some(&DateTime::from_millis(1_707_503_012_000)));
    assert_eq!(state.identity().unwrap().source_ip(), Some("127.0.0.1"));
    sdk.delete_connection().connection_id(&id).send().await.unwrap();
    client.closed().await;

    let post = sdk.post_to_connection().connection_id(&id).data(Blob::new("late")).send().await;
    assert!(post.unwrap_err().into_service_error().is_gone_exception());
    let look = sdk.get_connection().connection_id(&id).send().await;
    assert!(look.unwrap_err().into_service_error().is_gone_exception());
    let delete = sdk.delete_connection().connection_id(&id).send().await;
    assert!(delete.unwrap_err().into_service_error().is_gone_exception());
}

#[tokio::test]
async fn the_sdk_understands_the_refusal_of_a_too_large_message() {
    let (functions, mut record) = functions();
    let gateway = gateway(functions, Limits::default()).await;
    let mut client = connect(&gateway).await;
    let id = id_of(&record.next("connect").await);
    let sdk = sdk(&gateway);
    let post = |size: usize| sdk.post_to_connection().connection_id(&id).data(Blob::new("x".repeat(size))).send();
    post(128 * 1024).await.unwrap();
    assert_eq!(client.text().await.len(), 128 * 1024);
    let error = post(128 * 1024 + 1).await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 413);
    assert!(error.into_service_error().is_payload_too_large_exception());
}

#[tokio::test]
async fn a_get_is_answered_in_camel_case_with_iso_8601_times() {
    let (functions, mut record) = functions();
    let mut config = GatewayConfig::new("prod", routes());
    config.clock = Arc::new(|| UNIX_EPOCH + Duration::from_millis(1_707_503_008_941));
    let gateway = start(config, functions).await;
    let mut request = crate::support::handshake(&gateway, "/prod");
    request.headers_mut().insert("user-agent", "probe/1".parse().unwrap());
    let _client = crate::support::try_connect(request).await.map_err(|(status, ..)| status).unwrap();
    let id = id_of(&record.next("connect").await);
    let (status, _, body) = manage(gateway.local_addr(), Method::GET, &id, "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap(),
        json!({
            "connectedAt": "2024-02-09T18:23:28.941Z",
            "lastActiveAt": "2024-02-09T18:23:28.941Z",
            "identity": {"sourceIp": "127.0.0.1", "userAgent": "probe/1"},
        })
    );
}

#[tokio::test]
async fn an_unsigned_call_is_missing_its_authentication_token() {
    let (functions, _record) = functions();
    let gateway = gateway(functions, Limits::default()).await;
    for authorization in [None, Some("Bearer t")] {
        let mut request = Request::post("/prod/@connections/L0SM9cOFvHcCIhw%3D");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let (status, _, body) = call(gateway.local_addr(), request.body(Full::default()).unwrap()).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({"message": "Missing Authentication Token"}));
    }
}

#[tokio::test]
async fn a_listener_of_its_own_serves_calls_about_connections_and_nothing_else() {
    let (functions, mut record) = functions();
    let gateway = gateway(functions, Limits::default()).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let own = listener.local_addr().unwrap();
    gateway.serve_connections(listener);
    let mut client = connect(&gateway).await;
    let id = id_of(&record.next("connect").await);

    sdk_at(own).post_to_connection().connection_id(&id).data(Blob::new("news")).send().await.unwrap();
    assert_eq!(client.text().await, "news");
    assert_eq!(
        manage(gateway.local_addr(), Method::GET, &id, "").await.0,
        StatusCode::OK,
        "the sockets' has them, too"
    );
    let unsigned = Request::post("/prod/@connections/L0SM9cOFvHcCIhw%3D").body(Full::default()).unwrap();
    let (status, _, body) = call(own, unsigned).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({"message": "Missing Authentication Token"}));
    for path in ["/prod", "/prod/", "/", "/test/@connections/L0SM9cOFvHcCIhw%3D", "/prod/@connections/"] {
        let request = Request::get(path)
            .header("authorization", "AWS4-HMAC-SHA256 Credential=x")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let (status, ..) = call(own, request.body(Full::default()).unwrap()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(gateway.connections(), 1, "no node gets in there");

    gateway.shutdown().await;
    assert!(TcpListener::bind(own).await.is_ok(), "the port is free");
}

#[tokio::test]
async fn a_call_to_another_stage_is_forbidden_even_for_a_connection_that_exists() {
    let (functions, mut record) = functions();
    let gateway = gateway(functions, Limits::default()).await;
    let _client = connect(&gateway).await;
    let id = id_of(&record.next("connect").await);
    let request = Request::post(format!("/test/@connections/{}", id.replace('=', "%3D").replace('/', "%2F")))
        .header("authorization", "AWS4-HMAC-SHA256 Credential=x");
    let (status, ..) = call(gateway.local_addr(), request.body(Full::from("news")).unwrap()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn management_calls_share_the_request_rate_with_handshakes_and_messages() {
    let (functions, mut record) = functions();
    let gateway = gateway(functions, Limits { requests_per_second: 0, burst: 2, ..Limits::default() }).await;
    let _client = connect(&gateway).await;
    let id = id_of(&record.next("connect").await);
    assert_eq!(manage(gateway.local_addr(), Method::GET, &id, "").await.0, StatusCode::OK);
    let (status, headers, _) = manage(gateway.local_addr(), Method::GET, &id, "").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(headers["x-amzn-errortype"], "LimitExceededException");
}

#[tokio::test]
async fn posts_to_a_client_that_does_not_read_get_429_and_its_connection_is_kept() {
    let (functions, mut record) = functions();
    let limits = Limits { outgoing: 1, push_wait: Duration::from_millis(50), ..Limits::default() };
    let gateway = gateway(functions, limits).await;
    let mut client = connect(&gateway).await;
    let id = id_of(&record.next("connect").await);
    let mut sent = 0;
    let (status, headers, _) = loop {
        let answer = manage(gateway.local_addr(), Method::POST, &id, "x".repeat(128 * 1024)).await;
        if answer.0 != StatusCode::OK {
            break answer;
        }
        sent += 1;
        assert!(sent < 1000, "the queue has no bound");
    };
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(headers["x-amzn-errortype"], "LimitExceededException");
    for _ in 0..sent {
        client.text().await;
    }
    assert_eq!(manage(gateway.local_addr(), Method::POST, &id, "again").await.0, StatusCode::OK);
    assert_eq!(client.text().await, "again");
}

#[tokio::test]
async fn a_post_that_is_not_text_is_refused() {
    let (functions, mut record) = functions();
    let gateway = gateway(functions, Limits::default()).await;
    let _client = connect(&gateway).await;
    let id = id_of(&record.next("connect").await);
    let (status, ..) = manage(gateway.local_addr(), Method::POST, &id, vec![0xff]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
