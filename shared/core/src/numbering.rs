//! The numbers of configurations and commands, after items were lost.
//!
//! A node ignores a configuration whose version is not higher than all that it was given, and a command likewise. So these
//! numbers must never go back, not even if the tables are lost, or are restored from a backup of an hour ago. Either the
//! numbers are restored, because somebody has kept them (an export has them), or they are raised above whatever may have been
//! given out.

use crate::admission::{not_revoked, registered};
use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::command::Command;
use crate::commands::REMEMBERED;
use crate::guard::Guard;
use crate::id::NodeId;
use crate::key::Key;
use crate::node::Node;
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

/// The write that makes a document desired with this version, if none was made that is as high. It counts as set for the
/// node alone.
pub fn restore_config(node: &NodeId, sha256: &str, version: u64) -> Update {
    let changes = vec![
        Change::Set(A::DesiredVersion, version.into()),
        Change::Set(A::DesiredHash, sha256.into()),
        Change::Remove(A::SiteConfig),
    ];
    let clauses = vec![registered(), not_revoked(), lower(A::DesiredVersion, version)];
    Update::of_node(node, clauses, Guard::NEVER, changes)
}

/// How many commands are restored at once, at most: each is a write, and one more counts them (Amazon DynamoDB quotas: a
/// transaction has at most 100 writes).
pub const RESTORED_AT_ONCE: usize = 99;

/// The writes that restore open commands with their numbers, and the number of the last command that the node was given. The
/// commands must be sorted. Either all writes are made or none: a command beyond the last number would be in the way of the
/// next one. They are refused if another command was queued since the node was read.
pub fn restore_commands(node: &NodeId, stored: &Node, last: u64, open: &[Command]) -> Vec<Update> {
    let queued = Guard::same(A::CommandsQueued, (stored.commands_queued > 0).then(|| stored.commands_queued.into()));
    let clauses = vec![registered(), not_revoked(), Clause::new(Because::CommandsChanged, queued)];
    let mut changes = vec![Change::Set(A::CommandsQueued, last.into())];
    // Commands that are open here come before those that are restored.
    if stored.open_commands().is_none() {
        let over = open.first().map_or(last, |first| first.number - 1);
        changes.push(Change::Set(A::CommandsOver, over.into()));
    }
    let counted = Update::of_node(node, clauses, Guard::NEVER, changes);
    std::iter::once(counted).chain(open.iter().map(|command| restore_command(node, command))).collect()
}

/// The write that restores an open command, with its number. It is refused if there is a command with this number.
fn restore_command(node: &NodeId, command: &Command) -> Update {
    let mut changes = vec![
        Change::Set(A::CommandName, command.name.as_str().into()),
        Change::Set(A::CommandArgs, command.args.as_str().into()),
        Change::Set(A::QueuedAt, command.queued_at.0.into()),
        Change::Set(A::ExpiresAt, command.expires_at.0.into()),
        Change::Set(A::ForgetAt, (command.expires_at.plus_seconds(REMEMBERED).0 / 1000).into()),
    ];
    changes.extend(command.sent_at.map(|at| Change::Set(A::SentAt, at.0.into())));
    Update {
        key: Key::Command(node.clone(), command.number),
        clauses: vec![Clause::new(Because::NumberTaken, Guard::Missing(A::CommandName))],
        already_applied: Guard::NEVER,
        changes,
    }
}

/// A number above every number that was given out before this instant, in milliseconds since 1970: the time in seconds.
/// Numbers are counted one by one, at most one a second over the years.
pub fn above_all(now: Timestamp) -> u64 {
    now.0 / 1000
}

/// The write that raises the version of the configuration that was made last to this one. If one is desired, the node is
/// given it again. If none is, the next one is numbered from there.
pub fn raise_config(node: &NodeId, to: u64) -> Update {
    let clauses = vec![registered(), lower(A::DesiredVersion, to)];
    Update::of_node(node, clauses, Guard::NEVER, vec![Change::Set(A::DesiredVersion, to.into())])
}

/// The write that raises the number of a node's last command to this one. All commands up to it are over: it is not known
/// which of them the node has begun, and none may be begun twice.
pub fn raise_commands(node: &NodeId, to: u64) -> Update {
    let changes = vec![Change::Set(A::CommandsQueued, to.into()), Change::Set(A::CommandsOver, to.into())];
    Update::of_node(node, vec![registered(), lower(A::CommandsQueued, to)], Guard::NEVER, changes)
}

fn lower(attribute: A, than: u64) -> Clause {
    let guard = Guard::Any(vec![Guard::Missing(attribute), Guard::Less(attribute, than.into())]);
    Clause::new(Because::NumbersHigher, guard)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::set_config;
    use crate::expected::Expected;
    use crate::item::Item;
    use crate::registration::{Registering, register};
    use crate::update::Outcome;

    fn id() -> NodeId {
        "ap-1".parse().expect("an id")
    }

    /// A node's item after these writes, each of which is made or refused.
    fn after(writes: &[Update]) -> (Item, Vec<Option<Because>>) {
        let (mut item, mut refused) = (Item::new(), vec![]);
        for write in [register(&id(), &Registering::default())].iter().chain(writes) {
            match write.apply(Some(&item)) {
                Outcome::Applied { after } => {
                    item = after;
                    refused.push(None);
                }
                Outcome::Refused { because, .. } => refused.push(because),
            }
        }
        (item, refused[1..].to_vec())
    }

    fn set(sha256: &str) -> Update {
        set_config(&id(), sha256, &Expected::default())
    }

    fn node(writes: &[Update]) -> Node {
        Node::read(&after(writes).0).expect("readable")
    }

    #[test]
    fn a_version_is_restored_and_counted_on_from_there_and_never_goes_back() {
        let version = |writes: &[Update]| node(writes).desired.map(|desired| (desired.version, desired.sha256));
        let (ab, cd) = ("ab".to_owned(), "cd".to_owned());
        assert_eq!(version(&[restore_config(&id(), "ab", 9)]), Some((9, ab.clone())));
        assert_eq!(version(&[restore_config(&id(), "ab", 9), set("cd")]), Some((10, cd)));
        assert_eq!(version(&[set("cd"), restore_config(&id(), "ab", 9)]), Some((9, ab)));
        let late = [restore_config(&id(), "ab", 9), restore_config(&id(), "cd", 9), restore_config(&id(), "cd", 8)];
        assert_eq!(after(&late).1, [None, Some(Because::NumbersHigher), Some(Because::NumbersHigher)]);
    }

    #[test]
    fn numbers_are_raised_above_all_and_nothing_is_made_desired() {
        let raised = node(&[set("ab"), raise_config(&id(), 1_000), raise_commands(&id(), 1_000)]);
        assert_eq!(raised.desired.map(|desired| (desired.version, desired.sha256)), Some((1_000, "ab".to_owned())));
        assert_eq!((raised.commands_queued, raised.commands_over), (1_000, 1_000));
        let lowered = after(&[set("ab"), raise_config(&id(), 1_000), raise_config(&id(), 999)]).1;
        assert_eq!(lowered, [None, None, Some(Because::NumbersHigher)]);
        let (item, refused) = after(&[raise_config(&id(), 7), raise_commands(&id(), 7), raise_commands(&id(), 7)]);
        assert_eq!(refused, [None, None, Some(Because::NumbersHigher)]);
        let nothing = Node::read(&item).expect("readable");
        assert_eq!((nothing.desired, nothing.config_version), (None, 7));
        assert_eq!(node(&[raise_config(&id(), 7), set("ab")]).config_version, 8, "a new one is counted on from there");
    }

    #[test]
    fn open_commands_are_restored_and_those_before_them_are_over() {
        let stored = node(&[]);
        let command = |number| Command {
            number,
            name: "scan".to_owned(),
            args: "[5]".to_owned(),
            queued_at: Timestamp(1_000),
            expires_at: Timestamp(9_000),
            sent_at: Some(Timestamp(2_000)),
            ended: None,
        };
        let restore = |stored: &Node, last, open: &[u64]| {
            let open: Vec<_> = open.iter().map(|number| command(*number)).collect();
            restore_commands(&id(), stored, last, &open)
        };
        let first = restore(&stored, 12, &[11, 12]);
        assert_eq!(node(&first[..1]).open_commands(), Some(11..=12));
        let further = restore(&node(&first[..1]), 15, &[14]);
        assert_eq!(node(&[first[0].clone(), further[0].clone()]).open_commands(), Some(11..=15));
        let none = node(&restore(&stored, 12, &[]));
        assert_eq!((none.open_commands(), none.commands_queued), (None, 12));
        let changed = after(&[raise_commands(&id(), 3), first[0].clone()]).1;
        assert_eq!(changed, [None, Some(Because::CommandsChanged)]);
        let Outcome::Applied { after } = first[1].apply(None) else { panic!("refused") };
        assert_eq!(Command::read(11, &after), Ok(command(11)));
        assert!(matches!(first[1].apply(Some(&after)), Outcome::Refused { .. }));
    }
}
