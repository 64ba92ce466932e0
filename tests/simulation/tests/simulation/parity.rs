//! The simulated gateway is held to the real one: both go through the same histories, step by step, and after each step
//! clients, functions and callers of `@connections` must have seen the same.

mod client;
mod history;
mod outbound;
mod real;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use rollcall_simulation::alone::{Gateway, Saw};

use history::{Deed, Known, Step, history};
use real::Real;

/// How long the real gateway may take for what the simulated one has done.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same while a history that failed is made shorter, and how long that may take in all.
const SHRINKING: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));
/// How many histories there are.
const HISTORIES: u32 = 400;

#[test]
fn the_simulated_gateway_and_the_real_one_agree_on_every_step_of_many_histories() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let max_shrink_time = SHRINKING.1.as_millis().try_into().expect("a minute");
    let mut runner = runner(Config { cases: HISTORIES, max_shrink_time, ..Config::default() });
    let (seen, patience) = (RefCell::new(BTreeMap::<String, u32>::new()), Cell::new(PATIENCE));
    let agreed = runner.run(&history(), |(requests, deeds)| {
        let saw = runtime.block_on(agree(requests, &deeds, patience.get()));
        let saw = saw.inspect_err(|_| patience.set(SHRINKING.0))?;
        let mut seen = seen.borrow_mut();
        for saw in &saw {
            *seen.entry(kind(saw)).or_default() += 1;
        }
        Ok(())
    });
    match agreed {
        Ok(()) => {}
        Err(TestError::Fail(why, (requests, deeds))) => panic!("{why}\nafter {deeds:#?}\nwith {requests:?} requests"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
    let seen = seen.into_inner();
    for kind in [
        "answered 101",
        "answered 401",
        "answered 403",
        "answered 429",
        "answered 500",
        "answered 502",
        "text",
        "pong",
        "closed 1000",
        "closed 1005",
        "closed 1009",
        "closed 4000",
        "lost",
        "Authorize",
        "Connect",
        "CheckIn",
        "Disconnect 1000",
        "Disconnect 1005",
        "Disconnect 1006",
        "Disconnect 1009",
        "Disconnect 4000",
        "managed 200",
        "managed 204",
        "managed 410",
        "managed 413",
        "managed 429",
    ] {
        assert!(seen.get(kind).is_some_and(|times| *times >= 5), "{kind} was hardly ever seen: {seen:#?}");
    }
}

#[test]
fn a_client_that_says_nothing_is_closed_by_both() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut simulated, mut known) = (Gateway::new(1, None), Known::default());
        let mut real = Real::start(None, Some(Duration::from_millis(100))).await;
        let opening =
            [Deed::Dial, Deed::Return { client: 0, nth: 0, which: 0 }, Deed::Return { client: 0, nth: 0, which: 0 }];
        for deed in opening {
            let step = known.step(&deed).expect("it can be done");
            carry_out(&mut simulated, &step);
            real.carry_out(&step).await;
            let expected = simulated.settle();
            assert_eq!(real.saw(expected.len(), PATIENCE).await, expected);
            known.learn(&step, &expected);
        }
        let expected = simulated.idle();
        assert_eq!(expected.len(), 2, "closed, and $disconnect: {expected:?}");
        let saw = real.saw(2, PATIENCE).await;
        assert_eq!(by_subject(&saw), by_subject(&expected));
    });
}

/// Makes the same histories in every run.
fn runner(mut config: Config) -> TestRunner {
    config.failure_persistence = None;
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Takes a history through both gateways. Returns what was seen.
async fn agree(requests: Option<u32>, deeds: &[Deed], patience: Duration) -> Result<Vec<Saw>, TestCaseError> {
    let (mut simulated, mut known) = (Gateway::new(1, requests), Known::default());
    let mut real = Real::start(requests, None).await;
    let mut all = vec![];
    let mut deeds = deeds.iter();
    // In the end everything that is open ends: then nothing more may come.
    while let Some(step) = deeds.find_map(|deed| known.step(deed)).or_else(|| known.rest()) {
        carry_out(&mut simulated, &step);
        let mut expected = simulated.settle();
        real.carry_out(&step).await;
        let mut saw = real.saw(expected.len(), patience).await;
        name_errors(&mut expected, |client| simulated.connection(client).map(|id| id.to_string()));
        name_errors(&mut saw, |client| real.connection(client));
        let (simulated, real) = (by_subject(&expected), by_subject(&saw));
        let at: String = format!("{step:?}").chars().take(200).collect();
        prop_assert_eq!(simulated, real, "simulated, and real, at {}", at);
        known.learn(&step, &expected);
        all.append(&mut expected);
    }
    let rest = real.stop().await;
    prop_assert!(rest.is_empty(), "nothing more was to come: {:?}", rest);
    Ok(all)
}

fn carry_out(gateway: &mut Gateway, step: &Step) {
    match step {
        Step::Dial(_, token) => gateway.dial(token),
        Step::Return { client, nth, output } => gateway.returns(*client, *nth, output.clone()),
        Step::Text(client, text) => gateway.text(*client, text),
        Step::Ping(client) => gateway.ping(*client),
        Step::Close(client, code, reason) => gateway.close(*client, *code, reason),
        Step::Drop(client) => gateway.drop(*client),
        Step::Cut => gateway.cut(),
        Step::Post(client, frame) => gateway.post(*client, frame),
        Step::Delete(client) => gateway.delete(*client),
    }
}

/// Who saw something: order counts only for what one of them saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Client(usize),
    Functions(usize),
    Caller,
}

fn by_subject(saw: &[Saw]) -> BTreeMap<Subject, Vec<Saw>> {
    let mut by_subject = BTreeMap::<_, Vec<_>>::new();
    for saw in saw {
        let subject = match saw {
            Saw::Invoked { client, .. } => Subject::Functions(*client),
            Saw::Managed(..) => Subject::Caller,
            Saw::Answered(client, _)
            | Saw::Text(client, _)
            | Saw::Pong(client)
            | Saw::Closed(client, ..)
            | Saw::Lost(client) => Subject::Client(*client),
        };
        by_subject.entry(subject).or_default().push(saw.clone());
    }
    by_subject
}

/// Replaces the ids in the gateway's own error frames by words that say whether they are right.
fn name_errors(saw: &mut [Saw], connection: impl Fn(usize) -> Option<String>) {
    for saw in saw {
        let Saw::Text(client, text) = saw else { continue };
        let Ok(serde_json::Value::Object(mut error)) = serde_json::from_str(text) else { continue };
        let own = connection(*client).map(serde_json::Value::from);
        if let Some(id) = error.get_mut("connectionId") {
            *id = if Some(&*id) == own.as_ref() { "its own".into() } else { "another".into() };
        }
        if let Some(id) = error.get_mut("requestId") {
            *id = id.as_str().is_some_and(|id| !id.is_empty()).into();
        }
        *text = serde_json::Value::Object(error).to_string();
    }
}

fn kind(saw: &Saw) -> String {
    match saw {
        Saw::Answered(_, status) => format!("answered {status}"),
        Saw::Text(..) => "text".to_owned(),
        Saw::Pong(_) => "pong".to_owned(),
        Saw::Closed(_, code, _) => format!("closed {code}"),
        Saw::Lost(_) => "lost".to_owned(),
        Saw::Invoked { function, ended: Some((code, _)), .. } => format!("{function:?} {code}"),
        Saw::Invoked { function, .. } => format!("{function:?}"),
        Saw::Managed(_, status) => format!("managed {status}"),
    }
}
