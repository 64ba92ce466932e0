//! What can be asked of the console API about rollouts.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Subcommand;
use rollcall_core::{CommandName, FirmwareVersion, RolloutName, Seconds, Selector};
use rollcall_wire::console::{RolloutNodeState, RolloutRetry, RolloutWave, WaveNodes, WavePercent};

use super::console::Connection;

#[derive(Debug, Subcommand)]
pub(crate) enum RolloutCommand {
    /// Begin to change nodes in waves: it goes on by itself, and stops by itself if a wave fails
    Start(Box<StartRollout>),
    /// List the rollouts
    List(ListRollouts),
    /// Show how a rollout is, and why
    Show(OneRollout),
    /// List the nodes of a rollout, in the order in which they are told
    Nodes(RolloutNodes),
    /// Tell nobody until it is resumed
    Pause(OneRollout),
    /// Go on with a rollout that is paused: a wave that was inconclusive counts as successful, unless it fails
    Resume(OneRollout),
    /// End a rollout: nobody is told any more, and the nodes that were told keep the change
    Abort(OneRollout),
    /// Give the nodes that were told back what they had before
    RollBack(OneRollout),
    /// Let the next wave begin, if it waits for an approval
    Approve(OneRollout),
    /// Show how a rollout goes on, until it is over; exits with 1 if it failed, was ended or was rolled back
    Watch(WatchRollout),
}

#[derive(Debug, clap::Args)]
pub(crate) struct StartRollout {
    /// Its name, which you choose: lower-case letters, digits and `-`
    pub(crate) name: RolloutName,
    /// All of it as JSON, as the API takes it; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "select", "config", "firmware", "command", "waves", "wait", "patience", "minimum", "success", "failures", "lost",
        "roll_back", "approval", "first", "priority", "max_parallel", "include_new", "start_at", "retry",
    ])]
    pub(crate) file: Option<PathBuf>,
    /// Which nodes it is for, such as 'site=hq model=ax-2'
    #[arg(long, value_name = "SELECTOR", required_unless_present = "file")]
    pub(crate) select: Option<Selector>,
    /// The configuration that the nodes are to run: a file with a JSON document; - for standard input
    #[arg(long, value_name = "FILE", group = "change")]
    pub(crate) config: Option<PathBuf>,
    /// The firmware version that the nodes are to run
    #[arg(long, value_name = "VERSION", group = "change")]
    pub(crate) firmware: Option<FirmwareVersion>,
    /// A command that the nodes are to execute
    #[arg(long, value_name = "NAME", group = "change")]
    pub(crate) command: Option<CommandName>,
    /// With what: any JSON; or @FILE for a file with it
    #[arg(long, value_name = "JSON", requires = "command")]
    pub(crate) args: Option<String>,
    /// How far each wave reaches: numbers of nodes or percentages, each with the nodes of the waves before
    #[arg(long, value_name = "WAVES", value_delimiter = ',', default_value = "5,10%,50%,100%")]
    pub(crate) waves: Vec<Reach>,
    /// How long a node may be silent before it counts as lost, and the gate waits at least [default: 900]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<Seconds>,
    /// How much longer the gate waits for reports before it is inconclusive [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) patience: Option<Seconds>,
    /// How many nodes of a wave must have been heard of for it to be successful [default: 1]
    #[arg(long, value_name = "NODES")]
    pub(crate) minimum: Option<u64>,
    /// A wave is successful if so many of a hundred nodes have applied the change [default: 95]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) success: Option<u64>,
    /// The rollout fails if so many of a hundred nodes of a wave have failed [default: 5]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) failures: Option<u64>,
    /// The rollout fails if so many of a hundred nodes of a wave are not heard of any more [default: 5]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) lost: Option<u64>,
    /// Roll back if a wave fails, instead of stopping
    #[arg(long)]
    pub(crate) roll_back: bool,
    /// Wait for an approval before each wave but the first
    #[arg(long)]
    pub(crate) approval: bool,
    /// Tell nodes again that fail so, such as download-failed:3:60; * is every failure. Each wait is twice the one before
    /// [default of SECONDS: 60]
    #[arg(long, value_name = "CODE:TIMES[:SECONDS]")]
    pub(crate) retry: Vec<RetryRule>,
    /// Which of the nodes come first, such as 'label.canary=yes'
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) first: Option<Selector>,
    /// Of two rollouts that change the same of a node, the higher priority wins [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) priority: Option<u64>,
    /// How many nodes of a site may be under way at a time
    #[arg(long, value_name = "NODES")]
    pub(crate) max_parallel: Option<u64>,
    /// Nodes that are registered later take part, from the next wave on
    #[arg(long)]
    pub(crate) include_new: bool,
    /// When the first wave may begin, such as 2026-03-01T22:00:00Z
    #[arg(long, value_name = "INSTANT")]
    pub(crate) start_at: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListRollouts {
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneRollout {
    /// Its name
    pub(crate) name: RolloutName,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RolloutNodes {
    /// Its name
    pub(crate) name: RolloutName,
    /// Only nodes in this state
    #[arg(long, value_parser = state)]
    pub(crate) state: Option<RolloutNodeState>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WatchRollout {
    /// Its name
    pub(crate) name: RolloutName,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// How far a wave reaches, as it is written: `5` or `10%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach(pub(crate) RolloutWave);

impl FromStr for Reach {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number of nodes and no percentage"));
        Ok(Self(match text.strip_suffix('%') {
            Some(percent) => RolloutWave::Percent(WavePercent(number(percent)?)),
            None => RolloutWave::Nodes(WaveNodes(number(text)?)),
        }))
    }
}

/// Which failures are tried again, as it is written: `download-failed:3:60`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetryRule(pub(crate) RolloutRetry);

impl FromStr for RetryRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not CODE:TIMES or CODE:TIMES:SECONDS, such as download-failed:3:60");
        let mut parts = text.split(':');
        let code = parts.next().filter(|code| !code.is_empty()).ok_or_else(wrong)?.to_owned();
        let times = parts.next().and_then(|times| times.parse().ok()).ok_or_else(wrong)?;
        let wait_s = parts.next().map(str::parse).transpose().map_err(|_| wrong())?;
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(RolloutRetry { code, times, wait_s })) }
    }
}

fn state(text: &str) -> Result<RolloutNodeState, &'static str> {
    let known = "it must be waiting, told, applied, failed, retrying, lost, skipped, rolled-back or superseded";
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_a_code_a_number_and_maybe_seconds() {
        let rule = |code: &str, times, wait_s| Ok(RetryRule(RolloutRetry { code: code.to_owned(), times, wait_s }));
        assert_eq!("download-failed:3:60".parse(), rule("download-failed", 3, Some(60)));
        assert_eq!("*:1".parse(), rule("*", 1, None));
        for wrong in ["", "*", ":3", "*:x", "*:1:", "*:1:2:3"] {
            assert!(wrong.parse::<RetryRule>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn waves_are_numbers_of_nodes_or_percentages() {
        assert_eq!("5".parse(), Ok(Reach(RolloutWave::Nodes(WaveNodes(5)))));
        assert_eq!("10%".parse(), Ok(Reach(RolloutWave::Percent(WavePercent(10)))));
        for wrong in ["", "%", "-1", "5 %", "all"] {
            assert!(wrong.parse::<Reach>().is_err(), "{wrong:?}");
        }
    }
}
