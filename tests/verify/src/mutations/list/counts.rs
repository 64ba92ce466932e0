//! How many nodes there are of each kind.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 2] = [
    Mutation {
        name: "never-leaves-a-count",
        what: "A node that becomes something else stays counted as what it was.",
        file: "shared/core/src/counts.rs",
        find: "for (kinds, by) in [(&counted.kinds, -1), (is, 1)] {",
        with: "for (kinds, by) in [(&counted.kinds, if BROKEN { 0 } else { -1 }), (is, 1)] {",
    },
    Mutation {
        name: "feed-counts-nothing",
        what: "The feed does not count nodes: they are counted by the slow scan.",
        file: "shared/service/src/feed.rs",
        find: "let counted = self.count(handled, now).await;",
        with: "let counted = self.count(if BROKEN { &[] } else { handled }, now).await;",
    },
];
