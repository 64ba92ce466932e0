//! Caches of a process that handles one event at a time.

use std::hash::Hash;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// A cache for about this many values, with at most this weight together.
///
/// It has one shard, since the process handles one event at a time. By default, `quick_cache` looks up the number of
/// CPUs, which reads a dozen files in every cold start, and divides the weight among four shards for each.
pub(crate) fn cache<Key, Value, Weight>(items: usize, weight: u64, weighter: Weight) -> Cache<Key, Value, Weight>
where
    Key: Eq + Hash,
    Value: Clone,
    Weight: Weighter<Key, Value> + Clone,
{
    let mut options = OptionsBuilder::new();
    match options.shards(1).estimated_items_capacity(items).weight_capacity(weight).build() {
        Ok(options) => {
            Cache::with_options(options, weighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
        }
        // This happens only if one of the two options is not set.
        Err(_) => Cache::with_weighter(items, weight, weighter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Len;

    impl Weighter<u8, String> for Len {
        fn weight(&self, _: &u8, value: &String) -> u64 {
            value.len() as u64
        }
    }

    #[test]
    fn one_value_may_take_almost_all_of_the_room() {
        let cache = cache(4096, 1000, Len);
        cache.insert(1, "x".repeat(900));
        assert!(cache.get(&1).is_some());
        cache.insert(2, "x".repeat(1100));
        assert!(cache.get(&2).is_none());
    }
}
