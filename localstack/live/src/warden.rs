//! Looks at the table through the console, and says what changed although nobody in the fleet changed it.
//!
//! The oracle of a run on real sockets does not see the table's writes. What only goes forward shows it all the same: an
//! item never disappears, the last check-in never goes back (unless a wrong clock had put it into the future), and a version
//! counts up only as often as it was set.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_fleet::{Plan, ViolationKind};
use serde_json::Value;

use crate::application::Http;
use crate::witness::{Witness, now};

/// The pause between two looks at the whole fleet.
const PAUSE: Duration = Duration::from_secs(2);
/// How many nodes a page has: the most that the console gives.
const PAGE: usize = 100;

/// What is known of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    last_check_in_ms: u64,
    /// Whether the last check-in was in the future.
    of_wrong_clock: bool,
    config_version: u64,
    credential_version: u64,
    /// In how many looks in a row it was missing.
    missing: u32,
}

/// Looks at the fleet again and again.
pub(crate) struct Warden {
    http: Http,
    key: String,
    witness: Witness,
    indexes: BTreeMap<String, usize>,
    /// How often the plan sets something of each node, at most: by a request for it or for its site.
    sets: Vec<u64>,
    raises: Vec<u64>,
    known: BTreeMap<usize, Known>,
}

impl Warden {
    pub(crate) fn new(plan: &Plan, http: Http, key: String, witness: Witness) -> Self {
        let indexes = plan.nodes.iter().enumerate().map(|(index, node)| (node.id.to_string(), index)).collect();
        let (mut sets, mut raises) = (vec![0; plan.nodes.len()], vec![0; plan.nodes.len()]);
        for step in &plan.steps {
            use rollcall_fleet::{Ask, What};
            match &step.what {
                // A request that is repeated after a lost answer sets the same document, which makes no new version.
                What::Ask(Ask::SetConfig { node, .. } | Ask::Import { node, .. }) => sets[*node] += 1,
                What::Ask(Ask::RaiseCredentials { node, .. }) => raises[*node] += 1,
                _ => {}
            }
        }
        Self { http, key, witness, indexes, sets, raises, known: BTreeMap::new() }
    }

    /// Looks until it is dropped.
    pub(crate) async fn watch(mut self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            if let Some(views) = self.look().await {
                self.judge(&views);
            }
        }
    }

    /// Every node as the console shows it; `None` if not every page could be read.
    async fn look(&self) -> Option<Vec<Value>> {
        let headers = [("authorization", format!("Bearer {}", self.key))];
        let (mut views, mut cursor) = (vec![], String::new());
        loop {
            let path = format!("/v1/nodes?limit={PAGE}{cursor}");
            let reply = self.http.send("GET", &path, &headers, None).await.filter(|reply| reply.status == 200)?;
            let mut page: Value = serde_json::from_slice(&reply.body).ok()?;
            if let Some(Value::Array(nodes)) = page.get_mut("nodes").map(Value::take) {
                views.extend(nodes);
            }
            match page.get("cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Some(views),
            }
        }
    }

    fn judge(&mut self, views: &[Value]) {
        let mut seen = std::collections::BTreeSet::new();
        for view in views {
            let id = view.get("node").and_then(Value::as_str).unwrap_or_default();
            let Some(index) = self.indexes.get(id).copied() else { continue };
            seen.insert(index);
            self.judge_one(index, id, view);
        }
        let names: BTreeMap<usize, &String> = self.indexes.iter().map(|(id, index)| (*index, id)).collect();
        for (index, known) in &mut self.known {
            known.missing = if seen.contains(index) { 0 } else { known.missing + 1 };
            // A list that is read page after page may miss a node once.
            if known.missing == 2 {
                let id = names.get(index).map_or("", |id| id);
                let what = format!("{id}: its item was in the table, and is not any more");
                self.witness.accuse(ViolationKind::ChangedBehindOurBack, Some(*index), what);
            }
        }
    }

    fn judge_one(&mut self, index: usize, id: &str, view: &Value) {
        let number = |path: &str| view.pointer(path).and_then(Value::as_u64).unwrap_or_default();
        let now = Known {
            last_check_in_ms: number("/last_check_in_ms"),
            of_wrong_clock: number("/last_check_in_ms") > now().0,
            config_version: number("/desired/version"),
            credential_version: number("/credential_version"),
            missing: 0,
        };
        let before = self.known.insert(index, now.clone()).unwrap_or_default();
        let accuse = |kind, what: String| self.witness.accuse(kind, Some(index), format!("{id}: {what}"));
        if now.last_check_in_ms < before.last_check_in_ms && !before.of_wrong_clock {
            let what =
                format!("its last check-in went back from {} to {}", before.last_check_in_ms, now.last_check_in_ms);
            accuse(ViolationKind::WentBack, what);
        }
        if now.config_version < before.config_version || now.credential_version < before.credential_version {
            accuse(ViolationKind::WentBack, format!("a version went back: {before:?}, then {now:?}"));
        }
        if now.config_version > self.sets[index] {
            let what = format!(
                "its configuration is at version {}, and was set {} times",
                now.config_version, self.sets[index]
            );
            accuse(ViolationKind::ChangedBehindOurBack, what);
        }
        if now.credential_version > 1 + self.raises[index] {
            let what = format!("its credential version is {}, and nobody raised it so far", now.credential_version);
            accuse(ViolationKind::ChangedBehindOurBack, what);
        }
    }
}
