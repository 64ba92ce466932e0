//! Configuration documents: any JSON, known by the hash of its bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::{DOCUMENT_BYTES, DOCUMENT_IN_FRAME_BYTES, DOCUMENT_LEVELS, MESSAGE_LIMIT_BYTES};

/// What a message takes besides its document, in bytes; at most 350 of it are ours today.
const AROUND: usize = 1024;

/// A configuration document in its one form: no space between tokens, names in order, text escaped the shortest way,
/// numbers as they were written. Documents that say the same are the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: String,
    sha256: String,
}

/// Why a document is not taken.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON.
    #[error("the document is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// It is larger than [`DOCUMENT_BYTES`].
    #[error("the document has {0} bytes; at most {DOCUMENT_BYTES} are stored")]
    TooLarge(usize),
    /// It is nested more deeply than [`DOCUMENT_LEVELS`].
    #[error("the document is nested too deeply; at most {DOCUMENT_LEVELS} levels are stored")]
    TooDeep,
    /// Its bytes are not those of the hash that it came with.
    #[error("the document's SHA-256 is {found}, not {expected}")]
    WrongHash {
        /// The hash that it came with.
        expected: String,
        /// The hash that it has.
        found: String,
    },
}

impl Document {
    /// Takes a document from whoever sets it.
    ///
    /// # Errors
    /// If it is not JSON, too large or too deep.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        if text.len() > DOCUMENT_BYTES {
            return Err(DocumentError::TooLarge(text.len()));
        }
        if levels(text) > DOCUMENT_LEVELS {
            return Err(DocumentError::TooDeep);
        }
        let value: &RawValue = serde_json::from_str(text).map_err(DocumentError::NotJson)?;
        let mut out = String::with_capacity(text.len());
        write_canonical(value.get(), &mut out).map_err(DocumentError::NotJson)?;
        let sha256 = sha256(&out);
        Ok(Self { text: out, sha256 })
    }

    /// Takes a document from whoever keeps or sends it, with the hash that it is known by.
    ///
    /// # Errors
    /// If it has another hash.
    pub fn verify(text: String, expected: &str) -> Result<Self, DocumentError> {
        let found = sha256(&text);
        if found != expected {
            return Err(DocumentError::WrongHash { expected: expected.to_owned(), found });
        }
        Ok(Self { text, sha256: found })
    }

    /// The JSON.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its SHA-256, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What it says; nothing if a number in it is larger than any type of ours.
    pub fn value(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }

    /// Whether it is small enough to be sent in a frame, quoted, with the message around it and this many bytes of other
    /// news.
    pub fn fits_a_frame(&self, beside: usize) -> bool {
        let escaped = self.text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        let needed = self.text.len() + escaped + beside + AROUND;
        self.text.len() <= DOCUMENT_IN_FRAME_BYTES && needed <= MESSAGE_LIMIT_BYTES
    }
}

fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// How deeply brackets are nested, outside of text. What is not JSON shows later.
fn levels(text: &str) -> usize {
    let (mut level, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !in_text => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Writes a value in its one form. Numbers are not read: they may be larger or finer than any type of ours.
fn write_canonical(value: &str, out: &mut String) -> Result<(), serde_json::Error> {
    match value.as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = Deserialize::deserialize(&mut deserializer(value))?;
            let mut between = '{';
            for (name, value) in &fields {
                out.push(between);
                between = ',';
                out.push_str(&serde_json::to_string(name)?);
                out.push(':');
                write_canonical(value.get(), out)?;
            }
            out.push_str(if fields.is_empty() { "{}" } else { "}" });
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = Deserialize::deserialize(&mut deserializer(value))?;
            let mut between = '[';
            for value in &items {
                out.push(between);
                between = ',';
                write_canonical(value.get(), out)?;
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Some(b'"') => {
            let text: String = Deserialize::deserialize(&mut deserializer(value))?;
            out.push_str(&serde_json::to_string(&text)?);
        }
        _ => out.push_str(value),
    }
    Ok(())
}

fn deserializer(text: &str) -> serde_json::Deserializer<serde_json::de::StrRead<'_>> {
    serde_json::Deserializer::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Document::parse(text).expect(text).text().to_owned()
    }

    #[test]
    fn documents_that_say_the_same_are_the_same_bytes() {
        let one = canonical("{ \"b\" : [1, {} , []], \"a\":\"\\u00e4\\/\", \"c\": null }");
        assert_eq!(one, "{\"a\":\"ä/\",\"b\":[1,{},[]],\"c\":null}");
        assert_eq!(canonical(&one), one, "the form is its own form");
    }

    #[test]
    fn numbers_are_kept_as_they_were_written() {
        for number in ["123456789012345678901234567890", "1.10", "-0", "1e400"] {
            assert_eq!(canonical(number), number);
        }
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        let document = Document::parse("{}").expect("a document");
        assert_eq!(document.sha256(), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        assert!(Document::verify("{}".to_owned(), document.sha256()).is_ok());
        let error = Document::verify("{ }".to_owned(), document.sha256()).expect_err("other bytes");
        assert!(matches!(error, DocumentError::WrongHash { .. }));
    }

    #[test]
    fn what_fits_a_frame_does_so_quoted() {
        let args = serde_json::Value::String("a".repeat(crate::COMMAND_ARGS_BYTES));
        let command = crate::CommandNews { command: u64::MAX, name: "c".repeat(64), args, expires_in_s: u32::MAX };
        for text in ["x", "\\\""] {
            for length in (0..DOCUMENT_BYTES / 2).step_by(997) {
                let document = Document::parse(&format!("\"{}\"", text.repeat(length))).expect("a document");
                let news = crate::ConfigNews {
                    version: u64::MAX,
                    sha256: document.sha256().to_owned(),
                    document: Some(document.text().to_owned()),
                };
                let ack = crate::Ack {
                    seq: u64::MAX,
                    next_check_in_s: u32::MAX,
                    reconnect_within_s: u32::MAX,
                    spread_s: u32::MAX,
                    config: Some(news),
                    command: Some(command.clone()),
                    firmware: Some(crate::FirmwareNews { version: "v".repeat(32) }),
                };
                let frame = serde_json::to_string(&crate::ServerMessage::Ack(ack)).expect("JSON");
                let beside = serde_json::to_string(&command).expect("JSON").len();
                assert!(!document.fits_a_frame(beside) || frame.len() <= MESSAGE_LIMIT_BYTES, "{length} times {text}");
                assert!(document.fits_a_frame(0) || document.text().len() > 15 * 1024, "{length} times {text}");
            }
        }
    }

    #[test]
    fn what_is_no_json_too_large_or_too_deep_is_not_taken() {
        for text in ["", "{", "{\"a\":}", "hello", "{} {}", "[1,]", "nul"] {
            assert!(matches!(Document::parse(text), Err(DocumentError::NotJson(_))), "{text}");
        }
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Document::parse(&nested(DOCUMENT_LEVELS)).is_ok());
        for levels in [DOCUMENT_LEVELS + 1, 400, 40_000] {
            assert!(matches!(Document::parse(&nested(levels)), Err(DocumentError::TooDeep)), "{levels}");
        }
        assert!(
            Document::parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"").is_ok(),
            "brackets in text are text"
        );
        let large = format!("\"{}\"", "x".repeat(DOCUMENT_BYTES - 2));
        assert!(Document::parse(&large).is_ok());
        assert!(matches!(Document::parse(&format!("{large} ")), Err(DocumentError::TooLarge(_))));
    }
}
