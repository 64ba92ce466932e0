//! What is drawn at random: events of a node, and requests of the application.

use super::*;

pub(super) fn policy(registration: Registration) -> Policy {
    Policy::new(registration, 3, 1, 2, 1).expect("in range").with_budget(4)
}

pub(super) fn node(name: &str) -> NodeId {
    name.parse().expect("an id")
}

pub(super) fn connection(random: &mut SmallRng) -> Connection {
    let (id, opened_at) = [("A", 9_000), ("B", 11_000), ("C", 11_000)][random.random_range(0..3)];
    Connection { id: id.parse().expect("an id"), opened_at: Timestamp(opened_at) }
}

pub(super) fn report(random: &mut SmallRng) -> Report {
    let config = ConfigOutcome { version: 7, state: ConfigState::Rejected, detail: Some("channel 14".to_owned()) };
    let health = Health { uptime_s: Some(u64::MAX), clients: Some(3), ..Health::default() };
    match random.random_range(0..3) {
        0 => Report::default(),
        1 => Report::new(Some("1.0".to_owned()), None, health),
        _ => Report::new(None, Some(config), Health::default()),
    }
}

/// Any event, about the node as it is stored.
pub(super) fn any_event(random: &mut SmallRng, id: &NodeId, stored: Option<&Item>, policy: &Policy) -> Event {
    let at = Timestamp(random.random_range(9..22) * 1000);
    let credentials = CredentialVersion(random.random_range(1..3));
    let stored = stored.map(|item| Node::read(item).expect("well-formed"));
    let sweep = stored.clone().and_then(|node| expired(id, &node, at, policy).or_else(|| lost(id, &node, at, policy)));
    let instance = [None, Some(Instance(1)), Some(Instance(2))][random.random_range(0..3)];
    let kind = match random.random_range(0..13) {
        10 => EventKind::Ask { connection: connection(random), credentials },
        11 => {
            let blocked = stored.map(|node| node.blocked).unwrap_or_default();
            EventKind::Excess { offences: blocked.offences, blocked_until: blocked.until }
        }
        12 => EventKind::TakenOver { connection: connection(random).id, before: 1 },
        0..2 => EventKind::Connect { connection: connection(random), credentials, instance },
        2..5 => {
            let (connection, report) = (connection(random), report(random));
            let (seq, received) = (random.random_range(1..6), at);
            EventKind::CheckIn { connection, credentials, received, seq, ack: true, report, results: 1 }
        }
        5..7 => {
            let reason = (random.random_range(0..2) == 0).then(|| "gone".to_owned());
            EventKind::Disconnect { connection: connection(random), code: Some(1006), reason }
        }
        7 => EventKind::Poll { credentials, report: report(random), results: 0 },
        _ => {
            let connect = EventKind::Connect { connection: connection(random), credentials, instance };
            return sweep.unwrap_or(Event::new(id.clone(), at, connect));
        }
    };
    Event { fresh: random.random_range(0..4) == 0, ..Event::new(id.clone(), at, kind) }
}

/// Whatever the monolith may want of a node.
pub(super) fn any_wish(random: &mut SmallRng, id: &NodeId) -> Update {
    let credentials = Some(random.random_range(0..4)).filter(|version| *version > 0).map(CredentialVersion);
    let site = ["hq", "lab"].get(random.random_range(0..3)).map(|site| site.parse().expect("a site"));
    match random.random_range(0..10) {
        7 => set_site_config(id, ["a", "b"][random.random_range(0..2)], random.random_range(0..2) == 0),
        8 => roll_back_config(id, ["a", "b"][random.random_range(0..2)], random.random_range(0..4), Origin::Site),
        9 => unset_config(id, &Expected { one_of: any_versions(random), none_of: any_versions(random) }),
        0..2 => register(id, &Registering { site, model: None, tags: Tags::default(), credentials }),
        2 => revoke(id),
        3 => amend(id, &Amending { site: site.into(), credentials, ..Amending::default() }),
        _ => {
            let hash = ["a", "b"][random.random_range(0..2)];
            set_config(id, hash, &Expected { one_of: any_versions(random), none_of: any_versions(random) })
        }
    }
}

/// Half of the time nothing is said.
pub(super) fn any_versions(random: &mut SmallRng) -> Option<Versions> {
    match random.random_range(0..6) {
        0..3 => None,
        3 => Some(Versions::Any),
        many => Some(Versions::Listed((4..=many).map(|_| random.random_range(0..4)).collect())),
    }
}
