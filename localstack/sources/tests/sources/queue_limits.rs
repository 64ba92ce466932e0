//! What SQS refuses.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry as Entry;

use crate::support::{Cloud, MAIN, PLAIN};

fn entry(id: &str, body: &str) -> Entry {
    Entry::builder().id(id).message_body(body).build().unwrap()
}

#[tokio::test]
async fn a_message_has_at_most_one_mebibyte() {
    let cloud = Cloud::start();
    let send = |size| cloud.sqs.send_message().queue_url(cloud.url(PLAIN)).message_body("x".repeat(size)).send();
    send(1024 * 1024).await.unwrap();
    let refused = send(1024 * 1024 + 1).await.unwrap_err();
    assert_eq!(refused.into_service_error().meta().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn a_message_of_a_fifo_queue_needs_a_group_and_a_deduplication_id_and_has_no_delay() {
    let cloud = Cloud::start();
    let send = || cloud.sqs.send_message().queue_url(cloud.url(MAIN)).message_body("1");
    for (sending, code) in [
        (send().message_deduplication_id("1"), "MissingParameter"),
        (send().message_group_id("a"), "InvalidParameterValue"),
        (send().message_group_id("a b").message_deduplication_id("1"), "InvalidParameterValue"),
        (send().message_group_id("a").message_deduplication_id("1").delay_seconds(1), "InvalidParameterValue"),
        (send().message_group_id("a").message_deduplication_id("1").message_body("\u{1}"), "InvalidMessageContents"),
    ] {
        let refused = sending.send().await.unwrap_err().into_service_error();
        assert_eq!(refused.meta().code(), Some(code));
    }
    assert_eq!(cloud.counts(MAIN).await, ["0", "0"]);
}

#[tokio::test]
async fn a_batch_has_one_to_ten_entries_with_different_ids_and_at_most_one_mebibyte() {
    let cloud = Cloud::start();
    let half = "x".repeat(600 * 1024);
    let many = (0..11).map(|number| entry(&number.to_string(), "1")).collect();
    for (entries, code) in [
        (vec![], "EmptyBatchRequest"),
        (many, "TooManyEntriesInBatchRequest"),
        (vec![entry("1", "1"), entry("1", "2")], "BatchEntryIdsNotDistinct"),
        (vec![entry("a b", "1")], "InvalidBatchEntryId"),
        (vec![entry("1", &half), entry("2", &half)], "BatchRequestTooLong"),
    ] {
        let sending = cloud.sqs.send_message_batch().queue_url(cloud.url(PLAIN)).set_entries(Some(entries));
        let refused = sending.send().await.unwrap_err().into_service_error();
        assert!(refused.meta().code().unwrap().ends_with(code), "{refused:?}");
    }
    assert_eq!(cloud.counts(PLAIN).await, ["0", "0"]);
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_reported_as_such() {
    let cloud = Cloud::start();
    let asking = cloud.sqs.get_queue_url().queue_name("other.fifo");
    assert!(asking.send().await.unwrap_err().into_service_error().is_queue_does_not_exist());
    let receiving = cloud.sqs.receive_message().queue_url(cloud.url("other.fifo"));
    assert!(receiving.send().await.unwrap_err().into_service_error().is_queue_does_not_exist());
}

#[tokio::test]
async fn a_receiver_may_not_ask_for_too_much() {
    let cloud = Cloud::start();
    let receive = || cloud.sqs.receive_message().queue_url(cloud.url(MAIN));
    for asking in [
        receive().max_number_of_messages(11),
        receive().max_number_of_messages(0),
        receive().wait_time_seconds(21),
        receive().visibility_timeout(43_201),
    ] {
        let refused = asking.send().await.unwrap_err().into_service_error();
        assert_eq!(refused.meta().code(), Some("InvalidParameterValue"));
    }
}

#[tokio::test]
async fn web_pages_are_refused_and_programs_are_served() {
    let cloud = Cloud::start();
    let address = cloud.queues.url().strip_prefix("http://").unwrap().to_owned();
    let asking = tokio::task::spawn_blocking(move || {
        for (lines, status) in [
            ("Host: 127.0.0.1", "200"),
            ("Host: localhost", "200"),
            ("Host: localhost\r\nOrigin: http://evil.example", "403"),
            ("Host: localhost\r\nOrigin: null", "403"),
            ("Host: evil.example", "403"),
        ] {
            let mut stream = TcpStream::connect(&address).unwrap();
            let more = "X-Amz-Target: AmazonSQS.ListQueues\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
            stream.write_all(format!("POST / HTTP/1.1\r\n{lines}\r\n{more}").as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}: {answer}");
            assert_eq!(answer.contains("main.fifo"), status == "200", "{lines}: {answer}");
        }
    });
    asking.await.unwrap();
}
