//! Checks the headers of a client's WebSocket frames as their bytes come (RFC 6455, section 5). A frame whose header
//! breaks the protocol ends the connection before its payload has come.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A socket that passes on the client's bytes up to the first frame that breaks the protocol.
#[derive(Debug)]
pub(crate) struct Frames {
    stream: TcpStream,
    /// Bytes that came together with the handshake.
    early: Bytes,
    header: Header,
    broken: bool,
}

/// The client broke the protocol.
#[derive(Debug, thiserror::Error)]
#[error("a frame breaks the protocol")]
pub(crate) struct Broken;

impl Frames {
    pub(crate) fn new(stream: TcpStream, early: Bytes) -> Self {
        Self { stream, early, header: Header::default(), broken: false }
    }

    /// The socket itself, without the check of frames.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

impl AsyncRead for Frames {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.broken {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Broken)));
        }
        let before = buf.filled().len();
        if this.early.is_empty() {
            std::task::ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        } else {
            let early = this.early.split_to(this.early.len().min(buf.remaining()));
            buf.put_slice(early.chunk());
        }
        let valid = this.header.scan(&buf.filled()[before..]);
        if valid < buf.filled().len() - before {
            this.broken = true;
            buf.set_filled(before + valid);
            // A read of no bytes would mean the end of the stream.
            if valid == 0 {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Broken)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Frames {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// How many of a client's bytes, which come in these pieces, come before the first one that breaks the protocol.
#[doc(hidden)]
pub fn valid_frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> usize {
    let (mut header, mut valid) = (Header::default(), 0);
    for piece in pieces {
        let some = header.scan(piece);
        valid += some;
        if some < piece.len() {
            break;
        }
    }
    valid
}

/// The position of the next byte in the client's frames.
#[derive(Debug, Default)]
struct Header {
    at: At,
    /// Whether a message has begun that later frames continue.
    unfinished: bool,
    /// Whether the current frame is a control frame.
    control: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum At {
    #[default]
    First,
    Second,
    /// In an extended length of `of` bytes, of which `left` are to come. `value`: the number so far.
    Length {
        of: u8,
        left: u8,
        value: u64,
    },
    /// In the mask, of which `left` bytes are to come, before a payload of this length.
    Mask {
        left: u8,
        payload: u64,
    },
    Payload(u64),
}

impl Header {
    /// How many of these bytes come before the first one that breaks the protocol.
    fn scan(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let At::Payload(left) = self.at {
                let some = (bytes.len() - at).min(usize::try_from(left).unwrap_or(usize::MAX));
                at += some;
                self.at = payload(left - some as u64);
                continue;
            }
            match self.step(byte) {
                Some(next) => self.at = next,
                None => return at,
            }
            at += 1;
        }
        at
    }

    /// The position of the next byte; `None` if this byte breaks the protocol.
    fn step(&mut self, byte: u8) -> Option<At> {
        Some(match self.at {
            At::First => self.first(byte)?,
            At::Second => self.second(byte)?,
            At::Length { of, left, value } => {
                let value = value << 8 | u64::from(byte);
                if left > 1 {
                    At::Length { of, left: left - 1, value }
                } else {
                    // A length must be in the shortest possible form, and have no more than 63 bits.
                    let shortest = if of == 2 { value > 125 } else { value > u64::from(u16::MAX) };
                    if !shortest || value > i64::MAX.unsigned_abs() {
                        return None;
                    }
                    At::Mask { left: 4, payload: value }
                }
            }
            At::Mask { left: 1, payload: length } => payload(length),
            At::Mask { left, payload } => At::Mask { left: left - 1, payload },
            At::Payload(_) => self.at,
        })
    }

    fn first(&mut self, byte: u8) -> Option<At> {
        let (last, reserved, opcode) = (byte & 0x80 != 0, byte & 0x70 != 0, byte & 0x0f);
        self.control = opcode >= 8;
        let allowed = match opcode {
            0 => self.unfinished,
            1 | 2 => !self.unfinished,
            8..=10 => last,
            _ => false,
        };
        if reserved || !allowed {
            return None;
        }
        if !self.control {
            self.unfinished = !last;
        }
        Some(At::Second)
    }

    fn second(&self, byte: u8) -> Option<At> {
        let (masked, length) = (byte & 0x80 != 0, byte & 0x7f);
        if !masked || (self.control && length > 125) {
            return None;
        }
        Some(match length {
            126 => At::Length { of: 2, left: 2, value: 0 },
            127 => At::Length { of: 8, left: 8, value: 0 },
            length => At::Mask { left: 4, payload: u64::from(length) },
        })
    }
}

fn payload(left: u64) -> At {
    if left == 0 { At::First } else { At::Payload(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [1, 2, 3, 4];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short payload");
        [&[first, 0x80 | length], MASK.as_slice(), payload].concat()
    }

    /// How many of these bytes are valid. They are scanned at once and one by one, with the same result.
    fn valid(bytes: &[u8]) -> usize {
        let at_once = valid_frames([bytes]);
        assert_eq!(at_once, valid_frames(bytes.chunks(1)));
        at_once
    }

    #[test]
    fn messages_in_any_number_of_frames_with_pings_between_them_are_valid() {
        let long = [&[0x81, 0xfe, 1, 0][..], &MASK, &[0; 256]].concat();
        let longer = [&[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0][..], &MASK, &vec![0; 65536]].concat();
        let frames = [
            frame(0x81, b"hi"),
            frame(0x81, b""),
            frame(0x01, b"a"),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x80, b"c"),
            frame(0x8a, b""),
            long,
            longer,
            frame(0x88, b""),
        ];
        let frames = frames.concat();
        assert_eq!(valid(&frames), frames.len());
    }

    #[test]
    fn a_frame_that_breaks_the_protocol_is_noticed_in_its_header_and_the_bytes_before_it_are_valid() {
        let before = frame(0x81, b"fine");
        for (broken, header) in [
            (&[0x81, 0x02][..], 1), // no mask
            (&[0xc1, 0x80], 0),     // reserved bits
            (&[0xa1, 0x80], 0),
            (&[0x91, 0x80], 0),
            (&[0x83, 0x80], 0), // reserved opcodes
            (&[0x8b, 0x80], 0),
            (&[0x09, 0x80], 0),         // a fragmented control frame
            (&[0x89, 0xfe], 1),         // a control frame that is too long
            (&[0x80, 0x80], 0),         // a continuation without a message
            (&[0x81, 0xfe, 0, 125], 3), // a length that is not in the shortest form
            (&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 255, 255], 9),
            (&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], 9),
        ] {
            let bytes = [&before[..], broken].concat();
            assert_eq!(valid(&bytes), before.len() + header, "{broken:x?}");
        }
        let message_within_a_message = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
        assert_eq!(valid(&message_within_a_message), 7);
    }
}
