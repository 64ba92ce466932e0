//! Counts the bytes of a request's head as they come, and refuses a head that is too long.

use http::StatusCode;

use crate::config::ClientLimits;

/// The part of a request's head that has come.
#[derive(Debug, Default)]
pub(crate) struct Head {
    at: At,
    /// Bytes of the request line, without its end.
    line: usize,
    /// Bytes of all header values.
    values: usize,
    /// All bytes, names and line ends included.
    bytes: usize,
    /// The first bytes of the last word of the request line, which is the HTTP version.
    word: [u8; 6],
    word_len: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Empty lines may come before the request line (RFC 9112, section 2.2).
    #[default]
    Before,
    Line,
    LineStart,
    Name,
    Value,
    Over,
}

impl Head {
    /// Whether a byte of it has come.
    pub(crate) fn begun(&self) -> bool {
        self.at != At::Before
    }

    /// Counts the next bytes. Bytes after the head are not counted.
    ///
    /// # Errors
    /// The status of the refusal: 414, 431, or 505 for a major version of HTTP other than 1.
    pub(crate) fn scan(&mut self, bytes: &[u8], limits: &ClientLimits) -> Result<(), StatusCode> {
        for &byte in bytes {
            if self.at == At::Over {
                return Ok(());
            }
            self.step(byte)?;
            if self.line > limits.request_line {
                return Err(StatusCode::URI_TOO_LONG);
            }
            if self.line + self.values > limits.head || self.bytes > limits.head.saturating_mul(2) {
                return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            }
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<(), StatusCode> {
        self.bytes += 1;
        self.at = match (self.at, byte) {
            (At::Before, b'\r' | b'\n') => At::Before,
            (At::Line, b'\n') => {
                self.version()?;
                At::LineStart
            }
            (At::Before | At::Line, _) => {
                self.line += usize::from(byte != b'\r');
                self.remember(byte);
                At::Line
            }
            (At::LineStart, b'\n') | (At::Over, _) => At::Over,
            (At::LineStart, b'\r') | (At::Name | At::Value, b'\n') => At::LineStart,
            (At::LineStart | At::Name, b':') => At::Value,
            (At::LineStart | At::Name, _) => At::Name,
            (At::Value, _) => {
                self.values += usize::from(!byte.is_ascii_whitespace());
                At::Value
            }
        };
        Ok(())
    }

    fn remember(&mut self, byte: u8) {
        if byte == b' ' {
            self.word_len = 0;
        } else if let Some(place) = self.word.get_mut(self.word_len) {
            *place = byte;
            self.word_len += 1;
        }
    }

    fn version(&self) -> Result<(), StatusCode> {
        match self.word {
            [b'H', b'T', b'T', b'P', b'/', major] if major.is_ascii_digit() && major != b'1' => {
                Err(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
            }
            _ => Ok(()),
        }
    }
}

/// How many of a client's bytes, which come in these pieces, are the head of its request; `None` if more of it is to come.
///
/// # Errors
/// The status of the refusal.
#[doc(hidden)]
pub fn head_bytes<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &ClientLimits,
) -> Result<Option<usize>, StatusCode> {
    let mut head = Head::default();
    pieces.into_iter().try_for_each(|piece| head.scan(piece, limits))?;
    Ok((head.at == At::Over).then_some(head.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(head: &str) -> Result<(), StatusCode> {
        let limits = ClientLimits { request_line: 64, head: 128, ..ClientLimits::default() };
        let at_once = head_bytes([head.as_bytes()], &limits);
        assert_eq!(at_once, head_bytes(head.as_bytes().chunks(1), &limits), "{head}");
        at_once.map(|_| ())
    }

    #[test]
    fn header_names_and_bytes_after_the_head_do_not_count() {
        let of = |value: usize| format!("GET / HTTP/1.1\r\nHost: x\r\nA-Long-Name: {}\r\n\r\n", "v".repeat(value));
        assert_eq!(scanned(&of(128 - 14 - 1)), Ok(()));
        assert_eq!(scanned(&of(128 - 14)), Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        assert_eq!(scanned(&(of(1) + &"body".repeat(1000))), Ok(()));
        assert_eq!(scanned(&format!("\r\n\nGET / HTTP/1.1\nHost: x\n\n{}", "body".repeat(1000))), Ok(()));
        let names = format!("GET / HTTP/1.1\r\n{}", "Name-Without-Value:\r\n".repeat(20));
        assert_eq!(scanned(&names), Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }

    #[test]
    fn a_long_request_line_is_414_and_another_major_version_is_505() {
        assert_eq!(scanned(&format!("GET /{}", "a".repeat(70))), Err(StatusCode::URI_TOO_LONG));
        for version in ["HTTP/2.0", "HTTP/3", "HTTP/0.9"] {
            assert_eq!(scanned(&format!("GET / {version}\r\n")), Err(StatusCode::HTTP_VERSION_NOT_SUPPORTED));
        }
        for line in ["GET / HTTP/1.0", "GET / HTTP/1.1", "GET /HTTP/2.0 HTTP/1.1", "GET /"] {
            assert_eq!(scanned(&format!("{line}\r\n\r\n")), Ok(()), "{line}");
        }
    }
}
