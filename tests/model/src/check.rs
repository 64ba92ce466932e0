//! Runs the checker.

use std::error::Error;
use std::time::Instant;

use serde::Serialize;
use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::action::Action;
use crate::bounds::Bounds;
use crate::rules::Rules;
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
    pub seconds: f64,
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
    /// The first property that it breaks.
    pub breaks: &'static str,
    /// Other properties that a history of this length breaks.
    pub also: Vec<&'static str>,
    /// Its steps in words.
    pub steps: Vec<String>,
}

/// Visits every state within the bounds, with as many threads.
///
/// # Errors
/// If there is no such model.
pub fn check(bounds: Bounds, rules: Rules, threads: usize) -> Result<Checked, Box<dyn Error>> {
    let began = Instant::now();
    let checker = World::new(bounds, rules)?.checker().threads(threads).spawn_bfs().join();
    let mut found = Checked {
        states: checker.state_count(),
        unique: checker.unique_state_count(),
        depth: checker.max_depth().saturating_sub(1),
        seconds: began.elapsed().as_secs_f64(),
        hold: vec![],
        reached: vec![],
        missed: vec![],
        counterexamples: vec![],
    };
    let mut discoveries = checker.discoveries();
    for property in checker.model().properties() {
        match (property.expectation, discoveries.remove(property.name)) {
            (Expectation::Sometimes, Some(_)) => found.reached.push(property.name),
            (Expectation::Sometimes, None) => found.missed.push(property.name),
            (_, None) => found.hold.push(property.name),
            (_, Some(path)) => found.counterexamples.push(in_words(property.name, &path.into_vec())),
        }
    }
    Ok(found)
}

/// The shortest history that breaks a property; `None` if there is none.
///
/// # Errors
/// If there is no such model.
pub fn counterexample(bounds: Bounds, rules: impl Fn() -> Rules) -> Result<Option<Counterexample>, Box<dyn Error>> {
    let bounds = Bounds { reaches: &[], ..bounds };
    let run = |depth| -> Result<Vec<(&'static str, Steps)>, Box<dyn Error>> {
        let world = World::new(bounds, rules())?;
        let names: Vec<_> = world.properties().iter().map(|property| property.name).collect();
        let checker = world.checker().finish_when(HasDiscoveries::AnyFailures).target_max_depth(depth);
        let mut found = checker.spawn_bfs().join().discoveries();
        Ok(names.into_iter().filter_map(|name| Some((name, found.remove(name)?.into_vec()))).collect())
    };
    // The checker reports the last history that it came upon before it stopped. The shortest one may be shorter.
    let (mut states, mut limit) = (None, usize::MAX);
    while let Some(shorter) = run(limit)?.iter().map(|(_, steps)| steps.len()).min() {
        (states, limit) = (Some(shorter), shorter);
    }
    let Some(states) = states else { return Ok(None) };
    let mut shortest = run(states + 1)?.into_iter().filter(|(_, steps)| steps.len() == states);
    let Some((breaks, steps)) = shortest.next() else { return Ok(None) };
    Ok(Some(Counterexample { also: shortest.map(|(breaks, _)| breaks).collect(), ..in_words(breaks, &steps) }))
}

/// The states of a history, each with the action that follows it.
type Steps = Vec<(State, Option<Action>)>;

fn in_words(breaks: &'static str, steps: &[(State, Option<Action>)]) -> Counterexample {
    let pairs = steps.iter().zip(steps.iter().skip(1));
    let steps = pairs.filter_map(|((before, action), (after, _))| Some(words::step(before, (*action)?, after)));
    Counterexample { breaks, also: vec![], steps: steps.collect() }
}
