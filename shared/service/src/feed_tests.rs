use std::cell::{Cell, RefCell};

use futures_util::FutureExt as _;
use rollcall_core::{
    Connection, CredentialVersion, Event, EventKind, Expected, Key, Outcome, Queueing, Registering, Registration,
    Update, cancel, event_text, expired, over, plan, queue, register, set_config,
};

use super::*;
use crate::memory::MemoryStore;
use crate::queue::Message;
use crate::store::Order;

fn id(node: &str) -> NodeId {
    node.parse().expect("an id")
}

/// A queue that keeps what it is sent, and fails if it is told to.
#[derive(Debug, Default)]
struct Sent {
    messages: RefCell<Vec<Message>>,
    buried: RefCell<Vec<(Message, String)>>,
    fails: Cell<bool>,
}

impl Queue for Sent {
    async fn send(&self, messages: &[Message]) -> Result<(), QueueError> {
        if self.fails.get() {
            return Err(QueueError("told to fail".into()));
        }
        self.messages.borrow_mut().extend_from_slice(messages);
        Ok(())
    }

    async fn postpone(&self, _: &str, _: Seconds) -> Result<(), QueueError> {
        Ok(())
    }

    async fn bury(&self, message: &Message, reason: &str) -> Result<(), QueueError> {
        if self.fails.get() {
            return Err(QueueError("told to fail".into()));
        }
        self.buried.borrow_mut().push((message.clone(), reason.to_owned()));
        Ok(())
    }
}

/// A store, and what its stream says.
struct World {
    feed: Feed<MemoryStore, Sent>,
    changes: Vec<Change>,
}

impl World {
    fn new() -> Self {
        let policy = Policy::new(Registration::Open, 600, 10, 30, 0).expect("in range");
        Self {
            feed: Feed { store: MemoryStore::default(), queue: Sent::default(), policy, keep_for: 60 },
            changes: vec![],
        }
    }

    fn write(&mut self, node: &str, update: &Update) {
        let was = self.feed.store.get(&update.key);
        let Outcome::Applied { after } = self.feed.store.apply(update) else { panic!("refused: {update:?}") };
        if let Key::Node(_) = update.key {
            let sequence = (self.changes.len() + 1).to_string();
            self.changes.push(Change { node: id(node), sequence, at: Timestamp(5_000), was, is: Some(after) });
        }
    }

    fn connects(&mut self, node: &str) {
        let connection = Connection { id: "A".parse().expect("an id"), opened_at: Timestamp(1_000) };
        let kind = EventKind::Connect { connection, credentials: CredentialVersion(1), instance: None };
        let update = plan(&Event::new(id(node), Timestamp(1_000), kind), &self.feed.policy);
        self.write(node, &update);
    }

    fn run(&self, changes: &[Change]) -> Result<usize, usize> {
        self.feed.run(changes, Timestamp(6_000)).now_or_never().expect("memory answers at once")
    }

    /// Every event in the log of a node's shard, in order.
    fn told(&self, node: &str) -> Vec<CloudEvent> {
        let shard = rollcall_core::log_shard(&id(node));
        let keys = Key::Logged(shard, 1)..=Key::Logged(shard, 999);
        let read = |item: &Item| {
            let text = event_text(item).expect("readable").expect("a text");
            serde_json::from_str::<CloudEvent>(text).expect("an event")
        };
        self.feed.store.between(keys, Order::Ascending, 999).iter().map(|(_, item)| read(item)).collect()
    }

    fn kinds(&self, node: &str) -> Vec<String> {
        self.told(node).into_iter().map(|event| event.kind).collect()
    }
}

#[test]
fn what_was_written_is_told_in_order_and_once_however_often_its_records_come() {
    let mut world = World::new();
    world.connects("ap-1");
    world.write("ap-1", &set_config(&id("ap-1"), "ab", &rollcall_core::Expected::default()));
    let changes = world.changes.clone();
    assert_eq!(world.run(&changes[..1]), Ok(2));
    assert_eq!(world.run(&changes), Ok(3), "the first record comes again");
    assert_eq!(world.run(&changes), Ok(3));
    assert_eq!(world.kinds("ap-1"), ["node.registered", "node.online", "config.desired"]);
    let [registered, online, _] = &world.told("ap-1")[..] else { panic!("three events") };
    assert!(registered.sequence < online.sequence && online.sequence == online.id, "{online:?}");
    assert_eq!((&*online.time, &*online.subject), ("1970-01-01T00:00:01.000Z", "ap-1"));
}

#[test]
fn the_events_of_a_deleted_node_go_but_that_it_was_deleted_and_those_of_its_next_life_stay() {
    let mut world = World::new();
    world.connects("ap-1");
    world.connects("ap-2");
    world.write("ap-1", &set_config(&id("ap-1"), "ab", &rollcall_core::Expected::default()));
    let deleted = |sequence: usize| Change {
        sequence: sequence.to_string(),
        is: None,
        was: world.feed.store.get(&Key::Node(id("ap-1"))),
        node: id("ap-1"),
        at: Timestamp(5_000),
    };
    let deleted = deleted(world.changes.len() + 1);
    world.feed.store.forget(&Key::Node(id("ap-1")));
    world.changes.push(deleted);
    assert_eq!(world.run(&world.changes[..3]), Ok(5));
    assert_eq!(world.kinds("ap-1"), ["node.registered", "node.online", "config.desired"]);
    // The last of them comes again together with the deletion: what it adds is deleted as well.
    assert_eq!(world.run(&world.changes[2..]), Ok(2));
    assert_eq!(world.kinds("ap-1"), ["node.deleted"]);
    assert_eq!(world.kinds("ap-2"), ["node.registered", "node.online"]);
    world.connects("ap-1");
    let last = world.changes.len() - 1;
    assert_eq!(world.run(&world.changes[last - 1..]), Ok(3), "the deletion comes again");
    assert_eq!(world.kinds("ap-1"), ["node.deleted", "node.registered", "node.online"]);
}

#[test]
fn an_event_of_a_deleted_node_that_can_t_be_read_is_kept_for_a_person_and_holds_up_nobody() {
    let mut world = World::new();
    world.connects("ap-1");
    assert_eq!(world.run(&world.changes), Ok(2));
    let place = Key::EventOf(id("ap-1"), format!("{}.0", padded("1")).parse().expect("an id"));
    let number = rollcall_core::Change::Set(rollcall_core::Attribute::LogNumber, "soon".into());
    let poison =
        Update { key: place, clauses: vec![], already_applied: rollcall_core::Guard::NEVER, changes: vec![number] };
    let Outcome::Applied { .. } = world.feed.store.apply(&poison) else { panic!("refused") };
    let was = world.feed.store.forget(&Key::Node(id("ap-1")));
    let deleted = Change { node: id("ap-1"), sequence: "2".to_owned(), at: Timestamp(5_000), was, is: None };
    assert_eq!(world.run(&[deleted]), Ok(1));
    let buried = world.feed.queue.buried.borrow();
    let [(message, _)] = &buried[..] else { panic!("one record: {buried:?}") };
    assert!(message.body.contains("ap-1"), "{message:?}");
}

#[test]
fn an_endpoint_is_sent_the_events_that_it_wants_and_a_queue_that_fails_gets_them_again() {
    let mut world = World::new();
    let types = rollcall_core::EventTypes::new(&["node.*".to_owned()]).expect("types");
    let spec =
        rollcall_core::EndpointSpec { url: "https://crm.example/hook".to_owned(), types, site: None, select: None };
    let name = "crm".parse().expect("a name");
    let secret = rollcall_core::Secret::new("whsec_c2VjcmV0".to_owned());
    world.write("ap-1", &rollcall_core::add_endpoint(&name, &spec, &secret, Timestamp(0)));
    world.connects("ap-1");
    world.write("ap-1", &set_config(&id("ap-1"), "ab", &rollcall_core::Expected::default()));
    let changes = world.changes.clone();
    world.feed.queue.fails.set(true);
    assert_eq!(world.run(&changes), Err(0));
    world.feed.queue.fails.set(false);
    assert_eq!(world.run(&changes), Ok(3));
    let messages = world.feed.queue.messages.borrow();
    let sent: Vec<_> = messages.iter().map(|message| &*message.group).collect();
    assert_eq!(sent, ["crm/ap-1", "crm/ap-1"], "a configuration is none of what it wants");
    assert!(messages[1].body.contains("node.online") && messages[0].id != messages[1].id);
    assert_eq!(world.kinds("ap-1").len(), 3, "each is in the log once");
}

#[test]
fn that_a_node_has_moved_is_told_at_both_sites_and_what_it_does_then_at_the_new_one() {
    let mut world = World::new();
    for site in ["hq", "lab", "attic"] {
        let types = rollcall_core::EventTypes::default();
        let at = Some(site.parse().expect("a site"));
        let spec =
            rollcall_core::EndpointSpec { url: "https://crm.example/hook".to_owned(), types, site: at, select: None };
        let secret = rollcall_core::Secret::new("whsec_c2VjcmV0".to_owned());
        world.write("ap-1", &rollcall_core::add_endpoint(&site.parse().expect("a name"), &spec, &secret, Timestamp(0)));
    }
    let to = |site: &str| {
        let site = Some(site.parse().expect("a site"));
        register(&id("ap-1"), &Registering { site, ..Registering::default() })
    };
    world.write("ap-1", &to("hq"));
    world.write("ap-1", &to("lab"));
    world.write("ap-1", &set_config(&id("ap-1"), "ab", &rollcall_core::Expected::default()));
    assert_eq!(world.run(&world.changes), Ok(3));
    let messages = world.feed.queue.messages.borrow();
    let sent: Vec<_> = messages.iter().map(|message| &*message.group).collect();
    assert_eq!(sent, ["hq/ap-1", "hq/ap-1", "lab/ap-1", "lab/ap-1"]);
}

#[test]
fn a_node_that_comes_and_goes_is_told_to_flap_once_however_its_records_come() {
    let mut world = World::new();
    for minute in 0..7_u64 {
        let at = |second: u64| Timestamp(1_000_000 + (minute * 60 + second) * 1_000);
        let connection = Connection { id: format!("c{minute}").parse().expect("an id"), opened_at: at(0) };
        let credentials = CredentialVersion(1);
        let opens = EventKind::Connect { connection: connection.clone(), credentials, instance: None };
        let closes = EventKind::Disconnect { connection, code: None, reason: None };
        for (second, kind) in [(0, opens), (1, closes)] {
            world.write("ap-1", &plan(&Event::new(id("ap-1"), at(second), kind), &world.feed.policy));
        }
        let stored = Node::read(&world.feed.store.get(&Key::Node(id("ap-1"))).expect("stored")).expect("well-formed");
        let over = expired(&id("ap-1"), &stored, at(40), &world.feed.policy).expect("its grace period is over");
        world.write("ap-1", &plan(&over, &world.feed.policy));
    }
    let changes = world.changes.clone();
    for some in [&changes[..10], &changes[4..15], &changes[..]] {
        let _ = world.run(some).expect("told");
    }
    let told = world.told("ap-1");
    let flaps: Vec<_> = told.iter().filter(|event| event.kind == "node.flapping").collect();
    let [flaps] = &flaps[..] else { panic!("it is told once: {:?}", world.kinds("ap-1")) };
    assert_eq!((flaps.data.text(), &*flaps.time), (r#"{"count":5,"since_ms":1000000}"#, "1970-01-01T00:20:40.000Z"));
    assert_eq!(told.iter().filter(|event| event.kind == "node.online").count(), 7);
    assert!(told.is_sorted_by_key(|event| &event.sequence));
}

#[test]
fn an_event_names_who_made_the_change() {
    let mut world = World::new();
    let arn = "arn:aws:sts::123456789012:assumed-role/Monolith/i-0123456789abcdef0";
    for (actor, site) in [("deploy", "hq"), (arn, "lab")] {
        let actor = Actor::named(actor);
        if let Some(keep) = actor.keep() {
            world.write("ap-1", &keep);
        }
        let registering = Registering { site: site.parse().ok(), ..Registering::default() };
        world.write("ap-1", &register(&id("ap-1"), &registering).by(&actor));
    }
    world.connects("ap-1");
    let changes = world.changes.clone();
    assert_eq!(world.run(&changes), Ok(3));
    let actors: Vec<_> = world.told("ap-1").into_iter().map(|event| event.actor).collect();
    assert_eq!(actors, [Some("deploy".to_owned()), Some(arn.to_owned()), None]);
}

#[test]
fn commands_are_told_with_what_they_are_and_how_they_ended() {
    let mut world = World::new();
    world.write("ap-1", &register(&id("ap-1"), &Registering::default()));
    for number in 0..2 {
        let item = world.feed.store.get(&Key::Node(id("ap-1"))).expect("stored");
        let (name, key) = ("scan".parse().expect("a name"), format!("k{number}").parse().expect("a key"));
        let queueing = Queueing { name, args: "[1e400]".to_owned(), expires_in: 1, key, request: "hash".to_owned() };
        let stored = Node::read(&item).expect("well-formed");
        let (_, updates) = queue(&id("ap-1"), &stored, 0, &queueing, Timestamp(1_000)).expect("room");
        for update in &updates[1..] {
            world.write("ap-1", update);
        }
        world.write("ap-1", &updates[0]);
    }
    world.write("ap-1", &cancel(&id("ap-1"), 1, Timestamp(1_500)));
    world.write("ap-1", &over(&id("ap-1"), 2));
    let changes = world.changes.clone();
    assert_eq!(world.run(&changes), Ok(5));
    let kinds = ["node.registered", "command.queued", "command.queued", "command.finished", "command.expired"];
    assert_eq!(world.kinds("ap-1"), kinds);
    let told = world.told("ap-1");
    assert_eq!(told[1].data.text(), r#"{"command":1,"name":"scan","args":[1e400],"expires_at_ms":2000}"#);
    assert_eq!(told[3].data.text(), r#"{"command":1,"name":"scan","outcome":"cancelled","output":null}"#);
}

#[test]
fn a_record_that_is_unreadable_is_given_up_and_the_others_are_told() {
    let mut world = World::new();
    world.connects("ap-1");
    world.connects("ap-2");
    let mut changes = world.changes.clone();
    let poison = Item::from([(rollcall_core::Attribute::Seen, "soon".into())]);
    changes.insert(1, Change { is: Some(poison), sequence: "9".to_owned(), ..changes[0].clone() });
    world.feed.queue.fails.set(true);
    assert_eq!(world.run(&changes[1..]), Err(0), "where it is kept for a person to see can't be reached");
    world.feed.queue.fails.set(false);
    assert_eq!(world.run(&changes), Ok(4));
    for node in ["ap-1", "ap-2"] {
        let of_node: Vec<_> = world.told(node).into_iter().filter(|event| event.subject == node).collect();
        assert_eq!(of_node.len(), 2, "{of_node:?}");
    }
    let buried = world.feed.queue.buried.borrow();
    let [(message, reason)] = &buried[..] else { panic!("one record: {buried:?}") };
    assert_eq!(message.body, r#"{"node":"ap-1","sequence":"9"}"#);
    assert!(reason.contains("the node's item is unreadable"), "{reason}");
}

#[test]
fn a_document_that_is_desired_no_more_is_noted_as_unused_and_so_is_that_of_a_node_that_was_deleted() {
    let mut world = World::new();
    world.write("ap-1", &register(&id("ap-1"), &Registering::default()));
    let set = |sha256: &str| set_config(&id("ap-1"), sha256, &Expected::default());
    for sha256 in ["a1", "b2", "b2", "c3"] {
        if let Outcome::Applied { .. } = set(sha256).apply(world.feed.store.get(&Key::Node(id("ap-1"))).as_ref()) {
            world.write("ap-1", &set(sha256));
        }
    }
    assert!(world.run(&world.changes).is_ok());
    let noted = |world: &World| {
        let is_noted = |sha256: &&str| world.feed.store.get(&Key::Unused((*sha256).to_owned())).is_some();
        ["a1", "b2", "c3"].into_iter().filter(is_noted).collect::<Vec<_>>()
    };
    assert_eq!(noted(&world), ["a1", "b2"]);
    let was = world.feed.store.get(&Key::Node(id("ap-1")));
    let gone = Change { node: id("ap-1"), sequence: "99".to_owned(), at: Timestamp(6_000), was, is: None };
    assert!(world.run(&[gone]).is_ok());
    assert_eq!(noted(&world), ["a1", "b2", "c3"]);
}

#[test]
fn an_endpoint_with_a_selector_is_sent_what_happens_to_the_nodes_that_it_means_as_they_were_or_are() {
    let mut world = World::new();
    let select = |text: &str| text.parse().ok();
    for (name, select) in
        [("hq", select("site=hq")), ("named", select("name~lobby")), ("gone", select("presence=offline"))]
    {
        let (url, types) = ("https://crm.example/hook".to_owned(), rollcall_core::EventTypes::default());
        let spec = rollcall_core::EndpointSpec { url, types, site: None, select };
        let secret = rollcall_core::Secret::new("whsec_c2VjcmV0".to_owned());
        let name = name.parse().expect("a name");
        world.write("ap-1", &rollcall_core::add_endpoint(&name, &spec, &secret, Timestamp(0)));
    }
    let about = rollcall_core::About { name: "East Lobby".parse().ok(), ..rollcall_core::About::default() };
    world.write("ap-2", &rollcall_core::describe(&id("ap-2"), &rollcall_core::About::default(), &about));
    for (node, site) in [("ap-1", "hq"), ("ap-1", "lab"), ("ap-2", "lab")] {
        let registering = Registering { site: site.parse().ok(), ..Registering::default() };
        world.write(node, &register(&id(node), &registering));
    }
    world.write("ap-1", &set_config(&id("ap-1"), "ab", &rollcall_core::Expected::default()));
    world.connects("ap-2");
    assert_eq!(world.run(&world.changes), Ok(5));
    let sent = |endpoint: &str| {
        let messages = world.feed.queue.messages.borrow();
        let of = messages.iter().filter(|message| message.group.starts_with(&format!("{endpoint}/")));
        let kind = |message: &Message| {
            let body: serde_json::Value = serde_json::from_str(&message.body).expect("JSON");
            format!("{} {}", body["event"]["subject"], body["event"]["type"]).replace('"', "")
        };
        of.map(kind).collect::<Vec<_>>()
    };
    assert_eq!(sent("hq"), ["ap-1 node.registered", "ap-1 node.registered"], "it was there when it moved");
    assert_eq!(sent("named"), ["ap-2 node.registered", "ap-2 node.online"]);
    let offline = ["ap-1 node.registered", "ap-1 node.registered", "ap-2 node.registered", "ap-1 config.desired"];
    assert_eq!(sent("gone"), [&offline[..], &["ap-2 node.online"]].concat(), "it was offline before");
}
