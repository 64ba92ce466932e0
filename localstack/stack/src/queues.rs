//! The queues of the local cloud.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rollcall_aws::now;
use rollcall_sources::{DeadLetters, Now, Queue, Queues, State, StateError};

use crate::data;

/// The main queue.
pub const QUEUE: &str = "rollcall.fifo";
/// The queue of messages that were received from the main queue too often.
pub const DEAD_LETTERS: &str = "rollcall-dead-letters.fifo";
/// The queue that is told of records of the stream that were given up. As on AWS, it is a standard queue.
pub const DISCARDED: &str = "rollcall-discarded";

/// The file of the queues, and of how far the stream was read, in the data folder.
const FILE: &str = "sources.sqlite";
/// The files that `SQLite` keeps beside it.
const FILES: [&str; 3] = ["sources.sqlite-wal", "sources.sqlite-shm", "sources.sqlite-journal"];

/// How long a message stays hidden from others: longer than its function may take.
const VISIBILITY: Duration = Duration::from_mins(2);
/// How long messages are kept: the longest that SQS allows.
const RETENTION: Duration = Duration::from_hours(14 * 24);
/// How often a message is received before it is a dead letter. The function itself gives up a delivery, by its schedule;
/// this is for a message that it can't even read.
const MAX_RECEIVES: u32 = 1_000;

/// Why the queues could not be started.
#[derive(Debug, thiserror::Error)]
pub enum QueuesError {
    /// The file in the data folder can't be used.
    #[error("can't use the file {FILE} in the data folder")]
    File(#[source] io::Error),
    /// The database can't be used.
    #[error("can't open the database")]
    State(#[from] StateError),
    /// The socket can't be used.
    #[error("can't serve SQS")]
    Serve(#[source] io::Error),
}

/// Serves the queues on any free port. Their messages are in a file in the folder `data`, which survives a restart; or
/// in memory, if `data` is `None`. The folder must be locked already.
///
/// # Errors
/// If the file or a socket can't be used.
pub fn start_queues(data: Option<&Path>) -> Result<Queues, QueuesError> {
    let clock: Now = Arc::new(|| now().0);
    let state = match data {
        None => State::memory(clock)?,
        Some(folder) => {
            for file in FILES {
                data::restrict_file(&folder.join(file)).map_err(QueuesError::File)?;
            }
            // SQLite creates the files beside this one with the same mode.
            drop(data::open_file(&folder.join(FILE)).map_err(QueuesError::File)?);
            State::open(&folder.join(FILE), clock)?
        }
    };
    let queue = |name| Queue { visibility: VISIBILITY, retention: RETENTION, ..Queue::new(name) };
    let dead_letters = Some(DeadLetters { queue: DEAD_LETTERS.to_owned(), max_receives: MAX_RECEIVES });
    let queues = vec![Queue { dead_letters, ..queue(QUEUE) }, queue(DEAD_LETTERS), queue(DISCARDED)];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(QueuesError::Serve)?;
    Queues::start(listener, queues, state).map_err(QueuesError::Serve)
}
