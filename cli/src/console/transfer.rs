//! Nodes in files: import and export.

pub(super) mod export;
pub(super) mod format;
mod import;
mod reading;
mod rejects;
mod resume;
pub(super) mod sending;
mod tally;

pub(crate) use export::export;
pub(crate) use format::Format;
pub(crate) use import::import;
