//! The parts of the program.

pub(crate) mod args;
pub(crate) mod campaign;
pub(crate) mod failure;
pub(crate) mod history;
pub(crate) mod mutations;
pub(crate) mod out;
mod stopwatch;
pub(crate) mod summary;
