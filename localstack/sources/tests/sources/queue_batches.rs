//! Batches, and what can be asked about a queue.

use std::time::Duration;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry as Postponed, DeleteMessageBatchRequestEntry as Deleted,
    MessageAttributeValue, QueueAttributeName as Attribute, SendMessageBatchRequestEntry as Entry,
};

use crate::support::{Cloud, DEAD, MAIN, PLAIN, bodies};

fn entry(id: &str, group: Option<&str>) -> Entry {
    let group = group.map(str::to_owned);
    Entry::builder().id(id).message_body(id).message_deduplication_id(id).set_message_group_id(group).build().unwrap()
}

#[tokio::test]
async fn of_a_batch_what_is_right_is_sent_and_what_is_wrong_is_refused() {
    let cloud = Cloud::start();
    let entries = [entry("1", Some("a")), entry("2", None), entry("3", Some("a"))];
    let sending = cloud.sqs.send_message_batch().queue_url(cloud.url(MAIN)).set_entries(Some(entries.to_vec()));
    let sent = sending.send().await.unwrap();
    let ids: Vec<_> = sent.successful().iter().map(|entry| (entry.id(), entry.md5_of_message_body())).collect();
    // The MD5 digests of "1" and of "3".
    assert_eq!(ids, [("1", "c4ca4238a0b923820dcc509a6f75849b"), ("3", "eccbc87e4b5ce2fe28308fd9f2a7baf3")]);
    let [refused] = sent.failed() else { panic!("one is refused") };
    assert_eq!((refused.id(), refused.code(), refused.sender_fault()), ("2", "MissingParameter", true));
    assert_eq!(bodies(&cloud.receive(MAIN).await), ["1", "3"]);
}

#[tokio::test]
async fn of_a_batch_what_is_in_flight_is_deleted_or_postponed_and_other_receipts_are_refused() {
    let cloud = Cloud::start();
    cloud.send("a", "1").await;
    cloud.send("b", "2").await;
    let received = cloud.receive(MAIN).await;
    let receipt = |message: usize| received[message].receipt_handle().unwrap();
    let postponed = Postponed::builder().id("x").visibility_timeout(0).receipt_handle(receipt(1)).build().unwrap();
    let unknown = Postponed::builder().id("y").visibility_timeout(0).receipt_handle("what").build().unwrap();
    let changing = cloud.sqs.change_message_visibility_batch().queue_url(cloud.url(MAIN));
    let changed = changing.entries(postponed).entries(unknown).send().await.unwrap();
    assert_eq!((changed.successful()[0].id(), changed.failed()[0].id()), ("x", "y"));
    assert_eq!(changed.failed()[0].code(), "ReceiptHandleIsInvalid");
    let deleted = Deleted::builder().id("x").receipt_handle(receipt(0)).build().unwrap();
    let late = Deleted::builder().id("y").receipt_handle(receipt(1)).build().unwrap();
    let deleting = cloud.sqs.delete_message_batch().queue_url(cloud.url(MAIN));
    let answer = deleting.entries(deleted).entries(late).send().await.unwrap();
    assert_eq!((answer.successful()[0].id(), answer.failed()[0].id()), ("x", "y"));
    assert_eq!(bodies(&cloud.receive(MAIN).await), ["2"]);
}

#[tokio::test]
async fn a_queue_says_what_it_is_and_how_many_messages_it_has() {
    let cloud = Cloud::start();
    for body in ["1", "2", "3"] {
        cloud.send(body, body).await;
    }
    let receiving = cloud.sqs.receive_message().queue_url(cloud.url(MAIN));
    assert_eq!(receiving.send().await.unwrap().messages().len(), 1, "one is the default");
    assert_eq!(cloud.counts(MAIN).await, ["2", "1"]);
    let asking = cloud.sqs.get_queue_attributes().queue_url(cloud.url(MAIN));
    let attributes = asking.attribute_names(Attribute::RedrivePolicy).send().await.unwrap().attributes.unwrap();
    assert_eq!(attributes.len(), 1);
    assert!(attributes[&Attribute::RedrivePolicy].contains("000000000000:dead.fifo"));
    let url = cloud.sqs.get_queue_url().queue_name(DEAD).send().await.unwrap();
    assert_eq!(url.queue_url().unwrap(), cloud.url(DEAD));
    let listed = cloud.sqs.list_queues().send().await.unwrap();
    assert_eq!(listed.queue_urls(), [DEAD, MAIN, PLAIN].map(|queue| cloud.url(queue)));
    cloud.sqs.purge_queue().queue_url(cloud.url(MAIN)).send().await.unwrap();
    assert_eq!(cloud.counts(MAIN).await, ["0", "0"]);
}

#[tokio::test]
async fn a_standard_queue_takes_messages_without_a_group_and_delays_them() {
    let cloud = Cloud::start();
    for (body, delay) in [("later", 10), ("now", 0)] {
        let sending = cloud.sqs.send_message().queue_url(cloud.url(PLAIN)).message_body(body).delay_seconds(delay);
        assert_eq!(sending.send().await.unwrap().sequence_number(), None);
    }
    assert_eq!(bodies(&cloud.receive(PLAIN).await), ["now"]);
    cloud.pass(Duration::from_secs(10));
    assert_eq!(bodies(&cloud.receive(PLAIN).await), ["later"]);
}

#[tokio::test]
async fn the_attributes_of_a_message_come_with_it_and_their_digest_is_that_of_sqs() {
    let cloud = Cloud::start();
    let value = |kind: &str| MessageAttributeValue::builder().data_type(kind);
    let sending = cloud.sqs.send_message().queue_url(cloud.url(PLAIN)).message_body("1");
    let sending = sending.message_attributes("text", value("String").string_value("word").build().unwrap());
    let binary = value("Binary").binary_value(aws_sdk_sqs::primitives::Blob::new([0, 255])).build().unwrap();
    let sent = sending.message_attributes("binary", binary).send().await.unwrap();
    // From the definition of the digest, by another program.
    assert_eq!(sent.md5_of_message_attributes().unwrap(), "4ac081932a84de5007366e20d59eccbc");
    let received = cloud.receive(PLAIN).await;
    assert_eq!(received[0].md5_of_message_attributes(), sent.md5_of_message_attributes());
    assert_eq!(received[0].message_attributes().unwrap()["text"].string_value(), Some("word"));
}
