//! What goes wrong at the moment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong at the moment. By default, nothing does. Percentages are of invocations or requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each fault is on or off by itself")]
pub struct Troubles {
    /// What becomes of `$disconnect`.
    pub disconnects: Disconnects,
    /// `$connect` is delivered twice.
    pub connects_retried: bool,
    /// Messages of nodes are delivered twice.
    pub messages_doubled: bool,
    /// Lambda refuses this share of the invocations.
    pub lambda_throttled: u8,
    /// The clock of API Gateway is ahead by so many milliseconds, or behind if this is negative.
    pub clock_ahead_ms: i64,
    /// The process of a function is killed in this share of the invocations.
    pub instances_killed: u8,
    /// Posts to `@connections` are answered with 200 and reach nobody.
    pub pushes_lost: bool,
    /// DynamoDB does what it is asked to, and this share of its answers is lost.
    pub answers_lost: u8,
    /// DynamoDB refuses this share of the requests because of its throughput.
    pub throttled: u8,
    /// DynamoDB takes this much longer.
    pub store_slow: Duration,
    /// DynamoDB answers nothing.
    pub store_down: bool,
}

/// What becomes of `$disconnect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disconnects {
    /// Each is delivered once.
    #[default]
    Delivered,
    /// None is delivered.
    Lost,
    /// Each is delivered so much later.
    Late(Duration),
    /// Each is delivered twice.
    Doubled,
}
