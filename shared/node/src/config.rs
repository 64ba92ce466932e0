//! What a node is told before it starts.

use std::{fmt, path::PathBuf, time::Duration};

/// Where a node connects, as whom, and in what rhythm.
#[derive(Clone)]
pub struct NodeConfig {
    /// The server, as `ws://` or `wss://` with the stage as its path. A query is kept.
    pub url: String,
    /// Where documents are fetched that are too large for a frame, as `http://` or `https://`: the part before
    /// `/v1/configs`. Default: none, and such a configuration is rejected. Fetches carry the token.
    pub http_url: Option<String>,
    /// Who the node is.
    pub token: Token,
    /// The folder for what must outlive a restart: which command was begun last, what became of it, and which firmware is
    /// being installed; and for the image of that. It is made when it is needed, and belongs to one node.
    ///
    /// Default: none. Then a node forgets at every restart: a command that it has executed may be executed again, if the
    /// server has not heard of its result. And there is no place for firmware, which is reported as failed.
    pub state: Option<PathBuf>,
    /// The rhythm.
    pub timing: Timing,
}

impl NodeConfig {
    /// A node with the default [`Timing`].
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
    /// A token from its text. Text that can't stand in an HTTP header ends the run with
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

/// A node's rhythm. What the server says in its acks takes the place of the values "until told".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often to check in until told. Default: 60 s.
    pub first_interval: Duration,
    /// How long a connection lives until told. Default: 110 min, API Gateway's 2 h limit on a WebSocket connection
    /// (Amazon API Gateway quotas, "Connection duration for WebSocket API") less a margin.
    pub first_life: Duration,
    /// The spread of a return after a loss until told. Default: 30 s.
    pub first_spread: Duration,
    /// The shortest check-in interval and connection life that an ack can bring about, so that a mistake on the server
    /// does not become a flood. Default: 1 s.
    pub shortest_interval: Duration,
    /// Ask for an ack on every n-th check-in when nothing else calls for one; 1 means always. Default: 4.
    pub ack_every: u32,
    /// How long to wait for an ack that was asked for. Default: 10 s.
    pub answer_timeout: Duration,
    /// After this many check-ins in a row without the ack that was asked for, the connection is given up. Default: 5.
    pub attempts: u32,
    /// The first step of the back-off. Default: 1 s. Thirty of it are the least to wait for a server that wants to hear
    /// less without saying for how long (HTTP status 429 without `Retry-After`, say).
    pub backoff_base: Duration,
    /// The largest step of the back-off. Default: 60 s.
    pub backoff_cap: Duration,
    /// The first wait after another device took the node over with this node's token. It doubles each time that happens
    /// again, with up to half of it more at random. Default: 1 min.
    pub superseded_base: Duration,
    /// The longest wait after another device took the node over; and the longest that the server can ask for: the time
    /// to slow down, the check-in interval, the spread. Default: 1 h.
    pub longest_wait: Duration,
    /// Send a WebSocket ping (RFC 6455, section 5.5.2) after this long without a sign of the server. Default: 20 s.
    pub ping_after: Duration,
    /// A connection is dead after this long without a sign of the server. Default: 50 s, so that a death is noticed
    /// within a minute.
    pub dead_after: Duration,
    /// How long a connection may take to open: TCP, TLS and the WebSocket handshake together. Default: 15 s.
    pub handshake_timeout: Duration,
    /// How long to wait for the server's half of a closing handshake (RFC 6455, section 7.1.1). Default: 2 s.
    pub close_timeout: Duration,
    /// How long a configuration that was applied has to prove that the server can still be reached: a new connection,
    /// and an acknowledged check-in on it. Default: 60 s. The proof of one that was pushed begins at a random time within
    /// the server's spread, and within this.
    pub proof_timeout: Duration,
    /// How long one attempt to fetch a document may take, and how long nothing may come of a firmware image before its
    /// download is begun again. Default: 30 s.
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
