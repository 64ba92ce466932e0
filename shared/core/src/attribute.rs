//! How a node is stored: the one place that spells keys, attributes and indexes.

use std::collections::BTreeMap;

use crate::id::{IdempotencyKey, InvalidId, Model, NodeId};

/// The table's partition key.
pub const PARTITION_KEY: &str = "pk";
/// The table's sort key.
pub const SORT_KEY: &str = "sk";
/// The sort key of a node's own item.
pub const SORT_KEY_NODE: &str = "node";
/// The sort key of a configuration document.
pub const SORT_KEY_DOCUMENT: &str = "document";
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
const COMMAND_PREFIX: &str = "command#";

/// The partition key of a node's items.
pub fn partition_key(node: &NodeId) -> String {
    format!("{NODE_PREFIX}{node}")
}

/// The partition key of a configuration document: known by the hash of its bytes, and so never changed.
pub fn document_key(sha256: &str) -> String {
    format!("config#{sha256}")
}

/// The partition key of a model's firmware. The sort key is the version.
pub fn firmware_key(model: &Model) -> String {
    format!("firmware#{}", model.as_str())
}

/// Which of a node's items.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKey {
    /// The node itself.
    Node,
    /// Its [`History`](crate::History).
    History,
    /// The command with this number.
    Command(u64),
    /// Which command was queued with this key.
    Queued(IdempotencyKey),
}

impl ItemKey {
    /// Its sort key. Commands are in the order of their numbers.
    pub fn sort_key(&self) -> String {
        match self {
            Self::Node => SORT_KEY_NODE.to_owned(),
            Self::History => "history".to_owned(),
            // Twelve digits are thirty years of a thousand commands a second.
            Self::Command(number) => format!("{COMMAND_PREFIX}{number:012}"),
            Self::Queued(key) => format!("queued#{}", key.as_str()),
        }
    }

    /// The number of the command with this sort key; nothing if it is not a command's.
    pub fn command_of_sort_key(key: &str) -> Option<u64> {
        key.strip_prefix(COMMAND_PREFIX)?.parse().ok()
    }
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
        /// An attribute of a node's item, or of one of its commands.
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
    /// The credential version that the connection came with.
    ConnectionCredentials = "cc",
    /// Which running instance of the node's program opened the connection: a hash of the name that it gave.
    Instance = "i",
    /// The connection that held the node before; the same as [`Attribute::Connection`] if there was none.
    Previous = "pc",
    /// When the previous connection opened; 0 if there was none.
    PreviousOpenedAt = "po",
    /// When the previous connection had closed as it was replaced; 0 if it was open.
    PreviousClosedAt = "px",
    /// The instance of the previous connection; 0 if it named none.
    PreviousInstance = "pi",
    /// How often, without an hour between two, another instance took the node over from an open connection.
    Takeovers = "tk",
    /// When that last happened.
    TakenOverAt = "ta",
    /// How many messages the node has sent in the current minute of its budget.
    Spent = "bn",
    /// When that minute began.
    SpentSince = "bs",
    /// Until when the node is to send nothing, because it was over its budget.
    BlockedUntil = "bu",
    /// How often that happened, without a day between two.
    Offences = "bo",
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
    DesiredVersion = "wv",
    /// The SHA-256 of that configuration's document, in hexadecimal.
    DesiredHash = "wh",
    /// How many commands were ever queued for the node: the number of the last one.
    CommandsQueued = "kq",
    /// Up to which number commands are over, or nothing if none is. Whatever is above may still be open.
    CommandsOver = "ko",
    /// The firmware version that the node is to run.
    DesiredFirmware = "wf",
    /// The firmware version that the node reported on.
    UpdateVersion = "uv",
    /// How far it got with that.
    UpdateState = "us",
    /// What went wrong with it.
    UpdateDetail = "ud",
    /// Of a command: what to do.
    CommandName = "cn",
    /// Of a command: with what, as JSON.
    CommandArgs = "ca",
    /// Of a command: when it was queued.
    QueuedAt = "qt",
    /// Of a command: until when it may be begun.
    ExpiresAt = "et",
    /// Of a command: when it was first handed out.
    SentAt = "st",
    /// Of a command: when it ended.
    EndedAt = "dt",
    /// Of a command: how it ended.
    Ending = "de",
    /// Of a command: what it said.
    Output = "out",
    /// Of an idempotency key: the number of the command that was queued with it.
    CommandNumber = "k",
    /// Of an idempotency key: the SHA-256 of the request that came with it.
    RequestHash = "rh",
    /// When DynamoDB may forget the item, in seconds since 1970 (Amazon DynamoDB, "Time to Live").
    ForgetAt = "ttl",
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

/// An item without its keys.
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
