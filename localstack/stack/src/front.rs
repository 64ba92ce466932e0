//! A proxy in front of the engine that refuses requests of web pages.
//!
//! The engine lets pages of any origin read and change its items. So the engine listens at an address that can't be
//! guessed, and this proxy listens at the public one. It forwards the requests of programs on this machine byte for
//! byte.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http::StatusCode;
use rollcall_gateway::is_loopback;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::timeout;

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 32 * 1024;
/// The most headers that a request may have.
const MAX_HEADERS: usize = 64;
/// How long a head may take from its first byte to its last.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the rest of a refused request is read and dropped. A connection that is closed with unread data is reset,
/// and the client could lose the answer.
const LINGER: Duration = Duration::from_secs(1);
/// Random addresses to try before 127.0.0.1 is used. Some systems have only that one.
const ATTEMPTS: usize = 8;

/// A socket for the engine at an address that can't be guessed. On Linux, all of 127.0.0.0/8 is loopback, which with
/// the port gives about 2^38 addresses. On systems with one loopback address, only the port is unknown.
pub(crate) fn hidden() -> io::Result<StdListener> {
    for _ in 0..ATTEMPTS {
        let mut random = [0; 3];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let [a, b, c] = random;
        if let Ok(listener) = StdListener::bind((Ipv4Addr::new(127, a, b, c), 0)) {
            return Ok(listener);
        }
    }
    StdListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// Forwards the connections to `listener` to the engine. Never returns.
pub(crate) async fn serve(listener: TcpListener, engine: SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                // Client and engine see for themselves that a connection has failed.
                tokio::spawn(async move { connection(client, engine).await.ok() });
            }
            // The process has probably no free file descriptor.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(mut client: TcpStream, engine: SocketAddr) -> io::Result<()> {
    let mut engine = TcpStream::connect(engine).await?;
    client.set_nodelay(true)?;
    engine.set_nodelay(true)?;
    let refused = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_engine, mut to_engine) = engine.split();
        let requests = async {
            let forwarded = forward(&mut from_client, &mut to_engine).await;
            to_engine.shutdown().await.ok();
            forwarded
        };
        let answers = tokio::io::copy(&mut from_engine, &mut to_client);
        tokio::pin!(requests, answers);
        tokio::select! {
            // The engine has closed the connection.
            _ = &mut answers => None,
            forwarded = &mut requests => {
                answers.await?;
                forwarded.err()
            }
        }
    };
    if let Some(Stop::Refused(status)) = refused {
        client.write_all(&refusal(status)).await?;
        client.shutdown().await?;
        let _ = timeout(LINGER, tokio::io::copy(&mut client, &mut tokio::io::sink())).await;
    }
    Ok(())
}

/// Why the proxy stops forwarding.
enum Stop {
    /// A request is refused with this status.
    Refused(StatusCode),
    /// The connection has failed.
    Broken,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// Forwards requests until the client closes the connection or one is refused.
async fn forward(client: &mut ReadHalf<'_>, engine: &mut WriteHalf<'_>) -> Result<(), Stop> {
    let mut read = BytesMut::with_capacity(8 * 1024);
    loop {
        let mut left = loop {
            if let Some(length) = request(&read).map_err(Stop::Refused)? {
                break length;
            }
            if read.len() >= MAX_HEAD {
                return Err(Stop::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
            }
            let size = if read.is_empty() {
                client.read_buf(&mut read).await?
            } else {
                timeout(HEAD_TIMEOUT, client.read_buf(&mut read))
                    .await
                    .map_err(|_| Stop::Refused(StatusCode::REQUEST_TIMEOUT))??
            };
            if size == 0 {
                return Ok(());
            }
        };
        loop {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(read.len());
            engine.write_all(&read[..size]).await?;
            read.advance(size);
            left -= size as u64;
            if left == 0 {
                break;
            }
            if client.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// The length of the first request in `bytes`, head and body. `None` if its head is not complete.
///
/// # Errors
/// The status with which it is refused. A request whose length is ambiguous is refused, because engine and proxy could
/// disagree about its end, and another request could then be hidden in its body.
fn request(bytes: &[u8]) -> Result<Option<u64>, StatusCode> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length as u64,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        Err(_) => return Err(StatusCode::BAD_REQUEST),
    };
    let values = |name: &'static str| {
        head.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let (hosts, lengths) = (values("host").count(), values("content-length").count());
    if hosts > 1 || (hosts == 0 && head.version == Some(1)) || !head.path.is_some_and(|path| path.starts_with('/')) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let is_foreign = |host: &[u8]| !str::from_utf8(host).is_ok_and(is_loopback);
    if values("origin").next().is_some() || values("host").any(is_foreign) {
        return Err(StatusCode::FORBIDDEN);
    }
    if values("transfer-encoding").next().is_some() {
        return Err(StatusCode::LENGTH_REQUIRED);
    }
    let body = match values("content-length").next() {
        None => 0,
        Some(digits) if lengths == 1 && digits.iter().all(u8::is_ascii_digit) => {
            str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok()).ok_or(StatusCode::BAD_REQUEST)?
        }
        Some(_) => return Err(StatusCode::BAD_REQUEST),
    };
    length.checked_add(body).ok_or(StatusCode::BAD_REQUEST).map(Some)
}

fn refusal(status: StatusCode) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or("Refused");
    let body = format!("{{\"__type\":\"com.rollcall.local#Refused\",\"message\":\"{reason}\"}}");
    let head = format!("HTTP/1.1 {} {reason}\r\ncontent-type: application/x-amz-json-1.0", status.as_u16());
    format!("{head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(head: &str) -> Result<Option<u64>, StatusCode> {
        request(head.as_bytes())
    }

    #[test]
    fn a_request_of_a_program_on_this_machine_ends_where_its_content_length_says() {
        let head = "POST / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(length(head), Ok(Some(head.len() as u64 + 12)));
        assert_eq!(length(&head[..30]), Ok(None));
        for host in ["localhost", "[::1]:8000", "127.0.0.1"] {
            let head = format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n");
            assert_eq!(length(&head), Ok(Some(head.len() as u64)));
        }
    }

    #[test]
    fn requests_with_an_origin_a_foreign_host_or_an_ambiguous_length_are_refused() {
        for (lines, status) in [
            ("Host: localhost\r\nOrigin: http://evil.example", 403),
            ("Host: localhost\r\nORIGIN: null", 403),
            ("Host: evil.example:8000", 403),
            ("Host: localhost.evil.example", 403),
            ("Host: localhost\r\nHost: localhost", 400),
            ("Accept: *", 400),
            ("Host: localhost\r\nContent-Length: 1\r\nContent-Length: 1", 400),
            ("Host: localhost\r\nContent-Length: +1", 400),
            ("Host: localhost\r\nContent-Length: 18446744073709551615", 400),
            ("Host: localhost\r\nContent-Length: 1, 1", 400),
            ("Host: localhost\r\nTransfer-Encoding: chunked", 411),
            ("Host : localhost", 400),
        ] {
            let refused = length(&format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n"));
            assert_eq!(refused.map_err(|status| status.as_u16()), Err(status), "{lines}");
        }
        for line in ["GET http://evil.example/ HTTP/1.1", "PRI * HTTP/2.0", "GET /"] {
            let refused = length(&format!("{line}\r\nHost: localhost\r\n\r\n"));
            assert_eq!(refused, Err(StatusCode::BAD_REQUEST), "{line}");
        }
    }

    #[test]
    #[ignore = "a measurement, not a test: how much longer a request takes through the proxy than directly"]
    #[allow(clippy::print_stdout)]
    fn latency_of_the_proxy() {
        use std::io::{Read as _, Write as _};
        let (front, engine) = (StdListener::bind("127.0.0.1:0").unwrap(), hidden().unwrap());
        let (proxied, direct) = (front.local_addr().unwrap(), engine.local_addr().unwrap());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listen = |listener: StdListener| {
                    listener.set_nonblocking(true).unwrap();
                    TcpListener::from_std(listener).unwrap()
                };
                let database = dynoxide::Database::memory().unwrap();
                tokio::join!(serve(listen(front), direct), dynoxide::server::serve_on(listen(engine), database));
            });
        });
        for _ in 0..3 {
            for (name, address) in [("direct", direct), ("proxied", proxied)] {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut times = Vec::new();
                for _ in 0..5000 {
                    let before = std::time::Instant::now();
                    let body = "{\"TableName\":\"t\"}";
                    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
                        X-Amz-Target: DynamoDB_20120810.DescribeTable\r\nX-Amz-Date: 20260101T000000Z\r\nAuthorization: \
                        AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=a";
                    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(request.as_bytes()).unwrap();
                    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                    times.push(before.elapsed());
                }
                times.sort_unstable();
                println!("{name}: p50 {:?}, p90 {:?}", times[2500], times[4500]);
            }
        }
    }
}
