//! Nodes in files: import and export.

mod columns;
mod export;
mod format;
mod import;
mod reading;
mod records;
mod rejects;
mod resume;
mod rows;
mod sending;
mod tally;

pub(crate) use export::export;
pub(crate) use format::Format;
pub(crate) use import::import;
