//! A node that was asked to slow down sends nothing.

use proptest::prelude::*;
use rollcall_wire::{CommandStatus, ConfigStatus};

use super::configuring::pushed;
use super::*;

impl Bench {
    fn slowed(&self) -> Duration {
        let delay = |event: &NodeEvent| match event {
            NodeEvent::SlowedDown { delay } => Some(*delay),
            _ => None,
        };
        self.events.iter().rev().find_map(delay).expect("the program was told to slow down")
    }

    fn refuse_until(&mut self, status: u16, retry_after_s: u64) {
        let retry_after = Some(s(retry_after_s));
        self.machine.failed(
            self.now,
            self.link(),
            ConnectFailure::Refused { status, body: String::new(), retry_after },
        );
        self.settle();
    }

    /// How many messages the node has sent.
    fn sent(&self) -> usize {
        self.said.len() + self.asked.len() + self.located.len()
    }
}

fn slow_down(retry_after_s: u64, seq: Option<u64>) -> serde_json::Value {
    json!({"type": "slow-down", "retry_after_s": retry_after_s, "seq": seq})
}

#[test]
fn a_slowed_node_sends_nothing_before_the_time_is_over_and_then_reports_everything_again() {
    let mut bench = Bench::connected();
    bench.firmware = Some("2".to_owned());
    bench.machine.check_in_now(bench.now);
    bench.settle();
    let link = bench.link();
    bench.receive(link, &slow_down(120, Some(2)));
    assert!(bench.slowed() >= s(120) && bench.slowed() <= s(150), "{:?}", bench.slowed());
    let sent = bench.sent();
    // Other messages wait as well: a report, a question for the configuration, and a question for a firmware URL.
    let mut forged = pushed(3);
    forged["document"] = json!("{}");
    bench.receive(link, &forged);
    bench.receive(link, &json!({"type": "firmware", "version": "3"}));
    while bench.now < bench.slowed() {
        assert_eq!(bench.sent(), sent, "at {:?}", bench.now);
        bench.machine.check_in_now(bench.now);
        bench.settle();
        bench.now = bench.machine.deadline().expect("something to wait for");
        bench.settle();
    }
    assert_eq!(bench.now, bench.slowed());
    let check_in = bench.said.last().expect("a check-in").1.clone();
    assert_eq!((check_in.seq, check_in.ack, check_in.firmware.as_deref()), (3, true, Some("2")));
    assert_eq!((bench.asked.len(), bench.located.len(), bench.said.len()), (1, 1, 3));
    assert_eq!((bench.outages(), bench.opened.len()), (0, 1));
}

#[test]
fn a_slowed_node_still_sends_pings() {
    let mut bench = Bench::with(Timing::default(), 7);
    bench.open_and_ack();
    bench.receive(bench.link(), &slow_down(300, None));
    let sent = bench.sent();
    while bench.now < s(300) {
        bench.machine.heard(bench.now, bench.link());
        bench.now = bench.machine.deadline().expect("something to wait for");
        bench.settle();
    }
    assert_eq!((bench.sent(), bench.outages()), (sent, 0));
    assert!(bench.pings >= 10, "{}", bench.pings);
}

#[test]
fn an_idle_check_in_that_was_not_stored_is_repeated_and_asks_for_an_ack() {
    let mut bench = Bench::connected();
    bench.pass_until(|bench| bench.said.len() == 2);
    assert!(!bench.said[1].1.ack);
    bench.receive(bench.link(), &slow_down(5, Some(2)));
    let slowed_at = bench.now;
    bench.pass_until(|bench| bench.said.len() == 3);
    assert!(bench.now >= slowed_at + s(5) && bench.now <= slowed_at + s(7), "{:?}", bench.now);
    assert!(bench.said[2].1.ack);
}

#[test]
fn an_ack_that_comes_after_the_slow_down_still_counts() {
    let mut bench = Bench::connected();
    bench.machine.check_in_now(bench.now);
    bench.settle();
    bench.receive(bench.link(), &slow_down(60, None));
    bench.ack(bench.link(), 2);
    bench.pass_until(|bench| bench.said.len() == 3);
    assert!(bench.now >= s(60), "{:?}", bench.now);
}

#[test]
fn a_connection_that_opens_meanwhile_sends_nothing_either() {
    let (mut bench, old, new) = Bench::replacing();
    bench.receive(old, &slow_down(60, None));
    let (slowed_at, sent) = (bench.now, bench.sent());
    bench.opened();
    assert_eq!(bench.sent(), sent);
    bench.pass_until(|bench| bench.said.last().is_some_and(|(link, _)| *link == new));
    assert!(bench.now >= slowed_at + s(60), "{:?}", bench.now);
}

#[test]
fn a_node_whose_connection_was_closed_to_slow_it_down_reconnects_only_after_the_time() {
    for (retry_after_s, least, most) in
        [(json!(120), 120, 150), (json!(null), 30, 38), (json!(0), 1, 22), (json!(1e12), 3600, 4500)]
    {
        let mut bench = Bench::connected();
        let link = bench.link();
        bench.receive(link, &json!({"type": "bye", "reason": "slow-down", "retry_after_s": retry_after_s}));
        assert_eq!((bench.closed.clone(), bench.outages()), (vec![link], 1));
        let slowed = bench.slowed();
        bench.advance_to_next_opening();
        assert!(bench.now >= s(least) && bench.now <= s(most), "{retry_after_s}: {:?}", bench.now);
        assert!(bench.now >= slowed);
    }
}

#[test]
fn after_a_refusal_the_node_waits_as_long_as_the_server_asked() {
    for (status, retry_after_s, least, most) in
        [(429, 90, 90, 113), (503, 90, 90, 113), (429, 0, 1, 2), (429, 1_000_000_000, 3600, 4500)]
    {
        let mut bench = Bench::new();
        bench.refuse_until(status, retry_after_s);
        bench.advance_to_next_opening();
        assert!(bench.now >= s(least) && bench.now <= s(most), "{status}, {retry_after_s}: {:?}", bench.now);
    }
}

#[test]
fn after_a_429_without_retry_after_each_node_waits_another_time_of_at_least_half_a_minute() {
    let mut delays: Vec<_> = (0..50)
        .map(|seed| {
            let mut bench = Bench::seeded(seed);
            for _ in 0..6 {
                bench.refuse(429);
                assert!(bench.last_delay() >= s(30) && bench.last_delay() <= s(90), "{:?}", bench.last_delay());
                bench.advance_to_next_opening();
            }
            bench.last_delay()
        })
        .collect();
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 40);
}

#[test]
fn a_replacement_waits_as_well_and_the_old_connection_stays_in_use() {
    let (mut bench, old, _) = Bench::replacing();
    let refused = bench.now;
    bench.refuse_until(429, 300);
    bench.receive(old, &json!({"type": "reconnect", "within_s": 400}));
    bench.advance_to_next_opening();
    assert!(bench.now >= refused + s(300), "{:?}", bench.now);
    bench.open_and_ack();
    assert_eq!(bench.outages(), 0);
}

#[test]
fn an_unproven_configuration_is_not_rolled_back_because_the_server_is_busy() {
    for busy in ["429", "slow-down", "bye"] {
        let mut bench = Bench::connected();
        let old = bench.link();
        bench.machine.cadence.spread = s(0);
        bench.receive(old, &pushed(3));
        match busy {
            "429" => bench.refuse_until(429, 600),
            "bye" => {
                bench.fail();
                bench.receive(old, &json!({"type": "bye", "reason": "slow-down", "retry_after_s": 600}));
            }
            _ => {
                bench.opened();
                bench.receive(bench.link(), &slow_down(600, Some(1)));
            }
        }
        let applied = NodeEvent::ConfigApplied { version: 3, substituted: None };
        let proven = |bench: &Bench| bench.events.contains(&applied);
        for _ in 0..200 {
            if proven(&bench) || !bench.rolled_back.is_empty() {
                break;
            }
            bench.now = bench.machine.deadline().expect("something to wait for");
            bench.settle();
            bench.opened();
            if bench.now >= s(600) {
                let last = bench.said.last().map(|(link, check_in)| (*link, check_in.seq));
                let (link, seq) = last.expect("a check-in");
                bench.ack(link, seq);
            }
        }
        assert!(proven(&bench), "{busy}");
        assert_eq!(bench.machine.configs.report(None).map(|report| report.status), Some(ConfigStatus::Applied));
    }
}

#[test]
fn absurd_times_of_the_server_are_bounded() {
    let most = u64::from(u32::MAX);
    let mut bench = Bench::new();
    bench.opened();
    let ack = |seq| json!({"type":"ack","seq":seq,"next_check_in_s":most,"reconnect_within_s":most,"spread_s":most});
    bench.receive(bench.link(), &ack(1));
    bench.pass_until(|bench| bench.said.len() == 2);
    assert!(bench.now <= s(3600), "{:?}", bench.now);
    bench.server_closes(bench.link());
    assert!(bench.last_delay() <= s(3600), "{:?}", bench.last_delay());
    bench.advance_to_next_opening();
    bench.opened();
    bench.receive(bench.link(), &json!({"type": "reconnect", "within_s": most}));
    bench.receive(bench.link(), &ack(1));
    assert_eq!(bench.end, None);
}

#[derive(Clone, Copy, Debug)]
enum Happens {
    TimePasses(u64),
    SlowDown(u64, bool),
    ConfigSet,
    Config,
    Firmware,
    Command,
    Acked,
    Unavailable,
    Breaks,
    Fails,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..80_u64).prop_map(Happens::TimePasses),
        2 => (1..100_u64, any::<bool>()).prop_map(|(wait_s, about_last)| Happens::SlowDown(wait_s, about_last)),
        2 => Just(Happens::ConfigSet),
        1 => Just(Happens::Config),
        1 => Just(Happens::Firmware),
        1 => Just(Happens::Command),
        2 => Just(Happens::Acked),
        1 => Just(Happens::Unavailable),
        1 => Just(Happens::Breaks),
        1 => Just(Happens::Fails),
    ]
}

fn happen(bench: &mut Bench, event: Happens, version: u64) {
    let link = bench.link();
    let last = bench.said.last().map_or(0, |(_, check_in)| check_in.seq);
    match event {
        Happens::TimePasses(seconds) => {
            let until = bench.now + s(seconds);
            while let Some(next) = bench.machine.deadline().filter(|next| *next <= until) {
                bench.now = next.max(bench.now);
                bench.settle();
            }
            bench.now = until;
        }
        Happens::SlowDown(wait_s, about_last) => bench.receive(link, &slow_down(wait_s, about_last.then_some(last))),
        Happens::ConfigSet => bench.machine.check_in_now(bench.now),
        Happens::Config => bench.receive(link, &pushed(version)),
        Happens::Firmware => bench.receive(link, &json!({"type": "firmware", "version": version.to_string()})),
        Happens::Command => {
            let news = json!({"type": "command", "command": version, "name": "echo", "expires_in_s": 60});
            bench.receive(link, &news);
            if let Some(news) = bench.executed.last().cloned() {
                bench.machine.finished(bench.now, news.command, CommandStatus::Done, "");
            }
        }
        Happens::Acked => bench.ack(link, last),
        Happens::Unavailable => {
            bench.receive(link, &json!({"type": "error", "code": "unavailable", "message": "", "seq": last}));
        }
        Happens::Breaks => bench.server_closes(link),
        Happens::Fails => bench.fail(),
    }
    bench.settle();
    if !matches!(event, Happens::Fails) {
        bench.opened();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// In every history: until the time of a slow-down is over, no message is sent and no connection is opened. After
    /// that the node goes on.
    #[test]
    fn no_history_makes_a_slowed_node_send_anything(history in prop::collection::vec(happens(), 0..60)) {
        let mut bench = Bench::connected();
        let mut quiet_until = Duration::ZERO;
        for (version, event) in (1_u64..).zip(history) {
            let (sent, opened, began) = (bench.sent(), bench.opened.len(), bench.now);
            happen(&mut bench, event, version);
            if began < quiet_until && bench.now < quiet_until {
                prop_assert_eq!((bench.sent(), bench.opened.len()), (sent, opened), "{:?} at {:?}", event, bench.now);
            }
            if let Happens::SlowDown(wait_s, _) = event {
                quiet_until = quiet_until.max(began + s(wait_s));
            }
        }
        let (sent, until) = (bench.sent(), quiet_until.max(bench.now) + s(300));
        while bench.now < until && bench.sent() == sent {
            bench.now = bench.machine.deadline().expect("something to wait for").max(bench.now);
            bench.settle();
            bench.opened();
        }
        prop_assert!(bench.sent() > sent, "the node sends nothing any more");
    }
}
