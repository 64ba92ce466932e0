//! How long a node waits for what.

use std::time::Duration;

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
    /// The first wait after the server said that the node is not registered, or refused it (HTTP 403), which may have that
    /// reason. The wait doubles each time, up to half of [`longest_wait`](Self::longest_wait); up to half of it is added at
    /// random. Default: 1 min.
    pub unregistered_base: Duration,
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
    /// How long a program may take to make an image of a delta. After that, the image is downloaded.
    pub make_timeout: Duration,
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
            unregistered_base: Duration::from_mins(1),
            ping_after: Duration::from_secs(20),
            dead_after: Duration::from_secs(50),
            handshake_timeout: Duration::from_secs(15),
            close_timeout: Duration::from_secs(2),
            proof_timeout: Duration::from_mins(1),
            fetch_timeout: Duration::from_secs(30),
            make_timeout: Duration::from_mins(15),
        }
    }
}
