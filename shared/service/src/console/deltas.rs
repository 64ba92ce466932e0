//! The console's requests about deltas between firmware images.

use std::sync::Arc;

use rollcall_core::{Delta, FirmwareImage, FirmwareVersion, Key, Model, put_delta};
use rollcall_wire::EventData;
use rollcall_wire::console::{DeltaSpec, DeltaView, Problem, ProblemCode};
use rollcall_wire::events::AddedDelta;

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::audit::Changed;
use crate::console::firmware::unknown;
use crate::console::handle::{Admitted, Answered, Console, object, parse};
use crate::console::refusal::failed;
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::{Order, Store};

/// How many deltas of a version are listed.
const LISTED: i32 = 100;

/// A model, the version that a delta makes, and the version that it is from.
type Between = (Model, FirmwareVersion, FirmwareVersion);

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Stores the description of a delta between two versions that are known. The delta itself is in the bucket, where its
    /// builder has put it.
    ///
    /// No version is ever forgotten, so both are still known when the description is written.
    pub(crate) async fn add_delta(&self, admitted: &Admitted<'_>, path: (&str, &str, &str)) -> Answered {
        let (model, version, from) = between(path)?;
        let spec: DeltaSpec = object(&admitted.body()?)?;
        let invalid = |error: &dyn std::fmt::Display| Problem::new(ProblemCode::InvalidBody, error.to_string());
        spec.check().map_err(|error| invalid(&error))?;
        let described = stored(&spec);
        let image = self.image(&model, &version).await?;
        self.image(&model, &from).await?;
        described.check(&version, &from, &image).map_err(|error| invalid(&error))?;
        let known = async || self.firmware.delta(&self.store, &model, &version, &from).await;
        let mut before = known().await.map_err(|error| failed(&error))?;
        if before.is_none() {
            let [of, base] = [&version, &from].map(|version| version.as_str().to_owned());
            let data = AddedDelta { version: of, from: base, sha256: spec.sha256.clone(), size: spec.size };
            let (told, put) = (EventData::FirmwareDeltaAdded(data), put_delta(&model, &version, &from, &described));
            if self.write_and_tell(admitted, &Changed::Image(&model), &told, &put).await? {
                let (model, version, from) = (model.as_str(), version.as_str(), from.as_str());
                let location = format!("/v1/firmware/{model}/{version}/deltas/{from}");
                return Ok(HttpAnswer::json(201, &spec).with("location", location));
            }
            before = known().await.map_err(|error| failed(&error))?;
        }
        if before.as_deref() == Some(&described) {
            return Ok(HttpAnswer::json(200, &spec));
        }
        let detail = "another delta is known between these versions: it never changes, so build a new version";
        Err(Problem::new(ProblemCode::FirmwareDiffers, detail))
    }

    pub(crate) async fn delta(&self, path: (&str, &str, &str)) -> Answered {
        let (model, version, from) = between(path)?;
        let delta = self.firmware.delta(&self.store, &model, &version, &from).await.map_err(|error| failed(&error))?;
        let delta = delta.ok_or_else(|| {
            let (model, version, from) = (model.as_str(), version.as_str(), from.as_str());
            let detail = format!("no delta from {from} to {version} is known for the model {model}");
            Problem::new(ProblemCode::UnknownFirmware, detail)
        })?;
        Ok(HttpAnswer::json(200, &shown(&delta)))
    }

    /// The deltas that are known to a version.
    pub(crate) async fn deltas_to(&self, model: &Model, version: &FirmwareVersion) -> Result<Vec<DeltaView>, Problem> {
        let stored = self.store.range(Key::deltas(model, version), Order::Ascending, LISTED).await;
        let stored = stored.map_err(|error| failed(&error))?;
        let deltas = stored.iter().filter_map(|(key, item)| match key {
            Key::Delta(_, _, from) => Some((from, item)),
            _ => None,
        });
        let views = deltas.map(|(from, item)| {
            let size = Delta::read(item).map_err(|error| failed(&error.into()))?.size;
            Ok(DeltaView { from: from.as_str().to_owned(), size })
        });
        views.collect()
    }

    async fn image(&self, model: &Model, version: &FirmwareVersion) -> Result<Arc<FirmwareImage>, Problem> {
        let image = self.firmware.get(&self.store, model, version).await.map_err(|error| failed(&error))?;
        image.ok_or_else(|| unknown(model, version))
    }
}

fn between((model, version, from): (&str, &str, &str)) -> Result<Between, Problem> {
    Ok((parse(model, "model")?, parse(version, "version")?, parse(from, "from")?))
}

fn stored(spec: &DeltaSpec) -> Delta {
    Delta { object_key: spec.object_key.clone(), size: spec.size, sha256: spec.sha256.clone() }
}

fn shown(delta: &Delta) -> DeltaSpec {
    DeltaSpec { object_key: delta.object_key.clone(), size: delta.size, sha256: delta.sha256.clone() }
}

#[cfg(test)]
#[path = "deltas_tests.rs"]
mod tests;
