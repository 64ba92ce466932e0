//! Nodes that come and go without sockets, as many as the store can write.

use std::time::Duration;

use futures_util::future::join_all;
use rollcall_core::{
    Connection, CredentialVersion, Event, EventKind, Key, LOG_SHARDS, Outcome, Policy, Registration, Timestamp,
    last_logged, plan,
};
use rollcall_service::Store as _;
use rollcall_tests::Cloud;

/// How many writes are under way at a time.
const LANES: usize = 8;
/// How long to wait before looking again how far the log is.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Nodes with these names connect at this time.
pub(crate) async fn come(cloud: &Cloud, name: &str, count: usize, opened: Timestamp) {
    let kind = |connection| EventKind::Connect { connection, credentials: CredentialVersion(1), instance: None };
    happen(cloud, name, count, (opened, opened), kind).await;
}

/// The connections that they opened then close a moment later. The grace period is a second.
pub(crate) async fn go(cloud: &Cloud, name: &str, count: usize, opened: Timestamp) {
    let kind = |connection| EventKind::Disconnect { connection, code: Some(1001), reason: None };
    happen(cloud, name, count, (opened, opened.plus_seconds(1)), kind).await;
}

/// Something happens to each of these nodes. `times` are when its connection opened, and when it happens.
async fn happen(
    cloud: &Cloud,
    name: &str,
    count: usize,
    times: (Timestamp, Timestamp),
    kind: impl Fn(Connection) -> EventKind,
) {
    let policy = Policy::new(Registration::Open, 6600, 300, 1, 0).expect("in range");
    let (opened_at, at) = times;
    let lanes = (0..LANES).map(async |lane| {
        for number in (lane..count).step_by(LANES) {
            let node = format!("{name}-{number}");
            let connection = Connection { id: format!("{node}=").parse().expect("an id"), opened_at };
            let event = Event::new(node.parse().expect("an id"), at, kind(connection));
            let written = cloud.store().write(&plan(&event, &policy)).await.expect("stored");
            assert!(matches!(written.outcome, Outcome::Applied { .. }), "{written:?}");
        }
    });
    join_all(lanes).await;
}

/// Waits until the log has so many events.
pub(crate) async fn told(cloud: &Cloud, count: usize) {
    loop {
        let mut logged = 0;
        for shard in 0..LOG_SHARDS {
            let head = cloud.store().read(&Key::LogHead(shard)).await.expect("readable");
            logged += last_logged(head.as_ref()).expect("well-formed");
        }
        if logged >= u64::try_from(count).expect("small") {
            return;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
