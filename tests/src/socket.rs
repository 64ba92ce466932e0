//! A WebSocket without manners of its own: sends what a test says and shows what comes.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderValue;
use rollcall_wire::{ByeReason, ServerMessage};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// A raw WebSocket.
#[derive(Debug)]
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What came.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A message of ours.
    Message(ServerMessage),
    /// Another text: the gateway's own words.
    Other(Value),
    /// The server closed, with this code if it gave one.
    Closed(Option<u16>),
    /// The connection broke.
    Broken,
}

impl Socket {
    /// Connects with a token.
    ///
    /// # Errors
    /// The HTTP status that refused it.
    pub async fn open(url: &str, token: &str) -> Result<Self, u16> {
        Self::open_with(url, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// Connects with these headers.
    ///
    /// # Errors
    /// The HTTP status that refused it.
    pub async fn open_with(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no answer to the handshake: {error}"),
        }
    }

    /// Sends text.
    pub async fn send(&mut self, text: impl Into<String>) {
        self.send_message(Message::text(text.into())).await;
    }

    /// Sends any WebSocket message.
    pub async fn send_message(&mut self, message: Message) {
        // A connection that is being closed may refuse it: what comes next shows that.
        let _ = self.0.send(message).await;
    }

    /// Sends a message in frames of this many bytes.
    pub async fn send_in_frames(&mut self, text: &str, size: usize) {
        use tokio_tungstenite::tungstenite::protocol::frame::Frame as Raw;
        use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
        let pieces: Vec<_> = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let last = pieces.len() - 1;
        for (index, piece) in pieces.into_iter().enumerate() {
            let code = if index == 0 { Data::Text } else { Data::Continue };
            let frame = Raw::message(piece, OpCode::Data(code), index == last);
            self.send_message(Message::Frame(frame)).await;
        }
    }

    /// Sends an idle check-in that asks for an answer.
    pub async fn check_in(&mut self, seq: u64) {
        self.send(json!({ "type": "check-in", "seq": seq }).to_string()).await;
    }

    /// The next thing that comes.
    pub async fn next(&mut self) -> Frame {
        tokio::time::timeout(PATIENCE, self.next_ever()).await.expect("something comes")
    }

    /// The next thing that comes, however late.
    pub async fn next_ever(&mut self) -> Frame {
        loop {
            return match self.0.next().await {
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                    Ok(message) => Frame::Message(message),
                    Err(_) => Frame::Other(serde_json::from_str(&text).expect("JSON")),
                },
                Some(Ok(Message::Close(frame))) => Frame::Closed(frame.map(|frame| CloseCode::into(frame.code))),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Frame::Broken,
            };
        }
    }

    /// How it is dismissed: it is told why, if pushes arrive, and it is closed either way.
    pub async fn dismissed(&mut self, pushes: bool) -> Option<ByeReason> {
        let mut next = self.next().await;
        let mut why = None;
        if let (true, Frame::Message(ServerMessage::Bye { reason, .. })) = (pushes, &next) {
            why = Some(*reason);
            next = self.next().await;
        }
        assert!(matches!(next, Frame::Closed(_)), "it is not closed: {next:?}");
        assert_eq!(why.is_some(), pushes, "it is told why");
        why
    }

    /// Whether nothing is on its way: a ping overtakes nothing, so that its pong comes after all that was sent before.
    pub async fn is_quiet(&mut self) -> bool {
        self.send_message(Message::Ping(b"quiet?".as_slice().into())).await;
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a pong comes");
        matches!(next, Some(Ok(Message::Pong(_))))
    }

    /// Closes properly, with 1000.
    pub async fn close(mut self) {
        let _ = self.0.close(None).await;
        while let Some(Ok(_)) = self.0.next().await {}
    }

    /// Drops the TCP connection without a word.
    pub fn cut(self) {
        drop(self);
    }
}

/// The status that refuses a connection with this token.
pub async fn refused(url: &str, token: &str) -> u16 {
    Socket::open(url, token).await.expect_err("a refusal")
}
