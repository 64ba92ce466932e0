//! The bytes of a client on a socket: frames of a WebSocket, and the heads of requests.

use std::io::{self, Cursor, Read, Write};

use rollcall_gateway::{ClientLimits, head_bytes, valid_frames};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, WebSocket};

use crate::{Outcomes, kind};

/// How many headers hyper reads at most.
const HEADERS: usize = 100;

/// Bytes as frames, and as the head of a request. However they are cut into pieces, the outcome is the same.
pub fn frames(data: &[u8]) -> Outcomes {
    vec![frames_of(data), head(data)]
}

/// The pieces of the data, whose lengths depend on it.
fn pieces(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    let mut length = data.len();
    std::iter::from_fn(move || {
        length = length.wrapping_mul(31).wrapping_add(rest.first().copied().unwrap_or_default().into());
        let (piece, after) = rest.split_at_checked(1 + length % 7).unwrap_or((rest, &[]));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

fn frames_of(data: &[u8]) -> String {
    let valid = valid_frames([data]);
    assert!(valid <= data.len());
    assert_eq!(valid, valid_frames(data.chunks(1)), "one by one");
    assert_eq!(valid, valid_frames(pieces(data)), "in pieces");
    assert_eq!(valid, valid_frames([&data[..valid]]), "what is valid is valid by itself");
    let (messages, error) = read(&data[..valid]);
    let whole = if valid == data.len() { "valid" } else { "broken" };
    format!(
        "frames: {whole} {} {}",
        messages.min(4),
        error.as_ref().map_or(String::new(), |error| kind(&error.to_string()))
    )
}

/// Another reader reads what is valid: it finds nothing wrong with the headers of the frames.
fn read(valid: &[u8]) -> (usize, Option<Error>) {
    let config = WebSocketConfig::default().max_frame_size(Some(1 << 20)).max_message_size(Some(1 << 20));
    let mut socket = WebSocket::from_raw_socket(Client(Cursor::new(valid)), Role::Server, Some(config));
    let mut messages = 0;
    loop {
        match socket.read() {
            Ok(_) => messages += 1,
            // The end of the bytes, or of the connection. What a message or a close contains is not the gateway's check.
            Err(error @ (Error::Io(_) | Error::ConnectionClosed | Error::Utf8(_) | Error::Capacity(_))) => {
                return (messages, Some(error));
            }
            Err(Error::Protocol(error)) => {
                use tokio_tungstenite::tungstenite::error::ProtocolError as P;
                let about_content = matches!(error, P::InvalidCloseSequence | P::ResetWithoutClosingHandshake);
                assert!(about_content, "{error}, in frames that are valid: {valid:x?}");
                return (messages, Some(Error::Protocol(error)));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A client that has sent these bytes, and takes everything.
struct Client<'a>(Cursor<&'a [u8]>);

impl Read for Client<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Client<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn head(data: &[u8]) -> String {
    let limits = ClientLimits { request_line: 256, head: 1024, ..ClientLimits::default() };
    let found = head_bytes([data], &limits);
    assert_eq!(found, head_bytes(data.chunks(1), &limits), "one by one");
    assert_eq!(found, head_bytes(pieces(data), &limits), "in pieces");
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let parsed = httparse::Request::new(&mut headers).parse(data);
    match (found, &parsed) {
        // Otherwise a body would be counted as a head, or a head as a body.
        (Ok(found), Ok(httparse::Status::Complete(length))) => assert_eq!(found, Some(*length), "{data:?}"),
        (Ok(Some(length)), Ok(httparse::Status::Partial)) => panic!("a head of {length} bytes is not over: {data:?}"),
        (Ok(None), _) => assert!(data.len() <= 2 * 1024 + 1, "{} bytes and no refusal", data.len()),
        _ => {}
    }
    let found = found.map(|length| length.is_some()).map_err(|status| status.as_u16());
    format!(
        "head: {found:?} {}",
        parsed.map_or_else(|error| error.to_string(), |status| status.is_complete().to_string())
    )
}
