//! The configuration of functions. It is read from the environment once, and all mistakes are reported together.

use std::fmt::{self, Display};
use std::str::FromStr;

use rollcall_core::{InvalidSchedule, Policy, Registration, Schedule, Seconds};

use crate::tls::Trust;
use rollcall_service::{PrivateAddresses, chain};

/// The names of Rollcall's environment variables.
pub mod variable {
    /// The name of the table of nodes. The name of the table of records follows from it.
    pub const TABLE: &str = "ROLLCALL_TABLE";
    /// `open` (a valid token registers its node) or `closed` (only the application registers nodes).
    pub const REGISTRATION: &str = "ROLLCALL_REGISTRATION";
    /// How long a connection may last, in seconds.
    pub const LIFETIME: &str = "ROLLCALL_LIFETIME_S";
    /// How often an idle node checks in, in seconds.
    pub const CHECK_IN_EVERY: &str = "ROLLCALL_CHECK_IN_EVERY_S";
    /// The grace period, in seconds: how long a node may be without a connection before it goes offline.
    pub const GRACE: &str = "ROLLCALL_GRACE_S";
    /// Over how long a fleet spreads its reconnects, in seconds.
    pub const SPREAD: &str = "ROLLCALL_SPREAD_S";
    /// The budget: how many messages a node may send in a minute; 0 for any number.
    pub const BUDGET: &str = "ROLLCALL_BUDGET";
    /// How often the sweep runs, in seconds. If it is not set, every minute.
    pub const SWEEP_EVERY: &str = "ROLLCALL_SWEEP_EVERY_S";
    /// How long an event is kept, in seconds. If it is not set, 30 days.
    pub const KEEP_EVENTS: &str = "ROLLCALL_KEEP_EVENTS_S";
    /// The URL of `@connections`: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.
    pub const CONNECTIONS_URL: &str = "ROLLCALL_CONNECTIONS_URL";
    /// The keys that node tokens are checked with: a JWK set.
    pub const TOKEN_KEYS: &str = "ROLLCALL_TOKEN_KEYS";
    /// The audience that node tokens must be for (`aud`). If it is not set, any will do.
    pub const TOKEN_AUDIENCE: &str = "ROLLCALL_TOKEN_AUDIENCE";
    /// How long a node token may be valid, in seconds. If it is not set or 0, there is no limit.
    pub const TOKEN_LIFE_MAX: &str = "ROLLCALL_TOKEN_LIFE_MAX_S";
    /// The console's keys, separated by spaces: each is `read:` or `write:` and the SHA-256 of the key in hexadecimal.
    pub const CONSOLE_KEYS: &str = "ROLLCALL_CONSOLE_KEYS";
    /// How the console authenticates requests: `keys`, or `iam` if API Gateway has checked them already.
    pub const CONSOLE_AUTH: &str = "ROLLCALL_CONSOLE_AUTH";
    /// The level of the log lines that are written: `error`, `warn`, `info`, `debug`, `trace` or `off`. Metrics are
    /// part of `info`.
    pub const LOG: &str = "ROLLCALL_LOG";
    /// The function's name, which Lambda sets (AWS Lambda Developer Guide, "Defined runtime environment variables").
    pub const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";
    /// The certificate authorities that are trusted: `amazon` (Amazon's own) or `native` (the system's; `SSL_CERT_FILE`
    /// names others). It must be `native` if a proxy between the function and AWS has a certificate of its own.
    pub const TRUST: &str = "ROLLCALL_TRUST";
    /// The AWS region.
    pub const REGION: &str = "AWS_REGION";
    /// The URL of all AWS services, if it is not AWS's own.
    pub const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
    /// The URL of `CloudFormation`, if it is neither AWS's own nor [`ENDPOINT_URL`].
    pub const ENDPOINT_URL_CLOUDFORMATION: &str = "AWS_ENDPOINT_URL_CLOUDFORMATION";
    /// The URL of S3, if it is neither AWS's own nor [`ENDPOINT_URL`].
    pub const ENDPOINT_URL_S3: &str = "AWS_ENDPOINT_URL_S3";
    /// The S3 bucket with the firmware images. Without it, nodes can't get the URL of an image.
    pub const FIRMWARE_BUCKET: &str = "ROLLCALL_FIRMWARE_BUCKET";
    /// The URL of SQS, if it is neither AWS's own nor [`ENDPOINT_URL`].
    pub const ENDPOINT_URL_SQS: &str = "AWS_ENDPOINT_URL_SQS";
    /// The URL of the queue of deliveries. Without it, the console can send no test event.
    pub const QUEUE_URL: &str = "ROLLCALL_QUEUE_URL";
    /// The URL of the queue of dead letters.
    pub const DEAD_LETTERS_URL: &str = "ROLLCALL_DEAD_LETTERS_URL";
    /// The URL of the queue for records of the stream that can't be handled.
    pub const DISCARDED_URL: &str = "ROLLCALL_DISCARDED_URL";
    /// The pause before each try of a delivery, in seconds, separated by commas. If it is not set, eight tries in 28
    /// hours.
    pub const DELIVERY_SCHEDULE: &str = "ROLLCALL_DELIVERY_SCHEDULE";
    /// Whether events may be sent to addresses that are not public: `allow` or `refuse`. If it is not set, `refuse`.
    pub const WEBHOOK_PRIVATE: &str = "ROLLCALL_WEBHOOK_PRIVATE";
    /// How long an answer of a legacy endpoint waits until its poll is noted, in milliseconds; if it is not set,
    /// [`CUTOVER_WAIT_MS`](rollcall_service::CUTOVER_WAIT_MS).
    pub const CUTOVER_WAIT: &str = "ROLLCALL_CUTOVER_WAIT_MS";
    /// The URL of DynamoDB, if it is neither AWS's own nor [`ENDPOINT_URL`].
    pub const ENDPOINT_URL_DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
}

/// A source of configuration.
pub trait Lookup {
    /// The value of a variable; `None` if it is not set or empty.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of the process. Nothing else reads it.
#[derive(Clone, Copy, Debug)]
pub struct Environment;

impl Lookup for Environment {
    fn get(&self, name: &str) -> Option<String> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

impl<F: Fn(&str) -> Option<String>> Lookup for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// A mistake in the configuration. The error never repeats a value, which may be secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable is not set.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// A variable has a value that is not valid.
    #[error("{name} {problem}")]
    Invalid {
        /// The name of the variable.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// Every mistake in the configuration.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is wrong")?;
        for (separator, error) in [": "].into_iter().chain(std::iter::repeat("; ")).zip(&self.0) {
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads variables, and collects the mistakes in them.
#[derive(Debug)]
pub struct Reader<'a, L> {
    lookup: &'a L,
    errors: Vec<ConfigError>,
}

impl<'a, L: Lookup> Reader<'a, L> {
    /// A reader of this source.
    pub fn new(lookup: &'a L) -> Self {
        Self { lookup, errors: vec![] }
    }

    /// A variable that must be set.
    pub fn required(&mut self, name: &'static str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.errors.push(ConfigError::Missing(name));
            String::new()
        })
    }

    /// A variable that need not be set.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.lookup.get(name)
    }

    /// A variable that must be set, as `parse` reads it; `None` if it is not set or `parse` fails.
    pub fn parsed<T, E: std::error::Error>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = self.optional(name) else {
            self.errors.push(ConfigError::Missing(name));
            return None;
        };
        parse(&text).map_err(|error| self.invalid(name, format!("can't be used: {}", chain(&error)))).ok()
    }

    /// A number, or this default if it is not set.
    pub fn number<T: FromStr>(&mut self, name: &'static str, default: T) -> T {
        match self.optional(name).map(|text| text.parse()) {
            None => default,
            Some(Ok(number)) => number,
            Some(Err(_)) => {
                self.invalid(name, "must be a whole number".to_owned());
                default
            }
        }
    }

    /// Adds a mistake in a variable.
    pub fn invalid(&mut self, name: &'static str, problem: String) {
        self.errors.push(ConfigError::Invalid { name, problem });
    }

    /// The result of `read`, if there was no mistake.
    ///
    /// # Errors
    /// All mistakes.
    pub fn finish<T>(self, read: impl FnOnce() -> Option<T>) -> Result<T, ConfigErrors> {
        match read() {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(ConfigErrors(self.errors)),
        }
    }
}

/// The settings of every function that uses the table.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The table's name.
    pub table: String,
    /// The AWS region.
    pub region: String,
    /// The URL of DynamoDB, if it is not AWS's own.
    pub dynamodb: Option<String>,
    /// The URL of SQS, if it is not AWS's own.
    pub sqs: Option<String>,
    /// The URL of `@connections`; empty for a function that never calls it.
    pub connections: String,
    /// The certificate authorities that are trusted.
    pub trust: Trust,
    /// The settings of the rules.
    pub policy: Policy,
}

impl Settings {
    /// Reads the settings. `connections` says whether the function calls `@connections`, so that its URL must be set.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn read(lookup: &impl Lookup, connections: bool) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(lookup);
        let table = reader.required(variable::TABLE);
        let region = reader.required(variable::REGION);
        let connections = if connections { reader.required(variable::CONNECTIONS_URL) } else { String::new() };
        let dynamodb =
            reader.optional(variable::ENDPOINT_URL_DYNAMODB).or_else(|| reader.optional(variable::ENDPOINT_URL));
        let sqs = reader.optional(variable::ENDPOINT_URL_SQS).or_else(|| reader.optional(variable::ENDPOINT_URL));
        let (trust, policy) = (trust(&mut reader), policy(&mut reader));
        reader.finish(|| Some(Self { table, region, dynamodb, sqs, connections, trust, policy: policy? }))
    }
}

fn trust(reader: &mut Reader<'_, impl Lookup>) -> Trust {
    match reader.optional(variable::TRUST).as_deref() {
        None | Some("amazon") => Trust::Amazon,
        Some("native") => Trust::Native,
        Some(_) => {
            reader.invalid(variable::TRUST, "must be amazon or native".to_owned());
            Trust::Amazon
        }
    }
}

/// Whether events may be sent to addresses that are not public. A mistake is added to the reader's.
pub fn private_addresses(reader: &mut Reader<'_, impl Lookup>) -> PrivateAddresses {
    match reader.optional(variable::WEBHOOK_PRIVATE).as_deref() {
        // The safe value is the default.
        None | Some("refuse") => PrivateAddresses::Refused,
        Some("allow") => PrivateAddresses::Allowed,
        Some(_) => {
            reader.invalid(variable::WEBHOOK_PRIVATE, "must be allow or refuse".to_owned());
            PrivateAddresses::Refused
        }
    }
}

/// The schedule of deliveries. A mistake is added to the reader's.
pub fn delivery_schedule(reader: &mut Reader<'_, impl Lookup>) -> Schedule {
    let Some(text) = reader.optional(variable::DELIVERY_SCHEDULE) else { return Schedule::default() };
    text.parse().unwrap_or_else(|error: InvalidSchedule| {
        reader.invalid(variable::DELIVERY_SCHEDULE, format!("can't be used: {error}"));
        Schedule::default()
    })
}

/// The settings of the rules; `None` if one of them is wrong, which is added to the reader's mistakes.
pub fn policy(reader: &mut Reader<'_, impl Lookup>) -> Option<Policy> {
    let registration = match reader.optional(variable::REGISTRATION).as_deref() {
        // The safe value is the default.
        None | Some("closed") => Registration::Closed,
        Some("open") => Registration::Open,
        Some(_) => {
            reader.invalid(variable::REGISTRATION, "must be open or closed".to_owned());
            Registration::Closed
        }
    };
    let lifetime: Seconds = reader.number(variable::LIFETIME, Policy::LIFETIME_MAX);
    let check_in_every: Seconds = reader.number(variable::CHECK_IN_EVERY, 300);
    let grace: Seconds = reader.number(variable::GRACE, 90);
    let spread: Seconds = reader.number(variable::SPREAD, 30);
    let budget: u32 = reader.number(variable::BUDGET, Policy::BUDGET);
    match Policy::new(registration, lifetime, check_in_every, grace, spread) {
        Ok(policy) => Some(policy.with_budget(budget)),
        Err(errors) => {
            for error in errors {
                let name = match error.setting {
                    "lifetime" => variable::LIFETIME,
                    "check-in-every" => variable::CHECK_IN_EVERY,
                    "grace" => variable::GRACE,
                    _ => variable::SPREAD,
                };
                reader.invalid(name, format!("must be from {} to {}, not {}", error.least, error.most, error.given));
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(variables: &[(&str, &str)]) -> String {
        let lookup = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Settings::read(&lookup, true).map(|_| ()).expect_err("a mistake").to_string()
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let text = errors(&[
            (variable::TABLE, "t"),
            (variable::REGISTRATION, "ajar"),
            (variable::LIFETIME, "7200"),
            (variable::GRACE, "soon"),
            (variable::TRUST, "everybody"),
        ]);
        for mistake in [
            "AWS_REGION is not set",
            "ROLLCALL_CONNECTIONS_URL is not set",
            "ROLLCALL_REGISTRATION must be open or closed",
            "ROLLCALL_LIFETIME_S must be from 1 to 6600, not 7200",
            "ROLLCALL_GRACE_S must be a whole number",
            "ROLLCALL_TRUST must be amazon or native",
        ] {
            assert!(text.contains(mistake), "{mistake:?} is not in {text:?}");
        }
    }

    #[test]
    fn a_variable_that_can_not_be_parsed_is_reported_with_the_reason_and_a_missing_one_as_not_set() {
        let parsed = |value: Option<&str>| {
            let lookup = |_: &str| value.map(str::to_owned);
            let mut reader = Reader::new(&lookup);
            let number = reader.parsed(variable::TOKEN_KEYS, str::parse::<u8>);
            reader.finish(|| number).map_err(|errors| errors.to_string())
        };
        assert_eq!(parsed(Some("7")), Ok(7));
        let wrong = |problem: &str| Err(format!("the configuration is wrong: ROLLCALL_TOKEN_KEYS {problem}"));
        assert_eq!(parsed(Some("many")), wrong("can't be used: invalid digit found in string"));
        assert_eq!(parsed(None), wrong("is not set"));
    }

    #[test]
    fn variables_that_are_not_set_have_safe_values() {
        let set = [(variable::TABLE, "t"), (variable::REGION, "eu-west-1")];
        let lookup = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let settings = Settings::read(&lookup, false).expect("complete");
        assert_eq!(settings.policy.registration, Registration::Closed);
        assert_eq!(settings.dynamodb, None);
        assert_eq!(settings.trust, Trust::Amazon);
    }
}
