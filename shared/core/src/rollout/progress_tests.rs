use super::*;
use crate::rollout::Wave;

fn schedule() -> Schedule {
    let waves = vec![Wave::Nodes(5), Wave::Percent(50), Wave::Percent(100)];
    Schedule {
        waves: Waves::new(waves).expect("waves"),
        gate: Gate::default(),
        start_at: None,
        needs_approval: false,
        rolls_back: false,
        include_new: false,
        retries: Retries::default(),
    }
}

fn rollout(total: u64) -> Rollout {
    let mut rollout = Rollout::new(ChangeKind::Config, 3, 0, Timestamp(0));
    rollout.listed(total, None);
    rollout
}

fn successful() -> Verdict {
    Verdict::Successful("all is well".to_owned())
}

/// Tells the wave that has begun, to its end.
fn tell(rollout: &mut Rollout, schedule: &Schedule) {
    rollout.passed += rollout.left(schedule);
}

#[test]
fn each_wave_begins_when_the_one_before_was_successful() {
    let (mut rollout, schedule) = (rollout(20), schedule());
    let mut reached = vec![];
    while rollout.begin(&schedule, Timestamp(1)) == Begun::Wave {
        tell(&mut rollout, &schedule);
        reached.push(rollout.passed);
        assert!(rollout.judged(&schedule, &successful()));
    }
    assert_eq!((reached, rollout.state), (vec![5, 10, 20], RolloutState::Completed));
}

#[test]
fn waves_that_reach_no_further_are_left_out() {
    let (mut rollout, schedule) = (rollout(4), schedule());
    assert_eq!(rollout.begin(&schedule, Timestamp(1)), Begun::Wave);
    tell(&mut rollout, &schedule);
    rollout.judged(&schedule, &successful());
    assert_eq!(rollout.begin(&schedule, Timestamp(2)), Begun::Completed);
}

#[test]
fn a_wave_that_fails_stops_the_rollout_or_rolls_it_back() {
    let failed = Verdict::Failed("3 of 5".to_owned());
    for (rolls_back, kind, state) in [
        (false, ChangeKind::Config, RolloutState::Failed),
        (true, ChangeKind::Config, RolloutState::RollingBack),
        (true, ChangeKind::Command, RolloutState::Failed),
    ] {
        let (mut rollout, schedule) = (rollout(20), Schedule { rolls_back, ..schedule() });
        rollout.kind = kind;
        rollout.begin(&schedule, Timestamp(1));
        assert!(rollout.judged(&schedule, &failed));
        assert_eq!((rollout.state, &*rollout.reason), (state, "3 of 5"));
    }
}

#[test]
fn an_inconclusive_wave_pauses_the_rollout_until_somebody_takes_it_for_successful() {
    let (mut rollout, schedule) = (rollout(20), schedule());
    let inconclusive = Verdict::Inconclusive("too few".to_owned());
    rollout.begin(&schedule, Timestamp(1));
    tell(&mut rollout, &schedule);
    rollout.judged(&schedule, &inconclusive);
    assert_eq!((rollout.state, rollout.wave), (RolloutState::Paused, 0));
    assert_eq!(rollout.resume(), Ok(()));
    rollout.judged(&schedule, &inconclusive);
    assert_eq!((rollout.state, rollout.wave), (RolloutState::Running, 1));
    rollout.begin(&schedule, Timestamp(2));
    rollout.judged(&schedule, &inconclusive);
    assert_eq!(rollout.state, RolloutState::Paused, "the next wave is judged for itself");
}

#[test]
fn no_wave_but_the_first_begins_before_it_is_approved() {
    let (mut rollout, schedule) = (rollout(20), Schedule { needs_approval: true, ..schedule() });
    assert_eq!(rollout.approve(&schedule), Err(NotPossible::NothingToApprove));
    assert_eq!(rollout.begin(&schedule, Timestamp(1)), Begun::Wave);
    assert_eq!(rollout.approve(&schedule), Err(NotPossible::NothingToApprove), "its gate has not judged it");
    tell(&mut rollout, &schedule);
    rollout.judged(&schedule, &successful());
    assert!(matches!(rollout.begin(&schedule, Timestamp(2)), Begun::NotYet(_)));
    assert_eq!(rollout.approve(&schedule), Ok(()));
    assert_eq!(rollout.approve(&schedule), Err(NotPossible::NothingToApprove), "once is enough");
    assert_eq!(rollout.begin(&schedule, Timestamp(3)), Begun::Wave);
}

#[test]
fn a_rollout_does_not_begin_before_its_start() {
    let (mut rollout, schedule) = (rollout(20), Schedule { start_at: Some(Timestamp(5_000)), ..schedule() });
    assert_eq!(rollout.begin(&schedule, Timestamp(3_500)), Begun::NotYet("it starts in 2 s".to_owned()));
    assert_eq!(rollout.state, RolloutState::Waiting);
    assert_eq!(rollout.begin(&schedule, Timestamp(5_000)), Begun::Wave);
}

#[test]
fn what_is_over_stays_over_but_for_rolling_it_back() {
    for state in RolloutState::ALL.into_iter().filter(|state| state.is_over()) {
        let over = Rollout { state, ..rollout(20) };
        assert_eq!(over.clone().pause(), Err(NotPossible::State(state)));
        assert_eq!(over.clone().resume(), Err(NotPossible::State(state)));
        assert_eq!(over.clone().abort(), Err(NotPossible::State(state)));
        assert_eq!(over.clone().roll_back(Timestamp(9_000)).is_ok(), state != RolloutState::RolledBack);
        let command = Rollout { kind: ChangeKind::Command, ..over };
        assert_eq!(command.clone().roll_back(Timestamp(9_000)), Err(NotPossible::Command));
    }
}

#[test]
fn a_rollout_is_not_rolled_back_once_its_nodes_are_deleted() {
    let (ended, day) = (Timestamp(1_000_000_000), 24 * 3600);
    let forget_at = ended.plus_seconds(day + DELETED_LATER_S).0 / 1000;
    let over = Rollout { state: RolloutState::Completed, forget_at: Some(forget_at), ..rollout(20) };
    for (seconds, is_possible) in [(0, true), (day - UNDOING_S - 1, true), (day - UNDOING_S, false), (2 * day, false)] {
        let rolled_back = over.clone().roll_back(ended.plus_seconds(seconds));
        assert_eq!(rolled_back, if is_possible { Ok(()) } else { Err(NotPossible::NodesDeleted) }, "{seconds} s");
    }
}

#[test]
fn of_two_rivals_the_higher_priority_comes_first_and_then_the_older_one() {
    let made = |priority, at| Rollout::new(ChangeKind::Config, 3, priority, Timestamp(at));
    assert!(made(5, 9).precedes("b", &made(4, 1), "a"));
    assert!(made(4, 1).precedes("b", &made(4, 2), "a"));
    assert!(made(4, 1).precedes("a", &made(4, 1), "b"));
    for (one, other) in [(made(5, 9), made(4, 1)), (made(4, 1), made(4, 2)), (made(4, 1), made(4, 1))] {
        assert_ne!(one.precedes("a", &other, "b"), other.precedes("b", &one, "a"), "there is an order");
    }
}

#[test]
fn the_wave_that_is_shown_is_the_one_that_is_told_or_was_told_last() {
    let (mut rollout, schedule) = (rollout(20), schedule());
    let mut shown = vec![rollout.shown_wave()];
    while rollout.begin(&schedule, Timestamp(1)) == Begun::Wave {
        shown.push(rollout.shown_wave());
        tell(&mut rollout, &schedule);
        rollout.judged(&schedule, &successful());
        shown.push(rollout.shown_wave());
    }
    assert_eq!(shown, [1, 1, 1, 2, 2, 3, 3]);
    rollout.roll_back(Timestamp(9_000)).expect("it is completed");
    assert_eq!(rollout.shown_wave(), 3);
}
