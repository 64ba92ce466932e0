//! Images of firmware, deltas between them, and what holds for all firmware of a model: the log is told of each that was
//! added and of each change, once and by whom.

use std::collections::BTreeMap;

use rollcall_core::{Key, Timestamp};
use rollcall_wire::CloudEvent;
use serde::Deserialize;

use crate::catalogue::ACTOR;
use crate::oracle::verdicts::Verdicts;
use crate::violation::ViolationKind as Kind;

/// The type of the events that are about an image.
const ADDED: &str = "firmware.added";
/// The type of the events that are about a delta.
const DELTA_ADDED: &str = "firmware.delta_added";
/// The type of the events that are about a model.
const CHANGED: &str = "model.changed";

/// An image, by its model and its version; or a delta to it, by the version that it is from as well.
type Image = (String, String, Option<String>);

/// What is known of each image, and how often what holds for each model was written, and told.
#[derive(Clone, Debug, Default)]
pub(super) struct Images {
    images: BTreeMap<Image, Known>,
    models: BTreeMap<String, (usize, usize)>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    is_written: bool,
    times_told: usize,
}

/// What the data of the event says.
#[derive(Deserialize)]
struct Added {
    version: String,
    #[serde(default)]
    from: Option<String>,
}

impl Images {
    /// The description of an image was written, or what holds for a model.
    pub(super) fn wrote(&mut self, key: &Key) {
        match key {
            Key::Firmware(model, version) => {
                let image = (model.as_str().to_owned(), version.as_str().to_owned(), None);
                self.images.entry(image).or_default().is_written = true;
            }
            Key::Delta(model, version, from) => {
                let [model, version, from] = [model.as_str(), version.as_str(), from.as_str()].map(str::to_owned);
                self.images.entry((model, version, Some(from))).or_default().is_written = true;
            }
            Key::Model(model) => self.models.entry(model.as_str().to_owned()).or_default().0 += 1,
            _ => {}
        }
    }

    /// The log was told an event. `false` if that is about neither an image nor a model.
    pub(super) fn told(&mut self, verdicts: &mut Verdicts, at: Timestamp, event: &CloudEvent) -> bool {
        match &*event.kind {
            ADDED | DELTA_ADDED => {
                let none = Added { version: String::new(), from: None };
                let Added { version, from } = event.data.read::<Added>().unwrap_or(none);
                self.images.entry((event.subject.clone(), version, from)).or_default().times_told += 1;
            }
            CHANGED => self.models.entry(event.subject.clone()).or_default().1 += 1,
            _ => return false,
        }
        if event.actor.as_deref() != Some(ACTOR) {
            let what = format!("{ACTOR} did it, and {} says that {:?} did", event.id, event.actor);
            verdicts.other(Kind::WrongActor, at, what);
        }
        true
    }

    /// At the end, each image that was added was told once, and no other; and so was each change of a model.
    pub(super) fn finish(&self, verdicts: &mut Verdicts, now: Timestamp) {
        for (model, (written, told)) in &self.models {
            if written != told {
                let kind = if told < written { Kind::EventMissing } else { Kind::EventInvented };
                let what = format!("the log was told {told} times of {model}, which was changed {written} times");
                verdicts.other(kind, now, what);
            }
        }
        for ((model, version, from), known) in &self.images {
            let kind = match (known.is_written, known.times_told) {
                (true, 1) => continue,
                (true, 0) => Kind::EventMissing,
                _ => Kind::EventInvented,
            };
            let of = from.as_ref().map_or(String::new(), |from| format!("the delta from {from} to "));
            let what = format!("the log was told {} times of {of}firmware {version} for {model}", known.times_told);
            verdicts.other(kind, now, what);
        }
    }
}
