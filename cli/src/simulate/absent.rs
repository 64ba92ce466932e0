//! A command that was built without simulations. It builds the whole command, and goes on as that.

use std::process::ExitCode;

use crate::args::{Simulate, SimulateCloud};
use crate::build;
use crate::problem::Problem;

pub(crate) async fn run(_: &Simulate) -> Result<ExitCode, Problem> {
    Err(build::go_on_as_the_whole_command().await)
}

pub(crate) async fn host(_: &SimulateCloud) -> Result<ExitCode, Problem> {
    Err(build::go_on_as_the_whole_command().await)
}
