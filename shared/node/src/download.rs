//! Downloads a firmware image into a file. Bytes that the file has already are not downloaded again.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use data_encoding::HEXLOWER;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use rollcall_wire::FirmwareUrl;
use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    time::timeout,
};

use crate::http::{Answer, Origin, text};

/// How much is read or buffered at a time, in bytes: images may be larger than the memory.
const BUFFER_BYTES: usize = 64 * 1024;

/// How a download ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Downloaded {
    /// The image is in this file, and its size and hash are right.
    Complete(PathBuf),
    /// The server refused the URL (HTTP 403). It may have expired.
    Refused,
    /// The download ended early, for this reason. `further`: it added bytes to the file. The file is kept.
    Broken { why: String, further: bool },
    /// The size or the hash is wrong. The file was emptied.
    Wrong(String),
    /// The image can't be stored on this node.
    Impossible(String),
}

/// Why a download ended early.
enum Failure {
    Refused,
    Broken(String),
    Wrong(&'static str),
    Impossible(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Impossible(text(error))
    }
}

/// Downloads an image into `folder`; every other file in it is removed. `limit` is the time for the response to begin,
/// and for each further part of it to arrive.
pub(crate) async fn download(target: FirmwareUrl, folder: PathBuf, limit: Duration) -> Downloaded {
    let path = folder.join(&target.sha256);
    let mut image = match Partial::open(&folder, &path).await {
        Ok(image) => image,
        Err(error) => return Downloaded::Impossible(text(error)),
    };
    let before = image.size;
    let outcome = match image.complete(&target, limit).await {
        Ok(()) => image.verify(&target).await,
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => Downloaded::Complete(path),
        Err(Failure::Refused) => Downloaded::Refused,
        Err(Failure::Broken(why)) => match image.file.flush().await {
            Ok(()) => Downloaded::Broken { why, further: image.size > before },
            Err(error) => Downloaded::Impossible(text(error)),
        },
        Err(Failure::Wrong(why)) => match image.restart().await {
            Ok(()) => Downloaded::Wrong(why.to_owned()),
            Err(error) => Downloaded::Impossible(text(error)),
        },
        Err(Failure::Impossible(why)) => Downloaded::Impossible(why),
    }
}

/// The part of an image that the file has.
struct Partial {
    file: File,
    size: u64,
    hash: Sha256,
}

impl Partial {
    /// Reads what an earlier attempt left in the file, and removes the files of other images.
    async fn open(folder: &Path, path: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder).await?;
        let mut entries = fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            if entry.path() != path {
                fs::remove_file(entry.path()).await?;
            }
        }
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path).await?;
        file.set_max_buf_size(BUFFER_BYTES);
        let mut partial = Self { file, size: 0, hash: Sha256::new() };
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = partial.file.read(&mut buffer).await?;
            if read == 0 {
                return Ok(partial);
            }
            partial.count(&buffer[..read]);
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Empties the file.
    async fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0).await?;
        self.file.rewind().await?;
        (self.size, self.hash) = (0, Sha256::new());
        Ok(())
    }

    /// Downloads the missing bytes.
    async fn complete(&mut self, target: &FirmwareUrl, limit: Duration) -> Result<(), Failure> {
        if self.size >= target.size {
            return Ok(());
        }
        let request = request(target, self.size).map_err(Failure::Impossible)?;
        let mut answer = in_time(limit, ask(&target.url, request)).await?.map_err(Failure::Broken)?;
        match answer.response.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(&answer.response, self.size) => {}
            StatusCode::OK => self.restart().await?,
            StatusCode::FORBIDDEN => return Err(Failure::Refused),
            status => return Err(Failure::Broken(format!("HTTP status {}", status.as_u16()))),
        }
        while let Some(frame) = in_time(limit, answer.response.body_mut().frame()).await? {
            let Ok(bytes) = frame.map_err(|error| Failure::Broken(text(error)))?.into_data() else { continue };
            if bytes.len() as u64 > target.size - self.size {
                return Err(Failure::Wrong("the image is too large"));
            }
            self.file.write_all(&bytes).await?;
            self.count(&bytes);
        }
        if self.size < target.size { Err(Failure::Broken("the download ended too early".to_owned())) } else { Ok(()) }
    }

    async fn verify(&mut self, target: &FirmwareUrl) -> Result<(), Failure> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        if self.size > target.size {
            return Err(Failure::Wrong("the image is too large"));
        }
        let hash = HEXLOWER.encode(&self.hash.clone().finalize());
        if hash == target.sha256 { Ok(()) } else { Err(Failure::Wrong("wrong hash")) }
    }
}

/// The request for the image, from byte `from` on. It does not carry the token, which is not for the server of images.
fn request(target: &FirmwareUrl, from: u64) -> Result<Request<Empty<Bytes>>, String> {
    let uri: Uri = target.url.parse().map_err(text)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::get(path).body(Empty::new()).map_err(text)?;
    if from > 0 {
        let range = HeaderValue::from_str(&format!("bytes={from}-")).map_err(text)?;
        request.headers_mut().insert(header::RANGE, range);
    }
    Ok(request)
}

async fn ask(url: &str, request: Request<Empty<Bytes>>) -> Result<Answer, String> {
    Origin::of(&url.parse().map_err(text)?)?.ask(request).await
}

/// Whether the range of a response begins at the byte that was asked for (RFC 9110, section 14.4).
fn begins_at(response: &Response<Incoming>, from: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

async fn in_time<T>(limit: Duration, step: impl Future<Output = T>) -> Result<T, Failure> {
    timeout(limit, step).await.map_err(|_| Failure::Broken(format!("no data for {limit:?}")))
}
