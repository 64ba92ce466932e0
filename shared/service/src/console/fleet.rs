//! How many nodes there are of each kind, without reading them.

use futures_util::future::try_join_all;
use rollcall_core::{CountedBy, Key, count};
use rollcall_wire::console::{FleetView, KindCount, KindCounts, Problem};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Answered, Console};
use crate::console::refusal::{failed, internal};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::{Order, Store};

/// How many counts of a property are read. More sites than these do not make the answer slower.
const READ: i32 = 1_000;
/// How many of them are shown.
const SHOWN: usize = 100;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// How many nodes there are of each kind.
    pub(crate) async fn fleet(&self) -> Answered {
        let read = CountedBy::ALL.map(|by| self.counts(by));
        let [(nodes, _), presence, firmware, firmware_update, config, model, site] =
            <[(Vec<KindCount>, bool); 7]>::try_from(try_join_all(read).await?).unwrap_or_default();
        let nodes = nodes.first().map_or(0, |all| all.nodes);
        let shown = |(counts, is_whole)| most_frequent(counts, is_whole, nodes);
        Ok(HttpAnswer::json(
            200,
            &FleetView {
                nodes,
                presence: shown(presence),
                firmware: shown(firmware),
                firmware_update: shown(firmware_update),
                config: shown(config),
                model: shown(model),
                site: shown(site),
            },
        ))
    }

    /// The counts by a property that are read, and whether there are no others.
    async fn counts(&self, by: CountedBy) -> Result<(Vec<KindCount>, bool), Problem> {
        let stored = self.store.range(Key::counts(by), Order::Ascending, READ).await.map_err(|error| failed(&error))?;
        let is_whole = i32::try_from(stored.len()).is_ok_and(|read| read < READ);
        let mut counts = vec![];
        for (key, item) in stored {
            let Key::Count(by, value) = key else { continue };
            let (nodes, select) = (count(&item).map_err(|error| internal(&error))?, by.select(&value));
            if nodes > 0 {
                counts.push(KindCount { value: Some(value).filter(|value| !value.is_empty()), nodes, select });
            }
        }
        Ok((counts, is_whole))
    }
}

/// The most frequent of these values, the most frequent first. Of values that are as frequent, the order of the texts holds.
fn most_frequent(mut counts: Vec<KindCount>, is_whole: bool, nodes: u64) -> KindCounts {
    let is_whole = is_whole && counts.len() <= SHOWN;
    counts.sort_by_key(|count| std::cmp::Reverse(count.nodes));
    counts.truncate(SHOWN);
    let shown: u64 = counts.iter().map(|count| count.nodes).sum();
    // What was read at different moments need not add up.
    KindCounts { counts, others: if is_whole { 0 } else { nodes.saturating_sub(shown) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_of(value: &str, nodes: u64) -> KindCount {
        KindCount { value: Some(value.to_owned()), nodes, select: CountedBy::Site.select(value) }
    }

    #[test]
    fn the_most_frequent_values_come_first_and_the_nodes_of_all_others_are_counted_together() {
        let counts = |number: u64| (0..number).map(|place| count_of(&format!("s-{place:03}"), 1 + place % 2)).collect();
        let few = most_frequent(counts(3), true, 4);
        let shown: Vec<_> = few.counts.iter().map(|count| (count.select.as_str(), count.nodes)).collect();
        assert_eq!(shown, [("site=s-001", 2), ("site=s-000", 1), ("site=s-002", 1)]);
        assert_eq!(few.others, 0);
        let many = most_frequent(counts(202), true, 303);
        assert_eq!((many.counts.len(), many.others), (100, 103));
        assert!(many.counts.iter().all(|count| count.nodes == 2));
        assert_eq!(most_frequent(counts(3), false, 30).others, 26, "others were not read");
    }

    #[test]
    fn the_selector_of_a_kind_can_be_read() {
        for (value, text) in [("", "site=\"\""), ("hq", "site=hq"), ("a b\"", "site=\"a b\\\"\"")] {
            let select = CountedBy::Site.select(value);
            assert_eq!(select, text);
            assert!(select.parse::<rollcall_core::Selector>().is_ok());
        }
    }
}
