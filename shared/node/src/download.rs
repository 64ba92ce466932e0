//! Downloads a firmware image, or a delta, into a file. Bytes that the file has already are not downloaded again.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use rollcall_machine::{Downloaded, ImageCheck, ImageFault, ImagePart, Target};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    time::timeout,
};

use crate::http::{Answer, Origin, text};

/// How much is read or buffered at a time, in bytes: images may be larger than the memory.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why a download ended early.
enum Failure {
    Image(ImageFault),
    Broken(String),
    Impossible(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Impossible(text(error))
    }
}

impl From<ImageFault> for Failure {
    fn from(fault: ImageFault) -> Self {
        Self::Image(fault)
    }
}

/// Downloads a file into `folder`; every other file in it is removed, except what is there of the target's image. `limit` is the time for the response to begin,
/// and for each further part of it to arrive.
pub(crate) async fn download(target: Target, folder: PathBuf, limit: Duration) -> Downloaded {
    let path = folder.join(target.name());
    let mut image = match Partial::open(&folder, &path, &target).await {
        Ok(image) => image,
        Err(error) => return Downloaded::Impossible(text(error)),
    };
    match image.obtain(&target, limit).await {
        Ok(()) => Downloaded::Complete(path),
        Err(failure) => image.outcome(failure).await.unwrap_or_else(|error| Downloaded::Impossible(text(error))),
    }
}

/// Removes what is beside a file that is downloaded: a file, or a folder that a program has left there. What can't be removed
/// takes room, and holds nothing up.
async fn remove(entry: &fs::DirEntry) {
    let is_folder = entry.file_type().await.is_ok_and(|kind| kind.is_dir());
    let removed = if is_folder { fs::remove_dir_all(entry.path()).await } else { fs::remove_file(entry.path()).await };
    if let Err(error) = removed {
        tracing::warn!(%error, name = ?entry.file_name(), "a file of an earlier update could not be removed");
    }
}

/// Checks whether a file is the target, and removes it if it is not.
pub(crate) async fn check(target: Target, path: PathBuf) -> Downloaded {
    let checked = async {
        let mut file = Partial { file: File::open(&path).await?, check: ImageCheck::new(&target), before: 0 };
        file.read().await?;
        file.file.sync_all().await?;
        Ok::<_, Failure>(file.check.finish()?)
    };
    let why = match checked.await {
        Ok(()) => return Downloaded::Complete(path),
        Err(Failure::Image(fault)) => fault.to_string(),
        Err(Failure::Broken(why) | Failure::Impossible(why)) => why,
    };
    // A file that can't be removed is in the folder whose other files the next download removes.
    if let Err(error) = fs::remove_file(&path).await {
        tracing::debug!(%error, "what was made of a delta could not be removed");
    }
    Downloaded::Wrong(why)
}

/// The part of an image that the file has.
struct Partial {
    file: File,
    check: ImageCheck,
    /// How many bytes an earlier attempt left in the file.
    before: u64,
}

impl Partial {
    /// Opens the file, and removes the files of other images.
    async fn open(folder: &Path, path: &Path, target: &Target) -> io::Result<Self> {
        let image = folder.join(target.image_name());
        fs::create_dir_all(folder).await?;
        let mut entries = fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            if entry.path() != path && entry.path() != image {
                remove(&entry).await;
            }
        }
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path).await?;
        file.set_max_buf_size(BUFFER_BYTES);
        Ok(Self { file, check: ImageCheck::new(target), before: 0 })
    }

    /// Downloads what is missing in the file, and checks all of it.
    async fn obtain(&mut self, target: &Target, limit: Duration) -> Result<(), Failure> {
        self.read().await?;
        if !self.check.is_complete() {
            self.receive(target, limit).await?;
        }
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(self.check.finish()?)
    }

    /// Reads what an earlier attempt left in the file.
    async fn read(&mut self) -> Result<(), Failure> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = self.file.read(&mut buffer).await?;
            if read == 0 {
                self.before = self.check.taken();
                return Ok(());
            }
            self.check.take(&buffer[..read])?;
        }
    }

    /// Downloads the missing bytes.
    async fn receive(&mut self, target: &Target, limit: Duration) -> Result<(), Failure> {
        let request = request(target, self.check.taken()).map_err(Failure::Impossible)?;
        let mut answer = in_time(limit, ask(&target.url, request)).await?.map_err(Failure::Broken)?;
        let range = answer.response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
        match self.check.part(answer.response.status().as_u16(), range)? {
            ImagePart::Rest => {}
            ImagePart::Whole => self.restart().await?,
        }
        while let Some(frame) = in_time(limit, answer.response.body_mut().frame()).await? {
            let Ok(bytes) = frame.map_err(|error| Failure::Broken(text(error)))?.into_data() else { continue };
            self.check.take(&bytes)?;
            self.file.write_all(&bytes).await?;
        }
        Ok(())
    }

    /// Empties the file.
    async fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0).await?;
        self.file.rewind().await?;
        self.check.restart();
        Ok(())
    }

    /// How a download with this failure ended, once the file is as the outcome says.
    async fn outcome(&mut self, failure: Failure) -> io::Result<Downloaded> {
        let further = self.check.taken() > self.before;
        let outcome = match failure {
            Failure::Image(fault) => fault.outcome(further),
            Failure::Broken(why) => Downloaded::Broken { why, further },
            Failure::Impossible(why) => Downloaded::Impossible(why),
        };
        match outcome {
            Downloaded::Broken { .. } => self.file.flush().await?,
            Downloaded::Wrong(_) => self.restart().await?,
            Downloaded::Complete(_) | Downloaded::Refused | Downloaded::Impossible(_) => {}
        }
        Ok(outcome)
    }
}

/// The request for the file, from byte `from` on. It does not carry the token, which is not for the server of images.
fn request(target: &Target, from: u64) -> Result<Request<Empty<Bytes>>, String> {
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

async fn in_time<T>(limit: Duration, step: impl Future<Output = T>) -> Result<T, Failure> {
    timeout(limit, step).await.map_err(|_| Failure::Broken(format!("no data for {limit:?}")))
}
