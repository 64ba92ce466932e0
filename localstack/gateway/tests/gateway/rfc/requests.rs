//! Requests to the HTTP API (RFC 9110 and RFC 9112).

use serde_json::json;

use super::raw::{Raw, answering, plain_api};

async fn status_of(request: &str) -> u16 {
    let (api, mut record) = plain_api().await;
    let mut raw = Raw::open(api.local_addr()).await;
    raw.send(request).await;
    let answer = raw.answer(false).await;
    if answer.status >= 400 {
        assert!(record.rest("echo").is_empty(), "a refused request was served: {request:?}");
    }
    answer.status
}

#[tokio::test]
async fn a_request_must_have_one_valid_host_unless_it_is_http_1_0() {
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
        ("GET http://x/ HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nhOST:x:80\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 200),
    ] {
        assert_eq!(status_of(request).await, status, "{request:?}");
    }
}

#[tokio::test]
async fn a_header_must_be_on_one_line_with_no_space_before_its_colon() {
    for line in ["A: b\r\n c", "A : b", " A: b", "A\t: b", "A", ": b", "A b: c", "A: b\0c"] {
        assert_eq!(status_of(&format!("GET / HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n")).await, 400, "{line:?}");
    }
}

#[tokio::test]
async fn a_request_line_must_be_a_method_a_target_and_a_supported_version() {
    for (line, status) in [
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/3.0", 505),
        ("GET / HTTP/0.9", 505),
        ("GET /", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET / http/1.1", 400),
        ("G(T / HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("/ HTTP/1.1", 400),
    ] {
        assert_eq!(status_of(&format!("{line}\r\nHost: x\r\n\r\n")).await, status, "{line:?}");
    }
}

#[tokio::test]
async fn the_end_of_a_body_must_be_unambiguous() {
    for (framing, body, status) in [
        ("Content-Length: 2\r\nContent-Length: 3", "abc", 400),
        ("Content-Length: 2, 3", "abc", 400),
        ("Content-Length: -1", "", 400),
        ("Content-Length: +2", "ab", 400),
        ("Content-Length: 0x2", "ab", 400),
        ("Content-Length: 2 2", "ab", 400),
        ("Transfer-Encoding: identity", "", 400),
        ("Transfer-Encoding: chunked, gzip", "0\r\n\r\n", 400),
        ("Transfer-Encoding: gzip, chunked", "0\r\n\r\n", 501),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "0\r\n\r\n", 501),
        ("Transfer-Encoding: chunked", "x\r\n\r\n", 400),
        ("Transfer-Encoding: chunked", "2\r\nabc\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: Chunked", "2;ext=1\r\nab\r\n0\r\nTrailer: 1\r\n\r\n", 200),
        ("Content-Length: 2", "ab", 200),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n{framing}\r\n\r\n{body}");
        assert_eq!(status_of(&request).await, status, "{framing:?}");
    }
    let in_1_0 = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(status_of(in_1_0).await, 400);
}

#[tokio::test]
async fn a_body_with_two_framings_is_read_as_chunked_and_is_the_last_of_its_connection() {
    for lengths in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"]
    {
        let (api, mut record) = plain_api().await;
        let mut raw = Raw::open(api.local_addr()).await;
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
        raw.send(format!("POST / HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}")).await;
        assert_eq!((raw.answer(false).await.status, raw.rest().await.len()), (200, 0), "{lengths}");
        assert_eq!(record.next("echo").await["rawPath"], "/");
        api.shutdown().await;
        assert!(record.rest("echo").is_empty());
    }
}

#[tokio::test]
async fn a_known_expectation_is_met_another_one_is_refused_and_http_1_0_ignores_both() {
    for (version, expects, status) in [
        ("1.1", "100-Continue", 100),
        ("1.1", "200-ok", 417),
        ("1.1", "100-continue, x", 417),
        ("1.0", "100-continue", 200),
    ] {
        let (api, _record) = plain_api().await;
        let mut raw = Raw::open(api.local_addr()).await;
        raw.send(format!("POST / HTTP/{version}\r\nHost: x\r\nExpect: {expects}\r\nContent-Length: 2\r\n\r\n")).await;
        if version == "1.0" {
            raw.send("ab").await;
        }
        let answer = raw.answer(false).await;
        assert_eq!(answer.status, status, "{expects}");
        if status == 100 {
            raw.send("ab").await;
            assert_eq!(raw.answer(false).await.status, 200);
        }
    }
}

#[tokio::test]
async fn requests_that_come_together_are_answered_in_their_order() {
    let (api, mut record) = plain_api().await;
    let mut raw = Raw::open(api.local_addr()).await;
    let post = "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\none";
    raw.send(format!(
        "{post}\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    ))
    .await;
    for path in ["/1", "/2", "/3"] {
        assert_eq!(raw.answer(false).await.status, 200);
        assert_eq!(record.next("echo").await["rawPath"], path);
    }
    assert!(raw.rest().await.is_empty());
}

#[tokio::test]
async fn an_event_has_the_host_of_the_target_and_headers_with_underscores_but_none_of_one_hop() {
    let (api, mut record) = plain_api().await;
    let mut raw = Raw::open(api.local_addr()).await;
    let line = "GET http://a.example:81/v1/a%2Fb/../%2e%2e/%7Ec?x=1&x=2&y=%2C HTTP/1.1";
    let headers =
        ["Host: other", "X_Site: north", "X-Site: south", "x-site: west", "Connection: close, X-Hop", "X-Hop: 1"];
    assert_eq!(raw.ask(line, &headers).await.status, 200);
    let event = record.next("echo").await;
    let of = |name: &str| event["headers"].get(name).cloned();
    assert_eq!(
        [of("host"), of("x_site"), of("x-site")],
        [Some(json!("a.example:81")), Some(json!("north")), Some(json!("south,west"))]
    );
    assert_eq!([of("x-hop"), of("connection")], [None, None]);
    assert_eq!(event["rawPath"], "/v1/a/b/../../~c");
    assert_eq!(event["rawQueryString"], "x=1&x=2&y=%2C");
    assert_eq!(event["queryStringParameters"], json!({"x": "1,2", "y": ","}));
}

#[tokio::test]
async fn a_too_long_head_is_refused_with_431_and_a_too_long_target_with_414() {
    let (api, mut record) = plain_api().await;
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(10_240 - 14 - 1)), 200),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(10_240 - 14)), 431),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(60_000)), 431),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(101)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(8_000)), 200),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(8_192)), 414),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1_000_000)), 414),
    ] {
        let mut raw = Raw::open(api.local_addr()).await;
        raw.send(&request).await;
        let answer = raw.answer(false).await;
        assert_eq!(answer.status, status, "{} bytes", request.len());
        assert!(answer.header("date").is_some());
        if status == 200 {
            record.next("echo").await;
        } else {
            assert!(raw.rest().await.is_empty());
        }
    }
    assert!(record.rest("echo").is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_does_not_affect_another_client() {
    let api = answering(json!({"statusCode": 200, "body": "x".repeat(4 << 20)})).await;
    let mut raw = Raw::open(api.local_addr()).await;
    raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    drop(raw);
    let mut other = Raw::open(api.local_addr()).await;
    assert_eq!(other.ask("GET / HTTP/1.1", &["Host: x"]).await.body.len(), 4 << 20);
}
