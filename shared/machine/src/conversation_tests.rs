use std::ops::RangeInclusive;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::SmallRng};
use rollcall_wire::{ConfigStatus, Health};

use super::*;

const INTERVAL: Duration = Duration::from_secs(10);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// No back-off, so that times are exact, and no pings unless a test is about them.
fn timing() -> Timing {
    Timing { backoff_cap: Duration::ZERO, ping_after: s(100_000), dead_after: s(200_000), ..Timing::default() }
}

/// A conversation with its timing and random numbers.
struct Talk {
    conversation: Conversation,
    timing: Timing,
    rng: SmallRng,
}

impl Talk {
    fn new(timing: Timing) -> Self {
        Self { conversation: Conversation::opened(Duration::ZERO), timing, rng: SmallRng::seed_from_u64(7) }
    }

    fn tick(&mut self, now: Duration) -> Option<Due> {
        self.conversation.tick(&self.timing, &mut self.rng, now)
    }

    fn compose(&mut self, now: Duration, firmware: &str) -> CheckIn {
        let report = Report { firmware: Some(firmware.to_owned()), ..Report::default() };
        self.conversation.compose(&self.timing, now, INTERVAL, Saying { report, ..Saying::default() })
    }

    /// The check-in that is due at `now`.
    fn say(&mut self, now: Duration, firmware: &str) -> CheckIn {
        assert_eq!(self.tick(now), Some(Due::CheckIn), "at {now:?}");
        self.compose(now, firmware)
    }

    fn ack(&mut self, now: Duration, seq: u64) -> Option<Duration> {
        self.conversation.acked(now, seq, INTERVAL).map(|acked| acked.rtt)
    }

    fn not_stored(&mut self, now: Duration, seq: Option<u64>) {
        let seq = self.conversation.about(seq);
        self.conversation.not_stored(&self.timing, &mut self.rng, now, seq);
    }

    /// Sends check-ins with these sequence numbers, and acknowledges each one that asks for an ack. Returns the
    /// sequence numbers of those that asked.
    fn seqs_that_ask(&mut self, seqs: RangeInclusive<u64>) -> Vec<u64> {
        let (mut now, mut asked) = (Duration::ZERO, Vec::new());
        for seq in seqs {
            let check_in = self.say(now, "1");
            assert_eq!(check_in.seq, seq);
            if check_in.ack {
                asked.push(seq);
                self.ack(now, seq);
            }
            now += INTERVAL;
        }
        asked
    }
}

#[test]
fn the_first_check_in_is_due_at_once_reports_everything_and_asks_for_an_ack() {
    let mut talk = Talk::new(timing());
    assert_eq!(talk.tick(Duration::ZERO), Some(Due::CheckIn));
    let config = ConfigReport { version: 3, status: ConfigStatus::Applied, detail: None };
    let report = Report { firmware: Some("1".to_owned()), config: Some(config), health: Some(Health::default()) };
    let saying = Saying { report: report.clone(), ..Saying::default() };
    let check_in = talk.conversation.compose(&talk.timing, Duration::ZERO, INTERVAL, saying);
    let expected =
        CheckIn { firmware: report.firmware, config: report.config, health: report.health, ..CheckIn::idle(1) };
    assert_eq!(check_in, expected);
}

#[test]
fn every_fourth_check_in_asks_for_an_ack_when_nothing_changes() {
    assert_eq!(Talk::new(timing()).seqs_that_ask(1..=10), [1, 5, 9]);
}

#[test]
fn every_check_in_can_be_made_to_ask_for_an_ack() {
    assert_eq!(Talk::new(Timing { ack_every: 1, ..timing() }).seqs_that_ask(1..=4), [1, 2, 3, 4]);
    assert_eq!(Talk::new(Timing { ack_every: 0, ..timing() }).seqs_that_ask(1..=3), [1, 2, 3]);
}

#[test]
fn an_acknowledged_fact_is_not_sent_again_and_a_change_asks_for_an_ack() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "1");
    talk.ack(s(0), 1);
    assert_eq!(talk.say(s(10), "1"), CheckIn { ack: false, ..CheckIn::idle(2) });
    let changed = talk.say(s(20), "2");
    assert_eq!(changed, CheckIn { firmware: Some("2".to_owned()), ..CheckIn::idle(3) });
    talk.ack(s(20), 3);
    assert_eq!(talk.say(s(30), "2"), CheckIn { ack: false, ..CheckIn::idle(4) });
}

#[test]
fn a_value_is_sent_again_if_a_change_is_taken_back_before_its_ack() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "1");
    talk.ack(s(0), 1);
    talk.say(s(10), "2");
    // The server may have stored "2", so the node must send "1" once more.
    let back = talk.say(s(20), "1");
    assert_eq!((back.firmware.as_deref(), back.ack), (Some("1"), true));
    talk.ack(s(20), 2);
    talk.conversation.check_in_now(s(21));
    assert_eq!(talk.say(s(21), "1").firmware.as_deref(), Some("1"), "only the ack of 3 shows that it is stored");
}

#[test]
fn without_an_ack_the_check_in_is_sent_again_with_the_next_seq() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "1");
    assert_eq!(talk.tick(Duration::from_millis(9_999)), None);
    let again = talk.say(s(10), "1");
    assert_eq!(again, CheckIn { firmware: Some("1".to_owned()), ..CheckIn::idle(2) });
    assert_eq!(talk.ack(s(11), 2), Some(s(1)));
    assert_eq!(talk.tick(s(20)), None);
    assert_eq!(talk.tick(s(21)), Some(Due::CheckIn));
}

#[test]
fn a_late_ack_counts_for_its_check_in_and_the_ack_of_the_newer_one_is_still_awaited() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "1");
    talk.say(s(10), "1");
    assert_eq!(talk.ack(s(12), 1), Some(s(12)));
    assert_eq!(talk.tick(s(19)), None);
    assert_eq!(talk.say(s(20), "1").seq, 3);
}

#[test]
fn after_the_last_attempt_the_connection_is_given_up() {
    let mut talk = Talk::new(timing());
    for attempt in 0..5 {
        assert_eq!(talk.say(s(10 * attempt), "1").seq, attempt + 1);
    }
    assert_eq!(talk.tick(s(49)), None);
    assert_eq!(talk.tick(s(50)), Some(Due::Unanswered));
}

#[test]
fn a_connection_whose_sequence_numbers_are_used_up_is_given_up() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "1");
    talk.conversation.stale(&talk.timing, &mut talk.rng, s(1), 1, SEQ_MAX - 1);
    assert_eq!(talk.say(s(1), "1").seq, SEQ_MAX);
    assert_eq!(talk.ack(s(1), SEQ_MAX), Some(s(0)));
    assert_eq!(talk.tick(s(11)), Some(Due::Unanswered));
}

#[test]
fn an_ack_resets_the_count_of_failures() {
    let mut talk = Talk::new(timing());
    for round in 0..20 {
        let now = s(100 * round);
        talk.conversation.check_in_now(now);
        let seq = talk.say(now, "1").seq;
        talk.not_stored(now, Some(seq));
        let seq = talk.say(now, "1").seq;
        talk.ack(now, seq);
    }
    assert_eq!(talk.tick(s(1901)), None);
}

#[test]
fn after_an_error_the_check_in_is_sent_again_and_asks_for_an_ack() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "1");
    talk.ack(s(0), 1);
    assert!(!talk.say(s(10), "1").ack);
    talk.not_stored(s(11), None);
    assert_eq!(talk.say(s(11), "1"), CheckIn::idle(3));
}

#[test]
fn repeated_and_late_errors_do_not_send_the_check_in_again() {
    let mut talk = Talk::new(Timing { backoff_base: s(30), backoff_cap: s(30), ..timing() });
    talk.say(s(0), "1");
    talk.not_stored(s(1), Some(1));
    let due = talk.conversation.deadline(&talk.timing);
    assert!(due <= s(31));
    talk.not_stored(s(2), Some(1));
    talk.not_stored(s(2), None);
    assert_eq!(talk.conversation.deadline(&talk.timing), due);
    talk.say(due, "1");
    talk.ack(due, 2);
    talk.not_stored(due, Some(2));
    talk.not_stored(due, Some(1));
    talk.not_stored(due, None);
    assert_eq!(talk.conversation.deadline(&talk.timing), due + INTERVAL);
}

#[test]
fn after_an_error_about_an_earlier_check_in_the_later_one_is_still_awaited() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "1");
    talk.say(s(10), "1");
    talk.not_stored(s(11), Some(1));
    talk.conversation.rejected(s(11), 1, INTERVAL);
    assert_eq!(talk.conversation.deadline(&talk.timing), s(20));
    assert_eq!(talk.tick(s(19)), None);
}

#[test]
fn a_rejected_check_in_is_not_repeated_before_the_next_interval() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "bad");
    talk.conversation.rejected(s(1), 1, INTERVAL);
    assert_eq!(talk.tick(s(10)), None);
    assert_eq!(talk.say(s(11), "bad").seq, 2);
}

#[test]
fn an_ack_for_a_check_in_that_was_never_sent_is_ignored() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "1");
    assert_eq!(talk.ack(s(1), 2), None);
    assert_eq!(talk.ack(s(1), 1), Some(s(1)));
    assert_eq!(talk.ack(s(2), 1), None);
}

#[test]
fn a_check_in_can_be_sent_at_once_while_an_ack_is_awaited() {
    let mut talk = Talk::new(timing());
    talk.say(s(0), "1");
    talk.conversation.check_in_now(s(1));
    assert!(talk.say(s(1), "1").ack, "the ack is still missing");
}

#[test]
fn silence_of_the_server_causes_pings_and_then_the_end() {
    let mut talk = Talk::new(Timing { ping_after: s(20), dead_after: s(50), ..timing() });
    talk.say(s(0), "1");
    talk.ack(s(0), 1);
    let mut seen = Vec::new();
    for _ in 0..20 {
        let now = talk.conversation.deadline(&talk.timing);
        while let Some(due) = talk.tick(now) {
            match due {
                Due::CheckIn => drop(talk.compose(now, "1")),
                due => seen.push((now, due)),
            }
            if due == Due::Silent {
                break;
            }
        }
    }
    seen.truncate(3);
    assert_eq!(seen, [(s(20), Due::Ping), (s(40), Due::Ping), (s(50), Due::Silent)]);
}

#[test]
fn a_server_that_sends_something_is_not_pinged() {
    let mut talk = Talk::new(Timing { ping_after: s(20), dead_after: s(50), ..timing() });
    talk.say(s(0), "1");
    talk.ack(s(0), 1);
    talk.conversation.heard(s(19));
    assert_eq!(talk.tick(s(38)), Some(Due::CheckIn));
    talk.compose(s(38), "1");
    assert_eq!(talk.tick(s(38)), None);
    assert_eq!(talk.tick(s(39)), Some(Due::Ping));
}

/// An event in a conversation.
#[derive(Clone, Copy, Debug)]
enum Happens {
    TimePasses(u64),
    Stored(u64),
    NotStored(Option<u64>),
    Rejected(u64),
    ConfigSet,
    Changes,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..15_u64).prop_map(Happens::TimePasses),
        2 => (0..12_u64).prop_map(Happens::Stored),
        1 => prop::option::of(0..12_u64).prop_map(Happens::NotStored),
        1 => (0..12_u64).prop_map(Happens::Rejected),
        1 => Just(Happens::ConfigSet),
        1 => Just(Happens::Changes),
    ]
}

proptest! {
    /// In every history: sequence numbers rise by one, facts are left out only if the newest ones are acknowledged, a
    /// check-in with facts asks for an ack, and there is always a next deadline.
    #[test]
    fn no_history_loses_a_fact_or_stalls(history in prop::collection::vec(happens(), 0..60)) {
        let mut talk = Talk::new(Timing { backoff_base: s(1), backoff_cap: s(8), ..timing() });
        let (mut now, mut seq, mut firmware, mut highest_ack) = (Duration::ZERO, 0, 0, 0);
        let mut last_stated = (0, 0);
        for event in history {
            match event {
                Happens::TimePasses(seconds) => now += s(seconds),
                Happens::Stored(seq) => if talk.ack(now, seq).is_some() { highest_ack = highest_ack.max(seq) },
                Happens::NotStored(seq) => talk.not_stored(now, seq),
                Happens::Rejected(seq) => talk.conversation.rejected(now, seq, INTERVAL),
                Happens::ConfigSet => talk.conversation.check_in_now(now),
                Happens::Changes => firmware += 1,
            }
            loop {
                match talk.tick(now) {
                    None => break,
                    Some(Due::CheckIn) => {
                        let check_in = talk.compose(now, &firmware.to_string());
                        seq += 1;
                        prop_assert_eq!(check_in.seq, seq);
                        if check_in.firmware.is_some() {
                            last_stated = (seq, firmware);
                            prop_assert!(check_in.ack);
                        } else {
                            prop_assert_eq!(last_stated.1, firmware);
                            prop_assert!(last_stated.0 <= highest_ack);
                        }
                    }
                    Some(Due::Unanswered) => return Ok(()),
                    Some(due) => prop_assert!(false, "{:?}", due),
                }
            }
            let wake = talk.conversation.deadline(&talk.timing);
            prop_assert!(wake > now && wake <= now + s(10));
        }
    }
}
