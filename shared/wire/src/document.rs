//! Configuration documents: any JSON, identified by the SHA-256 of its bytes.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::json::{Json, JsonError, canonical};
use crate::{DOCUMENT_BYTES, DOCUMENT_IN_FRAME_BYTES, DOCUMENT_LEVELS, MESSAGE_LIMIT_BYTES};

/// How many bytes a message may have besides its document. At most 350 are used today.
const AROUND: usize = 1024;

/// A configuration document in its canonical form: no space between tokens, names in order, text escaped the shortest
/// way, numbers as they were written. Documents with the same content have the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: String,
    sha256: String,
}

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON, has a name twice, or is nested more deeply than [`DOCUMENT_LEVELS`].
    #[error("the document {0}")]
    Json(#[source] JsonError),
    /// It is larger than [`DOCUMENT_BYTES`].
    #[error("the document has {0} bytes; at most {DOCUMENT_BYTES} are stored")]
    TooLarge(usize),
    /// Its bytes do not have the expected hash.
    #[error("the document's SHA-256 is {found}, not {expected}")]
    WrongHash {
        /// The expected hash.
        expected: String,
        /// The hash of its bytes.
        found: String,
    },
}

impl Document {
    /// Reads a document that is to be set.
    ///
    /// # Errors
    /// If it is not JSON, has a name twice, or is too large or too deep.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        if text.len() > DOCUMENT_BYTES {
            return Err(DocumentError::TooLarge(text.len()));
        }
        let text = canonical(text, DOCUMENT_LEVELS).map_err(DocumentError::Json)?;
        let sha256 = sha256(&text);
        Ok(Self { text, sha256 })
    }

    /// Reads a document that was stored or sent, and checks its hash.
    ///
    /// # Errors
    /// If the document has another hash.
    pub fn verify(text: String, expected: &str) -> Result<Self, DocumentError> {
        let found = sha256(&text);
        if found != expected {
            return Err(DocumentError::WrongHash { expected: expected.to_owned(), found });
        }
        Ok(Self { text, sha256: found })
    }

    /// The canonical JSON.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The document's SHA-256, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The document as JSON.
    ///
    /// # Errors
    /// If its bytes are not JSON, which is possible if they were only [verified](Self::verify).
    pub fn json(&self) -> Result<Json, JsonError> {
        Json::parse(&self.text)
    }

    /// Whether the document is small enough to be sent in a frame: quoted, with the message around it, and with
    /// `beside` bytes of other news.
    pub fn fits_a_frame(&self, beside: usize) -> bool {
        let escaped = self.text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        let needed = self.text.len() + escaped + beside + AROUND;
        self.text.len() <= DOCUMENT_IN_FRAME_BYTES && needed <= MESSAGE_LIMIT_BYTES
    }
}

/// The SHA-256 of text, in lower-case hexadecimal.
pub fn sha256(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Document::parse(text).expect(text).text().to_owned()
    }

    #[test]
    fn documents_with_the_same_content_have_the_same_bytes() {
        let one = canonical("{ \"b\" : [1, {} , []], \"a\":\"\\u00e4\\/\", \"c\": null }");
        assert_eq!(one, "{\"a\":\"ä/\",\"b\":[1,{},[]],\"c\":null}");
        assert_eq!(canonical(&one), one, "the canonical form of a canonical document is itself");
        assert_eq!(canonical(&format!("\u{feff}{one}")), one, "a byte order mark is ignored");
    }

    #[test]
    fn numbers_are_kept_as_they_were_written() {
        for number in ["123456789012345678901234567890", "1.10", "-0", "1e400"] {
            assert_eq!(canonical(number), number);
        }
        let hash = |text| Document::parse(text).expect(text).sha256().to_owned();
        assert_ne!(hash("1.0"), hash("1"), "numbers that are written differently may mean different things");
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
    fn a_document_that_fits_a_frame_also_fits_when_it_is_quoted() {
        let args = Json::from(serde_json::Value::String("a".repeat(crate::COMMAND_ARGS_BYTES)));
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
    fn a_document_that_is_no_json_too_large_or_too_deep_is_refused() {
        for text in ["{", "{\"a\":}", "hello", "{} {}", "[1,]", "nul"] {
            assert!(matches!(Document::parse(text), Err(DocumentError::Json(JsonError::Syntax(_)))), "{text}");
        }
        let empty = Document::parse("").expect_err("nothing").to_string();
        assert_eq!(empty, "the document is empty");
        let twice = Document::parse(r#"{"a":[{"b":1,"b":2}]}"#).expect_err("twice").to_string();
        assert_eq!(twice, "the document has a name twice, at /a/0/b");
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Document::parse(&nested(DOCUMENT_LEVELS)).is_ok());
        for levels in [DOCUMENT_LEVELS + 1, 400, 40_000] {
            assert!(
                matches!(Document::parse(&nested(levels)), Err(DocumentError::Json(JsonError::TooDeep(_)))),
                "{levels}"
            );
        }
        assert!(
            Document::parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"").is_ok(),
            "brackets inside text do not count"
        );
        let large = format!("\"{}\"", "x".repeat(DOCUMENT_BYTES - 2));
        assert!(Document::parse(&large).is_ok());
        assert!(matches!(Document::parse(&format!("{large} ")), Err(DocumentError::TooLarge(_))));
    }
}
