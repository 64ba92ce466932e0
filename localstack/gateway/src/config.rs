//! The configuration of a gateway: routes, limits, names and the clock.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Returns wall-clock time. Tests pass a clock of their own.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The account id in every event.
pub(crate) const ACCOUNT_ID: &str = "123456789012";

/// The API id in every event.
pub(crate) const API_ID: &str = "loopback00";

/// The routes of a WebSocket API, with the names of the functions for [`crate::Invoke`].
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// The REQUEST authorizer of `$connect`. Without one, every handshake is authorized and events carry no identity.
    pub authorizer: Option<String>,
    /// The `$connect` function, which runs before the handshake is answered. Without one, every authorized handshake is
    /// accepted.
    pub connect: Option<String>,
    /// The `$disconnect` function, which is invoked once for each connection that ended.
    pub disconnect: Option<String>,
    /// The `$default` route, for messages that match no key and messages that are not JSON.
    pub default: Option<Route>,
    /// The other routes by their keys. Keys that begin with `$` are reserved and never selected by a message.
    pub keyed: BTreeMap<String, Route>,
    /// The route selection expression: `$request.body.` and a path of names, such as `$request.body.type`.
    pub selection: String,
}

/// A route for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The function that is invoked.
    pub function: String,
    /// Whether the route has a route response. Without one the function's `body` is discarded.
    pub responds: bool,
}

/// Quotas of AWS, and further bounds of this gateway. [`Limits::default`] has the values of AWS ("Amazon API Gateway
/// quotas, WebSocket API", and "account-level quotas, per Region" for the rates).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Without a data frame in either direction for this long, the connection is closed. AWS: 10 minutes.
    pub idle: Duration,
    /// The longest a connection may live. AWS: 2 hours.
    pub lifetime: Duration,
    /// How long an integration or authorizer may take. AWS: 29 seconds.
    pub integration_timeout: Duration,
    /// Largest frame a client may send, in bytes of payload. AWS: 32 KB.
    pub frame: usize,
    /// Largest message in either direction, in bytes. AWS: 128 KB.
    pub message: usize,
    /// New connections a second. AWS: 500.
    pub new_connections_per_second: u32,
    /// Handshakes, messages and `@connections` calls a second, together. AWS: 10,000.
    pub requests_per_second: u32,
    /// How far the request rate may be exceeded at once. AWS: 5,000.
    pub burst: u32,
    /// How many messages of one connection may be under way at once, from their arrival until their answer is queued.
    /// At this number the gateway reads no more from the socket. TCP then slows the client down, and every message is
    /// answered in the end. Default: 16, so that one connection can't fill the queues of the functions. Not a limit of
    /// AWS.
    pub in_flight: usize,
    /// How many frames may wait for a client that reads slowly. Default: 32. Not a limit of AWS.
    pub outgoing: usize,
    /// How long an `@connections` POST waits for room in that queue before it is refused. Default: 1 second. Not a
    /// limit of AWS.
    pub push_wait: Duration,
    /// How long [`crate::Gateway::shutdown`] waits for the `$disconnect` functions. Default: 5 seconds. Not a limit of
    /// AWS.
    pub shutdown: Duration,
    /// Bounds on clients before their handshake.
    pub clients: ClientLimits,
}

/// Bounds on the resources that a client may hold without a request. They are not limits of AWS, except where AWS is
/// named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimits {
    /// How long the head of a request may take; after that the answer is 408. Default: 10 seconds.
    pub headers: Duration,
    /// How long the body of a request may take; after that the answer is 408. Default: 30 seconds.
    pub body: Duration,
    /// How long a connection may be open without a request. Default: 75 seconds.
    pub idle: Duration,
    /// How long a client may read nothing of an answer. Default: 30 seconds.
    pub stall: Duration,
    /// The longest request line, in bytes; a longer one is refused with 414. Default: 8 KB.
    pub request_line: usize,
    /// The most bytes of request line and header values together; more are refused with 431. Default: 10,240, as in AWS
    /// ("Quotas for configuring and running an HTTP API"). Header names and line ends may take as much again.
    pub head: usize,
    /// How many connections of one listener may wait for a request at once. One more ends the one that waits longest.
    /// Default: 1,024.
    pub waiting: usize,
    /// How many bytes all bodies under way may hold, beside 16 KB of each; more are refused with 503. Default: 32 MB.
    pub bodies: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(30),
            request_line: 8 * 1024,
            head: 10_240,
            waiting: 1024,
            bodies: 32 * 1024 * 1024,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(10),
            lifetime: Duration::from_hours(2),
            integration_timeout: Duration::from_secs(29),
            frame: 32 * 1024,
            message: 128 * 1024,
            new_connections_per_second: 500,
            requests_per_second: 10_000,
            burst: 5_000,
            in_flight: 16,
            outgoing: 32,
            push_wait: Duration::from_secs(1),
            shutdown: Duration::from_secs(5),
            clients: ClientLimits::default(),
        }
    }
}

/// The configuration of a gateway.
#[derive(Clone)]
pub struct GatewayConfig {
    /// The stage, which is the first path segment, such as `prod`.
    pub stage: String,
    /// The routes and their functions.
    pub routes: Routes,
    /// Quotas and bounds.
    pub limits: Limits,
    /// The clock for `connectedAt`, `requestTime` and `lastActiveAt`.
    pub clock: Clock,
    /// The identity sources of the authorizer: `route.request.header.NAME` or `route.request.querystring.NAME`. A
    /// handshake that lacks one is refused without invoking the authorizer.
    pub identity_sources: Vec<String>,
    /// The region in `methodArn`.
    pub region: String,
    /// The account id in `methodArn`.
    pub account_id: String,
    /// The API id in `methodArn` and in every event.
    pub api_id: String,
    /// `domainName` in every event; the listener's address if it is not given.
    pub domain_name: Option<String>,
}

impl GatewayConfig {
    /// A configuration with AWS's limits, the system's clock and made-up account and API ids.
    #[expect(clippy::disallowed_methods, reason = "this is the default clock, which the caller may replace")]
    pub fn new(stage: impl Into<String>, routes: Routes) -> Self {
        Self {
            stage: stage.into(),
            routes,
            limits: Limits::default(),
            clock: Arc::new(SystemTime::now),
            identity_sources: Vec::new(),
            region: "us-east-1".into(),
            account_id: ACCOUNT_ID.into(),
            api_id: API_ID.into(),
            domain_name: None,
        }
    }

    /// The resource in the event of the authorizer.
    pub(crate) fn method_arn(&self) -> String {
        format!("arn:aws:execute-api:{}:{}:{}/{}/$connect", self.region, self.account_id, self.api_id, self.stage)
    }
}

impl fmt::Debug for GatewayConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayConfig")
            .field("stage", &self.stage)
            .field("routes", &self.routes)
            .field("limits", &self.limits)
            .field("api_id", &self.api_id)
            .finish_non_exhaustive()
    }
}
