//! The console's requests about the cut-over from a legacy polling endpoint.

use rollcall_core::{
    CutoverMode, CutoverRule, CutoverSettings, InvalidRule, Key, Legacy, NodeId, Percent, Polled, Selector, set_cutover,
};
use rollcall_cutover::{Dialect, Mapping};
use rollcall_wire::console::{
    self as wire, CutoverModeSpec, CutoverNode, CutoverPage, CutoverView, Problem, ProblemCode,
};
use rollcall_wire::events::{CutoverModes, MappingChange};
use rollcall_wire::{EventData, Json, sha256};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::audit::Changed;
use crate::console::cursor;
use crate::console::handle::{Admitted, Answered, Console, invalid_body, object};
use crate::console::nodes;
use crate::console::refusal::{failed, internal};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::{BATCH, Beside, PageKey, Store};
use crate::webhook_url::{PrivateAddresses, Target};

/// The longest mapping, in bytes of JSON: it is read with each change of the modes.
const MAPPING_BYTES: usize = 64 * 1024;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// The mapping and the modes.
    pub(crate) async fn cutover(&self) -> Answered {
        let settings = self.cutover_settings().await?;
        let mapping = settings.mapping.as_deref().map(Json::parse).transpose().map_err(|error| internal(&error))?;
        Ok(HttpAnswer::json(200, &CutoverView { mapping, rules: rules(&settings) }))
    }

    /// Sets the mapping of the legacy endpoint.
    pub(crate) async fn set_mapping(&self, admitted: &Admitted<'_>) -> Answered {
        let mapping: Mapping = object(&admitted.body()?)?;
        let dialect = Dialect::new(mapping).map_err(|mistakes| invalid_body(&mistakes))?;
        self.check_url(&dialect.mapping().application.url).await?;
        // Plain structs with text keys can always be written as JSON.
        let text = serde_json::to_string(dialect.mapping()).unwrap_or_default();
        if text.len() > MAPPING_BYTES {
            return Err(invalid_body(&format!("the mapping has more than {MAPPING_BYTES} bytes")));
        }
        self.change_mapping(admitted, Some(text)).await
    }

    /// Removes the mapping: there is no legacy endpoint any more.
    pub(crate) async fn remove_mapping(&self, admitted: &Admitted<'_>) -> Answered {
        self.change_mapping(admitted, None).await
    }

    async fn change_mapping(&self, admitted: &Admitted<'_>, mapping: Option<String>) -> Answered {
        let before = self.cutover_settings().await?;
        if before.mapping != mapping {
            let after = CutoverSettings { mapping, ..before.clone() };
            let digest = |settings: &CutoverSettings| settings.mapping.as_deref().map(sha256);
            let told = MappingChange { was_sha256: digest(&before), is_sha256: digest(&after) };
            self.change_cutover(admitted, &before, &after, &EventData::CutoverMapping(told)).await?;
        }
        Ok(HttpAnswer::status(204))
    }

    /// Sets the mode of nodes.
    pub(crate) async fn set_mode(&self, admitted: &Admitted<'_>) -> Answered {
        let spec: CutoverModeSpec = object(&admitted.body()?)?;
        let wrong = |error: &dyn std::fmt::Display| invalid_body(&error);
        let selector: Option<Selector> = spec.selector.as_deref().map(str::parse).transpose().map_err(|e| wrong(&e))?;
        let percent: Option<Percent> = spec.percent.as_deref().map(str::parse).transpose().map_err(|e| wrong(&e))?;
        let before = self.cutover_settings().await?;
        let modes = before.modes.with(selector.as_ref(), percent, mode(spec.mode));
        let after = CutoverSettings { modes: modes.map_err(|error: InvalidRule| wrong(&error))?, ..before.clone() };
        if before != after {
            let told = CutoverModes { was: rules(&before), is: rules(&after) };
            self.change_cutover(admitted, &before, &after, &EventData::CutoverMode(told)).await?;
        }
        Ok(HttpAnswer::json(200, &CutoverView { mapping: None, rules: rules(&after) }))
    }

    /// A page of nodes that have polled the legacy endpoint.
    pub(crate) async fn cutover_nodes(&self, admitted: &Admitted<'_>) -> Answered {
        let (limit, secret) = (nodes::limit(admitted)?, self.keys.secret());
        let after: Option<PageKey> =
            admitted.parameter("cursor").map(|cursor| cursor::read(&secret, "cut-over", cursor)).transpose()?;
        let (page, next) = self.store.page_of_all(after, limit).await.map_err(|error| failed(&error))?;
        let ids: Vec<NodeId> = page.into_iter().map(|(id, _)| id).collect();
        let mut shown = vec![];
        for batch in ids.chunks(BATCH) {
            for (id, item) in self.store.beside(Beside::Legacy, batch).await.map_err(|error| failed(&error))? {
                shown.push(view(&id, &Legacy::read(&item).map_err(|error| internal(&error))?)?);
            }
        }
        let cursor = next.map(|next| cursor::write(&secret, "cut-over", &next));
        Ok(HttpAnswer::json(200, &CutoverPage { nodes: shown, cursor }))
    }

    async fn cutover_settings(&self) -> Result<CutoverSettings, Problem> {
        let item = self.store.read(&Key::Cutover).await.map_err(|error| failed(&error))?;
        CutoverSettings::read(item.as_ref()).map_err(|error| internal(&error))
    }

    async fn change_cutover(
        &self,
        admitted: &Admitted<'_>,
        before: &CutoverSettings,
        after: &CutoverSettings,
        told: &EventData,
    ) -> Result<(), Problem> {
        if self.write_and_tell(admitted, &Changed::Cutover, told, &set_cutover(before, after)).await? {
            return Ok(());
        }
        let detail = "the cut-over was changed by somebody else at this moment: try again";
        Err(Problem::new(ProblemCode::Unavailable, detail))
    }

    /// The endpoint is asked by a function of ours, so that it must not lead into the function's own network.
    async fn check_url(&self, url: &str) -> Result<(), Problem> {
        let wrong = |error: &dyn std::fmt::Display| invalid_body(&format!("application.url: {error}"));
        let private = self.endpoints.private;
        let target = Target::read(url, private).map_err(|error| wrong(&error))?;
        if private == PrivateAddresses::Refused {
            target.addresses(&self.endpoints.resolver, private).await.map_err(|error| wrong(&error))?;
        }
        Ok(())
    }
}

fn view(id: &NodeId, legacy: &Legacy) -> Result<CutoverNode, Problem> {
    let differences = legacy.difference.as_deref().map(serde_json::from_str).transpose();
    let count = |polled: Polled| {
        let place = Polled::ALL.iter().position(|each| *each == polled);
        place.map_or(0, |place| legacy.counts[place])
    };
    Ok(CutoverNode {
        node: id.to_string(),
        observed: count(Polled::Observed),
        same: count(Polled::Same),
        different: count(Polled::Different),
        served: count(Polled::Served),
        fell_back: count(Polled::FellBack),
        rescued: count(Polled::Rescued),
        last_poll_ms: legacy.last.map(|at| at.0),
        differences: differences.map_err(|error| internal(&error))?.unwrap_or_default(),
        differed_at_ms: legacy.differed_at.map(|at| at.0),
    })
}

fn rules(settings: &CutoverSettings) -> Vec<wire::CutoverRule> {
    let rule = |rule: &CutoverRule| wire::CutoverRule {
        selector: rule.selector.as_ref().map(ToString::to_string),
        mode: shown(rule.mode),
        percent: rule.shifted.map(|(percent, _)| percent.to_string()),
        shifted: rule.shifted.map(|(_, mode)| shown(mode)),
    };
    settings.modes.rules().iter().map(rule).collect()
}

fn shown(mode: CutoverMode) -> wire::CutoverMode {
    match mode {
        CutoverMode::Off => wire::CutoverMode::Off,
        CutoverMode::Observe => wire::CutoverMode::Observe,
        CutoverMode::Compare => wire::CutoverMode::Compare,
        CutoverMode::Serve => wire::CutoverMode::Serve,
    }
}

fn mode(shown: wire::CutoverMode) -> CutoverMode {
    match shown {
        wire::CutoverMode::Off => CutoverMode::Off,
        wire::CutoverMode::Observe => CutoverMode::Observe,
        wire::CutoverMode::Compare => CutoverMode::Compare,
        wire::CutoverMode::Serve => CutoverMode::Serve,
    }
}
