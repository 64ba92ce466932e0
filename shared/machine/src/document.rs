//! A document that is too large for a frame, as it arrives over HTTP.

use rollcall_wire::DOCUMENT_BYTES;

/// HTTP status "OK" (RFC 9110, section 15.3.1).
const OK: u16 = 200;

/// Why a document could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The node has no URL to fetch from. The fetch is not repeated.
    #[error("the node has no HTTP URL to fetch from")]
    NoUrl,
    /// This attempt failed, for this reason, for people. The fetch may be repeated.
    #[error("{0}")]
    Failed(String),
}

/// The body of the response to `GET {http_url}/v1/configs/{sha256}`, of which no more is kept than a document may have.
/// It checks no hash: the node does so itself.
#[derive(Debug)]
pub struct DocumentBody(Vec<u8>);

impl DocumentBody {
    /// The body of a response with this HTTP status.
    ///
    /// # Errors
    /// If the status is not 200.
    pub fn of(status: u16) -> Result<Self, FetchError> {
        if status == OK { Ok(Self(Vec::new())) } else { Err(FetchError::Failed(format!("HTTP status {status}"))) }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// If the body has more than [`DOCUMENT_BYTES`] bytes.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        if bytes.len() > DOCUMENT_BYTES - self.0.len() {
            return Err(FetchError::Failed(format!("the document has more than {DOCUMENT_BYTES} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// The text of the document, of which this was all.
    ///
    /// # Errors
    /// If the bytes are not UTF-8.
    pub fn finish(self) -> Result<String, FetchError> {
        String::from_utf8(self.0).map_err(|_| FetchError::Failed("the document is not UTF-8".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, parts: &[&[u8]]) -> Result<String, String> {
        let read = || {
            let mut body = DocumentBody::of(status)?;
            parts.iter().try_for_each(|part| body.take(part))?;
            body.finish()
        };
        read().map_err(|error: FetchError| error.to_string())
    }

    #[test]
    fn a_body_of_several_parts_is_one_text() {
        assert_eq!(read(200, &[b"{\"a\":\"\xc3", b"\xa4\"}"]), Ok("{\"a\":\"ä\"}".to_owned()));
    }

    #[test]
    fn a_document_may_have_as_many_bytes_as_the_protocol_allows_and_no_more() {
        let most = vec![b'0'; DOCUMENT_BYTES];
        assert_eq!(read(200, &[&most]).map(|text| text.len()), Ok(DOCUMENT_BYTES));
        assert!(read(200, &[&most, b"0"]).is_err_and(|why| why.contains("more than")));
    }

    #[test]
    fn what_is_not_a_document_is_an_error() {
        assert_eq!(read(404, &[]), Err("HTTP status 404".to_owned()));
        assert_eq!(read(200, &[b"\xff"]), Err("the document is not UTF-8".to_owned()));
    }
}
