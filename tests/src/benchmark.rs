//! The cloud that benchmarks measure.

use std::path::Path;

use rollcall_core::Registration;
use rollcall_gateway::Limits;

use crate::cloud::{Cloud, Options, policy};

/// Starts one without faults, and with limits that are not what is measured. Its functions are those of the folder that
/// follows `--functions` in the arguments, from the workspace's root; it says which.
pub async fn benchmark_cloud() -> Cloud {
    Cloud::with(benchmark_options()).await
}

/// How [`benchmark_cloud`] is started.
#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured, and on what")]
pub fn benchmark_options() -> Options {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--functions").skip(1);
    let functions = arguments.next().map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder));
    println!("functions: {}", functions.as_ref().map_or("profile local".into(), |folder| folder.to_string_lossy()));
    let limits = Limits { new_connections_per_second: 5_000, requests_per_second: 1_000_000, ..Limits::default() };
    // As many messages as they can send.
    let policy = policy(Registration::Open, 6600).with_budget(0);
    Options { policy, processes: 4, limits, faults: false, functions, ..Options::default() }
}
