use std::collections::BTreeMap;

use super::*;

fn function(max_processes: usize, max_queued: usize) -> Function {
    Function::new(FunctionSpec {
        name: "f".into(),
        program: "/f".into(),
        env: BTreeMap::new(),
        timeout: Duration::from_secs(1),
        memory_mb: 128,
        max_processes,
        max_queued,
    })
}

type Reply = oneshot::Receiver<Result<Bytes, InvokeError>>;

fn job() -> (Job, Reply) {
    let (reply, answer) = oneshot::channel();
    (Job::new(Bytes::new(), reply), answer)
}

/// Lets a process ask for an invocation when nothing is queued.
fn waits(function: &Function, place: Place) -> oneshot::Receiver<Job> {
    match function.next(place, false) {
        Some(Next::Later(job)) => job,
        _ => unreachable!("nothing is queued"),
    }
}

/// A function with `N` processes that wait for an invocation, in the order in which they began to wait.
fn warm<const N: usize>() -> (Function, [(Place, oneshot::Receiver<Job>); N]) {
    let function = function(N, 0);
    let replies: Vec<Reply> = (0..N)
        .map(|_| {
            let (job, reply) = job();
            assert!(function.dispatch(job).is_ok_and(|place| place.is_some()));
            reply
        })
        .collect();
    drop(replies);
    let places: Vec<Place> = lock(&function.pool).processes.iter().map(|slot| slot.place).collect();
    let mut places = places.into_iter();
    let processes = std::array::from_fn(|_| {
        let place = places.next().expect("a place for each invocation");
        (place, waits(&function, place))
    });
    (function, processes)
}

#[test]
fn of_several_warm_processes_the_one_that_has_waited_shortest_is_used() {
    let (function, [(_, mut longest), (_, mut shortest)]) = warm();
    let (one, _one) = job();
    assert_eq!(function.dispatch(one), Ok(None));
    assert!(shortest.try_recv().is_ok());
    assert!(longest.try_recv().is_err());
    let (two, _two) = job();
    assert_eq!(function.dispatch(two), Ok(None));
    assert!(longest.try_recv().is_ok());
}

#[test]
fn a_warm_process_whose_poll_has_ended_is_skipped() {
    let (function, [(_, mut living), (_, dying)]) = warm();
    drop(dying);
    let (job, _reply) = job();
    assert_eq!(function.dispatch(job), Ok(None));
    assert!(living.try_recv().is_ok());
}

#[test]
fn a_caller_that_comes_back_before_the_process_waits_for_it() {
    let function = function(2, 0);
    let (one, _one) = job();
    let place = function.dispatch(one).ok().flatten().expect("a process is needed");
    assert!(matches!(function.next(place, false), Some(Next::Now(_))));
    function.answered(place);
    let (two, _two) = job();
    assert_eq!(function.dispatch(two), Ok(None), "no second process is started");
    let (three, _three) = job();
    assert!(function.dispatch(three).is_ok_and(|place| place.is_some()), "one is started for the third");
}

#[test]
fn a_process_that_answers_and_ends_is_replaced_for_the_invocation_that_waits() {
    let function = function(1, 0);
    let (one, _one) = job();
    let place = function.dispatch(one).ok().flatten().expect("a process is needed");
    assert!(matches!(function.next(place, false), Some(Next::Now(_))));
    function.answered(place);
    let (two, _two) = job();
    assert_eq!(function.dispatch(two), Ok(None));
    assert!(function.ended(place).is_some());
    assert!(function.next(place, false).is_none(), "a process that has ended gets no invocation");
}

#[test]
fn an_old_process_that_has_answered_gets_no_more_invocations_and_another_one_follows() {
    let (function, [(old, mut job_of_old)]) = warm::<1>();
    let (first, _reply) = job();
    assert!(function.dispatch(first).is_ok_and(|place| place.is_none()));
    assert!(job_of_old.try_recv().is_ok(), "an old process that waits gets one more");
    function.answered(old);
    let (second, _reply) = job();
    assert!(function.dispatch(second).is_ok_and(|place| place.is_none()), "the next invocation waits for it");
    assert!(function.next(old, true).is_none());
    let new = function.ended(old).expect("a place for another process");
    assert!(matches!(function.next(new, true), Some(Next::Now(_))), "the new process gets the invocation that waits");
}

/// An invocation that has waited for too long.
fn old_job() -> (Job, Reply) {
    let (mut job, reply) = job();
    job.since = Instant::now().checked_sub(LONGEST_WAIT).expect("a machine that runs for some seconds");
    (job, reply)
}

#[test]
fn while_an_invocation_has_waited_too_long_further_ones_are_refused() {
    let function = function(1, 10);
    let (old, old_answered) = old_job();
    let place = function.dispatch(old).ok().flatten().expect("a process is needed");
    assert_eq!(function.dispatch(job().0), Err(InvokeError::Throttled));
    drop(old_answered);
    let (next, _next) = job();
    assert_eq!(function.dispatch(next), Ok(None), "nobody waits for the old one any more");
    assert!(matches!(function.next(place, false), Some(Next::Now(_))));
}
