//! How fast the oracle is. It is measured by hand, alone on the machine:
//! `cargo test --release -p rollcall-fleet -- --ignored --nocapture the_oracle`

use std::time::{Duration, Instant};

use rollcall_core::{
    Connection, CredentialVersion, Event, EventKind, Health, Item, Key, Outcome, Registration, Report, Timestamp, plan,
};
use rollcall_wire::{CheckIn, NodeMessage, ServerMessage};

use super::story::{START, ack};
use crate::observation::{Device, Observation, Seen};
use crate::oracle::Oracle;
use crate::plan::Plan;

const NODES: usize = 200;
const ROUNDS: u64 = 200;
/// How many observations of a quiet fleet the oracle must take in a second.
const PER_SECOND: u128 = 300_000;

/// The observations of a quiet fleet: each node connects and checks in again and again, and every fourth check-in is
/// answered.
fn quiet_fleet(fleet: &Plan) -> Vec<Observation> {
    let policy = fleet.settings.policy().expect("in range").with_budget(0);
    let mut observations = vec![];
    let mut items: Vec<Option<Item>> = vec![None; NODES];
    for round in 0..ROUNDS {
        for (node, item) in items.iter_mut().enumerate() {
            let at = Timestamp(START + round * 300_000 + node as u64);
            let mut see = |what| observations.push(Observation { at, what });
            let (id, who) = (fleet.nodes[node].id.clone(), Device { node, device: 0, run: 0 });
            let connection = Connection {
                id: format!("A{node}").parse().expect("an id"),
                opened_at: Timestamp(START + node as u64),
            };
            let credentials = CredentialVersion(1);
            let said = CheckIn { ack: round % 4 == 0, ..CheckIn::idle(round + 1) };
            let kind = if round == 0 {
                let node = id.clone();
                see(Seen::Handshake { node, connection: connection.id.clone(), credentials: 1, opened_at: at });
                EventKind::Connect { connection: connection.clone(), credentials, instance: None }
            } else {
                see(Seen::Sent { who, link: Some(1), message: NodeMessage::CheckIn(said.clone()) });
                let health = Health { uptime_s: None, load_percent: None, memory_free_kib: None, clients: None };
                let (report, seq, results) = (Report::new(None, None, health), said.seq, 0);
                let connection = connection.clone();
                EventKind::CheckIn { connection, credentials, received: at, seq, ack: true, report, results }
            };
            let update = plan(&Event::new(id.clone(), at, kind), &policy);
            let Outcome::Applied { after } = update.apply(item.as_ref()) else { panic!("refused") };
            see(Seen::Wrote { key: Key::Node(id.clone()), before: item.replace(after.clone()), after });
            if round == 0 {
                see(Seen::Open { node: id.clone(), connection: connection.id.clone() });
                see(Seen::LinkOpened { who, link: 1, connection: Some(connection.id.clone()) });
                continue;
            }
            let answer = said.ack.then(|| ServerMessage::Ack(ack(said.seq)));
            let connection = Some(connection.id);
            see(Seen::Handled { node: id, connection, credentials: 1, began: at, answer: answer.clone() });
            if let Some(message) = answer {
                see(Seen::Received { who, link: Some(1), message });
            }
        }
    }
    observations
}

#[test]
#[ignore = "it measures; see the comment of this file"]
fn the_oracle_takes_300_000_observations_a_second() {
    let mut fleet = Plan::generate(1, NODES, 1);
    fleet.settings = crate::plan::Settings { registration: Registration::Open, ..fleet.settings };
    fleet.steps = vec![];
    let observations = quiet_fleet(&fleet);
    // The best of a few runs: other processes of the machine only make it slower.
    let took = (0..7).map(|_| takes(&fleet, &observations)).min().unwrap_or_default();
    let per_second = observations.len() as u128 * 1_000_000 / took.as_micros().max(1);
    #[expect(clippy::print_stderr, reason = "it measures")]
    {
        eprintln!("{} observations in {took:?}: {per_second} a second", observations.len());
    }
    assert!(per_second >= PER_SECOND, "{per_second} a second");
}

fn takes(fleet: &Plan, observations: &[Observation]) -> Duration {
    let mut oracle = Oracle::new(fleet, Timestamp(START));
    let began = Instant::now();
    for observation in observations {
        oracle.observe(observation);
    }
    let took = began.elapsed();
    assert!(oracle.violations().is_empty(), "{}", oracle.violations()[0]);
    took
}
