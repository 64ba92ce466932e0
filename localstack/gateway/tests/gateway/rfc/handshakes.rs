//! Handshakes (RFC 6455, section 4.2; RFC 9110, section 7.8).

use serde_json::json;

use crate::{
    rfc::raw::{KEY, Raw, UPGRADE, VERSION, frame, plain_gateway},
    support::{functions, gateway, raised},
};
use rollcall_gateway::{Gateway, Limits};

async fn ask(gateway: &Gateway, line: &str, headers: &[&str]) -> super::raw::Answer {
    Raw::open(gateway.local_addr()).await.ask(line, headers).await
}

#[tokio::test]
async fn an_upgrade_in_http_1_0_is_ignored() {
    let (gateway, mut record) = plain_gateway().await;
    for host in [&["Host: x"][..], &[]] {
        let headers = [host, &[UPGRADE, VERSION, KEY]].concat();
        let answer = ask(&gateway, "GET /prod HTTP/1.0", &headers).await;
        assert_eq!(answer.status, 426, "{answer:?}");
    }
    assert!(record.rest("authorize").is_empty());
}

#[tokio::test]
async fn a_request_without_an_upgrade_to_websocket_gets_426() {
    let (gateway, _record) = plain_gateway().await;
    for headers in [
        &["Host: x"][..],
        &["Host: x", "Upgrade: websocket", VERSION, KEY],
        &["Host: x", "Connection: Upgrade", VERSION, KEY],
        &["Host: x", "Connection: Upgrade", "Upgrade: h2c", VERSION, KEY],
        &["Host: x", "Connection: Upgrade", "Upgrade: websocket2", VERSION, KEY],
        &["Host: x", "Connection: Upgraded", "Upgrade: websocket", VERSION, KEY],
    ] {
        let answer = ask(&gateway, "GET /prod HTTP/1.1", headers).await;
        assert_eq!((answer.status, answer.header("upgrade")), (426, Some("websocket")), "{headers:?}");
        assert!(answer.header("connection").is_some_and(|options| options.eq_ignore_ascii_case("upgrade")));
        assert!(answer.header("date").is_some());
    }
}

#[tokio::test]
async fn a_version_other_than_13_gets_426_with_version_13() {
    let (gateway, _record) = plain_gateway().await;
    for version in ["8", "0", "14", "013", "13, 8", "8, 13", "x", ""] {
        let version = format!("Sec-WebSocket-Version: {version}");
        let answer = ask(&gateway, "GET /prod HTTP/1.1", &["Host: x", UPGRADE, &version, KEY]).await;
        assert_eq!((answer.status, answer.header("sec-websocket-version")), (426, Some("13")), "{version}");
    }
    let answer = ask(&gateway, "GET /prod HTTP/1.1", &["Host: x", UPGRADE, KEY]).await;
    assert_eq!((answer.status, answer.header("sec-websocket-version")), (426, Some("13")));
    let answer = ask(&gateway, "GET /prod HTTP/1.1", &["Host: x", UPGRADE, VERSION, VERSION, KEY]).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn there_must_be_exactly_one_key_of_sixteen_bytes_in_base64() {
    let (gateway, _record) = plain_gateway().await;
    for key in ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZR==", "AAAA", "dGhlIHNhbXBsZSBub25j!Q=="] {
        let key = format!("Sec-WebSocket-Key: {key}");
        assert_eq!(
            ask(&gateway, "GET /prod HTTP/1.1", &["Host: x", UPGRADE, VERSION, &key]).await.status,
            400,
            "{key}"
        );
    }
    for keys in [&[][..], &[KEY, KEY]] {
        let headers = [&["Host: x", UPGRADE, VERSION], keys].concat();
        assert_eq!(ask(&gateway, "GET /prod HTTP/1.1", &headers).await.status, 400);
    }
}

#[tokio::test]
async fn upgrade_and_connection_are_lists_and_ignore_case() {
    let (gateway, _record) = plain_gateway().await;
    for lists in [
        &["connection: keep-alive, UPGRADE", "UPGRADE: WebSocket"][..],
        &["Connection: keep-alive", "Connection: upgrade", "Upgrade: h2c, websocket"],
        &["Connection:Upgrade", "Upgrade:\twebsocket "],
        &["Connection: ,Upgrade,", "Upgrade: h2c", "Upgrade: websocket"],
    ] {
        let headers = [&["Host: x", VERSION, KEY], lists].concat();
        let answer = ask(&gateway, "GET /prod HTTP/1.1", &headers).await;
        assert_eq!((answer.status, answer.header("sec-websocket-accept")), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        assert!(answer.header("content-length").is_none() && answer.header("transfer-encoding").is_none());
        assert!(answer.header("sec-websocket-extensions").is_none());
    }
}

#[tokio::test]
async fn only_get_is_a_handshake() {
    let (gateway, mut record) = plain_gateway().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "FOO"] {
        let line = format!("{method} /prod HTTP/1.1");
        let answer = ask(&gateway, &line, &["Host: x", UPGRADE, VERSION, KEY]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")), "{method}");
    }
    let preflight = ["Host: x", "Origin: http://evil.example", "Access-Control-Request-Method: GET"];
    let answer = ask(&gateway, "OPTIONS /prod HTTP/1.1", &preflight).await;
    assert!(!answer.head.to_ascii_lowercase().contains("access-control"));
    assert!(record.rest("authorize").is_empty());
}

#[tokio::test]
async fn a_handshake_with_a_body_is_refused() {
    let (gateway, mut record) = plain_gateway().await;
    for framing in ["Content-Length: 6", "Transfer-Encoding: chunked"] {
        let mut raw = Raw::open(gateway.local_addr()).await;
        let head = format!("GET /prod HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n{VERSION}\r\n{KEY}\r\n{framing}\r\n\r\n");
        raw.send([head.as_bytes(), &frame(0x81, "")].concat()).await;
        assert_eq!(raw.answer(false).await.status, 400, "{framing}");
        raw.rest().await;
    }
    let answer = ask(&gateway, "GET /prod HTTP/1.1", &["Host: x", UPGRADE, VERSION, KEY, "Content-Length: 0"]).await;
    assert_eq!(answer.status, 101);
    assert!(record.rest("echo").is_empty());
}

#[tokio::test]
async fn subprotocols_in_several_lines_are_one_list_and_only_an_offered_one_can_be_chosen() {
    for (chosen, expected) in
        [("rollcall.v2", Some("rollcall.v2")), ("graphql", None), ("rollcall.v1, rollcall.v2", None)]
    {
        let (functions, mut record) = functions();
        let answer = json!({"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": chosen}});
        let gateway = gateway(functions.on("connect", move |_| Ok(answer.clone())), Limits::default()).await;
        let offers = ["Sec-WebSocket-Protocol: other,rollcall.v1", "Sec-WebSocket-Protocol: rollcall.v2"];
        let headers = [&["Host: x", UPGRADE, VERSION, KEY], &offers[..]].concat();
        let answer = ask(&gateway, "GET /prod HTTP/1.1", &headers).await;
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, expected));
        let event = record.next("connect").await;
        assert_eq!(event["headers"]["Sec-WebSocket-Protocol"], "other,rollcall.v1, rollcall.v2");
        let lines = json!(["other,rollcall.v1", "rollcall.v2"]);
        assert_eq!(event["multiValueHeaders"]["Sec-WebSocket-Protocol"], lines);
    }
}

#[tokio::test]
async fn there_must_be_exactly_one_valid_host() {
    let (gateway, mut record) = plain_gateway().await;
    for hosts in [&[][..], &["Host: x", "Host: x"], &["Host: x", "Host: y"], &["Host: a b"], &["Host: a/b"]] {
        let headers = [hosts, &[UPGRADE, VERSION, KEY]].concat();
        assert_eq!(ask(&gateway, "GET /prod HTTP/1.1", &headers).await.status, 400, "{hosts:?}");
    }
    assert!(record.rest("authorize").is_empty());
    for host in ["Host: x", "Host: X:80", "Host: [::1]:80", "Host: a.example."] {
        assert_eq!(ask(&gateway, "GET /prod HTTP/1.1", &[host, UPGRADE, VERSION, KEY]).await.status, 101, "{host}");
    }
}

#[tokio::test]
async fn the_host_of_an_absolute_target_replaces_the_header() {
    let (gateway, mut record) = plain_gateway().await;
    let line = "GET http://node.example:81/prod?a=1 HTTP/1.1";
    assert_eq!(ask(&gateway, line, &["Host: other", UPGRADE, VERSION, KEY]).await.status, 101);
    let event = record.next("connect").await;
    assert_eq!(
        (&event["headers"]["Host"], &event["queryStringParameters"]["a"]),
        (&json!("node.example:81"), &json!("1"))
    );
    assert_eq!(ask(&gateway, line, &[UPGRADE, VERSION, KEY]).await.status, 400);
}

#[tokio::test]
async fn an_encoded_path_is_the_same_path_and_one_with_more_slashes_or_dots_is_another() {
    let (gateway, _record) = plain_gateway().await;
    for (path, status) in [
        ("/pr%6Fd", 101),
        ("/prod/", 101),
        ("//prod", 403),
        ("/prod//", 403),
        ("/./prod", 403),
        ("/x/../prod", 403),
        ("/prod%2F", 403),
        ("/PROD", 403),
        ("/prod%00", 403),
    ] {
        let line = format!("GET {path} HTTP/1.1");
        assert_eq!(ask(&gateway, &line, &["Host: x", UPGRADE, VERSION, KEY]).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_401_says_how_to_authenticate() {
    let (functions, _record) = functions();
    let functions = functions.on("authorize", |_| Err(raised("Unauthorized")));
    let gateway = gateway(functions, Limits::default()).await;
    let answer = ask(&gateway, "GET /prod HTTP/1.1", &["Host: x", UPGRADE, VERSION, KEY]).await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
}

#[tokio::test]
async fn the_authorizer_gets_the_origin_but_no_headers_of_one_hop() {
    let (gateway, mut record) = plain_gateway().await;
    let connection = "Connection: Upgrade, X-Hop\r\nUpgrade: websocket";
    let more = ["Origin: https://console.example", "X-Hop: 1", "X_Under: 2"];
    let headers = [&["Host: x", connection, VERSION, KEY], &more[..]].concat();
    assert_eq!(ask(&gateway, "GET /prod HTTP/1.1", &headers).await.status, 101);
    let headers = record.next("authorize").await["headers"].clone();
    assert_eq!((&headers["Origin"], &headers["X_under"]), (&json!("https://console.example"), &json!("2")));
    assert!(headers.get("X-Hop").is_none() && headers.get("Upgrade").is_none(), "{headers}");
}

#[tokio::test]
async fn a_handshake_in_one_byte_segments_is_a_handshake() {
    let (gateway, _record) = plain_gateway().await;
    let mut raw = Raw::open(gateway.local_addr()).await;
    let head = format!("\r\nGET /prod HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n{VERSION}\r\n{KEY}\r\n\r\n");
    for byte in head.bytes() {
        raw.send([byte]).await;
    }
    assert_eq!(raw.answer(false).await.status, 101);
}
