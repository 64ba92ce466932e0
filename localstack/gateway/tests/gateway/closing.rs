//! The ways in which a connection ends, and the code and reason that `$disconnect` gets.

use std::time::Duration;

use crate::support::{Client, Record, connect, functions, gateway, handshake, id_of, manage, soon};
use futures_util::{FutureExt, SinkExt, StreamExt};
use rollcall_gateway::{Gateway, Limits};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

async fn connected(limits: Limits) -> (Gateway, Client, Record) {
    let (functions, record) = functions();
    let gateway = gateway(functions, limits).await;
    let client = connect(&gateway).await;
    (gateway, client, record)
}

/// Shuts the gateway down. Returns the code and reason that `$disconnect` got, which must have been invoked exactly
/// once.
async fn disconnected(gateway: &Gateway, client: Option<Client>, record: &mut Record) -> (u64, String) {
    let event = record.next("disconnect").await;
    drop(client);
    gateway.shutdown().await;
    assert!(record.rest("disconnect").is_empty(), "$disconnect was invoked twice");
    assert_eq!(gateway.connections(), 0);
    let context = &event["requestContext"];
    let reason = context["disconnectReason"].as_str().unwrap().to_owned();
    (context["disconnectStatusCode"].as_u64().unwrap(), reason)
}

fn data(opcode: Data, size: usize, last: bool) -> Message {
    Message::Frame(Frame::message(vec![b'x'; size], OpCode::Data(opcode), last))
}

#[tokio::test]
async fn a_close_by_the_client_is_reported_with_its_code_and_reason() {
    let (gateway, mut client, mut record) = connected(Limits::default()).await;
    let goodbye = CloseFrame { code: CloseCode::Library(4001), reason: "new firmware".into() };
    client.0.close(Some(goodbye)).await.unwrap();
    assert_eq!(client.closed().await.code, CloseCode::Library(4001));
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await, (4001, "new firmware".into()));
}

#[tokio::test]
async fn a_close_without_a_status_is_1005() {
    let (gateway, mut client, mut record) = connected(Limits::default()).await;
    client.0.close(None).await.unwrap();
    let expected = "Client-side close frame status not set";
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await, (1005, expected.into()));
}

#[tokio::test]
async fn a_lost_tcp_connection_is_1006() {
    let (gateway, client, mut record) = connected(Limits::default()).await;
    drop(client);
    assert_eq!(disconnected(&gateway, None, &mut record).await.0, 1006);
}

#[tokio::test]
async fn an_idle_connection_is_closed_as_going_away() {
    let idle = Duration::from_millis(50);
    let (gateway, mut client, mut record) = connected(Limits { idle, ..Limits::default() }).await;
    let frame = client.closed().await;
    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Away, "Going away"));
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await, (1001, "Going away".into()));
    assert_eq!(Limits::default().idle, Duration::from_mins(10));
}

#[tokio::test]
async fn pings_are_answered_but_a_connection_with_only_pings_is_idle() {
    let idle = Duration::from_millis(200);
    let (gateway, mut client, mut record) = connected(Limits { idle, ..Limits::default() }).await;
    let mut pongs = 0;
    let mut every = tokio::time::interval(idle / 8);
    let closed = soon(async {
        loop {
            tokio::select! {
                _ = every.tick() => { let _ = client.0.send(Message::Ping("still here".into())).await; }
                message = client.0.next() => match message {
                    Some(Ok(Message::Pong(payload))) => { assert_eq!(payload, "still here"); pongs += 1; }
                    Some(Ok(Message::Close(frame))) => break frame,
                    other => panic!("{other:?}"),
                },
            }
        }
    });
    assert_eq!(closed.await.unwrap().code, CloseCode::Away);
    assert!(pongs > 1);
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await.0, 1001);
}

#[tokio::test]
async fn data_in_either_direction_keeps_a_connection_open() {
    let idle = Duration::from_millis(300);
    for from_client in [true, false] {
        let (gateway, mut client, mut record) = connected(Limits { idle, ..Limits::default() }).await;
        let id = id_of(&record.next("connect").await);
        let mut every = tokio::time::interval(idle / 3);
        for _ in 0..8 {
            every.tick().await;
            if from_client {
                client.send(json!({"type": "quiet"})).await;
            } else {
                manage(gateway.local_addr(), http::Method::POST, &id, "news").await;
                assert_eq!(client.text().await, "news");
            }
        }
        assert_eq!(gateway.connections(), 1);
        assert_eq!(client.closed().await.code, CloseCode::Away);
    }
}

#[tokio::test]
async fn no_connection_lives_longer_than_its_lifetime_however_busy_it_is() {
    let lifetime = Duration::from_millis(200);
    let (gateway, mut client, mut record) = connected(Limits { lifetime, ..Limits::default() }).await;
    let closed = soon(async {
        loop {
            let _ = client.0.send(Message::text("busy")).await;
            if let Some(Ok(Message::Close(frame))) = client.0.next().await {
                break frame.unwrap();
            }
        }
    });
    assert_eq!(closed.await.code, CloseCode::Away);
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await, (1001, "Going away".into()));
    assert_eq!(Limits::default().lifetime, Duration::from_hours(2));
}

#[tokio::test]
async fn a_frame_of_32_kb_passes_and_a_larger_one_closes_with_1009() {
    let (gateway, mut client, mut record) = connected(Limits::default()).await;
    client.send("x".repeat(32 * 1024)).await;
    assert_eq!(client.text().await.len(), 32 * 1024);
    client.send("x".repeat(32 * 1024 + 1)).await;
    assert_eq!(client.closed().await.code, CloseCode::Size);
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await.0, 1009);
}

#[tokio::test]
async fn a_close_frame_arrives_even_while_the_client_is_still_sending_an_oversized_message() {
    let (gateway, mut client, mut record) = connected(Limits::default()).await;
    let sent = client.0.send(Message::text("x".repeat(8 << 20))).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(client.closed().await.code, CloseCode::Size);
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await.0, 1009);
}

#[tokio::test]
async fn a_message_of_128_kb_in_frames_passes_and_a_larger_one_closes_with_1009() {
    let (gateway, mut client, mut record) = connected(Limits::default()).await;
    let frame = 32 * 1024;
    for (opcode, last) in
        [(Data::Text, false), (Data::Continue, false), (Data::Continue, false), (Data::Continue, true)]
    {
        client.raw(data(opcode, frame, last)).await;
    }
    assert_eq!(record.next("echo").await["body"].as_str().unwrap().len(), 128 * 1024);
    client.text().await;
    for opcode in [Data::Text, Data::Continue, Data::Continue, Data::Continue] {
        client.raw(data(opcode, frame, false)).await;
    }
    client.raw(data(Data::Continue, 1, true)).await;
    assert_eq!(client.closed().await.code, CloseCode::Size);
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await.0, 1009);
}

#[tokio::test]
async fn a_binary_frame_closes_with_1003() {
    let (gateway, mut client, mut record) = connected(Limits::default()).await;
    client.raw(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(client.closed().await.code, CloseCode::Unsupported);
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await.0, 1003);
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007_and_a_broken_protocol_with_1002() {
    for (frame, code) in [
        (Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true), 1007),
        (Frame::message(vec![], OpCode::Data(Data::Continue), true), 1002),
    ] {
        let (gateway, mut client, mut record) = connected(Limits::default()).await;
        client.raw(Message::Frame(frame)).await;
        assert_eq!(u16::from(client.closed().await.code), code);
        assert_eq!(disconnected(&gateway, Some(client), &mut record).await.0, u64::from(code));
    }
}

#[tokio::test]
async fn deleting_a_connection_closes_it_with_1000_after_the_frames_that_were_posted_before() {
    let (gateway, mut client, mut record) = connected(Limits::default()).await;
    let id = id_of(&record.next("connect").await);
    let to = gateway.local_addr();
    assert_eq!(manage(to, http::Method::POST, &id, "goodbye").await.0, 200);
    assert_eq!(manage(to, http::Method::DELETE, &id, "").await.0, 204);
    assert_eq!(manage(to, http::Method::DELETE, &id, "").await.0, 410);
    assert_eq!(client.text().await, "goodbye");
    assert_eq!(client.closed().await.code, CloseCode::Normal);
    assert_eq!(disconnected(&gateway, Some(client), &mut record).await.0, 1000);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_101_is_disconnected_once_connect_has_accepted() {
    let (functions, mut record) = functions();
    let (functions, go) = functions.held("connect", |_| Ok(json!({"statusCode": 200})));
    let gateway = gateway(functions, Limits::default()).await;
    let client = tokio::spawn(crate::support::try_connect(handshake(&gateway, "/prod")));
    let id = id_of(&record.next("connect").await);
    client.abort();
    let _ = client.await;
    go.notify_one();
    let event = record.next("disconnect").await;
    assert_eq!(id_of(&event), id);
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 1006);
    gateway.shutdown().await;
    assert!(record.rest("disconnect").is_empty());
}

#[tokio::test]
async fn a_shutdown_closes_with_going_away_invokes_disconnect_for_every_connection_and_frees_the_port() {
    let (functions, mut record) = functions();
    let gateway = gateway(functions, Limits::default()).await;
    let mut clients = vec![connect(&gateway).await, connect(&gateway).await, connect(&gateway).await];
    let reading = tokio::spawn(async move {
        for client in &mut clients {
            assert_eq!(client.closed().await.code, CloseCode::Away);
        }
    });
    soon(gateway.shutdown()).await;
    let events: Vec<Value> = record.rest("disconnect");
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event["requestContext"]["disconnectStatusCode"] == 1001));
    reading.await.unwrap();
    tokio::net::TcpListener::bind(gateway.local_addr()).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_longer_than_its_bound_for_a_stuck_disconnect() {
    let (functions, mut record) = functions();
    let functions = functions.on_async("disconnect", |_| futures_util::future::pending().boxed());
    let gateway = gateway(functions, Limits { shutdown: Duration::from_millis(50), ..Limits::default() }).await;
    let _client = connect(&gateway).await;
    soon(gateway.shutdown()).await;
    record.next("disconnect").await;
}

#[tokio::test]
async fn a_message_that_comes_with_the_handshake_is_not_lost() {
    let (functions, mut record) = functions();
    let gateway = gateway(functions, Limits::default()).await;
    let mut stream = TcpStream::connect(gateway.local_addr()).await.unwrap();
    let mut bytes = b"GET /prod HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec();
    bytes.extend([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(record.next("echo").await["body"], "hi");
    let mut read = [0; 16];
    stream.read_exact(&mut read).await.unwrap();
    assert!(read.starts_with(b"HTTP/1.1 101"));
}
