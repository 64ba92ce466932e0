//! The limits of SQS ("Amazon SQS message quotas").

use std::time::Duration;

use super::Queue;
use super::digest::Attributes;
use super::refusal::{Code, Refusal};

/// The most messages of a batch, and of an answer to `ReceiveMessage`.
pub(crate) const BATCH: usize = 10;
/// The largest message with its attributes, and the largest batch, in bytes.
pub(crate) const SIZE: usize = 1024 * 1024;
/// The longest visibility timeout, in seconds.
const VISIBILITY_S: u64 = 12 * 60 * 60;
/// The longest delay of a message, in seconds.
const DELAY_S: u64 = 900;
/// The longest wait for a message, in seconds.
const WAIT_S: u64 = 20;
/// The most attributes of a message.
const ATTRIBUTES: usize = 10;
/// The longest id of a group or a deduplication, in characters.
const ID: usize = 128;
/// The longest id of an entry in a batch, in characters.
const ENTRY_ID: usize = 80;

fn wrong(name: &str, reason: &str) -> Refusal {
    Refusal::new(Code::WRONG_VALUE, format!("The value of the parameter {name} is not valid. Reason: {reason}."))
}

/// The number of seconds of a parameter.
pub(crate) fn seconds(name: &str, value: i64, most: u64) -> Result<Duration, Refusal> {
    let seconds = u64::try_from(value).ok().filter(|seconds| *seconds <= most);
    let seconds = seconds.ok_or_else(|| wrong(name, &format!("must be from 0 to {most}")))?;
    Ok(Duration::from_secs(seconds))
}

pub(crate) fn visibility(value: i64) -> Result<Duration, Refusal> {
    seconds("VisibilityTimeout", value, VISIBILITY_S)
}

pub(crate) fn wait(value: i64) -> Result<Duration, Refusal> {
    seconds("WaitTimeSeconds", value, WAIT_S)
}

pub(crate) fn delay(value: i64) -> Result<Duration, Refusal> {
    seconds("DelaySeconds", value, DELAY_S)
}

pub(crate) fn most(value: i64) -> Result<usize, Refusal> {
    let most = usize::try_from(value).ok().filter(|most| (1..=BATCH).contains(most));
    most.ok_or_else(|| wrong("MaxNumberOfMessages", "must be from 1 to 10"))
}

/// Checks a message, and returns its size in bytes.
pub(crate) fn message(body: &str, attributes: &Attributes) -> Result<usize, Refusal> {
    if body.is_empty() {
        return Err(Refusal::new(Code::MISSING, "The request must contain the parameter MessageBody."));
    }
    if attributes.len() > ATTRIBUTES {
        return Err(wrong("MessageAttributes", "a message has at most 10 attributes"));
    }
    let mut size = body.len();
    for (name, attribute) in attributes {
        let (_, value) = attribute.value().ok_or_else(|| wrong("MessageAttributes", "an attribute has one value"))?;
        size += name.len() + attribute.data_type.len() + value.len();
    }
    if size > SIZE {
        return Err(wrong("MessageBody", &format!("a message has at most {SIZE} bytes")));
    }
    if !body.chars().all(is_allowed) {
        return Err(Refusal::new(Code::CONTENTS, "The message has characters that are not allowed."));
    }
    Ok(size)
}

/// The characters that a message may have.
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// The id of a message's group: the one that the sender names. A message of a standard queue is a group of its own if
/// it has none.
pub(crate) fn group(queue: &Queue, group: Option<String>, message: &str) -> Result<String, Refusal> {
    match group {
        Some(group) => id("MessageGroupId", group),
        None if queue.is_fifo() => {
            Err(Refusal::new(Code::MISSING, "The request must contain the parameter MessageGroupId."))
        }
        None => Ok(message.to_owned()),
    }
}

/// The id by which a message is known if it is sent again: the one that the sender names, or the digest of the body.
pub(crate) fn deduplication(
    queue: &Queue,
    named: Option<String>,
    of_content: impl FnOnce() -> String,
) -> Result<Option<String>, Refusal> {
    match named {
        Some(_) if !queue.is_fifo() => Err(wrong("MessageDeduplicationId", "the queue is not a FIFO queue")),
        Some(named) => id("MessageDeduplicationId", named).map(Some),
        None if queue.content_based_deduplication => Ok(Some(of_content())),
        None if queue.is_fifo() => Err(Refusal::new(
            Code::WRONG_VALUE,
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
             explicitly",
        )),
        None => Ok(None),
    }
}

fn id(name: &str, id: String) -> Result<String, Refusal> {
    let is_allowed = id.bytes().all(|byte| byte.is_ascii_graphic());
    if id.is_empty() || id.len() > ID || !is_allowed {
        return Err(wrong(name, "it has 1 to 128 letters, digits and punctuation marks of ASCII"));
    }
    Ok(id)
}

/// Checks the ids of a batch.
pub(crate) fn batch<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let mut seen = std::collections::BTreeSet::new();
    let mut count = 0;
    for id in ids {
        count += 1;
        let is_allowed = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if id.is_empty() || id.len() > ENTRY_ID || !is_allowed {
            let message = "The id of an entry has 1 to 80 letters, digits, hyphens and underscores.";
            return Err(Refusal::new(Code::WRONG_ID, message));
        }
        if !seen.insert(id) {
            return Err(Refusal::new(Code::SAME_IDS, format!("The id {id} is repeated.")));
        }
    }
    match count {
        0 => Err(Refusal::new(Code::EMPTY_BATCH, "There must be at least one entry in the request.")),
        count if count > BATCH => {
            Err(Refusal::new(Code::LARGE_BATCH, format!("A batch has at most 10 entries, not {count}.")))
        }
        _ => Ok(()),
    }
}
