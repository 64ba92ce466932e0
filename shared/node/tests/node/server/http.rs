//! An HTTP server for documents and images.

use futures_util::FutureExt as _;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::patiently;

pub struct Documents {
    listener: TcpListener,
}

impl Documents {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port") }
    }

    pub fn url(&self) -> String {
        format!("http://{}/api/", self.listener.local_addr().expect("address"))
    }

    /// Whether somebody has connected who was not answered.
    pub fn was_asked(&self) -> bool {
        self.listener.accept().now_or_never().is_some()
    }

    /// Answers the next request, and returns the head of the request.
    pub async fn answer(&self, status: &str, body: &str) -> String {
        self.answer_with(&format!("{status}\r\ncontent-length: {}", body.len()), body).await
    }

    /// Answers the next request with this status line and these headers, and closes the connection after what there is
    /// of the body. Returns what was asked.
    pub async fn answer_with(&self, head: &str, body: &str) -> String {
        let (mut tcp, _) = patiently(self.listener.accept()).await.expect("accept");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            patiently(tcp.read_buf(&mut request)).await.expect("a request");
        }
        // The client may close the connection before the end of the body.
        let _ = tcp.write_all(format!("HTTP/1.1 {head}\r\n\r\n{body}").as_bytes()).await;
        String::from_utf8(request).expect("text")
    }

    /// Answers the next request with a body that goes on until the client closes the connection.
    pub async fn answer_without_end(&self) {
        let (mut tcp, _) = patiently(self.listener.accept()).await.expect("accept");
        let writing = async {
            let mut written = tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while written.is_ok() {
                written = tcp.write_all(&[b'x'; 4096]).await;
            }
        };
        patiently(writing).await;
    }
}
