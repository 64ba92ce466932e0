//! The simulation as a whole: it is deterministic, the promises hold in it, and it notices what breaks them.
#![allow(clippy::expect_used, reason = "a test that can't go on says so")]

mod determinism;
mod found;
mod noticing;
mod parity;
mod promises;
