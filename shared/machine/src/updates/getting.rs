//! How the node gets a firmware image: it asks for the URL and then downloads the image.

use std::time::Duration;

use rand::Rng;
use rollcall_wire::FirmwareUrl;

use super::due::Due;
use crate::{download::Downloaded, firmware::Image, hash::is_sha256, schedule::full_jitter, timing::Timing};

/// How often in a row the URL is asked for again, or the download begun again, without any progress.
const RETRIES: u32 = 8;

/// The update fails when this many complete images had a wrong size or hash. The first one may be wrong because the
/// file of an earlier download is damaged.
const WRONG: u32 = 2;

const SILENT: &str = "the server sent no download URL";
const REFUSED: &str = "the download URL was refused";

/// A version whose image is not complete yet.
#[derive(Debug)]
pub(super) struct Getting {
    pub(super) version: String,
    /// The URL of the image, and when it expires.
    url: Option<(FirmwareUrl, Duration)>,
    failures: u32,
    wrong: u32,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Wait {
        at: Duration,
    },
    Asked {
        by: Duration,
    },
    /// The URL is new. It is used even if it expires at once.
    Located,
    Downloading,
}

impl Getting {
    pub(super) fn new(now: Duration, version: &str) -> Self {
        let step = Step::Wait { at: now };
        Self { version: version.to_owned(), url: None, failures: 0, wrong: 0, step }
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self.step, Step::Asked { .. })
    }

    /// When the next step is due, if it waits for a time.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.step {
            Step::Wait { at } | Step::Asked { by: at } => Some(at),
            Step::Located | Step::Downloading => None,
        }
    }

    /// The next step that is due, if any. `Err`: why the image can't be obtained.
    pub(super) fn next(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration) -> Result<Option<Due>, String> {
        let fresh = match self.step {
            Step::Wait { at } if now >= at => false,
            Step::Located => true,
            Step::Asked { by } if now >= by => return self.retry(timing, rng, now, SILENT).map(|()| None),
            _ => return Ok(None),
        };
        Ok(Some(match &self.url {
            Some((url, until)) if fresh || now < *until => {
                self.step = Step::Downloading;
                Due::Download(url.clone())
            }
            _ => {
                self.step = Step::Asked { by: now + timing.answer_timeout };
                Due::Ask { version: self.version.clone() }
            }
        }))
    }

    /// The server sent the URL of an image. `Err`: why it can't be used.
    pub(super) fn located(&mut self, now: Duration, url: FirmwareUrl) -> Result<(), String> {
        if url.version != self.version || !self.is_asking() {
            return Ok(());
        }
        // The hash becomes the name of a file, so it must be checked before it is used.
        if !is_sha256(&url.sha256) {
            return Err("the SHA-256 is not valid".to_owned());
        }
        let until = now + Duration::from_secs(url.expires_in_s.into());
        self.url = Some((url, until));
        self.step = Step::Located;
        Ok(())
    }

    /// A download ended with this outcome. Returns the image if it is complete. `Err`: why it can't be obtained.
    pub(super) fn downloaded(
        &mut self,
        timing: &Timing,
        rng: &mut impl Rng,
        now: Duration,
        outcome: Downloaded,
    ) -> Result<Option<Image>, String> {
        let Some((url, _)) = self.url.as_ref().filter(|_| matches!(self.step, Step::Downloading)) else {
            return Ok(None);
        };
        match outcome {
            Downloaded::Complete(path) => {
                let signature = url.signature.clone();
                return Ok(Some(Image { version: self.version.clone(), path, signature }));
            }
            Downloaded::Refused => {
                self.url = None;
                self.retry(timing, rng, now, REFUSED)?;
            }
            Downloaded::Broken { why, further } => {
                if further {
                    self.failures = 0;
                }
                self.retry(timing, rng, now, &why)?;
            }
            Downloaded::Wrong(why) => {
                self.wrong += 1;
                if self.wrong >= WRONG {
                    return Err(why);
                }
                self.step = Step::Wait { at: now };
            }
            Downloaded::Impossible(why) => return Err(why),
        }
        Ok(None)
    }

    fn retry(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration, why: &str) -> Result<(), String> {
        if self.failures >= RETRIES {
            return Err(why.to_owned());
        }
        let delay = full_jitter(rng, timing.backoff_base, timing.backoff_cap, self.failures);
        self.failures += 1;
        self.step = Step::Wait { at: now + delay };
        Ok(())
    }
}
