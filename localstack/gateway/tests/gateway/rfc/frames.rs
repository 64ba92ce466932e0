//! Frames (RFC 6455, sections 5 to 7).

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::raw::{Raw, close, frame, plain_gateway};

/// The code that a client gets that sends this, and the code and reason that `$disconnect` gets.
async fn ended_by(bytes: &[u8]) -> (Option<u16>, u64, String) {
    let (gateway, mut record) = plain_gateway().await;
    let mut raw = Raw::websocket(&gateway).await;
    raw.send(bytes).await;
    let received = raw.closed().await;
    let event = record.next("disconnect").await;
    gateway.shutdown().await;
    assert!(record.rest("echo").is_empty(), "it was handled as a message");
    let context = &event["requestContext"];
    let code = context["disconnectStatusCode"].as_u64().unwrap();
    (received, code, context["disconnectReason"].as_str().unwrap().to_owned())
}

async fn assert_fails(bytes: impl AsRef<[u8]>, code: u16, why: &str) {
    let (received, reported, _) = ended_by(bytes.as_ref()).await;
    assert_eq!((received, reported), (Some(code), u64::from(code)), "{why}");
}

#[tokio::test]
async fn a_frame_without_a_mask_is_1002() {
    assert_fails(b"\x81\x02hi", 1002, "no mask").await;
    assert_fails(b"\x81\x7e", 1002, "noticed before the payload comes").await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_1002() {
    for first in [0xc1, 0xa1, 0x91, 0xf1, 0x83, 0x87, 0x8b, 0x8f, 0xc9] {
        assert_fails(frame(first, "x"), 1002, &format!("{first:x}")).await;
    }
}

#[tokio::test]
async fn control_frames_must_be_unfragmented_and_short() {
    for first in [0x08, 0x09, 0x0a] {
        assert_fails(frame(first, ""), 1002, "fragmented").await;
    }
    for first in [0x88, 0x89, 0x8a] {
        assert_fails(frame(first, [b'x'; 126]), 1002, "126 bytes").await;
        assert_fails(frame(first, vec![b'x'; 70_000]), 1002, "70,000 bytes").await;
    }
}

#[tokio::test]
async fn continuations_belong_to_a_message_and_messages_do_not_interleave() {
    assert_fails(frame(0x80, "x"), 1002, "a continuation without a message").await;
    assert_fails(frame(0x00, "x"), 1002, "a continuation without a message").await;
    assert_fails([frame(0x01, "a"), frame(0x81, "b")].concat(), 1002, "a message within another").await;
    assert_fails([frame(0x01, "a"), frame(0x01, "b")].concat(), 1002, "a message within another").await;
}

#[tokio::test]
async fn lengths_must_be_in_the_shortest_form() {
    for length in [&[0xfe, 0, 5][..], &[0xff, 0, 0, 0, 0, 0, 0, 0, 5], &[0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]] {
        assert_fails([&[0x81], length].concat(), 1002, &format!("{length:?}")).await;
    }
}

#[tokio::test]
async fn text_must_be_utf8_also_over_several_frames_and_in_a_close_reason() {
    for broken in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"a\x80"] {
        assert_fails(frame(0x81, broken), 1007, &format!("{broken:?}")).await;
        assert_fails(close(1000, broken), 1007, "as a reason").await;
    }
    assert_fails([frame(0x01, b"\xf0\x9f"), frame(0x80, b"\x41")].concat(), 1007, "over two frames").await;
}

#[tokio::test]
async fn a_character_that_is_split_over_frames_is_valid() {
    let (gateway, mut record) = plain_gateway().await;
    let mut raw = Raw::websocket(&gateway).await;
    let satellite = "\u{1F6F0}".as_bytes();
    raw.send([frame(0x01, &satellite[..1]), frame(0x00, ""), frame(0x80, &satellite[1..])].concat()).await;
    assert_eq!(raw.text().await, "\u{1F6F0}");
    assert_eq!(record.next("echo").await["body"], "\u{1F6F0}");
}

#[tokio::test]
async fn a_close_is_answered_with_its_own_code_and_reported_with_its_reason() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999] {
        let reason = format!("because {code}");
        let ended = ended_by(&close(code, &reason)).await;
        assert_eq!(ended, (Some(code), u64::from(code), reason));
    }
    assert_eq!(ended_by(&frame(0x88, "")).await.0, None);
    assert_eq!(ended_by(&frame(0x88, "")).await.1, 1005);
    let (received, reported, reason) = ended_by(&close(1000, "r".repeat(123))).await;
    assert_eq!((received, reported, reason.len()), (Some(1000), 1000, 123));
}

#[tokio::test]
async fn a_close_with_a_forbidden_code_or_with_half_a_code_is_1002() {
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        assert_fails(close(code, ""), 1002, &code.to_string()).await;
    }
    assert_fails(frame(0x88, [3]), 1002, "one byte").await;
}

#[tokio::test]
async fn frames_after_a_close_are_ignored() {
    let bytes = [close(1000, ""), frame(0x81, "late"), frame(0x89, "ping"), close(1002, "")].concat();
    assert_eq!(ended_by(&bytes).await.0, Some(1000));
}

#[tokio::test]
async fn pings_are_answered_also_between_the_frames_of_a_message_and_pongs_are_ignored() {
    let (gateway, mut record) = plain_gateway().await;
    let mut raw = Raw::websocket(&gateway).await;
    raw.send([frame(0x8a, "unasked"), frame(0x01, "check"), frame(0x89, "1")].concat()).await;
    assert_eq!(raw.frame().await, (0x8a, b"1".to_vec()));
    raw.send([frame(0x00, "-"), frame(0x89, [b'x'; 125]), frame(0x89, ""), frame(0x80, "in")].concat()).await;
    assert_eq!(raw.frame().await, (0x8a, vec![b'x'; 125]));
    assert_eq!(raw.frame().await, (0x8a, vec![]));
    assert_eq!(raw.text().await, "check-in");
    assert_eq!(record.next("echo").await["body"], "check-in");
}

#[tokio::test]
async fn an_empty_message_is_a_message() {
    let (gateway, mut record) = plain_gateway().await;
    let mut raw = Raw::websocket(&gateway).await;
    raw.send(frame(0x81, "")).await;
    assert_eq!(record.next("echo").await["body"], "");
    raw.send([frame(0x01, ""), frame(0x00, ""), frame(0x80, "")].concat()).await;
    assert_eq!(record.next("echo").await["body"], "");
}

#[tokio::test]
async fn a_message_in_a_thousand_frames_and_a_frame_in_one_byte_segments_are_messages() {
    let (gateway, _record) = plain_gateway().await;
    let mut raw = Raw::websocket(&gateway).await;
    let many = (0..1000).map(|n| {
        frame(
            if n == 0 {
                0x01
            } else if n == 999 {
                0x80
            } else {
                0x00
            },
            "x",
        )
    });
    raw.send(many.collect::<Vec<_>>().concat()).await;
    assert_eq!(raw.text().await, "x".repeat(1000));
    for byte in frame(0x81, "y".repeat(200)) {
        raw.send([byte]).await;
    }
    assert_eq!(raw.text().await, "y".repeat(200));
}

#[tokio::test]
async fn a_message_before_a_broken_frame_is_handled() {
    let (gateway, mut record) = plain_gateway().await;
    let mut raw = Raw::websocket(&gateway).await;
    raw.send([frame(0x81, "fine"), frame(0xc1, "broken")].concat()).await;
    assert_eq!(record.next("echo").await["body"], "fine");
    assert_eq!(record.next("disconnect").await["requestContext"]["disconnectStatusCode"], 1002);
}

#[tokio::test]
async fn a_message_counts_even_if_the_client_closes_its_sending_side_after_it() {
    let (gateway, mut record) = plain_gateway().await;
    let mut raw = Raw::websocket(&gateway).await;
    raw.send(frame(0x81, json!({"type": "quiet"}).to_string())).await;
    raw.stream.shutdown().await.unwrap();
    record.next("quiet").await;
    assert_eq!(record.next("disconnect").await["requestContext"]["disconnectStatusCode"], 1006);
    raw.rest().await;
}

#[tokio::test]
async fn a_client_that_never_answers_a_close_is_dropped() {
    let (gateway, mut record) = plain_gateway().await;
    let mut raw = Raw::websocket(&gateway).await;
    record.next("connect").await;
    // Far longer than the gateway waits for the answer.
    tokio::time::timeout(Duration::from_secs(30), gateway.shutdown()).await.expect("it ends without the answer");
    assert_eq!(raw.closed().await, Some(1001));
}
