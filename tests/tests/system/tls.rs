//! Functions and the TLS of DynamoDB: when it is set up, and whose certificate is believed.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_aws::{LOCAL_CREDENTIALS, LOCAL_REGION, create_tables, local_dynamo_client, variable};
use rollcall_gateway::{FunctionSpec, Host, Invoke as _};
use rollcall_stack::{EmbeddedDynamo, TABLE, listen};
use rollcall_tests::{Journal, TlsProxy, functions};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const FUNCTION: &str = "disconnect";

/// A function whose DynamoDB is at this URL.
fn function(dynamodb: &str, more: &[(&str, &str)], journal: &Journal) -> Host {
    let variables = [
        (variable::TABLE, TABLE),
        (variable::REGISTRATION, "open"),
        (variable::ENDPOINT_URL_DYNAMODB, dynamodb),
        (variable::REGION, LOCAL_REGION),
        ("AWS_ACCESS_KEY_ID", LOCAL_CREDENTIALS),
        ("AWS_SECRET_ACCESS_KEY", LOCAL_CREDENTIALS),
    ];
    let variables = variables.iter().chain(more).map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let spec = FunctionSpec {
        name: FUNCTION.to_owned(),
        program: functions().join(FUNCTION),
        env: variables.collect::<BTreeMap<_, _>>(),
        timeout: Duration::from_secs(30),
        memory_mb: 128,
        max_processes: 1,
        max_queued: 1,
    };
    Host::start(vec![spec], journal.sink()).expect("a port")
}

/// What the function answers when a connection has ended.
async fn disconnected(host: &Host) -> Value {
    let context = json!({
        "routeKey": "$disconnect", "eventType": "DISCONNECT", "connectionId": "c=", "requestId": "r",
        "connectedAt": 1_800_000_000_000_u64, "requestTimeEpoch": 1_800_000_001_000_u64, "stage": "v1", "apiId": "a",
        "requestTime": "15/Jan/2027:08:00:01 +0000", "messageDirection": "IN", "extendedRequestId": "r",
        "domainName": "127.0.0.1", "identity": { "sourceIp": "127.0.0.1" }, "disconnectStatusCode": 1000,
        "authorizer": { "principalId": "ap-1", "node": "ap-1", "cv": "1", "integrationLatency": 1 },
    });
    let event = json!({ "headers": {}, "requestContext": context, "isBase64Encoded": false }).to_string();
    let answer = host.invoke(FUNCTION, event.into()).await.expect("an answer");
    serde_json::from_slice(&answer).expect("JSON")
}

/// An engine with a table, and TLS before it.
async fn dynamodb() -> (EmbeddedDynamo, TlsProxy) {
    let listener = listen(0, "DynamoDB", "").expect("a port");
    let address = listener.local_addr().expect("an address");
    let engine = EmbeddedDynamo::start(listener, None).expect("an engine");
    create_tables(&local_dynamo_client(&engine.url()), TABLE).await.expect("a table");
    (engine, TlsProxy::before(address).await)
}

#[tokio::test]
async fn the_handshake_with_dynamodb_is_over_before_the_first_event_and_serves_all_events() {
    let ((_engine, tls), journal) = (dynamodb().await, Journal::default());
    let certificate = tls.certificate();
    let trust = [(variable::TRUST, "native"), ("SSL_CERT_FILE", certificate.to_str().expect("text"))];
    let host = function(&tls.url(), &trust, &journal);
    host.ensure_ready(FUNCTION).await.expect("it starts");
    assert_eq!(tls.handshakes(), 1, "{:#?}", journal.lines());
    for _ in 0..3 {
        assert_eq!(disconnected(&host).await["statusCode"], 200, "{:#?}", journal.lines());
    }
    assert_eq!(tls.handshakes(), 1);
    assert!(journal.lines().iter().all(|(_, line)| !line.contains("WARN")), "{:#?}", journal.lines());
    host.shutdown().await;
}

#[tokio::test]
async fn a_certificate_that_amazon_has_not_signed_is_not_believed_and_the_function_starts_all_the_same() {
    let ((_engine, tls), journal) = (dynamodb().await, Journal::default());
    let certificate = tls.certificate();
    let host = function(&tls.url(), &[("SSL_CERT_FILE", certificate.to_str().expect("text"))], &journal);
    host.ensure_ready(FUNCTION).await.expect("it starts");
    assert_ne!(disconnected(&host).await["statusCode"], 200);
    assert_eq!(tls.handshakes(), 0);
    let warned = |(_, line): &(String, String)| line.contains("WARN") && line.contains("no connection to DynamoDB yet");
    assert_eq!(journal.lines().into_iter().filter(warned).count(), 1, "{:#?}", journal.lines());
    host.shutdown().await;
}

#[tokio::test]
async fn a_dynamodb_that_never_answers_does_not_keep_a_function_from_starting() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let journal = Journal::default();
    let url = format!("https://{}", silent.local_addr().expect("an address"));
    let host = function(&url, &[], &journal);
    host.ensure_ready(FUNCTION).await.expect("it starts");
    let warned = |(_, line): &(String, String)| line.contains("no connection to DynamoDB yet");
    assert_eq!(journal.lines().into_iter().filter(warned).count(), 1, "{:#?}", journal.lines());
    host.shutdown().await;
}
