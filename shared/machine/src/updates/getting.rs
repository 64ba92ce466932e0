//! How the node gets a firmware image: it asks for the URL and then downloads the image. Or it downloads a delta, of which
//! the program makes the image; if that fails in whatever way, the image is downloaded.

use std::{path::PathBuf, time::Duration};

use rand::Rng;
use rollcall_wire::FirmwareUrl;

use super::VERSION_BYTES;
use super::due::Due;
use crate::{
    delta::{DeltaFile, made_of},
    download::Downloaded,
    firmware::Image,
    hash::is_sha256,
    schedule::full_jitter,
    target::Target,
    timing::Timing,
};

/// How often in a row the URL is asked for again, or the download begun again, without any progress.
const RETRIES: u32 = 8;

/// The same for the download of a delta. Nothing is downloaded while the node has no connection, so where this fails three
/// times more, it is the delta that is not there, and the image may be.
const DELTA_RETRIES: u32 = 3;

/// The update fails when this many complete images had a wrong size or hash. The first one may be wrong because the
/// file of an earlier download is damaged.
const WRONG: u32 = 2;

const SILENT: &str = "the server sent no download URL";
const UNANSWERED: &str = "the program has made no image in time";
const REFUSED: &str = "the download URL was refused";

/// What a download or a check has brought.
#[derive(Debug)]
pub(super) enum Got {
    Nothing,
    /// A step that is due at once.
    Due(Box<Due>),
    /// The delta. That the image is about to be made of it is to be recorded first: making it may end the run.
    Delta,
    Image(Image),
}

/// A version whose image is not complete yet.
#[derive(Debug)]
pub(super) struct Getting {
    pub(super) version: String,
    /// The version whose image the program has; `None` once the node gets the image itself.
    base: Option<String>,
    /// The URL of the image, and when it expires. It has a delta only if that is to be downloaded.
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
    /// That the program is to make the image of the delta in this file is not recorded yet.
    Recording(PathBuf),
    /// The program makes the image of the delta in this file, and is to have answered by then.
    Making {
        delta: PathBuf,
        by: Duration,
    },
    /// What the program has made is checked.
    Checking,
}

impl Getting {
    pub(super) fn new(now: Duration, version: &str, base: Option<String>) -> Self {
        let base = base.filter(|base| base != version && base.len() <= VERSION_BYTES);
        let step = Step::Wait { at: now };
        Self { version: version.to_owned(), base, url: None, failures: 0, wrong: 0, step }
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self.step, Step::Asked { .. })
    }

    /// Whether the program makes the image, or what it has made is checked.
    pub(super) fn is_making(&self) -> bool {
        matches!(self.step, Step::Recording(_) | Step::Making { .. } | Step::Checking)
    }

    /// When the next step is due, if it waits for a time.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.step {
            Step::Wait { at } | Step::Asked { by: at } | Step::Making { by: at, .. } => Some(at),
            Step::Located | Step::Downloading | Step::Recording(_) | Step::Checking => None,
        }
    }

    /// The next step that is due, if any. `Err`: why the image can't be obtained.
    pub(super) fn next(&mut self, timing: &Timing, rng: &mut impl Rng, now: Duration) -> Result<Option<Due>, String> {
        let fresh = match self.step {
            Step::Wait { at } if now >= at => false,
            Step::Located => true,
            Step::Asked { by } if now >= by => return self.retry(timing, rng, now, SILENT).map(|()| None),
            Step::Making { by, .. } if now >= by => return Ok(Some(self.whole(now, UNANSWERED.to_owned()))),
            _ => return Ok(None),
        };
        Ok(Some(match &self.url {
            Some((url, until)) if fresh || now < *until => {
                self.step = Step::Downloading;
                let target = if let Some(delta) = &url.delta {
                    Target::delta(url, delta)
                } else {
                    self.base = None;
                    Target::image(url)
                };
                Due::Download { image: url.clone(), target }
            }
            _ => {
                self.step = Step::Asked { by: now + timing.answer_timeout };
                Due::Ask { version: self.version.clone(), from: self.base.clone() }
            }
        }))
    }

    /// The server sent the URL of an image. `Err`: why it can't be used.
    pub(super) fn located(&mut self, now: Duration, mut url: FirmwareUrl) -> Result<(), String> {
        if url.version != self.version || !self.is_asking() {
            return Ok(());
        }
        // The hash becomes the name of a file, so it must be checked before it is used.
        if !is_sha256(&url.sha256) {
            return Err("the SHA-256 is not valid".to_owned());
        }
        url.delta.take_if(|delta| {
            self.base.as_ref() != Some(&delta.from) || !is_sha256(&delta.sha256) || delta.size >= url.size
        });
        let until = now + Duration::from_secs(url.expires_in_s.into());
        self.url = Some((url, until));
        self.step = Step::Located;
        Ok(())
    }

    /// A download or a check ended with this outcome. `Err`: why the image can't be obtained.
    pub(super) fn downloaded(
        &mut self,
        timing: &Timing,
        rng: &mut impl Rng,
        now: Duration,
        outcome: Downloaded,
    ) -> Result<Got, String> {
        let Some((url, _)) = &self.url else { return Ok(Got::Nothing) };
        match (&self.step, &url.delta, outcome) {
            (Step::Downloading, None, Downloaded::Complete(path)) | (Step::Checking, _, Downloaded::Complete(path)) => {
                let signature = url.signature.clone();
                Ok(Got::Image(Image { version: self.version.clone(), path, signature }))
            }
            (Step::Downloading, Some(_), Downloaded::Complete(path)) => {
                self.step = Step::Recording(path);
                Ok(Got::Delta)
            }
            // The connection may be to blame for a download that breaks.
            (Step::Downloading, Some(_), Downloaded::Broken { why, further }) => {
                Ok(match self.resume(timing, rng, now, &why, further) {
                    Ok(()) => Got::Nothing,
                    Err(why) => Got::Due(Box::new(self.whole(now, why))),
                })
            }
            (Step::Downloading, Some(_), failed) | (Step::Checking, _, failed) => {
                Ok(Got::Due(Box::new(self.whole(now, reason(failed)))))
            }
            (Step::Downloading, None, failed) => self.failed(timing, rng, now, failed).map(|()| Got::Nothing),
            _ => Ok(Got::Nothing),
        }
    }

    /// It is recorded that the program is to make the image; or it could not be. Returns the step that is due.
    pub(super) fn kept(
        &mut self,
        timing: &Timing,
        now: Duration,
        attempt: u32,
        kept: &Result<(), String>,
    ) -> Option<Due> {
        let Step::Recording(path) = &self.step else { return None };
        let (path, (url, _)) = (path.clone(), self.url.as_ref()?);
        if let Err(why) = kept {
            return Some(self.whole(now, format!("not recorded: {why}")));
        }
        let from = url.delta.as_ref()?.from.clone();
        let file = DeltaFile { version: self.version.clone(), from, path: path.clone(), size: url.size, attempt };
        self.step = Step::Making { delta: path, by: now + timing.make_timeout };
        Some(Due::Make(file))
    }

    /// The program has made an image of the delta, or could not. Returns the step that is due.
    pub(super) fn made(&mut self, now: Duration, outcome: Result<(), String>) -> Option<Due> {
        let (Step::Making { delta, .. }, Some((url, _))) = (&self.step, &self.url) else { return None };
        Some(match outcome {
            Ok(()) => {
                let (target, file) = (Target::image(url), made_of(delta));
                self.step = Step::Checking;
                Due::Check { target, file }
            }
            Err(why) => self.whole(now, why),
        })
    }

    /// The delta is of no use. The image is downloaded, and no other delta is tried.
    fn whole(&mut self, now: Duration, why: String) -> Due {
        (self.base, self.failures, self.step) = (None, 0, Step::Wait { at: now });
        if let Some((url, _)) = &mut self.url {
            url.delta = None;
        }
        Due::Whole { version: self.version.clone(), why }
    }

    /// The download of the image has failed. `Err`: it is not tried again.
    fn failed(
        &mut self,
        timing: &Timing,
        rng: &mut impl Rng,
        now: Duration,
        outcome: Downloaded,
    ) -> Result<(), String> {
        match outcome {
            Downloaded::Complete(_) => Ok(()),
            Downloaded::Refused => {
                self.url = None;
                self.retry(timing, rng, now, REFUSED)
            }
            Downloaded::Broken { why, further } => self.resume(timing, rng, now, &why, further),
            Downloaded::Wrong(why) => {
                self.wrong += 1;
                if self.wrong >= WRONG {
                    return Err(why);
                }
                self.step = Step::Wait { at: now };
                Ok(())
            }
            Downloaded::Impossible(why) => Err(why),
        }
    }

    /// A download broke. It goes on after a while.
    fn resume(
        &mut self,
        timing: &Timing,
        rng: &mut impl Rng,
        now: Duration,
        why: &str,
        further: bool,
    ) -> Result<(), String> {
        if further {
            self.failures = 0;
        }
        let is_delta = self.url.as_ref().is_some_and(|(url, _)| url.delta.is_some());
        if is_delta && self.failures >= DELTA_RETRIES {
            return Err(why.to_owned());
        }
        self.retry(timing, rng, now, why)
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

/// Why a download or a check has brought nothing, for people.
fn reason(outcome: Downloaded) -> String {
    match outcome {
        Downloaded::Complete(_) => String::new(),
        Downloaded::Refused => REFUSED.to_owned(),
        Downloaded::Broken { why, .. } | Downloaded::Wrong(why) | Downloaded::Impossible(why) => why,
    }
}
