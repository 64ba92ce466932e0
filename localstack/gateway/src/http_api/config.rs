//! What an HTTP API is told: routes, limits and the clock.

use std::{fmt, sync::Arc, time::Duration, time::SystemTime};

use crate::config::{ClientLimits, Clock};

/// The stage that is not in a path.
pub(crate) const DEFAULT_STAGE: &str = "$default";

/// A route: which requests, and the function that answers them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRoute {
    /// A route key ("Create routes for HTTP APIs"): a method or `ANY`, a space, and a path, as in
    /// `POST /v1/check-in`, `GET /v1/nodes/{id}` or `ANY /v1/{proxy+}`; or `$default`. A greedy variable, `{…+}`,
    /// may only be the last segment. A key of any other form is never matched, which is logged.
    pub key: String,
    /// The function, by a name that [`crate::Invoke`] understands.
    pub function: String,
}

/// Quotas and bounds. [`HttpLimits::default`] gives AWS's ("Quotas for configuring and running an HTTP API", and
/// "account-level quotas, per Region" for the rates).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// How long a function may take until the client is told 503. AWS: 30 seconds.
    pub integration_timeout: Duration,
    /// Largest body of a request, in bytes; a larger one is refused with 413. AWS: 10 MB.
    pub body: usize,
    /// Requests a second; one more is refused with 429. AWS: 10,000.
    pub requests_per_second: u32,
    /// How far the request rate may be exceeded at once, in requests. AWS: 5,000.
    pub burst: u32,
    /// How long requests that have begun may take once the API is told to stop. Ours: 5 seconds.
    pub shutdown: Duration,
    /// What a client may hold before it has asked for anything.
    pub clients: ClientLimits,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            integration_timeout: Duration::from_secs(30),
            body: 10 * 1024 * 1024,
            requests_per_second: 10_000,
            burst: 5_000,
            shutdown: Duration::from_secs(5),
            clients: ClientLimits::default(),
        }
    }
}

/// Everything an HTTP API is told when it starts.
#[derive(Clone)]
pub struct HttpConfig {
    /// `$default`, which is in no path; or a name such as `prod`, which is then the first segment of every path.
    pub stage: String,
    /// What runs when. Of two routes with the same key, the first is used.
    pub routes: Vec<HttpRoute>,
    /// Quotas and bounds.
    pub limits: HttpLimits,
    /// Wall-clock time: `time` and `timeEpoch` come from here.
    pub clock: Clock,
}

impl HttpConfig {
    /// A configuration with stage `$default`, AWS's limits and the system's clock.
    #[expect(clippy::disallowed_methods, reason = "the default clock; whoever needs another sets it")]
    pub fn new(routes: Vec<HttpRoute>) -> Self {
        Self { stage: DEFAULT_STAGE.into(), routes, limits: HttpLimits::default(), clock: Arc::new(SystemTime::now) }
    }
}

impl fmt::Debug for HttpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConfig")
            .field("stage", &self.stage)
            .field("routes", &self.routes)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
