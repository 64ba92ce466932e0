use proptest::prelude::*;

use super::*;
use crate::policy::Registration;
use crate::update::transact;

type Items = BTreeMap<Key, Item>;

fn id(number: usize) -> NodeId {
    format!("ap-{number}").parse().expect("an id")
}

fn kinds(site: &str, firmware: &str) -> Kinds {
    Kinds(["", "online", firmware, "none", "none", "ax-2", site].map(str::to_owned))
}

fn counted(items: &Items, node: &NodeId) -> Counted {
    items.get(&Key::Counted(node.clone())).map(|item| Counted::read(item).expect("readable")).unwrap_or_default()
}

fn counts(items: &Items) -> BTreeMap<Key, u64> {
    let counts = items.iter().filter(|(key, _)| matches!(key, Key::Count(..)));
    counts.map(|(key, item)| (key.clone(), count(item).expect("readable"))).filter(|(_, count)| *count > 0).collect()
}

/// The counts of the nodes as they are.
fn truly(nodes: &BTreeMap<NodeId, Kinds>) -> BTreeMap<Key, u64> {
    let mut truly = BTreeMap::new();
    for key in nodes.values().flat_map(Kinds::counts) {
        *truly.entry(key).or_default() += 1;
    }
    truly
}

/// Who counts: it has read a record and then the node, and may write later.
#[derive(Clone, Debug)]
enum Step {
    Becomes(usize, Option<(usize, usize)>),
    Reads(usize, usize),
    Writes(usize),
    /// The record of a node that is not counted is deleted.
    Deletes(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::option::weighted(0.8, (0..3_usize, 0..2_usize));
    prop_oneof![
        (0..3_usize, kind).prop_map(|(node, kind)| Step::Becomes(node, kind)),
        (0..3_usize, 0..3_usize).prop_map(|(who, node)| Step::Reads(who, node)),
        (0..3_usize).prop_map(Step::Writes),
        (0..3_usize).prop_map(Step::Deletes),
    ]
}

proptest! {
    #[test]
    fn whoever_counts_and_in_whatever_order_the_counts_are_those_of_the_records_and_in_the_end_those_of_the_nodes(
        steps in prop::collection::vec(step(), 0..60)
    ) {
        let (mut items, mut nodes) = (Items::new(), BTreeMap::new());
        let mut now = 0;
        let mut tick = || {
            now += 1;
            Timestamp(now)
        };
        let mut read: [Option<Recount>; 3] = [const { None }; 3];
        for step in steps {
            match step {
                Step::Becomes(node, None) => drop(nodes.remove(&id(node))),
                Step::Becomes(node, Some((site, firmware))) => {
                    nodes.insert(id(node), kinds(["", "hq", "lab"][site], ["2.4", "2.5"][firmware]));
                }
                Step::Reads(who, node) => {
                    read[who] = Some((id(node), counted(&items, &id(node)), nodes.get(&id(node)).cloned()));
                }
                Step::Deletes(node) => {
                    let key = Key::Counted(id(node));
                    if delete_counted(&id(node)).applies(items.get(&key)) {
                        items.remove(&key);
                    }
                }
                Step::Writes(who) => {
                    for (_, updates) in recount(read[who].as_slice(), tick()) {
                        let _ = transact(&mut items, &updates);
                    }
                }
            }
            let records = (0..3).filter_map(|node| Some((id(node), counted(&items, &id(node)).kinds?))).collect();
            prop_assert_eq!(counts(&items), truly(&records));
        }
        let all: Vec<_> = (0..3).map(|node| (id(node), counted(&items, &id(node)), nodes.get(&id(node)).cloned())).collect();
        for (_, updates) in recount(&all, tick()) {
            prop_assert!(transact(&mut items, &updates));
        }
        prop_assert_eq!(counts(&items), truly(&nodes));
    }

    #[test]
    fn however_different_nodes_are_each_transaction_fits_and_every_node_is_in_one(
        sites in prop::collection::vec((0..200_u8, 0..200_u8), 0..120)
    ) {
        let was = |(site, _): &(u8, u8)| Counted { kinds: Some(kinds(&format!("s-{site}"), "2.4")), revision: 3 };
        let is = |(_, version): &(u8, u8)| Some(kinds("lab", &format!("2.{version}")));
        let nodes: Vec<_> = sites.iter().enumerate().map(|(number, one)| (id(number), was(one), is(one))).collect();
        let transactions = recount(&nodes, Timestamp(0));
        prop_assert!(transactions.iter().all(|(_, updates)| updates.len() <= WRITES));
        let done: Vec<_> = transactions.into_iter().flat_map(|(nodes, _)| nodes).collect();
        prop_assert_eq!(done, nodes.into_iter().map(|(node, ..)| node).collect::<Vec<_>>());
    }
}

#[test]
fn a_node_that_was_counted_meanwhile_is_not_counted_by_what_was_read_before() {
    let mut items = Items::new();
    let node = id(1);
    let late = recount(&[(node.clone(), Counted::default(), Some(kinds("hq", "2.4")))], Timestamp(1));
    let read = |items: &Items, is| recount(&[(node.clone(), counted(items, &node), is)], Timestamp(2));
    for is in [Some(kinds("lab", "2.4")), None] {
        let updates = read(&items, is);
        assert!(transact(&mut items, &updates[0].1));
    }
    assert_eq!(counted(&items, &node).kinds, None, "as at first");
    assert!(!transact(&mut items, &late[0].1), "and not at first");
}

#[test]
fn a_count_of_no_node_is_deleted_unless_it_has_changed_and_a_record_of_a_node_that_is_counted_stays() {
    let mut items = Items::new();
    let site = Key::Count(CountedBy::Site, "hq".to_owned());
    let node = id(1);
    let become_ = |items: &mut Items, is| {
        let updates = recount(&[(node.clone(), counted(items, &node), is)], Timestamp(3));
        assert!(transact(items, &updates[0].1));
    };
    become_(&mut items, Some(kinds("hq", "2.4")));
    let record = |items: &Items| items[&Key::Counted(id(1))].clone();
    assert!(!delete_counted(&node).applies(Some(&record(&items))));
    become_(&mut items, None);
    assert_eq!(count(&items[&site]), Ok(0));
    assert!(delete_counted(&node).applies(Some(&record(&items))));
    let deletion = delete_count(site.clone(), &items[&site]);
    assert!(deletion.applies(Some(&items[&site])));
    become_(&mut items, Some(kinds("hq", "2.4")));
    assert!(!deletion.applies(Some(&items[&site])));
}

#[test]
fn a_version_with_characters_that_can_not_be_shown_is_counted_all_the_same() {
    let policy = Policy::new(Registration::Open, 600, 10, 8, 0).expect("in range");
    let item = Item::from([(A::Firmware, "2.4\n\u{1b}[31m".into())]);
    let node = Node::read(&item).expect("a node");
    let kinds = Kinds::of(&id(1), &node, Timestamp(0), &policy);
    assert_eq!(kinds.0[2], "2.4\u{fffd}\u{fffd}[31m");
    let mut items = Items::new();
    let updates = recount(&[(id(1), Counted::default(), Some(kinds.clone()))], Timestamp(0));
    assert!(transact(&mut items, &updates[0].1));
    assert_eq!(counted(&items, &id(1)).kinds, Some(kinds));
}

#[test]
fn a_count_below_zero_and_a_record_with_too_few_kinds_are_unreadable() {
    assert!(count(&Item::from([(A::Left, 1_u64.into())])).is_err());
    assert!(Counted::read(&Item::from([(A::CountedAs, "online\n2.4".into())])).is_err());
}

#[test]
fn the_record_of_a_node_that_was_deleted_and_registered_anew_is_not_taken_for_its_old_one() {
    let (mut items, node) = (Items::new(), id(1));
    let count_as = |items: &Items, is, at| recount(&[(node.clone(), counted(items, &node), is)], Timestamp(at));
    let first = count_as(&items, Some(kinds("hq", "2.4")), 10);
    assert!(transact(&mut items, &first[0].1));
    let late = count_as(&items, Some(kinds("hq", "2.5")), 11);
    let gone = count_as(&items, None, 20);
    assert!(transact(&mut items, &gone[0].1));
    assert!(items.remove(&Key::Counted(node.clone())).is_some(), "it is deleted with its node");
    let anew = count_as(&items, Some(kinds("lab", "2.4")), 30);
    assert!(transact(&mut items, &anew[0].1) && !transact(&mut items, &late[0].1));
}
