//! The simulated queue and stream are held to the real ones of the local cloud: both go through the same histories, and
//! after each step the same messages are handed out, and the function is given the same records.

mod real;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use rollcall_simulation::alone::{Fate, Queue, Records};

use super::runner;
use real::Cloud;

/// How many histories there are of each.
const HISTORIES: u32 = 300;
/// How many records are in a batch, and how often a batch is tried again.
const BATCH: usize = 4;
const RETRIES: u32 = 2;

/// What happens to a queue.
#[derive(Clone, Debug)]
enum Deed {
    Send {
        group: u8,
        id: u8,
    },
    Receive,
    Delete(usize),
    Postpone(usize, u64),
    /// So many seconds pass.
    Pass(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let seconds = || prop::sample::select(vec![0, 1, 100, 299, 300, 539, 540, 600]);
    prop_oneof![
        4 => (0_u8..3, 0_u8..8).prop_map(|(group, id)| Deed::Send { group, id }),
        4 => Just(Deed::Receive),
        3 => any::<usize>().prop_map(Deed::Delete),
        2 => (any::<usize>(), seconds()).prop_map(|(which, by)| Deed::Postpone(which, by)),
        2 => seconds().prop_map(Deed::Pass),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => Just(Fate::Done),
        2 => (0..BATCH).prop_map(Fate::From),
        3 => Just(Fate::Fails),
        1 => Just(Fate::Throttled),
    ]
}

#[test]
fn the_simulated_queue_and_the_real_one_agree_on_every_step_of_many_histories() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let seen = RefCell::new(BTreeMap::<String, u32>::new());
    let config = Config { cases: HISTORIES, ..Config::default() };
    let agreed = runner(config).run(&prop::collection::vec(deed(), 1..60), |deeds| {
        for saw in runtime.block_on(queues_agree(&deeds))? {
            *seen.borrow_mut().entry(saw).or_default() += 1;
        }
        Ok(())
    });
    if let Err(error) = agreed {
        panic!("{error}");
    }
    let (seen, kinds) = (seen.into_inner(), ["received 0", "received 3", "deleted", "postponed", "expired"]);
    assert!(kinds.iter().all(|kind| seen.get(*kind).is_some_and(|times| *times >= 20)), "{seen:?}");
}

/// Takes a history through both queues. Returns what was seen.
async fn queues_agree(deeds: &[Deed]) -> Result<Vec<String>, TestCaseError> {
    let (mut simulated, real, mut now) = (Queue::default(), Cloud::start(), 0);
    // The receipts of both, and the message.
    let mut handed: Vec<(String, String, String)> = vec![];
    let mut saw = vec![];
    for deed in deeds {
        match *deed {
            Deed::Send { group, id } => {
                // A message id belongs to one group, as those of events do.
                let (group, body) = (group.to_string(), format!("{group}.{id}"));
                simulated.send(now, &group, &body);
                real.send(&group, &body).await;
            }
            Deed::Receive => {
                let (ours, theirs) = (simulated.receive(now), real.receive().await);
                let bodies =
                    |handed: &[(String, String)]| -> Vec<_> { handed.iter().map(|(body, _)| body.clone()).collect() };
                prop_assert_eq!(bodies(&ours), bodies(&theirs), "simulated, and real, at {} s", now);
                saw.push(format!("received {}", ours.len()));
                let pairs = ours.into_iter().zip(theirs);
                handed.extend(pairs.map(|((body, ours), (_, theirs))| (ours, theirs, body)));
            }
            Deed::Delete(which) if !handed.is_empty() => {
                let (ours, theirs, body) = handed[which % handed.len()].clone();
                let deleted = simulated.delete(now, &ours);
                prop_assert_eq!(deleted, real.delete(&theirs).await, "{} at {} s", body, now);
                saw.push(if deleted { "deleted" } else { "expired" }.to_owned());
                if deleted {
                    // SQS does not mind that a message is deleted twice; nobody here does it.
                    let number = ours.rsplit('/').next().map(str::to_owned);
                    handed.retain(|(ours, ..)| ours.rsplit('/').next() != number.as_deref());
                }
            }
            Deed::Postpone(which, by) if !handed.is_empty() => {
                let (ours, theirs, body) = &handed[which % handed.len()];
                let postponed = simulated.postpone(now, ours, by);
                prop_assert_eq!(postponed, real.postpone(theirs, by).await, "{} at {} s", body, now);
                saw.push(if postponed { "postponed" } else { "expired" }.to_owned());
            }
            Deed::Delete(_) | Deed::Postpone(..) => {}
            Deed::Pass(seconds) => {
                now += seconds;
                real.pass(Duration::from_secs(seconds));
            }
        }
    }
    Ok(saw)
}

#[test]
fn the_simulated_stream_and_the_real_one_agree_on_every_batch_of_many_histories() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (discarded, batches) = (RefCell::new(0), RefCell::new(0));
    let config = Config { cases: HISTORIES, ..Config::default() };
    let history = (1_usize..14, prop::collection::vec(fate(), 0..40));
    let agreed = runner(config).run(&history, |(records, fates)| {
        let (given, lost) = runtime.block_on(streams_agree(records, &fates))?;
        *batches.borrow_mut() += given;
        *discarded.borrow_mut() += lost;
        Ok(())
    });
    if let Err(error) = agreed {
        panic!("{error}");
    }
    let (discarded, batches) = (discarded.into_inner(), batches.into_inner());
    assert!(discarded > 50 && batches > 1_000, "{discarded} discarded, {batches} batches");
}

/// Takes a history through both streams. Returns how many batches the function was given, and how many were discarded.
async fn streams_agree(records: usize, fates: &[Fate]) -> Result<(usize, usize), TestCaseError> {
    let names: Vec<_> = (0..records).map(|number| format!("ap-{number}")).collect();
    let (mut simulated, cloud) = (Records::new(BATCH, RETRIES), Cloud::start());
    for name in &names {
        simulated.write(name);
    }
    let mut real = cloud.stream(&names, BATCH, RETRIES);
    let (mut fates, mut batches, mut discarded) = (fates.iter(), 0, vec![]);
    loop {
        let expected = simulated.batch();
        if expected.is_empty() {
            break;
        }
        batches += 1;
        let fate = match fates.next() {
            Some(Fate::From(place)) if *place >= expected.len() => Fate::Done,
            Some(fate) => *fate,
            None => Fate::Done,
        };
        let given = real.next().await;
        prop_assert_eq!(&expected, &given, "simulated, and real, before {:?}", fate);
        real.returns(fate);
        let lost = simulated.returned(fate);
        discarded.extend((!lost.is_empty()).then_some(lost));
    }
    prop_assert_eq!(&discarded, &real.discarded(discarded.len()).await, "simulated, and real");
    prop_assert!(real.stays_quiet().await, "nothing more was to come");
    Ok((batches, discarded.len()))
}
