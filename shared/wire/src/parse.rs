//! Reads a node's message from its text, or returns the error that the node is told.
//!
//! A message is refused if something depends on the field that is wrong: its type, its number, or a report on something
//! that the server asked for. A field that only describes the node is no reason to refuse it: it is rounded, clipped or
//! dropped, and counted.

use serde_json::value::RawValue;

use crate::fields::{Fields, Taken, exact_text, lenient_text, text_for_people};
use crate::integer::{figure, whole};
use crate::raw::levels;
use crate::{
    COMMAND_OUTPUT_BYTES, CheckIn, CommandResult, CommandStatus, ConfigReport, ConfigStatus, ErrorCode, ErrorMessage,
    Health, JsonError, MESSAGE_LIMIT_BYTES, NodeMessage, Question, RESULTS, SEQ_MAX, UpdateReport, UpdateStatus, utf8,
};

/// How deeply a message may be nested, unknown fields included.
const MESSAGE_LEVELS: usize = 127;

/// How much of the reason a node is told that its message is not a JSON object, in bytes. `serde_json` quotes the whole
/// message if it is JSON of another type.
const REASON_BYTES: usize = 160;

/// Why a node's message can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct MessageError {
    /// What is wrong, for programs.
    pub code: ErrorCode,
    /// What is wrong, for people.
    pub message: String,
    /// The message's sequence number, if it had a readable one.
    pub seq: Option<u64>,
    /// The question that the message was meant to be, if it was one.
    pub about: Option<Question>,
}

impl From<MessageError> for ErrorMessage {
    fn from(error: MessageError) -> Self {
        Self { code: error.code, message: error.message, seq: error.seq, about: error.about, stored_seq: None }
    }
}

/// Reads a node's message.
///
/// # Errors
/// With the [`ErrorCode`] that the node is told: the message is too large, not JSON, nested too deeply, has no `type`
/// or an unknown one, or has a wrong field that something depends on.
pub fn parse_node_message(text: &str) -> Result<NodeMessage, MessageError> {
    if text.len() > MESSAGE_LIMIT_BYTES {
        let message = format!("the message has {} bytes; at most {MESSAGE_LIMIT_BYTES} are allowed", text.len());
        return Err(MessageError { code: ErrorCode::TooLarge, message, seq: None, about: None });
    }
    let fields = fields(text).map_err(|(code, error)| {
        let mut message = format!("the message {error}");
        message.truncate(message.floor_char_boundary(REASON_BYTES));
        MessageError { code, message, seq: None, about: None }
    })?;
    let seq = fields.find("seq").ok().flatten().and_then(seq);
    let refuse = |code, message| MessageError { code, message, seq, about: None };
    let invalid = |message| refuse(ErrorCode::InvalidField, message);
    let kind = fields.find("type").map_err(invalid)?;
    let kind = kind.ok_or_else(|| refuse(ErrorCode::NoType, "the message has no type".to_owned()))?;
    let kind = exact_text(kind).ok_or_else(|| refuse(ErrorCode::NoType, "type must be text".to_owned()))?;
    match kind.as_str() {
        "check-in" => check_in(&fields).map(NodeMessage::CheckIn).map_err(invalid),
        "config" => Ok(NodeMessage::Config),
        "firmware-url" => {
            let about = Some(Question::FirmwareUrl);
            firmware_url(&fields).map_err(|message| MessageError { seq: None, about, ..invalid(message) })
        }
        _ => {
            let known = "this server knows the types check-in, config and firmware-url";
            Err(refuse(ErrorCode::UnknownType, known.to_owned()))
        }
    }
}

fn fields(text: &str) -> Result<Fields<'_>, (ErrorCode, JsonError)> {
    let text = utf8(text.as_bytes()).map_err(|error| (ErrorCode::NotJson, error))?;
    if text.trim_ascii().is_empty() {
        return Err((ErrorCode::NotJson, JsonError::Empty));
    }
    if levels(text) > MESSAGE_LEVELS {
        return Err((ErrorCode::TooDeep, JsonError::TooDeep(MESSAGE_LEVELS)));
    }
    Fields::of_message(text).map_err(|error| (ErrorCode::NotJson, JsonError::Syntax(error)))
}

fn seq(value: &str) -> Option<u64> {
    whole(value).filter(|seq| (1..=SEQ_MAX).contains(seq))
}

fn firmware_url(fields: &Fields<'_>) -> Result<NodeMessage, String> {
    let version = fields.required("version", "text", exact_text)?;
    Ok(NodeMessage::FirmwareUrl { version, from: fields.optional("from", "text", exact_text)? })
}

fn check_in(fields: &Fields<'_>) -> Result<CheckIn, String> {
    let mut dropped = 0;
    Ok(CheckIn {
        seq: fields.required("seq", &format!("a whole number from 1 to {SEQ_MAX}"), seq)?,
        config: fields.find("config")?.map(|value| config(value, &mut dropped)).transpose()?,
        update: fields.find("update")?.map(|value| update(value, &mut dropped)).transpose()?,
        results: fields.find("results")?.map(|value| results(value, &mut dropped)).transpose()?.unwrap_or_default(),
        // An answer that the node did not ask for costs little.
        ack: fields.lenient("ack", &mut dropped, boolean).unwrap_or(true),
        firmware: fields.lenient("firmware", &mut dropped, lenient_text),
        health: health(fields, &mut dropped),
        dropped,
    })
}

/// The server sends the node its configuration until this report names its version, so the report is read strictly.
fn config(value: &str, dropped: &mut u32) -> Result<ConfigReport, String> {
    let fields = Fields::of_value("config", value).ok_or("config: must be an object")?;
    Ok(ConfigReport {
        version: fields.required("version", "a whole number", whole)?,
        status: fields.required("status", "applied, substituted or rejected", |value| {
            Some(match exact_text(value)?.as_str() {
                "applied" => ConfigStatus::Applied,
                "substituted" => ConfigStatus::Substituted,
                "rejected" => ConfigStatus::Rejected,
                _ => return None,
            })
        })?,
        detail: detail(&fields, dropped),
    })
}

/// The server tells the node of its firmware until this report says that it was tried, so the report is read strictly.
fn update(value: &str, dropped: &mut u32) -> Result<UpdateReport, String> {
    let fields = Fields::of_value("update", value).ok_or("update: must be an object")?;
    Ok(UpdateReport {
        version: fields.required("version", "text", |value| match lenient_text(value) {
            Taken::Whole(text) | Taken::Changed(text) => Some(text),
            Taken::Dropped => None,
        })?,
        status: fields.required("status", "downloading, applied, failed or rolled-back", |value| {
            Some(match exact_text(value)?.as_str() {
                "downloading" => UpdateStatus::Downloading,
                "applied" => UpdateStatus::Applied,
                "failed" => UpdateStatus::Failed,
                "rolled-back" => UpdateStatus::RolledBack,
                _ => return None,
            })
        })?,
        detail: detail(&fields, dropped),
    })
}

/// An acknowledgement says that every result is stored, so either all of them are valid or the message is refused.
fn results(value: &str, dropped: &mut u32) -> Result<Vec<CommandResult>, String> {
    let results: Vec<&RawValue> = serde_json::from_str(value).map_err(|_| "results: must be a list")?;
    if results.len() > RESULTS {
        return Err(format!("results: at most {RESULTS} in one check-in, not {}", results.len()));
    }
    let results = results.iter().enumerate().map(|(index, value)| {
        let path = format!("results[{index}]");
        let fields = Fields::of_value(&path, value.get()).ok_or_else(|| format!("{path}: must be an object"))?;
        Ok(CommandResult {
            command: fields.required("command", "a whole number", whole)?,
            status: fields.required("status", "done or failed", |value| {
                Some(match exact_text(value)?.as_str() {
                    "done" => CommandStatus::Done,
                    "failed" => CommandStatus::Failed,
                    _ => return None,
                })
            })?,
            output: fields.lenient("output", dropped, |value| text_for_people(value, COMMAND_OUTPUT_BYTES)),
        })
    });
    results.collect()
}

/// Figures are for people. A figure that can't be used leaves the stored one as it is.
fn health(fields: &Fields<'_>, dropped: &mut u32) -> Option<Health> {
    let fields = fields.lenient("health", dropped, |value| match Fields::of_value("health", value) {
        Some(fields) => Taken::Whole(fields),
        None => Taken::Dropped,
    })?;
    let mut figure = |name, most| fields.lenient(name, dropped, |value| figure(value, most));
    let small = |figure: u64| u32::try_from(figure).unwrap_or(u32::MAX);
    Some(Health {
        uptime_s: figure("uptime_s", u64::MAX),
        load_percent: figure("load_percent", u32::MAX.into()).map(small),
        memory_free_kib: figure("memory_free_kib", u64::MAX),
        clients: figure("clients", u32::MAX.into()).map(small),
    })
}

/// How much of a detail is kept depends on what it is the detail of; it is clipped later.
fn detail(fields: &Fields<'_>, dropped: &mut u32) -> Option<String> {
    fields.lenient("detail", dropped, |value| text_for_people(value, MESSAGE_LIMIT_BYTES))
}

fn boolean(value: &str) -> Taken<bool> {
    match value {
        "true" => Taken::Whole(true),
        "false" => Taken::Whole(false),
        _ => Taken::Dropped,
    }
}

#[cfg(test)]
mod tests;
