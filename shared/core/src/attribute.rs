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
/// The attribute that holds a document's text. Names of attributes are short, because they count towards an item's
/// size.
pub const DOCUMENT_TEXT: &str = "d";
/// The index of suspected nodes, by [`Attribute::DueShard`] and [`Attribute::Due`]. A node is suspected from the close
/// of its connection until it comes back or goes offline. The index is sparse: other nodes are not in it.
pub const INDEX_DUE: &str = "due";
/// The index of nodes by site, by [`Attribute::Site`] and the partition key.
pub const INDEX_SITE: &str = "site";

/// Over how many partition keys the index of suspected nodes is spread. A whole fleet can lose its connections at once,
/// and one partition takes 1,000 write units a second (Amazon DynamoDB quotas).
pub const DUE_SHARDS: u64 = 8;

const NODE_PREFIX: &str = "node#";
const COMMAND_PREFIX: &str = "command#";

/// The partition key of a node's items.
pub fn partition_key(node: &NodeId) -> String {
    format!("{NODE_PREFIX}{node}")
}

/// The partition key of a configuration document. A document is identified by the SHA-256 of its bytes, so it never
/// changes.
pub fn document_key(sha256: &str) -> String {
    format!("config#{sha256}")
}

/// The partition key of a model's firmware images. The sort key of an image is its version.
pub fn firmware_key(model: &Model) -> String {
    format!("firmware#{}", model.as_str())
}

/// One of a node's items.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKey {
    /// The node's own item.
    Node,
    /// The documents of the node's last configurations: its [`History`](crate::History).
    History,
    /// The command with this number.
    Command(u64),
    /// The number of the command that was queued with this idempotency key.
    Queued(IdempotencyKey),
}

impl ItemKey {
    /// The item's sort key. Commands are sorted by their numbers.
    pub fn sort_key(&self) -> String {
        match self {
            Self::Node => SORT_KEY_NODE.to_owned(),
            Self::History => "history".to_owned(),
            // Twelve digits are enough for thirty years of a thousand commands a second.
            Self::Command(number) => format!("{COMMAND_PREFIX}{number:012}"),
            Self::Queued(key) => format!("queued#{}", key.as_str()),
        }
    }

    /// The number of the command with this sort key; `None` if the item is not a command.
    pub fn command_of_sort_key(key: &str) -> Option<u64> {
        key.strip_prefix(COMMAND_PREFIX)?.parse().ok()
    }
}

/// The node that a partition key belongs to; `None` if the key is not a node's.
///
/// # Errors
/// If the key has a node's prefix, but no valid node id behind it.
pub fn node_of_partition_key(key: &str) -> Result<Option<NodeId>, InvalidId> {
    key.strip_prefix(NODE_PREFIX).map(str::parse).transpose()
}

/// The node's shard in the index of suspected nodes. It is a hash of the node's id (FNV-1a, 64 bit), so it never
/// changes.
pub fn due_shard(node: &NodeId) -> u64 {
    let hash = node
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash % DUE_SHARDS
}

macro_rules! attributes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// An attribute of a node's item, of a command or of an idempotency key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Attribute {
            $($(#[$doc])* $variant,)*
        }

        impl Attribute {
            /// Every attribute.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The attribute's name in the table. It is short, because names count towards an item's size.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

attributes! {
    /// The id of the connection that holds the node. It stays after the connection has closed.
    Connection = "c",
    /// When that connection opened.
    OpenedAt = "o",
    /// When that connection closed; absent while it is open.
    ClosedAt = "x",
    /// The close code (RFC 6455, section 7.4), if there was one.
    CloseCode = "xc",
    /// The reason of the close, if there was one.
    CloseReason = "xr",
    /// The credential version of the connection's token.
    ConnectionCredentials = "cc",
    /// The running instance of the node's program that opened the connection: a hash of the name that it gave.
    Instance = "i",
    /// The id of the connection that held the node before; the same as [`Attribute::Connection`] if there was none.
    Previous = "pc",
    /// When the previous connection opened; 0 if there was none.
    PreviousOpenedAt = "po",
    /// When the previous connection closed; 0 if it was still open when it was replaced.
    PreviousClosedAt = "px",
    /// The instance that opened the previous connection; 0 if it gave no name.
    PreviousInstance = "pi",
    /// How many times another instance took the node over from an open connection, with less than an hour from one to
    /// the next.
    Takeovers = "tk",
    /// When the last such takeover happened.
    TakenOverAt = "ta",
    /// How many messages the node has sent in the current minute of its budget.
    Spent = "bn",
    /// When that minute began.
    SpentSince = "bs",
    /// Until when the node must send nothing, because it was over its budget.
    BlockedUntil = "bu",
    /// How often the node was over its budget, with at most a day from the end of one block to the next offence.
    Offences = "bo",
    /// Since when the node is online; absent while it is offline.
    OnlineSince = "on",
    /// Since when the node is offline; absent while it is online.
    OfflineSince = "off",
    /// When the grace period of a suspected node ends; absent if the node is not suspected.
    Due = "due",
    /// The node's shard in [`INDEX_DUE`]; present only together with [`Attribute::Due`].
    DueShard = "ds",
    /// When the node last checked in.
    Seen = "s",
    /// The sequence number of this connection's last check-in.
    Seq = "q",
    /// Present while the node checks in by polling.
    Polls = "p",
    /// The firmware version that the node reported.
    Firmware = "f",
    /// The configuration version that the node's last report was about.
    ConfigVersion = "gv",
    /// What the node did with that version.
    ConfigState = "gs",
    /// What replaced a substituted configuration, or why a configuration was rejected.
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
    /// The lowest credential version that is accepted. A node is registered if it has this attribute.
    CredentialVersion = "cv",
    /// Present while the node's credentials are revoked.
    Revoked = "rv",
    /// The node's site.
    Site = "site",
    /// The node's model.
    Model = "md",
    /// The node's tags, separated by commas.
    Tags = "tg",
    /// The version of the desired configuration. It starts at 1, and every change adds 1.
    DesiredVersion = "wv",
    /// The SHA-256 of that configuration's document, in hexadecimal.
    DesiredHash = "wh",
    /// How many commands were ever queued for the node. It is the number of the last one.
    CommandsQueued = "kq",
    /// All commands up to this number are over; absent if none is known to be. Commands with higher numbers may still
    /// be open.
    CommandsOver = "ko",
    /// The desired firmware version.
    DesiredFirmware = "wf",
    /// The firmware version that the node's last update report was about.
    UpdateVersion = "uv",
    /// How far the node got with that version.
    UpdateState = "us",
    /// What went wrong with that update.
    UpdateDetail = "ud",
    /// Of a command: its name, which says what to do.
    CommandName = "cn",
    /// Of a command: its arguments, as JSON.
    CommandArgs = "ca",
    /// Of a command: when it was queued.
    QueuedAt = "qt",
    /// Of a command: until when the node may begin it.
    ExpiresAt = "et",
    /// Of a command: when it was first handed out.
    SentAt = "st",
    /// Of a command: when it ended.
    EndedAt = "dt",
    /// Of a command: how it ended.
    Ending = "de",
    /// Of a command: the output that the node reported.
    Output = "out",
    /// Of an idempotency key: the number of the command that was queued with it.
    CommandNumber = "k",
    /// Of an idempotency key: the SHA-256 of the request that used it.
    RequestHash = "rh",
    /// When DynamoDB may delete the item, in seconds since 1970 (Amazon DynamoDB, "Time to Live").
    ForgetAt = "ttl",
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// DynamoDB's type `S`.
    Text(String),
    /// DynamoDB's type `N`, used for whole numbers only.
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
