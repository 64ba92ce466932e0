//! The behaviour of SQS: order, visibility, duplicates and dead letters.

use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName as System;

use crate::support::{BEGIN, Cloud, DEAD, MAIN, attribute, bodies};

/// The visibility timeout of the queues.
const VISIBILITY: Duration = Duration::from_secs(30);

#[tokio::test]
async fn messages_of_a_group_come_in_the_order_in_which_they_were_sent() {
    let cloud = Cloud::start();
    let mut sequences = vec![];
    for body in ["1", "2", "3"] {
        sequences.push(cloud.send("a", body).await);
    }
    let received = cloud.receive(MAIN).await;
    assert_eq!(bodies(&received), ["1", "2", "3"]);
    assert!(sequences.is_sorted() && sequences.iter().all(|sequence| sequence.len() == 20), "{sequences:?}");
    let shown: Vec<_> = received.iter().map(|message| attribute(message, &System::SequenceNumber)).collect();
    assert_eq!(shown, sequences);
    assert_eq!(attribute(&received[0], &System::MessageGroupId), "a");
    assert_eq!(attribute(&received[0], &System::MessageDeduplicationId), "1");
    assert_eq!(attribute(&received[0], &System::SentTimestamp), BEGIN.to_string());
    assert_eq!(attribute(&received[0], &System::ApproximateReceiveCount), "1");
}

#[tokio::test]
async fn while_a_message_is_in_flight_no_other_of_its_group_is_handed_out_and_other_groups_are() {
    let cloud = Cloud::start();
    cloud.send("a", "a1").await;
    let first = cloud.receive(MAIN).await;
    assert_eq!(bodies(&first), ["a1"]);
    cloud.send("a", "a2").await;
    cloud.send("b", "b1").await;
    assert_eq!(bodies(&cloud.receive(MAIN).await), ["b1"]);
    assert!(cloud.receive(MAIN).await.is_empty());
    cloud.delete(&first[0]).await;
    assert_eq!(bodies(&cloud.receive(MAIN).await), ["a2"]);
}

#[tokio::test]
async fn a_batch_has_as_many_messages_of_the_first_group_as_possible_before_those_of_the_next() {
    let cloud = Cloud::start();
    for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("b", "b2")] {
        cloud.send(group, body).await;
    }
    assert_eq!(bodies(&cloud.receive(MAIN).await), ["a1", "a2", "b1", "b2"]);
}

#[tokio::test]
async fn a_message_that_is_not_deleted_comes_again_after_its_visibility_timeout_and_the_old_receipt_is_void() {
    let cloud = Cloud::start();
    cloud.send("a", "1").await;
    let first = cloud.receive(MAIN).await;
    cloud.pass(Duration::from_millis(29_999));
    assert!(cloud.receive(MAIN).await.is_empty());
    cloud.pass(Duration::from_millis(1));
    let again = cloud.receive(MAIN).await;
    assert_eq!(bodies(&again), ["1"]);
    assert_eq!(attribute(&again[0], &System::ApproximateReceiveCount), "2");
    let deleting = cloud.sqs.delete_message().queue_url(cloud.url(MAIN));
    let refused = deleting.receipt_handle(first[0].receipt_handle().unwrap()).send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("expired"), "{refused:?}");
    cloud.delete(&again[0]).await;
    // A message that is deleted already is deleted again.
    cloud.delete(&again[0]).await;
    assert_eq!(cloud.counts(MAIN).await, ["0", "0"]);
}

#[tokio::test]
async fn a_receiver_may_change_when_a_message_becomes_visible_again() {
    let cloud = Cloud::start();
    cloud.send("a", "1").await;
    let receipt = cloud.receive(MAIN).await[0].receipt_handle().unwrap().to_owned();
    let change = |seconds| {
        let changing = cloud.sqs.change_message_visibility().queue_url(cloud.url(MAIN));
        changing.receipt_handle(receipt.clone()).visibility_timeout(seconds).send()
    };
    change(100).await.unwrap();
    cloud.pass(Duration::from_secs(99));
    assert!(cloud.receive(MAIN).await.is_empty());
    change(0).await.unwrap();
    assert_eq!(bodies(&cloud.receive(MAIN).await), ["1"]);
    assert!(change(10).await.unwrap_err().into_service_error().is_message_not_inflight());
}

#[tokio::test]
async fn a_message_that_was_received_too_often_goes_to_the_dead_letters_and_frees_its_group() {
    let cloud = Cloud::start();
    cloud.send("a", "bad").await;
    for count in ["1", "2"] {
        let received = cloud.receive(MAIN).await;
        assert_eq!(attribute(&received[0], &System::ApproximateReceiveCount), count);
        cloud.pass(VISIBILITY);
    }
    cloud.send("a", "good").await;
    assert_eq!(bodies(&cloud.receive(MAIN).await), ["good"]);
    let dead = cloud.receive(DEAD).await;
    assert_eq!(bodies(&dead), ["bad"]);
    let source = attribute(&dead[0], &System::DeadLetterQueueSourceArn);
    assert_eq!(source, "arn:aws:sqs:us-east-1:000000000000:main.fifo");
    assert_eq!(attribute(&dead[0], &System::MessageGroupId), "a");
}

#[tokio::test]
async fn a_message_with_a_known_deduplication_id_is_accepted_and_not_delivered_for_five_minutes() {
    let cloud = Cloud::start();
    let first = cloud.send("a", "1").await;
    cloud.delete(&cloud.receive(MAIN).await[0]).await;
    cloud.pass(Duration::from_secs(299));
    assert_eq!(cloud.send("b", "1").await, first);
    assert_eq!(cloud.counts(MAIN).await, ["0", "0"]);
    cloud.pass(Duration::from_secs(1));
    assert!(cloud.send("a", "1").await > first);
    assert_eq!(cloud.counts(MAIN).await, ["1", "0"]);
}

#[tokio::test]
async fn a_receiver_that_waits_gets_a_message_when_it_is_sent() {
    let cloud = Cloud::start();
    let waiting = cloud.sqs.receive_message().queue_url(cloud.url(MAIN)).wait_time_seconds(20).send();
    let waiting = tokio::spawn(waiting);
    cloud.send("a", "1").await;
    assert_eq!(bodies(waiting.await.unwrap().unwrap().messages()), ["1"]);
}

#[tokio::test]
async fn a_receiver_that_waits_gets_a_message_when_it_becomes_visible_again() {
    let cloud = Cloud::start();
    cloud.send("a", "1").await;
    assert_eq!(cloud.receive(MAIN).await.len(), 1);
    let waiting = cloud.sqs.receive_message().queue_url(cloud.url(MAIN)).wait_time_seconds(20).send();
    let waiting = tokio::spawn(waiting);
    cloud.pass(VISIBILITY);
    assert_eq!(bodies(waiting.await.unwrap().unwrap().messages()), ["1"]);
}

#[tokio::test]
async fn a_message_is_kept_for_four_days() {
    let cloud = Cloud::start();
    cloud.send("a", "1").await;
    cloud.pass(Duration::from_hours(96));
    assert_eq!(cloud.counts(MAIN).await, ["1", "0"]);
    cloud.pass(Duration::from_millis(1));
    assert_eq!(cloud.counts(MAIN).await, ["0", "0"]);
}

#[tokio::test]
async fn a_queue_in_a_file_survives_a_restart_with_what_is_in_flight_and_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sources.sqlite");
    let before = Cloud::open(&file, BEGIN);
    let first = before.send("a", "1").await;
    before.send("b", "2").await;
    let receiving = before.sqs.receive_message().queue_url(before.url(MAIN)).max_number_of_messages(1);
    let received = receiving.send().await.unwrap().messages.unwrap();
    assert_eq!(bodies(&received), ["1"]);
    before.queues.stop().await;
    drop(before.state);
    let after = Cloud::open(&file, BEGIN + 1000);
    assert_eq!(after.counts(MAIN).await, ["1", "1"]);
    assert_eq!(after.send("a", "1").await, first, "the deduplication id is still known");
    after.delete(&received[0]).await;
    assert_eq!(bodies(&after.receive(MAIN).await), ["2"]);
}
