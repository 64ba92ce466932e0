//! Which functions there are, and how the API routes to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rollcall_aws::{LOCAL_CREDENTIALS, LOCAL_REGION, variable};
use rollcall_core::{Policy, Registration};
use rollcall_gateway::{FunctionSpec, HttpRoute, Route, Routes};

/// The functions, which are also the names of their binaries.
pub const FUNCTIONS: [&str; 6] = [AUTHORIZE, CONNECT, CHECK_IN, DISCONNECT, POLL, CONSOLE];

const AUTHORIZE: &str = "authorize";
pub(crate) const CONNECT: &str = "connect";
const CHECK_IN: &str = "check-in";
const DISCONNECT: &str = "disconnect";
const POLL: &str = "poll";
const CONSOLE: &str = "console";

/// The route of check-ins: their `type`.
pub const ROUTE_CHECK_IN: &str = "check-in";

/// How long an invocation may take: the store's own timeouts end before it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// What each function has on AWS, in MB.
pub(crate) const MEMORY_MB: u32 = 128;
/// Invocations that wait for a process here, where Lambda would start another.
const QUEUED: usize = 10_000;

/// How the API routes: what is no check-in goes to the same function, which says what is wrong with it.
pub(crate) fn routes() -> Routes {
    let check_in = Route { function: CHECK_IN.to_owned(), responds: true };
    Routes {
        authorizer: Some(AUTHORIZE.to_owned()),
        connect: Some(CONNECT.to_owned()),
        disconnect: Some(DISCONNECT.to_owned()),
        default: Some(check_in.clone()),
        keyed: BTreeMap::from([(ROUTE_CHECK_IN.to_owned(), check_in)]),
        selection: "$request.body.type".to_owned(),
    }
}

/// How the HTTP API routes: nodes to one function, the monolith to the other.
pub(crate) fn http_routes() -> Vec<HttpRoute> {
    let route = |key: &str, function: &str| HttpRoute { key: key.to_owned(), function: function.to_owned() };
    vec![
        route("POST /v1/check-in", POLL),
        route("GET /v1/configs/{sha256}", POLL),
        route("GET /v1/firmware/{version}", POLL),
        route("ANY /v1/{proxy+}", CONSOLE),
    ]
}

/// What the functions are told, wherever they run; Lambda itself tells them the region and their credentials.
#[derive(Clone, Debug)]
pub struct FunctionSettings {
    /// The table's name.
    pub table: String,
    /// Where `@connections` is.
    pub connections: String,
    /// The keys that node tokens are checked with: a JWK set.
    pub token_keys: String,
    /// Who may use the console: `read:` or `write:` and the SHA-256 of each key, in hexadecimal.
    pub console_keys: String,
    /// The S3 bucket that firmware images are in.
    pub firmware_bucket: String,
    /// What the rules go by.
    pub policy: Policy,
    /// Variables besides, or instead.
    pub more: BTreeMap<String, String>,
}

/// Runs the binaries in `folder` as child processes.
pub(crate) fn specs(folder: &Path, processes: usize, settings: &FunctionSettings) -> Vec<FunctionSpec> {
    let lambdas = [
        (variable::REGION, LOCAL_REGION),
        ("AWS_ACCESS_KEY_ID", LOCAL_CREDENTIALS),
        ("AWS_SECRET_ACCESS_KEY", LOCAL_CREDENTIALS),
    ];
    let spec = |name: &str| {
        let mut env = environment(name, settings);
        // Lambda's credentials are those of the function's role; here their token says whose they are.
        env.insert("AWS_SESSION_TOKEN".to_owned(), name.to_owned());
        env.extend(lambdas.map(|(name, value)| (name.to_owned(), value.to_owned())));
        FunctionSpec {
            name: name.to_owned(),
            program: folder.join(name),
            env,
            timeout: TIMEOUT,
            memory_mb: MEMORY_MB,
            max_processes: processes,
            max_queued: QUEUED,
        }
    };
    FUNCTIONS.map(spec).into()
}

/// What one function is told: nothing that it has no use for.
pub(crate) fn environment(function: &str, settings: &FunctionSettings) -> BTreeMap<String, String> {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let policy = settings.policy;
    let registration = match policy.registration {
        Registration::Open => "open",
        Registration::Closed => "closed",
    };
    let mut variables = BTreeMap::new();
    if matches!(function, AUTHORIZE | POLL) {
        variables.extend([own(variable::TOKEN_KEYS, &settings.token_keys)]);
    }
    if matches!(function, CHECK_IN | POLL) {
        variables.extend([own(variable::FIRMWARE_BUCKET, &settings.firmware_bucket)]);
    }
    if function == CONSOLE {
        variables.extend([own(variable::CONSOLE_KEYS, &settings.console_keys)]);
    }
    if function != AUTHORIZE {
        variables.extend([
            own(variable::TABLE, &settings.table),
            own(variable::CONNECTIONS_URL, &settings.connections),
            own(variable::REGISTRATION, registration),
            own(variable::LIFETIME, &policy.lifetime.to_string()),
            own(variable::CHECK_IN_EVERY, &policy.check_in_every.to_string()),
            own(variable::GRACE, &policy.grace.to_string()),
            own(variable::SPREAD, &policy.spread.to_string()),
            own(variable::BUDGET, &policy.budget.to_string()),
        ]);
    }
    variables.extend(settings.more.clone());
    variables
}
