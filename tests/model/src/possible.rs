//! What can happen next.

use crate::action::{Action, Luck};
use crate::scenario::Bounds;
use crate::socket::{Socket, Tick};
use crate::state::{Deed, Process, Stage, State};
use crate::task::{CHECK_INS, Name, Task};
use crate::world::World;

/// Everything that can happen next. Nothing follows a fault.
pub(crate) fn possible(world: &World, state: &State, actions: &mut Vec<Action>) {
    let bounds = &world.bounds;
    if !state.faults.is_empty() {
        return;
    }
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
    let loses = state.answers_lost < bounds.answers_lost;
    let mut begin = |task: Task, received: Vec<Tick>| {
        if !may_begin(bounds, state, task) {
            return;
        }
        let is_read = matches!(task, Task::SetConfig(_) | Task::Sweep | Task::Scan);
        for (received, luck) in received.into_iter().flat_map(|tick| lucks(loses && !is_read, tick)) {
            actions.push(Action::Begin { task, received, reports: false, luck });
            if task.mark().is_some() && state.told.latest().is_some() {
                actions.push(Action::Begin { task, received, reports: true, luck });
            }
        }
    };
    for name in Name::ALL {
        let socket = state.socket(name);
        begin(Task::Connect(name), socket.opened().into_iter().collect());
        if let Socket::Gone { closed, is_announced: true, .. } = socket {
            begin(Task::Disconnect(name), vec![closed]);
        }
        for seq in 1..=bounds.check_ins[name.index()].unwrap_or(0) {
            begin(Task::CheckIn(name, seq), socket.received(state.now));
        }
        for _ in 0..bounds.questions {
            begin(Task::Question(name), socket.received(state.now));
        }
    }
    let earlier = state.now.saturating_sub(1);
    let received = if earlier == state.now { vec![state.now] } else { vec![earlier, state.now] };
    (0..bounds.polls).for_each(|number| begin(Task::Poll(number), received.clone()));
    (0..bounds.configs).for_each(|number| begin(Task::SetConfig(number), vec![state.now]));
    for task in [Task::Revoke, Task::Sweep, Task::Scan] {
        begin(task, vec![state.now]);
    }
    for (process, under_way) in state.processes.iter().enumerate() {
        let loses = may_lose(bounds, state, &under_way.stage);
        actions.extend(lucks(loses, process).map(|(process, luck)| Action::Next { process, luck }));
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

fn may_lose(bounds: &Bounds, state: &State, stage: &Stage) -> bool {
    match stage {
        Stage::Write { .. } | Stage::Repeat { .. } => state.answers_lost < bounds.answers_lost,
        Stage::Follow { deeds, .. } => {
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

fn lucks<T: Copy>(may_lose: bool, with: T) -> impl Iterator<Item = (T, Luck)> {
    let lost = may_lose.then_some((with, Luck::Lost));
    std::iter::once((with, Luck::Answered)).chain(lost)
}
