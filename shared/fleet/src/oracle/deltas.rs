//! Deltas: a node is given the delta from the version that it named to the one that it is to run, as it was described, and
//! no other.

use std::collections::{BTreeSet, HashMap};

use rollcall_core::{Delta, Item, Key, Timestamp};
use rollcall_wire::FirmwareUrl;

use super::verdicts::Verdicts;
use crate::violation::ViolationKind as Kind;

/// A model, the version that a delta makes, and the one that it is from.
type Between = (String, String, String);

/// The deltas that are described, and what each node has asked for: the version, and the one that it has.
#[derive(Clone, Debug)]
pub(super) struct Deltas {
    described: HashMap<Between, Delta>,
    named: Vec<BTreeSet<(String, String)>>,
}

impl Deltas {
    pub(super) fn new(nodes: usize) -> Self {
        Self { described: HashMap::new(), named: vec![BTreeSet::new(); nodes] }
    }

    /// The hash in a delta's description.
    pub(super) fn described(&self, model: &str, version: &str, from: &str) -> Option<&str> {
        let delta = self.described.get(&(model.to_owned(), version.to_owned(), from.to_owned()));
        delta.map(|delta| delta.sha256.as_str())
    }

    /// A description of a delta was written.
    pub(super) fn wrote(&mut self, verdicts: &mut Verdicts, at: Timestamp, (key, after): (&Key, &Item)) {
        let Key::Delta(model, version, from) = key else { return };
        let [model, version, from] = [model.as_str(), version.as_str(), from.as_str()].map(str::to_owned);
        match Delta::read(after) {
            Ok(delta) => {
                let before = self.described.insert((model, version, from), delta.clone());
                if let Some(before) = before.filter(|before| *before != delta) {
                    let what = format!("delta {key:?} was {before:?}, and is {delta:?}: it never changes");
                    verdicts.other(Kind::WrongDelta, at, what);
                }
            }
            Err(error) => verdicts.other(Kind::BrokenItem, at, format!("{key:?} can't be read: {error}")),
        }
    }

    /// A node asks for a version, and has the image of another one.
    pub(super) fn named(&mut self, node: usize, version: &str, from: &str) {
        if let Some(named) = self.named.get_mut(node) {
            named.insert((version.to_owned(), from.to_owned()));
        }
    }

    /// A node of this model is given the URL of an image, and perhaps a delta.
    pub(super) fn given(
        &self,
        verdicts: &mut Verdicts,
        at: Timestamp,
        node: usize,
        (model, url): (&str, &FirmwareUrl),
    ) {
        let Some(delta) = &url.delta else { return };
        let was_named =
            self.named.get(node).is_some_and(|named| named.contains(&(url.version.clone(), delta.from.clone())));
        if !was_named {
            let what = format!(
                "is given a delta from {}, and never said that it has that to make {}",
                delta.from, url.version
            );
            verdicts.node(Kind::WrongDelta, at, node, what);
        }
        let described = self.described.get(&(model.to_owned(), url.version.clone(), delta.from.clone()));
        let is_right = described.is_some_and(|is| is.sha256 == delta.sha256 && is.size == delta.size);
        if !is_right {
            let what =
                format!("is given {delta:?} to make {} of {model}, which is described as {described:?}", url.version);
            verdicts.node(Kind::WrongDelta, at, node, what);
        }
    }
}
