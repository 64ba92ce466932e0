//! What is changed through the console besides nodes: endpoints and images of firmware. Each change is an event that names
//! who made it, as each change of a node is.

use rollcall_core::{Endpoint, EndpointName, EndpointSpec, Logging, Model, Secret, Update};
use rollcall_wire::EventData;
use rollcall_wire::console::{Problem, ProblemCode};
use rollcall_wire::events::EndpointSettings;

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Console};
use crate::console::refusal::{failed, internal};
use crate::error::chain;
use crate::event_log::{LogError, write_and_log};
use crate::outgoing::{as_json, endpoints, event, hash, outgoing};
use crate::queue::Queue;
use crate::store::Store;
use crate::webhook::scheme;

/// What a change is about.
pub(crate) enum Changed<'a> {
    Endpoint(&'a EndpointName),
    Image(&'a Model),
}

impl Changed<'_> {
    /// What the event is about, and what its events are found by in the log: no node has such an id by accident.
    fn named(&self) -> (&str, String) {
        match self {
            Self::Endpoint(name) => (name.as_str(), format!("endpoint:{name}")),
            Self::Image(model) => (model.as_str(), "firmware:images".to_owned()),
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
        let ((subject, place), now) = (changed.named(), admitted.now);
        let actor = admitted.actor.as_ref().map(|actor| actor.name().to_owned());
        // The same write by the same actor at the same time is one. Two rotations are two: each has its secret.
        let written = format!("{:?}", update.changes);
        let of = hash(&[data.kind(), subject, &written, actor.as_deref().unwrap_or_default()]);
        let id = format!("{:0>40}.{of:08x}", now.0);
        let told = event(id.clone(), id.clone(), subject, data, now);
        let told = as_json(&rollcall_wire::CloudEvent { actor, ..told });
        let node = place.parse().map_err(|error| internal(&error))?;
        let id = id.parse().map_err(|error| internal(&error))?;
        let logging = Logging { node, id, kind: data.kind().to_owned(), at: now, text: told.text().to_owned() };
        let is_made = write_and_log(&self.store, update, logging, now, self.endpoints.keep_for).await;
        let is_made = is_made.map_err(|error| match error {
            LogError::Store(error) => failed(&error),
            LogError::Unreadable(error) => internal(&error),
            LogError::Contended => {
                Problem::new(ProblemCode::Unavailable, "too much is changed at this moment: try again")
            }
        });
        if !is_made? {
            return Ok(false);
        }
        if let Err(error) = self.tell(&told).await {
            tracing::error!(outcome = "failed", error, Failures = 1, "an event is in the log, and not sent");
        }
        Ok(true)
    }

    async fn tell(&self, told: &rollcall_wire::Json) -> Result<(), String> {
        let endpoints = endpoints(&self.store).await.map_err(|error| chain(&error))?;
        let messages = outgoing(&endpoints, told).map_err(|error| chain(&error))?;
        if messages.is_empty() {
            return Ok(());
        }
        self.endpoints.queue.send(&messages).await.map_err(|error| chain(&error))
    }
}

/// The settings of an endpoint that is there, as events tell them.
pub(crate) fn settings(endpoint: &Endpoint) -> EndpointSettings {
    let Endpoint { url, types, site, secret, .. } = endpoint.clone();
    specified(&EndpointSpec { url, types, site }, &secret)
}

/// The settings of an endpoint that is to be, as events tell them. Of the URL, only the host: the rest may be a secret of
/// the receiver, which is nothing for other receivers.
pub(crate) fn specified(spec: &EndpointSpec, secret: &Secret) -> EndpointSettings {
    let host = spec.url.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_owned));
    let site = spec.site.as_ref().map(|site| site.as_str().to_owned());
    let url_sha256 = rollcall_wire::sha256(&spec.url);
    let (host, types) = (host.unwrap_or_default(), spec.types.list());
    EndpointSettings { host, url_sha256, types, site, signature: scheme(secret).to_string() }
}
