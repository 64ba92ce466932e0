//! Images of firmware: the log is told of each that was added, once and by whom.

use std::collections::BTreeMap;

use rollcall_core::{Key, Timestamp};
use rollcall_wire::CloudEvent;
use serde::Deserialize;

use crate::catalogue::ACTOR;
use crate::oracle::verdicts::Verdicts;
use crate::violation::ViolationKind as Kind;

/// The type of the events that are about an image.
const ADDED: &str = "firmware.added";

/// An image, by its model and its version.
type Image = (String, String);

/// What is known of each image.
#[derive(Clone, Debug, Default)]
pub(super) struct Images(BTreeMap<Image, Known>);

#[derive(Clone, Debug, Default)]
struct Known {
    is_written: bool,
    times_told: usize,
}

/// What the data of the event says.
#[derive(Deserialize)]
struct Added {
    version: String,
}

impl Images {
    /// The description of an image was written.
    pub(super) fn wrote(&mut self, key: &Key) {
        if let Key::Firmware(model, version) = key {
            let image = (model.as_str().to_owned(), version.as_str().to_owned());
            self.0.entry(image).or_default().is_written = true;
        }
    }

    /// The log was told an event. `false` if that is not about an image.
    pub(super) fn told(&mut self, verdicts: &mut Verdicts, at: Timestamp, event: &CloudEvent) -> bool {
        if event.kind != ADDED {
            return false;
        }
        let version = event.data.read::<Added>().map(|added| added.version).unwrap_or_default();
        self.0.entry((event.subject.clone(), version)).or_default().times_told += 1;
        if event.actor.as_deref() != Some(ACTOR) {
            verdicts.other(Kind::WrongActor, at, format!("{} added an image, says {}", ACTOR, event.id));
        }
        true
    }

    /// At the end, each image that was added was told once, and no other.
    pub(super) fn finish(&self, verdicts: &mut Verdicts, now: Timestamp) {
        for ((model, version), known) in &self.0 {
            let kind = match (known.is_written, known.times_told) {
                (true, 1) => continue,
                (true, 0) => Kind::EventMissing,
                _ => Kind::EventInvented,
            };
            let what = format!("the log was told {} times of firmware {version} for {model}", known.times_told);
            verdicts.other(kind, now, what);
        }
    }
}
