//! Large files: hashed and uploaded to S3, a chunk at a time.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::{Stream, TryStreamExt as _};
use http::StatusCode;
use http_body_util::{BodyExt as _, Collected, Limited, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::{Client as HyperClient, ResponseFuture};
use hyper_util::rt::TokioExecutor;
use rollcall_aws::{Bucket, Environment, SignError};
use rollcall_service::chain;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::table::clean;
use super::{https, input};
use crate::clock;
use crate::local::Local;
use crate::problem::Problem;
use crate::progress::Progress;

/// How much of a file is read at once, in bytes.
const CHUNK: usize = 256 * 1024;
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_mins(1);
/// How much is read of what S3 says against an upload, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// The SHA-256 of a file, in lower-case hexadecimal.
///
/// # Errors
/// If it can't be read.
pub(super) async fn sha256(file: &Path) -> Result<String, Problem> {
    let mut chunks = std::pin::pin!(chunks(file, "hashed", Arc::default()).await?);
    let mut hash = Sha256::new();
    while let Some(chunk) = chunks.try_next().await.map_err(|error| unreadable(file, &error))? {
        hash.update(&chunk);
    }
    Ok(HEXLOWER.encode(&hash.finalize()))
}

/// A bucket to upload to.
pub(super) struct S3 {
    name: String,
    bucket: Bucket,
}

impl S3 {
    /// The one with this name, at this endpoint or where the environment says.
    ///
    /// # Errors
    /// If the environment does not say enough.
    pub(super) fn find(name: &str, endpoint: Option<String>) -> Result<Self, Problem> {
        let bucket = Bucket::find(&Environment, name.to_owned(), endpoint)
            .map_err(|error| Problem::with_advice(&error, "set it to the region of the bucket"))?;
        Ok(Self { name: name.to_owned(), bucket })
    }

    /// The one of a local cloud.
    pub(super) fn of(local: Local) -> Self {
        let Local { bucket, s3_url } = local;
        Self { name: bucket.clone(), bucket: Bucket::local(bucket, s3_url) }
    }

    /// Uploads a file of this size as this object. Its hash is signed: S3 refuses anything else.
    ///
    /// # Errors
    /// If it can't be read, or S3 can't be reached or refuses it.
    pub(super) async fn upload(
        &self,
        file: &Path,
        (object_key, size, sha256): (&str, u64, &str),
    ) -> Result<(), Problem> {
        let signed = self.bucket.put(object_key, size, sha256, clock::now()).await;
        let request = signed.map_err(|error| unsigned(&error))?;
        let https = request.uri().scheme_str() == Some("https");
        let http = HyperClient::builder(TokioExecutor::new()).build(https::connector(https)?);
        let sent = Arc::<AtomicU64>::default();
        let body = StreamBody::new(chunks(file, "uploaded", Arc::clone(&sent)).await?.map_ok(Frame::data));
        let (status, answer) = self.exchange(http.request(request.map(|()| body)), &sent).await?;
        if status.is_success() { Ok(()) } else { Err(self.refused(file, status, &answer)) }
    }

    /// Waits for the answer for as long as something happens.
    async fn exchange(&self, mut answer: ResponseFuture, sent: &AtomicU64) -> Result<(StatusCode, Bytes), Problem> {
        let answer = loop {
            let before = sent.load(Ordering::Relaxed);
            match tokio::time::timeout(PATIENCE, &mut answer).await {
                Ok(answer) => break answer,
                Err(_) if sent.load(Ordering::Relaxed) > before => {}
                Err(_) => return Err(self.failed("S3 takes no more and says nothing")),
            }
        };
        let (head, body) = answer.map_err(|error| self.failed(&chain(&error)))?.into_parts();
        let body = tokio::time::timeout(PATIENCE, Limited::new(body, ANSWER_BYTES).collect()).await;
        // The status says enough, if the rest does not come.
        Ok((head.status, body.ok().and_then(Result::ok).map(Collected::to_bytes).unwrap_or_default()))
    }

    fn failed(&self, why: &str) -> Problem {
        let name = &self.name;
        Problem::new(format!("the upload to {name} failed ({why}): is S3 there? (--s3-endpoint-url); if so, try again"))
    }

    /// What S3 says against it (Amazon S3 API Reference, "Error responses").
    fn refused(&self, file: &Path, status: StatusCode, answer: &[u8]) -> Problem {
        let answer = String::from_utf8_lossy(answer);
        let code = answer.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        let code = code.map_or_else(|| format!("HTTP {status}"), |(code, _)| clean(code));
        let (name, file) = (&self.name, input::name(file));
        Problem::new(match (status, &*code) {
            (_, "NoSuchBucket") => format!("there is no bucket {name} there: is it the right S3? (--s3-endpoint-url)"),
            (_, "BadDigest" | "XAmzContentSHA256Mismatch" | "IncompleteBody") => {
                format!("{file} changed while it was uploaded ({code}): run the command again")
            }
            (StatusCode::FORBIDDEN, _) => format!(
                "S3 refuses the upload to {name} ({code}): AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be of \
                 somebody who may put objects there"
            ),
            (StatusCode::BAD_REQUEST | StatusCode::MOVED_PERMANENTLY | StatusCode::TEMPORARY_REDIRECT, _) => {
                format!("S3 does not take the upload to {name} ({code}): is AWS_REGION the region of the bucket?")
            }
            _ => format!("S3 does not take the upload to {name} ({code}): try again a little later"),
        })
    }
}

/// A file, whose bytes are counted as they are taken. How far that has come is said, if it takes a while.
async fn chunks(
    file: &Path,
    what: &'static str,
    taken: Arc<AtomicU64>,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, Problem> {
    let opened = File::open(file).await.map_err(|error| unreadable(file, &error))?;
    let size = opened.metadata().await.map_err(|error| unreadable(file, &error))?.len();
    let name = input::name(file);
    let mut progress = Progress::start();
    Ok(ReaderStream::with_capacity(opened, CHUNK).inspect_ok(move |chunk| {
        let chunk = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        let taken = taken.fetch_add(chunk, Ordering::Relaxed).saturating_add(chunk);
        progress.say(|| format!("{name}: {what} {} %", taken.saturating_mul(100) / size.max(1)));
    }))
}

fn unreadable(file: &Path, error: &io::Error) -> Problem {
    Problem::new(format!("{} can't be read: {error}", input::name(file)))
}

fn unsigned(error: &SignError) -> Problem {
    match error {
        SignError::Credentials(_) => Problem::with_advice(error, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        SignError::Request(_) => Problem::with_advice(error, "is it the right S3? (--s3-endpoint-url)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_s3_says_against_an_upload_becomes_advice() {
        let lookup = |name: &str| (name == "AWS_REGION").then(|| "eu-west-1".to_owned());
        let bucket = Bucket::find(&lookup, "images".to_owned(), None).expect("a region");
        let s3 = S3 { name: "images".to_owned(), bucket };
        for (status, code, advice) in [
            (404, "NoSuchBucket", "there is no bucket images there"),
            (400, "XAmzContentSHA256Mismatch", "ax.bin changed while it was uploaded"),
            (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
            (301, "PermanentRedirect", "is AWS_REGION the region of the bucket?"),
            (500, "InternalError", "try again a little later"),
        ] {
            let answer = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>");
            let status = StatusCode::from_u16(status).expect("a status");
            let problem = s3.refused(Path::new("ax.bin"), status, answer.as_bytes()).to_string();
            assert!(problem.contains(advice), "{problem}");
        }
    }
}
