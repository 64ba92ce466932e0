//! Tests of the rules: every short history, some races, and the size of the largest item.
#![allow(clippy::expect_used, clippy::panic)]

mod histories;
mod item_size;
mod model;
mod races;
mod versions;
