//! The largest node item that the rules can produce stays within one write unit.

use rollcall_core::{
    Actor, Attribute, CLOSE_REASON_BYTES, CONNECTION_ID_BYTES, ConfigOutcome, ConfigState, Connection,
    CredentialVersion, DETAIL_BYTES, Event, EventKind, FIRMWARE_BYTES, FIRMWARE_VERSION_BYTES, FirmwareVersion, Found,
    Health, Instance, Item, Key, MODEL_BYTES, NODE_ID_BYTES, NODE_ITEM_BYTES, Node, NodeId, Outcome, PARTITION_KEY,
    Policy, Registering, Registration, Report, SITE_BYTES, SORT_KEY, Setting, TAGS_BYTES, Tags, Timestamp,
    UPDATE_DETAIL_BYTES, UpdateOutcome, UpdateState, Value, plan, register, remember, set_firmware, set_site_config,
};

/// The year 2286, when milliseconds get their fourteenth digit.
const NOW: Timestamp = Timestamp(9_999_999_999_999);

#[test]
fn the_largest_node_item_fits_one_write_unit() {
    let largest = largest_after(&desired(), 4);
    let attributes = largest.len();
    let bytes = size(&largest);
    assert!(bytes <= NODE_ITEM_BYTES, "{bytes} bytes in {attributes} attributes");
    assert!(attributes > 18, "only {attributes} attributes: the largest item is not among those tried");
}

fn largest_after(item: &Item, deliveries: usize) -> Item {
    let mut largest = item.clone();
    if deliveries > 0 {
        for kind in largest_events(item) {
            let policy = Policy::new(Registration::Open, 6600, 540, 86_400, 3600).expect("in range").with_budget(0);
            let event = Event::new(node(), NOW, kind);
            if let Outcome::Applied { after } = plan(&event, &policy).apply(Some(item)) {
                let candidate = largest_after(&after, deliveries - 1);
                if size(&candidate) > size(&largest) {
                    largest = candidate;
                }
            }
        }
    }
    largest
}

fn largest_events(item: &Item) -> Vec<EventKind> {
    let credentials = CredentialVersion(u32::MAX);
    let instance = Some(Instance(u32::MAX));
    let connection = |letter: &str, age| Connection {
        id: letter.repeat(CONNECTION_ID_BYTES).parse().expect("an id"),
        opened_at: Timestamp(NOW.0 - age),
    };
    let holder = item.get(&Attribute::Connection).cloned();
    let found = Found {
        connection: holder.and_then(|id| if let Value::Text(id) = id { id.parse().ok() } else { None }),
        open: true,
        seen: Some(NOW),
        polls: false,
    };
    let reason = Some("r".repeat(CLOSE_REASON_BYTES * 2));
    vec![
        EventKind::Connect { connection: connection("A", 2), credentials, instance },
        EventKind::Connect { connection: connection("B", 1), credentials, instance },
        EventKind::CheckIn {
            connection: connection("B", 1),
            credentials,
            received: NOW,
            seq: (1 << 53) - 1,
            ack: true,
            report: report(),
            results: 8,
        },
        EventKind::TakenOver { connection: connection("B", 1).id, before: 999_999 },
        EventKind::Disconnect { connection: connection("B", 1), code: Some(u16::MAX), reason },
        EventKind::Poll { credentials, report: report(), results: 8 },
        EventKind::Lost { found },
    ]
}

fn report() -> Report {
    let config = ConfigOutcome {
        version: u64::MAX,
        state: ConfigState::Substituted,
        detail: Some("d".repeat(DETAIL_BYTES * 2)),
    };
    let health = Health {
        uptime_s: Some(u64::MAX),
        load_percent: Some(u32::MAX),
        memory_free_kib: Some(u64::MAX),
        clients: Some(u32::MAX),
    };
    let update = UpdateOutcome {
        version: version('u'),
        state: UpdateState::Downloading,
        detail: Some("d".repeat(UPDATE_DETAIL_BYTES * 2)),
    };
    Report::new(Some("f".repeat(FIRMWARE_BYTES)), Some(config), health).with_update(Some(update))
}

/// A node's item with everything that the application can set.
fn desired() -> Item {
    let registering = Registering {
        site: "s".repeat(SITE_BYTES).parse().ok(),
        model: "m".repeat(MODEL_BYTES).parse().ok(),
        tags: Tags::new(vec!["t".repeat(TAGS_BYTES)]).expect("fits"),
        credentials: Some(CredentialVersion(u32::MAX)),
    };
    let mut item = Item::new();
    let model = registering.model.clone().expect("a model");
    let desired = [
        register(&node(), &registering),
        set_site_config(&node(), &"f".repeat(64), false),
        set_firmware(&node(), &model, &version('w')),
    ];
    for update in desired {
        let Outcome::Applied { after } = update.apply(Some(&item)) else { panic!("refused") };
        item = after;
    }
    assert!(item.len() >= 7, "everything that can be set is there");
    // The node was blocked, and has sent as many messages in a minute as a budget can have.
    item.insert(Attribute::Spent, Value::Number(u32::MAX.into()));
    item.insert(Attribute::SpentSince, Value::Number(NOW.0));
    item.insert(Attribute::BlockedUntil, Value::Number(NOW.0));
    item.insert(Attribute::Offences, Value::Number(99_999));
    item.insert(Attribute::DesiredVersion, Value::Number(u64::MAX));
    // The largest number that fits the sort key of a command.
    item.insert(Attribute::CommandsQueued, Value::Number(999_999_999_999));
    item.insert(Attribute::CommandsOver, Value::Number(999_999_999_998));
    item
}

#[test]
fn the_largest_history_fits_three_write_units() {
    let mut stored = Node::read(&desired()).expect("a node");
    let setting = Setting { at: NOW, by: Some(Actor::named(&"a".repeat(300)).stored()) };
    let mut history = Item::new();
    for version in 999_999_999_900..=999_999_999_999_u64 {
        stored.config_version = version;
        stored.applied = Some(999_999_999_950);
        stored.config = Some(ConfigOutcome { version: version - 1, state: ConfigState::Applied, detail: None });
        let Outcome::Applied { after } = remember(&node(), &stored, &setting).apply(Some(&history)) else {
            panic!("refused")
        };
        history = after;
    }
    let bytes = size(&history);
    assert!(history.len() == 42 && (2 * NODE_ITEM_BYTES..=3 * NODE_ITEM_BYTES).contains(&bytes), "{bytes} bytes");
}

fn version(letter: char) -> FirmwareVersion {
    letter.to_string().repeat(FIRMWARE_VERSION_BYTES).parse().expect("a version")
}

fn node() -> NodeId {
    "n".repeat(NODE_ID_BYTES).parse().expect("an id")
}

/// An item's size (Amazon DynamoDB, "Item sizes and formats"): names and text count in UTF-8 bytes; a number takes a
/// byte for two significant digits, and one more.
fn size(item: &Item) -> usize {
    let key = Key::Node(node());
    let keys = PARTITION_KEY.len() + key.partition().len() + SORT_KEY.len() + key.sort().len();
    let attributes: usize = item
        .iter()
        .map(|(attribute, value)| {
            attribute.name().len()
                + match value {
                    Value::Text(text) => text.len(),
                    Value::Number(number) => number.to_string().len().div_ceil(2) + 1,
                }
        })
        .sum();
    keys + attributes
}
