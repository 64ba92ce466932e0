//! Receivers of events: they hear one request on each connection, and say what they are told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsAcceptor;

/// What a receiver says to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    /// An answer with this status, these headers and this body.
    Whole(&'static str, &'static str, &'static str),
    /// These bytes; then it closes.
    Raw(&'static str),
    /// These bytes; then nothing, and it stays open.
    Stalled(&'static str),
    /// An answer that never ends.
    Endless,
    /// Nothing, and it stays open.
    Nothing,
}

pub(crate) struct Receiver {
    port: u16,
    heard: Mutex<mpsc::UnboundedReceiver<String>>,
    asked: Arc<AtomicBool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(said: Said) -> Self {
        Self::listen(said, None).await
    }

    /// A receiver with TLS, and its certificate, which it has signed itself.
    pub(crate) async fn with_tls(name: &str, said: Said) -> (Self, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let certificate = made.cert.der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("a pair");
        (Self::listen(said, Some(TlsAcceptor::from(Arc::new(config)))).await, certificate)
    }

    async fn listen(said: Said, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (telling, heard) = mpsc::unbounded_channel();
        let asked = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                noted.store(true, Ordering::SeqCst);
                let (telling, tls) = (telling.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, said, &telling).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, said, &telling).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, heard: Mutex::new(heard), asked, accepting }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority())
    }

    /// Whether anybody has connected.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// The next request.
    pub(crate) async fn heard(&self) -> String {
        self.heard.lock().await.recv().await.expect("a request")
    }

    /// Its URL, where nobody listens any more.
    pub(crate) async fn closed(self) -> String {
        self.accepting.abort();
        let _ = self.accepting.await;
        format!("http://127.0.0.1:{}/", self.port)
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, said: Said, telling: &mpsc::UnboundedSender<String>) {
    let Some(request) = hear(&mut stream).await else { return };
    let _ = telling.send(request);
    let text = match said {
        Said::Whole(status, headers, body) => {
            format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
        }
        Said::Raw(text) | Said::Stalled(text) => text.to_owned(),
        Said::Endless => "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
        Said::Nothing => String::new(),
    };
    let mut is_written = stream.write_all(text.as_bytes()).await.is_ok();
    while is_written && matches!(said, Said::Endless) {
        is_written = stream.write_all(&[b'x'; 4096]).await.is_ok();
    }
    if matches!(said, Said::Stalled(_) | Said::Nothing) {
        // Until the client closes.
        let _ = stream.read(&mut [0]).await;
    }
    let _ = stream.shutdown().await;
}

/// A whole request.
async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes).await.ok().filter(|read| *read > 0)?;
        text.push_str(std::str::from_utf8(&bytes[..read]).expect("text"));
    }
}
