//! Event sources of the local cloud: what invokes functions without a request of anybody. It knows nothing of Rollcall.
//!
//! [`Schedule`] invokes a function at a rate. [`Queues`] serves SQS, and a [`QueueMapping`] invokes a function with the
//! messages of a queue. A [`StreamMapping`] invokes a function with the records of a DynamoDB stream. What they must
//! remember is in a [`State`].

mod queue;
mod queue_mapping;
mod report;
mod schedule;
mod state;
mod stream;
mod task;

pub use queue::{DeadLetters, Queue, Queues};
pub use queue_mapping::{QueueMapping, QueueSettings};
pub use schedule::Schedule;
pub use state::{Now, State, StateError};
pub use stream::{Filter, FilterError, Record, Records, RecordsError, Stream, StreamMapping, StreamSettings};

/// The region in every ARN and event.
const REGION: &str = "us-east-1";
/// The account in every ARN and URL, which the embedded DynamoDB uses, too.
const ACCOUNT: &str = "000000000000";
