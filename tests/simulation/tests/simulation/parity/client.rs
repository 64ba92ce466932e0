//! A client of the real gateway, in a task of its own.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use rollcall_simulation::alone::Saw;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest as _};

/// A client. It says what it sees.
pub(crate) struct Client {
    messages: UnboundedSender<Message>,
    task: JoinHandle<()>,
}

impl Client {
    /// A client that dials, with this token.
    pub(crate) fn dial(number: usize, token: &str, to: SocketAddr, saw: UnboundedSender<Saw>) -> Self {
        let mut request = format!("ws://{to}/local").into_client_request().expect("a request");
        request.headers_mut().insert("authorization", token.parse().expect("a header"));
        let (messages, wanted) = unbounded_channel();
        let task = tokio::spawn(async move {
            let stream = TcpStream::connect(to).await.expect("the gateway listens");
            match tokio_tungstenite::client_async(request, stream).await {
                Ok((socket, _)) => {
                    let _ = saw.send(Saw::Answered(number, 101));
                    serve(number, socket, wanted, &saw).await;
                }
                Err(Error::Http(refusal)) => drop(saw.send(Saw::Answered(number, refusal.status().as_u16()))),
                Err(_) => drop(saw.send(Saw::Lost(number))),
            }
        });
        Self { messages, task }
    }

    pub(crate) fn send(&self, message: Message) {
        let _ = self.messages.send(message);
    }

    /// A client begins a closing handshake; with code 1005, without a code.
    pub(crate) fn close(&self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.send(Message::Close((code != 1005).then_some(frame)));
    }

    /// The client is gone, without a closing handshake.
    pub(crate) fn drop(&self) {
        self.task.abort();
    }
}

async fn serve(
    number: usize,
    mut socket: WebSocketStream<TcpStream>,
    mut wanted: UnboundedReceiver<Message>,
    saw: &UnboundedSender<Saw>,
) {
    let mut closed = false;
    loop {
        let came = tokio::select! {
            Some(message) = wanted.recv() => {
                // A gateway that has closed need not take it.
                let _ = socket.send(message).await;
                continue;
            }
            came = socket.next() => came,
        };
        let what = match came {
            Some(Ok(Message::Text(text))) => Saw::Text(number, text.to_string()),
            Some(Ok(Message::Pong(_))) => Saw::Pong(number),
            Some(Ok(Message::Close(frame))) => {
                closed = true;
                let (code, reason) =
                    frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                Saw::Closed(number, code, reason)
            }
            Some(Ok(_)) => continue,
            Some(Err(_)) | None if closed => return,
            Some(Err(_)) | None => Saw::Lost(number),
        };
        let ends = matches!(what, Saw::Lost(_));
        let _ = saw.send(what);
        if ends {
            return;
        }
    }
}
