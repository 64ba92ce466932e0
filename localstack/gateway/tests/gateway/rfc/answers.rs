//! Answers of functions and of the gateway itself (RFC 9110).

use serde_json::json;

use super::raw::{Raw, answering};

#[tokio::test]
async fn an_answer_without_content_has_no_body_and_no_content_length() {
    for status in [204, 304] {
        let api =
            answering(json!({"statusCode": status, "body": "must not be sent", "headers": {"etag": "\"1\""}})).await;
        let mut raw = Raw::open(api.local_addr()).await;
        for _ in 0..2 {
            let answer = raw.ask("GET / HTTP/1.1", &["Host: x"]).await;
            assert_eq!((answer.status, answer.header("etag")), (status, Some("\"1\"")));
            for name in ["content-length", "transfer-encoding", "content-type"] {
                assert_eq!(answer.header(name), None, "{name} with {status}");
            }
            assert!(answer.header("date").is_some());
        }
    }
    let api = answering(json!({"statusCode": 205, "body": "must not be sent"})).await;
    let answer = Raw::open(api.local_addr()).await.ask("GET / HTTP/1.1", &["Host: x"]).await;
    assert_eq!((answer.status, answer.header("content-length")), (205, Some("0")));
}

#[tokio::test]
async fn an_answer_to_head_is_the_answer_to_get_without_its_body() {
    let api = answering(json!({"statusCode": 200, "body": "hello"})).await;
    let mut raw = Raw::open(api.local_addr()).await;
    for _ in 0..2 {
        let answer = raw.ask("HEAD / HTTP/1.1", &["Host: x"]).await;
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("5")));
        assert!(answer.header("content-type").is_some());
    }
    assert_eq!(raw.ask("GET / HTTP/1.1", &["Host: x"]).await.body, b"hello");
}

#[tokio::test]
async fn an_http_1_0_connection_ends_after_the_answer_unless_keep_alive_is_asked_for() {
    let api = answering(json!({"statusCode": 200, "body": "hello"})).await;
    let mut raw = Raw::open(api.local_addr()).await;
    assert_eq!(raw.ask("GET / HTTP/1.0", &[]).await.body, b"hello");
    assert!(raw.rest().await.is_empty());
    let mut raw = Raw::open(api.local_addr()).await;
    for _ in 0..2 {
        let answer = raw.ask("GET / HTTP/1.0", &["Connection: keep-alive"]).await;
        assert_eq!((answer.header("connection"), &*answer.body), (Some("keep-alive"), b"hello".as_slice()));
    }
}

#[tokio::test]
async fn invalid_headers_are_an_error_and_headers_of_one_hop_are_not_passed_on() {
    for value in ["a\r\nb: c", "a\nb", "a\0", "caf\u{e9}", "\u{1F6F0}"] {
        for answer in
            [json!({"statusCode": 200, "headers": {"x": value}}), json!({"statusCode": 200, "cookies": [value]})]
        {
            let api = answering(answer).await;
            let answer = Raw::open(api.local_addr()).await.ask("GET / HTTP/1.1", &["Host: x"]).await;
            assert_eq!(answer.status, 500, "{value:?}");
        }
    }
    let headers = json!({"Connection": "X-Hop, close", "x-hop": "1", "x-end": "2", "Upgrade": "h2c", "Trailer": "a"});
    let api = answering(json!({"statusCode": 200, "headers": headers})).await;
    let mut raw = Raw::open(api.local_addr()).await;
    for _ in 0..2 {
        let answer = raw.ask("GET / HTTP/1.1", &["Host: x"]).await;
        assert_eq!((answer.header("x-hop"), answer.header("x-end")), (None, Some("2")));
        assert_eq!([answer.header("upgrade"), answer.header("trailer"), answer.header("connection")], [None; 3]);
    }
}

#[tokio::test]
async fn a_status_that_is_not_final_or_not_valid_is_an_error() {
    for status in [0, 99, 100, 101, 199, 600, 999, 65535] {
        let api = answering(json!({"statusCode": status})).await;
        let answer = Raw::open(api.local_addr()).await.ask("GET / HTTP/1.1", &["Host: x"]).await;
        assert_eq!(answer.status, 500, "{status}");
    }
}
