//! A command that was built without what asks AWS. It builds the whole command, and goes on as that.

use rollcall_stack::Stack;

use crate::args::{Deploy, Up};
use crate::build;
use crate::problem::Problem;
use crate::stack::{Output, StackName};
use crate::up::Events;

pub(crate) async fn deploy(_: Deploy) -> Result<(), Problem> {
    Err(build::go_on_as_the_whole_command().await)
}

pub(crate) async fn elsewhere(_: &Up, _: &str, _: &Events) -> Result<(Stack, String), Problem> {
    Err(build::go_on_as_the_whole_command().await)
}

pub(crate) async fn output(_: &StackName, _: Output) -> Result<String, Problem> {
    Err(build::go_on_as_the_whole_command().await)
}
