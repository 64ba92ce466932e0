//! Getting a configuration's document: from the news, over HTTP, or by asking again.

use std::time::Duration;

use rand::Rng;
use rollcall_wire::{ConfigNews, DOCUMENT_BYTES, Document};

use super::{Due, RETRIES};
use crate::{Configuration, FetchError, Timing, fetch::is_sha256, schedule::full_jitter};

const WRONG_HASH: &str = "wrong hash";

/// A configuration whose document is not there yet, or was not handed to the program yet.
#[derive(Debug)]
pub(super) struct Getting {
    pub(super) version: u64,
    sha256: String,
    /// How often the server was asked again.
    pub(super) asked: u32,
    /// How many fetches failed.
    failures: u32,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Ask,
    /// The answer is awaited. If it is lost, the next ack brings the news as well.
    Asked,
    Fetch {
        at: Duration,
    },
    Fetching,
    /// It is complete.
    Have(Document),
}

impl Getting {
    /// Begins with what the server said, or goes on after having asked again; `Err`: why it is rejected.
    pub(super) fn begun(now: Duration, news: ConfigNews, asked: u32) -> Result<Self, String> {
        let ConfigNews { version, sha256, document } = news;
        // The hash becomes part of a path.
        let is_hash = is_sha256(&sha256);
        let mut begun = Self { version, sha256, asked, failures: 0, step: Step::Fetch { at: now } };
        match document {
            Some(text) => begun.verify(text)?,
            None if is_hash => {}
            None => begun.ask_again()?,
        }
        Ok(begun)
    }

    /// Whether this news is what the server was asked for again.
    pub(super) fn is_answered_by(&self, news: &ConfigNews) -> bool {
        news.version == self.version && matches!(self.step, Step::Ask | Step::Asked)
    }

    /// When there is something to do next.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.step {
            Step::Fetch { at } => Some(at),
            _ => None,
        }
    }

    /// What is due, if anything.
    pub(super) fn next(&mut self, now: Duration) -> Option<Due> {
        match &self.step {
            Step::Ask => {
                self.step = Step::Asked;
                Some(Due::Ask)
            }
            Step::Fetch { at } if now >= *at => {
                self.step = Step::Fetching;
                Some(Due::Fetch { version: self.version, sha256: self.sha256.clone() })
            }
            Step::Have(document) => Some(Due::Apply(Configuration {
                version: self.version,
                sha256: self.sha256.clone(),
                document: document.text().to_owned(),
            })),
            Step::Asked | Step::Fetch { .. } | Step::Fetching => None,
        }
    }

    /// How a fetch ended; `Err`: why the configuration is rejected.
    pub(super) fn fetched(
        &mut self,
        timing: &Timing,
        rng: &mut impl Rng,
        now: Duration,
        outcome: Result<String, FetchError>,
    ) -> Result<(), String> {
        if !matches!(self.step, Step::Fetching) {
            return Ok(());
        }
        let why = match outcome {
            Ok(text) if text.len() <= DOCUMENT_BYTES => return self.verify(text),
            Ok(_) => format!("it has more than {DOCUMENT_BYTES} bytes"),
            Err(error @ FetchError::NoUrl) => return Err(error.to_string()),
            Err(error) => error.to_string(),
        };
        if self.failures >= RETRIES {
            return Err(format!("could not be fetched: {why}"));
        }
        let delay = full_jitter(rng, timing.backoff_base, timing.backoff_cap, self.failures);
        self.failures += 1;
        self.step = Step::Fetch { at: now + delay };
        Ok(())
    }

    fn verify(&mut self, text: String) -> Result<(), String> {
        match Document::verify(text, &self.sha256) {
            Ok(document) => self.step = Step::Have(document),
            Err(_) => self.ask_again()?,
        }
        Ok(())
    }

    fn ask_again(&mut self) -> Result<(), String> {
        if self.asked >= RETRIES {
            return Err(WRONG_HASH.to_owned());
        }
        self.asked += 1;
        self.step = Step::Ask;
        Ok(())
    }
}
