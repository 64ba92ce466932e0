//! Tokens and keys.
#![allow(clippy::expect_used)]

mod keys;
mod tokens;
