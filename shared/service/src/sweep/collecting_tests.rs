use futures_util::FutureExt as _;
use rollcall_core::{
    Attribute, Change, Expected, Guard, Key, Node, NodeId, Outcome, Policy, Registering, Registration, SETTLED_S,
    Setting, Timestamp, Update, note_unused, put_document, register, remember, set_config,
};

use crate::memory::MemoryStore;
use crate::sweep::{Sweeps, Swept};

/// How long a document is kept that no node uses, and from the begin of one scan to that of the next, in seconds.
const KEEP_S: u32 = 3_600;
const SCAN_S: u32 = 900;

/// A node with configurations, and the sweep.
struct World {
    sweeps: Sweeps<MemoryStore>,
    node: NodeId,
    second: u32,
}

impl World {
    fn new() -> Self {
        let policy = Policy::new(Registration::Open, 600, 10, 30, 0).expect("in range");
        let sweeps = Sweeps { store: MemoryStore::default(), policy, every: 60, keep_for: KEEP_S };
        let world = Self { sweeps, node: "ap-1".parse().expect("an id"), second: 1_000_000 };
        world.write(&register(&world.node, &Registering::default()));
        world
    }

    fn now(&self) -> Timestamp {
        Timestamp(0).plus_seconds(self.second)
    }

    fn write(&self, update: &Update) {
        let outcome = self.sweeps.store.apply(update);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    }

    fn stored(&self) -> Node {
        Node::read(&self.sweeps.store.get(&Key::Node(self.node.clone())).expect("an item")).expect("readable")
    }

    /// The node is to run this document; that it need not run the one before is noted.
    fn set(&self, sha256: &str) {
        let before = self.stored().desired;
        let _ = self.sweeps.store.apply(&put_document(sha256, "{}"));
        self.write(&set_config(&self.node, sha256, &Expected::default()));
        let stored = self.stored();
        self.write(&remember(&self.node, &stored, &Setting { at: self.now(), by: None }));
        if let Some(before) = before {
            self.write(&note_unused(&before.sha256, self.now()));
        }
    }

    /// The node reports that it runs this version.
    fn reports(&self, version: u64) {
        self.write_attribute(Attribute::AppliedVersion, version);
    }

    fn write_attribute(&self, attribute: Attribute, value: u64) {
        let changes = vec![Change::Set(attribute, value.into())];
        let key = Key::Node(self.node.clone());
        self.write(&Update { key, clauses: vec![], already_applied: Guard::NEVER, changes });
    }

    fn has(&self, sha256: &str) -> bool {
        self.sweeps.store.get(&Key::Document(sha256.to_owned())).is_some()
    }

    /// Sweeps for this long, as often as a scan is due.
    fn passes(&mut self, seconds: u32) -> Swept {
        let mut all = Swept::default();
        for _ in 0..seconds.div_ceil(SCAN_S) {
            self.second += SCAN_S;
            // The second run is an interval after an hour without a run.
            for at in [self.now(), self.now().plus_seconds(60)] {
                let swept =
                    self.sweeps.run(at).now_or_never().expect("memory answers at once").expect("it does not fail");
                all.collected += swept.collected;
                all.scanned += swept.scanned;
            }
        }
        all
    }
}

#[test]
fn a_document_is_deleted_once_no_node_is_to_run_it_or_runs_it_and_it_was_kept_for_long_enough() {
    let mut world = World::new();
    world.set("a1");
    world.reports(1);
    world.set("b2");
    assert_eq!(world.passes(3 * KEEP_S).collected, 0, "the node runs the first one still");
    world.reports(2);
    let swept = world.passes(KEEP_S);
    assert_eq!((swept.collected, world.has("a1"), world.has("b2")), (1, false, true));
    assert_eq!(world.sweeps.store.get(&Key::Unused("a1".to_owned())), None);
    assert_eq!(world.passes(3 * KEEP_S).collected, 0, "it is deleted once");
}

#[test]
fn a_document_that_is_desired_again_stays_and_is_noted_again_when_it_is_not() {
    let mut world = World::new();
    world.set("a1");
    world.set("b2");
    world.set("a1");
    world.reports(3);
    assert_eq!(world.passes(3 * KEEP_S).collected, 1, "the other one");
    assert!(world.has("a1") && !world.has("b2"));
    assert_eq!(world.sweeps.store.get(&Key::Unused("a1".to_owned())), None, "its note is gone");
    world.set("c3");
    world.reports(4);
    let kept = KEEP_S - SCAN_S;
    assert_eq!(world.passes(kept).collected, 0, "it is kept for a while");
    assert_eq!(world.passes(3 * SCAN_S + SETTLED_S).collected, 1);
    assert!(world.has("c3") && !world.has("a1"));
}

#[test]
fn a_document_that_is_stored_again_before_the_scan_is_over_is_not_deleted() {
    let mut world = World::new();
    world.set("a1");
    world.set("b2");
    world.reports(2);
    while world
        .sweeps
        .store
        .get(&Key::Document("a1".to_owned()))
        .is_some_and(|item| !item.contains_key(&Attribute::RetiredAt))
    {
        assert_eq!(world.passes(SCAN_S).collected, 0);
    }
    world.write(&put_document("a1", "{}"));
    assert_eq!(world.passes(KEEP_S - SCAN_S).collected, 0, "its time begins anew");
    assert!(world.has("a1"));
    assert_eq!(world.passes(KEEP_S + SETTLED_S).collected, 1, "nobody has made it desired");
}

#[test]
fn nothing_is_deleted_while_a_node_is_unreadable() {
    let mut world = World::new();
    world.set("a1");
    world.set("b2");
    world.reports(2);
    world.write_attribute(Attribute::DesiredHash, 7);
    let swept = world.passes(3 * KEEP_S);
    assert_eq!((swept.collected, world.has("a1")), (0, true));
    assert!(swept.scanned > 0);
}

#[test]
fn nothing_is_deleted_while_a_node_runs_a_version_whose_document_is_not_known() {
    let mut world = World::new();
    world.set("a1");
    world.set("b2");
    world.reports(1);
    world.sweeps.store.forget(&Key::History(world.node.clone()));
    assert_eq!(world.passes(3 * KEEP_S).collected, 0);
    world.reports(2);
    assert_eq!(world.passes(KEEP_S).collected, 1);
}

#[test]
fn documents_that_only_wait_do_not_hold_up_those_that_are_due() {
    let mut world = World::new();
    let noted = |number: u32, at: Timestamp| {
        let sha256 = format!("{:08x}{number:056x}", number.wrapping_mul(0x9e37_79b9));
        world.write(&put_document(&sha256, "{}"));
        world.write(&note_unused(&sha256, at));
    };
    let (due, later) = (world.now(), world.now().plus_seconds(100 * KEEP_S));
    (0..600).for_each(|number| noted(number, due));
    (600..1_800).for_each(|number| noted(number, later));
    assert_eq!(world.passes(KEEP_S - SCAN_S).collected, 0);
    // The first scan retires 500, the second one deletes these and retires the others, the third one deletes those.
    assert_eq!(world.passes(4 * SCAN_S).collected, 600);
    assert_eq!(world.passes(4 * SCAN_S).collected, 0, "the others wait");
}
