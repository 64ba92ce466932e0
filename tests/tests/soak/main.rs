//! What runs for long does not grow with what it has handled.
#![allow(clippy::expect_used, clippy::panic)]

mod cloud;
mod engine;
mod functions;
mod life;
mod memory;
