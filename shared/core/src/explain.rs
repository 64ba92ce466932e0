//! What follows from a refused event: the label of the clause that did not hold says it.

use crate::budget;
use crate::clause::Because;
use crate::event::{Event, EventKind};
use crate::node::{Blocked, Node};
use crate::policy::Policy;
use crate::refusal::Refusal;

/// What follows from a refused event.
pub(crate) enum Follows {
    /// The sender is told that the event is refused, and why.
    Refused(Refusal),
    /// This event is to be planned instead.
    Again(Box<Event>),
}

/// What follows from an event that is refused for this reason; `None` if that can't be the reason. Only the values of a
/// refusal are read from the stored node.
pub(crate) fn follows(event: &Event, because: Because, stored: Option<&Node>, policy: &Policy) -> Option<Follows> {
    let refused = |refusal| Some(Follows::Refused(refusal));
    let again = |event| Some(Follows::Again(Box::new(event)));
    let instead = |kind| again(Event { kind, ..event.clone() });
    match because {
        Because::Unregistered => refused(Refusal::Unregistered),
        Because::Revoked => refused(Refusal::Revoked),
        Because::CredentialsOutdated => refused(Refusal::CredentialsOutdated { current: stored?.credentials? }),
        Because::NeverConnected | Because::Closed => refused(Refusal::Closed),
        Because::Superseded => refused(Refusal::Superseded),
        Because::Blocked => {
            let again = !budget::began_just_now(stored?.blocked, event.at);
            refused(slow_down(event, stored?, again))
        }
        Because::MinuteOver => again(Event { fresh: true, ..event.clone() }),
        Because::MinuteBegun => again(Event { fresh: false, ..event.clone() }),
        // The first message over the budget blocks the node, which takes another write. The following ones are refused
        // without one.
        Because::BudgetUsedUp => {
            let Blocked { until, offences } = stored?.blocked;
            instead(EventKind::Excess { offences, blocked_until: until })
        }
        Because::StaleSeq => {
            let stored = stored?.seq?;
            match stale(event, stored).filter(|_| policy.budget > 0) {
                Some(kind) => instead(kind),
                None => refused(Refusal::StaleSeq { stored }),
            }
        }
        Because::SeenLater => again(Event { at: stored?.seen?, ..event.clone() }),
        // Another message of the node has blocked it already.
        Because::OffencesChanged | Because::BlockChanged => refused(slow_down(event, stored?, false)),
        Because::HolderChanged
        | Because::OpenChanged
        | Because::SeenChanged
        | Because::PollsChanged
        | Because::NotDue => refused(Refusal::Changed),
        // These are the reasons of other writes.
        Because::CredentialsGoBack
        | Because::OtherVersion
        | Because::DesiredChanged
        | Because::AlreadyDesired
        | Because::OwnConfig
        | Because::NumbersHigher
        | Because::NothingDesired
        | Because::OtherModel
        | Because::CommandsChanged
        | Because::NumberTaken
        | Because::KeyTaken
        | Because::NoCommand
        | Because::Sent
        | Because::NotSent
        | Because::Ended
        | Because::OverAlready
        | Because::StoredAlready
        | Because::NoDocument
        | Because::NotedMeanwhile
        | Because::RolloutTaken
        | Because::RolloutChanged
        | Because::ListedAlready
        | Because::TargetChanged
        | Because::ClaimedByAnother
        | Because::NewerRemembered
        | Because::LogMoved
        | Because::EventKnown
        | Because::SweptMeanwhile
        | Because::CountedMeanwhile
        | Because::NoEndpoint
        | Because::EndpointTaken
        | Because::EndpointChanged
        | Because::EndpointDisabled
        | Because::SettingsChanged
        | Because::DeliveryChanged => None,
    }
}

/// The event of a check-in that came after one with a higher sequence number.
fn stale(event: &Event, stored: u64) -> Option<EventKind> {
    let EventKind::CheckIn { connection, credentials, received, results, .. } = &event.kind else { return None };
    let (connection, credentials) = (connection.clone(), *credentials);
    Some(EventKind::Stale { connection, credentials, received: *received, stored, results: *results })
}

/// The refusal of a node that is blocked. `again` is whether the node was told so before, and went on.
pub(crate) fn slow_down(event: &Event, node: &Node, again: bool) -> Refusal {
    Refusal::SlowDown { retry_after: budget::retry_after(node.blocked, event.at), again }
}
