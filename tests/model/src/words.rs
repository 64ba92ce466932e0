//! A step in words.

use crate::action::{Action, Luck};
use crate::process::{Deed, Request};
use crate::state::State;

/// A step in words: what happens in this state, and what it led to.
pub(crate) fn step(before: &State, action: Action, after: &State) -> String {
    let what = match action {
        Action::Tick => format!("the clock goes on to {}", after.now),
        Action::Open(name) => format!("connection {name} opens"),
        Action::Close(name) => format!("connection {name} closes"),
        Action::Begin { task, received, reports, luck } => {
            let late = if received < before.now { format!(" (received at {received})") } else { String::new() };
            let reports = if reports { " with a report on the configuration" } else { "" };
            let lost = if luck == Luck::Lost { " is written" } else { "" };
            format!("{task}{late}{reports}{lost}")
        }
        Action::Next { process, luck } => {
            let Some(process) = before.processes.get(process) else { return String::new() };
            format!("{}: {}", process.task, next(&process.request, luck))
        }
    };
    let led_to: Vec<_> = after.just.names().collect();
    if led_to.is_empty() { what } else { format!("{what}: {}", led_to.join("; ")) }
}

fn next(request: &Request, luck: Luck) -> String {
    match request {
        Request::Write { .. } => "the write".to_owned(),
        Request::Repeat { .. } if luck == Luck::Lost => "the same write again, whose answer is lost, too".to_owned(),
        Request::Repeat { .. } => "the same write again".to_owned(),
        Request::Follow { deeds, .. } => match deeds.first() {
            Some(Deed::Dismiss(name)) => format!("it dismisses {name}"),
            Some(Deed::Push { to, .. }) => format!("it pushes to {to}"),
            Some(Deed::Record(_)) => "it records what follows".to_owned(),
            None => "API Gateway ends the handshake".to_owned(),
        },
    }
}
