//! The console's requests about models: what holds for all firmware of one.

use rollcall_core::{FirmwareVersion, Key, Model, ModelSettings, set_model};
use rollcall_signature::PublicKey;
use rollcall_wire::EventData;
use rollcall_wire::console::{ModelPage, ModelPatch, ModelSpec, ModelView, Problem, ProblemCode};
use rollcall_wire::events::{ChangedModel, FirmwareRules};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::audit::Changed;
use crate::console::handle::{Admitted, Answered, Console, invalid_body, object, parse};
use crate::console::refusal::{failed, internal};
use crate::console::{cursor, nodes};
use crate::firmware::model_settings;
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::{Order, Store};

/// What the cursors of the list of models are of.
const LIST: &str = "models";

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// A page of the models for which something was ever set, by their names.
    pub(crate) async fn list_models(&self, admitted: &Admitted<'_>) -> Answered {
        let (secret, limit) = (self.keys.secret(), nodes::limit(admitted)?);
        let after = admitted.parameter("cursor").map(|cursor| cursor::read::<String>(&secret, LIST, cursor));
        let after: Option<Model> = after.transpose()?.map(|model| parse(&model, "cursor")).transpose()?;
        let Some([first, last]) = Model::bounds() else { return Ok(HttpAnswer::json(200, &page(vec![], None))) };
        let keys = Key::Model(after.clone().unwrap_or(first))..=Key::Model(last);
        // The range begins with the model itself, which is left out.
        let items = self.store.range(keys, Order::Ascending, limit.saturating_add(1)).await;
        let model = |(key, item)| match key {
            Key::Model(model) if Some(&model) != after.as_ref() => {
                Some(ModelSettings::read(Some(&item)).map(|settings| view(&model, &settings)))
            }
            _ => None,
        };
        let most = usize::try_from(limit).unwrap_or_default();
        let items = items.map_err(|error| failed(&error))?.into_iter().filter_map(model).take(most);
        let models: Vec<ModelView> = items.collect::<Result<_, _>>().map_err(|error| internal(&error))?;
        let last = models.last().filter(|_| models.len() == most);
        let cursor = last.map(|last| cursor::write(&secret, LIST, &last.model));
        Ok(HttpAnswer::json(200, &page(models, cursor)))
    }

    /// What holds for all firmware of a model: nothing, if nothing was ever set.
    pub(crate) async fn show_model(&self, model: &str) -> Answered {
        let model: Model = parse(model, "model")?;
        Ok(HttpAnswer::json(200, &view(&model, &self.settings_of(&model).await?)))
    }

    /// Sets what holds for all firmware of a model.
    pub(crate) async fn put_model(&self, admitted: &Admitted<'_>, model: &str) -> Answered {
        let model: Model = parse(model, "model")?;
        let before = self.settings_of(&model).await?;
        self.settle_model(admitted, &model, before, &object(&admitted.body()?)?).await
    }

    /// Changes what holds for all firmware of a model (RFC 7396).
    pub(crate) async fn amend_model(&self, admitted: &Admitted<'_>, model: &str) -> Answered {
        let model: Model = parse(model, "model")?;
        let patch: ModelPatch = object(&admitted.body()?)?;
        let before = self.settings_of(&model).await?;
        let FirmwareRules { minimum_version, public_key, signature_required } = rules(&before);
        let spec = ModelSpec {
            minimum_version: patch.minimum_version.unwrap_or(minimum_version),
            public_key: patch.public_key.unwrap_or(public_key),
            signature_required: patch.signature_required.unwrap_or(Some(signature_required)),
        };
        self.settle_model(admitted, &model, before, &spec).await
    }

    async fn settle_model(
        &self,
        admitted: &Admitted<'_>,
        model: &Model,
        before: ModelSettings,
        spec: &ModelSpec,
    ) -> Answered {
        let after = settings(spec)?;
        if before != after {
            let told = EventData::ModelChanged(ChangedModel { was: rules(&before), is: rules(&after) });
            let set = set_model(model, &before, &after);
            if !self.write_and_tell(admitted, &Changed::Model(model), &told, &set).await? {
                let detail = "the model was changed by somebody else at this moment: try again";
                return Err(Problem::new(ProblemCode::Unavailable, detail));
            }
        }
        Ok(HttpAnswer::json(200, &view(model, &after)))
    }

    pub(crate) async fn settings_of(&self, model: &Model) -> Result<ModelSettings, Problem> {
        model_settings(&self.store, model).await.map_err(|error| failed(&error))
    }
}

/// The settings that a request asks for.
fn settings(spec: &ModelSpec) -> Result<ModelSettings, Problem> {
    let wrong = |field: &str, error: &dyn std::fmt::Display| invalid_body(&format!("{field}: {error}"));
    let minimum = spec.minimum_version.as_deref().map(str::parse::<FirmwareVersion>).transpose();
    let public_key = spec.public_key.as_deref().map(str::parse::<PublicKey>).transpose();
    let settings = ModelSettings {
        minimum: minimum.map_err(|error| wrong("minimum_version", &error))?,
        public_key: public_key.map_err(|error| wrong("public_key", &error))?.map(|key| key.to_string()),
        signature_required: spec.signature_required.unwrap_or_default(),
    };
    if settings.signature_required && settings.public_key.is_none() {
        return Err(wrong("signature_required", &"it needs a public_key, which verifies the signatures"));
    }
    Ok(settings)
}

fn page(models: Vec<ModelView>, cursor: Option<String>) -> ModelPage {
    ModelPage { models, cursor }
}

fn view(model: &Model, settings: &ModelSettings) -> ModelView {
    let FirmwareRules { minimum_version, public_key, signature_required } = rules(settings);
    ModelView { model: model.as_str().to_owned(), minimum_version, public_key, signature_required }
}

/// The settings, as events tell them.
fn rules(settings: &ModelSettings) -> FirmwareRules {
    FirmwareRules {
        minimum_version: settings.minimum.as_ref().map(|minimum| minimum.as_str().to_owned()),
        public_key: settings.public_key.clone(),
        signature_required: settings.signature_required,
    }
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
