//! A DynamoDB engine in this process.

use std::fs::{File, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, future, io};

use dynoxide::Database;
use rollcall_sources::Stream;
use tokio::sync::oneshot;

use crate::stream::{Keeper, TableRecords};
use crate::{data, front};

/// The file that the engine keeps in its data folder.
const FILE: &str = "dynamodb.sqlite";
/// The files that `SQLite` keeps beside it.
const FILES: [&str; 3] = ["dynamodb.sqlite-wal", "dynamodb.sqlite-shm", "dynamodb.sqlite-journal"];
/// The file that an engine locks while it uses the data folder.
const LOCK: &str = "lock";
/// How often expired items are deleted. DynamoDB takes up to a few days ("Using time to live (TTL) in DynamoDB").
const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// Where the file of an engine without a data folder is, if there is such a folder: in memory, on Linux.
const MEMORY: &str = "/dev/shm";

/// A DynamoDB engine. It serves HTTP on loopback from a thread of its own, because its calls block.
pub struct EmbeddedDynamo {
    address: SocketAddr,
    /// Until the engine is stopped.
    database: Option<Database>,
    stop: Option<oneshot::Sender<()>>,
    /// The lock on the data folder. The operating system releases it even if the process is killed.
    _lock: Option<File>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

/// Why the engine could not be started.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, thiserror::Error)]
pub enum DynamoError {
    /// The data folder can't be created or used.
    #[error("can't use the folder {}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    /// Another engine uses the data folder.
    #[error("another rollcall is using the folder {}", folder.display())]
    InUse { folder: PathBuf },
    /// The database can't be opened.
    #[error("can't open the database")]
    Open(#[source] dynoxide::DynoxideError),
    /// The index or the records of its streams can't be used.
    #[error("can't use the streams of the database")]
    Streams(#[from] rusqlite::Error),
    /// A table has no stream.
    #[error("the table {0} has no stream")]
    NoStream(String),
    /// A socket or the thread of the engine can't be used.
    #[error("can't serve DynamoDB")]
    Serve(#[source] io::Error),
}

impl EmbeddedDynamo {
    /// Serves on this socket. The items are in a file in the folder `data`, which survives a restart; or in memory, if
    /// `data` is `None`.
    ///
    /// # Errors
    /// If the folder, the file or a socket can't be used.
    pub fn start(listener: TcpListener, data: Option<&Path>) -> Result<Self, DynamoError> {
        let (lock, database, keeper) = match data {
            None => {
                let (database, keeper) = forgotten()?;
                (None, database, keeper)
            }
            Some(folder) => {
                let lock = claim(folder)?;
                for file in FILES {
                    data::restrict_file(&folder.join(file)).map_err(|source| unusable(folder, source))?;
                }
                // SQLite creates the files beside this one with the same mode.
                drop(data::open_file(&folder.join(FILE)).map_err(|source| unusable(folder, source))?);
                let (database, keeper) = open(&folder.join(FILE))?;
                (Some(lock), database, keeper)
            }
        };
        let address = listener.local_addr().map_err(DynamoError::Serve)?;
        let hidden = front::hidden().map_err(DynamoError::Serve)?;
        let engine = hidden.local_addr().map_err(DynamoError::Serve)?;
        for listener in [&listener, &hidden] {
            listener.set_nonblocking(true).map_err(DynamoError::Serve)?;
        }
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(DynamoError::Serve)?;
        let served = database.clone();
        let thread = std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listen = |listener| {
                        tokio::net::TcpListener::from_std(listener).map_err(|error: io::Error| error.to_string())
                    };
                    let (listener, hidden) = (listen(listener)?, listen(hidden)?);
                    tokio::select! {
                        () = sweep(served.clone()) => Ok(()),
                        () = keeper.trim() => Ok(()),
                        // The engine's own graceful shutdown would wait until all clients close their connections.
                        _ = stopped => Ok(()),
                        ended = dynoxide::server::serve_with_shutdown(hidden, served, future::pending()) => ended,
                        () = front::serve(listener, engine) => Ok(()),
                    }
                })
            })
            .map_err(DynamoError::Serve)?;
        Ok(Self { address, database: Some(database), stop: Some(stop), _lock: lock, thread: Some(thread) })
    }

    /// Its URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The stream of a table.
    ///
    /// # Errors
    /// If the table has none.
    pub fn stream(&self, table: &str) -> Result<Stream, DynamoError> {
        let stream = self.database.as_ref().and_then(|database| TableRecords::stream(database, table));
        stream.ok_or_else(|| DynamoError::NoStream(table.to_owned()))
    }

    /// Stops the engine, and waits until its file is closed.
    pub fn stop(&mut self) {
        self.stop.take();
        self.database.take();
        if let Some(thread) = self.thread.take() {
            // A failure of the thread has shown as a failure of every request.
            let _ = thread.join();
        }
    }
}

impl Drop for EmbeddedDynamo {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Opens the file of an engine, and what keeps its streams fast and short.
fn open(file: &Path) -> Result<(Database, Keeper), DynamoError> {
    let database = Database::new(&file.to_string_lossy()).map_err(DynamoError::Open)?;
    Ok((database, Keeper::open(file)?))
}

/// A database that is forgotten when the engine ends, however it ends. It is in a file, since an engine in memory can't
/// be given the index that its streams need. The file is deleted at once: it exists as long as it is open.
fn forgotten() -> Result<(Database, Keeper), DynamoError> {
    let unusable = |source| unusable(Path::new(MEMORY), source);
    let mut folder = tempfile::Builder::new();
    folder.prefix("rollcall-");
    let folder = folder.tempdir_in(MEMORY).or_else(|_| folder.tempdir()).map_err(unusable)?;
    let opened = open(&folder.path().join(FILE))?;
    folder.close().map_err(unusable)?;
    Ok(opened)
}

impl fmt::Debug for EmbeddedDynamo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedDynamo").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Deletes expired items at the start and then periodically: in a local cloud that runs for weeks, expired commands
/// must not fill the disk.
async fn sweep(database: Database) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        every.tick().await;
        let database = database.clone();
        // A sweep releases the database after each page of items, so that requests can be served between two pages. It
        // blocks, and so must not run on the thread that serves them. A sweep that fails is repeated at the next tick.
        let _ = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
    }
}

/// Creates the folder if it is missing, and locks it for one engine.
fn claim(folder: &Path) -> Result<File, DynamoError> {
    let unusable = |source| unusable(folder, source);
    data::make_folder(folder, is_ours).map_err(unusable)?;
    let lock = data::open_file(&folder.join(LOCK)).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(DynamoError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Whether a folder is empty or holds the file of an engine.
fn is_ours(folder: &Path) -> bool {
    folder.join(FILE).exists() || std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn unusable(folder: &Path, source: io::Error) -> DynamoError {
    DynamoError::Folder { folder: folder.to_owned(), source }
}
