//! The settings of the functions, and the value of each of their environment variables.

use std::collections::BTreeMap;

use rollcall_aws::variable;
use rollcall_core::{Policy, Registration, Seconds};

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
    /// How often the sweep runs, in seconds.
    pub sweep_every: Seconds,
    /// How often rollouts are stepped, in seconds.
    pub rollouts_every: Seconds,
    /// After how many seconds a delivery is tried, each after the try before, with commas between them.
    pub delivery_schedule: String,
    /// Where the queues are. The local cloud fills it in if the functions run in it.
    pub queues: QueueUrls,
    /// Further environment variables of every function. They override those of the other fields.
    pub more: BTreeMap<String, String>,
}

/// Where the queues are.
#[derive(Clone, Debug, Default)]
pub struct QueueUrls {
    /// The endpoint of SQS.
    pub endpoint: String,
    /// The URL of the main queue.
    pub main: String,
    /// The URL of the queue of dead letters.
    pub dead_letters: String,
    /// The URL of the queue for records of the stream that were given up.
    pub discarded: String,
}

impl QueueUrls {
    /// The queues of this deployment in a LocalStack, which has one account.
    pub fn at(endpoint: &str, name: &str) -> Self {
        let queue = |suffix: &str| format!("{}/000000000000/{name}{suffix}", endpoint.trim_end_matches('/'));
        Self {
            endpoint: endpoint.to_owned(),
            main: queue(".fifo"),
            dead_letters: queue("-dead-letters.fifo"),
            discarded: queue("-discarded"),
        }
    }
}

impl FunctionSettings {
    /// The value of a variable.
    pub(crate) fn value(&self, name: &str) -> String {
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
            variable::SWEEP_EVERY => self.sweep_every.to_string(),
            variable::ENDPOINT_URL_SQS => self.queues.endpoint.clone(),
            variable::QUEUE_URL => self.queues.main.clone(),
            variable::DEAD_LETTERS_URL => self.queues.dead_letters.clone(),
            variable::DISCARDED_URL => self.queues.discarded.clone(),
            variable::DELIVERY_SCHEDULE => self.delivery_schedule.clone(),
            // Functions that are not optimised for speed need longer than on Lambda.
            variable::CUTOVER_WAIT => "2000".to_owned(),
            // Receivers are on this machine, too.
            variable::WEBHOOK_PRIVATE => "allow".to_owned(),
            _ => String::new(),
        }
    }
}
