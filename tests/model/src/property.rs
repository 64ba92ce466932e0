//! What must hold in every state, and what must be reached in some.

use rollcall_core::Presence;
use stateright::Property;

use crate::fault::Fault;
use crate::reached::Outcome;
use crate::socket::Socket;
use crate::state::State;
use crate::sweep::judged;
use crate::task::{Name, Task};
use crate::world::{PATIENCE, World};

type Holds = fn(&World, &State) -> bool;

macro_rules! properties {
    ($($constant:ident = $name:literal: $holds:expr,)*) => {
        $(#[doc = $name] pub const $constant: &str = $name;)*

        const ALWAYS: &[(&str, Holds)] = &[$(($constant, $holds),)*];
    };
}

properties! {
    PRESENCE = "the presence is right once nothing is under way and the sweeps have nothing to do": presence_is_right,
    FOUND = "a node that is online has an open connection, or a grace period, or polls": sweeps_can_find,
    POLLING = "a node that polls is online": polling_is_online,
    HOLDER = "the newest connection holds the node, open and online": the_newest_holds,
    REPLACED = "a connection that was replaced stores nothing and is told nothing": |_, state| {
        !state.faults.has(Fault::ReplacedStored) && !state.faults.has(Fault::ReplacedTold)
    },
    NEWER = "a newer connection never loses the node to an older one": |_, state| !state.faults.has(Fault::OlderHolds),
    CLOSED = "a closed connection never opens again": |_, state| !state.faults.has(Fault::Reopened),
    ACKED = "what is acknowledged is stored": |_, state| !state.faults.has(Fault::AckedNotStored),
    KEPT = "what a node reported is only replaced by what it reports later": |_, state| {
        !state.faults.has(Fault::ReportLost) && !state.faults.has(Fault::StaleStored)
    },
    SEEN = "last seen never goes back": |_, state| !state.faults.has(Fault::SeenWentBack),
    VERSIONS = "no version of a configuration is skipped, used twice or taken back": |_, state| {
        !state.faults.has(Fault::Version)
    },
    TOLD = "a configuration that is no longer news was told to the node": what_is_no_news_was_told,
    SET = "a configuration that was set is desired, or a later one is": what_is_set_is_desired,
    REVOKED = "a revoked node stores nothing, and is told nothing but that earlier check-ins are stored": |_, state| {
        !state.faults.has(Fault::RevokedStored) && !state.faults.has(Fault::RevokedTold)
    },
    NO_NEWS = "a revoked node is told nothing new": |_, state| !state.faults.has(Fault::RevokedToldNews),
    TRUE = "nobody is refused for a reason that is not true": |_, state| !state.faults.has(Fault::UntrueRefusal),
    RECOGNISED = "a repeated write is not refused because of itself": |_, state| !state.faults.has(Fault::NotRecognised),
    EXPLAINED = "every outcome is explained": |_, state| !state.faults.has(Fault::Unexplained),
    DISMISSED = "a connection that does not hold the node is closed when it speaks": |_, state| {
        !state.faults.has(Fault::NotDismissed)
    },
    REPLACING = "a connect tries to close the connection that it replaces": |_, state| {
        !state.faults.has(Fault::ReplacedNotDismissed)
    },
}

/// The names of the properties that must hold in every state.
pub fn properties() -> Vec<&'static str> {
    ALWAYS.iter().map(|(name, _)| *name).collect()
}

pub(crate) fn always() -> impl Iterator<Item = Property<World>> {
    ALWAYS.iter().map(|(name, holds)| Property::always(name, *holds))
}

pub(crate) fn sometimes(outcomes: &[Outcome]) -> impl Iterator<Item = Property<World>> {
    outcomes.iter().map(|outcome| Property::sometimes(outcome.name(), REACHED[*outcome as usize]))
}

/// Whether the last step led to the outcome, for each outcome.
const REACHED: [Holds; Outcome::ALL.len()] = [
    reached::<0>,
    reached::<1>,
    reached::<2>,
    reached::<3>,
    reached::<4>,
    reached::<5>,
    reached::<6>,
    reached::<7>,
    reached::<8>,
    reached::<9>,
    reached::<10>,
    reached::<11>,
    reached::<12>,
    reached::<13>,
    reached::<14>,
    reached::<15>,
    reached::<16>,
    reached::<17>,
    reached::<18>,
    reached::<19>,
    reached::<20>,
    reached::<21>,
    reached::<22>,
    reached::<23>,
    reached::<24>,
    reached::<25>,
    reached::<26>,
    reached::<27>,
];

fn reached<const OUTCOME: usize>(_: &World, state: &State) -> bool {
    Outcome::ALL.get(OUTCOME).is_some_and(|outcome| state.just.has(*outcome))
}

/// The newest connection that ever held the node.
fn newest_socket(state: &State) -> Option<Socket> {
    state.past.newest.map(|name| state.socket(name))
}

fn presence_is_right(world: &World, state: &State) -> bool {
    let is_shaking_hands = state.sockets.iter().any(|socket| matches!(socket, Socket::Handshake { .. }));
    let has_work = || judged(world, state, Task::Sweep).is_some() || judged(world, state, Task::Scan).is_some();
    let is_silent = state.now >= state.past.sign_of_life + PATIENCE;
    let is_open = newest_socket(state).is_some_and(Socket::is_open);
    if !state.processes.is_empty() || is_shaking_hands || is_open || !is_silent || has_work() {
        return true;
    }
    matches!(state.node().presence, Presence::Offline(_))
}

fn sweeps_can_find(_: &World, state: &State) -> bool {
    let node = state.node();
    let is_online = matches!(node.presence, Presence::Online(_));
    let open = node.open().is_some();
    (is_online || !open) && (!is_online || open || node.due.is_some() || node.polls)
}

fn polling_is_online(_: &World, state: &State) -> bool {
    let has_polled = state.past.polled.is_some_and(|polled| state.now < polled + PATIENCE);
    !(state.node().polls || has_polled) || matches!(state.node().presence, Presence::Online(_))
}

fn the_newest_holds(_: &World, state: &State) -> bool {
    let Some(newest) = state.past.newest.filter(|name| state.socket(*name).is_open()) else { return true };
    let node = state.node();
    let holds = node.open().is_some_and(|held| Name::of(held.connection.id.as_str()) == Some(newest));
    holds && matches!(node.presence, Presence::Online(_))
}

fn what_is_no_news_was_told(_: &World, state: &State) -> bool {
    let node = state.node();
    node.news().is_some() || node.desired.as_ref().and_then(World::config).is_none_or(|config| state.told.has(config))
}

fn what_is_set_is_desired(_: &World, state: &State) -> bool {
    let desired = state.node().desired.as_ref().and_then(World::config);
    state.set.all().all(|set| desired.is_some_and(|desired| desired.version > set.version || desired == set))
}
