//! Deliveries: what became of an event at an endpoint.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::{EndpointName, EventId};
use crate::item::{Item, Malformed, malformed, number, text, time};
use crate::key::Key;
use crate::limits::clip;
use crate::policy::Seconds;
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// How much of an answer is kept, in bytes.
pub const EXCERPT_BYTES: usize = 256;
/// How long the record of a delivery is kept, in seconds: as long as events are, 30 days.
const REMEMBERED: Seconds = 30 * 24 * 3600;
/// How long after its next try was due a delivery still counts as under way, in seconds.
const OVERDUE: Seconds = 3600;

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryProgress {
    /// It failed, and is tried again.
    Retrying,
    /// The endpoint has accepted it.
    Accepted,
    /// The schedule is over: it is a dead letter.
    Dead,
}

impl DeliveryProgress {
    const ALL: [Self; 3] = [Self::Retrying, Self::Accepted, Self::Dead];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Retrying => "retrying",
            Self::Accepted => "accepted",
            Self::Dead => "dead",
        }
    }
}

/// The record of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Which time the event is delivered: 0 at first, or when the replay began.
    pub run: u64,
    /// How often it was tried in this run.
    pub tries: u32,
    /// How far it is.
    pub progress: DeliveryProgress,
    /// When it was last tried.
    pub tried_at: Timestamp,
    /// When it is tried next.
    pub next_try_at: Option<Timestamp>,
    /// What came of the last try.
    pub answer: Answer,
    /// The type of the event.
    pub kind: String,
    /// The subject of the event: a node, as a rule.
    pub subject: Option<String>,
}

/// What came of a try.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// The first bytes of the answer's body, as [`excerpt`] makes them.
    pub excerpt: String,
    /// Why there was no answer, or no whole one.
    pub error: Option<String>,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint has the event.
    Accepted,
    /// The endpoint wants no events any more: it is disabled.
    Gone,
    /// The event is sent again.
    Failed,
}

/// What an answer means: 2xx accepts, 410 disables the endpoint, and all else is a failure (Standard Webhooks,
/// "Deliverability and reliability"). An answer that broke off is a failure, whatever its status.
pub fn verdict(answer: &Answer) -> Verdict {
    match (answer.status, &answer.error) {
        (Some(200..=299), None) => Verdict::Accepted,
        (Some(410), _) => Verdict::Gone,
        _ => Verdict::Failed,
    }
}

/// Whether a message is to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is to be tried, after so many tries.
    Try(u32),
    /// It is not: this run is over already, or a later one has begun.
    Over,
    /// It is not: an earlier run is still under way, and delivers the event.
    UnderWay,
}

impl DeliveryRecord {
    /// Reads a record from its stored item.
    ///
    /// # Errors
    /// If an attribute is missing, or has a value that no rule writes.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let must = |attribute| number(item, attribute)?.ok_or_else(|| malformed(attribute));
        let progress = text(item, A::DeliveryState)?;
        let progress = DeliveryProgress::ALL.into_iter().find(|known| Some(known.as_str()) == progress);
        let owned = |attribute| Ok::<_, Malformed>(text(item, attribute)?.map(str::to_owned));
        let status =
            number(item, A::AnswerStatus)?.map(|status| status.try_into().map_err(|_| malformed(A::AnswerStatus)));
        Ok(Self {
            run: must(A::DeliveryRun)?,
            tries: must(A::Tries)?.try_into().map_err(|_| malformed(A::Tries))?,
            progress: progress.ok_or_else(|| malformed(A::DeliveryState))?,
            tried_at: Timestamp(must(A::TriedAt)?),
            next_try_at: time(item, A::NextTryAt)?,
            answer: Answer {
                status: status.transpose()?,
                excerpt: owned(A::AnswerExcerpt)?.unwrap_or_default(),
                error: owned(A::DeliveryError)?,
            },
            kind: owned(A::EventType)?.unwrap_or_default(),
            subject: owned(A::EventSubject)?,
        })
    }

    /// Whether a message of this run is to be tried, by what is recorded of its event.
    ///
    /// A replay begins from the start of the schedule. It leaves an event alone that is still under way from before:
    /// otherwise both would go on, and the event could overtake others of its node.
    pub fn claim(stored: Option<&Self>, run: u64, now: Timestamp) -> Claim {
        let Some(stored) = stored else { return Claim::Try(0) };
        let is_retrying = stored.progress == DeliveryProgress::Retrying;
        let next = stored.next_try_at.unwrap_or(stored.tried_at);
        match stored.run.cmp(&run) {
            std::cmp::Ordering::Equal if is_retrying => Claim::Try(stored.tries),
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => Claim::Over,
            std::cmp::Ordering::Less if is_retrying && now < next.plus_seconds(OVERDUE) => Claim::UnderWay,
            std::cmp::Ordering::Less => Claim::Try(0),
        }
    }

    /// The write that keeps this record. It is refused if somebody else has tried the delivery since `stored` was read.
    pub fn keep(&self, endpoint: &EndpointName, event: &EventId, stored: Option<&Self>) -> Update {
        let same = |attribute, value: Option<u64>| Guard::same(attribute, value.map(Into::into));
        let unchanged = Guard::All(vec![
            same(A::DeliveryRun, stored.map(|stored| stored.run)),
            same(A::Tries, stored.map(|stored| stored.tries.into())),
        ]);
        let text = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Into::into);
        let forget_at = self.next_try_at.unwrap_or(self.tried_at).plus_seconds(REMEMBERED).0 / 1000;
        let changes = vec![
            Change::Set(A::DeliveryRun, self.run.into()),
            Change::Set(A::Tries, self.tries.into()),
            Change::Set(A::DeliveryState, self.progress.as_str().into()),
            Change::Set(A::TriedAt, self.tried_at.0.into()),
            Change::set_or_remove(A::NextTryAt, self.next_try_at.map(|at| at.0.into())),
            Change::set_or_remove(A::AnswerStatus, self.answer.status.map(|status| u64::from(status).into())),
            Change::set_or_remove(A::AnswerExcerpt, text(&self.answer.excerpt)),
            Change::set_or_remove(A::DeliveryError, self.answer.error.as_deref().and_then(text)),
            Change::Set(A::EventType, self.kind.as_str().into()),
            Change::set_or_remove(A::EventSubject, self.subject.as_deref().map(Into::into)),
            Change::Set(A::ForgetAt, forget_at.into()),
        ];
        let mine = [(A::DeliveryRun, self.run), (A::Tries, self.tries.into()), (A::TriedAt, self.tried_at.0)];
        Update {
            key: Key::Delivery(endpoint.clone(), event.clone()),
            clauses: vec![Clause::new(Because::DeliveryChanged, unchanged)],
            already_applied: Guard::All(mine.map(|(name, value)| Guard::Equal(name, value.into())).to_vec()),
            changes,
        }
    }
}

/// The first bytes of an answer as text that is safe in a log and on a terminal: control characters are escaped, and
/// what is not UTF-8 is replaced.
pub fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT_BYTES)]);
    let escape = |c: char| {
        // Marks that turn the direction of writing could make text look like another one.
        let is_hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if is_hidden { c.escape_default().to_string() } else { c.to_string() }
    };
    let escaped: String = text.chars().map(escape).collect();
    clip(&escaped, EXCERPT_BYTES).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::Outcome;

    fn record(run: u64, tries: u32, progress: DeliveryProgress) -> DeliveryRecord {
        DeliveryRecord {
            run,
            tries,
            progress,
            tried_at: Timestamp(1_000_000),
            next_try_at: (progress == DeliveryProgress::Retrying).then_some(Timestamp(1_005_000)),
            answer: Answer { status: Some(500), excerpt: "no".to_owned(), error: Some("broke off".to_owned()) },
            kind: "node.online".to_owned(),
            subject: Some("ap-1".to_owned()),
        }
    }

    fn keep(record: &DeliveryRecord, stored: Option<&DeliveryRecord>) -> Update {
        record.keep(&"crm".parse().expect("a name"), &"17.0".parse().expect("an id"), stored)
    }

    #[test]
    fn an_answer_is_judged_by_its_status_if_it_is_whole() {
        let judged = |status, error: Option<&str>| {
            verdict(&Answer { status, excerpt: String::new(), error: error.map(str::to_owned) })
        };
        for (status, expected) in [
            (200, Verdict::Accepted),
            (299, Verdict::Accepted),
            (199, Verdict::Failed),
            (300, Verdict::Failed),
            (302, Verdict::Failed),
            (400, Verdict::Failed),
            (404, Verdict::Failed),
            (410, Verdict::Gone),
            (429, Verdict::Failed),
            (503, Verdict::Failed),
        ] {
            assert_eq!(judged(Some(status), None), expected, "{status}");
        }
        assert_eq!([judged(None, Some("no route")), judged(Some(200), Some("broke off"))], [Verdict::Failed; 2]);
    }

    #[test]
    fn a_record_is_read_as_it_was_kept() {
        let first = record(0, 1, DeliveryProgress::Retrying);
        let Outcome::Applied { after } = keep(&first, None).apply(None) else { panic!("refused") };
        assert_eq!(DeliveryRecord::read(&after), Ok(first.clone()));
        let second = DeliveryRecord { answer: Answer::default(), ..record(0, 2, DeliveryProgress::Accepted) };
        let Outcome::Applied { after } = keep(&second, Some(&first)).apply(Some(&after)) else { panic!("refused") };
        assert_eq!(DeliveryRecord::read(&after), Ok(second), "nothing of the first try is left");
    }

    #[test]
    fn of_two_that_try_the_same_delivery_one_counts() {
        let one = record(0, 1, DeliveryProgress::Retrying);
        let Outcome::Applied { after } = keep(&one, None).apply(None) else { panic!("refused") };
        let other = DeliveryRecord { tried_at: Timestamp(1_000_001), ..one.clone() };
        let refused = keep(&other, None).apply(Some(&after));
        assert!(matches!(refused, Outcome::Refused { because: Some(Because::DeliveryChanged), .. }));
        assert!(matches!(keep(&one, None).apply(Some(&after)), Outcome::Applied { .. }), "its own answer was lost");
        let second = record(0, 2, DeliveryProgress::Retrying);
        let Outcome::Applied { after } = keep(&second, Some(&one)).apply(Some(&after)) else { panic!("refused") };
        let late = DeliveryRecord { tried_at: Timestamp(1_000_002), ..second };
        assert!(
            matches!(keep(&late, Some(&one)).apply(Some(&after)), Outcome::Refused { .. }),
            "the third try is next"
        );
    }

    #[test]
    fn a_message_is_tried_unless_its_run_is_over_or_an_earlier_one_is_under_way() {
        use DeliveryProgress::{Accepted, Dead, Retrying};
        let now = Timestamp(1_002_000);
        let claim = |stored: DeliveryRecord, run| DeliveryRecord::claim(Some(&stored), run, now);
        assert_eq!(DeliveryRecord::claim(None, 7, now), Claim::Try(0));
        assert_eq!(claim(record(0, 3, Retrying), 0), Claim::Try(3));
        assert_eq!([claim(record(0, 3, Accepted), 0), claim(record(0, 8, Dead), 0)], [Claim::Over; 2]);
        assert_eq!([claim(record(0, 3, Accepted), 7), claim(record(0, 8, Dead), 7)], [Claim::Try(0); 2], "a replay");
        assert_eq!(claim(record(0, 3, Retrying), 7), Claim::UnderWay);
        assert_eq!(claim(record(7, 1, Retrying), 0), Claim::Over, "a replay has taken it over");
        let lost = Timestamp(1_005_000 + 3_600_000);
        assert_eq!(DeliveryRecord::claim(Some(&record(0, 3, Retrying)), 7, lost), Claim::Try(0), "nobody tries it");
    }

    #[test]
    fn an_excerpt_is_short_and_has_nothing_hidden_in_it() {
        assert_eq!(excerpt(b"ok\r\n\x1b[2J\x00"), "ok\\r\\n\\u{1b}[2J\\u{0}");
        assert_eq!(excerpt("a\u{202e}b\u{feff}".as_bytes()), "a\\u{202e}b\\u{feff}");
        assert_eq!(excerpt(b"\xff\xfe!"), "\u{fffd}\u{fffd}!");
        assert_eq!(
            [excerpt(&[0; 4096]).len() <= EXCERPT_BYTES, excerpt(&[b'x'; 4096]).len() == EXCERPT_BYTES],
            [true; 2]
        );
    }
}
