use std::collections::BTreeMap;

use super::*;
use crate::command::CommandState;
use crate::command_numbers::{CommandNumbers, ResultOf};
use crate::update::Outcome;

const NOW: Timestamp = Timestamp(1_000_000);

/// A node's items, with the operations of a table.
#[derive(Clone, Default)]
struct Table(BTreeMap<Key, Item>);

fn node() -> NodeId {
    "ap-1".parse().expect("an id")
}

fn queueing(key: &str) -> Queueing {
    Queueing {
        name: "reboot".parse().expect("a name"),
        args: "null".to_owned(),
        expires_in: 60,
        key: key.parse().expect("a key"),
        request: format!("hash of {key}"),
    }
}

impl Table {
    fn registered() -> Self {
        Self(BTreeMap::from([(Key::Node(node()), Item::from([(A::CredentialVersion, Value::Number(1))]))]))
    }

    fn node(&self) -> Node {
        Node::read(&self.0[&Key::Node(node())]).expect("readable")
    }

    fn write(&mut self, update: &Update) -> bool {
        self.refused(update).is_none()
    }

    /// Makes a write; why it was refused, if it was.
    fn refused(&mut self, update: &Update) -> Option<Because> {
        match update.apply(self.0.get(&update.key)) {
            Outcome::Applied { after } => {
                self.0.insert(update.key.clone(), after);
                None
            }
            Outcome::Refused { because, .. } => Some(because.expect("a reason")),
        }
    }

    /// Makes all of the writes or none, as a transaction does.
    fn transact(&mut self, updates: &[Update]) -> bool {
        let mut changed = self.clone();
        let all = updates.iter().all(|update| changed.write(update));
        if all {
            *self = changed;
        }
        all
    }

    fn queue(&mut self, key: &str) -> u64 {
        let (number, updates) = queue(&node(), &self.node(), 0, &queueing(key), NOW).expect("room for a command");
        assert!(self.transact(&updates));
        number
    }

    fn command_items(&self) -> impl Iterator<Item = &Item> {
        self.0.iter().filter(|(key, _)| matches!(key, Key::Command(..))).map(|(_, item)| item)
    }

    fn commands(&self) -> Vec<Command> {
        let commands = self.0.iter().filter_map(|(key, item)| match key {
            Key::Command(_, number) => Some(Command::read(*number, item).expect("readable")),
            _ => None,
        });
        commands.collect()
    }

    fn state(&self, number: u64, now: Timestamp) -> CommandState {
        self.commands().iter().find(|command| command.number == number).expect("a command").state(now)
    }

    fn head(&self, now: Timestamp) -> Option<u64> {
        first_open(&self.commands(), now).map(|command| command.number)
    }
}

fn ended(how: Ending) -> Ended {
    Ended { at: NOW, how, output: Some("ok".to_owned()) }
}

#[test]
fn commands_are_numbered_in_order_and_two_at_once_never_get_the_same_number() {
    let mut table = Table::registered();
    let stale = table.node();
    assert_eq!((table.queue("a"), table.queue("b")), (1, 2));
    let (number, updates) = queue(&node(), &stale, 0, &queueing("c"), NOW).expect("room for a command");
    assert_eq!((number, table.transact(&updates)), (1, false), "the node has changed since");
    let refused = [0, 1].map(|part| table.refused(&updates[part]));
    assert_eq!(refused, [Some(Because::CommandsChanged), Some(Because::NumberTaken)]);
    let (_, updates) = queue(&node(), &table.node(), 2, &queueing("a"), NOW).expect("room for a command");
    assert!(!table.transact(&updates), "the key is taken");
    assert_eq!(table.commands().len(), 2);
    let item = &table.0[&Key::Queued(node(), "a".parse().expect("a key"))];
    assert_eq!(queued_before(item, "hash of a"), Ok(Some(1)));
    assert_eq!(queued_before(item, "hash of something else"), Ok(None));
}

#[test]
fn commands_are_queued_for_registered_nodes_only_and_not_too_many() {
    let mut table = Table::registered();
    let updates = queue(&node(), &table.node(), 0, &queueing("a"), NOW).expect("room for a command").1;
    table.0.get_mut(&Key::Node(node())).expect("a node").insert(A::Revoked, Value::Number(1));
    assert_eq!(table.refused(&updates[0]), Some(Because::Revoked), "revoked meanwhile");
    assert_eq!(Table::default().refused(&updates[0]), Some(Because::Unregistered));
    let queued = |open| queue(&node(), &table.node(), open, &queueing("a"), NOW).map(|(number, _)| number);
    assert_eq!([queued(COMMANDS_OPEN - 1), queued(COMMANDS_OPEN)], [Ok(1), Err(Denied::QueueFull)]);
}

#[test]
fn a_node_tells_how_many_commands_may_be_open_or_which_ones_to_count() {
    let node = Table::registered().node();
    let with = |count| room(&Node { commands_queued: 7 + count, commands_over: 7, ..node.clone() });
    assert_eq!([with(0), with(COMMANDS_OPEN - 1)], [Ok(Room::AtMost(0)), Ok(Room::AtMost(COMMANDS_OPEN - 1))]);
    assert_eq!(with(COMMANDS_OPEN), Ok(Room::Among(8..=7 + COMMANDS_OPEN)));
    assert_eq!(with(COMMANDS_SPAN - 1), Ok(Room::Among(8..=6 + COMMANDS_SPAN)));
    assert_eq!(with(COMMANDS_SPAN), Err(Denied::QueueFull), "the number of commands to count is limited");
    assert_eq!(room(&Node { commands_queued: 3, commands_over: 9, ..node }), Ok(Room::AtMost(0)));
}

#[test]
fn the_first_open_command_has_its_turn_until_it_ends() {
    let mut table = Table::registered();
    for key in ["a", "b", "c"] {
        table.queue(key);
    }
    assert_eq!(table.head(NOW), Some(1));
    assert!(table.write(&send(&node(), 1, NOW)));
    assert_eq!(
        (table.head(NOW), table.state(1, NOW)),
        (Some(1), CommandState::Sent),
        "a command that was sent stays the first"
    );
    assert!(!table.write(&cancel(&node(), 1, NOW)), "a command that was handed out can't be cancelled");
    assert!(table.write(&cancel(&node(), 2, NOW)));
    assert!(!table.write(&send(&node(), 2, NOW)), "a cancelled command is not handed out");
    assert!(table.write(&end(&node(), 1, &ended(Ending::Done))));
    assert!(!table.write(&end(&node(), 1, &ended(Ending::Failed))), "the first result counts");
    assert_eq!((table.state(1, NOW), table.head(NOW)), (CommandState::Ended(Ending::Done), Some(3)));
    assert!(!table.write(&end(&node(), 3, &ended(Ending::Done))), "it was not handed out yet");
}

#[test]
fn a_refused_write_of_a_command_says_what_the_command_is() {
    let mut table = Table::registered();
    let (send, cancel) = (send(&node(), 1, NOW), cancel(&node(), 1, NOW));
    let end = end(&node(), 1, &ended(Ending::Done));
    let refused = |table: &mut Table, updates: [&Update; 3]| updates.map(|update| table.refused(update));
    let unknown = [Some(Because::NoCommand), Some(Because::NotSent), Some(Because::NoCommand)];
    assert_eq!(refused(&mut table, [&send, &end, &cancel]), unknown);
    table.queue("a");
    assert_eq!(table.refused(&end), Some(Because::NotSent));
    assert!(table.write(&send));
    assert_eq!(refused(&mut table, [&send, &cancel, &end]), [Some(Because::Sent), Some(Because::Sent), None]);
    assert_eq!(refused(&mut table, [&send, &end, &cancel]), [Some(Because::Ended); 3]);
}

#[test]
fn a_command_expires_on_time_and_a_late_result_still_counts() {
    let mut table = Table::registered();
    table.queue("a");
    let (before, after) = (Timestamp(NOW.0 + 59_999), Timestamp(NOW.0 + 60_000));
    assert_eq!(table.state(1, before), CommandState::Queued);
    assert_eq!(table.commands()[0].expires_in(before), 1);
    assert_eq!((table.state(1, after), table.head(after)), (CommandState::Expired, None));
    assert!(table.write(&send(&node(), 1, before)));
    assert_eq!(table.state(1, after), CommandState::Expired);
    assert!(table.write(&end(&node(), 1, &ended(Ending::Failed))));
    assert_eq!(table.state(1, after), CommandState::Ended(Ending::Failed));
}

#[test]
fn a_late_result_of_a_command_that_was_handed_out_counts_although_the_count_has_moved_past_it() {
    let mut table = Table::registered();
    for key in ["told", "never-told", "open"] {
        table.queue(key);
    }
    assert!(table.write(&send(&node(), 1, NOW)));
    assert!(table.write(&over(&node(), 2)));
    let numbers = table.node().command_numbers();
    assert_eq!([1, 2].map(|number| numbers.result_of(number)), [ResultOf::OverCommand; 2]);
    assert_eq!(numbers.result_of(3), ResultOf::OpenCommand);
    assert_eq!([0, 4, u64::MAX].map(|number| numbers.result_of(number)), [ResultOf::NoCommand; 3]);
    let awaited = |table: &Table| table.command_items().map(awaits_result).collect::<Vec<_>>();
    assert_eq!(awaited(&table), [true, false, false], "only what was handed out can have a result");
    assert!(table.write(&end(&node(), 1, &ended(Ending::Done))));
    assert_eq!(awaited(&table), [false; 3], "the first result counts");
    assert!(table.write(&cancel(&node(), 3, NOW)));
    assert_eq!(awaited(&table), [false; 3], "a cancelled command was never handed out");
}

#[test]
fn of_a_node_without_commands_no_result_is_looked_at() {
    let numbers = Table::registered().node().command_numbers();
    assert_eq!([0, 1, 8].map(|number| numbers.result_of(number)), [ResultOf::NoCommand; 3]);
    let wrong = CommandNumbers { queued: 2, over: 9 };
    assert_eq!([2, 3].map(|number| wrong.result_of(number)), [ResultOf::OverCommand, ResultOf::NoCommand]);
}

#[test]
fn the_number_up_to_which_commands_are_over_never_goes_back() {
    let mut table = Table::registered();
    table.queue("a");
    table.queue("b");
    assert_eq!(table.node().open_commands(), Some(1..=2));
    assert!(table.write(&over(&node(), 2)));
    assert!(!table.write(&over(&node(), 1)));
    assert_eq!(table.node().open_commands(), None);
    assert_eq!(table.queue("c"), 3);
    assert_eq!(table.node().open_commands(), Some(3..=3));
}
