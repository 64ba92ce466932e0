//! A client that sends exactly the bytes that a test gives it.
#![allow(unreachable_pub)]

use std::net::SocketAddr;

use rollcall_gateway::{Gateway, HttpApi, HttpConfig, HttpLimits, HttpRoute, Limits};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Functions, Record, functions, gateway, soon};

pub const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
pub const VERSION: &str = "Sec-WebSocket-Version: 13";
pub const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket";

pub struct Raw {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// The head of an answer, and a body of the length in its `content-length`.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Raw {
    pub async fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::of(stream)
    }

    pub fn of(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends a request with these lines, and returns the answer.
    pub async fn ask(&mut self, line: &str, headers: &[&str]) -> Answer {
        let head = [&[line], headers].concat().join("\r\n");
        self.send(format!("{head}\r\n\r\n")).await;
        self.answer(line.starts_with("HEAD")).await
    }

    pub async fn answer(&mut self, headless: bool) -> Answer {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().await > 0, "no answer: {:?}", String::from_utf8_lossy(&self.read));
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if !headless && status != 304 {
            answer.body = self.take(length).await;
        }
        answer
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert!(self.more().await > 0, "the answer is incomplete");
        }
        self.read.drain(..length).collect()
    }

    async fn more(&mut self) -> usize {
        soon(self.stream.read_buf(&mut self.read)).await.unwrap()
    }

    /// All bytes until the end of the connection, which must not be a reset.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        std::mem::take(&mut self.read)
    }

    /// Opens a WebSocket.
    pub async fn websocket(gateway: &Gateway) -> Self {
        let mut raw = Self::open(gateway.local_addr()).await;
        let answer = raw.ask("GET /prod HTTP/1.1", &["Host: x", UPGRADE, VERSION, KEY]).await;
        assert_eq!(answer.status, 101);
        raw
    }

    pub async fn frame(&mut self) -> (u8, Vec<u8>) {
        let header = self.take(2).await;
        let length = match header[1] {
            126 => usize::from(u16::from_be_bytes(self.take(2).await.try_into().unwrap())),
            127 => usize::try_from(u64::from_be_bytes(self.take(8).await.try_into().unwrap())).unwrap(),
            length => usize::from(length),
        };
        (header[0], self.take(length).await)
    }

    pub async fn text(&mut self) -> String {
        let (first, payload) = self.frame().await;
        assert_eq!(first, 0x81);
        String::from_utf8(payload).unwrap()
    }

    /// The code of the next frame, which must be a close frame and the last one.
    pub async fn closed(&mut self) -> Option<u16> {
        let (first, payload) = self.frame().await;
        assert_eq!(first, 0x88, "no close frame: {payload:?}");
        assert!(self.rest().await.is_empty(), "bytes follow the close frame");
        payload.first_chunk().copied().map(u16::from_be_bytes)
    }
}

/// A masked frame.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mask = [7, 31, 127, 255];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=65535 => {
            frame.push(0x80 | 0x7e);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 0x7f);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

pub fn close(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    frame(0x88, [&code.to_be_bytes(), reason.as_ref()].concat())
}

pub async fn plain_gateway() -> (Gateway, Record) {
    let (functions, record) = functions();
    (gateway(functions, Limits::default()).await, record)
}

/// An HTTP API whose every path goes to `echo`.
pub async fn api(functions: Functions, limits: HttpLimits) -> HttpApi {
    let route = HttpRoute { key: "$default".into(), function: "echo".into() };
    let config = HttpConfig { limits, ..HttpConfig::new(vec![route]) };
    HttpApi::start(TcpListener::bind(("127.0.0.1", 0)).await.unwrap(), config, std::sync::Arc::new(functions))
}

pub async fn plain_api() -> (HttpApi, Record) {
    let (functions, record) = functions();
    (api(functions, HttpLimits::default()).await, record)
}

/// An HTTP API whose function always answers this.
pub async fn answering(answer: Value) -> HttpApi {
    api(functions().0.on("echo", move |_| Ok(answer.clone())), HttpLimits::default()).await
}
