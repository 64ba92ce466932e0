//! The console's requests about firmware.

use crate::clock::Clock;
use crate::connections::Connections;
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::Store;
use rollcall_core::{
    Denied, FirmwareImage, FirmwareVersion, Model, ModelSettings, NodeId, Update, granted, put_firmware, set_firmware,
};
use rollcall_signature::{PublicKey, statement};
use rollcall_wire::console::{
    DeliveryState, DeltaView, FirmwareSet, FirmwareSpec, FirmwareView, FirmwareWish, Problem, ProblemCode,
};
use rollcall_wire::events::AddedFirmware;
use rollcall_wire::{EventData, FirmwareNews, ServerMessage};

use crate::console::audit::Changed;
use crate::console::handle::{Admitted, Answered, Console, object, parse};
use crate::console::refusal::{denied, failed, internal};

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Stores the description of an image. The image itself is in the bucket, where its builder has put it.
    pub(crate) async fn add_firmware(&self, admitted: &Admitted<'_>, model: &str, version: &str) -> Answered {
        let (model, version): (Model, FirmwareVersion) = (parse(model, "model")?, parse(version, "version")?);
        let image: FirmwareSpec = object(&admitted.body()?)?;
        image.check().map_err(|error| Problem::new(ProblemCode::InvalidBody, error.to_string()))?;
        let (described, known) = (stored(&image), async || self.firmware.get(&self.store, &model, &version).await);
        let mut before = known().await.map_err(|error| failed(&error))?;
        if before.is_none() {
            proven(&self.settings_of(&model).await?, &model, &version, &image)?;
            let (named, sha256) = (version.as_str().to_owned(), image.sha256.clone());
            let told = EventData::FirmwareAdded(AddedFirmware { version: named, sha256, size: image.size });
            let put = put_firmware(&model, &version, &described);
            if self.write_and_tell(admitted, &Changed::Image(&model), &told, &put).await? {
                let location = format!("/v1/firmware/{}/{}", model.as_str(), version.as_str());
                return Ok(HttpAnswer::json(201, &image).with("location", location));
            }
            before = known().await.map_err(|error| failed(&error))?;
        }
        if before.as_deref() == Some(&described) {
            return Ok(HttpAnswer::json(200, &image));
        }
        let detail = "another image has this version: a version never changes, so give this image a new version";
        Err(Problem::new(ProblemCode::FirmwareDiffers, detail))
    }

    pub(crate) async fn firmware(&self, model: &str, version: &str) -> Answered {
        let (model, version): (Model, FirmwareVersion) = (parse(model, "model")?, parse(version, "version")?);
        let image = self.firmware.get(&self.store, &model, &version).await.map_err(|error| failed(&error))?;
        let image = image.ok_or_else(|| unknown(&model, &version))?;
        Ok(HttpAnswer::json(200, &view(&image, self.deltas_to(&model, &version).await?)))
    }

    /// Sets a node's desired firmware, and pushes it.
    pub(crate) async fn set_firmware(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let wish: FirmwareWish = object(&admitted.body()?)?;
        let version: FirmwareVersion = wish.version.parse().map_err(|error: rollcall_core::InvalidId| {
            Problem::new(ProblemCode::InvalidBody, format!("version: {error}"))
        })?;
        Ok(HttpAnswer::json(200, &self.desire_firmware(&node, &version, |update| update, admitted).await?))
    }

    /// Says that a model must have this version, and that it must not be below the model's minimum.
    pub(crate) async fn may_be_desired(&self, model: &Model, version: &FirmwareVersion) -> Result<(), Problem> {
        let image = self.firmware.get(&self.store, model, version).await.map_err(|error| failed(&error))?;
        image.ok_or_else(|| unknown(model, version))?;
        let settings = self.settings_of(model).await?;
        if settings.admits(version) { Ok(()) } else { Err(below_minimum(model, &settings, version)) }
    }

    /// Sets the firmware that is desired of a node, under a condition, and pushes it.
    pub(crate) async fn desire_firmware(
        &self,
        node: &NodeId,
        version: &FirmwareVersion,
        conditional: impl FnOnce(Update) -> Update,
        admitted: &Admitted<'_>,
    ) -> Result<FirmwareSet, Problem> {
        let model = self.registered_node(node).await?.model.ok_or_else(|| denied(Denied::OtherModel))?;
        let model: Model = parse(&model, "model")?;
        self.may_be_desired(&model, version).await?;
        let outcome = self.write(&conditional(admitted.by(set_firmware(node, &model, version)))).await?;
        let stored = granted(outcome).map_err(|error| internal(&error))?.map_err(denied)?;
        let version = version.as_str().to_owned();
        let delivery = if stored.firmware_news().is_some() {
            let news = ServerMessage::Firmware(FirmwareNews { version: version.clone() });
            self.push(node, &stored, &news, admitted.now).await
        } else {
            DeliveryState::Unchanged
        };
        tracing::info!(%node, version, outcome = ?delivery, "firmware");
        Ok(FirmwareSet { node: node.to_string(), version, delivery })
    }
}

/// Refuses an image whose signature must be verified, and is not.
fn proven(
    settings: &ModelSettings,
    model: &Model,
    version: &FirmwareVersion,
    image: &FirmwareSpec,
) -> Result<(), Problem> {
    if !settings.signature_required {
        return Ok(());
    }
    let refused = |why: &dyn std::fmt::Display| {
        let detail = format!("the model {} wants signed images, and {why}", model.as_str());
        Problem::new(ProblemCode::UnprovenSignature, detail)
    };
    let key = settings.public_key.as_deref().unwrap_or_default();
    let key: PublicKey = key.parse().map_err(|_| refused(&"its public key can't be read: set it again"))?;
    let signed = statement(model.as_str(), version.as_str(), &image.sha256);
    key.verify(&signed, &image.signature).map_err(|why| refused(&why))
}

/// A version is older than a model's minimum, or can't be compared with it.
fn below_minimum(model: &Model, settings: &ModelSettings, version: &FirmwareVersion) -> Problem {
    let minimum = settings.minimum.as_ref().map_or("none", FirmwareVersion::as_str);
    let detail = format!(
        "the minimum version of the model {} is {minimum}, and {} is older or can't be compared with it",
        model.as_str(),
        version.as_str()
    );
    Problem::new(ProblemCode::BelowMinimum, detail)
}

fn stored(spec: &FirmwareSpec) -> FirmwareImage {
    FirmwareImage {
        object_key: spec.object_key.clone(),
        size: spec.size,
        sha256: spec.sha256.clone(),
        signature: spec.signature.clone(),
    }
}

fn view(image: &FirmwareImage, deltas: Vec<DeltaView>) -> FirmwareView {
    FirmwareView {
        object_key: image.object_key.clone(),
        size: image.size,
        sha256: image.sha256.clone(),
        signature: image.signature.clone(),
        deltas,
    }
}

pub(crate) fn unknown(model: &Model, version: &FirmwareVersion) -> Problem {
    let (model, version) = (model.as_str(), version.as_str());
    Problem::new(ProblemCode::UnknownFirmware, format!("no firmware {version} is known for the model {model}"))
}
