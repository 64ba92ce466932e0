//! What is stored.

use std::hash::{Hash, Hasher};

use rollcall_core::{Item, Malformed, Node};

/// The node's item, and the node that was read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) item: Item,
    pub(crate) node: Node,
}

impl Stored {
    /// # Errors
    /// If no rule can have written the item.
    pub(crate) fn new(item: Item) -> Result<Self, Malformed> {
        Node::read(&item).map(|node| Self { item, node })
    }
}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.item.hash(hasher);
    }
}
