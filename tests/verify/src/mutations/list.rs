//! The mutations, by what they break.

mod console;
mod counts;
mod events;
mod machine;
mod messages;
mod news;
mod records;
mod rollouts;
mod updates;

use super::Mutation;

/// Every mutation.
pub(super) fn mutations() -> impl Iterator<Item = Mutation> {
    let lists: [&[Mutation]; 9] = [
        &records::MUTATIONS,
        &news::MUTATIONS,
        &messages::MUTATIONS,
        &console::MUTATIONS,
        &machine::MUTATIONS,
        &updates::MUTATIONS,
        &events::MUTATIONS,
        &rollouts::MUTATIONS,
        &counts::MUTATIONS,
    ];
    lists.into_iter().flatten().copied()
}
