//! An S3 in the test's process, on a folder: it checks signatures and hashes as S3 does.

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// An S3 with one bucket, and one who may use it.
#[derive(Debug)]
pub struct S3 {
    /// Where it is.
    pub url: String,
    folder: TempDir,
}

impl S3 {
    /// The bucket.
    pub const BUCKET: &str = "images";
    /// The name of whoever may use it.
    pub const ACCESS_KEY: &str = "somebody";
    /// The secret that goes with the name.
    pub const SECRET_KEY: &str = "a secret that signs";

    /// Serves one until the test ends.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(Self::BUCKET)).expect("a bucket");
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a file system"));
        service.set_auth(SimpleAuth::from_single(Self::ACCESS_KEY, Self::SECRET_KEY));
        let service = service.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
            }
        });
        Self { url, folder }
    }

    /// What is in an object; nothing if there is none.
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join(Self::BUCKET).join(key)).ok()
    }
}
