//! Writes that race.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_writes_to_one_node_come_out_as_in_some_order() {
    let (_engine, dynamo) = dynamodb().await;
    let dynamo = Arc::new(dynamo);
    let policy = policy(Registration::Open);
    let mut random = SmallRng::seed_from_u64(2);
    let mut contended = 0;
    for round in 0..80 {
        let id = node(&format!("race-{round}"));
        let updates: Vec<_> = (0..5).map(|_| plan(&any_event(&mut random, &id, None, &policy), &policy)).collect();
        let racing: Vec<_> = updates
            .iter()
            .cloned()
            .map(|update| {
                let dynamo = Arc::clone(&dynamo);
                tokio::spawn(async move { dynamo.write(&update).await.expect("stored").outcome })
            })
            .collect();
        let mut outcomes = vec![];
        for task in racing {
            outcomes.push(task.await.expect("no panic"));
        }
        let end = dynamo.read(&Key::Node(id.clone())).await.expect("readable");
        contended += usize::from(outcomes.iter().any(|outcome| matches!(outcome, Outcome::Refused { .. })));
        assert!(
            some_order_explains(&updates, &outcomes, None, end.as_ref()),
            "no order of {updates:#?} gives {outcomes:#?} and {end:#?}"
        );
    }
    assert!(contended > 20, "only {contended} rounds had a loser");
}

/// Whether there is an order in which the updates, one after the other, have these outcomes and this end.
fn some_order_explains(updates: &[Update], outcomes: &[Outcome], item: Option<&Item>, end: Option<&Item>) -> bool {
    if updates.is_empty() {
        return item == end;
    }
    (0..updates.len()).any(|first| {
        let outcome = updates[first].apply(item);
        let after = match &outcome {
            Outcome::Applied { after } => Some(after.clone()),
            Outcome::Refused { .. } => item.cloned(),
        };
        let rest = |all: &[Update]| [&all[..first], &all[first + 1..]].concat();
        let rest_outcomes = [&outcomes[..first], &outcomes[first + 1..]].concat();
        outcome == outcomes[first] && some_order_explains(&rest(updates), &rest_outcomes, after.as_ref(), end)
    })
}

#[test]
fn an_order_is_not_found_where_there_is_none() {
    let policy = policy(Registration::Open);
    let updates: Vec<_> = a_life("serial").iter().map(|event| plan(event, &policy)).collect();
    let applied = Outcome::Applied { after: Item::from([(Attribute::Seq, Value::Number(1))]) };
    assert!(!some_order_explains(&updates[..1], &[applied], None, None));
}
