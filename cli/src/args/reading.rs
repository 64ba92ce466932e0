//! The command line, read.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use super::{Args, Command};
use crate::problem::Problem;

/// The argument that says where to ask, so that no stack need be asked.
const ADDRESS: &str = "url";

/// Whether `--json` is among the arguments: then errors are JSON as well, also those of arguments that can't be
/// understood.
pub(crate) fn asks_for_json() -> bool {
    is_among("--json", std::env::args_os().skip(1))
}

fn is_among(flag: &str, arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.take_while(|argument| *argument != *"--").any(|argument| argument == *flag)
}

impl Args {
    /// The command line. What can't be understood ends the program, with exit code 2.
    pub(crate) fn read(json: bool) -> Self {
        parse().unwrap_or_else(|error| end(&error, json))
    }
}

fn parse() -> Result<Args, clap::Error> {
    let mut command = Args::command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    // Clap compares the arguments of one level only, and a stack may be named at any.
    match args.stack.as_ref().and_then(|_| clash(&args.command, &matches)) {
        Some(clash) => Err(command.error(ErrorKind::ArgumentConflict, clash)),
        None => Ok(args),
    }
}

/// Ends the program: with what is wrong, or with the help that was asked for.
fn end(error: &clap::Error, json: bool) -> ! {
    if !json || !error.use_stderr() {
        error.exit();
    }
    let _ = Problem::misuse(sentence(error)).report(json);
    std::process::exit(error.exit_code());
}

/// What is wrong, without the usage and the tips that clap adds for a person.
fn sentence(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a subcommand is missing".to_owned();
    }
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = first.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

/// Why no stack can be named.
fn clash(command: &Command, matches: &ArgMatches) -> Option<String> {
    let mut last = matches;
    while let Some((_, below)) = last.subcommand() {
        last = below;
    }
    if !command.asks_a_stack() {
        let name = matches.subcommand_name().unwrap_or_default();
        return Some(format!("the argument '--stack <NAME>' cannot be used with '{name}'"));
    }
    // An argument that there is not has no source to be asked for.
    let given = last.ids().any(|id| id == ADDRESS) && last.value_source(ADDRESS) == Some(ValueSource::CommandLine);
    given.then(|| format!("the argument '--stack <NAME>' cannot be used with '--{ADDRESS}'"))
}

impl Command {
    /// Whether it asks something that a stack may say where to find.
    fn asks_a_stack(&self) -> bool {
        match self {
            Self::Nodes(_)
            | Self::Fleet(_)
            | Self::Config(_)
            | Self::Watch(_)
            | Self::Events(_)
            | Self::Commands(_)
            | Self::Firmware(_)
            | Self::Endpoint(_)
            | Self::Rollout(_)
            | Self::Cutover(_)
            | Self::Node(_)
            | Self::Import(_)
            | Self::Export(_)
            | Self::Reconcile(_)
            | Self::Apply(_) => true,
            Self::Up(_)
            | Self::Deploy(_)
            | Self::Token(_)
            | Self::Key(_)
            | Self::Simulate(_)
            | Self::SimulateCloud(_)
            | Self::Table(_)
            | Self::Completions(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_counts_up_to_a_double_hyphen() {
        let found = |arguments: &[&str]| is_among("--json", arguments.iter().map(OsString::from));
        assert!(found(&["nodes", "--json", "list"]) && found(&["--json"]));
        assert!(!found(&["nodes", "--", "--json"]) && !found(&["nodes", "--jso"]) && !found(&[]));
    }

    #[test]
    fn what_is_wrong_is_one_sentence() {
        let said = |arguments: &[&str]| {
            let error = Args::command().try_get_matches_from(arguments).expect_err("wrong");
            sentence(&error)
        };
        assert_eq!(said(&["rollcall", "nodes", "--nonsense"]), "unexpected argument '--nonsense' found");
        let missing = "the following required arguments were not provided: <ID>";
        assert_eq!(said(&["rollcall", "nodes", "show"]), missing);
        assert_eq!(said(&["rollcall", "config"]), "a subcommand is missing");
    }
}
