//! The node's firmware updates.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 1] = [Mutation {
    name: "installation-not-recorded",
    what: "The start of an installation is not recorded.",
    file: "shared/machine/src/updates.rs",
    find: "self.record.installing = Some(image.version.clone());",
    with: "self.record.installing = Some(image.version.clone()).filter(|_| !BROKEN);",
}];
