//! The messages of queues in `SQLite`: order in a group, visibility, receive counts, dead letters.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::digest::{self, Attributes};
use super::refusal::{Code, Refusal};
use super::{DeadLetters, Queue, arn, check};
use crate::state::{random, uuid};

/// How long a deduplication id is remembered ("Exactly-once processing in Amazon SQS"), in milliseconds.
const DEDUPLICATION_MS: u64 = 5 * 60 * 1000;
/// What makes a sequence number of 20 digits.
const SEQUENCE: u128 = 10_000_000_000_000_000_000;

/// A message to be sent.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) body: String,
    pub(crate) attributes: Attributes,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
    /// Instead of the delay of its queue.
    pub(crate) delay: Option<Duration>,
}

/// What SQS says about a message that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: String,
    /// FIFO queues only.
    pub(crate) sequence: Option<String>,
}

/// A message that was handed out.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) receipt: String,
    pub(crate) body: String,
    pub(crate) attributes: Attributes,
    /// The attributes that SQS gives it.
    pub(crate) system: Vec<(&'static str, String)>,
}

/// How many messages a queue has.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
    pub(crate) delayed: u64,
}

pub(crate) fn send(state: &Transaction<'_>, now: u64, queue: &Queue, message: Message) -> Result<Sent, Refusal> {
    check::message(&message.body, &message.attributes)?;
    let id = uuid()?;
    let group = check::group(queue, message.group, &id)?;
    let known = check::deduplication(queue, message.deduplication, || digest::of_content(&message.body))?;
    if message.delay.is_some() && queue.is_fifo() {
        let refused = "The value of the parameter DelaySeconds is not valid for a message of a FIFO queue.";
        return Err(Refusal::new(Code::WRONG_VALUE, refused));
    }
    let sequence = |number| queue.is_fifo().then(|| sequence(number));
    if let Some(known) = &known {
        let horizon = now.saturating_sub(DEDUPLICATION_MS);
        state.prepare_cached("DELETE FROM deduplications WHERE sent <= ?1")?.execute([horizon])?;
        let sql = "SELECT id, number FROM deduplications WHERE queue = ?1 AND deduplication = ?2";
        let mut first = state.prepare_cached(sql)?;
        let first = first.query_row([&queue.name, known], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some((id, number)) = first {
            return Ok(Sent { id, sequence: sequence(number) });
        }
    }
    let visible = now.saturating_add(milliseconds(message.delay.unwrap_or(queue.delay)));
    let attributes = serde_json::to_string(&message.attributes).unwrap_or_default();
    let sql = "INSERT INTO messages (queue, id, in_group, deduplication, body, attributes, sent, visible)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![queue.name, id, group, known, message.body, attributes, now, visible];
    state.prepare_cached(sql)?.execute(values)?;
    let number = state.last_insert_rowid();
    if let Some(known) = &known {
        let sql = "INSERT INTO deduplications (queue, deduplication, id, number, sent) VALUES (?1, ?2, ?3, ?4, ?5)";
        state.prepare_cached(sql)?.execute(params![queue.name, known, id, number, now])?;
    }
    Ok(Sent { id, sequence: sequence(number) })
}

/// Hands out up to `most` messages. It takes as many as possible of the group whose turn it is, then of the next group.
/// A group of which a message is in flight has to wait.
pub(crate) fn receive(
    state: &Transaction<'_>,
    now: u64,
    queue: &Queue,
    most: usize,
    visibility: Duration,
) -> Result<Vec<Received>, Refusal> {
    forget(state, now, queue)?;
    let mut received: Vec<Received> = vec![];
    let sql = "SELECT in_group FROM messages AS message WHERE queue = ?1 AND visible <= ?2 AND number > ?3
        AND NOT EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND in_group = message.in_group AND visible > ?2
            AND receipt IS NOT NULL)
        ORDER BY number LIMIT 1";
    // With a visibility timeout of zero, what was handed out is visible again at once.
    let mut after = 0;
    while received.len() < most {
        let mut next = state.prepare_cached(sql)?;
        let next = next.query_row(params![queue.name, now, after], |row| row.get::<_, String>(0)).optional()?;
        let Some(group) = next else { break };
        for (number, receives) in of_group(state, now, queue, &group, after, most - received.len())? {
            match &queue.dead_letters {
                Some(dead) if receives >= dead.max_receives => bury(state, now, queue, dead, number)?,
                _ => received.push(hand_out(state, now, queue, number, visibility)?),
            }
            if visibility.is_zero() {
                after = after.max(number);
            }
        }
    }
    Ok(received)
}

/// The first visible messages of a group: their numbers, and how often they were received.
fn of_group(
    state: &Transaction<'_>,
    now: u64,
    queue: &Queue,
    group: &str,
    after: i64,
    most: usize,
) -> Result<Vec<(i64, u32)>, Refusal> {
    let sql = "SELECT number, receives FROM messages
        WHERE queue = ?1 AND in_group = ?2 AND visible <= ?3 AND number > ?4 ORDER BY number LIMIT ?5";
    let mut rows = state.prepare_cached(sql)?;
    let rows = rows.query_map(params![queue.name, group, now, after, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn hand_out(
    state: &Transaction<'_>,
    now: u64,
    queue: &Queue,
    number: i64,
    visibility: Duration,
) -> Result<Received, Refusal> {
    let receipt = format!("{number:016x}{}", random::<16>()?);
    let sql = "UPDATE messages SET receipt = ?2, visible = ?3, receives = receives + 1,
        first_received = COALESCE(first_received, ?4) WHERE number = ?1";
    let visible = now.saturating_add(milliseconds(visibility));
    state.prepare_cached(sql)?.execute(params![number, receipt, visible, now])?;
    let sql = "SELECT id, in_group, deduplication, body, attributes, sent, receives, first_received, dead_in
        FROM messages WHERE number = ?1";
    Ok(state.prepare_cached(sql)?.query_row([number], |row| handed(row, queue, number, receipt))?)
}

fn handed(row: &Row<'_>, queue: &Queue, number: i64, receipt: String) -> rusqlite::Result<Received> {
    let figure = |name| row.get::<_, u64>(name).map(|figure| figure.to_string());
    let mut system = vec![
        ("ApproximateFirstReceiveTimestamp", figure("first_received")?),
        ("ApproximateReceiveCount", figure("receives")?),
        ("SenderId", crate::ACCOUNT.to_owned()),
        ("SentTimestamp", figure("sent")?),
    ];
    if queue.is_fifo() {
        system.push(("MessageGroupId", row.get("in_group")?));
        system.push(("MessageDeduplicationId", row.get::<_, Option<String>>("deduplication")?.unwrap_or_default()));
        system.push(("SequenceNumber", sequence(number)));
    }
    if let Some(queue) = row.get::<_, Option<String>>("dead_in")? {
        system.push(("DeadLetterQueueSourceArn", arn(&queue)));
    }
    let attributes = serde_json::from_str(&row.get::<_, String>("attributes")?).unwrap_or_default();
    Ok(Received { id: row.get("id")?, receipt, body: row.get("body")?, attributes, system })
}

/// Moves a message that was received too often to the queue of dead letters. There it is the newest of its group.
fn bury(state: &Transaction<'_>, now: u64, queue: &Queue, dead: &DeadLetters, number: i64) -> Result<(), Refusal> {
    // A FIFO queue resets the time at which a message was sent ("Amazon SQS dead-letter queues").
    let sql = "INSERT INTO messages (queue, id, in_group, deduplication, body, attributes, sent, visible, dead_in)
        SELECT ?2, id, in_group, deduplication, body, attributes, CASE ?3 WHEN 1 THEN ?4 ELSE sent END, ?4, ?5
        FROM messages WHERE number = ?1";
    state.prepare_cached(sql)?.execute(params![number, dead.queue, queue.is_fifo(), now, queue.name])?;
    state.prepare_cached("DELETE FROM messages WHERE number = ?1")?.execute([number])?;
    Ok(())
}

/// Forgets the messages that are older than the queue's retention period.
fn forget(state: &Transaction<'_>, now: u64, queue: &Queue) -> Result<(), Refusal> {
    let horizon = now.saturating_sub(milliseconds(queue.retention));
    state
        .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND sent < ?2")?
        .execute(params![queue.name, horizon])?;
    Ok(())
}

/// Deletes the message that was handed out with this receipt. One that is deleted already stays so.
pub(crate) fn delete(state: &Transaction<'_>, now: u64, queue: &Queue, receipt: &str) -> Result<(), Refusal> {
    let number = number(receipt)?;
    let sql = "SELECT receipt = ?3 AND (visible > ?4 OR NOT ?5) FROM messages WHERE number = ?1 AND queue = ?2";
    let values = params![number, queue.name, receipt, now, queue.is_fifo()];
    match state.prepare_cached(sql)?.query_row(values, |row| row.get::<_, Option<bool>>(0)).optional()?.flatten() {
        Some(true) => {
            state.prepare_cached("DELETE FROM messages WHERE number = ?1")?.execute([number])?;
            Ok(())
        }
        Some(false) if queue.is_fifo() => Err(expired()),
        // A standard queue may hand out a message twice, and so ignores older receipts.
        Some(false) | None => Ok(()),
    }
}

/// Changes when a message in flight becomes visible again: after this time from now.
pub(crate) fn postpone(
    state: &Transaction<'_>,
    now: u64,
    queue: &Queue,
    receipt: &str,
    by: Duration,
) -> Result<(), Refusal> {
    let number = number(receipt)?;
    let sql = "UPDATE messages SET visible = ?5 WHERE number = ?1 AND queue = ?2 AND receipt = ?3 AND visible > ?4";
    let visible = now.saturating_add(milliseconds(by));
    let changed = state.prepare_cached(sql)?.execute(params![number, queue.name, receipt, now, visible])?;
    if changed == 1 {
        return Ok(());
    }
    Err(Refusal::new(Code::NOT_IN_FLIGHT, "The message is not in flight: it is deleted, or its receipt has expired."))
}

pub(crate) fn count(state: &Transaction<'_>, now: u64, queue: &Queue) -> Result<Counts, Refusal> {
    forget(state, now, queue)?;
    let sql =
        "SELECT COUNT(*) FILTER (WHERE visible <= ?2), COUNT(*) FILTER (WHERE visible > ?2 AND receipt IS NOT NULL),
        COUNT(*) FILTER (WHERE visible > ?2 AND receipt IS NULL) FROM messages WHERE queue = ?1";
    let read = |row: &Row<'_>| Ok(Counts { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? });
    Ok(state.prepare_cached(sql)?.query_row(params![queue.name, now], read)?)
}

/// When the next message becomes visible by the clock alone, in milliseconds since 1970.
pub(crate) fn next(state: &Transaction<'_>, now: u64, queue: &Queue) -> Result<Option<u64>, Refusal> {
    let sql = "SELECT MIN(visible) FROM messages WHERE queue = ?1 AND visible > ?2";
    Ok(state.prepare_cached(sql)?.query_row(params![queue.name, now], |row| row.get(0))?)
}

pub(crate) fn purge(state: &Transaction<'_>, queue: &Queue) -> Result<(), Refusal> {
    state.prepare_cached("DELETE FROM messages WHERE queue = ?1")?.execute([&queue.name])?;
    Ok(())
}

fn sequence(number: i64) -> String {
    (SEQUENCE + u128::from(number.unsigned_abs())).to_string()
}

fn number(receipt: &str) -> Result<i64, Refusal> {
    let number = receipt.get(..16).and_then(|number| i64::from_str_radix(number, 16).ok());
    number.ok_or_else(|| Refusal::new(Code::RECEIPT, "The input receipt handle is invalid."))
}

fn expired() -> Refusal {
    let message = "The value of the parameter ReceiptHandle is not valid. Reason: The receipt handle has expired.";
    Refusal::new(Code::WRONG_VALUE, message)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
