//! The response to a client for a function's answer.

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, StatusCode};
use rollcall_gateway::{Invoke, InvokeError};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{config, get, refusal, start};
use crate::support::{functions, soon};

/// A function that answers with these bytes, JSON or not.
struct Says(Bytes);

impl Invoke for Says {
    fn invoke(&self, _: &str, _: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        futures_util::future::ok(self.0.clone()).boxed()
    }
}

async fn client_of(answer: impl Into<Bytes>) -> (StatusCode, HeaderMap, Bytes) {
    let api = start(config(&[("$default", "f")]), Says(answer.into())).await;
    get(&api, "/").await
}

#[tokio::test]
async fn a_function_chooses_status_headers_cookies_and_body() {
    let answer = json!({
        "statusCode": 201,
        "headers": {"Content-Type": "text/csv", "X-Count": 3, "x-last": true, "x-none": null},
        "multiValueHeaders": {"x-many": ["1", "2"]},
        "cookies": ["a=1; Secure", "b=2"],
        "body": "id,seq",
        "isBase64Encoded": false,
    });
    let (status, headers, body) = client_of(answer.to_string()).await;
    assert_eq!((status, &*body), (StatusCode::CREATED, b"id,seq".as_slice()));
    assert_eq!(
        (&headers["content-type"], &headers["x-count"], &headers["x-last"], &headers["content-length"]),
        (&"text/csv".parse().unwrap(), &"3".parse().unwrap(), &"true".parse().unwrap(), &"6".parse().unwrap())
    );
    assert_eq!(headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1; Secure", "b=2"]);
    assert!(!headers.contains_key("x-many") && !headers.contains_key("x-none"));
}

#[tokio::test]
async fn headers_of_one_hop_in_an_answer_are_not_passed_on() {
    let answer = json!({
        "statusCode": 200,
        "headers": {
            "Connection": "close",
            "Keep-Alive": "timeout=1",
            "Transfer-Encoding": "chunked",
            "Upgrade": "h2c",
            "TE": "trailers",
            "Trailer": "x",
            "Proxy-Authenticate": "Basic",
            "Content-Length": "999",
            "X-Kept": "yes",
        },
        "body": "hello",
    });
    let (_, headers, body) = client_of(answer.to_string()).await;
    let mut names = headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>();
    names.sort_unstable();
    assert_eq!(names, ["apigw-requestid", "content-length", "content-type", "date", "x-kept"]);
    assert_eq!((&headers["content-length"], &*body), (&"5".parse().unwrap(), b"hello".as_slice()));
}

#[tokio::test]
async fn a_body_in_base64_reaches_the_client_as_bytes() {
    let answer = json!({"statusCode": 200, "body": "/wD+", "isBase64Encoded": true});
    assert_eq!(client_of(answer.to_string()).await.2, b"\xff\x00\xfe".as_slice());
}

#[tokio::test]
async fn a_body_without_a_type_is_plain_text_and_no_body_has_none() {
    let (_, headers, _) = client_of(json!({"statusCode": 200, "body": "{}"}).to_string()).await;
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    for answer in [json!({"statusCode": 204}), json!({"statusCode": 302, "headers": {"location": "/x"}, "body": null})]
    {
        let (status, headers, body) = client_of(answer.to_string()).await;
        assert_eq!(u64::from(status.as_u16()), answer["statusCode"]);
        assert!(!headers.contains_key("content-type") && body.is_empty());
    }
}

#[tokio::test]
async fn json_without_a_status_code_is_itself_the_body() {
    for answer in [r#"{ "message": "hello", "seq": 1 }"#, r#""hello""#, "[1,2]", "3", "null", r#"{"statusCode":null}"#]
    {
        let (status, headers, body) = client_of(answer).await;
        assert_eq!((status, &*body), (StatusCode::OK, answer.as_bytes()));
        assert_eq!(headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn an_invalid_answer_is_an_internal_error() {
    let with = |key: &str, value: Value| {
        let mut answer = json!({"statusCode": 200, "body": "no base64"});
        answer[key] = value;
        answer.to_string()
    };
    for answer in [
        String::new(),
        r#"{"statusCode": 200"#.to_owned(),
        with("statusCode", json!("two hundred")),
        with("statusCode", json!(101)),
        with("statusCode", json!(1000)),
        with("body", json!({"a": 1})),
        with("headers", json!(["a"])),
        with("headers", json!({"a": ["b"]})),
        with("headers", json!({"a b": "c"})),
        with("headers", json!({"a": "b\r\nc: d"})),
        with("cookies", json!("a=1")),
        with("cookies", json!(["a=1\n"])),
        with("isBase64Encoded", json!(true)),
        with("isBase64Encoded", json!("false")),
    ] {
        assert_eq!(refusal(client_of(answer.clone()).await), (500, "Internal Server Error".into()), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_to_head_has_headers_and_no_body() {
    let (functions, mut record) = functions();
    let functions = functions.on("page", |_| Ok(json!({"statusCode": 200, "body": "hello"})));
    let api = start(config(&[("ANY /x", "page")]), functions).await;
    let mut stream = TcpStream::connect(api.local_addr()).await.unwrap();
    let request = "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\nHEAD /y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    soon(stream.write_all(request.as_bytes())).await.unwrap();
    let mut answers = String::new();
    soon(stream.read_to_string(&mut answers)).await.unwrap();
    // The second head follows the first one directly, and nothing follows it.
    let heads = answers.split("\r\n\r\n").collect::<Vec<_>>();
    assert!(heads.len() == 3 && heads[2].is_empty(), "{answers}");
    assert!(heads[0].starts_with("HTTP/1.1 200 ") && heads[0].contains("content-length: 5"), "{answers}");
    assert!(heads[1].starts_with("HTTP/1.1 404 "), "{answers}");
    assert_eq!(record.next("page").await["requestContext"]["http"]["method"], "HEAD");
}

#[tokio::test]
async fn every_response_has_its_request_id() {
    let api = start(config(&[("GET /x", "f")]), Says("{}".into())).await;
    let mut ids = Vec::new();
    for path in ["/x", "/x", "/nowhere"] {
        let (_, headers, _) = get(&api, path).await;
        ids.push(headers["apigw-requestid"].clone());
    }
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}
