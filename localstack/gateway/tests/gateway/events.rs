//! The events that functions receive have the same form as those of AWS.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use crate::support::{functions, handshake, routes, start, try_connect};
use aws_lambda_events::event::apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayWebsocketProxyRequest};
use futures_util::StreamExt;
use rollcall_gateway::GatewayConfig;
use serde_json::{Value, json};

/// Friday, 9 February 2024, 18:23:28.941 UTC.
const NOW_MS: u64 = 1_707_503_008_941;

/// The keys of `requestContext` in every captured WebSocket event, without those of a single kind of event.
const CONTEXT: [&str; 14] = [
    "apiId",
    "connectedAt",
    "connectionId",
    "domainName",
    "eventType",
    "extendedRequestId",
    "identity",
    "messageDirection",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "routeKey",
    "stage",
    "authorizer",
];

struct Seen {
    authorize: Value,
    connect: Value,
    message: Value,
    disconnect: Value,
}

/// The events of one connection, whose handshake has a query string and a repeated header.
async fn life() -> Seen {
    let (functions, mut record) = functions();
    let mut config = GatewayConfig::new("prod", routes());
    config.clock = Arc::new(|| UNIX_EPOCH + Duration::from_millis(NOW_MS));
    config.domain_name = Some("abcd1234.execute-api.us-east-1.amazonaws.com".into());
    let gateway = start(config, functions).await;
    let mut request = handshake(&gateway, "/prod?token=a%20b&tag=1&tag=2");
    request.headers_mut().insert("user-agent", "probe/1".parse().unwrap());
    request.headers_mut().append("x-site", "north".parse().unwrap());
    request.headers_mut().append("x-site", "south".parse().unwrap());
    let (mut client, _) = try_connect(request).await.map_err(|(status, ..)| status).unwrap();
    client.send(json!({"type": "echo", "text": "\u{1F6F0} hello"})).await;
    let message = record.next("echo").await;
    tokio::spawn(async move { client.0.for_each(|_| std::future::ready(())).await });
    gateway.shutdown().await;
    Seen {
        authorize: record.next("authorize").await,
        connect: record.next("connect").await,
        message,
        disconnect: record.next("disconnect").await,
    }
}

#[tokio::test]
async fn a_connect_event_has_headers_query_and_context_but_no_body() {
    let Seen { connect, .. } = life().await;
    assert_eq!(
        keys(&connect),
        set(&[
            "headers",
            "isBase64Encoded",
            "multiValueHeaders",
            "multiValueQueryStringParameters",
            "queryStringParameters",
            "requestContext"
        ])
    );
    assert_eq!(connect["isBase64Encoded"], false);
    assert_eq!(connect["queryStringParameters"], json!({"token": "a b", "tag": "2"}));
    assert_eq!(connect["multiValueQueryStringParameters"]["tag"], json!(["1", "2"]));
    let headers = keys(&connect["headers"]);
    for name in [
        "Host",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "User-Agent",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
    ] {
        assert!(headers.contains(name), "{name} is missing from {headers:?}");
    }
    assert!(!headers.contains("Connection") && !headers.contains("Upgrade"));
    assert_eq!(connect["headers"]["X-Site"], "south");
    assert_eq!(connect["multiValueHeaders"]["X-Site"], json!(["north", "south"]));
    let context = &connect["requestContext"];
    assert_eq!(keys(context), set(&CONTEXT));
    assert_eq!((&context["routeKey"], &context["eventType"]), (&json!("$connect"), &json!("CONNECT")));
    assert_eq!(context["identity"], json!({"sourceIp": "127.0.0.1", "userAgent": "probe/1"}));
    let parsed: ApiGatewayWebsocketProxyRequest = serde_json::from_value(connect.clone()).unwrap();
    assert_eq!(parsed.request_context.connected_at, i64::try_from(NOW_MS).unwrap());
    assert_eq!(parsed.query_string_parameters.first("token"), Some("a b"));
}

#[tokio::test]
async fn a_message_event_carries_its_body_and_no_headers() {
    let Seen { message, .. } = life().await;
    assert_eq!(keys(&message), set(&["body", "isBase64Encoded", "requestContext"]));
    let body: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["text"], "\u{1F6F0} hello");
    let context = &message["requestContext"];
    assert_eq!(keys(context), &set(&CONTEXT) | &set(&["messageId"]));
    assert_eq!((&context["routeKey"], &context["eventType"]), (&json!("echo"), &json!("MESSAGE")));
    let parsed: ApiGatewayWebsocketProxyRequest = serde_json::from_value(message.clone()).unwrap();
    assert!(parsed.request_context.message_id.is_some());
    assert_ne!(parsed.request_context.message_id, parsed.request_context.request_id);
}

#[tokio::test]
async fn a_disconnect_event_has_code_and_reason_and_the_headers_of_captured_events() {
    let Seen { disconnect, .. } = life().await;
    assert_eq!(keys(&disconnect), set(&["headers", "isBase64Encoded", "multiValueHeaders", "requestContext"]));
    let names = set(&["Host", "X-Forwarded-For", "x-api-key", "x-restapi"]);
    assert_eq!((keys(&disconnect["headers"]), keys(&disconnect["multiValueHeaders"])), (names.clone(), names));
    let context = &disconnect["requestContext"];
    assert_eq!(keys(context), &set(&CONTEXT) | &set(&["disconnectStatusCode", "disconnectReason"]));
    assert_eq!((&context["routeKey"], &context["eventType"]), (&json!("$disconnect"), &json!("DISCONNECT")));
    let parsed: ApiGatewayWebsocketProxyRequest = serde_json::from_value(disconnect.clone()).unwrap();
    assert_eq!(parsed.request_context.disconnect_status_code, Some(1001));
    assert_eq!(parsed.request_context.disconnect_reason.as_deref(), Some("Going away"));
}

#[tokio::test]
async fn an_authorizer_event_is_about_the_connect_route_and_has_no_path_variables() {
    let Seen { authorize, .. } = life().await;
    assert_eq!(
        keys(&authorize),
        set(&[
            "headers",
            "methodArn",
            "multiValueHeaders",
            "multiValueQueryStringParameters",
            "queryStringParameters",
            "requestContext",
            "stageVariables",
            "type"
        ])
    );
    assert_eq!(authorize["type"], "REQUEST");
    assert_eq!(authorize["methodArn"], "arn:aws:execute-api:us-east-1:123456789012:loopback00/prod/$connect");
    assert_eq!(keys(&authorize["requestContext"]), &set(&CONTEXT) - &set(&["authorizer"]));
    let parsed: ApiGatewayCustomAuthorizerRequestTypeRequest = serde_json::from_value(authorize.clone()).unwrap();
    assert!(parsed.method_arn.unwrap().ends_with("/$connect"));
    assert_eq!(parsed.headers["x-site"], "south");
}

#[tokio::test]
async fn all_events_of_a_connection_carry_the_same_identity_and_connection() {
    let Seen { authorize, connect, message, disconnect } = life().await;
    for event in [&connect, &message, &disconnect] {
        let context = &event["requestContext"];
        // Numbers in the authorizer's context arrive as strings.
        assert_eq!(context["authorizer"], json!({"principalId": "node-1", "site": "north", "cv": "3"}));
        for key in ["connectionId", "connectedAt", "apiId", "stage", "domainName"] {
            assert_eq!(context[key], authorize["requestContext"][key], "{key}");
        }
        assert_eq!(context["connectedAt"], NOW_MS);
        assert_eq!(context["requestTimeEpoch"], NOW_MS);
        assert_eq!(context["requestTime"], "09/Feb/2024:18:23:28 +0000");
        assert_eq!(context["messageDirection"], "IN");
        assert_eq!(context["extendedRequestId"], context["requestId"]);
        assert_eq!(context["domainName"], "abcd1234.execute-api.us-east-1.amazonaws.com");
        let id = context["connectionId"].as_str().unwrap();
        assert!(id.len() == 16 && id.ends_with('='), "{id}");
    }
}

#[tokio::test]
async fn without_an_authorizer_events_carry_no_identity() {
    let (functions, mut record) = functions();
    let mut config = GatewayConfig::new("prod", routes());
    config.routes.authorizer = None;
    let gateway = start(config, functions).await;
    let _client = crate::support::connect(&gateway).await;
    assert!(record.next("connect").await["requestContext"].get("authorizer").is_none());
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn set(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}
