//! Handshakes: which are accepted, and how the others are refused.

use crate::support::{allow, call, functions, gateway, handshake, id_of, manage, raised, routes, start, try_connect};
use futures_util::FutureExt;
use http::{Method, StatusCode};
use rollcall_gateway::{GatewayConfig, InvokeError, Limits};
use serde_json::{Value, json};

#[tokio::test]
async fn the_101_is_sent_only_after_connect_accepted_and_before_that_the_connection_does_not_exist() {
    let (functions, mut record) = functions();
    let (functions, go) = functions.held("connect", |_| Ok(json!({"statusCode": 204})));
    let gateway = gateway(functions, Limits::default()).await;
    let mut client = Box::pin(try_connect(handshake(&gateway, "/prod")));
    assert!((&mut client).now_or_never().is_none());
    let connect = tokio::select! {
        event = record.next("connect") => event,
        _ = &mut client => panic!("answered before $connect returned"),
    };
    let (status, headers, _) = manage(gateway.local_addr(), Method::POST, &id_of(&connect), "early").await;
    assert_eq!(status, StatusCode::GONE);
    assert_eq!(headers["x-amzn-errortype"], "GoneException");
    assert_eq!(gateway.connections(), 0);

    go.notify_one();
    let (_client, response) = client.await.map_err(|(status, ..)| status).unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let (status, ..) = manage(gateway.local_addr(), Method::POST, &id_of(&connect), "now").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(gateway.connections(), 1);
}

#[tokio::test]
async fn the_authorizer_decides_which_handshakes_are_allowed_and_connect_is_not_invoked_for_others() {
    let deny = json!({"principalId": "x", "policyDocument": {"Statement": [
        {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": "*"}]}});
    let elsewhere: Value = serde_json::from_str(&allow("x", &json!({})).to_string().replace("prod", "test")).unwrap();
    for (outcome, expected) in [
        (Ok(deny), 403),
        (Ok(elsewhere), 403),
        (Err(raised("Unauthorized")), 401),
        (Err(raised("cannot read the keys")), 500),
        (Err(InvokeError::TimedOut), 500),
        (Err(InvokeError::Unavailable("authorize".into())), 500),
        (Ok(json!({"isAuthorized": true})), 500),
        (Ok(allow("x", &json!({"nested": {}}))), 500),
        (Err(InvokeError::Throttled), 429),
    ] {
        let (functions, mut record) = functions();
        let described = format!("{outcome:?}");
        let gateway = gateway(functions.on("authorize", move |_| outcome.clone()), Limits::default()).await;
        let Err((status, _, body)) = try_connect(handshake(&gateway, "/prod")).await else {
            panic!("accepted with {described}");
        };
        assert_eq!(status, expected, "{described}");
        assert!(body["message"].is_string() && body["connectionId"].is_string() && body["requestId"].is_string());
        gateway.shutdown().await;
        assert!(record.rest("connect").is_empty() && record.rest("disconnect").is_empty());
    }
}

#[tokio::test]
async fn a_handshake_without_an_identity_source_is_401_and_the_authorizer_is_not_invoked() {
    let (functions, mut record) = functions();
    let mut config = GatewayConfig::new("prod", routes());
    config.identity_sources =
        vec!["route.request.header.Authorization".into(), "route.request.querystring.token".into()];
    let gateway = start(config, functions).await;
    for (path, header) in [("/prod?token=t", false), ("/prod", true), ("/prod?token=", true)] {
        let mut request = handshake(&gateway, path);
        if header {
            request.headers_mut().insert("authorization", "Bearer t".parse().unwrap());
        }
        let status = try_connect(request).await.map(|_| ()).map_err(|(status, ..)| status);
        assert_eq!(status, Err(StatusCode::UNAUTHORIZED), "{path}");
    }
    assert!(record.rest("authorize").is_empty());
    let mut request = handshake(&gateway, "/prod?token=t");
    request.headers_mut().insert("authorization", "Bearer t".parse().unwrap());
    assert!(try_connect(request).await.is_ok());
}

#[tokio::test]
async fn a_refusal_by_connect_has_its_status_and_a_failure_is_502() {
    for (outcome, expected) in [
        (Ok(json!({"statusCode": 403, "body": "{\"why\":\"revoked\"}"})), 403),
        (Ok(json!({"statusCode": 503})), 503),
        (Ok(json!({"statusCode": 302})), 302),
        (Ok(json!({"statusCode": 101})), 502),
        (Ok(json!({"statusCode": "fine"})), 502),
        (Ok(json!({})), 502),
        (Ok(Value::Null), 502),
        (Err(raised("Unauthorized")), 502),
        (Err(InvokeError::TimedOut), 502),
        (Err(InvokeError::Throttled), 429),
    ] {
        let (functions, mut record) = functions();
        let described = format!("{outcome:?}");
        let gateway = gateway(functions.on("connect", move |_| outcome.clone()), Limits::default()).await;
        let Err((status, _, body)) = try_connect(handshake(&gateway, "/prod")).await else {
            panic!("accepted with {described}");
        };
        assert_eq!(status, expected, "{described}");
        if expected == 403 {
            assert_eq!(body, json!({"why": "revoked"}));
        }
        gateway.shutdown().await;
        assert!(record.rest("disconnect").is_empty(), "$disconnect was invoked for a refused handshake");
    }
}

#[tokio::test]
async fn a_function_that_takes_longer_than_the_integration_timeout_has_failed() {
    let (functions, _record) = functions();
    let limits = Limits { integration_timeout: std::time::Duration::from_millis(20), ..Limits::default() };
    let functions = functions.on_async("connect", |_| futures_util::future::pending().boxed());
    let gateway = gateway(functions, limits).await;
    let status = try_connect(handshake(&gateway, "/prod")).await.map(|_| ()).map_err(|(status, ..)| status);
    assert_eq!(status, Err(StatusCode::BAD_GATEWAY));
    assert_eq!(Limits::default().integration_timeout.as_secs(), 29);
}

#[tokio::test]
async fn a_subprotocol_is_echoed_only_if_connect_returns_it() {
    for (headers, expected) in [
        (json!({}), None),
        (json!({"sec-websocket-protocol": "rollcall.v1"}), Some("rollcall.v1")),
        (json!({"Sec-WebSocket-Protocol": "rollcall.v1"}), Some("rollcall.v1")),
    ] {
        let (functions, mut record) = functions();
        let functions = functions.on("connect", move |_| Ok(json!({"statusCode": 200, "headers": headers})));
        let gateway = gateway(functions, Limits::default()).await;
        let request = http::Request::builder()
            .uri("/prod")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "rollcall.v1, other")
            .body(http_body_util::Full::<bytes::Bytes>::default())
            .unwrap();
        let to = gateway.local_addr();
        let answering = tokio::spawn(async move {
            let mut request = request;
            request.headers_mut().insert("host", to.to_string().parse().unwrap());
            let stream = tokio::net::TcpStream::connect(to).await.unwrap();
            let io = hyper_util::rt::TokioIo::new(stream);
            let (mut sender, http) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(http.with_upgrades());
            sender.send_request(request).await.unwrap()
        });
        let answer = crate::support::soon(answering).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(answer.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap()), expected);
        let event = record.next("connect").await;
        assert_eq!(event["headers"]["Sec-WebSocket-Protocol"], "rollcall.v1, other");
    }
}

#[tokio::test]
async fn new_connections_over_their_rate_are_429() {
    let (functions, _record) = functions();
    let gateway = gateway(functions, Limits { new_connections_per_second: 2, ..Limits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(crate::support::connect(&gateway).await);
    }
    let status = try_connect(handshake(&gateway, "/prod")).await.map(|_| ()).map_err(|(status, ..)| status);
    assert_eq!(status, Err(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(Limits::default().new_connections_per_second, 500);
}

#[tokio::test]
async fn another_stage_or_path_is_forbidden_and_a_plain_request_is_told_to_upgrade() {
    let (functions, mut record) = functions();
    let gateway = gateway(functions, Limits::default()).await;
    for path in ["/test", "/", "/prodigal", "/prod/other", "/test/prod"] {
        let status = try_connect(handshake(&gateway, path)).await.map(|_| ()).map_err(|(status, ..)| status);
        assert_eq!(status, Err(StatusCode::FORBIDDEN), "{path}");
    }
    let plain = http::Request::get("/prod").body(http_body_util::Full::default()).unwrap();
    assert_eq!(call(gateway.local_addr(), plain).await.0, StatusCode::UPGRADE_REQUIRED);
    assert!(record.rest("authorize").is_empty());
    assert!(try_connect(handshake(&gateway, "/prod/")).await.is_ok());
}
