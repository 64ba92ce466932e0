//! The operations of SQS in its JSON protocol (Amazon SQS API Reference).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::digest::{self, Attribute, Attributes};
use super::refusal::{Code, Refusal};
use super::service::Service;
use super::store::{self, Message, Received, Sent};
use super::{Queue, arn, check};

/// What a request names. Which fields an operation needs, it says itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Asked {
    queue_url: Option<String>,
    queue_name: Option<String>,
    queue_name_prefix: Option<String>,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    max_number_of_messages: Option<i64>,
    attribute_names: Vec<String>,
    message_system_attribute_names: Vec<String>,
    message_attribute_names: Vec<String>,
}

/// A message as it is sent; in a batch, with an id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    id: String,
    #[serde(default)]
    message_body: String,
    #[serde(default)]
    message_attributes: Attributes,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
    delay_seconds: Option<i64>,
}

/// A message of a batch that was handed out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Handed {
    id: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<E> {
    #[serde(default = "Vec::new")]
    entries: Vec<E>,
}

impl Service {
    /// Answers a request. `target` is the header `x-amz-target`.
    pub(crate) async fn answer(&self, target: &str, body: &[u8]) -> Result<Value, Refusal> {
        let asked: Asked = read(body)?;
        let operation = target.strip_prefix("AmazonSQS.").unwrap_or_default();
        match operation {
            "ListQueues" => return Ok(self.list(&asked)),
            "GetQueueUrl" => {
                let queue = self.named(asked.queue_name.as_deref().unwrap_or_default())?;
                return Ok(json!({"QueueUrl": self.url(&queue.name)}));
            }
            _ => {}
        }
        let queue = self.at(asked.queue_url.as_deref().ok_or_else(|| missing("QueueUrl"))?)?;
        match operation {
            "SendMessage" => self.send(queue, read(body)?).await,
            "SendMessageBatch" => self.send_batch(queue, read(body)?).await,
            "ReceiveMessage" => self.hand_out(queue, asked).await,
            "DeleteMessage" => {
                let receipt = asked.receipt_handle.ok_or_else(|| missing("ReceiptHandle"))?;
                self.change(queue, move |state, now, queue| store::delete(state, now, queue, &receipt)).await?;
                Ok(json!({}))
            }
            "DeleteMessageBatch" => self.change_batch(queue, read(body)?, false).await,
            "ChangeMessageVisibility" => {
                let receipt = asked.receipt_handle.ok_or_else(|| missing("ReceiptHandle"))?;
                let by = check::visibility(asked.visibility_timeout.ok_or_else(|| missing("VisibilityTimeout"))?)?;
                self.change(queue, move |state, now, queue| store::postpone(state, now, queue, &receipt, by)).await?;
                Ok(json!({}))
            }
            "ChangeMessageVisibilityBatch" => self.change_batch(queue, read(body)?, true).await,
            "GetQueueAttributes" => self.attributes(queue, &asked).await,
            "PurgeQueue" => {
                self.change(queue, |state, _, queue| store::purge(state, queue)).await?;
                Ok(json!({}))
            }
            _ => Err(Refusal::new(Code::NO_OPERATION, format!("There is no operation {operation} here."))),
        }
    }

    fn list(&self, asked: &Asked) -> Value {
        let prefix = asked.queue_name_prefix.as_deref().unwrap_or_default();
        let names = self.queues.keys().filter(|name| name.starts_with(prefix));
        json!({"QueueUrls": names.map(|name| self.url(name)).collect::<Vec<_>>()})
    }

    async fn send(&self, queue: &Queue, entry: Entry) -> Result<Value, Refusal> {
        let digests = Digests::of(&entry);
        let message = entry.message()?;
        let sent = self.change(queue, move |state, now, queue| store::send(state, now, queue, message)).await?;
        Ok(digests.answer(sent))
    }

    async fn send_batch(&self, queue: &Queue, batch: Batch<Entry>) -> Result<Value, Refusal> {
        check::batch(batch.entries.iter().map(|entry| entry.id.as_str()))?;
        let sizes = batch.entries.iter().map(|entry| {
            let values = entry.message_attributes.values().filter_map(Attribute::value);
            entry.message_body.len() + values.map(|(_, value)| value.len()).sum::<usize>()
        });
        if sizes.sum::<usize>() > check::SIZE {
            return Err(Refusal::new(Code::LONG_BATCH, format!("A batch has at most {} bytes.", check::SIZE)));
        }
        let sending = self.change(queue, move |state, now, queue| {
            let mut answers = Answers::default();
            for entry in batch.entries {
                let (id, digests) = (entry.id.clone(), Digests::of(&entry));
                let sent = entry.message().and_then(|message| store::send(state, now, queue, message));
                answers.add(&id, sent.map(|sent| digests.answer(sent)))?;
            }
            Ok(answers)
        });
        Ok(sending.await?.value())
    }

    async fn hand_out(&self, queue: &Queue, asked: Asked) -> Result<Value, Refusal> {
        let most = check::most(asked.max_number_of_messages.unwrap_or(1))?;
        let visibility = asked.visibility_timeout.map(check::visibility).transpose()?.unwrap_or(queue.visibility);
        let wait = check::wait(asked.wait_time_seconds.unwrap_or(0))?;
        let received = self.receive(queue, most, visibility, wait).await?;
        let messages: Vec<_> = received.iter().map(|message| shown(message, &asked)).collect();
        Ok(if messages.is_empty() { json!({}) } else { json!({"Messages": messages}) })
    }

    /// Deletes messages, or changes when they become visible.
    async fn change_batch(&self, queue: &Queue, batch: Batch<Handed>, postpone: bool) -> Result<Value, Refusal> {
        check::batch(batch.entries.iter().map(|entry| entry.id.as_str()))?;
        let changing = self.change(queue, move |state, now, queue| {
            let mut answers = Answers::default();
            for Handed { id, receipt_handle, visibility_timeout } in batch.entries {
                let changed = if postpone {
                    check::visibility(visibility_timeout.unwrap_or(0))
                        .and_then(|by| store::postpone(state, now, queue, &receipt_handle, by))
                } else {
                    store::delete(state, now, queue, &receipt_handle)
                };
                answers.add(&id, changed.map(|()| json!({})))?;
            }
            Ok(answers)
        });
        Ok(changing.await?.value())
    }

    async fn attributes(&self, queue: &Queue, asked: &Asked) -> Result<Value, Refusal> {
        let counts = self.change(queue, store::count).await?;
        let redrive = queue.dead_letters.as_ref().map(|dead| {
            json!({"deadLetterTargetArn": arn(&dead.queue), "maxReceiveCount": dead.max_receives}).to_string()
        });
        let is_fifo = queue.is_fifo();
        let all = [
            ("QueueArn", Some(arn(&queue.name))),
            ("ApproximateNumberOfMessages", Some(counts.visible.to_string())),
            ("ApproximateNumberOfMessagesNotVisible", Some(counts.in_flight.to_string())),
            ("ApproximateNumberOfMessagesDelayed", Some(counts.delayed.to_string())),
            ("VisibilityTimeout", Some(queue.visibility.as_secs().to_string())),
            ("MessageRetentionPeriod", Some(queue.retention.as_secs().to_string())),
            ("DelaySeconds", Some(queue.delay.as_secs().to_string())),
            ("MaximumMessageSize", Some(check::SIZE.to_string())),
            ("ReceiveMessageWaitTimeSeconds", Some("0".to_owned())),
            ("FifoQueue", is_fifo.then(|| "true".to_owned())),
            ("ContentBasedDeduplication", is_fifo.then(|| queue.content_based_deduplication.to_string())),
            ("RedrivePolicy", redrive),
        ];
        let named = all.into_iter().filter(|(name, _)| is_asked(&asked.attribute_names, name));
        let named = named.filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
        Ok(json!({"Attributes": named.collect::<Map<_, _>>()}))
    }
}

impl Entry {
    fn message(self) -> Result<Message, Refusal> {
        let delay = self.delay_seconds.map(check::delay).transpose()?;
        Ok(Message {
            body: self.message_body,
            attributes: self.message_attributes,
            group: self.message_group_id,
            deduplication: self.message_deduplication_id,
            delay,
        })
    }
}

/// The digests of a message, with which a client checks that SQS has received what it sent.
struct Digests {
    body: String,
    attributes: Option<String>,
}

impl Digests {
    fn of(entry: &Entry) -> Self {
        Self {
            body: digest::of_body(&entry.message_body),
            attributes: digest::of_attributes(&entry.message_attributes),
        }
    }

    fn answer(self, sent: Sent) -> Value {
        let mut answer = json!({"MessageId": sent.id, "MD5OfMessageBody": self.body});
        for (name, value) in [("SequenceNumber", sent.sequence), ("MD5OfMessageAttributes", self.attributes)] {
            if let Some(value) = value {
                answer[name] = Value::String(value);
            }
        }
        answer
    }
}

/// The answers to the entries of a batch.
#[derive(Default)]
struct Answers {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl Answers {
    /// A refused entry changes nothing, so that the others can be kept. If the state is broken, nothing is kept.
    fn add(&mut self, id: &str, answer: Result<Value, Refusal>) -> Result<(), Refusal> {
        match answer {
            Ok(mut answer) => {
                answer["Id"] = Value::String(id.to_owned());
                self.successful.push(answer);
            }
            Err(refusal) if refusal.code == Code::BROKEN => return Err(refusal),
            Err(refusal) => self.failed.push(refusal.entry(id)),
        }
        Ok(())
    }

    fn value(self) -> Value {
        json!({"Successful": self.successful, "Failed": self.failed})
    }
}

/// A message as `ReceiveMessage` shows it.
fn shown(message: &Received, asked: &Asked) -> Value {
    let mut shown = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MD5OfBody": digest::of_body(&message.body),
    });
    let is_named =
        |name: &str| is_asked(&asked.attribute_names, name) || is_asked(&asked.message_system_attribute_names, name);
    let system = message.system.iter().filter(|(name, _)| is_named(name));
    let system: Map<_, _> = system.map(|(name, value)| ((*name).to_owned(), Value::String(value.clone()))).collect();
    if !system.is_empty() {
        shown["Attributes"] = Value::Object(system);
    }
    let mut own = message.attributes.clone();
    own.retain(|name, _| is_asked(&asked.message_attribute_names, name));
    if let Some(digest) = digest::of_attributes(&own) {
        shown["MD5OfMessageAttributes"] = Value::String(digest);
        shown["MessageAttributes"] = serde_json::to_value(&own).unwrap_or_default();
    }
    shown
}

/// Whether these names ask for this attribute: by its name, by a prefix, or with all others.
fn is_asked(names: &[String], attribute: &str) -> bool {
    names.iter().any(|name| {
        name == attribute
            || matches!(name.as_str(), "All" | ".*")
            || name.strip_suffix(".*").is_some_and(|prefix| attribute.starts_with(&format!("{prefix}.")))
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new(Code::UNREADABLE, error.to_string()))
}

fn missing(name: &str) -> Refusal {
    Refusal::new(Code::MISSING, format!("The request must contain the parameter {name}."))
}
