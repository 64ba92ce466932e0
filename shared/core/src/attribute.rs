//! How a node is stored: the one place that spells keys, attributes and indexes.

use std::collections::BTreeMap;

use crate::id::{InvalidId, NodeId};

/// The table's partition key.
pub const PARTITION_KEY: &str = "pk";
/// The table's sort key.
pub const SORT_KEY: &str = "sk";
/// The sort key of a node's own item.
pub const SORT_KEY_NODE: &str = "node";
/// The sort key of a configuration document.
pub const SORT_KEY_DOCUMENT: &str = "document";
/// The sort key of a node's [`History`](crate::History).
pub const SORT_KEY_HISTORY: &str = "history";
/// The attribute that holds a document's text. Names are short, because they count towards an item's size.
pub const DOCUMENT_TEXT: &str = "d";
/// The index of suspected nodes: [`Attribute::DueShard`] and [`Attribute::Due`]. Sparse: only who closed and has not
/// come back is in it.
pub const INDEX_DUE: &str = "due";
/// The index of nodes by site: [`Attribute::Site`] and the partition key.
pub const INDEX_SITE: &str = "site";

/// Into how many partitions the index of suspected nodes is spread, so that a whole fleet can drop at once (Amazon
/// DynamoDB quotas: 1,000 write units a second and partition).
pub const DUE_SHARDS: u64 = 8;

const NODE_PREFIX: &str = "node#";

/// The partition key of a node's items.
pub fn partition_key(node: &NodeId) -> String {
    format!("{NODE_PREFIX}{node}")
}

/// The partition key of a configuration document: known by the hash of its bytes, and so never changed.
pub fn document_key(sha256: &str) -> String {
    format!("config#{sha256}")
}

/// The node that a partition key belongs to; nothing if it is not a node's.
///
/// # Errors
/// If it has a node's prefix, but no node id behind it.
pub fn node_of_partition_key(key: &str) -> Result<Option<NodeId>, InvalidId> {
    key.strip_prefix(NODE_PREFIX).map(str::parse).transpose()
}

/// The shard of the index of suspected nodes that a node belongs to: the same one for ever (FNV-1a, 64 bit).
pub fn due_shard(node: &NodeId) -> u64 {
    let hash = node
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash % DUE_SHARDS
}

macro_rules! attributes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// An attribute of a node item.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Attribute {
            $($(#[$doc])* $variant,)*
        }

        impl Attribute {
            /// Every attribute.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in the table: short, because names count towards an item's size.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

attributes! {
    /// The connection that holds the node, also after it closed.
    Connection = "c",
    /// When that connection opened.
    OpenedAt = "o",
    /// When it closed; absent while it is open.
    ClosedAt = "x",
    /// The close code (RFC 6455, section 7.4), if one was told.
    CloseCode = "xc",
    /// The reason of the close, if one was told.
    CloseReason = "xr",
    /// The connection that held the node before; the same as [`Attribute::Connection`] if there was none.
    Previous = "pc",
    /// Since when the node is online; absent while it is offline.
    OnlineSince = "on",
    /// Since when the node is offline; absent while it is online.
    OfflineSince = "off",
    /// When a closed node's grace period ends; only while it is suspected.
    Due = "due",
    /// In which shard of the index it is suspected; only together with [`Attribute::Due`].
    DueShard = "ds",
    /// When the last check-in came.
    Seen = "s",
    /// The sequence number of this connection's last check-in.
    Seq = "q",
    /// Present while the node checks in by polling.
    Polls = "p",
    /// The firmware version that the node reported.
    Firmware = "f",
    /// The configuration version that the node reported on.
    ConfigVersion = "gv",
    /// What became of it.
    ConfigState = "gs",
    /// With what it was substituted, or why it was rejected.
    ConfigDetail = "gd",
    /// The last configuration version that the node reported as applied or substituted: what it runs.
    AppliedVersion = "av",
    /// Reported time since boot, in seconds.
    Uptime = "hu",
    /// Reported load, in percent.
    Load = "hl",
    /// Reported free memory, in KiB.
    MemoryFree = "hm",
    /// Reported number of clients.
    Clients = "hc",
    /// The lowest credential version that is accepted. A node that has one is registered.
    CredentialVersion = "cv",
    /// Present once the node's credentials were revoked.
    Revoked = "rv",
    /// The site that the node belongs to.
    Site = "site",
    /// The node's model.
    Model = "md",
    /// The node's tags, with commas between them.
    Tags = "tg",
    /// The version of the configuration that the node is to run: counted up at every change, from 1.
    WantedVersion = "wv",
    /// The SHA-256 of that configuration's document, in hexadecimal.
    WantedHash = "wh",
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Number(u64),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A node item without its keys.
pub type Item = BTreeMap<Attribute, Value>;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_attributes_share_a_name() {
        let names: BTreeSet<_> = Attribute::ALL.iter().map(|attribute| attribute.name()).collect();
        assert_eq!(names.len(), Attribute::ALL.len());
        assert!(!names.contains(PARTITION_KEY) && !names.contains(SORT_KEY));
    }

    #[test]
    fn a_partition_key_leads_back_to_its_node() {
        let node: NodeId = "ap-1".parse().expect("an id");
        assert_eq!(node_of_partition_key(&partition_key(&node)), Ok(Some(node)));
        assert_eq!(node_of_partition_key("config#abc"), Ok(None));
        assert!(node_of_partition_key("node#").is_err());
    }

    #[test]
    fn suspected_nodes_spread_over_every_shard() {
        let shards: BTreeSet<_> = (0..200).map(|n| due_shard(&format!("ap-{n}").parse().expect("an id"))).collect();
        assert_eq!(shards.len() as u64, DUE_SHARDS);
    }
}
