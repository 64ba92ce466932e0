//! How items are addressed: the one place that spells keys and indexes.

use std::ops::RangeInclusive;

use crate::counts::CountedBy;
use crate::id::{EndpointName, EventId, FirmwareVersion, IdempotencyKey, InvalidId, Model, NodeId, RolloutName};
use crate::rollout::{ChangeKind, Place};

/// The name of the partition key of both tables.
pub const PARTITION_KEY: &str = "pk";
/// The name of the sort key of both tables.
pub const SORT_KEY: &str = "sk";
/// The sort key of every node's own item.
pub const SORT_KEY_NODE: &str = "node";
/// The index of suspected nodes, by [`Attribute::DueShard`](crate::Attribute::DueShard) and
/// [`Attribute::Due`](crate::Attribute::Due). A node is suspected from the close of its connection until it comes back
/// or goes offline. The index is sparse: other nodes are not in it.
pub const INDEX_DUE: &str = "due";
/// The index of nodes by site, by [`Attribute::Site`](crate::Attribute::Site) and the partition key.
pub const INDEX_SITE: &str = "site";

/// Over how many partition keys the index of suspected nodes is spread. A whole fleet can lose its connections at once,
/// and one partition takes 1,000 write units a second (Amazon DynamoDB quotas).
pub const DUE_SHARDS: u64 = 8;

/// The largest number of a command or of an event in the log: twelve digits are enough for thirty years of a thousand a
/// second.
pub const LAST_NUMBER: u64 = 999_999_999_999;

const RECORDS: &str = "-records";
const OF_A_NODE: &str = "node#";
const OF_A_DOCUMENT: &str = "config#";
const OF_A_MODEL: &str = "firmware#";
/// What is between the two versions of a delta. No version has it.
const DELTA: char = '#';
const HISTORY: &str = "history";
const ABOUT: &str = "about";
const COMMAND: &str = "command#";
const QUEUED: &str = "queued#";
const DOCUMENT: &str = "document";
const OF_THE_SWEEP: &str = "sweep";
const EVENT: &str = "event#";
const OF_A_LOG: &str = "log#";
const HEAD: &str = "head";
const ACTORS: &str = "actors";
const ENDPOINTS: &str = "endpoints";
const OF_AN_ENDPOINT: &str = "deliveries#";
const STATE: &str = "state";
const UNUSED: &str = "unused";
const CUTOVER: &str = "cutover";
const SETTINGS: &str = "settings";
const LEGACY: &str = "legacy";
const ROLLOUTS: &str = "rollouts";
const OF_A_ROLLOUT: &str = "rollout#";
const SPEC: &str = "spec";
const UNDER_WAY: &str = "rollouts-under-way";
const CLAIM: &str = "rollout#";
const COUNTED: &str = "counted";
const OF_A_COUNT: &str = "count#";
const MODELS: &str = "models";

/// Where an item is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// The nodes' own items, at most a kilobyte each. Whoever reads this table reads the fleet, and nothing else.
    Nodes,
    /// What is long, or is forgotten in time: documents, commands, firmware images, events, deliveries.
    Records,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 2] = [Self::Nodes, Self::Records];

    /// The table's name, if this is the name of the table of nodes: a deployment is told one name.
    pub fn name(self, nodes: &str) -> String {
        match self {
            Self::Nodes => nodes.to_owned(),
            Self::Records => format!("{nodes}{RECORDS}"),
        }
    }
}

/// The key of an item. All items of a node share one partition key, in both tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The node's own item.
    Node(NodeId),
    /// The documents of the node's last configurations: its [`History`](crate::History).
    History(NodeId),
    /// What people call the node: its [`About`](crate::About).
    About(NodeId),
    /// What is kept of the node because it polls a legacy endpoint: its [`Legacy`](crate::Legacy).
    Legacy(NodeId),
    /// The node's command with this number.
    Command(NodeId, u64),
    /// The number of the node's command that was queued with this idempotency key.
    Queued(NodeId, IdempotencyKey),
    /// The configuration document whose bytes have this SHA-256, in hexadecimal. So a document never changes.
    Document(String),
    /// The note that the configuration document with this SHA-256 may be unused.
    Unused(String),
    /// The firmware image of this version for this model.
    Firmware(Model, FirmwareVersion),
    /// The delta that makes the firmware image of the first version out of that of the second one, for this model.
    Delta(Model, FirmwareVersion, FirmwareVersion),
    /// What holds for all firmware of a model: its [`ModelSettings`](crate::ModelSettings).
    Model(Model),
    /// What one sweep leaves to the next: its [`SweepState`](crate::SweepState).
    Sweep,
    /// Where in the log the node's event with this id is.
    EventOf(NodeId, EventId),
    /// The event with this number in a shard of the log of all events.
    Logged(u64, u64),
    /// The number of the last event in a shard of the log.
    LogHead(u64),
    /// The name of an actor that a node's item has a reference to.
    Actor(String),
    /// An endpoint: where events are sent.
    Endpoint(EndpointName),
    /// The delivery of an event to an endpoint.
    Delivery(EndpointName, EventId),
    /// The settings of the cut-over: [`CutoverSettings`](crate::CutoverSettings).
    Cutover,
    /// A rollout.
    Rollout(RolloutName),
    /// What a rollout was told when it was made.
    RolloutSpec(RolloutName),
    /// The mark that a rollout is under way.
    RolloutUnderWay(RolloutName),
    /// A node that a rollout is for. Those of a rollout are sorted by their places.
    Target(RolloutName, Place),
    /// Which rollout may change this of the node.
    Claim(NodeId, ChangeKind),
    /// As what the node is counted: its [`Counted`](crate::Counted).
    Counted(NodeId),
    /// How many nodes have this value of a property. An empty value stands for nothing.
    Count(CountedBy, String),
}

impl Key {
    /// The table that the item is in.
    pub const fn table(&self) -> Table {
        match self {
            Self::Node(_) => Table::Nodes,
            Self::History(_)
            | Self::About(_)
            | Self::Legacy(_)
            | Self::Command(..)
            | Self::Queued(..)
            | Self::Document(_)
            | Self::Unused(_)
            | Self::Firmware(..)
            | Self::Delta(..)
            | Self::Model(_)
            | Self::Sweep
            | Self::EventOf(..)
            | Self::Logged(..)
            | Self::LogHead(_)
            | Self::Actor(_)
            | Self::Endpoint(_)
            | Self::Delivery(..)
            | Self::Cutover
            | Self::Rollout(_)
            | Self::RolloutSpec(_)
            | Self::RolloutUnderWay(_)
            | Self::Target(..)
            | Self::Claim(..)
            | Self::Counted(_)
            | Self::Count(..) => Table::Records,
        }
    }

    /// The partition key.
    pub fn partition(&self) -> String {
        match self {
            Self::Node(node)
            | Self::History(node)
            | Self::About(node)
            | Self::Legacy(node)
            | Self::Command(node, _)
            | Self::Queued(node, _)
            | Self::EventOf(node, _)
            | Self::Claim(node, _)
            | Self::Counted(node) => format!("{OF_A_NODE}{node}"),
            Self::Document(sha256) => format!("{OF_A_DOCUMENT}{sha256}"),
            Self::Unused(_) => UNUSED.to_owned(),
            Self::Firmware(model, _) | Self::Delta(model, ..) => format!("{OF_A_MODEL}{}", model.as_str()),
            Self::Model(_) => MODELS.to_owned(),
            Self::Sweep => OF_THE_SWEEP.to_owned(),
            Self::Logged(shard, _) | Self::LogHead(shard) => format!("{OF_A_LOG}{shard}"),
            Self::Actor(_) => ACTORS.to_owned(),
            Self::Endpoint(_) => ENDPOINTS.to_owned(),
            Self::Delivery(endpoint, _) => format!("{OF_AN_ENDPOINT}{endpoint}"),
            Self::Cutover => CUTOVER.to_owned(),
            Self::Rollout(_) => ROLLOUTS.to_owned(),
            Self::RolloutUnderWay(_) => UNDER_WAY.to_owned(),
            Self::RolloutSpec(rollout) | Self::Target(rollout, _) => format!("{OF_A_ROLLOUT}{rollout}"),
            Self::Count(by, _) => format!("{OF_A_COUNT}{}", by.name()),
        }
    }

    /// The sort key. The commands of a node are sorted by their numbers.
    pub fn sort(&self) -> String {
        match self {
            Self::Node(_) => SORT_KEY_NODE.to_owned(),
            Self::History(_) => HISTORY.to_owned(),
            Self::About(_) => ABOUT.to_owned(),
            Self::Legacy(_) => LEGACY.to_owned(),
            Self::Command(_, number) => format!("{COMMAND}{number:012}"),
            Self::Queued(_, key) => format!("{QUEUED}{}", key.as_str()),
            Self::Document(_) => DOCUMENT.to_owned(),
            Self::Unused(sha256) => sha256.clone(),
            Self::Firmware(_, version) => version.as_str().to_owned(),
            Self::Delta(_, version, from) => format!("{}{DELTA}{}", version.as_str(), from.as_str()),
            Self::Model(model) => model.as_str().to_owned(),
            Self::Sweep => STATE.to_owned(),
            Self::EventOf(_, event) => format!("{EVENT}{event}"),
            Self::Logged(_, number) => format!("{EVENT}{number:012}"),
            Self::LogHead(_) => HEAD.to_owned(),
            Self::Actor(reference) => reference.clone(),
            Self::Endpoint(name) => name.to_string(),
            Self::Delivery(_, event) => event.to_string(),
            Self::Cutover => SETTINGS.to_owned(),
            Self::Rollout(name) | Self::RolloutUnderWay(name) => name.to_string(),
            Self::RolloutSpec(_) => SPEC.to_owned(),
            Self::Target(_, place) => place.to_string(),
            Self::Claim(_, kind) => format!("{CLAIM}{kind}"),
            Self::Counted(_) => COUNTED.to_owned(),
            // A sort key is not empty.
            Self::Count(_, value) => format!("={value}"),
        }
    }

    /// Reads a key as it is stored; `None` if it is the key of no such item. The text of a document's hash is not
    /// checked.
    ///
    /// # Errors
    /// If a part of the key is no valid id.
    pub fn read(partition: &str, sort: &str) -> Result<Option<Self>, InvalidId> {
        let key = if let Some(node) = partition.strip_prefix(OF_A_NODE) {
            Self::of_a_node(node.parse()?, sort)?
        } else if let Some(sha256) = partition.strip_prefix(OF_A_DOCUMENT) {
            Some(Self::Document(sha256.to_owned()))
        } else if let Some(model) = partition.strip_prefix(OF_A_MODEL) {
            Some(match sort.split_once(DELTA) {
                Some((version, from)) => Self::Delta(model.parse()?, version.parse()?, from.parse()?),
                None => Self::Firmware(model.parse()?, sort.parse()?),
            })
        } else if partition == MODELS {
            Some(Self::Model(sort.parse()?))
        } else if partition == UNUSED {
            Some(Self::Unused(sort.to_owned()))
        } else if partition == OF_THE_SWEEP {
            Some(Self::Sweep)
        } else if let Some(shard) = partition.strip_prefix(OF_A_LOG) {
            Self::of_a_log(shard, sort)
        } else if partition == ACTORS {
            Some(Self::Actor(sort.to_owned()))
        } else if partition == ENDPOINTS {
            Some(Self::Endpoint(sort.parse()?))
        } else if partition == CUTOVER {
            Some(Self::Cutover)
        } else if partition == ROLLOUTS {
            Some(Self::Rollout(sort.parse()?))
        } else if let Some(rollout) = partition.strip_prefix(OF_A_ROLLOUT) {
            let rollout = rollout.parse()?;
            Some(if sort == SPEC { Self::RolloutSpec(rollout) } else { Self::Target(rollout, sort.parse()?) })
        } else if partition == UNDER_WAY {
            Some(Self::RolloutUnderWay(sort.parse()?))
        } else if let Some(name) = partition.strip_prefix(OF_A_COUNT) {
            let by = CountedBy::ALL.into_iter().find(|by| by.name() == name);
            by.zip(sort.strip_prefix('=')).map(|(by, value)| Self::Count(by, value.to_owned()))
        } else if let Some(endpoint) = partition.strip_prefix(OF_AN_ENDPOINT) {
            Some(Self::Delivery(endpoint.parse()?, sort.parse()?))
        } else {
            None
        };
        // One item is never known by two spellings of its key.
        Ok(key.filter(|key| key.sort() == sort && key.partition() == partition))
    }

    fn of_a_node(node: NodeId, sort: &str) -> Result<Option<Self>, InvalidId> {
        Ok(if let Some(key) = sort.strip_prefix(QUEUED) {
            Some(Self::Queued(node, key.parse()?))
        } else if let Some(number) = sort.strip_prefix(COMMAND) {
            number.parse().ok().map(|number| Self::Command(node, number))
        } else if let Some(event) = sort.strip_prefix(EVENT) {
            Some(Self::EventOf(node, event.parse()?))
        } else if let Some(kind) = sort.strip_prefix(CLAIM) {
            kind.parse().ok().map(|kind| Self::Claim(node, kind))
        } else {
            match sort {
                SORT_KEY_NODE => Some(Self::Node(node)),
                HISTORY => Some(Self::History(node)),
                ABOUT => Some(Self::About(node)),
                LEGACY => Some(Self::Legacy(node)),
                COUNTED => Some(Self::Counted(node)),
                _ => None,
            }
        })
    }

    fn of_a_log(shard: &str, sort: &str) -> Option<Self> {
        let shard = shard.parse().ok()?;
        if sort == HEAD {
            return Some(Self::LogHead(shard));
        }
        Some(Self::Logged(shard, sort.strip_prefix(EVENT)?.parse().ok()?))
    }

    /// The keys between which the counts by a property are.
    pub fn counts(by: CountedBy) -> RangeInclusive<Self> {
        Self::Count(by, String::new())..=Self::Count(by, char::MAX.to_string())
    }

    /// The keys between which the deltas to a version are.
    pub fn deltas(model: &Model, version: &FirmwareVersion) -> RangeInclusive<Self> {
        let to = |from| Self::Delta(model.clone(), version.clone(), from);
        to(FirmwareVersion::first())..=to(FirmwareVersion::last())
    }

    /// The node that the item belongs to, if it belongs to one.
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Node(node)
            | Self::History(node)
            | Self::About(node)
            | Self::Legacy(node)
            | Self::Command(node, _)
            | Self::Queued(node, _)
            | Self::EventOf(node, _)
            | Self::Claim(node, _)
            | Self::Counted(node) => Some(node),
            Self::Document(_)
            | Self::Unused(_)
            | Self::Firmware(..)
            | Self::Delta(..)
            | Self::Model(_)
            | Self::Sweep
            | Self::Logged(..)
            | Self::LogHead(_)
            | Self::Actor(_)
            | Self::Endpoint(_)
            | Self::Delivery(..)
            | Self::Cutover
            | Self::Rollout(_)
            | Self::RolloutSpec(_)
            | Self::RolloutUnderWay(_)
            | Self::Target(..)
            | Self::Count(..) => None,
        }
    }
}

/// A hash of a node's id (FNV-1a, 64 bit), which never changes.
pub(crate) fn hash(node: &NodeId) -> u64 {
    let bytes = node.as_str().bytes();
    bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The node's shard in the index of suspected nodes. It never changes.
pub fn due_shard(node: &NodeId) -> u64 {
    hash(node) % DUE_SHARDS
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
