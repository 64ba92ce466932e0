//! The local cloud's parts, from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod private;
mod sources;
