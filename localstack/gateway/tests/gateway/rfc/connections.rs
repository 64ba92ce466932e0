//! `@connections`, which only functions on this machine may call.

use crate::{
    rfc::raw::{Raw, plain_gateway},
    support::{connect, id_of},
};

const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=x";

#[tokio::test]
async fn calls_with_an_origin_or_with_the_host_of_another_machine_are_forbidden() {
    let (gateway, mut record) = plain_gateway().await;
    let _client = connect(&gateway).await;
    let id = id_of(&record.next("connect").await).replace('=', "%3D").replace('/', "%2F");
    let line = format!("GET /prod/@connections/{id} HTTP/1.1");
    for (headers, status) in [
        (&["Host: 127.0.0.1:8787"][..], 200),
        (&["Host: localhost"], 200),
        (&["Host: [::1]:8787"], 200),
        (&["Host: host.docker.internal:8787"], 200),
        (&["Host: evil.example"], 403),
        (&["Host: 127.0.0.1.evil.example"], 403),
        (&["Host: localhost", "Origin: http://localhost"], 403),
        (&["Host: localhost", "Origin: null"], 403),
    ] {
        let answer = Raw::open(gateway.local_addr()).await.ask(&line, &[headers, &[SIGNED]].concat()).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let rebound = format!("GET http://evil.example/prod/@connections/{id} HTTP/1.1");
    assert_eq!(Raw::open(gateway.local_addr()).await.ask(&rebound, &["Host: localhost", SIGNED]).await.status, 403);
    let preflight = ["Host: localhost", "Origin: http://evil.example", "Access-Control-Request-Method: POST"];
    let line = line.replace("GET", "OPTIONS");
    let answer = Raw::open(gateway.local_addr()).await.ask(&line, &preflight).await;
    assert!(answer.status == 403 && !answer.head.to_ascii_lowercase().contains("access-control"), "{answer:?}");
}

#[tokio::test]
async fn an_unsupported_method_gets_the_list_of_methods_and_an_id_is_one_segment() {
    let (gateway, _record) = plain_gateway().await;
    for method in ["PUT", "PATCH", "OPTIONS", "HEAD"] {
        let line = format!("{method} /prod/@connections/L0SM9cOFvHcCIhw%3D HTTP/1.1");
        let answer = Raw::open(gateway.local_addr()).await.ask(&line, &["Host: localhost", SIGNED]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, POST, DELETE")), "{method}");
    }
    for (path, status) in
        [("a/b=", 403), ("", 403), ("abc=/", 403), ("L0SM9cOFvHcCIhw=", 410), ("L0SM9%2FcOFvHcCIhw%3D", 410)]
    {
        let line = format!("GET /prod/@connections/{path} HTTP/1.1");
        let answer = Raw::open(gateway.local_addr()).await.ask(&line, &["Host: localhost", SIGNED]).await;
        assert_eq!(answer.status, status, "{path}");
    }
}
