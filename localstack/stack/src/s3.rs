//! An S3 in this process, for firmware images: it checks signatures and expiry as S3 does.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rollcall_aws::{LOCAL_CREDENTIALS, LOCAL_REGION, SignError, local_credentials, presign};
use rollcall_core::Timestamp;
use rollcall_gateway::is_stranger;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{HttpError, HttpResponse};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::data;

/// The folder that buckets are kept in, below the data folder.
const FOLDER: &str = "s3";
/// How long a request that makes a bucket may be under way, in seconds.
const PATIENCE_S: u32 = 60;
/// How long a connection may be without a whole request.
const IDLE: Duration = Duration::from_secs(75);

/// An S3, serving HTTP on loopback.
#[derive(Debug)]
pub struct EmbeddedS3 {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Where buckets are, if they go with it.
    _temporary: Option<TempDir>,
}

/// An S3 that does not start, or a bucket that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// Its folder can't be made or used.
    #[error("can't use the folder {}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Its folder is not what the server takes.
    #[error("can't serve S3 from its folder: {0}")]
    Server(String),
    /// Its socket can't be used.
    #[error("can't serve S3")]
    Serve(#[source] std::io::Error),
    /// The request for a bucket can't be made.
    #[error("can't ask for a bucket")]
    Sign(#[from] SignError),
    /// Nobody answers to it.
    #[error("S3 can't be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bucket is refused.
    #[error("S3 answers {status} to a new bucket {bucket}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Which bucket.
        bucket: String,
    },
}

impl EmbeddedS3 {
    /// Serves on this socket: from a folder below `data`, or from one that goes with it; with this bucket.
    ///
    /// # Errors
    /// If the folder can't be used.
    pub fn start(listener: TcpListener, data: Option<&Path>, bucket: &str) -> Result<Self, S3Error> {
        let temporary = match data {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(|source| unusable(&std::env::temp_dir(), source))?),
        };
        let folder = match (data, &temporary) {
            (Some(data), _) => data.join(FOLDER),
            (None, temporary) => temporary.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default(),
        };
        data::make_folder(&folder.join(bucket), |_| true).map_err(|source| unusable(&folder, source))?;
        data::restrict_all(&folder).map_err(|source| unusable(&folder, source))?;
        let files = FileSystem::new(&folder).map_err(|error| S3Error::Server(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(LOCAL_CREDENTIALS, LOCAL_CREDENTIALS));
        let address = listener.local_addr().map_err(S3Error::Serve)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(S3Error::Serve)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let served = Served { service: service.build(), folder: folder.into() };
        tasks.spawn(serve(listener, served, stop.clone(), tasks.clone()));
        Ok(Self { address, stop, tasks, _temporary: temporary })
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it, and waits until nobody uses its folder.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for EmbeddedS3 {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What every connection is served with.
#[derive(Clone)]
struct Served {
    service: S3Service,
    folder: Arc<Path>,
}

impl Served {
    async fn respond(self, request: Request<Incoming>) -> Result<HttpResponse, HttpError> {
        // Pages of any origin can reach what listens here; programs on this machine have no origin.
        if is_stranger(request.headers(), request.uri()) {
            let mut refusal = HttpResponse::new(s3s::Body::empty());
            *refusal.status_mut() = StatusCode::FORBIDDEN;
            return Ok(refusal);
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let answer = Service::call(&self.service, request).await;
        if !reads {
            // What it made, it made as the system's default has it.
            let restricted = tokio::task::spawn_blocking(move || data::restrict_all(&self.folder)).await;
            if let Ok(Err(error)) = restricted {
                tracing::warn!(%error, "files of S3 may be readable by others");
            }
        }
        answer
    }
}

async fn serve(listener: tokio::net::TcpListener, served: Served, stop: CancellationToken, tasks: TaskTracker) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            // One that was gone before it was let in, or no file descriptor is left.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (served, stop) = (served.clone(), stop.clone());
        tasks.spawn(async move {
            let service = service_fn(move |request| served.clone().respond(request));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(IDLE);
            // How a client breaks off shows at the client.
            let _ = stop.run_until_cancelled(http.serve_connection(TokioIo::new(stream), service)).await;
        });
    }
}

/// Makes a bucket at an S3 on this machine, unless it is there.
///
/// # Errors
/// If it does not.
pub async fn create_bucket(endpoint: &str, bucket: &str, now: Timestamp) -> Result<(), S3Error> {
    let url = format!("{}/{bucket}", endpoint.trim_end_matches('/'));
    let url = presign("PUT", &url, LOCAL_REGION, local_credentials(), now, PATIENCE_S)?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let request = http::Request::put(url).body(Empty::new()).map_err(|error| S3Error::Unreachable(error.into()))?;
    let answer = client.request(request).await.map_err(|error| S3Error::Unreachable(error.into()))?;
    match answer.status().as_u16() {
        // 409: it is there, and ours.
        200 | 409 => Ok(()),
        status => Err(S3Error::Refused { status, bucket: bucket.to_owned() }),
    }
}

fn unusable(folder: &Path, source: std::io::Error) -> S3Error {
    S3Error::Folder { folder: folder.to_owned(), source }
}
