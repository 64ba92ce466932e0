//! Requests in files, as `curl --verbose` or a proxy shows them.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::dialect::Incoming;

/// A request from a file.
#[derive(Clone, Debug)]
pub struct Sample {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Why a file has no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSample {
    /// The first line is something else.
    #[error("line 1: must be a request line, such as GET /checkin?mac=00:11:22:33:44:55 HTTP/1.1")]
    RequestLine,
    /// A line between the first one and the empty one is no header.
    #[error("line {0}: must be a header, such as Content-Type: application/json, or an empty line before the body")]
    Header(usize),
}

impl Sample {
    /// Reads a request: a request line, headers, an empty line, and the body. Lines end with LF or CRLF.
    ///
    /// # Errors
    /// The first line that is not what it must be.
    pub fn read(file: &[u8]) -> Result<Self, BadSample> {
        let mut rest = file;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let (line, after) = end.map_or((rest, &b""[..]), |end| (&rest[..end], &rest[end + 1..]));
            let is_last = end.is_none();
            rest = after;
            (String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned(), is_last)
        };
        let (first, mut is_last) = line();
        let mut words = first.split_ascii_whitespace();
        let method = words.next().and_then(|method| method.parse().ok()).ok_or(BadSample::RequestLine)?;
        let target = words.next().filter(|target| target.starts_with('/')).ok_or(BadSample::RequestLine)?;
        if words.next().is_some_and(|version| !version.starts_with("HTTP/")) || words.next().is_some() {
            return Err(BadSample::RequestLine);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (mut headers, mut number) = (HeaderMap::new(), 1);
        while !is_last {
            let (text, last) = line();
            (is_last, number) = (last, number + 1);
            if text.is_empty() {
                break;
            }
            let header = text.split_once(':').and_then(|(name, value)| {
                Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
            });
            let (name, value) = header.ok_or(BadSample::Header(number))?;
            headers.append(name, value);
        }
        let length = headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        // Editors add a line's end to the last line, which the request did not have.
        let body = match length {
            Some(length) => rest.get(..length).unwrap_or(rest),
            None => rest.strip_suffix(b"\n").map_or(rest, |body| body.strip_suffix(b"\r").unwrap_or(body)),
        };
        Ok(Self { method, path: path.to_owned(), query: query.to_owned(), headers, body: body.to_vec() })
    }

    /// The request.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming {
            method: self.method.as_str(),
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_sent() {
        let file = b"POST /checkin?fw=1.2 HTTP/1.1\r\nHost: old\r\nX-Device: ap-1\r\n\r\n{\"a\": 1}\n";
        let sample = Sample::read(file).expect("a request");
        let request = sample.incoming();
        assert_eq!((request.method, request.path, request.query), ("POST", "/checkin", "fw=1.2"));
        assert_eq!(
            (&request.headers["x-device"], request.body),
            (&HeaderValue::from_static("ap-1"), &b"{\"a\": 1}"[..])
        );
        let short = Sample::read(b"GET /").expect("a request");
        assert_eq!((short.incoming().path, short.incoming().body), ("/", &b""[..]));
        let counted = Sample::read(b"PUT /a\nContent-Length: 2\n\nab\n\n").expect("a request");
        assert_eq!(counted.incoming().body, b"ab");
    }

    #[test]
    fn a_file_that_has_no_request_is_refused_with_the_line() {
        for (file, error) in [
            (&b""[..], BadSample::RequestLine),
            (b"hello", BadSample::RequestLine),
            (b"GET checkin HTTP/1.1", BadSample::RequestLine),
            (b"GET / a HTTP/1.1", BadSample::RequestLine),
            (b"GET / HTTP/1.1\nHost: a\nnothing\n\n", BadSample::Header(3)),
        ] {
            assert_eq!(Sample::read(file).expect_err("no request"), error);
        }
    }
}
