//! The settings that a node is started with.

use std::{fmt, path::PathBuf, time::Duration};

/// The settings of a node: its server, token, state folder and timing.
#[derive(Clone)]
pub struct NodeConfig {
    /// The URL of the server: `ws://` or `wss://`, with the stage as its path. A query is sent with the handshake.
    pub url: String,
    /// The HTTP URL from which documents are fetched that are too large for a frame: `http://` or `https://`, up to and
    /// without `/v1/configs`. The requests carry the token. Default: none; a configuration whose document must be
    /// fetched is then rejected.
    pub http_url: Option<String>,
    /// The token that says which node this is.
    pub token: Token,
    /// The folder for the state that is kept over a restart: the number of the last command that was begun, the results
    /// of commands, the firmware version that is being installed, and its image. The library creates the folder when it
    /// needs it. Two nodes must not share a folder.
    ///
    /// Default: none. A node without a folder loses this state at every restart. It may then execute a command a second
    /// time, if the server has not received the result. It reports every firmware update as failed, because it has no
    /// place for the image.
    pub state: Option<PathBuf>,
    /// Intervals, timeouts and bounds.
    pub timing: Timing,
}

impl NodeConfig {
    /// Settings with the default [`Timing`], without an HTTP URL and without a state folder.
    pub fn new(url: impl Into<String>, token: impl Into<Token>) -> Self {
        Self { url: url.into(), http_url: None, token: token.into(), state: None, timing: Timing::default() }
    }
}

impl fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may carry a token as well.
        let shown = |url: &String| url.split_once('?').map_or(url.clone(), |(before, _)| format!("{before}?…"));
        f.debug_struct("NodeConfig")
            .field("url", &shown(&self.url))
            .field("http_url", &self.http_url.as_ref().map(shown))
            .field("token", &self.token)
            .field("state", &self.state)
            .field("timing", &self.timing)
            .finish()
    }
}

/// A bearer token (RFC 6750). It is never shown: its `Debug` is redacted, and it has no `Display`.
///
/// The `tungstenite` crate writes whole handshakes to the `log` facade at its trace level; leave that level off.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token from its text. If the text is not valid in an HTTP header, the run ends with
    /// [`NodeError::InvalidToken`](crate::NodeError::InvalidToken).
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// Intervals, timeouts and bounds of a node. The values whose names begin with `first_` hold until the first ack; from
/// then on the acks of the server set them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The check-in interval until the first ack. Default: 60 s.
    pub first_interval: Duration,
    /// How long a connection is used if the server has not sent an ack yet. Default: 110 min, which is API Gateway's
    /// limit of 2 h on a WebSocket connection (Amazon API Gateway quotas, "Connection duration for WebSocket API") less
    /// a margin.
    pub first_life: Duration,
    /// The longest random wait before the node reconnects after a loss, until the first ack. Default: 30 s.
    pub first_spread: Duration,
    /// The lower bound of the check-in interval, the connection life and the time to slow down that the server sets, so
    /// that a mistake on the server does not cause a flood of messages. Default: 1 s.
    pub shortest_interval: Duration,
    /// Every n-th check-in asks for an ack if nothing else requires one; 1 means every check-in. Default: 4.
    pub ack_every: u32,
    /// How long to wait for an ack that was asked for, or for the URL of a firmware image. Default: 10 s.
    pub answer_timeout: Duration,
    /// The connection is given up after this many failures in a row: acks that did not come, and check-ins that the
    /// server could not store. Default: 5.
    pub attempts: u32,
    /// The first step of the back-off. Default: 1 s. If the server asks the node to slow down and names no time (HTTP
    /// status 429 without `Retry-After`, for example), the node waits at least thirty times this step.
    pub backoff_base: Duration,
    /// The largest step of the back-off. Default: 60 s.
    pub backoff_cap: Duration,
    /// The first wait after another device with the same token took over the node. The wait doubles each time that this
    /// happens again; up to half of it is added at random. Default: 1 min.
    pub superseded_base: Duration,
    /// The longest wait after another device took over the node. It is also the upper bound of what the server can set,
    /// to which jitter is added: the time to slow down, the check-in interval and the spread. Default: 1 h.
    pub longest_wait: Duration,
    /// A WebSocket ping (RFC 6455, section 5.5.2) is sent after nothing was received for this long. Default: 20 s.
    pub ping_after: Duration,
    /// A connection is dead after nothing was received for this long. Default: 50 s, so that a dead connection is
    /// noticed within a minute.
    pub dead_after: Duration,
    /// How long a connection may take to open: TCP, TLS and the WebSocket handshake together. Default: 15 s.
    pub handshake_timeout: Duration,
    /// How long to wait for the server's half of a closing handshake (RFC 6455, section 7.1.1). Default: 2 s.
    pub close_timeout: Duration,
    /// How long the proof of an applied configuration may take: the node opens a new connection, and a check-in on it
    /// must be acknowledged. Default: 60 s. The proof of a pushed configuration begins after a random wait, which is at
    /// most the server's spread and at most this timeout.
    pub proof_timeout: Duration,
    /// How long one attempt to fetch a document may take. Also how long the download of a firmware image may receive
    /// nothing before it is attempted again. Default: 30 s.
    pub fetch_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first_interval: Duration::from_mins(1),
            first_life: Duration::from_mins(110),
            first_spread: Duration::from_secs(30),
            shortest_interval: Duration::from_secs(1),
            ack_every: 4,
            answer_timeout: Duration::from_secs(10),
            attempts: 5,
            backoff_base: Duration::from_secs(1),
            backoff_cap: Duration::from_mins(1),
            superseded_base: Duration::from_mins(1),
            longest_wait: Duration::from_hours(1),
            ping_after: Duration::from_secs(20),
            dead_after: Duration::from_secs(50),
            handshake_timeout: Duration::from_secs(15),
            close_timeout: Duration::from_secs(2),
            proof_timeout: Duration::from_mins(1),
            fetch_timeout: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_in_no_debug_output() {
        let http_url = Some("https://example.org/?token=s3cret".to_owned());
        let config = NodeConfig { http_url, ..NodeConfig::new("wss://example.org/live?token=s3cret", "s3cret") };
        let shown = format!("{config:?} {:#?}", config.token);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("wss://example.org/live?…"), "{shown}");
    }
}
