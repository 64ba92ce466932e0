//! The functions, their settings, and the routes of the two APIs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rollcall_aws::{LOCAL_CREDENTIALS, LOCAL_REGION, variable};
use rollcall_core::Seconds;
use rollcall_gateway::{FunctionSpec, HttpRoute, Route, Routes};

use crate::settings::FunctionSettings;

/// One function: what invokes it, and what it is told.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The name, which is also that of its binary.
    pub name: &'static str,
    /// What invokes it.
    pub triggers: &'static [Trigger],
    /// The environment variables that it uses, in groups.
    pub variables: &'static [&'static [&'static str]],
}

/// What invokes a function. The settings of streams and queues are those of Lambda's event source mappings; see
/// [`StreamSettings`](rollcall_sources::StreamSettings) and [`QueueSettings`](rollcall_sources::QueueSettings).
#[derive(Clone, Copy, Debug)]
pub enum Trigger {
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
    /// A schedule.
    Schedule(Rate),
    /// The stream of the table of nodes, from its oldest record on. The queue [`DISCARDED`](crate::DISCARDED) is told of
    /// records that are given up.
    Stream {
        /// The most records of an invocation.
        batch_size: usize,
        /// How long to wait until a batch is full.
        window: Duration,
        /// The function gets the records that match one of these patterns; all records if there is none.
        filters: &'static [&'static str],
        /// Whether the function reports which record failed first.
        report_failures: bool,
        /// Whether a batch that failed is tried again in two halves.
        bisect: bool,
        /// How old a record may be. Older ones are given up.
        max_age: Option<Duration>,
        /// How often a batch that failed is tried again before it is given up.
        max_retries: Option<u32>,
    },
    /// The main queue, [`QUEUE`](crate::QUEUE).
    Queue {
        /// The most messages of an invocation: at most 10.
        batch_size: usize,
        /// The most invocations at a time.
        concurrency: usize,
        /// Whether the function reports which messages failed.
        report_failures: bool,
    },
}

/// How often a schedule invokes: a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// [`FunctionSettings::sweep_every`](crate::FunctionSettings::sweep_every).
    Sweep,
    /// [`FunctionSettings::rollouts_every`](crate::FunctionSettings::rollouts_every).
    Rollouts,
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

/// What every function needs that puts events on the queue.
const SEND: &[&str] = &[variable::QUEUE_URL, variable::ENDPOINT_URL_SQS];

/// Which writes of nodes are told to the feed: those that may announce something, and deletions. An idle check-in is none
/// of them. `infra/template.yaml` has the same patterns.
const ANNOUNCING: &str = r#"{"dynamodb":{"NewImage":{"m":{"S":[{"exists":true}]}}}}"#;
const REMOVED: &str = r#"{"eventName":["REMOVE"]}"#;

/// The functions. A new one is a line here, a crate in `functions/`, and a few lines in `infra/template.yaml`.
pub(crate) const TABLE: [Function; 10] = [
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
        triggers: &[Trigger::Http("ANY /v1/{proxy+}"), Trigger::Schedule(Rate::Rollouts)],
        variables: &[STORE, &[variable::CONSOLE_KEYS], SEND, &[variable::WEBHOOK_PRIVATE]],
    },
    Function {
        name: "feed",
        triggers: &[Trigger::Stream {
            batch_size: 100,
            window: Duration::ZERO,
            filters: &[ANNOUNCING, REMOVED],
            report_failures: true,
            bisect: true,
            max_age: None,
            max_retries: Some(100),
        }],
        variables: &[STORE, SEND, &[variable::DISCARDED_URL]],
    },
    Function {
        name: DELIVER,
        triggers: &[Trigger::Queue { batch_size: 10, concurrency: 8, report_failures: true }],
        variables: &[
            STORE,
            SEND,
            &[variable::DEAD_LETTERS_URL, variable::DELIVERY_SCHEDULE, variable::WEBHOOK_PRIVATE],
        ],
    },
    Function {
        name: CUTOVER,
        triggers: &[Trigger::Http("$default")],
        variables: &[STORE, &[variable::FIRMWARE_BUCKET, variable::WEBHOOK_PRIVATE, variable::CUTOVER_WAIT]],
    },
    Function {
        name: SWEEP,
        triggers: &[Trigger::Schedule(Rate::Sweep)],
        variables: &[STORE, &[variable::SWEEP_EVERY]],
    },
];

/// The function that stands in front of a legacy polling endpoint.
pub(crate) const CUTOVER: &str = "cutover";

/// The function of `$connect`.
pub const CONNECT: &str = "connect";

/// The function that sends events to endpoints.
pub const DELIVER: &str = "deliver";

/// The function that finds nodes that have gone.
pub const SWEEP: &str = "sweep";

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

/// How long an invocation of a function may take. The timeouts of the store are shorter. The sweep and the feed
/// write much.
pub fn timeout(function: &str) -> Duration {
    Duration::from_secs(match function {
        SWEEP | "feed" => 60,
        // A batch of tries, and one more.
        DELIVER => 90,
        // As long as API Gateway waits, less one second for the answer.
        "console" | CUTOVER => 29,
        _ => 10,
    })
}

/// The memory of each function on AWS, in MB.
pub const MEMORY_MB: u32 = 128;
/// How often the sweep runs on AWS, in seconds (`infra/template.yaml`).
pub const SWEEP_EVERY_S: Seconds = 60;
/// How often rollouts are stepped on AWS, in seconds (`infra/template.yaml`).
pub const ROLLOUTS_EVERY_S: Seconds = 60;
/// The schedule of deliveries, if nothing else is said: that of Standard Webhooks, "Deliverability and reliability".
pub const DELIVERY_SCHEDULE: &str = "0,5,300,1800,7200,18000,36000,36000";
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
                Trigger::Http(_) | Trigger::Schedule(_) | Trigger::Stream { .. } | Trigger::Queue { .. } => {}
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
            timeout: timeout(name),
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

#[cfg(test)]
mod tests {
    use rollcall_core::{Policy, Registration};

    use super::*;
    use crate::settings::QueueUrls;

    fn settings() -> FunctionSettings {
        let text = || "set".to_owned();
        FunctionSettings {
            table: text(),
            connections: text(),
            token_keys: text(),
            console_keys: text(),
            firmware_bucket: text(),
            policy: Policy::new(Registration::Open, 600, 10, 30, 5).expect("in range"),
            sweep_every: SWEEP_EVERY_S,
            rollouts_every: ROLLOUTS_EVERY_S,
            delivery_schedule: text(),
            queues: QueueUrls { endpoint: text(), main: text(), dead_letters: text(), discarded: text() },
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
    fn a_function_that_uses_the_queues_is_told_where_they_are() {
        let urls = ["e", "m", "l", "d"].map(str::to_owned);
        let [endpoint, main, dead_letters, discarded] = urls;
        let queues = QueueUrls { endpoint, main, dead_letters, discarded };
        let settings = FunctionSettings { queues, ..settings() };
        let names =
            ["AWS_ENDPOINT_URL_SQS", "ROLLCALL_QUEUE_URL", "ROLLCALL_DEAD_LETTERS_URL", "ROLLCALL_DISCARDED_URL"];
        assert_eq!(names.map(|name| settings.value(name)), ["e", "m", "l", "d"]);
    }

    #[test]
    fn every_function_has_a_trigger_and_every_route_a_function() {
        let (routes, http) = (routes(), http_routes());
        let socket = [&routes.authorizer, &routes.connect, &routes.disconnect];
        let socket = socket.into_iter().flatten().chain(routes.default.iter().map(|route| &route.function));
        let mut triggered: Vec<_> = socket.chain(http.iter().map(|route| &route.function)).cloned().collect();
        let has_source = |function: &Function| {
            let is_source = |trigger: &Trigger| {
                matches!(trigger, Trigger::Schedule(_) | Trigger::Stream { .. } | Trigger::Queue { .. })
            };
            function.triggers.iter().any(is_source)
        };
        triggered.extend(TABLE.iter().filter(|function| has_source(function)).map(|function| function.name.to_owned()));
        triggered.sort();
        triggered.dedup();
        let mut names = FUNCTIONS.to_vec();
        names.sort_unstable();
        assert_eq!(triggered, names);
    }
}
