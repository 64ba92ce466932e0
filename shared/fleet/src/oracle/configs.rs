//! Configurations: a node never runs an older one than it ran, runs exactly what was set, and reports on it in the end.

use std::collections::{HashMap, HashSet};

use rollcall_core::{ConfigState, Key, Origin, Timestamp};
use rollcall_machine::NodeEvent;
use rollcall_wire::{ConfigNews, sha256};

use super::table::{Change, Table};
use super::verdicts::Verdicts;
use crate::catalogue::document;
use crate::observation::{Device, How};
use crate::violation::ViolationKind as Kind;

/// How long a node must run a document for it to count as used when it is deleted, in milliseconds: longer than a scan of
/// all nodes takes, with all that goes wrong.
const RUNS_AGAIN_MS: u64 = 4 * 3_600_000;

/// What is known of the configurations of a device.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    /// The highest version that it ever ran.
    highest: u64,
    /// The version that it runs now; 0 if it runs none.
    now: u64,
    /// The version that it ran before, until this one is proven.
    before: u64,
    /// The last version that was proven: what it runs after a restart.
    proven: u64,
}

/// What is known of the configurations of all nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Configs {
    devices: HashMap<(usize, u8), Running>,
    /// The hash of each document.
    hashes: HashMap<u32, String>,
    /// The hashes of the documents that the application has asked for.
    asked: HashSet<String>,
}

impl Configs {
    /// The application asks for the n-th document to be set.
    pub(super) fn asked(&mut self, nth: u32) {
        let hash = self.hashes.entry(nth).or_insert_with(|| sha256(&document(nth))).clone();
        self.asked.insert(hash);
    }

    /// The hash of the n-th document.
    pub(super) fn hash(&self, nth: u32) -> String {
        self.hashes.get(&nth).cloned().unwrap_or_else(|| sha256(&document(nth)))
    }

    /// A node's item was written.
    pub(super) fn wrote(&self, table: &Table, verdicts: &mut Verdicts, at: Timestamp, change: &Change) {
        let before = change.was.as_deref().and_then(|was| was.desired.as_ref());
        let Some(after) = change.is.desired.as_ref().filter(|after| before != Some(after)) else { return };
        // A version that was unset has its number, too.
        let was = change.was.as_deref().map_or(0, |was| was.config_version);
        if after.version != was + 1 {
            let what = format!("had version {was} of its configuration desired, and now version {}", after.version);
            verdicts.node(Kind::UntrueAnswer, at, change.node, what);
        }
        let had_own =
            change.was.as_deref().is_some_and(|was| was.desired.is_some() && was.config_origin == Origin::Node);
        if had_own && change.is.config_origin == Origin::Site {
            let what = format!("had a configuration of its own, which version {} of its site replaces", after.version);
            verdicts.node(Kind::WrongDocument, at, change.node, what);
        }
        if !table.has(&Key::Document(after.sha256.clone())) {
            let what = format!("is to run the document {}, which is not stored", after.sha256);
            verdicts.node(Kind::WrongDocument, at, change.node, what);
        }
        if !self.asked.contains(&after.sha256) {
            let what = format!("is to run a document with the hash {}, which nobody has set", after.sha256);
            verdicts.node(Kind::WrongDocument, at, change.node, what);
        }
    }

    /// A document was deleted.
    pub(super) fn deleted(table: &Table, verdicts: &mut Verdicts, at: Timestamp, sha256: &str) {
        // A node may run it again that is a clone of another one, or has lost what it stored: after the scan has seen it.
        let since = Timestamp(at.0.saturating_sub(RUNS_AGAIN_MS));
        for node in table.users(sha256, since) {
            verdicts.node(Kind::WrongDocument, at, node, format!("uses the document {sha256}, which was deleted"));
        }
    }

    /// A device was told a configuration.
    pub(super) fn told(table: &Table, verdicts: &mut Verdicts, at: Timestamp, node: usize, news: &ConfigNews) {
        check(table, verdicts, at, node, ("was told", news.version, &news.sha256));
    }

    /// A function answers a message that it began to handle at `began` with a configuration. It must not be older than
    /// the one that was desired then.
    pub(super) fn answered(
        table: &Table,
        verdicts: &mut Verdicts,
        at: Timestamp,
        (node, began): (usize, Timestamp),
        news: &ConfigNews,
    ) {
        let desired = table.desired_at(node, began);
        if let Some(desired) = desired.filter(|desired| table.is_seen() && news.version < *desired) {
            let what = format!(
                "is told version {} of its configuration on a message that came at {}, when version {desired} was desired",
                news.version,
                verdicts.when(began)
            );
            verdicts.node(Kind::OlderConfig, at, node, what);
        }
        check(table, verdicts, at, node, ("is told", news.version, &news.sha256));
    }

    /// A function serves the document with this hash on a request that it began to handle at `began`. It was desired at
    /// that time or later.
    pub(super) fn served(
        table: &Table,
        verdicts: &mut Verdicts,
        at: Timestamp,
        (node, began): (usize, Timestamp),
        sha256: Option<&str>,
    ) {
        let (Some(stored), Some(sha256)) = (table.stored(node).filter(|_| table.is_seen()), sha256) else { return };
        let ends = stored.versions.iter().skip(1).map(|next| Some(next.since)).chain([None]);
        let mut since = stored.versions.iter().zip(ends).filter(|(_, end)| end.is_none_or(|end| end >= began));
        if !since.any(|(version, _)| version.sha256 == sha256) {
            let what =
                format!("is served the document {sha256}, which it was not to run since {}", verdicts.when(began));
            verdicts.node(Kind::WrongDocument, at, node, what);
        }
    }

    /// A program was handed a configuration.
    pub(super) fn applied(
        &mut self,
        table: &Table,
        verdicts: &mut Verdicts,
        at: Timestamp,
        who: Device,
        (version, sha256, how): (u64, &str, How),
    ) {
        check(table, verdicts, at, who.node, ("was handed", version, sha256));
        let running = self.devices.entry((who.node, who.device)).or_default();
        if version < running.highest {
            let what = format!(
                "(device {}) was handed version {version} of its configuration, and has run version {} before",
                who.device, running.highest
            );
            verdicts.node(Kind::OlderConfig, at, who.node, what);
        }
        if how != How::Refused {
            running.highest = running.highest.max(version);
            (running.before, running.now) = (running.now, version);
        }
    }

    pub(super) fn rolled_back(&mut self, verdicts: &mut Verdicts, at: Timestamp, who: Device, version: u64) {
        let running = self.devices.entry((who.node, who.device)).or_default();
        if running.now != version {
            let what =
                format!("(device {}) rolls back version {version}, and runs version {}", who.device, running.now);
            verdicts.node(Kind::OlderConfig, at, who.node, what);
        }
        running.now = running.before;
    }

    pub(super) fn event(&mut self, who: Device, event: &NodeEvent) {
        if let NodeEvent::ConfigApplied { version, .. } = event {
            self.devices.entry((who.node, who.device)).or_default().proven = *version;
        }
    }

    /// A device's program starts. What it runs is what it had proven.
    pub(super) fn started(&mut self, who: Device) {
        let running = self.devices.entry((who.node, who.device)).or_default();
        running.now = running.proven;
    }

    /// At the end, a node that can be reached has reported on the configuration that is desired; and if it has reported
    /// that it runs, it runs.
    pub(super) fn finish(&self, table: &Table, verdicts: &mut Verdicts, at: Timestamp, node: usize, proves: bool) {
        let Some(stored) = table.node(node) else { return };
        let Some(desired) = stored.desired.as_ref() else { return };
        let reported = stored.config.as_ref().filter(|reported| reported.version == desired.version);
        let Some(reported) = reported else {
            let what = format!(
                "is to run version {} of its configuration, and has reported {:?} at the end",
                desired.version, stored.config
            );
            return verdicts.node(Kind::ConfigNotReported, at, node, what);
        };
        let running = self.devices.get(&(node, 0)).copied().unwrap_or_default();
        // A device that never ran a configuration has nothing to report. If its clone has reported the desired one, the
        // server tells the device nothing, and it does not ask.
        let is_told = running.highest > 0 || !self.devices.contains_key(&(node, 1));
        let (now, proves) = (running.now, proves && is_told);
        if proves && reported.state != ConfigState::Rejected && now != desired.version {
            let what = format!("has reported that it runs version {}, and it runs version {now}", desired.version);
            verdicts.node(Kind::ConfigNotReported, at, node, what);
        }
    }
}

/// A version is the document that was set under it.
fn check(
    table: &Table,
    verdicts: &mut Verdicts,
    at: Timestamp,
    node: usize,
    (told, version, sha256): (&str, u64, &str),
) {
    let Some(stored) = table.stored(node).filter(|_| table.is_seen()) else { return };
    let newest = stored.versions.back().map_or(0, |newest| newest.number);
    let set = stored.versions.iter().find(|set| set.number == version);
    if version > newest || set.is_some_and(|set| set.sha256 != sha256) {
        let set =
            set.map_or_else(|| "was never set".to_owned(), |set| format!("is the one with the hash {}", set.sha256));
        let what =
            format!("{told} version {version} of its configuration with the hash {sha256}, and that version {set}");
        verdicts.node(Kind::WrongDocument, at, node, what);
    }
}
