//! The minimum versions of models: nothing below one is desired or given once it is stored.
//!
//! What is below follows from the numbers of [`firmware_version`](crate::firmware_version), and not from the rules.

use std::collections::HashMap;

use rollcall_core::{Attribute, Item, Model, Timestamp, Value};

use super::facts::earlier;
use super::verdicts::Verdicts;
use crate::violation::ViolationKind as Kind;

/// How long a request may take that has read the minimum, in milliseconds (Amazon API Gateway quotas: 30 s, and what an
/// invocation that was given up may still do).
const REQUEST_MS: u64 = 31_000;

/// The minimum of each model, since when it held.
#[derive(Clone, Debug, Default)]
pub(super) struct Minimums(HashMap<String, Vec<(Timestamp, u32)>>);

impl Minimums {
    /// What holds for a model was written.
    pub(super) fn wrote(&mut self, at: Timestamp, model: &Model, after: &Item) {
        let minimum = match after.get(&Attribute::MinimumVersion) {
            Some(Value::Text(version)) => number(version),
            _ => 0,
        };
        self.0.entry(model.as_str().to_owned()).or_default().push((at, minimum));
    }

    /// The minimums that held at some time between these.
    fn between(&self, model: &str, from: Timestamp, to: Timestamp) -> Vec<u32> {
        let all = self.0.get(model).map(Vec::as_slice).unwrap_or_default();
        let before = all.iter().rev().find(|(at, _)| *at < from).map_or(0, |(_, minimum)| *minimum);
        let since = all.iter().filter(|(at, _)| (from..=to).contains(at)).map(|(_, minimum)| *minimum);
        since.chain([before]).collect()
    }

    /// Whether this was the minimum at some time between these.
    pub(super) fn was(&self, model: &str, minimum: u32, from: Timestamp, to: Timestamp) -> bool {
        self.between(model, from, to).contains(&minimum)
    }

    /// Whether a version was below the minimum at some time between these.
    pub(super) fn was_above(&self, model: &str, version: &str, from: Timestamp, to: Timestamp) -> bool {
        self.between(model, from, to).iter().any(|minimum| number(version) < *minimum)
    }

    /// Whether a version was below the minimum all the time between these.
    fn is_above(&self, model: &str, version: &str, from: Timestamp, to: Timestamp) -> bool {
        self.between(model, from, to).iter().all(|minimum| number(version) < *minimum)
    }

    /// A version was made desired of a node of this model.
    pub(super) fn desired(&self, verdicts: &mut Verdicts, at: Timestamp, node: usize, (model, version): (&str, &str)) {
        if self.is_above(model, version, earlier(at, REQUEST_MS), at) {
            let what =
                format!("is to run {version}, which is below the minimum of {model} for {} s", REQUEST_MS / 1000);
            verdicts.node(Kind::BelowMinimum, at, node, what);
        }
    }

    /// A node that asked at `began` is given the URL of a version.
    pub(super) fn given(
        &self,
        verdicts: &mut Verdicts,
        (began, at): (Timestamp, Timestamp),
        node: usize,
        (model, version): (&str, &str),
    ) {
        if self.is_above(model, version, began, at) {
            let what = format!("is given {version}, which was below the minimum of {model} when it asked");
            verdicts.node(Kind::BelowMinimum, at, node, what);
        }
    }
}

/// The number of a version; 0 of one that the application has never added.
fn number(version: &str) -> u32 {
    version.strip_prefix("2.").and_then(|number| number.parse().ok()).unwrap_or_default()
}
