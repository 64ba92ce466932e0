//! Firmware: what is installed is the image that was described, a version that fails is given up, and what a node
//! reports is what it runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_core::{FirmwareImage, FirmwareState, Item, Key, Timestamp};

use rollcall_machine::NodeEvent;

use super::deltas::Deltas;
use super::facts::Facts;
use super::minimums::Minimums;
use super::table::{Change, Table};
use super::verdicts::Verdicts;
use crate::catalogue::FIRST_FIRMWARE;
use crate::observation::Device;
use crate::violation::ViolationKind as Kind;

/// How often a device may install one version beyond what was asked for and what crashes explain: once, since a message
/// that names the version may have been under way while the node gave it up.
const MORE: u32 = 1;

/// What is known of the firmware of a device.
#[derive(Clone, Debug)]
struct Running {
    now: String,
    /// The version that it ran before, until the one that it runs is proven. It may go back to that one.
    before: Option<String>,
    /// The version that it installed last, and does not run yet.
    installed: Option<String>,
    /// How often it installed each version since the version was asked for.
    installs: BTreeMap<String, u32>,
    crashes: u32,
}

/// What is known of the firmware of all nodes.
#[derive(Clone, Debug)]
pub(super) struct Firmware {
    /// The descriptions of images, by model and version.
    images: HashMap<(String, String), FirmwareImage>,
    devices: HashMap<(usize, u8), Running>,
    /// The versions that were ever desired, and how often each was asked for.
    desired: Vec<BTreeSet<String>>,
    asked: Vec<BTreeMap<String, u32>>,
    pub(super) minimums: Minimums,
    pub(super) deltas: Deltas,
}

impl Firmware {
    pub(super) fn new(nodes: usize) -> Self {
        let (images, devices) = (HashMap::new(), HashMap::new());
        let (desired, asked) = (vec![BTreeSet::new(); nodes], vec![BTreeMap::new(); nodes]);
        Self { images, devices, desired, asked, minimums: Minimums::default(), deltas: Deltas::new(nodes) }
    }

    /// Whether a version has a description.
    pub(super) fn is_known(&self, model: &str, version: &str) -> bool {
        self.images.contains_key(&(model.to_owned(), version.to_owned()))
    }

    /// The hash in a version's description.
    pub(super) fn described(&self, model: &str, version: &str) -> Option<&str> {
        self.images.get(&(model.to_owned(), version.to_owned())).map(|image| image.sha256.as_str())
    }

    /// A description of an image was written.
    pub(super) fn described_as(&mut self, verdicts: &mut Verdicts, at: Timestamp, (key, after): (&Key, &Item)) {
        let Key::Firmware(model, version) = key else { return };
        let name = (model.as_str().to_owned(), version.as_str().to_owned());
        match FirmwareImage::read(after) {
            Ok(image) => {
                let before = self.images.insert(name, image.clone());
                if let Some(before) = before.filter(|before| *before != image) {
                    let what = format!("firmware {key:?} was {before:?}, and is {image:?}: a version never changes");
                    verdicts.other(Kind::WrongImage, at, what);
                }
            }
            Err(error) => verdicts.other(Kind::BrokenItem, at, format!("{key:?} can't be read: {error}")),
        }
    }

    /// A node's item was written.
    pub(super) fn wrote(&mut self, verdicts: &mut Verdicts, at: Timestamp, change: &Change) {
        let before = change.was.as_deref().and_then(|was| was.desired_firmware.as_ref());
        if let Some(version) = change.is.desired_firmware.as_ref().filter(|version| before != Some(version))
            && let Some(desired) = self.desired.get_mut(change.node)
        {
            desired.insert(version.clone());
            let model = change.is.model.as_deref().unwrap_or_default();
            self.minimums.desired(verdicts, at, change.node, (model, version));
        }
    }

    /// The application asks for a version, once more or for the first time.
    pub(super) fn asked(&mut self, node: usize, version: String) {
        if let Some(asked) = self.asked.get_mut(node) {
            *asked.entry(version).or_default() += 1;
        }
    }

    /// A program installs an image.
    pub(super) fn installed(
        &mut self,
        table: &Table,
        verdicts: &mut Verdicts,
        at: Timestamp,
        who: Device,
        (version, sha256, size): (&str, &str, u64),
    ) {
        let model = table.node(who.node).and_then(|node| node.model.clone()).unwrap_or_default();
        let described = self.images.get(&(model.clone(), version.to_owned()));
        let is_right = described.is_some_and(|image| image.sha256 == sha256 && image.size == size);
        if table.is_seen() && !is_right {
            let what = format!(
                "(device {}) installs {size} bytes with the hash {sha256} as {version} of {model:?}, described as {described:?}",
                who.device
            );
            verdicts.node(Kind::WrongImage, at, who.node, what);
        }
        if table.is_seen() && self.desired.get(who.node).is_some_and(|desired| !desired.contains(version)) {
            let what = format!("(device {}) installs {version}, which was never desired for it", who.device);
            verdicts.node(Kind::WrongImage, at, who.node, what);
        }
        let asked = self.asked.get(who.node).and_then(|asked| asked.get(version)).copied().unwrap_or_default();
        let running = self.device(who);
        let installs = running.installs.entry(version.to_owned()).or_default();
        *installs += 1;
        if *installs > asked + running.crashes + MORE {
            let what = format!(
                "(device {}) installs {version} for the {installs}. time; it was asked for {asked} times, and crashed {} \
                 times",
                who.device, running.crashes
            );
            verdicts.node(Kind::InstalledAgain, at, who.node, what);
        }
        running.installed = Some(version.to_owned());
    }

    /// A program starts, and runs this version.
    pub(super) fn runs(&mut self, verdicts: &mut Verdicts, at: Timestamp, who: Device, firmware: &str) {
        let running = self.device(who);
        let installed = running.installed.take();
        if firmware == running.now {
            return;
        }
        let is_new = installed.as_deref() == Some(firmware);
        if !is_new && running.before.as_deref() != Some(firmware) {
            let what = format!(
                "(device {}) runs {firmware}; it ran {}, before that {:?}, and installed {installed:?}",
                who.device, running.now, running.before
            );
            verdicts.node(Kind::WrongImage, at, who.node, what);
        }
        let before = std::mem::replace(&mut running.now, firmware.to_owned());
        running.before = is_new.then_some(before);
    }

    pub(super) fn event(&mut self, who: Device, event: &NodeEvent) {
        if let NodeEvent::UpdateApplied { .. } = event {
            self.device(who).before = None;
        }
    }

    pub(super) fn crashed(&mut self, who: Device) {
        self.device(who).crashes += 1;
    }

    /// At the end, a node that can be reached runs the desired version or has given it up, and what it reported is what
    /// it runs.
    pub(super) fn finish(&self, facts: &Facts, table: &Table, verdicts: &mut Verdicts, at: Timestamp, node: usize) {
        let Some(stored) = table.node(node).filter(|_| facts.nodes.get(node).is_some()) else { return };
        if matches!(stored.firmware_state(), FirmwareState::Pending | FirmwareState::Downloading) {
            let what = format!(
                "is to run firmware {:?}, runs {:?} and has reported {:?} at the end",
                stored.desired_firmware, stored.firmware, stored.update
            );
            verdicts.node(Kind::FirmwareNotReported, at, node, what);
        }
        let runs = self.devices.get(&(node, 0)).map(|running| running.now.as_str());
        if let (Some(runs), Some(reported)) = (runs, stored.firmware.as_deref())
            && runs != reported
        {
            let what = format!("is stored as running firmware {reported}, and runs {runs}");
            verdicts.node(Kind::FirmwareNotReported, at, node, what);
        }
    }

    fn device(&mut self, who: Device) -> &mut Running {
        let first = || Running {
            now: FIRST_FIRMWARE.to_owned(),
            before: None,
            installed: None,
            installs: BTreeMap::new(),
            crashes: 0,
        };
        self.devices.entry((who.node, who.device)).or_insert_with(first)
    }
}
