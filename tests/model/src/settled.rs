//! What follows from a write whose answer has come, as the rules have it.

use std::sync::Arc;

use rollcall_core::{Effect, Event, EventKind, Outcome, Refusal, Reply, Settled};

use crate::answer::{answer, answer_after};
use crate::console::{config_settled, revoke_settled};
use crate::fault::Fault;
use crate::monitor::watch_reply;
use crate::process::{Deed, Landed, Planned, Process, Request, Verdict, What, Write};
use crate::reached::Outcome as Reach;
use crate::state::State;
use crate::task::{Name, Task};
use crate::world::World;

/// How often an event is planned at most, as the functions have it.
const ROUNDS: u8 = 6;

/// Settles a write whose answer has come.
pub(crate) fn settled(
    world: &World,
    state: &mut State,
    task: Task,
    write: Write,
    rounds: u8,
    outcome: Outcome,
    landed: Option<Landed>,
) {
    let Write { what, read } = write;
    let event = match what {
        What::Event(event) => event,
        What::Config(_) => return config_settled(state, task, outcome),
        What::Revoke => return revoke_settled(state, task, outcome),
    };
    let known = read.as_deref().map(|read| &read.node);
    match (world.rules.settle)((*event.0).clone(), outcome, known, &world.policy) {
        Err(_) => state.faults.add(Fault::Unexplained),
        Ok(Settled::Again(_)) if rounds + 1 >= ROUNDS => answer(state, task, Verdict::KeptOut),
        Ok(Settled::Again(event)) => {
            state.just.add(Reach::CaughtUp);
            let write = Write { what: What::Event(Planned(Arc::new(event))), read };
            state.push(Process { task, request: Request::Write { write, rounds: rounds + 1 } });
        }
        Ok(Settled::Done { reply, effects, .. }) => {
            let deeds: Vec<_> = effects.into_iter().filter_map(deed).collect();
            watch_reply(state, task, &reply, &deeds, landed);
            let then = tell(state, task, &event.0, reply);
            answer_after(state, task, deeds, then);
        }
    }
}

/// Tells the sender of an event what it is told at once, and returns what it is told in the end.
fn tell(state: &mut State, task: Task, event: &Event, reply: Reply) -> Verdict {
    match reply {
        Reply::Stored => {
            state.just.add(match (task, &event.kind) {
                (Task::Connect(_), _) => Reach::LetIn,
                (_, EventKind::Expire { found }) if found.polls => Reach::SweptPolling,
                (Task::Sweep, _) => Reach::Offline,
                (Task::Scan, _) => Reach::OfflineByScan,
                _ => Reach::Stored,
            });
            return if matches!(task, Task::Connect(_)) { Verdict::LetIn } else { Verdict::Done };
        }
        Reply::Ack(terms) => {
            state.just.add(Reach::Acked);
            if let Some(config) = terms.config.as_ref().and_then(World::config) {
                state.just.add(Reach::AckedWithNews);
                state.told.add(config);
            }
        }
        Reply::Known(node) => {
            state.just.add(Reach::Answered);
            if let Some(config) = node.desired.as_ref().and_then(World::config) {
                state.told.add(config);
            }
        }
        Reply::Refused(refusal) => {
            state.just.add(refused(refusal));
            return Verdict::KeptOut;
        }
    }
    Verdict::Done
}

fn deed(effect: Effect) -> Option<Deed> {
    match effect {
        Effect::Dismiss(connection, _) => Name::of(connection.as_str()).map(Deed::Dismiss),
        Effect::Record(event) => Some(Deed::Record(Planned(Arc::from(event)))),
    }
}

fn refused(refusal: Refusal) -> Reach {
    match refusal {
        Refusal::Superseded => Reach::Superseded,
        Refusal::Closed => Reach::Closed,
        Refusal::StaleSeq { .. } => Reach::Stale,
        Refusal::Changed => Reach::Changed,
        Refusal::Revoked | Refusal::Unregistered | Refusal::CredentialsOutdated { .. } | Refusal::SlowDown { .. } => {
            Reach::Revoked
        }
    }
}
