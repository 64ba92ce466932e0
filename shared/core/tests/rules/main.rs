//! The rules over every short history, and what an item takes.
#![allow(clippy::expect_used, clippy::panic)]

mod histories;
mod item_size;
mod model;
