//! The functions, their settings, and the routes of the two APIs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rollcall_aws::{LOCAL_CREDENTIALS, LOCAL_REGION, variable};
use rollcall_core::{Policy, Registration};
use rollcall_gateway::{FunctionSpec, HttpRoute, Route, Routes};

/// The names of the functions, which are also the names of their binaries.
pub const FUNCTIONS: [&str; 6] = [AUTHORIZE, CONNECT, CHECK_IN, DISCONNECT, POLL, CONSOLE];

const AUTHORIZE: &str = "authorize";
/// The function of `$connect`.
pub const CONNECT: &str = "connect";
const CHECK_IN: &str = "check-in";
const DISCONNECT: &str = "disconnect";
const POLL: &str = "poll";
const CONSOLE: &str = "console";

/// The route key of check-ins: the value of their field `type`.
pub const ROUTE_CHECK_IN: &str = "check-in";

/// How long an invocation may take. The timeouts of the store are shorter.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The memory of each function on AWS, in MB.
pub const MEMORY_MB: u32 = 128;
/// How many invocations of a function may wait for a free process. Lambda would start another environment instead.
const QUEUED: usize = 10_000;

/// The routes of the WebSocket API. A message that is not a check-in goes to the same function, which answers what is
/// wrong with it.
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

/// The routes of the HTTP API: those of nodes go to one function, those of the application to another.
pub(crate) fn http_routes() -> Vec<HttpRoute> {
    let route = |key: &str, function: &str| HttpRoute { key: key.to_owned(), function: function.to_owned() };
    vec![
        route("POST /v1/check-in", POLL),
        route("GET /v1/configs/{sha256}", POLL),
        route("GET /v1/firmware/{version}", POLL),
        route("ANY /v1/{proxy+}", CONSOLE),
    ]
}

/// The settings of the functions, wherever they run. The region and the credentials are not among them: Lambda sets
/// them.
#[derive(Clone, Debug)]
pub struct FunctionSettings {
    /// The name of the table.
    pub table: String,
    /// The URL of `@connections`.
    pub connections: String,
    /// The keys that verify node tokens: a JWK set.
    pub token_keys: String,
    /// The keys of the console: `read:` or `write:` and the SHA-256 of each key, in hexadecimal.
    pub console_keys: String,
    /// The S3 bucket of the firmware images.
    pub firmware_bucket: String,
    /// The settings of the check-in rules.
    pub policy: Policy,
    /// Further environment variables of every function. They override those of the other fields.
    pub more: BTreeMap<String, String>,
}

/// How the host runs the binaries in `folder`: each function with up to `processes` child processes.
pub(crate) fn specs(folder: &Path, processes: usize, settings: &FunctionSettings) -> Vec<FunctionSpec> {
    let set_by_lambda = [
        (variable::REGION, LOCAL_REGION),
        ("AWS_ACCESS_KEY_ID", LOCAL_CREDENTIALS),
        ("AWS_SECRET_ACCESS_KEY", LOCAL_CREDENTIALS),
    ];
    let spec = |name: &str| {
        let mut env = environment(name, settings);
        // On Lambda, the credentials show which role a function has. Here the session token shows which function it is.
        env.insert("AWS_SESSION_TOKEN".to_owned(), name.to_owned());
        env.extend(set_by_lambda.map(|(name, value)| (name.to_owned(), value.to_owned())));
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

/// The environment variables of one function. It gets none that it does not use.
pub fn environment(function: &str, settings: &FunctionSettings) -> BTreeMap<String, String> {
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
