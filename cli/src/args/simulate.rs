//! What can be asked of `rollcall simulate`.

use std::path::PathBuf;

use rollcall_core::Seconds;

use super::tidied;
use crate::console::ConsoleUrl;

#[derive(Debug, clap::Args)]
pub(crate) struct Simulate {
    /// How many nodes; one in twenty polls, one in fifty is far away
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    pub(crate) nodes: u32,
    /// How long, in seconds. Faults act in the first part; in the rest, everything must converge
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(30..=86_400), value_name = "S")]
    pub(crate) seconds: Seconds,
    /// Which faults act: none, all, or names with commas between them; an unknown name lists them all
    #[arg(long, default_value = "none", value_name = "none|NAME,…|all")]
    pub(crate) chaos: String,
    /// What the plan is drawn from; any, if none is given. The same seed draws the same plan
    #[arg(long, value_name = "X")]
    pub(crate) seed: Option<u64>,
    /// Connect to this cloud, such as `ws://127.0.0.1:8787/local`, instead of starting one: then only nodes have faults
    #[arg(long, value_parser = tidied, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Where that cloud's console is; or else `ROLLCALL_CONSOLE_URL`, or else `http://127.0.0.1:8788`
    #[arg(long, requires = "url", value_name = "URL")]
    pub(crate) console_url: Option<ConsoleUrl>,
    /// The file with that console's key, - for standard input; or else `ROLLCALL_CONSOLE_KEY`, or else this machine's key
    #[arg(long, requires = "url", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Use the functions' binaries in this folder, instead of building them
    #[arg(long, conflicts_with = "url", value_name = "DIR")]
    pub(crate) functions: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// For `rollcall simulate` alone, which starts it.
#[derive(Debug, clap::Args)]
pub(crate) struct SimulateCloud {
    #[arg(long)]
    pub(crate) seed: u64,
    /// How many processes a function may have
    #[arg(long)]
    pub(crate) processes: usize,
    /// The settings of the rules, as JSON
    #[arg(long)]
    pub(crate) settings: String,
    /// The folder of the functions' binaries
    #[arg(long)]
    pub(crate) functions: PathBuf,
}
