//! LocalStack itself: how it is started and stopped, what is deployed to it, and what happens when it is killed.
//!
//! These tests start a LocalStack of their own where they harm it; `cargo verify localstack` runs them.

mod deploy;
mod host;
mod killed;
mod script;
mod stack;
mod table;
