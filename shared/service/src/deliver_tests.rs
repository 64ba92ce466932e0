use std::cell::Cell;
use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use rollcall_core::{EndpointSpec, EventTypes};

use super::*;
use crate::webhook::Post;

#[path = "deliver_stage.rs"]
mod stage;
use stage::*;

#[test]
fn an_event_is_sent_once_and_recorded() {
    let world = World::new(&["crm"]);
    world.send("crm", "ap-1", "1");
    assert_eq!((world.deliver(), world.deliver()), (1, 0));
    assert_eq!(world.posted(), ["1"]);
    let record = world.record("crm", "1").expect("recorded");
    assert_eq!((record.progress, record.tries, record.answer.status), (DeliveryProgress::Accepted, 1, Some(200)));
}

#[test]
fn an_event_that_is_handed_out_again_after_it_was_accepted_is_not_sent_again() {
    let world = World::new(&["crm"]);
    world.send("crm", "ap-1", "1");
    let batch = world.queue.receive(10);
    let deliveries = Deliveries::new(&world.store, &world.queue, &world, Schedule::default(), || BEGIN);
    for _ in 0..2 {
        assert_eq!(deliveries.run(&batch).now_or_never(), Some(vec![]));
    }
    assert_eq!(world.posted(), ["1"]);
}

#[test]
fn while_an_event_is_not_accepted_the_later_ones_of_its_node_wait_and_those_of_others_do_not() {
    let world = World::new(&["crm"]).answering(|post| status(if id(post) == "1" { 500 } else { 200 }));
    for (node, id) in [("ap-1", "1"), ("ap-1", "2"), ("ap-2", "3"), ("ap-1", "4"), ("ap-2", "5")] {
        world.send("crm", node, id);
    }
    assert_eq!(world.deliver(), 5);
    assert_eq!(world.posted(), ["1", "3", "5"]);
    assert_eq!(world.deliver(), 0, "the group waits");
    world.send("crm", "ap-1", "6");
    assert_eq!(world.deliver(), 0, "also those that come later");
    *world.receiver.borrow_mut() = Box::new(|_| status(204));
    world.wait(6);
    world.deliver_all();
    assert_eq!(world.posted(), ["1", "2", "4", "6"]);
}

#[test]
fn the_tries_follow_the_schedule_and_then_the_event_is_a_dead_letter() {
    let world = World::new(&["crm"]).answering(|_| status(302));
    world.send("crm", "ap-1", "1");
    world.send("crm", "ap-1", "2");
    let mut tried = vec![];
    while world.record("crm", "1").is_none_or(|record| record.progress == DeliveryProgress::Retrying) {
        if world.deliver() == 0 {
            world.wait(1);
        } else {
            tried.push(world.now.get().seconds_since(BEGIN));
        }
    }
    let pauses: Vec<_> = tried.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, exact) in pauses.iter().zip([5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]) {
        assert!((exact..=exact + exact / 10 + 1).contains(pause), "{pauses:?}");
    }
    assert_eq!((tried.len(), world.posted().iter().filter(|id| *id == "1").count()), (8, 8));
    let dead = world.queue.dead();
    assert_eq!((dead.len(), dead[0].1.as_str()), (1, "8 tries failed, the last with: status 302"));
    assert!(dead[0].0.body.contains(r#""data":1.50"#), "the whole event is there");
    assert_eq!(world.record("crm", "2").map(|record| record.tries), Some(1), "the next one's turn has come");
}

#[test]
fn a_receiver_that_asks_for_time_gets_it() {
    let world = World::new(&["crm"]).answering(|_| Posted { retry_after: Some(120), ..status(503) });
    world.send("crm", "ap-1", "1");
    world.deliver();
    let record = world.record("crm", "1").expect("recorded");
    assert_eq!(record.next_try_at, Some(BEGIN.plus_seconds(120)));
    world.wait(119);
    assert_eq!(world.deliver(), 0);
    world.wait(1);
    assert_eq!(world.deliver(), 1);
}

#[test]
fn a_receiver_that_fails_a_third_of_the_time_gets_everything_in_order() {
    let count = Cell::new(0);
    let accepted = std::rc::Rc::new(RefCell::new(BTreeMap::<String, Vec<u32>>::new()));
    let kept = std::rc::Rc::clone(&accepted);
    let world = World::new(&["crm"]).answering(move |post| {
        count.set(count.get() + 1);
        if hash(&[&count.get().to_string()]).is_multiple_of(3) {
            return status(500);
        }
        let (node, number) = id(post).split_once('.').expect("two parts");
        kept.borrow_mut().entry(node.to_owned()).or_default().push(number.parse().expect("a number"));
        status(200)
    });
    for number in 0..20 {
        for node in 0..10 {
            world.send("crm", &format!("ap-{node}"), &format!("{node}.{number}"));
        }
    }
    world.deliver_all();
    assert_eq!(world.queue.dead(), []);
    assert_eq!(accepted.borrow().len(), 10);
    assert!(accepted.borrow().values().all(|numbers| numbers.iter().copied().eq(0..20)), "{accepted:?}");
}

#[test]
fn a_receiver_that_is_down_for_an_hour_holds_up_no_other_and_loses_nothing() {
    let world = World::new(&["crm", "bi"]);
    let up = std::rc::Rc::new(Cell::new(false));
    let is_up = std::rc::Rc::clone(&up);
    let world = world.answering(move |post| match post.url.as_str() {
        "https://crm.test/" if !is_up.get() => {
            Posted { answer: Answer { error: Some("refused".to_owned()), ..Answer::default() }, retry_after: None }
        }
        _ => status(200),
    });
    for number in 0..5 {
        for endpoint in ["crm", "bi"] {
            world.send(endpoint, "ap-1", &number.to_string());
        }
    }
    while world.deliver() > 0 {}
    assert_eq!(world.queue.waiting().len(), 5, "all of bi's are delivered");
    for _ in 0..60 {
        world.wait(60);
        while world.deliver() > 0 {}
    }
    up.set(true);
    world.posted();
    world.deliver_all();
    assert_eq!(world.posted(), ["0", "1", "2", "3", "4"]);
    assert!(world.endpoint("crm").failing.is_none(), "a success ends it");
}

#[test]
fn an_endpoint_that_is_gone_is_disabled_and_the_others_are_told() {
    let gone = |post: &Post| status(if post.url.contains("crm") { 410 } else { 200 });
    let world = World::new(&["bi", "crm"]).answering(gone);
    world.send("crm", "ap-1", "1");
    world.send("crm", "ap-1", "2");
    world.deliver_all();
    let disabled = world.endpoint("crm").disabled.expect("disabled");
    assert!(disabled.because.contains("410"));
    let posts = world.posts.take();
    assert_eq!(posts.len(), 2, "the second event is dropped: {posts:?}");
    assert!(posts[1].0.contains("bi.test") && posts[1].1.starts_with("disabled-"), "{posts:?}");
}

#[test]
fn an_endpoint_that_does_nothing_but_fail_is_disabled_after_five_days() {
    let world = World::new(&["crm"]).answering(|_| status(500));
    let mut number = 0;
    while world.endpoint("crm").disabled.is_none() {
        number += 1;
        world.send("crm", &format!("ap-{number}"), &number.to_string());
        while world.deliver() > 0 {}
        world.wait(6 * 3600);
        assert!(number < 100, "it is never disabled");
    }
    let at = world.endpoint("crm").disabled.expect("disabled").at;
    assert_eq!(at.seconds_since(BEGIN) / 86_400, 5);
}

#[test]
fn what_nobody_can_read_is_a_dead_letter_and_holds_up_nobody() {
    let world = World::new(&["crm"]);
    let odd = |id: &str, body: &str| Message { group: "crm/ap-1".to_owned(), id: id.to_owned(), body: body.to_owned() };
    for (id, body) in [("a", "{"), ("b", "{}"), ("c", r#"{"endpoint":"crm","event":{"id":"A","type":"x"}}"#)] {
        world.queue.send(&[odd(id, body)]).now_or_never().expect("now").expect("sent");
    }
    world.send("crm", "ap-1", "1");
    world.deliver_all();
    assert_eq!((world.posted(), world.queue.dead().len()), (vec!["1".to_owned()], 3));
}

#[test]
fn an_endpoint_that_is_enabled_again_is_sent_events_at_once() {
    let world = World::new(&["crm"]);
    let (name, crm) = ("crm".parse().expect("a name"), world.endpoint("crm"));
    let _ = world.store.apply(&disable_endpoint(&name, &crm, "gone", BEGIN));
    let deliveries = Deliveries::new(&world.store, &world.queue, &world, Schedule::default(), || BEGIN);
    world.send("crm", "ap-1", "1");
    let first = world.queue.receive(10);
    assert_eq!(deliveries.run(&first).now_or_never(), Some(vec![]));
    world.queue.returned(&first, &[]);
    let spec = EndpointSpec { url: crm.url, types: EventTypes::default(), site: None, select: None };
    let _ = world.store.apply(&rollcall_core::change_endpoint(&name, &spec));
    world.send("crm", "ap-1", "2");
    assert_eq!(deliveries.run(&world.queue.receive(10)).now_or_never(), Some(vec![]));
    assert_eq!(world.posted(), ["2"], "the first was dropped");
}

#[test]
fn an_event_for_an_endpoint_that_is_not_there_is_dropped() {
    let world = World::new(&[]);
    world.send("crm", "ap-1", "1");
    world.deliver_all();
    assert_eq!((world.posted(), world.queue.dead()), (vec![], vec![]));
}

#[test]
fn a_replay_of_ten_thousand_events_does_not_starve_new_ones() {
    let world = World::new(&["crm"]);
    for number in 0..10_000 {
        world.send_as("crm", &format!("ap-{}", number % 500), &format!("{number:05}"), Some(9));
    }
    // As many batches are under way as replays can have; the next one is free for a new event.
    let mut under_way = vec![];
    loop {
        let batch = world.queue.receive(10);
        if batch.is_empty() {
            break;
        }
        under_way.push(batch);
        assert!(under_way.len() <= 80, "a replay takes all there is");
    }
    world.send("crm", "ap-1", "99999");
    assert_eq!(world.deliver(), 1);
    assert_eq!(world.posted(), ["99999"]);
}

#[test]
fn a_replayed_event_is_tried_by_the_schedule_anew() {
    let world = World::new(&["crm"]).answering(|_| status(500));
    world.send("crm", "ap-1", "1");
    world.deliver_all();
    assert_eq!(world.record("crm", "1").map(|record| record.progress), Some(DeliveryProgress::Dead));
    let began = world.now.get().0;
    world.send_as("crm", "ap-1", "1", Some(began));
    world.deliver();
    let record = world.record("crm", "1").expect("recorded");
    assert_eq!((record.run, record.tries, record.progress), (began, 1, DeliveryProgress::Retrying));
    world.send_as("crm", "ap-1", "1", Some(began + 1));
    world.deliver();
    assert_eq!(world.record("crm", "1").expect("recorded").run, began, "it is under way already");
}

#[test]
fn groups_are_delivered_at_the_same_time() {
    /// A receiver that answers when both of its requests have come.
    struct Both(RefCell<Vec<std::task::Waker>>);
    impl Webhooks for &Both {
        async fn post(&self, _: &Post) -> Posted {
            let mut is_counted = false;
            std::future::poll_fn(|context| {
                if !std::mem::replace(&mut is_counted, true) {
                    self.0.borrow_mut().push(context.waker().clone());
                }
                if self.0.borrow().len() < 2 {
                    return std::task::Poll::Pending;
                }
                self.0.borrow().iter().for_each(std::task::Waker::wake_by_ref);
                std::task::Poll::Ready(status(200))
            })
            .await
        }
    }
    let world = World::new(&["crm"]);
    world.send("crm", "ap-1", "1");
    world.send("crm", "ap-2", "2");
    let batch = world.queue.receive(10);
    let both = Both(RefCell::default());
    let deliveries = Deliveries::new(&world.store, &world.queue, &both, Schedule::default(), || BEGIN);
    let mut running = std::pin::pin!(deliveries.run(&batch));
    // The first request is sent before there is a second one.
    let done = [(), ()].into_iter().find_map(|()| (&mut running).now_or_never());
    assert_eq!(done, Some(vec![]), "one waited for the other");
}

#[test]
fn a_slow_batch_gives_back_what_it_has_no_time_for() {
    let world = World::new(&["crm"]);
    for id in ["1", "2", "3", "4"] {
        world.send("crm", "ap-1", id);
    }
    let now = std::rc::Rc::new(Cell::new(BEGIN));
    let clock = std::rc::Rc::clone(&now);
    *world.receiver.borrow_mut() = Box::new(move |_| {
        clock.set(clock.get().plus_seconds(40));
        status(200)
    });
    let deliveries = Deliveries::new(&world.store, &world.queue, &world, Schedule::default(), || now.get());
    let batch = world.queue.receive(10);
    assert_eq!(deliveries.run(&batch).now_or_never(), Some(vec!["crm/3".to_owned(), "crm/4".to_owned()]));
    assert_eq!(world.posted(), ["1", "2"]);
}
