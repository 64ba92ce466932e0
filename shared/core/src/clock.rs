//! How the rules handle instants that a wrong clock has stored.
//!
//! Instants come from the clocks of many hosts. A clock may be set back, by a moment or by a day; what it wrote before
//! then lies in the future. An instant in the future is the mistake of a wrong clock, and no event is ordered by it.
//! docs/adr/0013

use crate::attribute::Attribute;
use crate::event::Event;
use crate::guard::Guard;
use crate::item::Value;
use crate::timestamp::Timestamp;

/// How far apart two right clocks may be, in seconds.
pub(crate) const SKEW_S: u32 = 5;

/// The longest time from the opening of a connection to the end of its handshake, in seconds. The authorizer and the
/// `$connect` function have 29 s each (Amazon API Gateway quotas, WebSocket API, "Integration timeout"); the sum is
/// rounded up.
pub(crate) const HANDSHAKE_S: u32 = 60;

/// The longest time from the planning of a write to its arrival at the table, in seconds. The client sends its last try
/// within the 10 s of an invocation (Lambda's `Timeout` in `infra/template.yaml`), and no answer tells how long a try that
/// was given up is on its way; the sum is rounded up. What is stored meanwhile is no mistake of a clock, although the
/// guard's own clock was read before it.
const UNDER_WAY_S: u32 = 30;

/// The latest instant that a right clock can have stored when a write that is planned now arrives. "Now" is the later of
/// the event's two times.
pub(crate) fn horizon(event: &Event) -> Timestamp {
    event.now.max(event.at).plus_seconds(SKEW_S + UNDER_WAY_S)
}

/// The latest opening time that a stored connection can rightly have when this `$connect` is handled. API Gateway gives
/// up on a handshake after [`HANDSHAKE_S`], so no `$connect` is handled later than that.
pub(crate) fn connect_horizon(event: &Event) -> Timestamp {
    horizon(event).min(event.at.plus_seconds(HANDSHAKE_S))
}

/// The latest instant that has passed by every right clock, if it is `now` by one of them.
pub fn surely_past(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_sub(u64::from(SKEW_S) * 1000))
}

/// The condition that a stored instant lies beyond this horizon.
pub(crate) fn beyond(attribute: Attribute, horizon: Timestamp) -> Guard {
    Guard::Greater(attribute, Value::from(horizon.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;
    use crate::id::CredentialVersion;
    use crate::report::Report;

    fn event(at: u64, now: u64) -> Event {
        let kind = EventKind::Poll { credentials: CredentialVersion(1), report: Report::default(), results: 0 };
        let node = "ap-1".parse().expect("an id");
        Event { now: Timestamp(now), ..Event::new(node, Timestamp(at), kind) }
    }

    #[test]
    fn an_event_that_was_delivered_late_is_judged_by_its_handlers_clock() {
        assert_eq!(horizon(&event(1_000, 90_000)), Timestamp(125_000));
        assert_eq!(horizon(&event(90_000, 1_000)), Timestamp(125_000), "a handler's clock may be behind");
    }

    #[test]
    fn a_connect_is_never_handled_later_than_its_handshake_may_take() {
        assert_eq!(connect_horizon(&event(100_000, 101_000)), Timestamp(136_000));
        assert_eq!(connect_horizon(&event(100_000, 900_000)), Timestamp(160_000));
    }
}
