//! What is changed through the console besides nodes: endpoints, images of firmware, deltas between them, models, rollouts, and the cut-over.
//! Each change is an event that names who made it, as each change of a node is.

use rollcall_core::{Endpoint, EndpointName, EndpointSpec, Logging, Model, RolloutName, Secret, Update, log_shard};
use rollcall_wire::EventData;
use rollcall_wire::console::{Problem, ProblemCode};
use rollcall_wire::events::EndpointSettings;

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Console};
use crate::console::refusal::{failed, internal};
use crate::error::chain;
use crate::event_log::{LogError, add_to_log, write_and_log};
use crate::outgoing::{as_json, endpoints, event, hash, outgoing};
use crate::queue::Queue;
use crate::store::Store;
use crate::webhook::scheme;

/// What a change is about.
pub(crate) enum Changed<'a> {
    Endpoint(&'a EndpointName),
    /// An image, or a delta.
    Image(&'a Model),
    Model(&'a Model),
    Cutover,
    Rollout(&'a RolloutName),
    /// Nothing is changed.
    Nothing,
}

impl Changed<'_> {
    /// What the event is about, and what its events are found by in the log: no node has such an id by accident.
    fn named(&self) -> (&str, String) {
        match self {
            Self::Endpoint(name) => (name.as_str(), format!("endpoint:{name}")),
            Self::Image(model) => (model.as_str(), "firmware:images".to_owned()),
            Self::Model(model) => (model.as_str(), "firmware:models".to_owned()),
            Self::Cutover => ("fleet", "fleet:cut-over".to_owned()),
            Self::Rollout(name) => (name.as_str(), format!("rollout:{name}")),
            Self::Nothing => ("fleet", "fleet:drift".to_owned()),
        }
    }
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Makes a write and adds its event to the log: both or none. Then the event is on its way to the endpoints that want
    /// it, unless the queue can't be reached: what is written stays written, and the log has the event. `false` if the
    /// write is refused.
    pub(crate) async fn write_and_tell(
        &self,
        admitted: &Admitted<'_>,
        changed: &Changed<'_>,
        data: &EventData,
        update: &Update,
    ) -> Result<bool, Problem> {
        let logging = logging(admitted, changed, data, &format!("{:?}", update.changes))?;
        let written = write_and_log(&self.store, update, logging.clone(), admitted.now, self.endpoints.keep_for).await;
        if !written.map_err(|error| not_logged(&error))? {
            return Ok(false);
        }
        self.tell(&logging).await;
        Ok(true)
    }

    /// Adds an event to the log that comes of no write. Then it is on its way to the endpoints that want it. Gives its id.
    pub(crate) async fn log_and_tell(
        &self,
        admitted: &Admitted<'_>,
        changed: &Changed<'_>,
        data: &EventData,
    ) -> Result<String, Problem> {
        let logging = logging(admitted, changed, data, &format!("{data:?}"))?;
        let (shard, events) = (log_shard(&logging.node), vec![logging.clone()]);
        let added = add_to_log(&self.store, shard, events, admitted.now, self.endpoints.keep_for).await;
        added.map_err(|error| not_logged(&error))?;
        self.tell(&logging).await;
        Ok(logging.id.to_string())
    }

    /// Puts an event that is in the log on its way. If the queue can't be reached, it stays in the log.
    async fn tell(&self, logged: &Logging) {
        let sent = async {
            let told = rollcall_wire::Json::parse(&logged.text).map_err(|error| chain(&error))?;
            self.send(&told).await
        };
        if let Err(error) = sent.await {
            tracing::error!(outcome = "failed", error, Failures = 1, "an event is in the log, and not sent");
        }
    }

    async fn send(&self, told: &rollcall_wire::Json) -> Result<(), String> {
        let endpoints = endpoints(&self.store).await.map_err(|error| chain(&error))?;
        let messages = outgoing(&endpoints, told, |_| false).map_err(|error| chain(&error))?;
        if messages.is_empty() {
            return Ok(());
        }
        self.endpoints.queue.send(&messages).await.map_err(|error| chain(&error))
    }
}

/// The event, for the log. The same by the same actor at the same time is one. Two rotations are two: each has its
/// secret, which is in what is written.
fn logging(
    admitted: &Admitted<'_>,
    changed: &Changed<'_>,
    data: &EventData,
    written: &str,
) -> Result<Logging, Problem> {
    let ((subject, place), now) = (changed.named(), admitted.now);
    let actor = admitted.actor.as_ref().map(|actor| actor.name().to_owned());
    let of = hash(&[data.kind(), subject, written, actor.as_deref().unwrap_or_default()]);
    let id = format!("{:0>40}.{of:08x}", now.0);
    let told = event(id.clone(), id.clone(), subject, data, now);
    let told = as_json(&rollcall_wire::CloudEvent { actor, ..told });
    let node = place.parse().map_err(|error| internal(&error))?;
    let id = id.parse().map_err(|error| internal(&error))?;
    Ok(Logging { node, id, kind: data.kind().to_owned(), at: now, text: told.text().to_owned() })
}

fn not_logged(error: &LogError) -> Problem {
    match error {
        LogError::Store(error) => failed(error),
        LogError::Unreadable(error) => internal(error),
        LogError::Contended => Problem::new(ProblemCode::Unavailable, "too much is changed at this moment: try again"),
    }
}

/// The settings of an endpoint that is there, as events tell them.
pub(crate) fn settings(endpoint: &Endpoint) -> EndpointSettings {
    let Endpoint { url, types, site, select, secret, .. } = endpoint.clone();
    specified(&EndpointSpec { url, types, site, select }, &secret)
}

/// The settings of an endpoint that is to be, as events tell them. Of the URL, only the host: the rest may be a secret of
/// the receiver, which is nothing for other receivers.
pub(crate) fn specified(spec: &EndpointSpec, secret: &Secret) -> EndpointSettings {
    let host = spec.url.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_owned));
    let site = spec.site.as_ref().map(|site| site.as_str().to_owned());
    let url_sha256 = rollcall_wire::sha256(&spec.url);
    let (host, types) = (host.unwrap_or_default(), spec.types.list());
    let select = spec.select.as_ref().map(ToString::to_string);
    EndpointSettings { host, url_sha256, types, site, select, signature: scheme(secret).to_string() }
}
