//! Tests of the model: the rules keep every property in every order, and the checker finds fault with everything else.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod scenarios;
mod variants;
