//! Designs that write the same, and conclude something else from it.

use rollcall_core::{Attribute, Effect, EventKind, Outcome, Refusal, Reply, Settled, settle};

use super::is_connect;
use crate::rules::{Reads, Rules};

pub(super) fn check_in_reads_first() -> Rules {
    let reads =
        |kind: &EventKind| if matches!(kind, EventKind::CheckIn { .. }) { Reads::ToJudge } else { Reads::Nothing };
    Rules { reads, ..Rules::default() }
}

/// The connect dismisses the connection that it has read, and not the one that its write has replaced.
pub(super) fn connect_reads_first() -> Rules {
    let reads = |kind: &EventKind| if is_connect(kind) { Reads::ToKnow } else { Reads::Nothing };
    Rules {
        reads,
        settle: |event, outcome, known, policy| {
            let mut settled = settle(event, outcome, policy)?;
            if let (Settled::Done { effects, .. }, Some(known)) = (&mut settled, known) {
                let open = known.open().map(|held| &held.connection.id);
                effects.retain(|effect| match effect {
                    Effect::Dismiss(dismissed, Refusal::Superseded) => Some(dismissed) == open,
                    Effect::Dismiss(..) | Effect::Record(_) => true,
                });
            }
            Ok(settled)
        },
        ..Rules::default()
    }
}

pub(super) fn earlier_is_refused() -> Rules {
    Rules {
        settle: |event, outcome, _, policy| {
            Ok(match settle(event, outcome, policy)? {
                Settled::Again(_) => Settled::Done {
                    reply: Reply::Refused(Refusal::Changed),
                    effects: vec![],
                    presence: None,
                    results: None,
                },
                done @ Settled::Done { .. } => done,
            })
        },
        ..Rules::default()
    }
}

pub(super) fn told_only() -> Rules {
    Rules {
        settle: |event, outcome, _, policy| {
            let is_connect = is_connect(&event.kind);
            let mut settled = settle(event, outcome, policy)?;
            if let (Settled::Done { effects, .. }, false) = (&mut settled, is_connect) {
                effects.clear();
            }
            Ok(settled)
        },
        ..Rules::default()
    }
}

/// A refused poll is taken for one that is stored.
pub(super) fn acked_anyway() -> Rules {
    Rules {
        settle: |event, outcome, _, policy| match outcome {
            Outcome::Refused { stored: Some(after), .. } if matches!(event.kind, EventKind::Poll { .. }) => {
                settle(event, Outcome::Applied { after }, policy)
            }
            outcome => settle(event, outcome, policy),
        },
        ..Rules::default()
    }
}

/// Whoever refuses a write says only that it is refused.
pub(super) fn unlabelled() -> Rules {
    Rules {
        settle: |event, outcome, _, policy| match outcome {
            Outcome::Refused { stored, .. } => settle(event, Outcome::Refused { stored, because: None }, policy),
            applied @ Outcome::Applied { .. } => settle(event, applied, policy),
        },
        ..Rules::default()
    }
}

/// The answer to what is stored does not depend on whether the node is still served.
pub(super) fn served_before() -> Rules {
    Rules {
        settle: |event, outcome, _, policy| match outcome {
            Outcome::Applied { mut after } => {
                after.remove(&Attribute::Revoked);
                settle(event, Outcome::Applied { after }, policy)
            }
            refused @ Outcome::Refused { .. } => settle(event, refused, policy),
        },
        ..Rules::default()
    }
}
