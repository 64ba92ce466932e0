//! Endpoints: where the application is told of events.

use std::fmt;

use crate::attribute::Attribute as A;
use crate::event_types::EventTypes;
use crate::id::Site;
use crate::item::{Item, Malformed, malformed, text, time};
use crate::policy::Seconds;
use crate::selector::Selector;
use crate::timestamp::Timestamp;

/// How long events are signed with the secret before, too, after a rotation, in seconds: a day.
pub const ROTATING_S: Seconds = 24 * 3600;
/// How long nothing but failures disables an endpoint, in seconds: five days.
pub(crate) const FAILING_S: Seconds = 5 * 24 * 3600;
/// How long the next failure may be away for both to count as "nothing but failures", in seconds: longer than the
/// longest pause between two tries.
pub(crate) const FAILURES_APART_S: Seconds = 24 * 3600;
/// How often a failure is noted, in seconds, so that not every failure costs a write of the endpoint.
pub(crate) const NOTED_EVERY_S: Seconds = 3600;

/// An endpoint, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The URL that events are sent to.
    pub url: String,
    /// The types of events that it is sent.
    pub types: EventTypes,
    /// The site whose events it is sent; `None` for all sites.
    pub site: Option<Site>,
    /// Which nodes' events it is sent; `None` for those of all nodes, and for events that are about no node.
    pub select: Option<Selector>,
    /// The secret that events are signed with.
    pub secret: Secret,
    /// The secret before that, and until when events are signed with it, too.
    pub before: Option<SecretBefore>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was disabled, and why; `None` while it is enabled.
    pub disabled: Option<Disabled>,
    /// Since when nothing but failures is known of it, and when one was last noted.
    pub failing: Option<Failing>,
}

/// The secret before a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SecretBefore {
    pub secret: Secret,
    pub until: Timestamp,
}

/// When an endpoint was disabled, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Disabled {
    pub at: Timestamp,
    pub because: String,
}

/// A time in which every noted delivery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    /// When it began.
    pub since: Timestamp,
    /// When a failure was last noted.
    pub last: Timestamp,
}

/// A secret: `whsec_` and the key in base64 (Standard Webhooks, "Signature scheme"). It is shown in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret with this text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for whoever signs with it or hands it out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Endpoint {
    /// Reads an endpoint from its stored item; `None` if it was removed.
    ///
    /// # Errors
    /// If an attribute is missing, or has a value that no rule writes.
    pub fn read(item: &Item) -> Result<Option<Self>, Malformed> {
        let Some(url) = text(item, A::EndpointUrl)? else { return Ok(None) };
        let secret = |attribute| Ok::<_, Malformed>(text(item, attribute)?.map(|text| Secret::new(text.to_owned())));
        let types = text(item, A::EventTypes)?.unwrap_or_default();
        let site = text(item, A::EventSite)?.map(|site| site.parse().map_err(|_| malformed(A::EventSite)));
        let select = text(item, A::EventSelect)?.map(|text| text.parse().map_err(|_| malformed(A::EventSelect)));
        let both = |first, second| time(item, first).and_then(|at| Ok(at.zip(time(item, second)?)));
        let disabled = time(item, A::DisabledAt)?.map(|at| {
            Ok::<_, Malformed>(Disabled { at, because: text(item, A::DisabledBecause)?.unwrap_or_default().to_owned() })
        });
        let until = time(item, A::SecretBeforeUntil)?;
        Ok(Some(Self {
            url: url.to_owned(),
            types: EventTypes::read(types),
            site: site.transpose()?,
            select: select.transpose()?,
            secret: secret(A::EndpointSecret)?.ok_or_else(|| malformed(A::EndpointSecret))?,
            before: secret(A::SecretBefore)?.zip(until).map(|(secret, until)| SecretBefore { secret, until }),
            created_at: time(item, A::CreatedAt)?.ok_or_else(|| malformed(A::CreatedAt))?,
            disabled: disabled.transpose()?,
            failing: both(A::FailingSince, A::FailedAt)?.map(|(since, last)| Failing { since, last }),
        }))
    }

    /// The secrets that an event is signed with at this time: the present one first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        let before = self.before.as_ref().filter(|before| before.until > now);
        std::iter::once(&self.secret).chain(before.map(|before| &before.secret))
    }

    /// Whether the endpoint is sent an event of this type and this site, of a node that `is_meant` knows. An event of no site
    /// is sent to endpoints that have no site, and an event of no node to endpoints that have no selector.
    pub fn wants(&self, kind: &str, site: Option<&str>, is_meant: impl Fn(&Selector) -> bool) -> bool {
        self.disabled.is_none()
            && self.types.has(kind)
            && self.site.as_ref().is_none_or(|wanted| Some(wanted.as_str()) == site)
            && self.select.as_ref().is_none_or(is_meant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_in_what_is_logged() {
        assert_eq!(format!("{:?}", Secret::new("whsec_abc".to_owned())), "Secret(…)");
    }
}
