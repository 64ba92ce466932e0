//! Sentences that come in bursts: at most one of a kind a second, and how many were left out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often a sentence of a kind is shown, at most.
const PACE: Duration = Duration::from_secs(1);
/// How many kinds are told apart at a time: more than there are.
const KINDS: usize = 64;
/// The kind of all others.
const OTHER: &str = "other";

/// The kinds that were shown within the last second, or have something left out.
#[derive(Debug, Default)]
pub(super) struct Bursts(BTreeMap<String, Burst>);

#[derive(Debug)]
struct Burst {
    shown: Instant,
    /// How many were not shown since.
    left_out: u64,
    /// The last of them.
    last: String,
}

impl Bursts {
    /// Takes a sentence, and hands it back if it is to be shown now. If it is not, [`Bursts::due`] has it.
    pub(super) fn take(&mut self, kind: &str, sentence: String, now: Instant) -> Option<String> {
        let is_told_apart = self.0.len() < KINDS || self.0.contains_key(kind);
        let kind = if is_told_apart { kind } else { OTHER };
        match self.0.get_mut(kind) {
            Some(burst) if burst.left_out > 0 || now.duration_since(burst.shown) < PACE => {
                burst.left_out += 1;
                burst.last = sentence;
                None
            }
            _ => {
                self.0.insert(kind.to_owned(), Burst { shown: now, left_out: 0, last: String::new() });
                Some(sentence)
            }
        }
    }

    /// What is to be shown now of what was left out.
    pub(super) fn due(&mut self, now: Instant) -> Vec<String> {
        let mut due = vec![];
        self.0.retain(|_, burst| {
            if now.duration_since(burst.shown) < PACE {
                return true;
            }
            let Some(line) = burst.line() else { return false };
            due.push(line);
            *burst = Burst { shown: now, left_out: 0, last: String::new() };
            true
        });
        due
    }

    /// All that was left out and not shown yet.
    pub(super) fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.0).into_values().filter_map(|burst| burst.line()).collect()
    }
}

impl Burst {
    /// The last sentence, and how many others were left out.
    fn line(&self) -> Option<String> {
        match self.left_out {
            0 => None,
            1 => Some(self.last.clone()),
            count => Some(format!("{} ({} more like it)", self.last, count - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_kind_one_is_shown_a_second_with_a_count_of_the_others() {
        let (mut bursts, start) = (Bursts::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(bursts.take("a", "a 0".to_owned(), at(0)).as_deref(), Some("a 0"));
        assert_eq!(bursts.take("b", "b 0".to_owned(), at(0)).as_deref(), Some("b 0"), "another kind");
        for number in 1..100 {
            assert_eq!(bursts.take("a", format!("a {number}"), at(number)), None);
        }
        assert_eq!(bursts.due(at(999)), Vec::<String>::new());
        assert_eq!(bursts.due(at(1000)), ["a 99 (98 more like it)"]);
        assert_eq!(bursts.take("a", "a 100".to_owned(), at(1500)), None, "a second has not gone by");
        assert_eq!(bursts.due(at(2000)), ["a 100"]);
        assert_eq!(bursts.due(at(3000)), Vec::<String>::new());
        assert_eq!(bursts.take("a", "a 101".to_owned(), at(3000)).as_deref(), Some("a 101"), "it is quiet again");
        assert_eq!(bursts.take("a", "a 102".to_owned(), at(3001)), None);
        assert_eq!(bursts.rest(), ["a 102"], "nothing is kept back at the end");
    }

    #[test]
    fn kinds_without_end_are_one_kind() {
        let (mut bursts, now) = (Bursts::default(), Instant::now());
        let shown = (0..10_000).filter_map(|number| bursts.take(&number.to_string(), "x".to_owned(), now)).count();
        assert_eq!((shown, bursts.0.len()), (KINDS + 1, KINDS + 1));
        assert_eq!(bursts.due(now + PACE), ["x (9934 more like it)"]);
    }
}
