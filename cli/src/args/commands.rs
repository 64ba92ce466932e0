//! What can be asked of the console API about commands.

use std::time::Duration;

use clap::Subcommand;
use rollcall_core::{CommandName, IdempotencyKey, NodeId, Seconds, Selector};
use rollcall_wire::console::{COMMAND_EXPIRES_MOST_S, COMMAND_EXPIRES_S};

use super::console::Connection;
use super::target::Many;
use crate::problem::Problem;

#[derive(Debug, Subcommand)]
pub(crate) enum CommandsCommand {
    /// Queue a command for nodes, each of which executes its commands one at a time and in order, each at most once
    Send(SendCommand),
    /// List a node's commands, the newest first
    List(ListCommands),
    /// Take back a command that was not handed out yet
    Cancel(CancelCommand),
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "rollcall command send [OPTIONS] <ID> <NAME> [ARGS]\n       \
    rollcall command send [OPTIONS] --select <SELECTOR> <NAME> [ARGS]")]
pub(crate) struct SendCommand {
    /// ID, NAME and ARGS: the node's id, unless nodes are selected; what to do, which is the node's affair; and with what,
    /// which is any JSON, or @FILE for a file with it, or - for standard input
    #[arg(value_name = "WORDS", num_args = 1..=3, required = true, allow_negative_numbers = true)]
    words: Vec<String>,
    /// Every node that this selector means, such as 'model=ax-2 presence=online' (docs/selectors.md)
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) select: Option<Selector>,
    /// How long it may wait until the node begins it
    #[arg(
        long,
        default_value_t = COMMAND_EXPIRES_S,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(COMMAND_EXPIRES_MOST_S)),
        value_name = "SECONDS"
    )]
    pub(crate) expires_in: Seconds,
    /// What to call this request, so that it queues one command a node however often it is sent; or else something random
    #[arg(long)]
    pub(crate) key: Option<IdempotencyKey>,
    /// Wait until it is over, or only so many seconds, and show what it said; exits with 1 if it is not done then
    ///
    /// `--wait 5` and `--wait=5` wait five seconds; `--wait` alone waits until the command ends or expires. What
    /// follows `--wait` is taken for the seconds: give ID, NAME and ARGS before it, or write `--wait=SECONDS`. Ctrl-C
    /// ends the waiting, with exit code 130, and not the command.
    #[arg(
        long,
        num_args = 0..=1,
        default_missing_value = "",
        value_parser = seconds,
        value_name = "SECONDS",
        conflicts_with = "select"
    )]
    pub(crate) wait: Option<Wait>,
    #[command(flatten)]
    pub(crate) many: Many,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListCommands {
    /// The node's id
    #[arg(value_name = "ID")]
    pub(crate) node: NodeId,
    /// How many to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CancelCommand {
    /// The node's id
    #[arg(value_name = "ID")]
    pub(crate) node: NodeId,
    /// The command's number
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) number: u64,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// For whom a command is, and what it says.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    /// The node, unless nodes are selected.
    pub(crate) node: Option<NodeId>,
    pub(crate) name: CommandName,
    /// With what, if anything was said.
    pub(crate) args: Option<&'a str>,
}

impl SendCommand {
    /// Reads the words. With a selector, the first is the command's name.
    ///
    /// # Errors
    /// If one is missing, too many or wrong.
    pub(crate) fn sent(&self) -> Result<Sent<'_>, Problem> {
        let wrong = |name: &str, error: &dyn std::fmt::Display| Problem::misuse(format!("{name}: {error}"));
        let mut words = self.words.iter().map(String::as_str);
        let node: Option<NodeId> = match self.select {
            Some(_) => None,
            None => words.next().map(str::parse).transpose().map_err(|error| wrong("ID", &error))?,
        };
        let name = words.next().ok_or_else(|| Problem::misuse("NAME is missing: what is the node to do?"))?;
        let name = name.parse().map_err(|error| wrong("NAME", &error))?;
        let args = words.next();
        match words.next() {
            Some(_) => Err(Problem::misuse("with --select, give NAME and ARGS without an ID")),
            None => Ok(Sent { node, name, args }),
        }
    }
}

/// How long to wait for the end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until it ends or expires.
    ToItsEnd,
    /// At most so many seconds.
    For(Seconds),
}

/// How long the console may take to say that a command has expired: longer than the time between two looks at it.
const LATE: Duration = Duration::from_secs(10);

impl Wait {
    /// The longest time to wait for a command that expires in so many seconds.
    pub(crate) fn limit(self, expires_in: Seconds) -> Duration {
        match self {
            Self::ToItsEnd => Duration::from_secs(expires_in.into()) + LATE,
            Self::For(seconds) => Duration::from_secs(seconds.into()),
        }
    }
}

fn seconds(text: &str) -> Result<Wait, &'static str> {
    if text.is_empty() {
        return Ok(Wait::ToItsEnd);
    }
    match text.parse() {
        Ok(seconds @ 1..) => Ok(Wait::For(seconds)),
        _ => Err("it must be a whole number of seconds, at least 1; give ID, NAME and ARGS before --wait"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    /// How long, and with what, if that is understood.
    fn sent(arguments: &[&str]) -> Result<(Option<Wait>, Option<String>), String> {
        let arguments = [&["rollcall", "command", "send"][..], arguments].concat();
        match Args::try_parse_from(arguments).map_err(|error| error.to_string())?.command {
            Command::Commands(CommandsCommand::Send(send)) => {
                let said = send.sent().map_err(|problem| problem.to_string())?;
                Ok((send.wait, said.args.map(str::to_owned)))
            }
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn seconds_follow_with_or_without_an_equals_sign_and_may_be_left_out() {
        let on = Some(r#"{"on": true}"#.to_owned());
        assert_eq!(sent(&["ap-1", "scan"]), Ok((None, None)));
        for (arguments, expected) in [
            (&["ap-1", "scan", "--wait"][..], (Some(Wait::ToItsEnd), None)),
            (&["ap-1", "scan", "--wait", "5"], (Some(Wait::For(5)), None)),
            (&["ap-1", "scan", "--wait=5"], (Some(Wait::For(5)), None)),
            (&["--wait", "5", "ap-1", "scan"], (Some(Wait::For(5)), None)),
            (&["ap-1", "led", r#"{"on": true}"#, "--wait"], (Some(Wait::ToItsEnd), on.clone())),
            (&["ap-1", "led", "--wait", "--json", r#"{"on": true}"#], (Some(Wait::ToItsEnd), on.clone())),
            (&["ap-1", "led", "7", "--wait", "5"], (Some(Wait::For(5)), Some("7".to_owned()))),
        ] {
            assert_eq!(sent(arguments), Ok(expected), "{arguments:?}");
        }
    }

    #[test]
    fn with_a_selector_the_first_word_is_what_to_do() {
        let on = Some(r#"{"on": true}"#.to_owned());
        assert_eq!(sent(&["--select", "site=hq", "led", r#"{"on": true}"#]), Ok((None, on)));
        assert_eq!(sent(&["scan", "--select", "site=hq", "--yes"]), Ok((None, None)));
        for (arguments, said) in [
            (&["ap-1"][..], "NAME is missing"),
            (&["a/b", "scan"], "ID: "),
            (&["ap-1", "sc an"], "NAME: "),
            (&["--select", "site=hq", "ap-1", "scan", "1"], "without an ID"),
            (&["--select", "site=hq", "scan", "--wait"], "cannot be used with"),
            (&["ap-1", "scan", "--yes"], "--select"),
            (&["ap-1", "scan", "--dry-run"], "--select"),
            (&["--select", "vendor=x", "scan"], "^^^^^^"),
        ] {
            let refused = sent(arguments).expect_err("refused");
            assert!(refused.contains(said), "{arguments:?}: {refused}");
        }
    }

    #[test]
    fn arguments_in_the_place_of_the_seconds_are_refused_and_never_lost() {
        for arguments in [&["ap-1", "led", "--wait", r#"{"on": true}"#][..], &["--wait", "ap-1", "scan"]] {
            let refused = sent(arguments).expect_err("refused");
            assert!(refused.contains("give ID, NAME and ARGS before --wait"), "{refused}");
        }
        for arguments in [&["ap-1", "led", "--wait=0"][..], &["ap-1", "led", "--wait", "1.5"]] {
            assert!(sent(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn whoever_waits_for_the_end_waits_no_longer_than_until_it_expired() {
        assert_eq!(Wait::ToItsEnd.limit(60), Duration::from_secs(70));
        assert_eq!(Wait::For(5).limit(60), Duration::from_secs(5));
    }
}
