use futures_util::FutureExt as _;
use rollcall_core::{
    Attribute, Change, Connection, CredentialVersion, EventKind, Guard, Outcome, Presence, Queueing, Registering,
    Registration, Update, plan, queue, register,
};

use super::*;
use crate::memory::MemoryStore;

const START: u64 = 1_000_000_000;

fn policy() -> Policy {
    Policy::new(Registration::Open, 600, 10, 30, 0).expect("in range")
}

fn at(seconds: u64) -> Timestamp {
    Timestamp(START + seconds * 1000)
}

fn sweeps() -> Sweeps<MemoryStore> {
    Sweeps { store: MemoryStore::default(), policy: policy(), every: 60, keep_for: 3600 }
}

impl Sweeps<MemoryStore> {
    fn happens(&self, id: &str, second: u64, kind: EventKind) {
        let event = Event::new(id.parse().expect("an id"), at(second), kind);
        assert!(matches!(self.store.apply(&plan(&event, &self.policy)), Outcome::Applied { .. }), "{event:?}");
    }

    fn connects(&self, id: &str, second: u64) {
        let credentials = CredentialVersion(1);
        self.happens(id, second, EventKind::Connect { connection: connection(second), credentials, instance: None });
    }

    fn closes(&self, id: &str, opened: u64, second: u64) {
        let kind = EventKind::Disconnect { connection: connection(opened), code: Some(1001), reason: None };
        self.happens(id, second, kind);
    }

    fn run_at(&self, second: u64) -> Swept {
        self.run(at(second)).now_or_never().expect("memory answers at once").expect("memory does not fail")
    }

    fn is_online(&self, id: &str) -> bool {
        let item = self.store.get(&Key::Node(id.parse().expect("an id"))).expect("an item");
        matches!(Node::read(&item).expect("well-formed").presence, Presence::Online(_))
    }
}

fn connection(opened: u64) -> Connection {
    Connection { id: format!("c{opened}").parse().expect("an id"), opened_at: at(opened) }
}

#[test]
fn a_node_goes_offline_with_the_first_sweep_after_its_grace_period() {
    let sweeps = sweeps();
    sweeps.connects("ap-1", 0);
    sweeps.connects("ap-2", 30);
    sweeps.closes("ap-1", 0, 5);
    assert_eq!(sweeps.run_at(34).expired, 0);
    assert_eq!(sweeps.run_at(35), Swept { expired: 1, ..Swept::default() });
    assert_eq!([sweeps.is_online("ap-1"), sweeps.is_online("ap-2")], [false, true]);
    assert_eq!(sweeps.run_at(36).expired, 0, "it is offline already");
}

#[test]
fn after_an_outage_nodes_have_an_interval_to_come_back() {
    let policy = Policy::new(Registration::Open, 600, 10, 5, 0).expect("in range");
    let sweeps = Sweeps { policy, ..sweeps() };
    sweeps.connects("ap-1", 0);
    sweeps.closes("ap-1", 0, 3);
    let held = Swept { held: true, ..Swept::default() };
    assert_eq!(sweeps.run_at(4), Swept { scanned: 1, recounted: 1, ..Swept::default() });
    assert_eq!(sweeps.run_at(21), held, "nothing was stored for two intervals");
    sweeps.connects("ap-2", 28);
    assert_eq!(sweeps.run_at(29), held, "ap-2 is back, and ap-1 may come back, too");
    sweeps.connects("ap-2", 38);
    assert_eq!(sweeps.run_at(39).expired, 1);
    assert!(!sweeps.is_online("ap-1"));
}

#[test]
fn a_node_whose_disconnect_was_lost_goes_offline_with_the_slow_scan() {
    let sweeps = sweeps();
    for number in 0..20 {
        sweeps.connects(&format!("ap-{number}"), 0);
    }
    sweeps.connects("alive", 1);
    assert_eq!(sweeps.run_at(2), Swept { scanned: 21, recounted: 21, ..Swept::default() });
    for second in (10..=640).step_by(5) {
        sweeps.connects("alive", second);
        assert_eq!(sweeps.run_at(second).lost, 0, "the next scan is not due");
    }
    sweeps.connects("alive", 901);
    let _ = sweeps.run_at(901);
    sweeps.connects("alive", 912);
    assert_eq!(sweeps.run_at(913), Swept { scanned: 21, recounted: 20, lost: 20, ..Swept::default() });
    assert!(sweeps.is_online("alive") && !sweeps.is_online("ap-7"));
}

#[test]
fn commands_that_expire_while_their_node_is_away_are_over_with_the_slow_scan() {
    let sweeps = sweeps();
    let id: NodeId = "away".parse().expect("an id");
    let stored = || Node::read(&sweeps.store.get(&Key::Node(id.clone())).expect("an item")).expect("well-formed");
    let _ = sweeps.store.apply(&register(&id, &Registering::default()));
    for (number, expires_in) in [60, 300, 1_200].into_iter().enumerate() {
        let (name, key) = ("scan".parse().expect("a name"), format!("k{number}").parse().expect("a key"));
        let queueing = Queueing { name, args: "[]".to_owned(), expires_in, key, request: "hash".to_owned() };
        let (_, updates) = queue(&id, &stored(), 0, &queueing, at(0)).expect("room");
        assert!(updates.iter().all(|update| matches!(sweeps.store.apply(update), Outcome::Applied { .. })));
    }
    for (second, overdue, over) in [(64, 0, 0), (965, 1, 2), (1_866, 1, 3), (2_767, 0, 3)] {
        // After a while without a sweep, the first one waits an interval.
        let swept = [second, second + 12].map(|second| {
            sweeps.connects("alive", second - 1);
            sweeps.run_at(second)
        });
        assert_eq!(swept.iter().map(|swept| swept.scanned).sum::<u64>(), 2, "{second}: {swept:?}");
        assert_eq!(swept.iter().map(|swept| swept.overdue).sum::<u64>(), overdue, "{second}: {swept:?}");
        assert_eq!(stored().commands_over, over, "{second}");
    }
}

#[test]
fn two_sweeps_at_once_call_each_node_offline_once() {
    let sweeps = sweeps();
    for number in 0..50 {
        sweeps.connects(&format!("ap-{number}"), 0);
        sweeps.closes(&format!("ap-{number}"), 0, 5);
    }
    sweeps.connects("alive", 39);
    let both = futures_util::future::join(sweeps.run(at(40)), sweeps.run(at(40)));
    let (one, other) = both.now_or_never().expect("memory answers at once");
    let expired = [one, other].map(|swept| swept.expect("memory does not fail").expired);
    assert_eq!(expired.iter().sum::<u64>(), 50, "{expired:?}");
}

#[test]
fn a_node_that_is_unreadable_is_counted_and_holds_up_no_other() {
    let sweeps = sweeps();
    sweeps.connects("ap-1", 0);
    sweeps.connects("ap-2", 0);
    for id in ["ap-1", "ap-2"] {
        sweeps.closes(id, 0, 5);
    }
    let key = Key::Node("ap-1".parse().expect("an id"));
    let changes = vec![Change::Set(Attribute::OpenedAt, "soon".into())];
    let unreadable = Update { key, clauses: vec![], already_applied: Guard::NEVER, changes };
    assert!(matches!(sweeps.store.apply(&unreadable), Outcome::Applied { .. }));
    sweeps.connects("alive", 39);
    let swept = sweeps.run_at(40);
    assert_eq!((swept.expired, swept.failed > 0), (1, true), "{swept:?}");
    assert!(!sweeps.is_online("ap-2"));
}
