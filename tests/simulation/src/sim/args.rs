//! What the program is called with.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Parser;
use rollcall_fleet::Plan;

/// Simulates a fleet, and judges what becomes of it.
#[derive(Debug, Parser)]
#[command(name = "cargo sim", bin_name = "cargo sim", version)]
pub(crate) struct Args {
    /// The seed of a single run
    #[arg(long, value_name = "X", default_value_t = 1, conflicts_with_all = ["seeds", "plan"])]
    seed: u64,
    /// How many nodes the fleet has
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    nodes: u32,
    /// How many days of its life are simulated
    #[arg(long, value_name = "D", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    /// The seeds of several runs, both included: 1..200
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with = "plan")]
    seeds: Option<RangeInclusive<u64>>,
    /// Runs this plan, which an earlier failure has left
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nodes", "days"])]
    plan: Option<PathBuf>,
    /// How many runs go on at the same time; each of them has one thread
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) jobs: u8,
    /// Does not look for a shorter history of a failure
    #[arg(long)]
    pub(crate) no_shrink: bool,
    /// Ends with the first run that breaks a promise
    #[arg(long)]
    pub(crate) first: bool,
    /// Prints the summary as JSON, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    /// Leaves one clause out of every guard, each Nth one after the other, and looks whether that is noticed
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1", conflicts_with_all = ["seeds", "plan", "history", "json"])]
    pub(crate) mutations: Option<usize>,
    /// Tells everything that was seen of a node (its index), or of all: NODE[:FROM..TO], in seconds after the start
    #[arg(long, value_name = "NODE", value_parser = shown, conflicts_with = "json")]
    pub(crate) history: Option<Shown>,
}

/// What is told of a run.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The node's index; `None` for all.
    pub(crate) node: Option<usize>,
    /// From when to when, in ms after the start.
    pub(crate) within: RangeInclusive<u64>,
}

/// What is to be run.
#[derive(Debug)]
pub(crate) enum Plans {
    /// The plans that are made from these seeds, for so many nodes and so many days.
    Seeds(RangeInclusive<u64>, u32, u32),
    /// A plan from a file.
    File(PathBuf, Box<Plan>),
}

impl Args {
    /// What is to be run.
    ///
    /// # Errors
    /// If the file of a plan can't be read, or is no plan.
    pub(crate) fn plans(&self) -> Result<Plans, String> {
        let Some(file) = &self.plan else {
            let seeds = self.seeds.clone().unwrap_or(self.seed..=self.seed);
            return Ok(Plans::Seeds(seeds, self.nodes, self.days));
        };
        let shown = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{shown} can't be read: {error}"))?;
        let plan = Plan::from_json(&text).map_err(|error| format!("{shown} is no plan: {error}"))?;
        Ok(Plans::File(file.clone(), Box::new(plan)))
    }
}

impl Plans {
    /// The seeds of the plans.
    pub(crate) fn seeds(&self) -> RangeInclusive<u64> {
        match self {
            Self::Seeds(seeds, ..) => seeds.clone(),
            Self::File(_, plan) => plan.seed..=plan.seed,
        }
    }

    /// The plan with this seed.
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        match self {
            Self::Seeds(_, nodes, days) => Plan::generate(seed, *nodes as usize, *days),
            Self::File(_, plan) => (**plan).clone(),
        }
    }

    /// The command that runs the plan with this seed.
    pub(crate) fn command(&self, seed: u64) -> String {
        match self {
            Self::Seeds(_, nodes, days) => format!("cargo sim --seed {seed} --nodes {nodes} --days {days}"),
            Self::File(file, _) => format!("cargo sim --plan {}", file.display()),
        }
    }
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once("..").ok_or("must be two numbers with .. between them, such as 1..200")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
    if first > last { Err(format!("{last} comes before {first}")) } else { Ok(first..=last) }
}

fn shown(text: &str) -> Result<Shown, String> {
    let (node, within) = text.split_once(':').map_or((text, None), |(node, within)| (node, Some(within)));
    let node = match node {
        "all" => None,
        node => Some(node.parse().map_err(|error| format!("{node:?} is neither a node's index nor all: {error}"))?),
    };
    let within = within.map(seeds).transpose()?.unwrap_or(0..=u64::MAX / 1_000);
    Ok(Shown { node, within: within.start() * 1_000..=within.end().saturating_mul(1_000) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeds_has_two_ends() {
        assert_eq!(seeds("3..7"), Ok(3..=7));
        assert_eq!(seeds("3..=3"), Ok(3..=3));
        for wrong in ["", "3", "3..", "7..3", "a..b"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }
}
