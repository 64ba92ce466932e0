//! Deleting many items.

use std::ops::RangeInclusive;

use futures_util::future::try_join_all;
use rollcall_core::{Deletion, Item, Key};

use crate::store::{Order, Store, StoreError};

/// How many items are looked up at once.
const PAGE: i32 = 100;
/// How many are deleted at once.
const AT_ONCE: usize = 25;

/// Deletes these items, whatever they are.
///
/// # Errors
/// If it is not known whether all of them are gone.
pub(crate) async fn delete_all(store: &impl Store, keys: impl IntoIterator<Item = Key>) -> Result<(), StoreError> {
    let deletions: Vec<_> = keys.into_iter().map(Deletion::of).collect();
    for some in deletions.chunks(AT_ONCE) {
        try_join_all(some.iter().map(|deletion| store.delete(deletion))).await?;
    }
    Ok(())
}

/// Deletes whatever there is between two keys of one partition, page by page. `all` says what is deleted with an item:
/// the item's own key comes last, so that whoever is interrupted finds it again.
///
/// # Errors
/// If it is not known whether all of it is gone.
pub(crate) async fn delete_between<E: From<StoreError>>(
    store: &impl Store,
    keys: RangeInclusive<Key>,
    all: impl Fn(Key, &Item) -> Result<Vec<Key>, E>,
) -> Result<(), E> {
    loop {
        let page = store.range(keys.clone(), Order::Ascending, PAGE).await?;
        let (mut first, mut last) = (vec![], vec![]);
        for (key, item) in &page {
            let mut with = all(key.clone(), item)?;
            last.extend(with.pop());
            first.extend(with);
        }
        delete_all(store, first).await?;
        delete_all(store, last).await?;
        if page.is_empty() {
            return Ok(());
        }
    }
}
