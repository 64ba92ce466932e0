//! What a gateway is told: routes, limits, names and the clock.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Where the gateway reads wall-clock time; tests hand in their own.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The account in every event.
pub(crate) const ACCOUNT_ID: &str = "123456789012";

/// The API in every event.
pub(crate) const API_ID: &str = "loopback00";

/// The routes of a WebSocket API, as function names that [`crate::Invoke`] understands.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// REQUEST authorizer on `$connect`. Without one, everybody is let in and events carry no identity.
    pub authorizer: Option<String>,
    /// Runs before the handshake is answered; without one, every authorized handshake is accepted.
    pub connect: Option<String>,
    /// Told once how a connection ended.
    pub disconnect: Option<String>,
    /// `$default`: whatever matches no key, and whatever is not JSON.
    pub default: Option<Route>,
    /// Route key to route. Keys that begin with `$` are reserved and never selected by a message.
    pub keyed: BTreeMap<String, Route>,
    /// The route selection expression: `$request.body.` and a path of names, such as `$request.body.type`.
    pub selection: String,
}

/// A route for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The function that is invoked.
    pub function: String,
    /// Whether the route has a route response; without one the function's `body` is thrown away.
    pub responds: bool,
}

/// Quotas and bounds. [`Limits::default`] gives AWS's ("Amazon API Gateway quotas, WebSocket API", and
/// "account-level quotas, per Region" for the rates).
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
    /// Messages of one connection that may be under way at once, from their arrival until their answer is queued.
    /// Beyond it nothing more is read from the socket, so that a client that sends faster is held up by TCP, and every
    /// message is answered in the end. Ours: 16, so that one connection can't fill the functions' queues.
    pub in_flight: usize,
    /// Frames that may wait for a client that reads slowly. Ours: 32.
    pub outgoing: usize,
    /// How long an `@connections` POST waits for room in that queue before it is refused. Ours: 1 second.
    pub push_wait: Duration,
    /// How long [`crate::Gateway::shutdown`] waits for `$disconnect` to be delivered. Ours: 5 seconds.
    pub shutdown: Duration,
    /// What a client may hold before its handshake.
    pub clients: ClientLimits,
}

/// Bounds on what clients may hold without having asked for anything. All of them are ours, except where AWS is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimits {
    /// How long a request's head may take. 10 seconds; then 408.
    pub headers: Duration,
    /// How long a request's body may take. 30 seconds; then 408.
    pub body: Duration,
    /// How long a connection may be kept without a request. 75 seconds.
    pub idle: Duration,
    /// How long a client may take nothing of an answer. 30 seconds.
    pub stall: Duration,
    /// The longest request line, in bytes. 8 KB; then 414.
    pub request_line: usize,
    /// Request line and header values together, in bytes; then 431. AWS: 10,240 ("Quotas for configuring and running an
    /// HTTP API"). Names and line ends may take as much again.
    pub head: usize,
    /// Connections of one listener that may wait for a request at once; one more ends the one that waits longest. 1,024.
    pub waiting: usize,
    /// Bytes of all bodies under way, beside 16 KB of each; then 503. 32 MB.
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

/// Everything a gateway is told when it starts.
#[derive(Clone)]
pub struct GatewayConfig {
    /// First path segment, such as `prod`.
    pub stage: String,
    /// What runs when.
    pub routes: Routes,
    /// Quotas and bounds.
    pub limits: Limits,
    /// Wall-clock time: `connectedAt`, `requestTime` and `lastActiveAt` come from here.
    pub clock: Clock,
    /// Where an authorizer's token is found: `route.request.header.NAME` or
    /// `route.request.querystring.NAME`. A handshake that lacks one is refused without asking the authorizer.
    pub identity_sources: Vec<String>,
    /// In `methodArn`.
    pub region: String,
    /// In `methodArn`.
    pub account_id: String,
    /// In `methodArn` and every event.
    pub api_id: String,
    /// `domainName` in every event; the listener's address if it is not given.
    pub domain_name: Option<String>,
}

impl GatewayConfig {
    /// A configuration with AWS's limits, the system's clock and made-up account and API ids.
    #[expect(clippy::disallowed_methods, reason = "the default clock; whoever needs another sets it")]
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

    /// The resource an authorizer is asked about.
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
