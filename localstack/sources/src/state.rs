//! What event sources remember, in `SQLite`.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};
use tokio::sync::Notify;

/// The current time, in milliseconds since 1970.
pub type Now = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The messages of queues, and how far each mapping has read its stream. Clones share it.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    database: Mutex<Connection>,
    now: Now,
    changed: Notify,
}

/// Why the state can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// `SQLite` has failed.
    #[error("the state of the event sources can't be used")]
    Sqlite(#[from] rusqlite::Error),
    /// The operating system gives no random numbers.
    #[error("there are no random numbers")]
    Random(#[from] getrandom::Error),
    /// The program is ending.
    #[error("the program is ending")]
    Ending,
}

/// A message is in flight if it has a receipt and `visible` is in the future. Times are in milliseconds since 1970.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        id TEXT NOT NULL,
        in_group TEXT NOT NULL,
        deduplication TEXT,
        body TEXT NOT NULL,
        attributes TEXT NOT NULL,
        sent INTEGER NOT NULL,
        visible INTEGER NOT NULL,
        receipt TEXT,
        receives INTEGER NOT NULL DEFAULT 0,
        first_received INTEGER,
        dead_in TEXT
    );
    CREATE INDEX IF NOT EXISTS messages_of_queue ON messages (queue, number);
    CREATE INDEX IF NOT EXISTS messages_of_group ON messages (queue, in_group, visible);
    CREATE INDEX IF NOT EXISTS messages_by_age ON messages (queue, sent);
    CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages (queue, visible);
    CREATE TABLE IF NOT EXISTS deduplications (
        queue TEXT NOT NULL,
        deduplication TEXT NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        sent INTEGER NOT NULL,
        PRIMARY KEY (queue, deduplication)
    );
    CREATE INDEX IF NOT EXISTS deduplications_by_age ON deduplications (sent);
    CREATE TABLE IF NOT EXISTS checkpoints (
        mapping TEXT PRIMARY KEY,
        sequence TEXT NOT NULL
    );
";

impl State {
    /// A state that is forgotten when its last clone is dropped.
    ///
    /// # Errors
    /// If `SQLite` fails.
    pub fn memory(now: Now) -> Result<Self, StateError> {
        Self::of(Connection::open_in_memory()?, now)
    }

    /// The state in this file, which is created if it does not exist. No other process may use the file.
    ///
    /// # Errors
    /// If the file can't be used.
    pub fn open(file: &Path, now: Now) -> Result<Self, StateError> {
        let database = Connection::open(file)?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        // A commit survives the end of this process. It may not survive the end of the operating system.
        database.pragma_update(None, "synchronous", "NORMAL")?;
        Self::of(database, now)
    }

    fn of(database: Connection, now: Now) -> Result<Self, StateError> {
        database.execute_batch(SCHEMA)?;
        database.set_prepared_statement_cache_capacity(64);
        Ok(Self(Arc::new(Inner { database: Mutex::new(database), now, changed: Notify::new() })))
    }

    /// Tells everybody who waits that the clock was set. Time that passes by itself needs no such call.
    pub fn clock_was_set(&self) {
        self.0.changed.notify_waiters();
    }

    pub(crate) fn now(&self) -> u64 {
        (self.0.now)()
    }

    /// Notified when a message has become visible, or a group free.
    pub(crate) fn changed(&self) -> &Notify {
        &self.0.changed
    }

    /// Does this in one transaction, on a thread where it may block. The second argument is the current time. What is
    /// refused changes nothing.
    pub(crate) async fn run<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>, u64) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StateError> + Send + 'static,
    {
        let state = self.clone();
        let running = tokio::task::spawn_blocking(move || {
            let mut database = state.0.database.lock().unwrap_or_else(PoisonError::into_inner);
            let failed = |error| E::from(StateError::Sqlite(error));
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            let done = work(&transaction, state.now())?;
            transaction.commit().map_err(failed)?;
            Ok(done)
        });
        running.await.unwrap_or_else(|_| Err(StateError::Ending.into()))
    }

    /// How far a mapping has read its stream: the number of the last record that it need not see again.
    pub(crate) async fn checkpoint(&self, mapping: &str) -> Result<Option<String>, StateError> {
        let mapping = mapping.to_owned();
        self.run(move |state, _| {
            let mut found = state.prepare_cached("SELECT sequence FROM checkpoints WHERE mapping = ?1")?;
            Ok(found.query_row([mapping], |row| row.get(0)).optional()?)
        })
        .await
    }

    pub(crate) async fn set_checkpoint(&self, mapping: &str, sequence: &str) -> Result<(), StateError> {
        let (mapping, sequence) = (mapping.to_owned(), sequence.to_owned());
        self.run(move |state, _| {
            let sql = "INSERT OR REPLACE INTO checkpoints (mapping, sequence) VALUES (?1, ?2)";
            state.prepare_cached(sql)?.execute([mapping, sequence])?;
            Ok(())
        })
        .await
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

/// Random bytes in hexadecimal.
pub(crate) fn random<const BYTES: usize>() -> Result<String, StateError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// A random UUID in its usual form.
pub(crate) fn uuid() -> Result<String, StateError> {
    let hex = random::<16>()?;
    Ok(format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]))
}
