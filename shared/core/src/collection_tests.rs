use std::collections::BTreeSet;

use super::*;
use crate::document::put_document;
use crate::update::Outcome;

const KEEP_S: Seconds = 1_000;

fn after(update: &Update, stored: Option<&Item>) -> Option<Item> {
    match update.apply(stored) {
        Outcome::Applied { after } => Some(after),
        Outcome::Refused { stored, .. } => stored,
    }
}

#[test]
fn a_document_is_retired_after_it_was_unused_for_long_enough_and_judged_when_that_is_settled() {
    let note = after(&note_unused("ab", Timestamp(5_000)), None).expect("noted");
    let end = Timestamp(5_000).plus_seconds(KEEP_S);
    assert_eq!(noted("ab", &note, KEEP_S, Timestamp(end.0 - 1)), Ok(Noted::Waits));
    assert_eq!(noted("ab", &note, KEEP_S, end), Ok(Noted::Retire(Timestamp(5_000))));
    let [of_document, of_note] = retire("ab", Timestamp(5_000), end);
    let document = after(&of_document, after(&put_document("ab", "{}"), None).as_ref()).expect("stored");
    let note = after(&of_note, Some(&note)).expect("noted");
    let settled = end.plus_seconds(SETTLED_S);
    assert_eq!(noted("ab", &note, KEEP_S, Timestamp(settled.0 - 1)), Ok(Noted::Waits));
    let retired = Retired { sha256: "ab".to_owned(), at: end };
    assert_eq!(noted("ab", &note, KEEP_S, settled), Ok(Noted::Judge(retired.clone())));
    assert!(delete_document(&retired).applies(Some(&document)) && delete_note(&retired).applies(Some(&note)));

    let again = after(&put_document("ab", "{}"), Some(&document)).expect("stored");
    assert!(!delete_document(&retired).applies(Some(&again)), "it was stored again");
    let renewed = after(&note_unused("ab", settled), Some(&note)).expect("noted");
    assert!(!delete_note(&retired).applies(Some(&renewed)), "it was noted again");
    assert_eq!(noted("ab", &renewed, KEEP_S, settled), Ok(Noted::Waits));
    assert_eq!(after(&of_note, Some(&renewed)), Some(renewed), "what was noted again is not retired");
    assert_eq!(after(&of_document, None), None, "a document that is not there is not retired");
}

/// What is left out of the rules, to see that the histories notice it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// Storing a document again does not remove its mark.
    StoringAgain,
    /// A document is deleted whatever its mark is.
    TheCondition,
    /// A scan judges what was retired a moment ago.
    TheWait,
    /// A process takes what it has stored once for stored for ever.
    Forgetting,
}

/// A document, a node that may use it, a console with its requests, and a scan.
#[derive(Clone, Debug)]
struct World {
    without: Without,
    now: Timestamp,
    document: Option<Item>,
    note: Option<Item>,
    /// Whether the document is desired of the node.
    is_desired: bool,
    /// When the console last stored the document.
    stored_at: Option<Timestamp>,
    /// When the request began that makes the document desired.
    request: Option<Timestamp>,
    /// When the document was retired, of which the note does not say so yet.
    retiring: Option<(Timestamp, Timestamp)>,
    /// What the scan judges, and whether it has found it in use.
    judging: Option<(Retired, Option<bool>)>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Later,
    Request,
    Desire,
    Leave,
    Retire,
    RetireNote,
    Begin,
    Scan,
    Delete,
}

const STEPS: [Step; 9] = [
    Step::Later,
    Step::Request,
    Step::Desire,
    Step::Leave,
    Step::Retire,
    Step::RetireNote,
    Step::Begin,
    Step::Scan,
    Step::Delete,
];
/// How long a step of the clock is, in seconds: a request may last as long as that, and two are longer than a document is
/// taken for stored.
const TICK_S: Seconds = 200;
const TICKS: u64 = 5;

impl World {
    fn new(without: Without) -> Self {
        Self {
            without,
            now: Timestamp(0),
            document: after(&put_document("ab", "{}"), None),
            note: after(&note_unused("ab", Timestamp(0)), None),
            is_desired: false,
            stored_at: Some(Timestamp(0)),
            request: None,
            retiring: None,
            judging: None,
        }
    }

    /// The world after a step; `None` if it can't be taken.
    fn after(mut self, step: Step) -> Option<Self> {
        match step {
            Step::Later => {
                // A request is over by then.
                (self.now.0 < u64::from(TICK_S) * 1_000 * TICKS && self.request.is_none()).then_some(())?;
                self.now = self.now.plus_seconds(TICK_S);
            }
            Step::Request => {
                self.request.is_none().then_some(())?;
                self.request = Some(self.now);
                let known = self
                    .stored_at
                    .filter(|at| self.without == Without::Forgetting || at.plus_seconds(STORED_FOR_S) >= self.now);
                if known.is_none() {
                    let marked = self.document.clone().filter(|_| self.without == Without::StoringAgain);
                    self.document = marked.or_else(|| after(&put_document("ab", "{}"), self.document.as_ref()));
                    self.stored_at = Some(self.now);
                }
            }
            Step::Desire => {
                self.request.take()?;
                self.is_desired = true;
            }
            Step::Leave => {
                std::mem::take(&mut self.is_desired).then_some(())?;
                self.note = after(&note_unused("ab", self.now), self.note.as_ref());
            }
            Step::Retire => {
                self.retiring.is_none().then_some(())?;
                let Ok(Noted::Retire(since)) = noted("ab", self.note.as_ref()?, 0, self.now) else { return None };
                self.document = after(&retire("ab", since, self.now)[0], self.document.as_ref());
                self.retiring = Some((since, self.now));
            }
            Step::RetireNote => {
                let (since, at) = self.retiring.take()?;
                self.note = after(&retire("ab", since, at)[1], self.note.as_ref());
            }
            Step::Begin => {
                self.judging.is_none().then_some(())?;
                let wait = if self.without == Without::TheWait { SETTLED_S } else { 0 };
                let judged = noted("ab", self.note.as_ref()?, 0, self.now.plus_seconds(wait));
                let Ok(Noted::Judge(retired)) = judged else { return None };
                self.judging = Some((retired, None));
            }
            Step::Scan => {
                let (retired, _) = self.judging.clone().filter(|(_, found)| found.is_none())?;
                self.judging = Some((retired, Some(self.is_desired)));
            }
            Step::Delete => {
                let (retired, found) = self.judging.take()?;
                if !found? {
                    let applies = delete_document(&retired).applies(self.document.as_ref());
                    if applies || self.without == Without::TheCondition {
                        self.document = None;
                    }
                    if delete_note(&retired).applies(self.note.as_ref()) {
                        self.note = None;
                    }
                }
            }
        }
        Some(self)
    }
}

/// The shortest history in which a node is to run a document that is gone; and how many worlds were seen.
fn lost(without: Without) -> (Option<Vec<Step>>, usize) {
    let (mut seen, mut front) = (BTreeSet::new(), vec![(World::new(without), vec![])]);
    while !front.is_empty() {
        let mut next = vec![];
        for (world, history) in front {
            for step in STEPS {
                let Some(after) = world.clone().after(step) else { continue };
                let history: Vec<_> = history.iter().copied().chain([step]).collect();
                if after.is_desired && after.document.is_none() {
                    return (Some(history), seen.len());
                }
                if seen.insert(format!("{after:?}")) {
                    next.push((after, history));
                }
            }
        }
        front = next;
    }
    (None, seen.len())
}

#[test]
fn no_document_is_deleted_that_a_node_uses_in_any_order_of_writes() {
    let (history, worlds) = lost(Without::Nothing);
    assert!(history.is_none(), "{history:?}");
    assert!(worlds > 1_000, "{worlds}");
}

#[test]
fn each_part_of_the_rules_is_needed() {
    for without in [Without::StoringAgain, Without::TheCondition, Without::TheWait, Without::Forgetting] {
        assert!(lost(without).0.is_some(), "{without:?}");
    }
}
