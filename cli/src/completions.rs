//! `rollcall completions`.

use clap::CommandFactory as _;

use crate::args::{Args, Completions};
use crate::out::print;
use crate::problem::Problem;

/// Prints the shell's script and nothing else.
pub(crate) fn run(args: &Completions) -> Result<(), Problem> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Args::command(), "rollcall", &mut script);
    print(&String::from_utf8_lossy(&script))
}
