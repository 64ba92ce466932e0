//! The console's requests about endpoints.

use std::fmt;

use rollcall_core::{
    DeliveryProgress, DeliveryRecord, Endpoint, EndpointName, EndpointSpec, EventId, EventTypes, Key, Outcome, Seconds,
    Secret, Timestamp, add_endpoint, change_endpoint, remove_endpoint, rotate_secret,
};
use rollcall_wire::EventData;
use rollcall_wire::console as wire;
use rollcall_wire::console::{DeliveryList, DeliveryView, DisabledView, EndpointList, EndpointSecret, EndpointView};
use rollcall_wire::console::{Problem, ProblemCode, TestSent};
use rollcall_wire::events::{RemovedEndpoint, SetEndpoint, TestedEndpoint};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::error::chain;
use crate::http::HttpAnswer;
use crate::outgoing::{self, ENDPOINTS, EventHead, as_json, event};
use crate::queue::{Message, Queue};
use crate::store::Store;
use crate::webhook::{public_key, scheme, secret};
use crate::webhook_url::{PrivateAddresses, Resolver, Target};

use crate::console::audit::{Changed, settings, specified};
use crate::console::handle::{Admitted, Answered, Console, object, parse};
use crate::console::nodes;
use crate::console::refusal::{failed, internal};

/// What the ids of events begin with that only show that events arrive. Those of others begin with a digit or an earlier letter.
const TEST_ID: &str = "test-";

/// What requests about endpoints need.
pub struct Endpoints<Q> {
    /// The queue of deliveries.
    pub queue: Q,
    /// Whether an endpoint may have an address that is not public.
    pub private: PrivateAddresses,
    /// Finds the addresses of an endpoint's host.
    pub resolver: Resolver,
    /// 32 random bytes for a secret; `None` if there are none to be had.
    pub random: fn() -> Option<[u8; 32]>,
    /// How long an event is kept, in seconds.
    pub keep_for: Seconds,
}

impl<Q> fmt::Debug for Endpoints<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("private", &self.private).finish_non_exhaustive()
    }
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    pub(crate) async fn list_endpoints(&self, admitted: &Admitted<'_>) -> Answered {
        let endpoints = outgoing::endpoints(&self.store).await.map_err(|error| failed(&error))?;
        let endpoints = endpoints.iter().map(|(name, endpoint)| view(name, endpoint, admitted.now)).collect();
        Ok(HttpAnswer::json(200, &EndpointList { endpoints }))
    }

    /// Makes an endpoint, or changes it.
    pub(crate) async fn put_endpoint(&self, admitted: &Admitted<'_>, name: &str) -> Answered {
        let name: EndpointName = parse(name, "name")?;
        let body: wire::EndpointSpec = object(&admitted.body()?)?;
        let signature = body.signature;
        let spec = self.specified(body).await?;
        let others = outgoing::endpoints(&self.store).await.map_err(|error| failed(&error))?;
        if others.len() >= ENDPOINTS && others.iter().all(|(other, _)| *other != name) {
            let detail = format!("there are {ENDPOINTS} endpoints already: remove one");
            return Err(Problem::new(ProblemCode::TooManyEndpoints, detail));
        }
        if let Some((_, stored)) = others.into_iter().find(|(other, _)| *other == name) {
            keeps(signature, &stored.secret)?;
            return self.change(admitted, &name, &stored, &spec).await;
        }
        let secret = secret(signature.unwrap_or(wire::SignatureScheme::V1), &self.random()?);
        let told = EventData::EndpointSet(SetEndpoint { was: None, is: specified(&spec, &secret) });
        let add = add_endpoint(&name, &spec, &secret, admitted.now);
        if !self.write_and_tell(admitted, &Changed::Endpoint(&name), &told, &add).await? {
            return Err(meanwhile());
        }
        tracing::info!(%name, outcome = "made", "endpoint");
        let made = shown_once(&name, spec.url, &secret, None);
        Ok(HttpAnswer::json(201, &made).with("location", format!("/v1/endpoints/{name}")))
    }

    /// Changes an endpoint that is there, and enables it. To set what is set is no change.
    async fn change(
        &self,
        admitted: &Admitted<'_>,
        name: &EndpointName,
        stored: &Endpoint,
        spec: &EndpointSpec,
    ) -> Answered {
        let (was, is) = (settings(stored), specified(spec, &stored.secret));
        let (same, change) = (was == is && stored.disabled.is_none(), change_endpoint(name, spec));
        let told = EventData::EndpointSet(SetEndpoint { was: Some(was), is });
        let is_made = if same {
            matches!(self.write(&change).await?, Outcome::Applied { .. })
        } else {
            self.write_and_tell(admitted, &Changed::Endpoint(name), &told, &change).await?
        };
        if !is_made {
            return Err(meanwhile());
        }
        tracing::info!(%name, outcome = "changed", "endpoint");
        Ok(HttpAnswer::json(200, &view(name, &self.stored_endpoint(name).await?, admitted.now)))
    }

    pub(crate) async fn show_endpoint(&self, admitted: &Admitted<'_>, name: &str) -> Answered {
        let name: EndpointName = parse(name, "name")?;
        Ok(HttpAnswer::json(200, &view(&name, &self.stored_endpoint(&name).await?, admitted.now)))
    }

    pub(crate) async fn remove_endpoint(&self, admitted: &Admitted<'_>, name: &str) -> Answered {
        let name: EndpointName = parse(name, "name")?;
        // Removing what is not there is done already, unless it never was: then the name is a mistake.
        let was = settings(&self.stored_endpoint(&name).await?);
        let (told, remove) =
            (EventData::EndpointRemoved(RemovedEndpoint { was }), remove_endpoint(&name, admitted.now));
        // If it is refused, somebody else has removed it at this moment.
        let _ = self.write_and_tell(admitted, &Changed::Endpoint(&name), &told, &remove).await?;
        tracing::info!(%name, outcome = "removed", "endpoint");
        Ok(HttpAnswer::status(204))
    }

    /// Puts an event on the queue that only shows that events arrive.
    pub(crate) async fn test_endpoint(&self, admitted: &Admitted<'_>, name: &str) -> Answered {
        let name: EndpointName = parse(name, "name")?;
        self.enabled_endpoint(&name).await?;
        let [a, b, c, d, ..] = self.random()?;
        let id = format!("{TEST_ID}{}-{:08x}", admitted.now.0, u32::from_be_bytes([a, b, c, d]));
        let data = EventData::Test(TestedEndpoint { endpoint: name.to_string() });
        let event = as_json(&event(id.clone(), id.clone(), name.as_str(), &data, admitted.now));
        let (head, _) = EventHead::read(&event).map_err(|error| internal(&error))?;
        let mut message = outgoing::message(&name, &head, &event, None);
        // It waits for no other event, and none waits for it.
        message.group = format!("test/{}", message.id);
        self.enqueue(&[message]).await?;
        Ok(HttpAnswer::json(202, &TestSent { event: id }))
    }

    /// Gives an endpoint a new secret.
    pub(crate) async fn rotate_endpoint(&self, admitted: &Admitted<'_>, name: &str) -> Answered {
        let name: EndpointName = parse(name, "name")?;
        let stored = self.stored_endpoint(&name).await?;
        let secret = secret(scheme(&stored.secret), &self.random()?);
        let told = EventData::EndpointRotated(rollcall_wire::events::Nothing {});
        let rotate = rotate_secret(&name, &stored, &secret, admitted.now);
        if !self.write_and_tell(admitted, &Changed::Endpoint(&name), &told, &rotate).await? {
            return Err(meanwhile());
        }
        let rotated = self.stored_endpoint(&name).await?;
        tracing::info!(%name, outcome = "rotated", "endpoint");
        let until = rotated.before.map(|before| before.until);
        Ok(HttpAnswer::json(200, &shown_once(&name, rotated.url, &secret, until)))
    }

    /// The last deliveries of an endpoint.
    pub(crate) async fn deliveries(&self, admitted: &Admitted<'_>, name: &str) -> Answered {
        let name: EndpointName = parse(name, "name")?;
        let limit = nodes::limit(admitted)?;
        self.stored_endpoint(&name).await?;
        let mut deliveries = vec![];
        // The ids of tests are read apart, so that they are not all that is shown.
        for (first, last) in [("-", TEST_ID), (TEST_ID, "z")] {
            let key = |id: &str| Ok::<_, Problem>(Key::Delivery(name.clone(), parse::<EventId>(id, "event")?));
            let keys = key(first)?..=key(last)?;
            let items =
                self.store.range(keys, crate::store::Order::Descending, limit).await.map_err(|error| failed(&error))?;
            for (key, item) in items {
                let Key::Delivery(_, event) = key else { continue };
                let record = DeliveryRecord::read(&item).map_err(|error| internal(&error))?;
                deliveries.push(delivery(&event, record));
            }
        }
        deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.tried_at_ms));
        deliveries.truncate(usize::try_from(limit).unwrap_or_default());
        Ok(HttpAnswer::json(200, &DeliveryList { deliveries }))
    }

    /// Puts messages on the queue of deliveries.
    pub(crate) async fn enqueue(&self, messages: &[Message]) -> Result<(), Problem> {
        self.endpoints.queue.send(messages).await.map_err(|error| {
            tracing::error!(outcome = "failed", error = chain(&error), "console");
            Problem::new(ProblemCode::Unavailable, "the queue can't be reached now: try again a little later")
        })
    }

    /// The endpoint with this name, if events are sent there.
    pub(crate) async fn enabled_endpoint(&self, name: &EndpointName) -> Result<Endpoint, Problem> {
        let endpoint = self.stored_endpoint(name).await?;
        let Some(disabled) = &endpoint.disabled else { return Ok(endpoint) };
        let detail = format!("the endpoint is disabled: {}; setting it again enables it", disabled.because);
        Err(Problem::new(ProblemCode::EndpointDisabled, detail))
    }

    async fn stored_endpoint(&self, name: &EndpointName) -> Result<Endpoint, Problem> {
        let item = self.store.read(&Key::Endpoint(name.clone())).await.map_err(|error| failed(&error))?;
        let endpoint = item.as_ref().map(Endpoint::read).transpose().map_err(|error| internal(&error))?.flatten();
        endpoint.ok_or_else(|| Problem::new(ProblemCode::UnknownEndpoint, format!("there is no endpoint {name}")))
    }

    /// Checks what an endpoint is to be.
    async fn specified(&self, spec: wire::EndpointSpec) -> Result<EndpointSpec, Problem> {
        let wrong =
            |field: &str, error: &dyn fmt::Display| Problem::new(ProblemCode::InvalidBody, format!("{field}: {error}"));
        let Endpoints { private, resolver, .. } = &self.endpoints;
        let target = Target::read(&spec.url, *private).map_err(|error| wrong("url", &error))?;
        let types = EventTypes::new(&spec.types.unwrap_or_default()).map_err(|error| wrong("types", &error))?;
        let site = spec.site.map(|site| site.parse()).transpose();
        let site = site.map_err(|error: rollcall_core::InvalidId| wrong("site", &error))?;
        let select = spec.select.map(|select| select.parse()).transpose();
        let select = select.map_err(|error: rollcall_core::InvalidSelector| wrong("select", &error.in_one_line()))?;
        if *private == PrivateAddresses::Refused {
            target.addresses(resolver, *private).await.map_err(|error| wrong("url", &error))?;
        }
        Ok(EndpointSpec { url: spec.url, types, site, select })
    }

    fn random(&self) -> Result<[u8; 32], Problem> {
        (self.endpoints.random)().ok_or_else(|| {
            tracing::error!(outcome = "failed", error = "there are no random numbers", "console");
            Problem::new(ProblemCode::Internal, "the server failed: its log has the details")
        })
    }
}

/// What is shown of a new secret: what the application needs to verify signatures, and no more.
fn shown_once(name: &EndpointName, url: String, secret: &Secret, before_until: Option<Timestamp>) -> EndpointSecret {
    let public_key = public_key(secret);
    let secret = public_key.is_none().then(|| secret.reveal().to_owned());
    let before_until_ms = before_until.map(|until| until.0);
    EndpointSecret { name: name.to_string(), url, secret, public_key, before_until_ms }
}

/// Refuses another scheme than the one that an endpoint has: its receiver would refuse every event.
fn keeps(asked: Option<wire::SignatureScheme>, stored: &Secret) -> Result<(), Problem> {
    match (asked, scheme(stored)) {
        (Some(asked), scheme) if asked != scheme => {
            let detail = format!("signature: the endpoint's events are signed with {scheme}: make another endpoint");
            Err(Problem::new(ProblemCode::InvalidBody, detail))
        }
        _ => Ok(()),
    }
}

fn meanwhile() -> Problem {
    Problem::new(ProblemCode::Unavailable, "the endpoint was changed by somebody else at this moment: try again")
}

fn view(name: &EndpointName, endpoint: &Endpoint, now: Timestamp) -> EndpointView {
    let rotating = endpoint.before.as_ref().filter(|before| before.until > now);
    EndpointView {
        name: name.to_string(),
        url: endpoint.url.clone(),
        types: endpoint.types.list(),
        site: endpoint.site.as_ref().map(|site| site.as_str().to_owned()),
        select: endpoint.select.as_ref().map(ToString::to_string),
        created_at_ms: endpoint.created_at.0,
        disabled: endpoint
            .disabled
            .as_ref()
            .map(|disabled| DisabledView { at_ms: disabled.at.0, reason: disabled.because.clone() }),
        failing_since_ms: endpoint.failing.map(|failing| failing.since.0),
        rotating_until_ms: rotating.map(|before| before.until.0),
        signature: scheme(&endpoint.secret),
        public_key: public_key(&endpoint.secret),
    }
}

fn delivery(event: &EventId, record: DeliveryRecord) -> DeliveryView {
    DeliveryView {
        event: event.to_string(),
        kind: record.kind,
        subject: record.subject,
        state: match record.progress {
            DeliveryProgress::Retrying => wire::DeliveryProgress::Retrying,
            DeliveryProgress::Accepted => wire::DeliveryProgress::Accepted,
            DeliveryProgress::Dead => wire::DeliveryProgress::Dead,
        },
        tries: record.tries,
        tried_at_ms: record.tried_at.0,
        status: record.answer.status,
        error: record.answer.error,
        answer: record.answer.excerpt,
        next_try_at_ms: record.next_try_at.map(|at| at.0),
    }
}

#[cfg(test)]
#[path = "endpoints_tests.rs"]
pub(crate) mod tests;
