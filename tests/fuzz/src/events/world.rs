//! The service of one input.

use rollcall_core::{
    Attribute, Item, Key, NODE_ITEM_BYTES, Node, NodeId, PARTITION_KEY, Policy, Registration, SORT_KEY, Timestamp,
    Value,
};
use rollcall_service::console::{Console, Endpoints, Health, Keys};
use rollcall_service::http::HttpAnswer;
use rollcall_service::{CheckIns, Documents, Firmware, Images, MemoryQueue, Polls, PrivateAddresses};
use rollcall_token::{Signer, Verifier};
use rollcall_wire::sha256;

use super::edges::{NoPauses, Sockets, Table, Unsigned};

/// What the clock shows at first.
const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// How many messages a node may send in a minute: so few that short inputs send more.
const BUDGET: u32 = 8;
const SECRET: [u8; 32] = [7; 32];
/// The nodes whose items are checked.
const NODES: [&str; 2] = ["ap-1", "ap-2"];

/// The functions and what they share.
pub(super) struct World {
    pub(super) store: Table,
    pub(super) sockets: Sockets,
    pub(super) policy: Policy,
    pub(super) polls: Polls<Table, Unsigned>,
    pub(super) console: Console<Table, Sockets, NoPauses, MemoryQueue>,
    pub(super) now: Timestamp,
    token: String,
    cursor: String,
}

impl World {
    pub(super) fn new(is_closed: bool) -> Self {
        let (store, sockets) = (Table::default(), Sockets::default());
        let registration = if is_closed { Registration::Closed } else { Registration::Open };
        let policy = Policy::new(registration, 6600, 300, 60, 30).expect("in range").with_budget(BUDGET);
        let signer = Signer::hs256("h", &SECRET);
        let verifier = Verifier::from_jwks(&signer.jwks().expect("a key")).expect("keys");
        let images = Images::new(Unsigned);
        let check_ins = CheckIns { store: store.clone(), documents: Documents::default(), images, policy };
        let keys = format!("read:{} write:{}", sha256("r"), sha256("w"));
        let console = Console {
            keys: Keys::hashed(&keys).expect("keys"),
            store: store.clone(),
            documents: Documents::default(),
            firmware: Firmware::default(),
            connections: sockets.clone(),
            clock: NoPauses,
            policy,
            health: Health::default(),
            endpoints: Endpoints {
                queue: MemoryQueue::default(),
                private: PrivateAddresses::Refused,
                resolver: Box::new(|_| Box::pin(std::future::ready(Ok(vec![[1, 1, 1, 1].into()])))),
                random: || Some(SECRET),
                keep_for: rollcall_service::KEEP_EVENTS_S,
            },
        };
        let expires_at = Timestamp(253_402_300_799_000);
        let token = signer.sign(&id(NODES[0]), rollcall_core::CredentialVersion(1), expires_at).expect("signed");
        let polls = Polls { verifier, check_ins };
        Self { store, sockets, policy, polls, console, now: NOW, token, cursor: String::new() }
    }

    /// The event with what its words stand for.
    pub(super) fn fill_in(&self, json: &str) -> String {
        json.replace("TOKEN", &self.token).replace("CURSOR", &self.cursor)
    }

    pub(super) fn remember_cursor(&mut self, answer: &HttpAnswer) {
        let body = answer.body.as_deref().unwrap_or_default();
        if let Some((_, cursor)) = body.rsplit_once("\"cursor\":\"") {
            cursor.split('"').next().unwrap_or_default().clone_into(&mut self.cursor);
        }
    }

    /// An event begins.
    pub(super) fn begin(&self) {
        self.store.begin();
        self.sockets.begin();
    }

    /// Checks the items of the nodes.
    pub(super) fn check(&self) {
        for node in NODES.map(id) {
            let key = Key::Node(node);
            if let Some(item) = self.store.item(&key) {
                Node::read(&item).expect("a node's item can be read");
                let bytes = size(&key, &item);
                assert!(bytes <= NODE_ITEM_BYTES, "an item of {bytes} bytes: {item:?}");
            }
        }
    }
}

fn id(node: &str) -> NodeId {
    node.parse().expect("an id")
}

/// The size of an item (Amazon DynamoDB, "DynamoDB item sizes and formats").
fn size(key: &Key, item: &Item) -> usize {
    let bytes = |(attribute, value): (&Attribute, &Value)| {
        attribute.name().len()
            + match value {
                Value::Text(text) => text.len(),
                Value::Number(number) => number.to_string().len().div_ceil(2) + 1,
            }
    };
    let keys = PARTITION_KEY.len() + key.partition().len() + SORT_KEY.len() + key.sort().len();
    keys + item.iter().map(bytes).sum::<usize>()
}
