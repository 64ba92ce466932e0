//! The simulation's store is held to DynamoDB: both get the same calls, and must give the same answers. Where the
//! simulation loses an answer, its client tries again; DynamoDB then gets the same write as often.

use rollcall_simulation::alone;

use super::*;

/// How many writes and transactions a history has.
const CALLS: usize = 12;

/// How often something came out one way.
#[derive(Debug, Default)]
struct Counts {
    applied: usize,
    refused: usize,
    made: usize,
    not_made: usize,
    repeated: usize,
    unknown: usize,
}

#[tokio::test]
async fn dynamodb_and_the_simulated_store_agree_on_every_call_of_long_histories() {
    let counts = agree(200, 0).await;
    assert_eq!((counts.repeated, counts.unknown), (0, 0), "nothing is lost");
}

#[tokio::test]
async fn they_agree_when_answers_are_lost_and_calls_are_tried_again() {
    let counts = agree(100, 40).await;
    assert!(counts.repeated > 50 && counts.unknown > 10, "{counts:?}: too few answers were lost");
}

/// Takes both stores through so many histories, the same. Of the simulated one, so many answers in a hundred are lost.
async fn agree(histories: usize, lost: u64) -> Counts {
    let (_engine, dynamo) = dynamodb().await;
    let both = Both { simulated: alone::Store::new(1, lost), dynamo };
    let (mut random, mut counts) = (SmallRng::seed_from_u64(3), Counts::default());
    for history in 0..histories {
        let id = node(&format!("node-{history}"));
        let registration = if history % 3 == 0 { Registration::Closed } else { Registration::Open };
        let (policy, mut earlier) = (policy(registration), None);
        for _ in 0..CALLS {
            let stored = told(async || both.simulated.read(&Key::Node(id.clone())).await).await;
            match random.random_range(0..6) {
                0 => both.write(&any_wish(&mut random, &id), &mut counts).await,
                1..4 => {
                    let event = any_event(&mut random, &id, stored.as_ref(), &policy);
                    both.write(&plan(&event, &policy), &mut counts).await;
                }
                _ => both.queue(&mut random, &id, stored.as_ref(), &mut earlier, &mut counts).await,
            }
        }
        both.look(&mut random, &id).await;
    }
    both.list().await;
    let Counts { applied, refused, made, not_made, .. } = counts;
    assert!(applied > 100 && refused > 100 && made > 50 && not_made > 50, "{counts:?}: too few of one kind");
    counts
}

struct Both {
    simulated: alone::Store,
    dynamo: DynamoStore,
}

impl Both {
    async fn write(&self, update: &Update, counts: &mut Counts) {
        let told = self.simulated.write(update).await;
        let mut outcome = None;
        for _ in 0..self.simulated.tries() {
            outcome = Some(self.dynamo.write(update).await.expect("dynamo").outcome);
        }
        counts.repeated += usize::from(self.simulated.tries() > 1);
        match told {
            Ok(written) => assert_eq!(Some(&written.outcome), outcome.as_ref(), "{update:?}"),
            // Every answer was lost. What is stored is looked at.
            Err(_) => counts.unknown += 1,
        }
        match outcome.expect("a try gets there") {
            Outcome::Applied { .. } => counts.applied += 1,
            Outcome::Refused { .. } => counts.refused += 1,
        }
    }

    /// Queues a command, by what is stored or by what was stored a while ago.
    async fn queue(
        &self,
        random: &mut SmallRng,
        id: &NodeId,
        stored: Option<&Item>,
        earlier: &mut Option<Node>,
        counts: &mut Counts,
    ) {
        let Some(now) = stored.map(|item| Node::read(item).expect("well-formed")) else { return };
        let known = earlier.take().filter(|_| random.random_range(0..3) == 0).unwrap_or_else(|| now.clone());
        let queueing = queueing(&format!("k{}", random.random_range(0..6)));
        if let Ok((_, updates)) = queue(id, &known, 0, &queueing, Timestamp(30_000)) {
            let told = self.simulated.transact(&updates).await;
            // A try with the same token is answered like the first one.
            let made = self.dynamo.transact(&updates).await.expect("dynamo");
            match told {
                Ok(told) => assert_eq!(told, made, "{updates:?}"),
                Err(_) => counts.unknown += 1,
            }
            if made { counts.made += 1 } else { counts.not_made += 1 }
        }
        *earlier = Some(now);
    }

    /// Reads what there is of a node.
    async fn look(&self, random: &mut SmallRng, id: &NodeId) {
        let key = Key::Node(id.clone());
        let item = told(async || self.simulated.read(&key).await).await;
        assert_eq!(item, self.dynamo.read(&key).await.expect("dynamo"), "{id}");
        let first = random.random_range(0..3);
        let (numbers, limit) = (first..=first + random.random_range(0..6), random.random_range(1..6));
        let order = if random.random() { Order::Ascending } else { Order::Descending };
        let keys = commands_of(id, &numbers);
        let commands = told(async || self.simulated.range(keys.clone(), order, limit).await).await;
        assert_eq!(commands, self.dynamo.range(keys, order, limit).await.expect("dynamo"), "{id}");
    }

    /// Lists all nodes, and those of each site.
    async fn list(&self) {
        let sites = ["hq", "lab", "nowhere"].map(|site| Some(site.parse().expect("a site")));
        for site in sites.into_iter().chain([None]) {
            let mut listed = list(&self.simulated, site.as_ref()).await;
            let mut expected = list(&self.dynamo, site.as_ref()).await;
            if site.is_none() {
                // DynamoDB scans in an order of its own.
                listed.sort_unstable_by(|a, b| a.0.cmp(&b.0));
                expected.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            }
            assert_eq!(listed, expected, "{site:?}");
        }
    }
}

async fn list(store: &impl Store, site: Option<&Site>) -> Vec<(NodeId, Item)> {
    let (mut all, mut after) = (vec![], None);
    loop {
        let page = async || match site {
            Some(site) => store.page_of_site(site, after.clone(), 7).await,
            None => store.page_of_all(after.clone(), 7).await,
        };
        let (nodes, next) = told(page).await;
        all.extend(nodes);
        after = next;
        if after.is_none() {
            return all;
        }
    }
}

/// The answer to a call that changes nothing. If it is lost, the call is made again.
async fn told<T>(call: impl AsyncFn() -> Result<T, rollcall_service::StoreError>) -> T {
    for _ in 0..100 {
        if let Ok(answer) = call().await {
            return answer;
        }
    }
    panic!("there is no answer")
}
