//! What one sweep leaves to the next: how far its slow scan is, and whether nothing was stored for a while.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::collection::Retired;
use crate::guard::Guard;
use crate::id::NodeId;
use crate::item::{Item, Malformed, Value, malformed, number, text, time};
use crate::key::Key;
use crate::policy::{Policy, Seconds};
use crate::presence::CHECK_INS_MISSED;
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// In how many segments the slow scan reads the table of nodes.
pub const SCAN_SEGMENTS: u64 = 4;

/// How many of its runs the sweep may miss before it did not run for a while.
const SWEEPS_MISSED: Seconds = 3;

/// Whether nothing was heard of any node for longer than this before that instant.
fn is_quiet(last_heard: Option<Timestamp>, at: Option<Timestamp>, patience: Seconds) -> bool {
    last_heard.zip(at).is_some_and(|(heard, at)| heard.plus_seconds(patience) < at)
}

/// What one sweep leaves to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepState {
    /// When the last check-in or connect of a node was stored, as far as the sweeps saw.
    last_heard: Option<Timestamp>,
    /// When the last sweep ran.
    swept_at: Option<Timestamp>,
    /// Until when no node is called offline.
    hold_until: Option<Timestamp>,
    scan: Option<Scan>,
    /// The retired documents that the scan has not found in use so far.
    retired: Vec<Retired>,
}

/// A slow scan.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scan {
    began: Timestamp,
    /// The segment that it goes on with; [`SCAN_SEGMENTS`] once it is over.
    segment: u64,
    /// The node behind which it goes on; `None` at the start of the segment.
    after: Option<NodeId>,
}

impl SweepState {
    /// Reads the stored state; an absent item is that of a sweep that never ran.
    ///
    /// # Errors
    /// If an attribute has a value that no rule writes.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let after = text(item, A::ScanAfter)?.map(|id| id.parse().map_err(|_| malformed(A::ScanAfter))).transpose()?;
        let segment = number(item, A::ScanSegment)?;
        let scan = match (time(item, A::ScanBegan)?, segment) {
            (Some(began), Some(segment)) => Some(Scan { began, segment, after }),
            (None, None) => None,
            (Some(_), None) => return Err(malformed(A::ScanSegment)),
            (None, Some(_)) => return Err(malformed(A::ScanBegan)),
        };
        let (last_heard, swept_at) = (time(item, A::LastHeard)?, time(item, A::SweptAt)?);
        let retired = text(item, A::Retired)?.map(read_retired).transpose()?.unwrap_or_default();
        Ok(Self { last_heard, swept_at, hold_until: time(item, A::HoldUntil)?, scan, retired })
    }

    /// Begins a sweep: notes when it runs, and when the nodes that it has looked at were last heard of. `every` is how often
    /// the sweep runs.
    ///
    /// If no check-in and no connect was stored for two intervals, or the sweep itself did not run, the fault may be ours.
    /// Then no node is called offline for one interval more, in which nodes can say that they are there. The same holds
    /// when the first of them is heard of again.
    pub fn begin(&mut self, heard: Option<Timestamp>, now: Timestamp, every: Seconds, policy: &Policy) {
        let patience = policy.check_in_every.saturating_mul(CHECK_INS_MISSED);
        let slept = self
            .swept_at
            .is_some_and(|swept| swept.plus_seconds(patience).plus_seconds(every.saturating_mul(SWEEPS_MISSED)) < now);
        let was_quiet = is_quiet(self.last_heard, self.swept_at, patience);
        // An instant of the future is the mistake of a wrong clock, and shows that something was stored all the same.
        let before = self.last_heard.map(|heard| heard.min(now));
        self.last_heard = before.max(heard.map(|heard| heard.min(now)));
        self.swept_at = Some(now);
        let hold = if slept || (was_quiet && self.last_heard > before) {
            Some(now)
        } else {
            self.last_heard
                .filter(|_| is_quiet(self.last_heard, Some(now), patience))
                .map(|heard| heard.plus_seconds(patience))
        };
        let hold = hold.map(|from| from.plus_seconds(policy.check_in_every));
        self.hold_until = self.hold_until.max(hold).filter(|until| *until > now);
    }

    /// Whether nodes may be called offline at this moment.
    pub fn may_conclude(&self, now: Timestamp, policy: &Policy) -> bool {
        // A hold never lasts longer than an interval from now. A longer one was written by a wrong clock.
        let longest = now.plus_seconds(policy.check_in_every.saturating_mul(CHECK_INS_MISSED + 1));
        self.hold_until.is_none_or(|until| until <= now || until > longest)
    }

    /// Begins a slow scan if the last one is over, and began so long ago. Returns whether one has begun.
    pub fn begin_scan(&mut self, now: Timestamp, every: Seconds) -> bool {
        let is_due = self.scan.as_ref().is_none_or(|scan| {
            let is_over = scan.segment >= SCAN_SEGMENTS;
            // A scan that began in the future was begun by a wrong clock.
            is_over && (scan.began.plus_seconds(every) <= now || scan.began > now.plus_seconds(every))
        });
        if is_due {
            self.scan = Some(Scan { began: now, segment: 0, after: None });
            self.retired = vec![];
        }
        is_due
    }

    /// The scan, which has just begun, judges these documents.
    pub fn judge(&mut self, retired: Vec<Retired>) {
        self.retired = retired;
    }

    /// The documents that the scan has not found in use so far.
    pub fn unused(&self) -> &[Retired] {
        &self.retired
    }

    /// The scan has found a document in use. Returns it if it was among those that are judged.
    pub fn in_use(&mut self, sha256: &str) -> Option<Retired> {
        let place = self.retired.iter().position(|retired| retired.sha256 == sha256)?;
        Some(self.retired.swap_remove(place))
    }

    /// The documents that no node uses, once the scan is over.
    pub fn take_unused(&mut self) -> Vec<Retired> {
        if self.scanning().is_some() { vec![] } else { std::mem::take(&mut self.retired) }
    }

    /// The segment, and the node in it, that the slow scan goes on with; `None` if there is no scan under way.
    pub fn scanning(&self) -> Option<(u64, Option<&NodeId>)> {
        let scan = self.scan.as_ref().filter(|scan| scan.segment < SCAN_SEGMENTS)?;
        Some((scan.segment, scan.after.as_ref()))
    }

    /// The scan has read a page of its segment, which ends with this node; `None` if the segment is over.
    pub fn scanned(&mut self, until: Option<NodeId>) {
        if let Some(scan) = &mut self.scan {
            if until.is_none() {
                scan.segment += 1;
            }
            scan.after = until;
        }
    }

    /// The write that keeps this state for the next sweep. It is refused if another sweep has kept its own since `read`
    /// was read.
    pub fn keep(&self, read: &Self) -> Update {
        let unchanged = read.attributes().map(|(attribute, value)| Guard::same(attribute, value));
        let clauses = vec![Clause::new(Because::SweptMeanwhile, Guard::All(unchanged.to_vec()))];
        let already_applied = self.attributes().map(|(attribute, value)| Guard::same(attribute, value)).to_vec();
        let changes = self.attributes().map(|(attribute, value)| Change::set_or_remove(attribute, value)).to_vec();
        Update { key: Key::Sweep, clauses, already_applied: Guard::All(already_applied), changes }
    }

    fn attributes(&self) -> [(A, Option<Value>); 7] {
        let scan = self.scan.as_ref();
        let retired: Vec<_> = self.retired.iter().map(|Retired { sha256, at }| format!("{sha256}@{}", at.0)).collect();
        [
            (A::LastHeard, self.last_heard.map(|at| at.0.into())),
            (A::SweptAt, self.swept_at.map(|at| at.0.into())),
            (A::HoldUntil, self.hold_until.map(|at| at.0.into())),
            (A::ScanBegan, scan.map(|scan| scan.began.0.into())),
            (A::ScanSegment, scan.map(|scan| scan.segment.into())),
            (A::ScanAfter, scan.and_then(|scan| scan.after.as_ref()).map(|node| node.as_str().into())),
            (A::Retired, (!retired.is_empty()).then(|| Value::Text(retired.join(" ")))),
        ]
    }
}

fn read_retired(text: &str) -> Result<Vec<Retired>, Malformed> {
    let read = |one: &str| {
        let (sha256, at) = one.split_once('@')?;
        Some(Retired { sha256: sha256.to_owned(), at: Timestamp(at.parse().ok()?) })
    };
    text.split(' ').map(|one| read(one).ok_or_else(|| malformed(A::Retired))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Registration;
    use crate::update::Outcome;

    fn policy() -> Policy {
        Policy::new(Registration::Open, 600, 10, 8, 0).expect("in range")
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    /// Whether a sweep may call nodes offline, for each sweep: its time, and when a node was last heard of by then.
    fn may_conclude(sweeps: &[(u64, u64)]) -> Vec<bool> {
        let mut state = SweepState::default();
        let concluding = sweeps.iter().map(|(now, heard)| {
            state.begin(Some(at(*heard)), at(*now), 5, &policy());
            state.may_conclude(at(*now), &policy())
        });
        concluding.collect()
    }

    #[test]
    fn while_nodes_are_heard_of_the_others_are_called_offline() {
        assert_eq!(may_conclude(&[(100, 99), (105, 104), (110, 104), (115, 112)]), [true; 4]);
    }

    #[test]
    fn after_two_intervals_without_a_word_no_node_is_called_offline_for_one_interval_more() {
        assert_eq!(may_conclude(&[(120, 100), (121, 100), (129, 100), (130, 100)]), [true, false, false, true]);
    }

    #[test]
    fn when_nodes_are_heard_of_again_the_others_have_an_interval_to_come_back() {
        let sweeps = [(100, 100), (121, 100), (130, 100), (135, 134), (144, 142), (145, 144)];
        assert_eq!(may_conclude(&sweeps), [true, false, true, false, false, true]);
    }

    #[test]
    fn a_sweep_that_did_not_run_for_a_while_waits_an_interval() {
        assert_eq!(may_conclude(&[(100, 99), (136, 134), (146, 145)]), [true, false, true]);
        assert_eq!(may_conclude(&[(100, 99), (135, 134)]), [true; 2], "it has missed a few runs");
    }

    #[test]
    fn a_sweep_that_runs_less_often_than_nodes_check_in_calls_them_offline_all_the_same() {
        let mut state = SweepState::default();
        for run in 1..5 {
            state.begin(Some(at(300 * run - 9)), at(300 * run), 300, &policy());
            assert!(state.may_conclude(at(300 * run), &policy()), "run {run}");
        }
    }

    #[test]
    fn wrong_clocks_hold_no_sweep_for_longer_than_it_would_wait() {
        let (future, swept_at) = (Some(at(90_000)), Some(at(80_000)));
        let mut state = SweepState { hold_until: future, last_heard: future, swept_at, scan: None, retired: vec![] };
        state.begin(Some(at(80_000)), at(100), 5, &policy());
        assert!(state.may_conclude(at(100), &policy()));
        assert_eq!(state.last_heard, Some(at(100)));
        state.begin_scan(at(90_000), 900);
        state.scan = state.scan.map(|scan| Scan { segment: SCAN_SEGMENTS, ..scan });
        state.begin_scan(at(100), 900);
        assert_eq!(state.scanning(), Some((0, None)), "a scan that began in the future is no reason to wait for it");
    }

    #[test]
    fn a_scan_goes_on_where_it_stopped_and_begins_again_when_it_is_due() {
        let mut state = SweepState::default();
        state.begin_scan(at(100), 900);
        assert_eq!(state.scanning(), Some((0, None)));
        let node: NodeId = "ap-1".parse().expect("an id");
        state.scanned(Some(node.clone()));
        state.begin_scan(at(5_000), 900);
        assert_eq!(state.scanning(), Some((0, Some(&node))), "it is not over yet");
        for segment in 1..SCAN_SEGMENTS {
            state.scanned(None);
            assert_eq!(state.scanning(), Some((segment, None)));
        }
        state.scanned(None);
        assert_eq!(state.scanning(), None);
        state.begin_scan(at(999), 900);
        assert_eq!(state.scanning(), None);
        state.begin_scan(at(1_000), 900);
        assert_eq!(state.scanning(), Some((0, None)));
    }

    #[test]
    fn of_two_sweeps_that_read_the_same_state_one_keeps_its_own() {
        let read = SweepState::default();
        let (mut one, mut other) = (read.clone(), read.clone());
        one.begin(Some(at(9)), at(10), 5, &policy());
        one.begin_scan(at(10), 900);
        other.begin(Some(at(8)), at(10), 5, &policy());
        let Outcome::Applied { after } = one.keep(&read).apply(None) else { panic!("nobody was faster") };
        assert_eq!(SweepState::read(&after), Ok(one.clone()));
        assert!(matches!(other.keep(&read).apply(Some(&after)), Outcome::Refused { .. }));
        assert!(matches!(one.keep(&read).apply(Some(&after)), Outcome::Applied { .. }), "its own answer was lost");
    }

    #[test]
    fn a_state_that_no_rule_writes_is_unreadable() {
        for item in [
            Item::from([(A::ScanBegan, 1_u64.into())]),
            Item::from([(A::ScanSegment, 1_u64.into())]),
            Item::from([(A::ScanBegan, 1_u64.into()), (A::ScanSegment, 1_u64.into()), (A::ScanAfter, "".into())]),
        ] {
            assert!(SweepState::read(&item).is_err(), "{item:?}");
        }
    }
}
