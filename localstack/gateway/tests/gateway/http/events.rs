//! Events have the form of payload format 2.0.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use aws_lambda_events::event::apigw::ApiGatewayV2httpRequest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, request::Builder};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{config, send, start};
use crate::support::{functions, soon};

/// Friday, 9 February 2024, 18:23:28.941 UTC.
const NOW_MS: u64 = 1_707_503_008_941;

/// The event that a function behind `routes` gets for a request, and the address of the API.
async fn event_of(routes: &[&str], request: Builder, body: impl Into<Bytes>) -> (Value, String) {
    let (functions, mut record) = functions();
    let mut config = config(&routes.iter().map(|&key| (key, "echo")).collect::<Vec<_>>());
    config.clock = Arc::new(|| UNIX_EPOCH + Duration::from_millis(NOW_MS));
    let api = start(config, functions).await;
    let (_, headers, _) = send(&api, request, body).await;
    let event = record.next("echo").await;
    assert_eq!(headers["apigw-requestid"].to_str().ok(), event["requestContext"]["requestId"].as_str());
    (event, api.local_addr().to_string())
}

#[tokio::test]
async fn an_event_has_the_fields_of_the_request_and_its_context() {
    let request = Request::post("/v1/nodes/n%201/log?since=1")
        .header("content-type", "application/json")
        .header("cookie", "a=1")
        .header("user-agent", "probe/1");
    let (event, address) = event_of(&["POST /v1/nodes/{id}/{log}"], request, r#"{"seq":1}"#).await;
    let top = [
        "body",
        "cookies",
        "headers",
        "isBase64Encoded",
        "pathParameters",
        "queryStringParameters",
        "rawPath",
        "rawQueryString",
        "requestContext",
        "routeKey",
        "version",
    ];
    assert_eq!(keys(&event), BTreeSet::from(top));
    assert_eq!((&event["version"], &event["routeKey"]), (&json!("2.0"), &json!("POST /v1/nodes/{id}/{log}")));
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(r#"{"seq":1}"#), &json!(false)));
    let mut context = event["requestContext"].clone();
    let id = context["requestId"].take();
    assert!(id.as_str().unwrap().len() == 16, "{id}");
    let expected = json!({
        "accountId": "123456789012",
        "apiId": "loopback00",
        "domainName": address,
        "domainPrefix": "loopback00",
        "http": {
            "method": "POST",
            "path": "/v1/nodes/n 1/log",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "probe/1",
        },
        "requestId": null,
        "routeKey": "POST /v1/nodes/{id}/{log}",
        "stage": "$default",
        "time": "09/Feb/2024:18:23:28 +0000",
        "timeEpoch": NOW_MS,
    });
    assert_eq!(context, expected);
}

#[tokio::test]
async fn an_event_can_be_read_with_the_types_of_aws_lambda_events() {
    let request = Request::post("/v1/check-in?tag=1&tag=2")
        .header("content-type", "application/json")
        .header("cookie", "a=1; b=2")
        .header("x-site", "north");
    let (event, _) = event_of(&["ANY /v1/{proxy+}"], request, r#"{"seq":1}"#).await;
    let parsed: ApiGatewayV2httpRequest = serde_json::from_value(event).unwrap();
    assert_eq!(parsed.version.as_deref(), Some("2.0"));
    assert_eq!(parsed.route_key.as_deref(), Some("ANY /v1/{proxy+}"));
    assert_eq!(parsed.raw_path.as_deref(), Some("/v1/check-in"));
    assert_eq!(parsed.raw_query_string.as_deref(), Some("tag=1&tag=2"));
    assert_eq!(parsed.cookies, Some(vec!["a=1".to_owned(), "b=2".to_owned()]));
    assert_eq!(parsed.headers["x-site"], "north");
    assert_eq!(parsed.query_string_parameters.all("tag"), Some(vec!["1", "2"]));
    assert_eq!(parsed.path_parameters["proxy"], "check-in");
    assert_eq!(parsed.body.as_deref(), Some(r#"{"seq":1}"#));
    let context = parsed.request_context;
    assert_eq!((context.http.method, context.http.protocol.as_deref()), (http::Method::POST, Some("HTTP/1.1")));
    assert_eq!((context.stage.as_deref(), context.time_epoch), (Some("$default"), NOW_MS.cast_signed()));
}

#[tokio::test]
async fn parts_that_a_request_does_not_have_are_absent_from_its_event() {
    let (event, _) = event_of(&["GET /v1/nodes"], Request::get("/v1/nodes"), "").await;
    let top = ["headers", "isBase64Encoded", "rawPath", "rawQueryString", "requestContext", "routeKey", "version"];
    assert_eq!(keys(&event), BTreeSet::from(top));
    assert_eq!((&event["rawQueryString"], &event["isBase64Encoded"]), (&json!(""), &json!(false)));
    assert_eq!(event["requestContext"]["http"]["userAgent"], "");
}

#[tokio::test]
async fn header_names_are_lower_case_repeated_headers_are_joined_and_cookies_are_separate() {
    let request = Request::get("/")
        .header("X-Site", "north")
        .header("x-site", "south")
        .header("Cookie", "a=1; b=2")
        .header("cookie", "c=3")
        .header("Keep-Alive", "timeout=5")
        .header("X-Forwarded-Port", "1");
    let (event, address) = event_of(&["$default"], request, "").await;
    assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
    let mut headers = event["headers"].clone();
    let trace = headers["x-amzn-trace-id"].take();
    assert!(trace.as_str().unwrap().starts_with("Root=1-65c66da0-"), "{trace}");
    let expected = json!({
        "content-length": "0",
        "host": address,
        "x-amzn-trace-id": null,
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
        "x-site": "north,south",
    });
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn an_event_has_the_raw_query_and_the_decoded_one() {
    let (event, _) = event_of(&["GET /x"], Request::get("/x?q=a%20b+c&tag=1&t%61g=2,3&empty"), "").await;
    assert_eq!(event["rawQueryString"], "q=a%20b+c&tag=1&t%61g=2,3&empty");
    assert_eq!(event["queryStringParameters"], json!({"q": "a b c", "tag": "1,2,3", "empty": ""}));
}

#[tokio::test]
async fn path_parameters_are_decoded_one_by_one() {
    for (route, path, expected) in [
        ("GET /v1/nodes/{id}", "/v1/nodes/a%2Fb%20c+d", json!({"id": "a/b c+d"})),
        ("GET /v1/{kind}/{id}", "/v1/nodes/7", json!({"kind": "nodes", "id": "7"})),
        ("GET /v1/{proxy+}", "/v1/nodes/a%20b", json!({"proxy": "nodes/a b"})),
        ("GET /v1/{rest+}", "/v1/", json!({"rest": ""})),
    ] {
        let (event, _) = event_of(&[route], Request::get(path), "").await;
        assert_eq!(event["pathParameters"], expected, "{path}");
    }
}

#[tokio::test]
async fn a_body_is_text_only_if_its_type_is_textual_and_it_is_utf8() {
    let text = "\u{1F6F0} hello";
    for (content_type, body, is_text) in [
        (Some("application/json"), text.as_bytes(), true),
        (Some("text/plain; charset=utf-8"), text.as_bytes(), true),
        (Some("application/json"), b"\xff\xfe".as_slice(), false),
        (Some("application/octet-stream"), text.as_bytes(), false),
        (None, text.as_bytes(), false),
    ] {
        let mut request = Request::put("/");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let (event, _) = event_of(&["$default"], request, body).await;
        assert_eq!(event["isBase64Encoded"], !is_text, "{content_type:?}");
        let expected = if is_text { text.to_owned() } else { STANDARD.encode(body) };
        assert_eq!(event["body"], expected, "{content_type:?}");
    }
}

#[tokio::test]
async fn a_body_that_came_in_chunks_is_joined_and_has_a_length() {
    let (functions, mut record) = functions();
    let api = start(config(&[("$default", "echo")]), functions).await;
    let mut stream = TcpStream::connect(api.local_addr()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    for part in [head, "3\r\nche\r\n", "5\r\nck-in\r\n", "0\r\n\r\n"] {
        soon(stream.write_all(part.as_bytes())).await.unwrap();
    }
    let event = record.next("echo").await;
    assert_eq!(event["body"], "check-in");
    assert_eq!(event["headers"]["content-length"], "8");
    assert!(event["headers"].get("transfer-encoding").is_none());
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
