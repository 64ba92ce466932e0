//! An S3 server in this process, for firmware images. It checks the signature and the expiry of a request as S3 does.

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

/// The folder of the buckets in the data folder.
const FOLDER: &str = "s3";
/// How long the signed URL that creates a bucket is valid, in seconds.
const URL_LIFETIME_S: u32 = 60;
/// How long a connection may wait for the complete head of its next request.
const IDLE: Duration = Duration::from_secs(75);

/// An S3 server. It serves HTTP on loopback.
#[derive(Debug)]
pub struct EmbeddedS3 {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// The folder of the buckets, if it is deleted with the server.
    _temporary: Option<TempDir>,
}

/// Why the S3 server could not be started, or a bucket not be created.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// The folder of the buckets can't be created or used.
    #[error("can't use the folder {}", folder.display())]
    Folder { folder: PathBuf, source: std::io::Error },
    /// The S3 library can't use the folder.
    #[error("can't serve S3 from its folder: {0}")]
    Server(String),
    /// The socket can't be used.
    #[error("can't serve S3")]
    Serve(#[source] std::io::Error),
    /// The request that creates a bucket can't be signed.
    #[error("can't sign the request for a bucket")]
    Sign(#[from] SignError),
    /// S3 does not answer the request that creates a bucket.
    #[error("S3 can't be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// S3 does not create the bucket.
    #[error("S3 refused to create the bucket {bucket}: status {status}")]
    Refused {
        /// The HTTP status of its answer.
        status: u16,
        bucket: String,
    },
}

impl EmbeddedS3 {
    /// Serves on this socket, with this bucket. The objects are in a folder below `data`; or in a temporary folder that
    /// is deleted with the server, if `data` is `None`.
    ///
    /// # Errors
    /// If the folder or the socket can't be used.
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

    /// Its URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops the server, and waits until no connection uses its folder.
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

/// The service of every connection.
#[derive(Clone)]
struct Served {
    service: S3Service,
    folder: Arc<Path>,
}

impl Served {
    async fn respond(self, request: Request<Incoming>) -> Result<HttpResponse, HttpError> {
        // A web page of any origin can make a browser send requests here. Programs on this machine send no origin.
        if is_stranger(request.headers(), request.uri()) {
            let mut refusal = HttpResponse::new(s3s::Body::empty());
            *refusal.status_mut() = StatusCode::FORBIDDEN;
            return Ok(refusal);
        }
        let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let answer = Service::call(&self.service, request).await;
        if !only_reads {
            // The S3 library creates files and folders with the default permissions of the process.
            let restricted = tokio::task::spawn_blocking(move || data::restrict_all(&self.folder)).await;
            if let Ok(Err(error)) = restricted {
                tracing::warn!(%error, "other users may be able to read the files of the embedded S3");
            }
        }
        answer
    }
}

async fn serve(listener: tokio::net::TcpListener, served: Served, stop: CancellationToken, tasks: TaskTracker) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            // The client has gone already, or the process has no free file descriptor.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (served, stop) = (served.clone(), stop.clone());
        tasks.spawn(async move {
            let service = service_fn(move |request| served.clone().respond(request));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(IDLE);
            // The client sees for itself that its connection has failed.
            let _ = stop.run_until_cancelled(http.serve_connection(TokioIo::new(stream), service)).await;
        });
    }
}

/// Creates a bucket in an S3 on this machine, unless it exists.
///
/// # Errors
/// If S3 can't be reached or does not create it.
pub async fn create_bucket(endpoint: &str, bucket: &str, now: Timestamp) -> Result<(), S3Error> {
    let url = format!("{}/{bucket}", endpoint.trim_end_matches('/'));
    let url = presign("PUT", &url, LOCAL_REGION, local_credentials(), now, URL_LIFETIME_S)?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let request = http::Request::put(url).body(Empty::new()).map_err(|error| S3Error::Unreachable(error.into()))?;
    let answer = client.request(request).await.map_err(|error| S3Error::Unreachable(error.into()))?;
    match answer.status().as_u16() {
        // 409: the bucket exists and has the same owner.
        200 | 409 => Ok(()),
        status => Err(S3Error::Refused { status, bucket: bucket.to_owned() }),
    }
}

fn unusable(folder: &Path, source: std::io::Error) -> S3Error {
    S3Error::Folder { folder: folder.to_owned(), source }
}
