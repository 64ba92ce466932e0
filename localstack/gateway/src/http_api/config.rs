//! The configuration of an HTTP API: routes, limits and the clock.

use std::{fmt, sync::Arc, time::Duration, time::SystemTime};

use crate::config::{ClientLimits, Clock};

/// The stage that does not appear in paths.
pub(crate) const DEFAULT_STAGE: &str = "$default";

/// A route: its key, and the function that answers its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRoute {
    /// A route key ("Create routes for HTTP APIs"): a method or `ANY`, a space, and a path, as in `POST /v1/check-in`,
    /// `GET /v1/nodes/{id}` or `ANY /v1/{proxy+}`; or `$default`. Only the last segment may be a greedy variable,
    /// `{…+}`. A key of any other form is never matched; that is logged.
    pub key: String,
    /// The name of the function for [`crate::Invoke`].
    pub function: String,
}

/// Quotas of AWS, and further bounds of this gateway. [`HttpLimits::default`] has the values of AWS ("Quotas for
/// configuring and running an HTTP API", and "account-level quotas, per Region" for the rates).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// How long a function may take; after that the answer is 503. AWS: 30 seconds.
    pub integration_timeout: Duration,
    /// The largest body of a request, in bytes; a larger one is refused with 413. AWS: 10 MB.
    pub body: usize,
    /// Requests a second; one more is refused with 429. AWS: 10,000.
    pub requests_per_second: u32,
    /// How far the request rate may be exceeded at once, in requests. AWS: 5,000.
    pub burst: u32,
    /// How long requests that have begun may take after [`crate::HttpApi::shutdown`] was called. Default: 5 seconds.
    /// Not a limit of AWS.
    pub shutdown: Duration,
    /// Bounds on clients that have not sent a request.
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

/// The configuration of an HTTP API.
#[derive(Clone)]
pub struct HttpConfig {
    /// The stage: `$default`, which does not appear in paths; or a name such as `prod`, which is the first segment of
    /// every path.
    pub stage: String,
    /// The routes. Of two routes with the same key, the first is used.
    pub routes: Vec<HttpRoute>,
    /// Quotas and bounds.
    pub limits: HttpLimits,
    /// The clock for `time` and `timeEpoch`.
    pub clock: Clock,
}

impl HttpConfig {
    /// A configuration with stage `$default`, AWS's limits and the system's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the default clock, which the caller may replace")]
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
