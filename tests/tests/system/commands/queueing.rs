//! Queueing commands, taking them back, and when a queue is full.

use super::*;

#[tokio::test]
async fn a_request_that_is_sent_again_queues_nothing_and_another_one_with_its_key_is_refused() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let body = || json!({"name": "reboot", "args": {"a": 1, "b": 2}});
    let at_once = join_all((0..5).map(|_| queue(&console, "ap-1", "key-1", body()))).await;
    let numbers: BTreeSet<_> =
        at_once.iter().map(|reply| reply.json()["command"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, BTreeSet::from([1]));
    assert_eq!(at_once.iter().filter(|reply| reply.status == 201).count(), 1, "{at_once:?}");
    let reordered = r#"{"args": {"b": 2, "a": 1}, "name": "reboot", "expires_in_s": 3600}"#;
    let again = console.send_with("POST", "/v1/nodes/ap-1/commands", &[("idempotency-key", "key-1")], reordered).await;
    assert_eq!((again.status, &again.json()["command"]), (200, &json!(1)), "it says the same");
    let other = queue(&console, "ap-1", "key-1", json!({"name": "reboot", "args": {"a": 2}})).await;
    assert_eq!(other.problem(), (409, "key-reused".to_owned()));
    console.put("/v1/nodes/ap-2", "{}").await;
    assert_eq!(queue(&console, "ap-2", "key-1", json!({"name": "x"})).await.status, 201, "keys are a node's own");
    cloud.stop().await;
}

#[tokio::test]
async fn commands_that_are_queued_at_once_get_one_number_each_and_pages_show_them_all() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let (mut queued, mut tries) = (BTreeSet::new(), 0);
    while queued.len() < 12 {
        let keys: Vec<_> = (0..12).filter(|key| !queued.contains(key)).collect();
        let console = &console;
        let one = async |key: u32| queue(console, "ap-1", &key.to_string(), json!({"name": "x"})).await;
        let replies = join_all(keys.iter().map(|key| one(*key))).await;
        for (key, reply) in keys.iter().zip(replies) {
            assert!(matches!(reply.status, 200 | 201 | 503), "{reply:?}");
            if reply.status != 503 {
                queued.insert(*key);
            }
        }
        tries += 1;
        assert!(tries < 12, "others are always faster");
    }
    let (mut numbers, mut path) = (vec![], "/v1/nodes/ap-1/commands?limit=5".to_owned());
    loop {
        let page = console.get(&path).await.json();
        let commands = page["commands"].as_array().expect("a list");
        numbers.extend(commands.iter().map(|command| command["command"].as_u64().expect("a number")));
        let Some(cursor) = page["cursor"].as_str() else { break };
        path = format!("/v1/nodes/ap-1/commands?limit=5&cursor={cursor}");
    }
    assert_eq!(numbers, (1..=12).rev().collect::<Vec<_>>());
    let elsewhere = path.replace("ap-1", "ap-2");
    console.put("/v1/nodes/ap-2", "{}").await;
    assert_eq!(console.get(&elsewhere).await.problem(), (400, "invalid-cursor".to_owned()));
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_still_queued_can_be_taken_back_and_never_reaches_the_node() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut node = CommandedNode::connected(&cloud).await;
    for (key, name) in [("a", "first"), ("b", "second"), ("c", "third")] {
        queue(&console, "ap-1", key, json!({"name": name})).await;
    }
    let cancel = async |number: &str| console.send("DELETE", &format!("/v1/nodes/ap-1/commands/{number}"), "").await;
    assert_eq!(cancel("1").await.problem(), (409, "command-not-queued".to_owned()), "the node has it");
    assert_eq!([cancel("2").await.status, cancel("2").await.status], [204, 204]);
    assert_eq!(cancel("9").await.problem(), (404, "unknown-command".to_owned()));
    assert_eq!(cancel("two").await.problem(), (400, "invalid-parameter".to_owned()));
    for _ in 0..if cloud.pushes { 3 } else { 0 } {
        assert_eq!(node.next().await.command, 1);
    }
    let ack = node.check_in(json!([{"command": 1, "status": "done"}])).await;
    assert_eq!(ack.command.map(|command| command.name).as_deref(), Some("third"));
    assert_eq!(states(&console).await, ["sent", "cancelled", "done"]);
    cloud.stop().await;
}

/// Queues this many commands that are good for so long, named by their numbers; says which was the last.
async fn fill(console: &Http, from: u64, count: u64, expires_in_s: u32) {
    for number in from..from + count {
        let queued =
            queue(console, "ap-1", &number.to_string(), json!({"name": "x", "expires_in_s": expires_in_s})).await;
        assert_eq!((queued.status, &queued.json()["command"]), (201, &json!(number)), "{queued:?}");
    }
}

async fn cancel(console: &Http, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let cancelled = console.send("DELETE", &format!("/v1/nodes/ap-1/commands/{number}"), "").await;
        assert_eq!(cancelled.status, 204, "{cancelled:?}");
    }
}

#[tokio::test]
async fn a_queue_is_full_of_what_is_open_and_of_nothing_else() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    let full = (409, "queue-full".to_owned());
    fill(&console, 1, 100, 3600).await;
    assert_eq!(queue(&console, "ap-1", "more", json!({"name": "x"})).await.problem(), full, "all are open");
    cancel(&console, 2..=100).await;
    fill(&console, 101, 99, 3600).await;
    assert_eq!(queue(&console, "ap-1", "more", json!({"name": "x"})).await.problem(), full, "the first one is, too");
    cancel(&console, 1..=1).await;
    cancel(&console, 101..=199).await;
    let before = cloud.dynamodb.passed();
    fill(&console, 200, 1, 3600).await;
    let with_a_look = cloud.dynamodb.passed() - before;
    let before = cloud.dynamodb.passed();
    fill(&console, 201, 1, 3600).await;
    assert!(cloud.dynamodb.passed() - before < with_a_look, "what is over was noted");
    let mut socket = cloud.socket("ap-1").await;
    socket.check_in(1).await;
    let Frame::Message(ServerMessage::Ack(ack)) = socket.next().await else { panic!("no ack") };
    assert_eq!(ack.command.map(|command| command.command), Some(200), "what is left comes in order");
    cloud.stop().await;
}

#[tokio::test]
async fn a_queue_whose_commands_have_expired_takes_more() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    console.put("/v1/nodes/ap-1", "{}").await;
    // The second half expires, and is behind what does not.
    fill(&console, 1, 50, 3600).await;
    fill(&console, 51, 50, 1).await;
    let last = async || console.get("/v1/nodes/ap-1/commands?limit=1").await.json()["commands"][0]["state"].clone();
    while last().await != "expired" {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    fill(&console, 101, 50, 3600).await;
    let full = queue(&console, "ap-1", "more", json!({"name": "x"})).await;
    assert_eq!(full.problem(), (409, "queue-full".to_owned()));
    cancel(&console, 1..=50).await;
    fill(&console, 151, 50, 3600).await;
    cloud.stop().await;
}
