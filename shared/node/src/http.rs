//! HTTP/1.1 requests, each over a connection of its own. Redirects are not followed: the token in a request is meant
//! for one server only, and only this server is trusted to answer.

use std::error::Error;

use http::{HeaderValue, Request, Response, Uri, header::HOST};
use http_body_util::Empty;
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use rollcall_machine::ConnectFailure;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::TlsConnector;

use crate::connect::tls;

/// The server to which requests are sent.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) secure: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of the `Host` header.
    header: HeaderValue,
}

/// A response, and the connection over which its body comes. Dropping it closes the connection.
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    _connection: JoinSet<()>,
}

impl Origin {
    /// The origin of this URL. `Err`: what is wrong with the URL.
    pub(crate) fn of(uri: &Uri) -> Result<Self, String> {
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("it must begin with http:// or https://".to_owned()),
        };
        let Some(named) = uri.host().filter(|host| !host.is_empty()) else {
            return Err("it names no host".to_owned());
        };
        let header = uri.port_u16().map_or(named.to_owned(), |port| format!("{named}:{port}"));
        Ok(Self {
            secure,
            host: named.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            header: HeaderValue::from_str(&header).map_err(|error| error.to_string())?,
        })
    }

    /// Sends a request, and returns when the head of the response is there. The caller limits the time.
    pub(crate) async fn ask(&self, mut request: Request<Empty<Bytes>>) -> Result<Answer, String> {
        request.headers_mut().insert(HOST, self.header.clone());
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(text)?;
        if !self.secure {
            return exchange(tcp, request).await;
        }
        let config = tls().map_err(|failure| match failure {
            ConnectFailure::Unreachable { why } => why,
            ConnectFailure::Refused { status, .. } => format!("HTTP status {status}"),
        })?;
        let name = ServerName::try_from(self.host.clone()).map_err(text)?;
        let tls = TlsConnector::from(config).connect(name, tcp).await.map_err(text)?;
        exchange(tls, request).await
    }
}

async fn exchange<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let mut driven = JoinSet::new();
    driven.spawn(async {
        // If the connection fails, reading the response fails as well.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await.map_err(text)?;
    Ok(Answer { response, _connection: driven })
}

/// The text of an error, for people.
pub(crate) fn text(error: impl Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_named_to_the_server_only_if_the_url_names_it() {
        for (url, header) in [("https://[::1]:8788/live", "[::1]:8788"), ("http://example.org/x?y", "example.org")] {
            let origin = Origin::of(&url.parse().expect("a URL")).expect("an origin");
            assert_eq!(origin.header, header);
        }
    }
}
