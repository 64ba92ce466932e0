//! Runs the checker.

use std::error::Error;
use std::time::{Duration, Instant};

use serde::Serialize;
use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::action::Action;
use crate::rules::Rules;
use crate::scenario::Bounds;
use crate::state::State;
use crate::words;
use crate::world::World;

/// What the checker found out about a model.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Checked {
    /// How many states were reached, each as often as it was.
    pub states: usize,
    /// How many of them differ.
    pub unique: usize,
    /// The longest history, in steps.
    pub depth: usize,
    pub time: Duration,
    /// Properties that hold in every state.
    pub hold: Vec<&'static str>,
    /// Outcomes that were reached.
    pub reached: Vec<&'static str>,
    /// Outcomes that should have been reached, and were not.
    pub missed: Vec<&'static str>,
    pub counterexamples: Vec<Counterexample>,
}

impl Checked {
    /// Whether every property holds, and every outcome was reached.
    pub fn is_well(&self) -> bool {
        self.counterexamples.is_empty() && self.missed.is_empty()
    }
}

/// A history that breaks a property.
#[derive(Debug, Serialize)]
pub struct Counterexample {
    /// The property.
    pub breaks: &'static str,
    /// Its steps in words.
    pub steps: Vec<String>,
}

/// Visits every state within the bounds.
///
/// # Errors
/// If there is no such model.
pub fn check(bounds: Bounds, rules: Rules) -> Result<Checked, Box<dyn Error>> {
    let began = Instant::now();
    let checker = World::new(bounds, rules)?
        .checker()
        .target_state_count(std::env::var("CAP").ok().and_then(|x| x.parse().ok()).unwrap_or(0))
        .spawn_bfs()
        .join();
    let mut checked = Checked {
        states: checker.state_count(),
        unique: checker.unique_state_count(),
        depth: checker.max_depth().saturating_sub(1),
        time: began.elapsed(),
        hold: vec![],
        reached: vec![],
        missed: vec![],
        counterexamples: vec![],
    };
    let mut discoveries = checker.discoveries();
    for property in checker.model().properties() {
        match (property.expectation, discoveries.remove(property.name)) {
            (Expectation::Sometimes, Some(_)) => checked.reached.push(property.name),
            (Expectation::Sometimes, None) => checked.missed.push(property.name),
            (_, None) => checked.hold.push(property.name),
            (_, Some(path)) => checked.counterexamples.push(in_words(property.name, &path.into_vec())),
        }
    }
    Ok(checked)
}

/// The shortest history that breaks a property; `None` if there is none.
///
/// # Errors
/// If there is no such model.
pub fn counterexample(bounds: Bounds, rules: impl Fn() -> Rules) -> Result<Option<Counterexample>, Box<dyn Error>> {
    let (mut found, mut depth) = (None, usize::MAX);
    // The checker reports the last history that it came upon before it stopped. The shortest one may be a few steps
    // shorter.
    loop {
        let world = World::new(Bounds { reaches: &[], ..bounds }, rules())?;
        let names: Vec<_> = world.properties().iter().map(|property| property.name).collect();
        let checker = world.checker().finish_when(HasDiscoveries::AnyFailures).target_max_depth(depth);
        let mut discoveries = checker.spawn_bfs().join().discoveries();
        // Of several properties that break at once, the first one is named.
        let failed = names.into_iter().filter_map(|name| Some((name, discoveries.remove(name)?.into_vec())));
        let Some((breaks, steps)) = failed.min_by_key(|(_, steps)| steps.len()) else { return Ok(found) };
        depth = steps.len();
        found = Some(in_words(breaks, &steps));
    }
}

fn in_words(breaks: &'static str, steps: &[(State, Option<Action>)]) -> Counterexample {
    let pairs = steps.iter().zip(steps.iter().skip(1));
    let steps = pairs.filter_map(|((before, action), (after, _))| Some(words::step(before, (*action)?, after)));
    Counterexample { breaks, steps: steps.collect() }
}
