//! What the checker found out about all models, for a reader or as JSON.

use std::error::Error;
use std::fmt;

use serde::Serialize;

use crate::check::{Checked, Counterexample, check, counterexample};
use crate::limit::limits;
use crate::missing::missing_conditions;
use crate::rules::Rules;
use crate::scenario::Scenario;
use crate::variant::Variant;
use crate::wrong::wrong_designs;

/// What the checker found out about all models.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Report {
    pub scenarios: Vec<Told>,
    pub wrong_designs: Vec<Caught>,
    pub missing_conditions: Vec<Caught>,
    /// What the rules take for granted.
    pub limits: Vec<Caught>,
}

/// A scenario, and what the checker found out about it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Told {
    pub name: &'static str,
    pub about: &'static str,
    /// What happens at most.
    pub bounds: String,
    #[serde(flatten)]
    pub checked: Checked,
}

/// A model with which the checker is to find fault.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Caught {
    pub name: String,
    pub bounds: String,
    /// The property that it should break.
    pub should_break: &'static str,
    /// The shortest history that breaks a property.
    pub history: Option<Counterexample>,
}

impl Report {
    /// Checks these scenarios with the real rules, and all models with which fault is to be found.
    ///
    /// # Errors
    /// If there is no such model.
    pub fn make(scenarios: &[Scenario], threads: usize) -> Result<Self, Box<dyn Error>> {
        let told = |scenario: &Scenario| -> Result<Told, Box<dyn Error>> {
            let Scenario { name, about, bounds } = *scenario;
            let checked = check(bounds, Rules::default(), threads)?;
            Ok(Told { name, about, bounds: bounds.to_string(), checked })
        };
        Ok(Self {
            scenarios: scenarios.iter().map(told).collect::<Result<_, _>>()?,
            wrong_designs: caught(wrong_designs())?,
            missing_conditions: caught(missing_conditions())?,
            limits: caught(limits())?,
        })
    }

    /// Whether the real rules keep every property, and the checker finds fault with all others.
    pub fn is_well(&self) -> bool {
        let caught = [&self.wrong_designs, &self.missing_conditions, &self.limits].into_iter().flatten();
        self.scenarios.iter().all(|told| told.checked.is_well()) && caught.into_iter().all(Caught::is_as_expected)
    }
}

impl Caught {
    /// Whether the shortest history breaks the property that it should.
    pub fn is_as_expected(&self) -> bool {
        self.history.as_ref().is_some_and(|history| history.breaks == self.should_break)
    }
}

fn caught(variants: Vec<Variant>) -> Result<Vec<Caught>, Box<dyn Error>> {
    let caught = |variant: Variant| -> Result<Caught, Box<dyn Error>> {
        let Variant { name, bounds, rules, breaks } = variant;
        let history = counterexample(bounds, rules)?;
        Ok(Caught { name, bounds: bounds.to_string(), should_break: breaks, history })
    };
    variants.into_iter().map(caught).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scenarios.iter().try_for_each(|told| told.fmt(f))?;
        let parts = [
            ("wrong designs", &self.wrong_designs),
            ("the rules without a condition", &self.missing_conditions),
            ("beyond what the rules take for granted", &self.limits),
        ];
        parts.into_iter().filter(|(_, caught)| !caught.is_empty()).try_for_each(|(what, caught)| {
            writeln!(f, "\n{what}")?;
            caught.iter().try_for_each(|caught| caught.fmt(f))
        })
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, about, bounds, checked } = self;
        let Checked { states, unique, depth, seconds, hold, reached, missed, counterexamples } = checked;
        writeln!(f, "{name}: {about}\n  at most {bounds}")?;
        writeln!(f, "  {states} states, {unique} unique, histories of up to {depth} steps, {seconds:.1} s")?;
        writeln!(f, "  {} properties hold, {} outcomes are reached", hold.len(), reached.len())?;
        missed.iter().try_for_each(|outcome| writeln!(f, "  never reached: {outcome}"))?;
        counterexamples.iter().try_for_each(|history| writeln!(f, "  does not hold: {history}"))
    }
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.history {
            Some(history) => writeln!(f, "  {}\n    breaks: {history}", self.name),
            None => writeln!(f, "  {}\n    breaks nothing", self.name),
        }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.breaks)?;
        let mut numbered = self.steps.iter().zip(1..);
        numbered.try_for_each(|(step, number)| write!(f, "\n      {number}. {step}"))
    }
}
