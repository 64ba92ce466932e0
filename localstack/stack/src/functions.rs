//! The functions, their settings, and the routes of the two APIs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rollcall_aws::{LOCAL_CREDENTIALS, LOCAL_REGION, variable};
use rollcall_core::{Policy, Registration};
use rollcall_gateway::{FunctionSpec, HttpRoute, Route, Routes};

/// One function: what invokes it, and what it is told.
struct Function {
    /// The name, which is also that of its binary.
    name: &'static str,
    triggers: &'static [Trigger],
    /// The environment variables that it uses, in groups.
    variables: &'static [&'static [&'static str]],
}

/// What invokes a function.
enum Trigger {
    /// The authorizer of `$connect`.
    Authorizer,
    /// The route `$connect` of the WebSocket API.
    Connect,
    /// The route `$disconnect`.
    Disconnect,
    /// Every message on a WebSocket: the route of check-ins, and `$default` for whatever else is sent, so that the
    /// function can answer what is wrong with it.
    Messages,
    /// A route of the HTTP API, by its key.
    Http(&'static str),
}

/// What every function needs that stores something.
const STORE: &[&str] = &[
    variable::TABLE,
    variable::CONNECTIONS_URL,
    variable::REGISTRATION,
    variable::LIFETIME,
    variable::CHECK_IN_EVERY,
    variable::GRACE,
    variable::SPREAD,
    variable::BUDGET,
];

/// The functions. A new one is a line here, a crate in `functions/`, and a few lines in `infra/template.yaml`.
const TABLE: [Function; 6] = [
    Function { name: "authorize", triggers: &[Trigger::Authorizer], variables: &[&[variable::TOKEN_KEYS]] },
    Function { name: CONNECT, triggers: &[Trigger::Connect], variables: &[STORE] },
    Function { name: "check-in", triggers: &[Trigger::Messages], variables: &[STORE, &[variable::FIRMWARE_BUCKET]] },
    Function { name: "disconnect", triggers: &[Trigger::Disconnect], variables: &[STORE] },
    Function {
        name: "poll",
        triggers: &[
            Trigger::Http("POST /v1/check-in"),
            Trigger::Http("GET /v1/configs/{sha256}"),
            Trigger::Http("GET /v1/firmware/{version}"),
        ],
        variables: &[STORE, &[variable::TOKEN_KEYS, variable::FIRMWARE_BUCKET]],
    },
    Function {
        name: "console",
        triggers: &[Trigger::Http("ANY /v1/{proxy+}")],
        variables: &[STORE, &[variable::CONSOLE_KEYS]],
    },
];

/// The function of `$connect`.
pub const CONNECT: &str = "connect";

/// The names of the functions, which are also the names of their binaries.
pub const FUNCTIONS: [&str; TABLE.len()] = {
    let mut names = [""; TABLE.len()];
    let mut function = 0;
    while function < TABLE.len() {
        names[function] = TABLE[function].name;
        function += 1;
    }
    names
};

/// The route key of check-ins: the value of their field `type`.
pub const ROUTE_CHECK_IN: &str = "check-in";

/// How long an invocation may take. The timeouts of the store are shorter.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The memory of each function on AWS, in MB.
pub const MEMORY_MB: u32 = 128;
/// How many invocations of a function may wait for a free process. Lambda would start another environment instead.
const QUEUED: usize = 10_000;

/// The routes of the WebSocket API.
pub(crate) fn routes() -> Routes {
    let mut routes = Routes { selection: "$request.body.type".to_owned(), ..Routes::default() };
    for Function { name, triggers, .. } in TABLE {
        for trigger in triggers {
            let function = name.to_owned();
            match trigger {
                Trigger::Authorizer => routes.authorizer = Some(function),
                Trigger::Connect => routes.connect = Some(function),
                Trigger::Disconnect => routes.disconnect = Some(function),
                Trigger::Messages => {
                    let route = Route { function, responds: true };
                    routes.keyed.insert(ROUTE_CHECK_IN.to_owned(), route.clone());
                    routes.default = Some(route);
                }
                Trigger::Http(_) => {}
            }
        }
    }
    routes
}

/// The routes of the HTTP API: those of nodes go to one function, those of the application to another.
pub(crate) fn http_routes() -> Vec<HttpRoute> {
    let routes = TABLE.into_iter().flat_map(|Function { name, triggers, .. }| {
        triggers.iter().filter_map(move |trigger| match trigger {
            Trigger::Http(key) => Some(HttpRoute { key: (*key).to_owned(), function: name.to_owned() }),
            _ => None,
        })
    });
    routes.collect()
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
    let function = TABLE.into_iter().find(|each| each.name == function);
    let used = function.into_iter().flat_map(|function| function.variables.iter().copied().flatten());
    let own = used.map(|name| ((*name).to_owned(), settings.value(name)));
    own.chain(settings.more.clone()).collect()
}

impl FunctionSettings {
    /// The value of a variable.
    fn value(&self, name: &str) -> String {
        let policy = self.policy;
        match name {
            variable::TABLE => self.table.clone(),
            variable::CONNECTIONS_URL => self.connections.clone(),
            variable::TOKEN_KEYS => self.token_keys.clone(),
            variable::CONSOLE_KEYS => self.console_keys.clone(),
            variable::FIRMWARE_BUCKET => self.firmware_bucket.clone(),
            variable::REGISTRATION => match policy.registration {
                Registration::Open => "open".to_owned(),
                Registration::Closed => "closed".to_owned(),
            },
            variable::LIFETIME => policy.lifetime.to_string(),
            variable::CHECK_IN_EVERY => policy.check_in_every.to_string(),
            variable::GRACE => policy.grace.to_string(),
            variable::SPREAD => policy.spread.to_string(),
            variable::BUDGET => policy.budget.to_string(),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> FunctionSettings {
        let text = || "set".to_owned();
        FunctionSettings {
            table: text(),
            connections: text(),
            token_keys: text(),
            console_keys: text(),
            firmware_bucket: text(),
            policy: Policy::new(Registration::Open, 600, 10, 30, 5).expect("in range"),
            more: BTreeMap::from([("MORE".to_owned(), text())]),
        }
    }

    #[test]
    fn every_variable_that_a_function_uses_has_a_value() {
        for function in FUNCTIONS {
            let environment = environment(function, &settings());
            let empty = environment.iter().find(|(_, value)| value.is_empty());
            assert_eq!(empty, None, "{function} is told nothing");
            assert_eq!(environment["MORE"], "set");
        }
    }

    #[test]
    fn every_function_has_a_trigger_and_every_route_a_function() {
        let (routes, http) = (routes(), http_routes());
        let socket = [&routes.authorizer, &routes.connect, &routes.disconnect];
        let socket = socket.into_iter().flatten().chain(routes.default.iter().map(|route| &route.function));
        let mut triggered: Vec<_> = socket.chain(http.iter().map(|route| &route.function)).cloned().collect();
        triggered.sort();
        triggered.dedup();
        let mut names = FUNCTIONS.to_vec();
        names.sort_unstable();
        assert_eq!(triggered, names);
    }
}
