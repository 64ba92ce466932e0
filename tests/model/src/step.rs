//! One step: a request to DynamoDB or to `@connections`, or something that happens outside.

use std::sync::Arc;

use rollcall_core::Outcome;

use crate::action::{Action, Luck};
use crate::answer::answer;
use crate::console::begin_config;
use crate::deeds::follow;
use crate::fault::Fault;
use crate::process::{Planned, Process, Request, Verdict, What, Write};
use crate::reached::Outcome as Reach;
use crate::rules::Reads;
use crate::settled::settled;
use crate::socket::{Socket, Tick};
use crate::state::State;
use crate::store::store;
use crate::sweep::judged;
use crate::task::{Name, Task};
use crate::world::{PATIENCE, World};

/// Takes a step; `None` if it changes nothing, or leads to what another step leads to.
pub(crate) fn take(world: &World, state: &mut State, action: Action) -> Option<()> {
    match action {
        Action::Tick => {
            state.now += 1;
            let is_old = |socket: Socket| socket.opened().is_some_and(|opened| state.now >= opened + PATIENCE);
            let old: Vec<_> = Name::ALL.into_iter().filter(|name| is_old(state.socket(*name))).collect();
            for name in old {
                state.close(name);
            }
            Some(())
        }
        Action::Open(name) => {
            state.sockets[name.index()] = Socket::Handshake { opened: state.now };
            state.past.sign_of_life = state.now;
            Some(())
        }
        Action::Close(name) => {
            state.close(name);
            Some(())
        }
        Action::Begin { task, received, reports, luck } => begin(world, state, task, received, reports, luck),
        Action::Next { process, luck } => {
            let process = state.processes.remove(process);
            go_on(world, state, process, luck)
        }
    }
}

/// Begins an invocation, and sends its first request.
fn begin(world: &World, state: &mut State, task: Task, received: Tick, reports: bool, luck: Luck) -> Option<()> {
    state.begun[task.index()] += 1;
    match task {
        Task::Sweep | Task::Scan => {
            let what = What::Event(Planned(Arc::new(judged(world, state, task)?)));
            state.just.add(Reach::Read);
            state.push(Process::begun(task, Write { what, read: None }));
            Some(())
        }
        Task::SetConfig(document) => {
            begin_config(world, state, document);
            Some(())
        }
        Task::Revoke => go_on(world, state, Process::begun(task, Write { what: What::Revoke, read: None }), luck),
        _ => {
            let event = world.event(state, task, received, reports)?;
            if matches!(task, Task::Poll(_)) {
                state.past.sign_of_life = state.past.sign_of_life.max(received);
            }
            let reads = (world.rules.reads)(&event.kind) != Reads::Nothing;
            let read = reads.then(|| state.stored.clone());
            let process = Process::begun(task, Write { what: What::Event(Planned(Arc::new(event))), read });
            if !reads {
                return go_on(world, state, process, luck);
            }
            state.just.add(Reach::Read);
            state.push(process);
            (luck == Luck::Answered).then_some(())
        }
    }
}

/// Sends the next request of an invocation.
fn go_on(world: &World, state: &mut State, process: Process, luck: Luck) -> Option<()> {
    let Process { task, request } = process;
    match request {
        Request::Follow { deeds, then } => follow(world, state, task, deeds, then, luck),
        Request::Write { write, rounds } => {
            let (outcome, landed) = store(world, state, task, &write);
            if luck == Luck::Answered {
                settled(world, state, task, write, rounds, outcome, landed);
                return Some(());
            }
            // A write that changed nothing may as well be sent later.
            let landed = landed?;
            state.answers_lost += 1;
            state.just.add(Reach::AnswerLost);
            let request = Request::Repeat { write, rounds, landed, is_undisturbed: true };
            state.push(Process { task, request });
        }
        Request::Repeat { write, rounds, landed, is_undisturbed } => {
            let (outcome, again) = store(world, state, task, &write);
            if luck == Luck::Lost {
                state.answers_lost += 1;
                state.just.add(Reach::GaveUp);
                answer(state, task, Verdict::KeptOut);
                return Some(());
            }
            if matches!(outcome, Outcome::Applied { .. }) {
                state.just.add(if again.is_some() { Reach::StoredAgain } else { Reach::Recognised });
            }
            let landed = again.filter(|again| again.replaced.is_some()).unwrap_or(landed);
            settled(world, state, task, write, rounds, outcome, Some(landed));
            let is_refused = state.just.is_refused();
            state.faults.unless(!(is_undisturbed && is_refused), Fault::NotRecognised);
        }
    }
    Some(())
}
