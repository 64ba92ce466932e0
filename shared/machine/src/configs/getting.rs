//! How the node gets the document of a configuration: from the server's message, over HTTP, or by asking the server
//! again.

use std::time::Duration;

use rand::Rng;
use rollcall_wire::{ConfigNews, DOCUMENT_BYTES, Document};

use super::due::Due;
use crate::{
    configuration::Configuration, document::FetchError, hash::is_sha256, schedule::full_jitter, timing::Timing,
};

/// How often the server is asked again after a wrong hash, and how often a fetch is repeated.
const RETRIES: u32 = 3;

const WRONG_HASH: &str = "wrong hash";

/// A configuration that has not been handed to the program yet. Its document may still be missing.
#[derive(Debug)]
pub(super) struct Getting {
    pub(super) version: u64,
    sha256: String,
    /// How often the server was asked again.
    pub(super) questions: u32,
    /// How many fetches failed.
    failures: u32,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Ask,
    /// The node waits for the answer. If the answer is lost, the next ack carries the configuration as well.
    Asked,
    Fetch {
        at: Duration,
    },
    Fetching,
    /// The document is complete and its hash is right.
    Have(Document),
}

impl Getting {
    /// Starts with the server's message. `questions`: how often the server was asked again for this version. `Err`: why
    /// the configuration is rejected.
    pub(super) fn new(now: Duration, news: ConfigNews, questions: u32) -> Result<Self, String> {
        let ConfigNews { version, sha256, document } = news;
        // The hash becomes part of a URL path, so it must be checked before it is used.
        let is_hash = is_sha256(&sha256);
        let mut getting = Self { version, sha256, questions, failures: 0, step: Step::Fetch { at: now } };
        match document {
            Some(text) => getting.verify(text)?,
            None if is_hash => {}
            None => getting.ask_again()?,
        }
        Ok(getting)
    }

    /// Whether this message is the answer to the node's question.
    pub(super) fn is_answered_by(&self, news: &ConfigNews) -> bool {
        news.version == self.version && matches!(self.step, Step::Ask | Step::Asked)
    }

    /// When the next step is due, if it waits for a time.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.step {
            Step::Fetch { at } => Some(at),
            _ => None,
        }
    }

    /// The next step that is due, if any.
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

    /// A fetch ended with this outcome. `Err`: why the configuration is rejected.
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
            Ok(_) => format!("the document has more than {DOCUMENT_BYTES} bytes"),
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
        if self.questions >= RETRIES {
            return Err(WRONG_HASH.to_owned());
        }
        self.questions += 1;
        self.step = Step::Ask;
        Ok(())
    }
}
