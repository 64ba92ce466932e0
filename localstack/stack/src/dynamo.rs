//! A DynamoDB engine in this process.

use std::fs::{File, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{future, io};

use dynoxide::Database;
use tokio::sync::oneshot;

use crate::{data, front};

/// The file that the engine keeps in its data folder.
const FILE: &str = "dynamodb.sqlite";
/// The files that `SQLite` keeps beside it.
const FILES: [&str; 3] = ["dynamodb.sqlite-wal", "dynamodb.sqlite-shm", "dynamodb.sqlite-journal"];
/// The file that an engine locks while it uses the data folder.
const LOCK: &str = "lock";
/// How often expired items are deleted. DynamoDB takes up to a few days ("Using time to live (TTL) in DynamoDB").
const SWEEP_EVERY: Duration = Duration::from_mins(10);

/// A DynamoDB engine. It serves HTTP on loopback from a thread of its own, because its calls block.
#[derive(Debug)]
pub struct EmbeddedDynamo {
    address: SocketAddr,
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
        let (lock, database) = match data {
            None => (None, Database::memory()),
            Some(folder) => {
                let lock = claim(folder)?;
                for file in FILES {
                    data::restrict_file(&folder.join(file)).map_err(|source| unusable(folder, source))?;
                }
                // SQLite creates the files beside this one with the same mode.
                drop(data::open_file(&folder.join(FILE)).map_err(|source| unusable(folder, source))?);
                (Some(lock), Database::new(&folder.join(FILE).to_string_lossy()))
            }
        };
        let database = database.map_err(DynamoError::Open)?;
        let address = listener.local_addr().map_err(DynamoError::Serve)?;
        let hidden = front::hidden().map_err(DynamoError::Serve)?;
        let engine = hidden.local_addr().map_err(DynamoError::Serve)?;
        for listener in [&listener, &hidden] {
            listener.set_nonblocking(true).map_err(DynamoError::Serve)?;
        }
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(DynamoError::Serve)?;
        let thread = std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listen = |listener| {
                        tokio::net::TcpListener::from_std(listener).map_err(|error: io::Error| error.to_string())
                    };
                    let (listener, hidden) = (listen(listener)?, listen(hidden)?);
                    tokio::select! {
                        () = sweep(database.clone()) => Ok(()),
                        // The engine's own graceful shutdown would wait until all clients close their connections.
                        _ = stopped => Ok(()),
                        ended = dynoxide::server::serve_with_shutdown(hidden, database, future::pending()) => ended,
                        () = front::serve(listener, engine) => Ok(()),
                    }
                })
            })
            .map_err(DynamoError::Serve)?;
        Ok(Self { address, stop: Some(stop), _lock: lock, thread: Some(thread) })
    }

    /// Its URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops the engine, and waits until its file is closed.
    pub fn stop(&mut self) {
        self.stop.take();
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
