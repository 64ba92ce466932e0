//! Which functions there are, and how the API routes to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rollcall_aws::{LOCAL_CREDENTIALS, LOCAL_REGION, variable};
use rollcall_core::{Policy, Registration};
use rollcall_gateway::{FunctionSpec, Route, Routes};

/// The functions, which are also the names of their binaries.
pub const FUNCTIONS: [&str; 4] = [AUTHORIZE, CONNECT, CHECK_IN, DISCONNECT];

const AUTHORIZE: &str = "authorize";
const CONNECT: &str = "connect";
const CHECK_IN: &str = "check-in";
const DISCONNECT: &str = "disconnect";

/// The route of check-ins: their `type`.
pub const ROUTE_CHECK_IN: &str = "check-in";

/// How long an invocation may take: the store's own timeouts end before it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What each function has on AWS, in MB.
const MEMORY_MB: u32 = 128;
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

/// What the functions are told.
pub(crate) struct Surroundings<'a> {
    pub(crate) dynamodb: &'a str,
    pub(crate) connections: &'a str,
    pub(crate) table: &'a str,
    pub(crate) token_keys: &'a str,
    pub(crate) policy: &'a Policy,
}

pub(crate) fn specs(folder: &Path, processes: usize, surroundings: &Surroundings<'_>) -> Vec<FunctionSpec> {
    let spec = |name: &str| FunctionSpec {
        name: name.to_owned(),
        program: folder.join(name),
        env: environment(name, surroundings),
        timeout: TIMEOUT,
        memory_mb: MEMORY_MB,
        max_processes: processes,
        max_queued: QUEUED,
    };
    FUNCTIONS.map(spec).into()
}

fn environment(name: &str, surroundings: &Surroundings<'_>) -> BTreeMap<String, String> {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    if name == AUTHORIZE {
        return BTreeMap::from([own(variable::TOKEN_KEYS, surroundings.token_keys)]);
    }
    let policy = surroundings.policy;
    let registration = match policy.registration {
        Registration::Open => "open",
        Registration::Closed => "closed",
    };
    BTreeMap::from([
        own(variable::TABLE, surroundings.table),
        own(variable::REGION, LOCAL_REGION),
        own(variable::ENDPOINT_URL_DYNAMODB, surroundings.dynamodb),
        own(variable::CONNECTIONS_URL, surroundings.connections),
        own(variable::REGISTRATION, registration),
        own(variable::LIFETIME, &policy.lifetime.to_string()),
        own(variable::CHECK_IN_EVERY, &policy.check_in_every.to_string()),
        own(variable::GRACE, &policy.grace.to_string()),
        own(variable::SPREAD, &policy.spread.to_string()),
        own("AWS_ACCESS_KEY_ID", LOCAL_CREDENTIALS),
        own("AWS_SECRET_ACCESS_KEY", LOCAL_CREDENTIALS),
    ])
}
