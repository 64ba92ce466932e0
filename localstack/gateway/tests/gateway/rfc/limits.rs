//! Bounds on clients that have not sent a complete request.

use std::time::{Duration, Instant};

use rollcall_gateway::{ClientLimits, Gateway, HttpLimits, Limits};
use serde_json::json;
use tokio::net::TcpStream;

use crate::{
    rfc::raw::{KEY, Raw, UPGRADE, VERSION, api},
    support::{functions, gateway},
};

const SHORT: Duration = Duration::from_millis(150);

fn http(clients: ClientLimits) -> HttpLimits {
    HttpLimits { clients, ..HttpLimits::default() }
}

async fn websockets(clients: ClientLimits) -> Gateway {
    gateway(functions().0, Limits { clients, ..Limits::default() }).await
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_disconnected() {
    let clients = ClientLimits { headers: SHORT, ..ClientLimits::default() };
    let (gateway, api) = (websockets(clients.clone()).await, api(functions().0, http(clients)).await);
    for address in [gateway.local_addr(), api.local_addr()] {
        let before = Instant::now();
        let mut silent = Raw::open(address).await;
        assert!(silent.rest().await.is_empty());
        assert!(before.elapsed() >= SHORT);
    }
}

#[tokio::test]
async fn a_head_that_takes_too_long_is_408_even_if_bytes_keep_coming() {
    let clients = ClientLimits { headers: SHORT, ..ClientLimits::default() };
    let gateway = websockets(clients).await;
    let before = Instant::now();
    let mut slow = Raw::open(gateway.local_addr()).await;
    let mut every = tokio::time::interval(SHORT / 20);
    slow.send("GET /prod HTTP/1.1\r\nHost: x\r\n").await;
    let answer = loop {
        tokio::select! {
            answer = slow.answer(false) => break answer,
            _ = every.tick() => {}
        }
        // The gateway may close the connection between two headers.
        let _ = slow.stream.try_write(b"A: b\r\n");
    };
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(before.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_later_head_has_its_own_time_and_an_idle_connection_has_another_one() {
    let clients = ClientLimits { headers: SHORT, idle: SHORT * 4, ..ClientLimits::default() };
    let api = api(functions().0, http(clients)).await;
    let mut raw = Raw::open(api.local_addr()).await;
    // The connection is idle from the answer on, and that is read later than it is sent.
    let before = Instant::now();
    assert_eq!(raw.ask("GET / HTTP/1.1", &["Host: x"]).await.status, 200);
    assert!(raw.rest().await.is_empty(), "an idle connection is closed without a word");
    assert!(before.elapsed() >= SHORT * 4);
    let mut raw = Raw::open(api.local_addr()).await;
    assert_eq!(raw.ask("GET / HTTP/1.1", &["Host: x"]).await.status, 200);
    raw.send("GET /").await;
    assert_eq!(raw.answer(false).await.status, 408);
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_408() {
    let clients = ClientLimits { body: SHORT, ..ClientLimits::default() };
    let (gateway, api) = (websockets(clients.clone()).await, api(functions().0, http(clients)).await);
    let signed = "Authorization: AWS4-HMAC-SHA256 x\r\n";
    for (address, path) in [(gateway.local_addr(), "/prod/@connections/x%3D"), (api.local_addr(), "/")] {
        let mut slow = Raw::open(address).await;
        slow.send(format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{signed}Content-Length: 9\r\n\r\nhalf")).await;
        assert_eq!(slow.answer(false).await.status, 408, "{path}");
        assert!(slow.rest().await.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_its_answer_is_disconnected() {
    let clients = ClientLimits { stall: SHORT, ..ClientLimits::default() };
    let (functions, mut record) = functions();
    let functions = functions.on("echo", |_| Ok(json!({"statusCode": 200, "body": "x".repeat(32 << 20)})));
    let api = api(functions, http(clients)).await;
    let mut raw = Raw::open(api.local_addr()).await;
    raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    record.next("echo").await;
    tokio::time::sleep(SHORT * 4).await;
    let mut answer = Vec::new();
    let _ = tokio::io::copy(&mut raw.stream, &mut answer).await;
    assert!(answer.len() < 32 << 20, "the whole answer was sent: {} bytes", answer.len());
}

#[tokio::test]
async fn of_too_many_silent_connections_the_oldest_are_closed_and_a_request_is_served() {
    const PLACES: usize = 8;
    let clients = ClientLimits { waiting: PLACES, ..ClientLimits::default() };
    let gateway = websockets(clients).await;
    let mut begun = Raw::open(gateway.local_addr()).await;
    begun.send("GET /prod").await;
    let mut silent = Vec::new();
    for _ in 0..PLACES * 4 {
        silent.push(TcpStream::connect(gateway.local_addr()).await.unwrap());
    }
    assert_eq!(begun.answer(false).await.status, 503);
    for early in silent.drain(..PLACES) {
        let mut raw = Raw::of(early);
        assert!(raw.rest().await.is_empty());
    }
    let answer =
        Raw::open(gateway.local_addr()).await.ask("GET /prod HTTP/1.1", &["Host: x", UPGRADE, VERSION, KEY]).await;
    assert_eq!(answer.status, 101);
}

#[tokio::test]
async fn open_websockets_do_not_count_as_waiting() {
    let gateway = websockets(ClientLimits { waiting: 2, ..ClientLimits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(Raw::websocket(&gateway).await);
    }
    assert_eq!(gateway.connections(), 6);
}

#[tokio::test]
async fn all_bodies_under_way_have_a_common_bound_and_small_ones_are_accepted_beyond_it() {
    const SIZE: usize = 200 * 1024;
    let clients = ClientLimits { bodies: 2 * SIZE, ..ClientLimits::default() };
    let (functions, mut record) = functions();
    let api = api(functions, http(clients)).await;
    let head =
        |size| format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n");
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::open(api.local_addr()).await;
        raw.send(head(SIZE) + &"x".repeat(SIZE - 1)).await;
        waiting.push(raw);
    }
    // A third body may still be accepted until the gateway has read the first two.
    let refused = loop {
        let mut raw = Raw::open(api.local_addr()).await;
        raw.send(head(SIZE) + &"x".repeat(SIZE)).await;
        let answer = raw.answer(false).await;
        if answer.status != 200 {
            break answer;
        }
        record.next("echo").await;
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let mut small = Raw::open(api.local_addr()).await;
    small.send(head(1024) + &"x".repeat(1024)).await;
    assert_eq!(small.answer(false).await.status, 200);
    for mut raw in waiting {
        raw.send("x").await;
        assert_eq!(raw.answer(false).await.status, 200);
    }
    let mut again = Raw::open(api.local_addr()).await;
    again.send(head(SIZE) + &"x".repeat(SIZE)).await;
    assert_eq!(again.answer(false).await.status, 200);
}

#[tokio::test]
async fn a_body_over_its_limit_is_refused_before_it_comes() {
    let api = api(functions().0, HttpLimits::default()).await;
    let mut raw = Raw::open(api.local_addr()).await;
    raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10485761\r\n\r\n").await;
    let answer = raw.answer(false).await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert!(raw.rest().await.is_empty());
}

#[tokio::test]
async fn the_rest_of_a_refused_body_is_not_read_as_the_next_request() {
    let (functions, mut record) = functions();
    let api = api(functions, HttpLimits { body: 64 * 1024, ..HttpLimits::default() }).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3000);
    let mut raw = Raw::open(api.local_addr()).await;
    raw.send(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len())).await;
    assert_eq!((raw.answer(false).await.status, raw.rest().await.len()), (413, 0));
    api.shutdown().await;
    assert!(record.rest("echo").is_empty());
}

#[test]
fn the_default_limits_are_the_documented_ones() {
    let limits = ClientLimits::default();
    let seconds = [limits.headers, limits.body, limits.idle, limits.stall].map(|limit| limit.as_secs());
    assert_eq!(seconds, [10, 30, 75, 30]);
    assert_eq!([limits.request_line, limits.head, limits.waiting, limits.bodies], [8192, 10_240, 1024, 32 << 20]);
}
