use super::*;

const GATE: Gate =
    Gate { wait_s: 60, patience_s: 600, minimum: 3, success_percent: 90, failure_percent: 10, lost_percent: 10 };

/// A wave that was told at 1,000 s.
fn wave(counts: Counts, sites: &[(&str, SiteFacts)]) -> Facts {
    Facts { counts, sites: sites.iter().map(|(name, site)| ((*name).to_owned(), *site)).collect() }
}

fn judged(facts: &Facts, now: u64) -> Verdict {
    GATE.judge(facts, WaveTimes { is_told: true, last: Timestamp(1_000_000) }, Timestamp(now * 1_000))
}

fn applied(applied: u64, others: Counts) -> Counts {
    Counts { applied, ..others }
}

fn site(reached: u64, lost: u64, control: u64, control_lost: u64) -> SiteFacts {
    SiteFacts { reached, lost, control, control_lost }
}

#[test]
fn a_wave_is_successful_after_its_time_and_not_before() {
    let facts = wave(applied(20, Counts::default()), &[]);
    assert!(matches!(judged(&facts, 1_059), Verdict::Wait(_)));
    assert!(matches!(judged(&facts, 1_060), Verdict::Successful(_)));
}

#[test]
fn silence_is_never_a_success() {
    let silent = wave(Counts { told: 20, ..Counts::default() }, &[]);
    for now in [1_000, 1_060, 1_659] {
        assert!(matches!(judged(&silent, now), Verdict::Wait(_)), "{now}");
    }
    assert!(matches!(judged(&silent, 1_660), Verdict::Inconclusive(_)));
}

#[test]
fn reports_of_failures_stop_a_rollout_at_once_even_before_the_wave_is_told() {
    let facts = wave(applied(1, Counts { failed: 2, waiting: 17, ..Counts::default() }), &[]);
    let times = WaveTimes { is_told: false, last: Timestamp(1_000_000) };
    let verdict = GATE.judge(&facts, times, Timestamp(1_001_000));
    assert_eq!(verdict, Verdict::Failed("2 of 20 nodes (10 %) failed; the gate allows less than 10 %".to_owned()));
    let fewer = wave(applied(1, Counts { failed: 1, waiting: 18, ..Counts::default() }), &[]);
    assert!(matches!(GATE.judge(&fewer, times, Timestamp(1_001_000)), Verdict::Wait(_)), "the others may be well");
}

#[test]
fn the_gate_waits_for_nodes_that_are_told_again_however_many_have_applied_the_change() {
    let facts = wave(applied(19, Counts { retrying: 1, ..Counts::default() }), &[]);
    for now in [1_060, 100_000] {
        assert!(matches!(judged(&facts, now), Verdict::Wait(_)), "{now}");
    }
    let failed = wave(applied(17, Counts { retrying: 1, failed: 2, ..Counts::default() }), &[]);
    assert!(matches!(judged(&failed, 1_060), Verdict::Failed(_)), "others have failed");
}

#[test]
fn nodes_that_fall_silent_alone_stop_a_rollout() {
    let counts = applied(8, Counts { lost: 2, ..Counts::default() });
    let others_are_well = wave(counts, &[("hq", site(10, 2, 50, 0))]);
    assert!(matches!(judged(&others_are_well, 1_061), Verdict::Failed(_)));
    let nobody_to_compare_with = wave(counts, &[("hq", site(10, 2, 0, 0))]);
    assert!(matches!(judged(&nobody_to_compare_with, 1_061), Verdict::Failed(_)));
}

#[test]
fn a_power_cut_at_a_site_stops_no_rollout() {
    let counts = applied(8, Counts { lost: 4, ..Counts::default() });
    let with_others = wave(counts, &[("hq", site(4, 4, 6, 6)), ("lab", site(8, 0, 50, 0))]);
    assert!(matches!(judged(&with_others, 1_061), Verdict::Successful(_)), "{:?}", judged(&with_others, 1_061));
    let whole_site_is_told = wave(counts, &[("hq", site(4, 4, 0, 0)), ("lab", site(8, 0, 50, 0))]);
    assert!(matches!(judged(&whole_site_is_told, 1_061), Verdict::Successful(_)));
    let all_that_was_told = wave(Counts { lost: 4, ..Counts::default() }, &[("hq", site(4, 4, 6, 6))]);
    assert!(matches!(judged(&all_that_was_told, 1_061), Verdict::Wait(_)));
    assert!(matches!(judged(&all_that_was_told, 1_660), Verdict::Inconclusive(_)));
}

#[test]
fn a_few_silent_nodes_elsewhere_explain_no_wave_that_is_lost() {
    let counts = applied(0, Counts { lost: 10, ..Counts::default() });
    let facts = wave(counts, &[("hq", site(10, 10, 100, 4))]);
    assert!(matches!(judged(&facts, 1_061), Verdict::Failed(_)));
    let no_site = wave(counts, &[("", site(10, 10, 100, 4))]);
    assert!(matches!(judged(&no_site, 1_061), Verdict::Failed(_)));
}

#[test]
fn one_node_that_falls_silent_may_do_so_by_chance_and_is_waited_for() {
    let facts = wave(applied(4, Counts { lost: 1, ..Counts::default() }), &[("hq", site(5, 1, 50, 0))]);
    assert!(matches!(judged(&facts, 1_061), Verdict::Wait(_)));
    assert!(matches!(judged(&facts, 1_660), Verdict::Inconclusive(_)));
    let alone = wave(Counts { lost: 1, ..Counts::default() }, &[("hq", site(1, 1, 50, 0))]);
    assert!(matches!(judged(&alone, 1_061), Verdict::Failed(_)), "it is the whole wave");
}

#[test]
fn nodes_that_were_away_when_they_were_told_say_nothing() {
    let some = wave(applied(9, Counts { told: 5, unreached: 5, ..Counts::default() }), &[]);
    assert!(matches!(judged(&some, 1_061), Verdict::Successful(_)));
    let all = wave(Counts { told: 5, unreached: 5, ..Counts::default() }, &[]);
    assert!(matches!(judged(&all, 1_061), Verdict::Wait(_)));
    assert!(matches!(judged(&all, 1_660), Verdict::Inconclusive(_)));
}

#[test]
fn a_wave_that_has_nobody_to_tell_is_successful() {
    let facts = wave(Counts { skipped: 5, ..Counts::default() }, &[]);
    assert!(matches!(judged(&facts, 1_061), Verdict::Successful(_)));
}

#[test]
fn figures_that_are_out_of_their_range_are_refused_by_name() {
    assert_eq!(Gate::default().checked(), Ok(Gate::default()));
    for (gate, name) in [
        (Gate { success_percent: 0, ..GATE }, "success_percent"),
        (Gate { failure_percent: 101, ..GATE }, "failure_percent"),
        (Gate { lost_percent: 101, ..GATE }, "lost_percent"),
        (Gate { minimum: 0, ..GATE }, "minimum"),
        (Gate { wait_s: WAIT_MOST + 1, ..GATE }, "wait_s"),
        (Gate { patience_s: u32::MAX, ..GATE }, "patience_s"),
    ] {
        assert_eq!(gate.checked().map_err(|error| error.name), Err(name));
    }
}
