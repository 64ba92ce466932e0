//! The command line, read.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Id};

use super::{Args, Command};

/// The arguments that say where to ask, each in its own way, so that no stack need be asked.
const ADDRESSES: [&str; 3] = ["url", "endpoint_url", "table"];

impl Args {
    /// The command line. What can't be understood ends the program, with exit code 2.
    pub(crate) fn read() -> Self {
        let mut command = Self::command();
        let matches = command.get_matches_mut();
        let args = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        // Clap compares the arguments of one level only, and a stack may be named at any.
        match args.stack.as_ref().and_then(|_| clash(&args.command, &matches)) {
            Some(clash) => command.error(ErrorKind::ArgumentConflict, clash).exit(),
            None => args,
        }
    }
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
    let given = |name: &str| last.value_source(name) == Some(ValueSource::CommandLine);
    let address = last.ids().map(Id::as_str).find(|name| ADDRESSES.contains(name) && given(name))?.replace('_', "-");
    Some(format!("the argument '--stack <NAME>' cannot be used with '--{address}'"))
}

impl Command {
    /// Whether it asks something that a stack may say where to find.
    fn asks_a_stack(&self) -> bool {
        match self {
            Self::Nodes(_)
            | Self::Config(_)
            | Self::Watch(_)
            | Self::Commands(_)
            | Self::Firmware(_)
            | Self::Node(_) => true,
            Self::Up(_) | Self::Deploy(_) | Self::Token(_) | Self::Key(_) | Self::Completions(_) => false,
        }
    }
}
