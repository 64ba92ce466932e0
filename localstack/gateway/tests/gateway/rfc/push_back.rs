//! A client that sends too fast is slowed down, and all its messages are answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use rollcall_gateway::Limits;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use crate::{
    rfc::raw::{Raw, frame},
    support::{Functions, functions, gateway},
};

/// Frames with sequence numbers from 0 on.
fn numbered(count: usize) -> Vec<u8> {
    (0..count).flat_map(|n| frame(0x81, json!({"type": "echo", "seq": n}).to_string())).collect()
}

/// Functions whose `echo` takes a moment, and the largest number of messages that were in it at once.
fn counted() -> (Functions, Arc<AtomicUsize>) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let recorded = Arc::clone(&most);
    let functions = functions().0.on_async("echo", move |event| {
        let (running, most) = (Arc::clone(&running), Arc::clone(&recorded));
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(json!({"body": event["body"]}))
        }
        .boxed()
    });
    (functions, most)
}

#[tokio::test]
async fn each_of_many_frames_in_one_write_is_answered_and_few_are_under_way_at_once() {
    for count in [200, 2000] {
        let (functions, most) = counted();
        let gateway = gateway(functions, Limits::default()).await;
        let mut raw = Raw::websocket(&gateway).await;
        raw.send(numbered(count)).await;
        let mut answered = vec![false; count];
        for _ in 0..count {
            let answer: serde_json::Value = serde_json::from_str(&raw.text().await).unwrap();
            let seq = usize::try_from(answer["seq"].as_u64().expect("a sequence number")).unwrap();
            assert!(!std::mem::replace(&mut answered[seq], true), "{seq} is answered twice");
        }
        assert!(answered.iter().all(|answered| *answered));
        assert!(most.load(Ordering::SeqCst) <= Limits::default().in_flight);
    }
    assert_eq!(Limits::default().in_flight, 16);
}

#[tokio::test]
async fn refused_frames_are_answered_as_well() {
    let limits = Limits { requests_per_second: 0, burst: 101, outgoing: 1, ..Limits::default() };
    let gateway = gateway(functions().0, limits).await;
    let mut raw = Raw::websocket(&gateway).await;
    raw.send(numbered(1000)).await;
    let (mut answers, mut refusals) = (0, 0);
    for _ in 0..1000 {
        let refused = raw.text().await.contains("Too Many Requests");
        if refused { refusals += 1 } else { answers += 1 }
    }
    assert_eq!((answers, refusals), (100, 900));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_from_and_gets_every_answer_once_it_does() {
    const COUNT: usize = 300;
    let (functions, mut record) = functions();
    let functions = functions.on("echo", |_| Ok(json!({"body": "x".repeat(100 * 1024)})));
    let gateway = gateway(functions, Limits { outgoing: 1, ..Limits::default() }).await;
    let mut raw = Raw::websocket(&gateway).await;
    raw.send(numbered(COUNT)).await;
    record.next("echo").await;
    // The gateway handles as many as fit the sockets' buffers and the places, and then none for a while.
    let mut handled = 1;
    while tokio::time::timeout(Duration::from_millis(500), record.next("echo")).await.is_ok() {
        handled += 1;
    }
    assert!(handled < COUNT, "the client was not slowed down");
    for _ in 0..COUNT {
        assert_eq!(raw.text().await.len(), 100 * 1024);
    }
}

#[tokio::test]
async fn a_client_that_is_slowed_down_is_still_closed_when_it_is_idle() {
    let functions = functions().0.on_async("echo", |_| std::future::pending().boxed());
    let limits = Limits { idle: Duration::from_millis(200), in_flight: 2, ..Limits::default() };
    let gateway = gateway(functions, limits).await;
    let mut raw = Raw::websocket(&gateway).await;
    raw.send(numbered(10)).await;
    assert_eq!(raw.closed().await, Some(1001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout)]
async fn during_a_flood_on_one_connection_another_connection_gets_its_answers() {
    const FLOOD: usize = 100_000;
    let fast = Limits { requests_per_second: 1_000_000, burst: 1_000_000, ..Limits::default() };
    let gateway = gateway(counted().0, fast).await;
    let flooding = Raw::websocket(&gateway).await;
    let mut other = Raw::websocket(&gateway).await;
    let (mut read, mut write) = flooding.stream.into_split();
    let frames = numbered(1000);
    // An answer is as long as its message without the mask, which has 4 bytes.
    let mut left = (frames.len() - 4 * 1000) * (FLOOD / 1000);
    let flood = tokio::spawn(async move {
        for _ in 0..FLOOD / 1000 {
            write.write_all(&frames).await.unwrap();
        }
        write
    });
    let answers = tokio::spawn(async move {
        let mut answers = vec![0; 64 * 1024];
        while left > 0 {
            left -= read.read(&mut answers).await.unwrap();
        }
    });
    let mut waits = Vec::new();
    while !answers.is_finished() {
        let sent_at = Instant::now();
        other.send(frame(0x81, "check-in")).await;
        assert_eq!(other.text().await, "check-in");
        waits.push(sent_at.elapsed());
    }
    waits.sort_unstable();
    println!("beside the flood: {} answers, p50 {:?}, worst {:?}", waits.len(), waits[waits.len() / 2], waits.last());
    answers.await.unwrap();
    drop(flood.await.unwrap());
}
