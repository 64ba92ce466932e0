//! The end of an invocation: what its sender is told after everything else is done.

use crate::process::{Deed, Process, Request, Verdict};
use crate::state::State;
use crate::task::Task;

/// Answers, or first does what is to be done before. API Gateway ends a handshake only after `$connect` was answered,
/// which is a step of its own.
pub(crate) fn answer_after(state: &mut State, task: Task, deeds: Vec<Deed>, then: Verdict) {
    if deeds.is_empty() && then != Verdict::LetIn {
        answer(state, task, then);
    } else {
        state.push(Process { task, request: Request::Follow { deeds, then } });
    }
}

/// Ends an invocation with its answer.
pub(crate) fn answer(state: &mut State, task: Task, verdict: Verdict) {
    match (task, verdict) {
        (Task::Connect(name), Verdict::LetIn | Verdict::KeptOut) => {
            let socket = state.socket(name).answered(verdict == Verdict::LetIn, state.now);
            state.sockets[name.index()] = socket;
        }
        (_, Verdict::Set(config)) => state.set.add(config),
        _ => {}
    }
}
