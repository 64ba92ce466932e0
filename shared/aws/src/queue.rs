//! The queue of deliveries in Amazon SQS.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use futures_util::future::join_all;
use rollcall_core::Seconds;
use rollcall_service::{Message, Queue, QueueError, Received};

use crate::client::Clients;
use crate::config::{Lookup, variable};

/// How many messages one request sends at most (Amazon SQS quotas, "Batched message": 10).
const BATCH: usize = 10;
/// How many bytes the messages of one request have at most: less than the quota of 256 KiB that older regions have.
const BATCH_BYTES: usize = 240 * 1024;
/// How many requests are under way at a time. A batch of the feed has some 200 events, and so 20 requests for each
/// endpoint.
const LANES: usize = 5;
/// The attribute of a dead letter that says why it is one.
const REASON: &str = "reason";
/// The attribute of a received message with its group (Amazon SQS, `MessageGroupId`).
const GROUP: &str = "MessageGroupId";

/// How the names of FIFO queues end (Amazon SQS Developer Guide, "FIFO queue and message identifiers").
const FIFO: &str = ".fifo";

/// A FIFO queue, and the queue for what is given up.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
    given_up: String,
}

impl SqsQueue {
    /// The queue that the environment names, and the one that this variable names. If it names none, everything that is
    /// asked of the queue fails.
    pub fn open(clients: &Clients, lookup: &impl Lookup, given_up: &str) -> Self {
        let url = |name| lookup.get(name).unwrap_or_default();
        Self { client: clients.sqs(), url: url(variable::QUEUE_URL), given_up: url(given_up) }
    }

    /// Sends messages one request after the other, since their order counts.
    async fn send_lane(&self, messages: &[&Message]) -> Result<(), QueueError> {
        for part in parts(messages) {
            self.send_batch(&part).await?;
        }
        Ok(())
    }

    async fn send_batch(&self, messages: &[&Message]) -> Result<(), QueueError> {
        let entry = |(number, message): (usize, &&Message)| {
            SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_group_id(&message.group)
                .message_deduplication_id(&message.id)
                .message_body(&message.body)
                .build()
        };
        let entries: Result<Vec<_>, BuildError> = messages.iter().enumerate().map(entry).collect();
        let entries = entries.map_err(failed)?;
        let call = self.client.send_message_batch().queue_url(named(&self.url)?).set_entries(Some(entries));
        let answer = call.send().await.map_err(failed)?;
        match answer.failed().first() {
            None => Ok(()),
            Some(entry) => Err(QueueError(format!("a message is refused: {}", entry.code()).into())),
        }
    }
}

/// These messages in lanes, which are sent at the same time. Those of a group are in one lane, in order: the order of
/// others does not count.
fn lanes(messages: &[Message]) -> Vec<Vec<&Message>> {
    let mut lanes: Vec<Vec<&Message>> = vec![vec![]; LANES.min(messages.len().div_ceil(BATCH))];
    let mut groups = BTreeMap::new();
    for message in messages {
        // The lane that has the fewest so far takes a new group.
        let shortest = lanes.iter().enumerate().min_by_key(|(_, lane)| lane.len()).map_or(0, |(number, _)| number);
        let lane = *groups.entry(&message.group).or_insert(shortest);
        if let Some(lane) = lanes.get_mut(lane) {
            lane.push(message);
        }
    }
    lanes
}

/// The parts of these messages that fit one request each. Those of a group are in order, and none are in the same part:
/// the queue may refuse one of a request's messages and take the next one (Amazon SQS API Reference, `SendMessageBatch`),
/// which would then come first.
fn parts<'a>(messages: &[&'a Message]) -> Vec<Vec<&'a Message>> {
    let mut parts = vec![];
    let mut rest: VecDeque<&Message> = messages.iter().copied().collect();
    while !rest.is_empty() {
        let (mut part, mut later) = (vec![], VecDeque::new());
        let (mut bytes, mut groups) = (0, BTreeSet::new());
        while let Some(message) = rest.pop_front() {
            let size = message.body.len();
            let fits = part.is_empty() || (part.len() < BATCH && bytes + size <= BATCH_BYTES);
            if groups.insert(&message.group) && fits {
                bytes += size;
                part.push(message);
            } else {
                later.push_back(message);
            }
            if part.len() == BATCH {
                break;
            }
        }
        later.append(&mut rest);
        parts.push(part);
        rest = later;
    }
    parts
}

fn named(url: &str) -> Result<&str, QueueError> {
    if url.is_empty() { Err(QueueError("no queue is configured".into())) } else { Ok(url) }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> QueueError {
    QueueError(Box::new(error))
}

impl Queue for SqsQueue {
    async fn send(&self, messages: &[Message]) -> Result<(), QueueError> {
        join_all(lanes(messages).iter().map(|lane| self.send_lane(lane))).await.into_iter().collect()
    }

    async fn postpone(&self, receipt: &str, pause: Seconds) -> Result<(), QueueError> {
        let call = self.client.change_message_visibility().queue_url(named(&self.url)?).receipt_handle(receipt);
        let pause = i32::try_from(pause).unwrap_or(i32::MAX);
        call.visibility_timeout(pause).send().await.map(|_| ()).map_err(failed)
    }

    async fn bury(&self, message: &Message, reason: &str) -> Result<(), QueueError> {
        let reason =
            MessageAttributeValue::builder().data_type("String").string_value(reason).build().map_err(failed)?;
        let url = named(&self.given_up)?;
        // A standard queue refuses ids that are for FIFO queues.
        let of_fifo = |text: &String| url.ends_with(FIFO).then(|| text.clone());
        let call = self.client.send_message().queue_url(url).message_body(&message.body);
        let call = call.set_message_group_id(of_fifo(&message.group));
        let call = call.set_message_deduplication_id(of_fifo(&message.id));
        call.message_attributes(REASON, reason).send().await.map(|_| ()).map_err(failed)
    }
}

/// What Lambda hands over of a queue: a batch of messages.
pub type Batch = SqsEvent;

/// The messages of a batch. One without an id or a receipt is left out: SQS sends no such message.
pub fn batch(event: Batch) -> Vec<Received> {
    let received = event.records.into_iter().filter_map(|mut record| {
        let group = record.attributes.remove(GROUP).unwrap_or_default();
        let (id, receipt) = record.message_id.zip(record.receipt_handle)?;
        Some(Received { id, receipt, group, body: record.body.unwrap_or_default() })
    });
    received.collect()
}

/// What Lambda is told of a batch: the messages that are not done with (AWS Lambda Developer Guide, "Implementing
/// partial batch responses").
pub fn batch_answer(failed: Vec<String>) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    for id in failed {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        answer.batch_item_failures.push(failure);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(group: usize, bytes: usize) -> Message {
        Message { group: format!("g{group}"), id: "i".to_owned(), body: "x".repeat(bytes) }
    }

    /// The groups of the messages in each part. Messages are their group and their length.
    fn parted(messages: &[(usize, usize)]) -> Vec<Vec<String>> {
        let messages: Vec<_> = messages.iter().map(|(group, bytes)| message(*group, *bytes)).collect();
        let groups = |part: &Vec<&Message>| part.iter().map(|message| message.group.clone()).collect();
        parts(&messages.iter().collect::<Vec<_>>()).iter().map(groups).collect()
    }

    #[test]
    fn a_request_has_at_most_ten_messages_and_so_many_bytes() {
        let sizes = |bytes: &[usize]| {
            let messages: Vec<_> = bytes.iter().copied().enumerate().collect();
            parted(&messages).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[BATCH_BYTES - 1, 1, 1]), [2, 1]);
        assert_eq!(sizes(&[BATCH_BYTES + 1, 1]), [1, 1], "SQS says what is too long");
        assert_eq!(sizes(&[]), [0; 0]);
    }

    #[test]
    fn a_request_has_one_message_of_a_group_and_others_do_not_wait() {
        let parts = parted(&[(1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (2, 2)]);
        assert_eq!(parts, [vec!["g1", "g2", "g3"], vec!["g1", "g2"], vec!["g1"]]);
        // A message that does not fit holds up the later ones of its group.
        let parts = parted(&[(1, 1), (2, BATCH_BYTES), (2, 1), (3, 1)]);
        assert_eq!(parts, [vec!["g1", "g3"], vec!["g2"], vec!["g2"]]);
    }

    #[test]
    fn messages_of_a_group_are_in_one_lane_in_order_and_lanes_are_about_as_long() {
        let message = |number: usize| Message {
            group: format!("crm/ap-{}", number / 2 % 40),
            id: number.to_string(),
            body: String::new(),
        };
        let messages: Vec<_> = (0..200).map(message).collect();
        let lanes = lanes(&messages);
        assert!(lanes.len() == LANES && lanes.iter().all(|lane| (35..=45).contains(&lane.len())), "{lanes:?}");
        for group in messages.iter().map(|message| &message.group) {
            let of_group = |lane: &&Vec<&Message>| lane.iter().any(|message| message.group == *group);
            let [lane] = lanes.iter().filter(of_group).collect::<Vec<_>>()[..] else { panic!("{group}") };
            let number = |message: &&Message| message.id.parse::<usize>().expect("a number");
            assert!(lane.iter().filter(|message| message.group == *group).is_sorted_by_key(number), "{lane:?}");
        }
        assert_eq!([super::lanes(&messages[..1]).len(), super::lanes(&messages[..11]).len()], [1, 2]);
        assert!(super::lanes(&[]).is_empty());
    }

    #[test]
    fn a_batch_is_read_and_answered_in_the_form_of_lambda() {
        let event = serde_json::json!({"Records": [{"messageId": "m-1", "receiptHandle": "r-1", "body": "{}",
            "attributes": {"MessageGroupId": "crm/ap-1", "ApproximateReceiveCount": "1"}, "messageAttributes": {},
            "eventSource": "aws:sqs", "awsRegion": "us-east-1"}]});
        let received = batch(serde_json::from_value(event).expect("an event"));
        let text = str::to_owned;
        let expected = Received { id: text("m-1"), receipt: text("r-1"), group: text("crm/ap-1"), body: text("{}") };
        assert_eq!(received, [expected]);
        let answer = serde_json::to_value(batch_answer(vec![text("m-1")])).expect("JSON");
        assert_eq!(answer, serde_json::json!({"batchItemFailures": [{"itemIdentifier": "m-1"}]}));
    }
}
