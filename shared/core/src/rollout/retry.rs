//! Which failures of a node are tried again, and when.

use crate::limits::clip;
use crate::policy::Seconds;
use crate::timestamp::Timestamp;

use super::target::{Target, TargetState};
use super::waves::ChangeKind;

/// How many rules a rollout may have.
const RULES: usize = 10;
/// How often a node may be told again.
const TIMES_MOST: u64 = 10;
/// The longest time between a failure and the next attempt, in seconds: a day.
const WAIT_MOST: Seconds = 24 * 3600;
/// The longest code, in bytes.
const CODE_BYTES: usize = 64;
/// The code that stands for every failure.
const ANY: &str = "*";
/// The words for failures, and what can fail so.
const WORDS: [(&str, &[ChangeKind]); 4] = [
    (REJECTED, &[ChangeKind::Config]),
    (FAILED, &[ChangeKind::Firmware, ChangeKind::Command]),
    (ROLLED_BACK, &[ChangeKind::Config, ChangeKind::Firmware]),
    (EXPIRED, &[ChangeKind::Command]),
];

/// A node has refused a configuration.
pub(super) const REJECTED: &str = "rejected";
/// A node could not install an image, or execute a command.
pub(super) const FAILED: &str = "failed";
/// A node runs again what it ran before.
pub(super) const ROLLED_BACK: &str = "rolled-back";
/// A node was there, and has not begun a command in its time.
pub(super) const EXPIRED: &str = "expired";

/// How a node has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What Rollcall calls it.
    how: &'static str,
    /// What the node says of it.
    detail: Option<String>,
}

/// Failures that are tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Which: a [code](failure_code), a word for a failure, or `*` for all.
    pub code: String,
    /// How often a node is told again, after whatever failures.
    pub times: u64,
    /// How long after the first failure, in seconds. It doubles with each attempt, up to a day.
    pub wait_s: Seconds,
}

/// Which failures of a rollout's nodes are tried again: the first rule that means a failure counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retries(Vec<Retry>);

/// Why rules are refused. Rules are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRetry {
    /// There are too many.
    #[error("there are {0} rules; at most {RULES} are allowed")]
    TooMany(usize),
    /// No failure has this code.
    #[error(
        "rule {0}: a code is * or has 1 to {CODE_BYTES} lower-case letters, digits, '.', '_' and '-', such as download-failed"
    )]
    Code(usize),
    /// A number is out of its range.
    #[error("rule {0}: {1} must be from 1 to {2}, not {3}")]
    OutOfRange(usize, &'static str, u64, u64),
    /// What is changed can't fail so.
    #[error("rule {0}: a {1} is never {2:?}; it may be {3}")]
    NeverSo(usize, ChangeKind, String, String),
    /// A rule before it means the same failures.
    #[error("rule {0}: it never counts, since a rule before it means the same failures")]
    Repeated(usize),
}

impl Retries {
    /// Checks rules for a rollout that changes this.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn new(kind: ChangeKind, rules: Vec<Retry>) -> Result<Self, InvalidRetry> {
        if rules.len() > RULES {
            return Err(InvalidRetry::TooMany(rules.len()));
        }
        for (index, rule) in rules.iter().enumerate() {
            let number = index + 1;
            if rule.code != ANY && coded(&rule.code).as_ref() != Some(&rule.code) {
                return Err(InvalidRetry::Code(number));
            }
            let wait_s = u64::from(rule.wait_s);
            for (name, value, most) in [("times", rule.times, TIMES_MOST), ("wait_s", wait_s, u64::from(WAIT_MOST))] {
                if value < 1 || value > most {
                    return Err(InvalidRetry::OutOfRange(number, name, most, value));
                }
            }
            let word = WORDS.iter().find(|(word, _)| *word == rule.code);
            if word.is_some_and(|(_, kinds)| !kinds.contains(&kind)) {
                let own: Vec<_> =
                    WORDS.iter().filter(|(_, kinds)| kinds.contains(&kind)).map(|(word, _)| *word).collect();
                return Err(InvalidRetry::NeverSo(number, kind, rule.code.clone(), own.join(" or ")));
            }
            if rules[..index].iter().any(|before| before.code == ANY || before.code == rule.code) {
                return Err(InvalidRetry::Repeated(number));
            }
        }
        Ok(Self(rules))
    }

    /// How long after this failure a node is told again that was told so many times; `None` if it is not.
    pub fn wait(&self, failure: &Failure, attempts: u64) -> Option<Seconds> {
        let retries = attempts.saturating_sub(1);
        let rule = self.0.iter().find(|rule| failure.is(&rule.code)).filter(|rule| retries < rule.times)?;
        let doubled = 1_u64.checked_shl(u32::try_from(retries).ok()?)?.saturating_mul(rule.wait_s.into());
        Some(Seconds::try_from(doubled).unwrap_or(WAIT_MOST).min(WAIT_MOST))
    }

    /// What a target of which this failure was seen is to be, and when it is told again.
    pub(super) fn after(&self, target: &Target, failure: &Failure, now: Timestamp) -> (TargetState, Option<Timestamp>) {
        if target.state == TargetState::Retrying {
            return (TargetState::Retrying, target.retry_at);
        }
        match self.wait(failure, target.attempts) {
            Some(wait_s) => (TargetState::Retrying, Some(now.plus_seconds(wait_s))),
            None => (TargetState::Failed, None),
        }
    }
}

impl Failure {
    pub(super) fn new(how: &'static str, detail: Option<String>) -> Self {
        Self { how, detail }
    }

    /// What is said of it.
    pub(super) fn reason(&self) -> String {
        self.detail.clone().unwrap_or_else(|| self.how.to_owned())
    }

    fn is(&self, code: &str) -> bool {
        code == ANY || code == self.how || self.detail.as_deref().and_then(coded).as_deref() == Some(code)
    }
}

/// The code of a failure for which this is said: what comes before the first colon, in small letters, with `-` for what is
/// no letter, digit, `.` or `_`. So `Download failed: timeout` has the code `download-failed`. `None` if there is nothing.
pub fn failure_code(reason: &str) -> Option<String> {
    coded(reason)
}

fn coded(text: &str) -> Option<String> {
    let first = text.split(':').next().unwrap_or_default();
    let mut code = String::new();
    for letter in clip(first, 2 * CODE_BYTES).chars().map(|letter| letter.to_ascii_lowercase()) {
        let is_plain = letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '.' | '_');
        if is_plain {
            code.push(letter);
        } else if !code.is_empty() && !code.ends_with('-') {
            code.push('-');
        }
    }
    code.truncate(CODE_BYTES);
    let code = code.trim_end_matches('-');
    (!code.is_empty()).then(|| code.to_owned())
}

#[cfg(test)]
#[path = "retry_histories.rs"]
mod histories;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(code: &str, times: u64, wait_s: Seconds) -> Retry {
        Retry { code: code.to_owned(), times, wait_s }
    }

    fn failure(how: &'static str, detail: &str) -> Failure {
        Failure::new(how, Some(detail.to_owned()))
    }

    #[test]
    fn a_code_is_what_a_node_says_before_the_first_colon() {
        for (said, code) in [
            ("download-failed: timeout", Some("download-failed")),
            ("Download failed", Some("download-failed")),
            ("  wrong hash  ", Some("wrong-hash")),
            ("rolled back: the server could not be reached", Some("rolled-back")),
            ("E_42", Some("e_42")),
            (": ", None),
            ("—", None),
        ] {
            assert_eq!(failure_code(said).as_deref(), code, "{said:?}");
        }
        let long = failure_code(&"ä1".repeat(500)).expect("a code");
        assert!(long.len() <= CODE_BYTES && coded(&long).as_ref() == Some(&long), "{long}");
    }

    #[test]
    fn a_node_is_told_again_so_many_times_and_each_wait_is_twice_the_one_before() {
        let retries = Retries::new(ChangeKind::Firmware, vec![rule("download-failed", 3, 60), rule("*", 1, 5)]);
        let retries = retries.expect("valid");
        let waits = |failure: &Failure| [0, 1, 2, 3, 4, 100].map(|attempts| retries.wait(failure, attempts));
        let download = failure(FAILED, "download-failed: timeout");
        assert_eq!(waits(&download), [Some(60), Some(60), Some(120), Some(240), None, None]);
        assert_eq!(waits(&failure(ROLLED_BACK, "another version runs")), [Some(5), Some(5), None, None, None, None]);
        assert_eq!(Retries::default().wait(&download, 1), None, "without a rule, a failure is one");
    }

    #[test]
    fn no_wait_is_longer_than_a_day() {
        let retries = Retries::new(ChangeKind::Config, vec![rule("*", 10, WAIT_MOST)]).expect("valid");
        assert!((1..=10).all(|attempts| retries.wait(&failure(REJECTED, "busy"), attempts) == Some(WAIT_MOST)));
    }

    #[test]
    fn a_word_for_a_failure_means_it_whatever_the_node_says() {
        let retries = Retries::new(ChangeKind::Firmware, vec![rule(ROLLED_BACK, 1, 60)]).expect("valid");
        assert!(retries.wait(&failure(ROLLED_BACK, "another version runs"), 1).is_some());
        assert!(retries.wait(&failure(FAILED, "another version runs"), 1).is_none());
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        let (config, command) = (ChangeKind::Config, ChangeKind::Command);
        for (kind, rules, number) in [
            (config, vec![rule("Busy", 1, 1)], 1),
            (config, vec![rule("a b", 1, 1)], 1),
            (config, vec![rule("", 1, 1)], 1),
            (config, vec![rule("*", 0, 1)], 1),
            (config, vec![rule("*", 11, 1)], 1),
            (config, vec![rule("*", 1, 0)], 1),
            (config, vec![rule("*", 1, WAIT_MOST + 1)], 1),
            (config, vec![rule("*", 1, 1), rule("busy", 1, 1)], 2),
            (config, vec![rule("busy", 1, 1), rule("busy", 2, 1)], 2),
            (config, vec![rule("busy", 1, 1), rule(EXPIRED, 1, 1)], 2),
            (config, vec![rule(FAILED, 1, 1)], 1),
            (command, vec![rule(REJECTED, 1, 1)], 1),
            (command, vec![rule(ROLLED_BACK, 1, 1)], 1),
            (ChangeKind::Firmware, vec![rule(EXPIRED, 1, 1)], 1),
        ] {
            let error = Retries::new(kind, rules.clone()).expect_err("refused").to_string();
            assert!(error.starts_with(&format!("rule {number}: ")), "{rules:?}: {error}");
        }
        let many = (0..=RULES).map(|nth| rule(&format!("e{nth}"), 1, 1)).collect();
        assert_eq!(Retries::new(config, many), Err(InvalidRetry::TooMany(RULES + 1)));
    }
}
