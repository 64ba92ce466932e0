//! What can happen next.

use crate::action::{Action, Luck};
use crate::bounds::Bounds;
use crate::process::{Deed, Process, Request};
use crate::socket::{Socket, Tick};
use crate::state::State;
use crate::task::{CHECK_INS, Name, Task};
use crate::world::World;

/// Everything that can happen next. Nothing follows a fault.
pub(crate) fn possible(world: &World, state: &State, actions: &mut Vec<Action>) {
    if !state.faults.is_empty() {
        return;
    }
    let bounds = &world.bounds;
    outside(bounds, state, actions);
    for (task, received) in tasks(bounds, state) {
        if may_begin(bounds, state, task) {
            begin(bounds, state, task, received, actions);
        }
    }
    for (process, under_way) in state.processes.iter().enumerate() {
        let lucks = lucks(may_lose(bounds, state, &under_way.request));
        actions.extend(lucks.iter().map(|luck| Action::Next { process, luck: *luck }));
    }
}

/// What happens without an invocation.
fn outside(bounds: &Bounds, state: &State, actions: &mut Vec<Action>) {
    let may_wait = bounds.outlasts_ticks || state.processes.iter().all(Process::may_take_long);
    if state.now < bounds.last_tick && may_wait {
        actions.push(Action::Tick);
    }
    for name in Name::ALL {
        if may_open(bounds, state, name) {
            actions.push(Action::Open(name));
        }
        if state.socket(name).closed(state.now).is_some() {
            actions.push(Action::Close(name));
        }
    }
}

/// What there is to be done, and the instants at which API Gateway may have got its message. A message need not be
/// handled at once, or ever.
fn tasks(bounds: &Bounds, state: &State) -> Vec<(Task, Vec<Tick>)> {
    let mut tasks = vec![];
    for name in Name::ALL {
        let socket = state.socket(name);
        tasks.extend(socket.opened().map(|opened| (Task::Connect(name), vec![opened])));
        if let Socket::Gone { closed, is_announced: true, .. } = socket {
            tasks.push((Task::Disconnect(name), vec![closed]));
        }
        let received = socket.received(state.now);
        let check_ins = 1..=bounds.check_ins[name.index()].unwrap_or(0);
        tasks.extend(check_ins.map(|seq| (Task::CheckIn(name, seq), received.clone())));
        tasks.extend(bounds.asks.then_some((Task::Question(name), received)));
    }
    let (now, before) = (state.now, state.now.checked_sub(1));
    let recently: Vec<_> = before.into_iter().chain([now]).collect();
    tasks.extend((0..bounds.polls).map(|number| (Task::Poll(number), recently.clone())));
    tasks.extend((0..bounds.configs).map(|number| (Task::SetConfig(number), vec![now])));
    tasks.extend([Task::Revoke, Task::Sweep, Task::Scan].map(|task| (task, vec![now])));
    tasks
}

fn begin(bounds: &Bounds, state: &State, task: Task, received: Vec<Tick>, actions: &mut Vec<Action>) {
    let begins_with_a_read = matches!(task, Task::SetConfig(_) | Task::Sweep | Task::Scan);
    let loses = state.answers_lost < bounds.answers_lost && !begins_with_a_read;
    for received in received {
        for luck in lucks(loses).iter().copied() {
            actions.push(Action::Begin { task, received, reports: false, luck });
            if task.mark().is_some() && state.told.latest().is_some() {
                actions.push(Action::Begin { task, received, reports: true, luck });
            }
        }
    }
}

fn may_open(bounds: &Bounds, state: &State, name: Name) -> bool {
    let opens = bounds.check_ins[name.index()].is_some() && state.socket(name) == Socket::Unopened;
    opens && (name == Name::A || state.socket(Name::A) != Socket::Unopened)
}

fn may_begin(bounds: &Bounds, state: &State, task: Task) -> bool {
    let Bounds { revokes, sweeps, scans, .. } = *bounds;
    let begun = state.begun[task.index()];
    let is_under_way = || state.processes.iter().any(|process| process.task == task);
    match task {
        Task::Revoke => begun < revokes,
        Task::Sweep => begun < sweeps && !is_under_way(),
        Task::Scan => begun < scans && !is_under_way(),
        _ if begun == 0 => true,
        _ => begun == 1 && task.may_be_repeated() && repeated(state) < bounds.repeated,
    }
}

fn may_lose(bounds: &Bounds, state: &State, request: &Request) -> bool {
    match request {
        Request::Write { .. } | Request::Repeat { .. } => state.answers_lost < bounds.answers_lost,
        Request::Follow { deeds, .. } => {
            state.calls_lost < bounds.calls_lost && !matches!(deeds.first(), Some(Deed::Record(_)) | None)
        }
    }
}

/// How many deliveries were repetitions.
fn repeated(state: &State) -> u8 {
    let of_connections = Name::ALL.into_iter().flat_map(|name| {
        let check_ins = (1..=CHECK_INS).map(move |seq| Task::CheckIn(name, seq));
        [Task::Connect(name), Task::Disconnect(name)].into_iter().chain(check_ins)
    });
    of_connections.map(|task| state.begun[task.index()].saturating_sub(1)).sum()
}

fn lucks(may_lose: bool) -> &'static [Luck] {
    if may_lose { &[Luck::Answered, Luck::Lost] } else { &[Luck::Answered] }
}
